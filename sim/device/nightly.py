"""The long runs of the card, one after another: `python -m sim.device.nightly`; about an hour on an idle core.

Co-simulation of ten million messages of every type, on one line and on both with loss; the published files; a million
damaged frames through each card; the worst streams at full rate; ten thousand trigger scenarios; the speed. Each step's
findings go to build/device/nightly.json as they come; a step that finds a difference does not stop the ones behind it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sim.device.build import BUILD, ROOT, BuildError
from sim.device.cosim import cosim
from sim.device.day import generated
from sim.device.hostile import hostile
from sim.device.line_rate import STREAMS, line_rate
from sim.device.triggers import DisagreementError, triggers

DATA = ROOT.parent / "shared" / "data"
FILES = ("ritch/*.TEST_ITCH_50", "nasdaq_20191230/*.itch", "omi_nasdaq/Nasdaq.Equities.TotalView.Itch.v5.0/*.pcap")
DAY_MESSAGES = 350_000_000  # of a busy day, all symbols


def day(scale: float) -> dict[str, Any]:
    """Every type over 256 symbols, one line; the speed is this run's."""
    found = cosim(
        generated(f"everything:{int(10_000_000 * scale)}:1"), {"packet": 0}, "fast", quiet=True, waveform=True
    )
    if not found["different"]:
        found["full_day_hours"] = round(DAY_MESSAGES / found["messages_per_s"] / 3600, 2)
    return {"passed": found["equal"], **found}


def both_lines(scale: float) -> dict[str, Any]:
    """Both lines, B up to 200 cycles before or behind, a twentieth of the frames lost on one of them."""
    options: dict[str, object] = {"lines": "both", "lag": 200, "drop": 50, "packet": 0, "seed": 2}
    found = cosim(generated(f"everything:{int(2_000_000 * scale)}:2"), options, "fast", quiet=True, waveform=True)
    return {"passed": found["equal"], **found}


def files(_scale: float) -> dict[str, Any]:
    """The published files, where they are."""
    paths = [path for pattern in FILES for path in sorted(DATA.glob(pattern))]
    if not paths:
        return {"passed": True, "skipped": "no published files on this machine"}
    found = {path.name: cosim(path, {"checkpoint": 1000}, "fast", quiet=True) for path in paths}
    return {"passed": all(one["equal"] for one in found.values()), "files": found}


def damaged(scale: float, safe: bool) -> dict[str, Any]:
    """Damaged frames."""
    found = hostile({"frames": int(1_000_000 * scale), "seed": 1}, safe=safe, fast=True, quiet=True)
    return {"passed": found["alike"], **found}


def full_rate(scale: float) -> dict[str, Any]:
    """Every stream of line_rate.py."""
    found = {name: line_rate(name, int(1_000_000 * scale), "fast") for name in STREAMS}
    return {"passed": all(one["held"] for one in found.values()), "streams": found}


def armed(scale: float) -> dict[str, Any]:
    """Trigger scenarios."""
    try:
        found = triggers(int(10_000 * scale), variant="fast")
    except DisagreementError as error:
        return {"passed": False, "why": str(error)}
    return {**found, "passed": True, "orders_passed": found["passed"]}


STEPS: dict[str, Callable[[float], dict[str, Any]]] = {
    "day": day,
    "both_lines": both_lines,
    "files": files,
    "damaged": lambda scale: damaged(scale, safe=False),
    "damaged_safe": lambda scale: damaged(scale, safe=True),
    "full_rate": full_rate,
    "triggers": armed,
}


def main() -> int:
    """Command line: 0 all passed, 1 not, 2 could not run."""
    parser = argparse.ArgumentParser(description="The long runs of the card.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; default all")
    parser.add_argument("--scale", type=float, default=1.0, help="of the usual length, for a trial")
    parser.add_argument("--out", type=Path, default=BUILD / "nightly.json", help="where the findings go")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.steps if name not in STEPS]
    if unknown:
        parser.error(f"{unknown[0]}: no such step")
    found: dict[str, Any] = {}
    for name in arguments.steps or STEPS:
        started = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            result = STEPS[name](arguments.scale)
        except BuildError as error:
            print(error, file=sys.stderr)
            return 2
        found[name] = {**result, "seconds": round(time.monotonic() - started, 1)}
        print(f"{name}: {'passed' if result['passed'] else 'FAILED'} in {found[name]['seconds']} s", flush=True)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if all(result["passed"] for result in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
