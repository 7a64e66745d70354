"""`fastpath exchange`: the simulated venues of the configuration, on the ports where the engine looks for them.

The work is sim.exchange's; here the one configuration becomes its own.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from fastpath.cli.config_command import ConfigOption
from fastpath.config import Config, ConfigError, load
from sim.exchange import FeedLine, Replay, UserConfig, VenueConfig, preset
from sim.exchange.cli import serve
from sim.exchange.control import Exchange, ExchangeError


def exchange(
    names: Annotated[list[str] | None, typer.Argument(help="Venues to simulate; default: every one configured")] = None,
    config: ConfigOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the background flow")] = None,
    rate: Annotated[int | None, typer.Option(help="Background messages a second")] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Recorded ITCH 5.0 file to publish as the market", exists=True, dir_okay=False)
    ] = None,
    speed: Annotated[float, typer.Option(help="Replay speed: 1 as recorded, 0 as fast as --rate allows")] = 1.0,
    ledger: Annotated[Path | None, typer.Option(help="Record every input and output in this directory")] = None,
    status: Annotated[float, typer.Option(help="Seconds between status lines, 0 = none")] = 10.0,
) -> None:
    """Run simulated exchanges: ITCH 5.0 over MoldUDP64 out, OUCH 5.0 over SoupBinTCP in. Ctrl-C ends their sessions."""
    loaded = load(config)
    venues = []
    for name in names or [entry.name for entry in loaded.exchanges]:
        venue = simulated(loaded, name)
        if seed is not None:
            venue = replace(venue, seed=seed)
        if rate is not None:
            venue = replace(venue, messages_per_s=rate)
        if replay is not None:
            venue = replace(venue, replay=Replay(replay, round(speed * 1000)))
        if ledger is not None:
            ledger.mkdir(mode=0o700, parents=True, exist_ok=True)
            venue = replace(venue, ledger_path=ledger / f"{name}.ledger")
        venues.append(venue)
    try:
        uvloop.run(serve(venues, status_s=status, announce=_announce))
    except (ValueError, ExchangeError) as error:
        raise ConfigError(f"exchange: {error}") from error


def simulated(config: Config, name: str) -> VenueConfig:
    """The simulator's configuration of a venue: its preset, on the engine's ports, with the engine's password.

    Raises:
        ConfigError: unknown name, or a venue without order entry.
    """
    entry, venue = config.exchange(name), config.venue(name)
    if venue.orders is None:
        raise ConfigError(f"venue '{name}' has no order entry to simulate")
    user = UserConfig(venue.orders.username, config.order_password(venue), venue.orders.firm)
    feed = venue.feed
    made = preset(
        entry.preset,
        (user,),
        seed=entry.seed,
        messages_per_s=entry.messages_per_s,
        feed_a=FeedLine(feed.group_a, feed.port_a),
        feed_b=FeedLine(feed.group_b, feed.port_b),
        feed_interface=feed.interface,
        rerequest_host=feed.rerequest_host or "127.0.0.1",
        rerequest_port=feed.rerequest_port,
        order_host=venue.orders.host,
        order_port=venue.orders.port,
        taker_fee_e6=int(Decimal(venue.taker_fee) * 1_000_000),
        maker_rebate_e6=int(Decimal(venue.maker_rebate) * 1_000_000),
    )
    made = replace(made, name=name)
    if entry.replay_file:
        return replace(made, replay=Replay(Path(entry.replay_file), round(entry.replay_speed * 1000)))
    return made


def _announce(exchanges: list[Exchange]) -> None:
    for venue in exchanges:
        at = venue.endpoints
        lines = " and ".join(
            f"{group}:{port}" for group, port in zip(at.feed_group, at.feed_port, strict=True) if group
        )
        ports = f"re-requests {at.rerequest_host}:{at.rerequest_port}, OUCH {at.order_host}:{at.order_port}"
        print(f"ready {at.name}: session {at.session}, ITCH on {lines}, {ports}", flush=True)
