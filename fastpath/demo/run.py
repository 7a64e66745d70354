"""One run of the demonstration: a directory of its own, every process, the story, the sum of it, an orderly end.

It leaves nothing behind: directory and processes are gone when it returns, unless it is asked to stay.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import uvloop
from rich.console import Console

from fastpath import calls
from fastpath.cli.operator_command import FEED_STATES, SESSION_STATES
from fastpath.client import EngineClient
from fastpath.config import AgentConfig, Config, FeedConfig, VenueConfig
from fastpath.demo import tables
from fastpath.demo.agent import connect
from fastpath.demo.processes import Children, ProcessFailedError
from fastpath.demo.story import Story

TRADING_SCOPES = ("md:read", "account:read", "orders:write", "kill:engage")
READY_S = 90.0  # a machine that builds and tests at the same time starts processes slowly
DYING_S = 0.5
CARD_MESSAGES_PER_S = 200
"""A card at 156.25 MHz takes the wire's full rate; one that software clocks takes what this machine can simulate."""


class Demonstration:
    """Configuration, processes and figures of one run."""

    def __init__(self, console: Console, directory: Path, base: Config) -> None:
        self.console = console
        self.directory = directory
        self.config = on_free_ports(base, directory)
        if self.config.uses_card():
            self.config = at_the_cards_pace(self.config)
            console.print(
                "[dim]the card is simulated, clock cycle by clock cycle: the background flow is "
                f"{CARD_MESSAGES_PER_S} messages a second at each venue[/]"
            )
        self.config_path = directory / "fastpath.toml"
        self.config_path.write_text(self.config.to_toml())
        self.children = Children(directory, {"FASTPATH_CONFIG": str(self.config_path)})
        self.url = ""
        self.elapsed_ms: list[float] = []

    def start(self) -> None:
        """Start every process and wait until both venues are live."""
        started = time.monotonic()
        for name in (exchange.name for exchange in self.config.exchanges):
            child = self.children.start(name, "fastpath", "exchange", name)
            self._tell(name, child.process.pid, child.wait_ready(READY_S).removeprefix(f"{name}: "))
        engine = self.children.start("engine", "fastpath", "engine")
        self._tell("engine", engine.process.pid, engine.wait_ready(READY_S).removeprefix("engine: "))
        bridge = self.children.start("bridge", "mcp_bridge", "serve", "--port", "0")
        self.url = bridge.wait_ready(READY_S)
        self._tell("bridge", bridge.process.pid, self.url)
        with EngineClient(f"ipc://{self.config.run_path()}/engine.cmd") as client:
            engine.wait_until(lambda: self._venues_live(client), READY_S, "see both venues live")
        self.console.print(
            f"every venue is logged in and in sequence, {time.monotonic() - started:.1f} s after the start"
        )

    def _venues_live(self, client: EngineClient) -> bool:
        self.children.check()
        return all(
            FEED_STATES[venue.feed.state] == SESSION_STATES[venue.orders.state] == "live" and not venue.feed.stale
            for venue in client.ask(calls.state()).venues
        )

    def _tell(self, name: str, pid: int, text: str) -> None:
        self.console.print(f"[bold]{name:12}[/] pid {pid:<7} {text}", soft_wrap=True)

    def make_key(self, agent: str) -> str:
        """A key of its own for an agent; the bridge stores only its hash."""
        command = [sys.executable, "-m", "mcp_bridge", "keys", "add", "--agent", agent, "--account", "desk", "--quiet"]
        for scope in TRADING_SCOPES:
            command += ["--scope", scope]
        made = subprocess.run(command, env=self.children.environment, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ProcessFailedError(f"no key for {agent}: {made.stderr.strip()}")
        return made.stdout.strip()

    def tell_story(self) -> None:
        """The agent's session over streamable HTTP, on uvloop."""
        key = self.make_key("demo")

        async def session() -> None:
            async with connect(self.url, key) as agent:
                self.elapsed_ms = agent.elapsed_ms
                # The thread that simulates a card reads the acknowledgements as well, when it comes to it.
                fastest = None if self.config.uses_card() else "velocity"
                await Story(agent, self.console, f"demo-{int(time.time())}", fastest=fastest).tell()

        try:
            uvloop.run(session())
        except Exception as error:
            # A child that is gone explains whatever the agent saw of it; its sockets close before it can be waited for.
            time.sleep(DYING_S)
            self.children.check()
            raise RuntimeError(one_line(error)) from error

    def sum_up(self) -> None:
        """Messages, gaps and latency percentiles of the whole run."""
        with EngineClient(f"ipc://{self.config.run_path()}/engine.cmd") as client:
            stats = client.ask(calls.stats()).stats
        feeds, orders = stats["feed"], stats["order"]
        counted = [
            ("ITCH messages", f"{sum(feed['messages'] for feed in feeds):,}"),
            (
                "packets, lines A + B",
                " + ".join(f"{sum(feed['packets'][line] for feed in feeds):,}" for line in (0, 1)),
            ),
            (
                "gaps opened / filled / lost",
                " / ".join(str(sum(f[f"gaps_{what}"] for f in feeds)) for what in ("opened", "filled", "lost")),
            ),
            ("messages lost", str(sum(feed["messages_lost"] for feed in feeds))),
            ("events on the bus", f"{stats['events']:,} ({stats['ring_full_events']} dropped)"),
            (
                "orders / fills / refused",
                " / ".join(str(sum(o[what] for o in orders)) for what in ("enters", "fills", "denied")),
            ),
            ("journal records", f"{stats['journal_records']:,}"),
            *self._card_figures(feeds),
            ("tool calls", f"{len(self.elapsed_ms)}"),
        ]
        measured = [
            latency("wire to event", stats["wire_to_event"]),
            latency("event to bus", stats["event_to_bus"]),
            latency("decision", stats["decision"]),
        ]
        measured += [
            latency(f"order to ack, {venue.name}", ack)
            for venue, ack in zip(self.config.venues, stats["order_to_ack"], strict=False)
        ]
        tool_us = sorted(value * 1e3 for value in self.elapsed_ms)
        measured.append(("tool call", len(tool_us), percentile(tool_us, 0.5), percentile(tool_us, 0.99), tool_us[-1]))
        self.console.print()
        self.console.rule("[bold]What it came to", align="left", style="dim")
        self.console.print(tables.summary(counted, measured))
        self.console.print("[dim]one shared machine, nothing pinned; `make bench` compares under stated conditions[/]")

    def _card_figures(self, feeds: list[dict[str, int]]) -> list[tuple[str, str]]:
        """What the cards did; RuntimeError when the trigger was to be fired by one and was not."""
        if not self.config.uses_card():
            return []
        fired, late = (sum(feed[f"card_{what}"] for feed in feeds) for what in ("fired", "late"))
        if not fired or late:
            raise RuntimeError(
                f"the cards fired {fired} triggers, {late} of them too late: the trigger was theirs to fire"
            )
        return [
            ("card cycles", f"{sum(feed['card_cycles'] for feed in feeds):,}"),
            ("triggers fired by a card", str(fired)),
        ]

    def stay(self) -> None:
        """Keep everything running until interrupted, and tell how to connect one's own agent."""
        key = self.make_key("agent")
        client = {
            "mcpServers": {"fastpath": {"type": "http", "url": self.url, "headers": {"Authorization": f"Bearer {key}"}}}
        }
        self.console.print()
        self.console.rule("[bold]Connect your own agent", align="left", style="dim")
        self.console.print(
            "Paste this into your MCP client's configuration (paper trading, account desk, small limits):\n"
        )
        self.console.print_json(json.dumps(client))
        self.console.print(
            f"\nWatch:   FASTPATH_CONFIG={self.config_path} {sys.executable} -m fastpath watch"
            f"\nStop it: FASTPATH_CONFIG={self.config_path} {sys.executable} -m fastpath kill --reason 'enough'"
            f"\nLogs:    {self.directory}/*.log\n\nRunning until Ctrl-C.",
            soft_wrap=True,
            highlight=False,
        )
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        while not stop.wait(0.5):
            self.children.check()


def run(console: Console, base: Config, *, stay: bool) -> None:
    """The whole demonstration. Raises RuntimeError (one readable line) when any part of it did not happen."""
    directory = Path(tempfile.mkdtemp(prefix="fastpath-demo-"))
    keep = False
    # Its children are in sessions of their own: however it is ended, it ends them, as on Ctrl-C.
    # A shell that starts it in the background has SIGINT ignored, so it is asked for by name.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        console.rule("[bold]Fastpath: the whole loop on one machine", align="left")
        demonstration = Demonstration(console, directory, base)
        with demonstration.children as children:
            demonstration.start()
            demonstration.tell_story()
            children.check()
            demonstration.sum_up()
            if stay:
                demonstration.stay()
    except RuntimeError:
        keep = True
        console.print(f"[red]the demonstration failed; every process's log is in {directory}[/]")
        raise
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


def one_line(error: BaseException) -> str:
    """What went wrong, without the groups that concurrent tasks wrap it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return " ".join(str(error).split()) or type(error).__name__


def on_free_ports(base: Config, directory: Path) -> Config:
    """The configuration, its state in `directory` and every port one that is free now, with an agent for the story."""
    venues: list[VenueConfig] = []
    for venue in base.venues:
        port_a, port_b, rerequest = free_ports(socket.SOCK_DGRAM, 3)
        (order_port,) = free_ports(socket.SOCK_STREAM, 1)
        feed: FeedConfig = venue.feed.model_copy(
            update={"port_a": port_a, "port_b": port_b, "rerequest_port": rerequest}
        )
        orders = venue.orders.model_copy(update={"port": order_port}) if venue.orders else None
        venues.append(venue.model_copy(update={"feed": feed, "orders": orders}))
    engine = base.engine.model_copy(
        update={"run_dir": str(directory / "run"), "journal_dir": str(directory / "journal")}
    )
    bridge = base.bridge.model_copy(update={"keys_file": "", "data_dir": "", "run_dir": ""})
    account = base.accounts[0].name
    return base.model_copy(
        update={
            "state_dir": str(directory),
            "engine": engine,
            "venues": venues,
            "bridge": bridge,
            "agents": [AgentConfig(name="demo", account=account), AgentConfig(name="agent", account=account)],
        }
    )


def at_the_cards_pace(config: Config) -> Config:
    """The configuration with every simulated venue's flow at most what a simulated card follows on a busy machine."""
    slowed = [
        exchange.model_copy(update={"messages_per_s": min(exchange.messages_per_s, CARD_MESSAGES_PER_S)})
        for exchange in config.exchanges
    ]
    return config.model_copy(update={"exchanges": slowed})


def free_ports(kind: socket.SocketKind, count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now; held together while they are chosen, so they differ."""
    sockets = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    try:
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [int(held.getsockname()[1]) for held in sockets]
    finally:
        for held in sockets:
            held.close()


def latency(name: str, row: dict[str, int]) -> tuple[str, int, float, float, float]:
    """A histogram's row in microseconds."""
    return name, row["count"], row["p50_ns"] / 1e3, row["p99_ns"] / 1e3, row["max_ns"] / 1e3


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value with at least `share` of all at or below it."""
    return ordered[max(0, -(-int(Decimal(len(ordered)) * Decimal(str(share)) * 1000) // 1000) - 1)]
