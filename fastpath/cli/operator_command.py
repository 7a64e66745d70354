"""What an operator does at a running engine: look, watch, stop trading, let it go on.

`kill` uses the door that agents use; `release` only the operator's own socket, which agents never see.
"""

from __future__ import annotations

import getpass
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from fastpath import calls
from fastpath.bus_messages import Reply, State
from fastpath.bus_messages import Top as TopRow
from fastpath.cli.config_command import ConfigOption
from fastpath.client import EngineClient
from fastpath.config import Config, ConfigError, load
from fastpath.records import Reason

FEED_STATES = {0: "no session", 1: "live", 2: "ended"}
SESSION_STATES = {
    0: "down",
    1: "connecting",
    2: "login sent",
    3: "replaying",
    4: "live",
    5: "ended",
    6: "login refused",
}


def connect(config: Config, socket: str = "engine.cmd") -> EngineClient:
    """A client of the engine that this configuration describes; ConfigError when none runs."""
    path = config.run_path() / socket
    if not path.exists():
        raise ConfigError(f"no engine runs in {config.run_path()}; start one with `fastpath engine`")
    return EngineClient(f"ipc://{path}")


def answer_line(reply: Reply) -> str:
    """A reply in one line; ConfigError when the engine did not do it."""
    if not reply.ok or reply.outcome not in ("accepted", "replayed"):
        raise ConfigError(f"not done ({reply.outcome}): {reply.error or f'reason 0x{reply.reason:04X}'}")
    done = f"done, {reply.count} orders concerned"
    if reply.reason == Reason.JOURNAL_FAILED:
        done += "; not in the journal yet: a restart before its disk has room undoes it"
    return done


def status(config: ConfigOption = None) -> None:
    """Feeds, sessions and kill switches of the running engine."""
    with connect(load(config)) as client:
        state = client.ask(calls.state())
    Console().print(state_table(state))
    kill = state.kill
    switches = [*(["firm"] if kill.firm else []), *kill.venues, *kill.accounts, *kill.agents, *kill.symbols]
    engaged = ", ".join(switches) or "none"
    typer.echo(
        f"mode {state.mode}, epoch {state.epoch}, {state.journal_records:,} journal records, kill switches: {engaged}"
    )


def state_table(state: State) -> Table:
    """A row for each venue."""
    table = Table("venue", "feed", "messages", "gaps / lost", "heard", "orders", "open", "ack p50", "ack p99")
    now_ns = time.time_ns()
    for venue in state.venues:
        feed, orders = venue.feed, venue.orders
        heard = f"{(now_ns - feed.feed_heard_ns) / 1e6:,.0f} ms ago" if feed.feed_heard_ns else "never"
        table.add_row(
            venue.name,
            FEED_STATES.get(feed.state, str(feed.state)) + (" [red]stale[/]" if feed.stale else ""),
            f"{feed.messages:,}",
            f"{feed.gaps_opened} / {feed.messages_lost}",
            heard,
            SESSION_STATES.get(orders.state, str(orders.state)),
            str(orders.open_orders),
            f"{orders.ack_p50_ns / 1e3:,.1f} us",
            f"{orders.ack_p99_ns / 1e3:,.1f} us",
        )
    return table


def watch(
    symbols: Annotated[list[str] | None, typer.Argument(help="Symbols; default: the first twelve")] = None,
    config: ConfigOption = None,
    seconds: Annotated[float, typer.Option(help="How long, 0 = until Ctrl-C")] = 0.0,
) -> None:
    """Best bids and offers of every venue, live."""
    end = time.monotonic() + seconds if seconds else None
    with connect(load(config)) as client, Live(refresh_per_second=4) as live:
        shown = symbols or sorted({row.symbol for row in client.ask(calls.instruments(limit=500)).instruments})[:12]
        while end is None or time.monotonic() < end:
            table = Table("symbol", "venue", "bid", "shares", "ask", "shares", "last", "state")
            for symbol in shown:
                for row in client.ask(calls.top(symbol)).tops:
                    table.add_row(symbol, *top_row(row))
            live.update(table)
            time.sleep(0.25)


def top_row(row: TopRow) -> tuple[str, ...]:
    """A top in text; prices exact, four decimals."""
    state = "[red]stale[/]" if row.stale else row.trading_state
    sides = (dollars(row.bid_e4), f"{row.bid_shares:,}", dollars(row.ask_e4), f"{row.ask_shares:,}")
    return (row.venue, *sides, dollars(row.last_price_e4), state)


def dollars(price_e4: int) -> str:
    """1/10000 dollars as text, "-" for none."""
    return f"{price_e4 // 10_000}.{price_e4 % 10_000:04d}" if price_e4 else "-"


Scope = Annotated[str, typer.Option(help="firm, venue, account, agent or symbol")]
Target = Annotated[str | None, typer.Option(help="Name of the venue, account, agent or symbol")]
Why = Annotated[str, typer.Option("--reason", help="Why; goes into the journal")]


def kill(reason: Why, scope: Scope = "firm", target: Target = None, config: ConfigOption = None) -> None:
    """Engage a kill switch: nothing new is sent, open orders in scope are cancelled. Latched until released."""
    loaded = load(config)
    with connect(loaded) as client:
        agent = loaded.agents[0].name if loaded.agents else ""
        typer.echo(answer_line(client.ask(calls.kill(agent=agent, scope=scope, target=target, reason_text=reason))))


def release(reason: Why, scope: Scope = "firm", target: Target = None, config: ConfigOption = None) -> None:
    """Release a kill switch. Only a person with access to the run directory can."""
    with connect(load(config), "engine.op") as client:
        call = calls.release(operator=getpass.getuser(), scope=scope, target=target, reason_text=reason)
        typer.echo(answer_line(client.ask(call)))
