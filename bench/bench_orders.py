"""Order to acknowledgement against the machine's floor: a bare C TCP ping-pong with the same sizes, in the same run.

Both sides of a round run one after the other on the same cores, so neither disturbs the other. The order side is
the whole path: command, every risk check, journal, OUCH, TCP, the simulator's matching core, ack, order state.
It is a paper venue on loopback: the figures compare software paths, not networks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from bench import report
from fastpath.core import Command, CommandKind, Engine, Outcome, Reply
from fastpath.engine_config import AccountConfig, AgentConfig, EngineConfig, Limits, VenueConfig
from sim.exchange import Exchange, SymbolConfig, UserConfig
from sim.exchange import VenueConfig as Simulated

SYMBOL = "AAPL"
OPEN_LIMITS = Limits(
    max_order_notional_e4=10**15, max_gross_notional_e4=10**17, max_net_notional_e4=10**17, max_loss_e4=10**15,
    max_position=10**9, max_order_quantity=999_999, max_open_orders=10**6, orders_per_s=10**9, order_burst=10**9,
    collar_bps=10_000, fat_finger_bps=100_000, duplicate_window_ms=0, max_feed_silence_ms=60_000,
)  # fmt: skip
USER = UserConfig("BENCH", "bench-only")
#: with spinning on both sides, the engine's hot thread has one core and the exchange the other
HOT_CORE, VENUE_CORE = 0, 1
PACE_S = 0.001
MEASURED = {"bare TCP ping-pong": "ping_pong_ns", "order to ack": "order_to_ack_ns", "decision only": "decision_ns"}


def venue_process(pipe: Connection, spin: bool) -> None:
    """An exchange with a primed, still market, until the other end of the pipe says stop."""
    if spin:
        os.sched_setaffinity(0, {VENUE_CORE})
    config = Simulated(
        "bench", (USER,), symbols=(SymbolConfig(SYMBOL, "231.40"),), messages_per_s=0, spin_us=1_000_000 if spin else 0,
        feed_heartbeat_ms=200,
    )  # fmt: skip
    with Exchange(config) as venue:
        pipe.send(venue.endpoints)
        pipe.recv()


def ping_pong(binary: Path, count: int, mode: str) -> list[int]:
    """Round trips in ns of the bare ping-pong."""
    out = subprocess.run([str(binary), str(count), mode], capture_output=True, text=True, check=True, timeout=120)
    return sorted(int(line) for line in out.stdout.split())


def ask(engine: Engine, kind: CommandKind, name: str, price_e4: int) -> Reply:
    """One command by the in-process door."""
    command = Command(
        kind=kind, venue=0, symbol=SYMBOL, side="B", quantity=100, price_e4=price_e4, client_order_id=name
    )  # fmt: skip
    return engine.command(command)


def order_round(count: int, spin: bool) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """One engine and one exchange: (p50, p99, min) of order to ack and (p50, p99) of the decision, in ns."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=venue_process, args=(theirs, spin), daemon=True)
    process.start()
    try:
        if not ours.poll(30):
            raise RuntimeError("the exchange did not start within 30 s")
        at = ours.recv()
        with tempfile.TemporaryDirectory(prefix="fp-bench-") as directory:
            venue = VenueConfig(
                name="bench", feed_group=at.feed_group, feed_port=at.feed_port, feed_interface=at.feed_interface,
                rerequest_host=at.rerequest_host, rerequest_port=at.rerequest_port, order_host=at.order_host,
                order_port=at.order_port, username=USER.username, password=USER.password, firm="FPTH",
                midnight_ns=at.midnight_ns,
            )  # fmt: skip
            config = EngineConfig(
                run_dir=f"{directory}/run", journal_dir=f"{directory}/journal", venues=(venue,), pub_endpoint="",
                accounts=(AccountConfig(name="bench", limits=OPEN_LIMITS),),
                agents=(AgentConfig(name="bench", account=0, limits=OPEN_LIMITS),), firm_limits=OPEN_LIMITS,
                busy_poll=spin, cpu_hot=HOT_CORE if spin else -1,
            )  # fmt: skip
            with Engine(config) as engine:
                price_e4 = _passive_price(engine)
                for number in range(count):
                    reply = ask(engine, CommandKind.SUBMIT, f"b{number}", price_e4)
                    if reply.outcome != Outcome.ACCEPTED:
                        raise RuntimeError(f"order {number} was refused with reason {reply.reason:#06x}")
                    _acknowledged(engine, number + 1)
                    ask(engine, CommandKind.CANCEL, f"b{number}", 0)
                stats = engine.stats()
                ack, decision = stats.order_to_ack[0], stats.decision
                return (ack.p50_ns, ack.p99_ns, ack.min_ns), (decision.p50_ns, decision.p99_ns)
    finally:
        ours.send("stop")
        process.join(10)
        if process.is_alive():
            process.kill()


