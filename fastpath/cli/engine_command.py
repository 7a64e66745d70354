"""`fastpath engine` and `fastpath bridge`: the two long-running processes of an installation, in the foreground.

The engine's threads are C's; this process only starts them, watches over them, and ends them in order.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fastpath.assemble import engine_config
from fastpath.cli.config_command import ConfigOption, IoOption
from fastpath.config import load
from fastpath.core import Engine, EngineStats

HEALTH_S = 0.2
LOGIN_REFUSED = 6
REFUSED = (
    "; LOGIN REFUSED by a venue: wrong user or password, or it began a new session and does not know the journal's "
    "numbers (then stop the engine and run `fastpath journal retire`)"
)
UNLISTED = "; LISTS OF OPEN ORDERS ARE INCOMPLETE: more than 262,144 open orders in one account"


def engine(
    config: ConfigOption = None,
    io: IoOption = None,
    status: Annotated[float, typer.Option(help="Seconds between status lines, 0 = none")] = 10.0,
) -> None:
    """Run the engine: feeds in, books, bus, orders. Ctrl-C logs out of the venues and leaves open orders there."""
    loaded = load(config).with_io(io.value if io else None)
    for directory in (loaded.state_path(), loaded.journal_path().parent, loaded.run_path().parent):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with Engine(engine_config(loaded)) as running:
        print(
            f"ready engine: mode {loaded.mode}, epoch {running.stats().epoch}, bus {loaded.run_path()}, "
            f"journal {loaded.journal_path()} ({loaded.engine.durability})",
            flush=True,
        )
        waited = 0.0
        while not stop.wait(HEALTH_S):
            running.check_health()
            waited += HEALTH_S
            if status and waited >= status:
                waited = 0.0
                print(status_line(running.stats()), flush=True)
        print("stopping: " + status_line(running.stats()), flush=True)


def status_line(stats: EngineStats) -> str:
    """One line on the whole engine."""
    feeds = stats.feed
    return (
        f"{sum(f.messages for f in feeds):,} messages, {sum(f.gaps_opened for f in feeds)} gaps "
        f"({sum(f.messages_lost for f in feeds)} messages lost), {sum(o.enters for o in stats.order)} orders, "
        f"{sum(o.fills for o in stats.order)} fills, {sum(o.denied for o in stats.order)} refused, "
        + card_line(stats)
        + f"wire to event p50 {stats.wire_to_event.p50_ns / 1e3:.1f} us, {stats.journal_records:,} journal records"
        + "".join(REFUSED for order in stats.order if order.session_state == LOGIN_REFUSED)
        + (UNLISTED if stats.orders_unlisted else "")
    )


def card_line(stats: EngineStats) -> str:
    """What the cards did, or nothing where there is none."""
    if not any(feed.card_cycles for feed in stats.feed):
        return ""
    cycles, fired = sum(f.card_cycles for f in stats.feed), sum(f.card_fired for f in stats.feed)
    return f"card {cycles:,} cycles, {fired} triggers fired, "


def bridge(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(help="TCP port; default: bridge.port")] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Run a paper engine and its exchanges inside the process")
    ] = False,
) -> None:
    """Serve agents over MCP (streamable HTTP); the same as `fastpath-mcp serve`. Keys: `fastpath-mcp keys add`."""
    command = [sys.executable, "-m", "mcp_bridge", "serve"]
    if config is not None:
        command += ["--config", str(Path(config).resolve())]
    if port is not None:
        command += ["--port", str(port)]
    if paper:
        command.append("--paper")
    Console(stderr=True).print(f"[dim]{' '.join(command[1:])}[/]")
    # The bridge is a program of its own that knows only the bus: become it, so signals reach it.
    os.execv(sys.executable, command)  # noqa: S606
