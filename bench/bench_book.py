"""Order book: decode + full-depth book + event records, against reading the same bytes at all.

`python -m bench.bench_book` generates a stream (5,000,000 messages, 8,000 symbols), then
times in one process and in turn: the length walk of the bytes, decode of every field,
the book as the engine drives it (prefetch across a packet), and the book without
prefetch. Prints ns/message, messages/s, ratios and the latency of single messages with
their conditions; writes bench/results/book.json and book.png. It compares nothing with
another machine or another day.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import report

ROOT = report.ROOT
BUILD = ROOT / "build" / "bench"
FLAGS = "-std=c11 -O2"
TITLES = {
    "walk": "length walk",
    "decode": "decode every field",
    "book": "book + events",
    "book_no_prefetch": "book + events, no prefetch",
}


def build() -> tuple[Path, Path]:
    """Compile the stream generator and the driver; RuntimeError when one does not."""
    core = ROOT / "fastpath" / "core"
    generator = report.compile_c([ROOT / "bench" / "stream" / "generate.c"], BUILD / "generate")
    sources = [ROOT / "bench" / "book_driver.c", *sorted((core / "book").glob("*.c"))]
    driver = report.compile_c([*sources, core / "wire" / "itch.c", core / "wire" / "layout.c"], BUILD / "book_driver")
    return generator, driver


def run_json(command: Sequence[object]) -> dict[str, Any]:
    """Run a program that prints one JSON object; RuntimeError carries its complaint."""
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{command[0]} failed ({ran.returncode}): {ran.stderr.strip()[-1000:]}")
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


def summarise(measured: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Best and median CPU ns/message of each variant, and their ratios to the walk and to decode."""
    messages = measured["messages"]
    cpu = {name: [one[name][0] / messages for one in measured["rounds"]] for name in TITLES}
    median = {name: statistics.median(values) for name, values in cpu.items()}
    return {
        name: {
            "best_ns": min(values),
            "median_ns": median[name],
            "worst_ns": max(values),
            "median_messages_per_s": 1e9 / median[name],
            "median_over_walk": median[name] / median["walk"],
            "median_over_decode": median[name] / median["decode"],
        }
        for name, values in cpu.items()
    }


def plot(summary: Mapping[str, Mapping[str, float]], measured: Mapping[str, Any], path: Path, caption: str) -> None:
    """Two panels: ns/message (median, best as the tick), and latency percentiles beside the timer's own."""
    import matplotlib  # noqa: PLC0415 - heavy, and only needed here

    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.2), width_ratios=[1.2, 1])
    names = list(summary)
    bars = left.barh([TITLES[name] for name in names], [summary[name]["median_ns"] for name in names], color="#4878a8")
    left.bar_label(bars, labels=[f"{summary[name]['median_ns']:.1f}" for name in names], padding=4)
    left.plot([summary[name]["best_ns"] for name in names], range(len(names)), "k|", markersize=16, label="best round")
    left.set_xlabel("CPU ns per message, median of rounds")
    left.margins(x=0.12)
    left.invert_yaxis()
    left.legend(loc="upper right")
    points = ["p50", "p90", "p99", "p99.9", "p99.99"]
    right.plot(points, [measured["latency_ns"][p] for p in points], "o-", color="#a84848", label="one message")
    right.plot(points, [measured["timer_ns"][p] for p in points], "s--", color="#888888", label="timer alone")
    right.set_yscale("log")
    right.set_ylabel("ns, wall, timer included")
    right.grid(visible=True, alpha=0.3)
    right.legend()
    figure.suptitle(caption, fontsize=9)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate, measure, report. Returns the exit code."""
    parser = argparse.ArgumentParser(description="order book benchmark")
    parser.add_argument("--messages", type=int, default=5_000_000)
    parser.add_argument("--symbols", type=int, default=8_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--packet", type=int, default=32, help="messages known ahead, as in a received burst (1..256)")
    chosen = parser.parse_args(arguments)
    load_before = " ".join(f"{value:.2f}" for value in os.getloadavg())
    generator, driver = build()
    stream_path = BUILD / "stream.itch"
    peak = min(1_300_000, chosen.messages // 10)
    stream = run_json([generator, stream_path, chosen.messages, chosen.seed, chosen.symbols, peak])
    capacity = max(1 << 20, stream["peak_live_orders"])
    try:
        measured = run_json([driver, stream_path, chosen.rounds, chosen.packet, capacity, 1 << 20])
    finally:
        stream_path.unlink(missing_ok=True)
    if not measured["valid"] or any(measured[name] for name in ("errors", "refused", "unknown_ref", "crossed")):
        raise RuntimeError(f"the stream was not applied cleanly: {measured}")
    summary = summarise(measured)
    messages, length = measured["messages"], measured["bytes"]
    report.table(
        f"order book: {messages:,} messages, {chosen.symbols:,} symbols, {length / messages:.1f} bytes each",
        ["", "ns/msg best", "ns/msg median", "M msg/s median", "x walk", "x decode"],
        [
            [
                TITLES[name],
                f"{row['best_ns']:.1f}",
                f"{row['median_ns']:.1f}",
                f"{row['median_messages_per_s'] / 1e6:.1f}",
                f"{row['median_over_walk']:.1f}",
                f"{row['median_over_decode']:.2f}",
            ]
            for name, row in summary.items()
        ],
    )
    points = ["p50", "p90", "p99", "p99.9", "p99.99"]
    report.table(
        "one message, wall ns (prefetch and timer included)",
        ["", *points],
        [
            [title, *(f"{measured[key][p]:.0f}" for p in points)]
            for title, key in (("book + events", "latency_ns"), ("timer alone", "timer_ns"))
        ],
    )
    report.CONSOLE.print(
        f"{measured['events']:,} event records, {measured['bbo_changes']:,} BBO changes, "
        f"{measured['peak_orders']:,} orders at the peak, ladders up to {stream['deepest_side']} levels, "
        f"book memory {measured['book_bytes'] / 1e6:.0f} MB for {capacity:,} orders",
        soft_wrap=True,
    )
    report.CONSOLE.print(
        f"{chosen.rounds} interleaved rounds, CPU time of one thread, bursts of {chosen.packet} messages, gcc {FLAGS}, "
        f"memory touched beforehand, load before the run {load_before}",
        soft_wrap=True,
    )
    report.print_conditions()
    result = {
        "parameters": {**vars(chosen), "flags": FLAGS, "load_before": load_before},
        "stream": stream,
        "summary": summary,
        "measured": measured,
    }
    report.save("book", result)
    conditions = report.conditions()
    caption = (
        f"{messages:,} messages, {chosen.symbols:,} symbols, {chosen.rounds} rounds, bursts of {chosen.packet}; "
        f"{conditions['cpu']}, {conditions['cores']} cores, load {load_before}; {conditions['compiler']} {FLAGS}"
    )
    plot(summary, measured, report.RESULTS / "book.png", caption)
    report.CONSOLE.print("wrote bench/results/book.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