def _passive_price(engine: Engine) -> int:
    """A bid that rests: half a percent below the best one, once the feed is live."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        seen = ask(engine, CommandKind.PREVIEW, "look", 10_000)
        price_e4 = seen.bid_e4 * 995 // 1000 // 100 * 100
        # The first messages of the day open a gap that is being filled; until then every quote is stale.
        if price_e4 and not ask(engine, CommandKind.PREVIEW, "look", price_e4).reason:
            return price_e4
        time.sleep(0.05)
    raise RuntimeError("no quote and no order session within 20 s")


def _acknowledged(engine: Engine, count: int) -> None:
    """One order at a time: the next goes when this one is on the book. Asleep meanwhile: both cores are in use."""
    end = time.monotonic() + 5
    time.sleep(PACE_S)
    while engine.stats().order[0].accepted < count:
        time.sleep(PACE_S)
        if time.monotonic() > end:
            raise RuntimeError("an order was not acknowledged within 5 s")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print, write bench/results/orders.json."""
    parser = argparse.ArgumentParser(prog="bench.bench_orders", description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000, help="orders a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, both sides in each")
    given = parser.parse_args(arguments)
    binary = report.compile_c([report.ROOT / "bench/pingpong/pingpong.c"], report.RESULTS / "bin/pingpong")
    report.print_conditions()
    rows, result = [], {}
    for mode in ("spin", "block"):
        floors, paths, decisions = [], [], []
        for number in range(given.rounds):
            report.CONSOLE.print(f"{mode}: round {number + 1} of {given.rounds}", style="dim")
            trips = ping_pong(binary, given.orders, mode)
            floors.append((trips[len(trips) // 2], trips[len(trips) * 99 // 100], trips[0]))
            path, decision = order_round(given.orders, mode == "spin")
            paths.append(path)
            decisions.append(decision)
        ratios = [path[0] / floor[0] for path, floor in zip(paths, floors, strict=True)]
        result[mode] = {
            "ping_pong_ns": {"p50": _middle(floors, 0), "p99": _middle(floors, 1), "min": min(f[2] for f in floors)},
            "order_to_ack_ns": {"p50": _middle(paths, 0), "p99": _middle(paths, 1), "min": min(p[2] for p in paths)},
            "decision_ns": {"p50": _middle(decisions, 0), "p99": _middle(decisions, 1)},
            "ratio_p50": {"best": min(ratios), "median": statistics.median(ratios), "worst": max(ratios)},
        }
        for name, key in MEASURED.items():
            row = result[mode][key]
            rows.append((mode, name, *(f"{row[k] / 1e3:.2f}" if k in row else "-" for k in ("min", "p50", "p99"))))
        spread = " / ".join(f"{result[mode]['ratio_p50'][k]:.2f}" for k in ("best", "median", "worst"))
        rows.append((mode, "ratio of p50s: best / median / worst round", "", spread, ""))
    title = (
        f"order to ack, microseconds: {given.rounds} rounds of {given.orders} orders, one at a time; medians of rounds"
    )
    report.table(title, ("waiting", "what", "min", "p50", "p99"), rows)
    report.save("orders", {"orders": given.orders, "rounds": given.rounds, **result})


def _middle(rows: Sequence[tuple[int, ...]], column: int) -> float:
    return statistics.median(row[column] for row in rows)


if __name__ == "__main__":
    main()
