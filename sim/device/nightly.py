"""The long runs of the card, one after another: `python -m sim.device.nightly`; about an hour on an idle core.

Co-simulation of ten million messages of every type, on one line and on both with loss; the published files; a million
damaged frames through each card; the worst streams at full rate; ten thousand trigger scenarios; the speed. Each step's
findings go to build/device/nightly.json as they come; a step that finds a difference does not stop the ones behind it.
What could not run, for want of a file or a tool, is named with its reason (`not_run`) and never counts as passed.
`--page` writes docs/reference/card-nightly.md from the findings, and runs nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastpath.records import Error
from sim.device.build import BUILD, ROOT, BuildError
from sim.device.cosim import cosim
from sim.device.day import generated
from sim.device.hostile import hostile
from sim.device.line_rate import STREAMS, line_rate
from sim.device.triggers import DisagreementError, triggers

DATA = ROOT.parent / "shared" / "data"
FILES = ("ritch/*.TEST_ITCH_50", "nasdaq_20191230/*.itch", "omi_nasdaq/Nasdaq.Equities.TotalView.Itch.v5.0/*.pcap")
PAGE = ROOT / "docs" / "reference" / "card-nightly.md"
DAY_MESSAGES = 350_000_000  # of a busy day, all symbols


def day(scale: float) -> dict[str, Any]:
    """Every type over 256 symbols, one line; the speed is this run's."""
    found = cosim(generated(f"everything:{int(10_000_000 * scale)}:1"), {"packet": 0}, "fast", waveform=True)
    if not found["different"]:
        found["full_day_hours"] = round(DAY_MESSAGES / found["messages_per_s"] / 3600, 2)
    return {"passed": found["equal"], **found}


def both_lines(scale: float) -> dict[str, Any]:
    """Both lines, B up to 200 cycles before or behind, a twentieth of the frames lost on one of them."""
    options: dict[str, object] = {"lines": "both", "lag": 200, "drop": 50, "packet": 0, "seed": 2}
    found = cosim(generated(f"everything:{int(2_000_000 * scale)}:2"), options, "fast", waveform=True)
    return {"passed": found["equal"], **found}


def files(_scale: float, data: Path = DATA) -> dict[str, Any]:
    """The published files. A pattern that matches none is not run, and the step has then not passed."""
    matches = {pattern: sorted(data.glob(pattern)) for pattern in FILES}
    missing = {pattern: "no such file on this machine" for pattern, paths in matches.items() if not paths}
    found = {path.name: cosim(path, {"checkpoint": 1000}, "fast") for paths in matches.values() for path in paths}
    passed: bool | None = all(one["equal"] for one in found.values())
    if passed and missing:
        passed = None
    return {"passed": passed, "files": found, "not_run": missing}


def damaged(scale: float, safe: bool) -> dict[str, Any]:
    """Damaged frames."""
    found = hostile({"frames": int(1_000_000 * scale), "seed": 1}, safe=safe, fast=True)
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


def lockstep_line(found: dict[str, Any]) -> str:
    """What one co-simulation went through."""
    text = f"{found['messages']:,} messages, {found['records']:,} records, {found['checkpoints']} checkpoints of the whole order table"
    if found["dropped_a"] or found["dropped_b"]:
        text += f"; {found['dropped_a']:,} frames lost on line A, {found['dropped_b']:,} on B"
    if found["partly"]:
        text += f"; {found['partly']:,} records without the best of a side that is STALE by design"
    return text


def failure(found: dict[str, Any]) -> str:
    """Why a run that ended early did, or an empty text."""
    return str(found.get("reason") or found.get("why") or "") if found["passed"] is False else ""


def rows(name: str, found: dict[str, Any]) -> list[tuple[str, str, bool | None]]:
    """A step's rows of the page: what ran, what was seen, whether it is as it should be (None: not run)."""
    passed = found["passed"]
    missing: list[tuple[str, str, bool | None]] = [
        (f"{name}: {what}" if what != name else name, f"not run: {why}", None)
        for what, why in found.get("not_run", {}).items()
    ]
    if failure(found):
        return [(name, f"stopped: {failure(found)}", passed), *missing]
    if name in found.get("not_run", {}):
        return missing
    if name in ("day", "both_lines"):
        return [(name, lockstep_line(found), passed), *missing]
    if name == "files":
        ran = [(f"files: {file}", lockstep_line(one), one["equal"]) for file, one in found["files"].items()]
        return [*ran, *missing]
    if name == "full_rate":
        return [
            (
                f"full_rate: {stream}",
                f"{one['messages']:,} messages on each line, {one['cycles_per_message']} cycles a message, "
                f"{one['lost'] + one['dropped_records'] + one['hold_full'] + one['refused']} lost or refused, {one['gaps']} gaps",
                one["held"],
            )
            for stream, one in found["streams"].items()
        ]
    if name == "triggers":
        least, most = (found["last_byte_to_first_order_byte_cycles"][key] for key in ("least", "most"))
        return [
            (
                name,
                f"{found['scenarios']:,} scenarios, {found['armed']:,} armed, {found['fired']:,} fired ({found['orders_passed']:,} passed "
                f"the gate), {found['resets']} resets, {found['lost']:,} packets lost; last byte to first order byte "
                f"{least}..{most} cycles",
                passed,
            )
        ]
    if "rules" not in found:
        return [(name, "not run: the findings are of an older judge, which did not compare refusals", None)]
    by_rule = sum(rule["frames"] for rule in found["rules"])
    by_pair = sum(pair["frames"] for pair in found["reason_pairs"])
    seen = (
        f"{found['frames']:,} damaged frames of {len(found['damage'])} sorts among {found['good_frames']:,} good ones, "
        f"{found['messages']:,} messages, {found['compared']:,} records equal; {found['same_reason']:,} frames refused for the same "
        f"reason, {by_pair:,} for another one that is listed, {by_rule:,} under a listed rule"
    )
    return [(name, seen, passed)]


