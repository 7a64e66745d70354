"""The `exchange` command: simulated venues alone, until interrupted.

It parses, prints and waits; `control` does the work.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from sim.exchange.config import FeedLine, Replay, UserConfig, VenueConfig, load_venues, preset, preset_names
from sim.exchange.control import Exchange, ExchangeError

app = typer.Typer(
    help="Run simulated exchanges: ITCH 5.0 over MoldUDP64 out, OUCH 5.0 over SoupBinTCP in.", add_completion=False
)


def _line(text: str) -> FeedLine:
    address, _, port = text.partition(":")
    if port and not port.isdigit():
        raise typer.BadParameter(f"{text!r} is not ADDRESS or ADDRESS:PORT")
    try:
        return FeedLine(address, int(port or 0))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _made_up_user() -> UserConfig:
    """For a run without a configuration file: a password nobody can know beforehand."""
    return UserConfig("demo", secrets.token_hex(5))


def _show(venue: Exchange) -> None:
    e = venue.endpoints
    feeds = [f"{group}:{port}" if group else "off" for group, port in zip(e.feed_group, e.feed_port, strict=True)]
    typer.echo(f"{e.name}: session {e.session}, symbols {', '.join(s.symbol for s in venue.config.symbols)}")
    typer.echo(f"  orders       {e.order_host}:{e.order_port} (SoupBinTCP, OUCH 5.0)")
    typer.echo(f"  feed         A {feeds[0]}, B {feeds[1]} by interface {e.feed_interface} (MoldUDP64, ITCH 5.0)")
    typer.echo(f"  re-requests  {e.rerequest_host}:{e.rerequest_port}")
    for user in venue.config.users:
        typer.echo(f"  user         {user.username} / {user.password}")


async def serve(
    configs: list[VenueConfig],
    *,
    as_json: bool = False,
    status_s: float = 0.0,
    duration_s: float = 0.0,
    announce: Callable[[list[Exchange]], None] | None = None,
) -> None:
    """Run venues until SIGINT or SIGTERM, or for `duration_s` (0 = no end), then end their sessions properly.

    announce: called once all of them run, instead of printing their addresses and users.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        venues = [await stack.enter_async_context(Exchange(config)) for config in configs]
        if announce is not None:
            announce(venues)
        elif as_json:
            described = [
                asdict(venue.endpoints)
                | {"users": [{"username": user.username, "password": user.password} for user in venue.config.users]}
                for venue in venues
            ]
            print(json.dumps(described), flush=True)
        else:
            for venue in venues:
                _show(venue)
        ends = loop.time() + duration_s if duration_s else None
        while not stop.is_set():
            left = None if ends is None else max(ends - loop.time(), 0.0)
            wait = min(x for x in (status_s or None, left, 3600.0) if x is not None)
            try:
                await asyncio.wait_for(stop.wait(), wait)
            except TimeoutError:
                if ends is not None and loop.time() >= ends:
                    break
            if status_s and not as_json:
                for venue in venues:
                    s = venue.stats()
                    typer.echo(
                        f"{venue.config.name}: {s['feed_messages']:,} ITCH messages, {s['executions']:,} executions, "
                        f"{s['live_orders']:,} live orders, {s['port_live']} connections"
                    )
        for venue in venues:
            venue.end_of_session()
        # clients read the last answers and End of Session before the sockets go
        await asyncio.sleep(min(1.2, max(venue.config.feed_heartbeat_ms for venue in venues) / 1000 + 0.2))


@app.callback(invoke_without_command=True)
def exchange(
    venue: Annotated[
        list[str] | None, typer.Option(help=f"Preset, repeatable: {', '.join(preset_names())} (default: all).")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="TOML file of [[venue]] tables, mode 600, instead of presets.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the background flow.")] = None,
    rate: Annotated[int | None, typer.Option(help="Background messages a second.")] = None,
    replay: Annotated[
        Path | None, typer.Option(help="Recorded ITCH 5.0 file as the market.", exists=True, dir_okay=False)
    ] = None,
    speed: Annotated[int, typer.Option(help="Replay speed, thousandths; 0 = as --rate allows.")] = 1000,
    order_port: Annotated[int | None, typer.Option(help="SoupBinTCP port (0 = any; one venue only).")] = None,
    rerequest_port: Annotated[int | None, typer.Option(help="Re-request port (0 = any; one venue only).")] = None,
    feed_a: Annotated[str | None, typer.Option(help="Line A as ADDRESS[:PORT] (one venue only).")] = None,
    feed_b: Annotated[str | None, typer.Option(help="Line B as ADDRESS[:PORT] (one venue only).")] = None,
    latency_us: Annotated[int | None, typer.Option(help="Order latency, microseconds.")] = None,
    ledger: Annotated[Path | None, typer.Option(help="Record all inputs and outputs (one venue only).")] = None,
    status: Annotated[float, typer.Option(help="Seconds between status lines, 0 = none.")] = 10.0,
    duration: Annotated[float, typer.Option(help="Seconds to run, 0 = until interrupted.")] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print addresses and users as one line of JSON.")] = False,
) -> None:
    """Start simulated venues on this machine and keep them running until interrupted."""
    overrides: dict[str, object] = {}
    if seed is not None:
        overrides["seed"] = seed
    if rate is not None:
        overrides["messages_per_s"] = rate
    if replay is not None:
        overrides["replay"] = Replay(replay, speed)
    if latency_us is not None:
        overrides["order_latency_us"] = latency_us
    alone: dict[str, object | None] = {
        "order_port": order_port,
        "rerequest_port": rerequest_port,
        "feed_a": _line(feed_a) if feed_a else None,
        "feed_b": _line(feed_b) if feed_b else None,
        "ledger_path": ledger,
    }
    try:
        if config is not None:
            configs = list(load_venues(config))
        else:
            user = _made_up_user()
            configs = [preset(name, (user,)) for name in venue or preset_names()]
        if len(configs) > 1 and any(value is not None for value in alone.values()):
            raise typer.BadParameter("ports, lines and ledger belong to one venue: choose it with --venue")
        overrides |= {key: value for key, value in alone.items() if value is not None}
        configs = [replace(entry, **overrides) for entry in configs]  # type: ignore[arg-type]
        uvloop.run(serve(configs, as_json=as_json, status_s=status, duration_s=duration))
    except (ValueError, OSError, ExchangeError) as error:
        typer.echo(f"exchange: {error}", err=True)
        raise typer.Exit(1) from None
