"""A whole market for one test: simulated venues in this process, engine and bridge as the processes a user would start.

Everything speaks its real protocol on 127.0.0.1, on ports of its own, out of a directory of its own. The venues are
in this process so that a test can ask them what they know; nothing here stands in for a part of the product, and
whatever was started is ended by its id.
"""

from __future__ import annotations

import itertools
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from fastpath import bus_messages as m
from fastpath import calls
from fastpath.client import EngineClient, NoAnswerError, NoEngineError
from fastpath.config import (
    AccountConfig,
    AgentConfig,
    Config,
    EngineSettings,
    ExchangeConfig,
    FeedConfig,
    LimitsConfig,
    OrderEntryConfig,
    VenueConfig,
)
from fastpath.demo.processes import Child, Children
from fastpath.demo.run import free_ports
from mcp_bridge.settings import BridgeSettings
from sim.exchange import FeedLine, SymbolConfig, UserConfig
from sim.exchange import VenueConfig as SimulatedVenue
from sim.exchange.audit import OrderRecord
from sim.exchange.control import Exchange

ROOT = Path(__file__).resolve().parent.parent.parent
USER, PASSWORD = "FPATH", "houserules"
ACCOUNT, AGENTS = "desk", ("alice", "bob")
LINES: tuple[Literal["A"], Literal["B"]] = ("A", "B")
LIVE, DOWN = 4, 0
READY_S = 60.0
"""Generous: the machine may be busy with something else."""

WIDE = LimitsConfig(
    max_order_notional=Decimal("10000000"),
    max_gross_notional=Decimal("1000000000"),
    max_net_notional=Decimal("1000000000"),
    max_loss=Decimal("100000000"),
    max_position=1_000_000,
    max_order_quantity=100_000,
    max_open_orders=5_000,
    orders_per_s=100_000,
    order_burst=100_000,
    collar_bps=10_000,
    fat_finger_bps=100_000,
    duplicate_window_ms=0,
    max_feed_silence_ms=30_000,
)
"""Limits that no test meets by accident, and a feed silence that a stalled machine does not reach."""


def eventually(condition: Callable[[], Any], what: str, timeout_s: float = READY_S) -> Any:
    """Poll until `condition` gives something true and return it; AssertionError after the timeout."""
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.01)
    return found


def _process_state(stat: Path) -> str:
    return stat.read_text().rpartition(")")[2].split()[0]


def alive(pid: int) -> bool:
    """Is there a process of this id that has not ended (a zombie has)?"""
    try:
        return _process_state(Path(f"/proc/{pid}/stat")) != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def simulated_venue(name: str = "alpha", **changes: Any) -> SimulatedVenue:
    """A venue with three symbols and a slow, living market; fields overridden."""
    settings: dict[str, Any] = {
        "name": name,
        "users": (UserConfig(USER, PASSWORD),),
        "symbols": (SymbolConfig("AAPL", "150"), SymbolConfig("MSFT", "40"), SymbolConfig("IBM", "20")),
        "messages_per_s": 200,
        "orders_per_symbol": 40,
        "feed_a": FeedLine("239.192.77.1"),
        "feed_b": FeedLine("239.192.77.2"),
        "feed_heartbeat_ms": 100,
        "feed_store_mb": 64,
    }
    return SimulatedVenue(**(settings | changes))


def still_venue(name: str = "alpha", **changes: Any) -> SimulatedVenue:
    """A venue whose books hold only what a test puts there; a wide market is the test's to make."""
    return simulated_venue(name, **({"flow": False, "messages_per_s": 0} | changes))