def exceptions(found: dict[str, Any]) -> list[str]:
    """The page's part about where card and software may differ over a damaged frame, and how often they did."""
    runs = [name for name in ("damaged", "damaged_safe") if "rules" in found.get(name, {})]
    if not runs:
        return []
    heads = "".join(f" {run} |" for run in runs)
    lines = [
        "",
        "## Damaged frames: where the card may differ from the software",
        "",
        "The software's verdict on each frame is that of its own code. The card refuses what it refuses, for the same reason, and "
        "takes what it takes, but for these rules; any other difference stops the run. Numbers are frames.",
        "",
        f"| rule | what |{heads}",
        "|---|---|" + "---|" * len(runs),
    ]
    for position, rule in enumerate(found[runs[0]]["rules"]):
        counts = "".join(f" {found[run]['rules'][position]['frames']:,} |" for run in runs)
        lines.append(f"| {rule['name']} | {rule['why']} |{counts}")
    lines += [
        "",
        "Where several things are wrong with a frame the card may see another one first. Its reason must be true of the frame, and "
        "the pair one of these:",
        "",
        f"| the software's reason | the card's | why |{heads}",
        "|---|---|---|" + "---|" * len(runs),
    ]
    for position, pair in enumerate(found[runs[0]]["reason_pairs"]):
        counts = "".join(f" {found[run]['reason_pairs'][position]['frames']:,} |" for run in runs)
        software, card = (Error(-pair[who]).name for who in ("software", "card"))
        lines.append(f"| {software} | {card} | {pair['why']} |{counts}")
    return lines


def page(found: dict[str, Any]) -> str:
    """The page of one run's findings; a step without findings is shown as not run."""
    lines = [
        "# The long runs of the card",
        "",
        "<!-- Made by `python -m sim.device.nightly --page` from build/device/nightly.json. -->",
        "",
        "What `make nightly` found when it last wrote this page. Records of the Verilated card are held against the software's.",
        "",
        "| run | seen | as it should be | seconds |",
        "|---|---|---|---|",
    ]
    absent = {name: {"passed": None, "not_run": {name: "no findings of this step"}, "seconds": 0.0} for name in STEPS}
    for name, result in {**absent, **found}.items():
        for what, seen, passed in rows(name, result):
            verdict = "not run" if passed is None else "yes" if passed else "NO"
            seconds = "" if passed is None else f"{result['seconds']:.0f}"
            lines.append(f"| {what} | {seen} | {verdict} | {seconds} |")
    lines += exceptions(found)
    if "cycles_per_s" in (day := found.get("day", {})):
        lines += [
            "",
            f"Speed of the co-simulated day (build `fast`, one core): {day['cycles_per_s'] / 1e6:.2f} M cycles and "
            f"{day['messages_per_s'] / 1e3:.0f} thousand messages a CPU second; {day['full_day_hours']} hours for a day of "
            f"{DAY_MESSAGES / 1e6:.0f} M messages. Seconds include building the card the first time and depend on what else ran.",
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Command line: 0 every step passed, 1 one did not, 2 none failed, but something could not run (it is named)."""
    parser = argparse.ArgumentParser(description="The long runs of the card.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"of {', '.join(STEPS)}; default all")
    parser.add_argument("--scale", type=float, default=1.0, help="of the usual length, for a trial")
    parser.add_argument("--out", type=Path, default=BUILD / "nightly.json", help="where the findings go")
    parser.add_argument(
        "--page", action="store_true", help=f"write {PAGE.relative_to(ROOT)} from the findings, run nothing"
    )
    arguments = parser.parse_args()
    if arguments.page:
        if not arguments.out.exists():
            print(f"{arguments.out}: no findings there; run a step first", file=sys.stderr)
            return 2
        PAGE.write_text(page(json.loads(arguments.out.read_text(encoding="utf-8"))), encoding="utf-8")
        return 0
    unknown = [name for name in arguments.steps if name not in STEPS]
    if unknown:
        parser.error(f"{unknown[0]}: no such step")
    # What other steps found before stays beside it.
    found: dict[str, Any] = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
    ran = arguments.steps or list(STEPS)
    for name in ran:
        started = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            result = STEPS[name](arguments.scale)
        except BuildError as error:
            result = {"passed": None, "not_run": {name: str(error)}}
        found[name] = {**result, "seconds": round(time.monotonic() - started, 1)}
        for what, why in result.get("not_run", {}).items():
            print(f"{name}: {what} not run: {why}", flush=True)
        verdict = "not run, or not all" if result["passed"] is None else "passed" if result["passed"] else "FAILED"
        print(f"{name}: {verdict} in {found[name]['seconds']} s", flush=True)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    verdicts = [found[name]["passed"] for name in ran]
    return 1 if False in verdicts else 2 if None in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
