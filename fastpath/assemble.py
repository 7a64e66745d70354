"""From the one configuration to what the core is opened with. It opens nothing itself."""

from __future__ import annotations

from decimal import Decimal

from fastpath import engine_config as core
from fastpath.config import AgentConfig, Config, LimitsConfig, VenueConfig, new_york_midnight_ns, to_e4

_DURABILITY = {"crash": 0, "sync": 1}


def engine_config(config: Config, *, midnight_ns: int | None = None) -> core.EngineConfig:
    """The core's configuration; venue passwords are read (or made) here and nowhere else.

    midnight_ns: UTC ns of the New York midnight that venue times count from; today's by default.
    """
    engine = config.engine
    midnight = new_york_midnight_ns() if midnight_ns is None else midnight_ns
    accounts = {account.name: index for index, account in enumerate(config.accounts)}
    return core.EngineConfig(
        run_dir=str(config.run_path()),
        journal_dir=str(config.journal_path()),
        mode=config.mode,
        durability=_DURABILITY[engine.durability],
        busy_poll=engine.busy_poll,
        spin_us=engine.spin_us,
        cpu_hot=engine.cpu_hot,
        cpu_bus=engine.cpu_bus,
        event_ring=engine.event_ring,
        exec_ring=engine.exec_ring,
        heartbeat_ms=engine.heartbeat_ms,
        conflate_ms=engine.conflate_ms,
        history_events=engine.history_events,
        card_library=str(config.card_path()),
        firm_limits=limits(config.firm_limits),
        accounts=tuple(core.AccountConfig(name=a.name, limits=limits(a.limits)) for a in config.accounts),
        agents=tuple(_agent(config, agent, accounts[agent.account]) for agent in config.agents),
        venues=tuple(_venue(config, venue, midnight) for venue in config.venues),
    )


def limits(given: LimitsConfig) -> core.Limits:
    """One level of limits, dollars made 1/10000 dollars."""
    return core.Limits(
        max_order_notional_e4=to_e4(given.max_order_notional),
        max_gross_notional_e4=to_e4(given.max_gross_notional),
        max_net_notional_e4=to_e4(given.max_net_notional),
        max_loss_e4=to_e4(given.max_loss),
        max_position=given.max_position,
        max_order_quantity=given.max_order_quantity,
        max_open_orders=given.max_open_orders,
        orders_per_s=given.orders_per_s,
        order_burst=given.order_burst,
        collar_bps=given.collar_bps,
        fat_finger_bps=given.fat_finger_bps,
        duplicate_window_ms=given.duplicate_window_ms,
        max_feed_silence_ms=given.max_feed_silence_ms,
    )


def fee_e6(dollars: str) -> int:
    """A fee in dollars a share as millionths of a dollar, exactly; the configuration admits six decimals."""
    return int(Decimal(dollars) * 1_000_000)


def _agent(config: Config, agent: AgentConfig, account: int) -> core.AgentConfig:
    names = [venue.name for venue in config.venues]
    mask = sum(1 << names.index(name) for name in agent.venues) if agent.venues else (1 << len(names)) - 1
    return core.AgentConfig(
        name=agent.name,
        account=account,
        may_trade=agent.may_trade,
        may_short=agent.may_short,
        venue_mask=mask,
        symbols=tuple(agent.symbols),
        limits=limits(agent.limits),
    )


def _venue(config: Config, venue: VenueConfig, midnight_ns: int) -> core.VenueConfig:
    feed, orders = venue.feed, venue.orders
    return core.VenueConfig(
        name=venue.name,
        io=venue.io,
        feed_group=(feed.group_a, feed.group_b),
        feed_port=(feed.port_a, feed.port_b),
        feed_interface=feed.interface,
        rerequest_host=feed.rerequest_host if feed.rerequest_port else "",
        rerequest_port=feed.rerequest_port,
        order_host=orders.host if orders else "",
        order_port=orders.port if orders else 0,
        username=orders.username if orders else "",
        password=config.order_password(venue) if orders else "",
        firm=orders.firm if orders else "",
        midnight_ns=midnight_ns,
        gap_wait_us=feed.gap_wait_us,
        gap_retry_ms=feed.gap_retry_ms,
        gap_attempts=feed.gap_attempts,
        max_orders=venue.max_orders,
        taker_fee_e6=fee_e6(venue.taker_fee),
        maker_rebate_e6=fee_e6(venue.maker_rebate),
    )