class House:
    """Venues, engine and bridge of one test. Use it as a context manager."""

    def __init__(
        self,
        *venues: SimulatedVenue,
        limits: LimitsConfig = WIDE,
        account_limits: LimitsConfig | None = None,
        agent_limits: dict[str, LimitsConfig] | None = None,
        feed: dict[str, Any] | None = None,
        venue: Callable[[VenueConfig], VenueConfig] = lambda venue: venue,
        engine: dict[str, Any] | None = None,
        bridge: dict[str, Any] | None = None,
        outside: tuple[ExchangeConfig, ...] = (),
        opened: bool = True,
    ) -> None:
        """`outside`: venues to run as processes with `start_exchange`. `opened` False: the venues here hold their ports
        from the beginning, but each opens its day only when the test starts it. The others override defaults.
        """
        self._opened = opened
        # A short name: an ipc endpoint holds 107 bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="fph-"))
        self.exchanges = {simulated.name: Exchange(simulated) for simulated in venues}
        self._marks = itertools.count(1)
        settings = BridgeSettings(
            port=0, calls_per_s=10_000, orders_per_s=10_000, write_timeout_ms=10_000, read_timeout_ms=10_000
        ).model_copy(update=bridge or {})
        self.config = Config(
            state_dir=str(self.directory),
            engine=EngineSettings(
                run_dir=str(self.directory / "run"), journal_dir=str(self.directory / "journal"), **(engine or {})
            ),
            bridge=settings,
            firm_limits=limits,
            accounts=[AccountConfig(name=ACCOUNT, limits=account_limits or limits)],
            agents=[
                AgentConfig(name=name, account=ACCOUNT, may_short=True, limits=(agent_limits or {}).get(name, limits))
                for name in AGENTS
            ],
            venues=[
                *(venue(self._venue(exchange, feed or {})) for exchange in self.exchanges.values()),
                *(self._outside_venue(entry.name, feed or {}) for entry in outside),
            ],
            exchanges=list(outside),
        )
        self.venues = [configured.name for configured in self.config.venues]
        self.config_path = self.directory / "fastpath.toml"
        self.config_path.write_text(self.config.to_toml())
        self.children = Children(self.directory, {"FASTPATH_CONFIG": str(self.config_path)})
        self.engine: Child | None = None
        self.client = EngineClient(self.endpoint("cmd"), timeout_s=30.0)

    @staticmethod
    def _venue(exchange: Exchange, feed: dict[str, Any]) -> VenueConfig:
        at = exchange.endpoints
        return VenueConfig(
            name=at.name,
            feed=FeedConfig(
                group_a=at.feed_group[0], port_a=at.feed_port[0], group_b=at.feed_group[1], port_b=at.feed_port[1],
                rerequest_port=at.rerequest_port, **feed,
            ),
            orders=OrderEntryConfig(port=at.order_port, username=USER, password=PASSWORD),
        )  # fmt: skip

    @staticmethod
    def _outside_venue(name: str, feed: dict[str, Any]) -> VenueConfig:
        port_a, port_b, rerequest_port = free_ports(socket.SOCK_DGRAM, 3)
        (order_port,) = free_ports(socket.SOCK_STREAM, 1)
        return VenueConfig(
            name=name,
            feed=FeedConfig(
                group_a="239.192.78.1", port_a=port_a, group_b="239.192.78.2", port_b=port_b,
                rerequest_port=rerequest_port, **feed,
            ),
            orders=OrderEntryConfig(port=order_port, username=USER, password=PASSWORD),
        )  # fmt: skip

    # ---- life ----

    def __enter__(self) -> Self:
        for exchange in self.exchanges.values() if self._opened else ():
            exchange.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.client.close()
            for child in self.children.running:
                if child.process.poll() is None:
                    child.process.send_signal(signal.SIGCONT)
            self.children.stop()
            for exchange in self.exchanges.values():
                exchange.stop()
        finally:
            if error is not None:
                for log in sorted(self.directory.glob("*.log")):
                    print(f"---- {log.name}\n{log.read_text(errors='replace')[-4000:]}")
            shutil.rmtree(self.directory)

    def endpoint(self, socket: str) -> str:
        """A socket of the engine: "cmd", "pub" or "op"."""
        return f"ipc://{self.directory}/run/engine.{socket}"

    def start_engine(self, *, live: bool = True) -> Child:
        """Start `fastpath engine` and wait until its venues are live."""
        self.engine = self.children.start("engine", "fastpath", "engine", "--status", "0")
        self.engine.wait_ready(READY_S)
        if live:
            self.wait_live()
        return self.engine

    def start_exchange(self, name: str) -> Child:
        """Start `fastpath exchange NAME`, one of the venues outside."""
        child = self.children.start(name, "fastpath", "exchange", name, "--status", "0")
        child.wait_ready(READY_S)
        return child

    def start_bridge(self, name: str = "bridge") -> tuple[Child, str]:
        """Start the MCP server; returns it with its URL."""
        child = self.children.start(name, "mcp_bridge", "serve", "--port", "0")
        return child, child.wait_ready(READY_S)

    def kill(self, child: Child) -> None:
        """kill -9, and wait until it is gone."""
        child.process.kill()
        child.process.wait(READY_S)
        self.children.running.remove(child)

    @staticmethod
    def freeze(child: Child) -> None:
        """SIGSTOP, and wait until every thread has stopped; `thaw` lets it run on."""
        child.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{child.process.pid}/task")

        def stopped() -> bool:
            return all(_process_state(task / "stat") == "T" for task in tasks.iterdir())

        eventually(stopped, f"{child.name} is stopped")

    @staticmethod
    def thaw(child: Child) -> None:
        child.process.send_signal(signal.SIGCONT)

    # ---- asking ----

    def ask(self, call: calls.Call[Any]) -> Any:
        """The engine's answer. A question may be asked again; a write is sent once."""
        end = time.monotonic() + READY_S
        while True:
            try:
                return self.client.ask(call)
            except (NoEngineError, NoAnswerError):
                if call.write or time.monotonic() > end:
                    raise

    def venue_state(self, name: str) -> m.VenueState:
        state: m.State = self.ask(calls.state())
        return next(venue for venue in state.venues if venue.name == name)

    def stats(self) -> dict[str, Any]:
        return dict(self.ask(calls.stats()).stats)

    def feed_stats(self, name: str) -> dict[str, Any]:
        return dict(self.stats()["feed"][self.venues.index(name)])

    def order_stats(self, name: str) -> dict[str, Any]:
        return dict(self.stats()["order"][self.venues.index(name)])

    def is_live(self, name: str) -> bool:
        state = self.venue_state(name)
        return state.orders.state == LIVE and state.feed.state == 1 and not state.feed.stale

    def wait_live(self, *names: str) -> None:
        """Wait until feed and order session of the venues (default: all) are live and whole."""
        for name in names or tuple(self.venues):
            eventually(partial(self.is_live, name), f"{name} is live at the engine")

    def orders(self, *, only_open: bool = False) -> list[m.Order]:
        """Every order of the account, by rising order_id."""
        found: list[m.Order] = []
        while True:
            page = self.ask(calls.orders(ACCOUNT, only_open=only_open, after=found[-1].order_id if found else 0))
            found += page.orders
            if not page.more:
                return found

    def positions(self) -> dict[str, int]:
        """Shares by symbol, none left out but zeros."""
        rows = self.ask(calls.positions(ACCOUNT)).positions
        return {row.symbol: row.position for row in rows if row.position}

    def order(self, client_order_id: str) -> m.Order | None:
        found: m.Order | None = self.ask(calls.order(ACCOUNT, client_order_id)).order
        return found

    def exchange_order(self, venue: str, order: m.Order) -> OrderRecord:
        """What the venue knows of an order of the engine's."""
        return next(row for row in self.exchanges[venue].orders(USER) if row.user_ref_num == order.urn)

    # ---- trading ----

    def submit(
        self,
        client_order_id: str = "",
        *,
        venue: str = "alpha",
        symbol: str = "AAPL",
        side: str = "B",
        quantity: int = 100,
        price: str = "149.00",
        agent: str = AGENTS[0],
        **more: Any,
    ) -> m.Reply:
        """Submit over the bus; price in dollars, "" for a market order."""
        reply: m.Reply = self.client.ask(
            calls.submit(
                account=ACCOUNT, agent=agent, venue=venue, symbol=symbol, side=side, quantity=quantity,
                client_order_id=client_order_id or f"order-{next(self._marks)}",
                price_e4=int(Decimal(price) * 10_000) if price else 0,
                order_type="limit" if price else "market", **more,
            )
        )  # fmt: skip
        return reply

    def rest(self, client_order_id: str = "", **fields: Any) -> m.Order:
        """Submit an order that must be accepted, and wait until the venue has it in its book."""
        reply = self.submit(client_order_id, **fields)
        assert reply.ok and reply.outcome == "accepted" and reply.order is not None, reply
        return self.settled(reply.order.client_order_id)

    def settled(self, client_order_id: str, *states: int) -> m.Order:
        """The order once it is in one of the states (default: no longer waiting for the venue)."""

        def look() -> m.Order | None:
            order = self.order(client_order_id)
            if order is None or (order.state not in states if states else order.state == 2):
                return None
            return order

        found: m.Order = eventually(look, f"{client_order_id} is in state {states or 'answered'}")
        return found

    def cancel(self, client_order_id: str, agent: str = AGENTS[0]) -> m.Reply:
        reply: m.Reply = self.client.ask(calls.cancel(account=ACCOUNT, agent=agent, client_order_id=client_order_id))
        return reply

    # ---- books ----

    def quiet(self, *names: str) -> None:
        """Hold the background flow and wait until the engine has applied everything that was published."""
        for name in names or tuple(self.exchanges):
            self.exchanges[name].set_rate(0)
        for name in names or tuple(self.exchanges):
            eventually(partial(self.caught_up, name), f"the engine has all of {name}'s feed")

    def caught_up(self, name: str) -> bool:
        feed = self.venue_state(name).feed
        return feed.next_sequence == self.exchanges[name].stats()["venue_feed_next_sequence"] and not feed.gap_open


def book_of(exchange: Exchange, symbol: str) -> tuple[list[m.Level], list[m.Level]]:
    """The exchange's own displayed book of a symbol, every level."""
    depth = exchange.depth(symbol, 4_096)
    bids, asks = ([(row.price_e4, row.shares, row.orders) for row in side] for side in (depth.bids, depth.asks))
    return bids, asks


def make_market(exchange: Exchange, symbol: str = "AAPL", bid: str = "149.50", ask: str = "150.50") -> None:
    """A wide market of 10,000 shares on both sides, and one print between, in a still venue."""
    middle = f"{(Decimal(bid) + Decimal(ask)) / 2:.2f}"
    exchange.inject(symbol, "B", 10_000, bid)
    exchange.inject(symbol, "S", 10_000, ask)
    exchange.inject(symbol, "S", 100, middle)
    exchange.inject(symbol, "B", 100, middle, immediate=True)
