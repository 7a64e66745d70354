"""The order side without a network: risk checks hot and cold, journal appends, and command to bytes ready.

The driver is C and calls the core directly; the journal is a real one on the disk this runs on, durability "crash"
(it survives the death of the process, not the loss of power). Single decisions are timed with one clock read before
and one after, which is included; batches of 64 are divided, which hides the spread inside a batch.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import report

CORE = report.ROOT / "fastpath/core"
SOURCES = [
    report.ROOT / "bench/risk_driver.c",
    *sorted((CORE / "order").glob("*.c")),
    *[CORE / name for name in ("engine/journal.c", "engine/journal_read.c", "engine/crc32c.c")],
    *[CORE / name for name in ("wire/soup.c", "wire/ouch.c", "wire/layout.c")],
]
MEANINGS = {
    "risk_hot": "24 checks at 3 levels, 4 accounts x 32 symbols, batches of 64",
    "risk_cold": "the same, positions far beyond the caches, one by one, clock read taken off",
    "append_64": "journal append, 24-byte body, batches of 64",
    "append_320": "journal append, 256-byte body, batches of 64",
    "decision_no_journal": "command -> bytes ready, journal sink that does nothing, clock read included",
    "decision": "command -> bytes ready, three journal records, clock read included",
}
STATISTICS = ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns")


def parse(text: str) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The driver's lines as figures by name, and its remarks. ValueError when a line is not understood."""
    figures: dict[str, dict[str, float]] = {}
    remarks = []
    for line in text.splitlines():
        if line.startswith("#"):
            remarks.append(line[1:].strip())
            continue
        name, samples, *values = line.split()
        if name not in MEANINGS or len(values) != len(STATISTICS):
            raise ValueError(f"unexpected line from the driver: {line!r}")
        figures[name] = {"samples": float(samples), **dict(zip(STATISTICS, map(float, values), strict=True))}
    return figures, remarks


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, run, print, write bench/results/risk.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200_000, help="of each, 1000 to 400000 (default %(default)s)")
    options = parser.parse_args(arguments)
    report.print_conditions()
    with tempfile.TemporaryDirectory(prefix="fastpath-risk-", dir=report.ROOT) as directory:
        binary = report.compile_c(SOURCES, Path(directory) / "risk_driver", "-pthread")
        run = subprocess.run(
            [str(binary), str(Path(directory) / "journal"), str(options.samples)],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    if run.returncode:
        raise RuntimeError(run.stderr.strip() or f"the driver ended with {run.returncode}")
    figures, remarks = parse(run.stdout)
    rows = [[MEANINGS[name], *(f"{values[key]:.1f}" for key in STATISTICS)] for name, values in figures.items()]
    report.table("Order side, ns", ["what", "min", "p50", "p90", "p99", "p99.9"], rows)
    for remark in remarks:
        report.CONSOLE.print(remark, style="dim")
    report.save("risk", {"figures": figures, "meanings": MEANINGS, "remarks": remarks})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
