"""Runs the cocotb benches and says what became of them; `run.py --help` tells the options.

A line for each bench as it ends, then one closing line "N passed, N failed" (test cases; a bench that does not build
counts as one failure); exit code 0 only when something ran and nothing failed. A failure tells its seed and how to
repeat it, and is run again with that seed to keep its waves (FST) under build/sim/failures. JUnit: one file per bench
in the JUnit directory, and all of them merged in build/sim/junit.xml. How one bench is built and run: benches.py.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import random
import shutil
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sim.rtl.benches import (
    BUILD,
    LENGTHS,
    ROOT,
    Bench,
    How,
    Outcome,
    discover,
    end_all,
    end_with_us,
    execute,
    fst_possible,
)

#: Benches that `--sim ci` runs in four states as well: the whole card, and what is quick.
FOUR_STATE = ("gw_top", "axis_skid", "axis_fifo", "prio64")


def chosen(modules: list[str], sim: str) -> list[Bench]:
    """The benches asked for, in order of their names."""
    if sim != "ci":
        return list(discover(modules, ["verilator", "icarus"] if sim == "both" else [sim]))
    benches = list(discover(modules, ["verilator", "icarus"]))
    return [bench for bench in benches if bench.simulator == "verilator" or bench.module in FOUR_STATE]


def again_with_waves(outcome: Outcome, how: How) -> list[str]:
    """Repeat a failed bench with its seed and keep the waves; returns what to tell."""
    bench = outcome.bench
    told = [f"repeat: sim/rtl/run.py {bench.module} --sim {bench.simulator} --length {how.length} --seed {how.seed}"]
    if not outcome.cases or (bench.simulator == "verilator" and not fst_possible()):
        return told
    kept = BUILD / "failures" / f"{bench.simulator}-{bench.name}-seed{how.seed}.fst"
    waved = replace(how, waves=True, coverage=False, junit=str(Path(how.build) / "junit-waves"))
    execute(bench, waved)
    if waved.fst(bench).exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(waved.fst(bench), kept)
        told.append(f"waves: {kept.relative_to(ROOT)}")
    return told


def run_one(bench: Bench, how: How, waves_on_failure: bool) -> Outcome:
    """Run a bench, and once more with waves when it failed."""
    outcome = execute(bench, how)
    if outcome.failed and not how.waves and waves_on_failure:
        outcome.told += again_with_waves(outcome, how)
    elif how.waves and how.fst(bench).exists():
        outcome.told.append(f"waves: {how.fst(bench)}")
    return outcome


def merge(outcomes: list[tuple[Outcome, How]], into: Path) -> None:
    """One JUnit file of all; every failure carries its seed and how to repeat it."""
    suites = ET.Element("testsuites", name="rtl")
    for outcome, how in outcomes:
        bench = outcome.bench
        note = f"seed {how.seed}; " + "; ".join(line for line in outcome.told if not line.startswith("|"))
        results = how.results(bench)
        name = f"{bench.simulator}.{bench.name}"
        if outcome.cases:
            suite = next(ET.parse(results).getroot().iter("testsuite"))  # noqa: S314 - our own file
            suite.set("name", name)
            for case in suite.iter("testcase"):
                case.set("classname", name)
                for bad in [*case.findall("failure"), *case.findall("error")]:
                    bad.set("message", f"{note}; {bad.get('message', '')}")
        else:
            suite = ET.Element("testsuite", name=name, tests="1", failures="1", errors="0", skipped="0")
            case = ET.SubElement(suite, "testcase", classname=name, name="build", time=f"{outcome.seconds:.3f}")
            ET.SubElement(case, "failure", message=f"{note}; {outcome.broken}").text = "\n".join(outcome.told)
        suites.append(suite)
    into.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(suites).write(into, encoding="utf-8", xml_declaration=True)


def shared_last(benches: list[Bench]) -> list[Bench]:
    """The benches whose design another one builds go last, so that none waits for the other's build."""
    seen: set[tuple[str, str]] = set()
    first: list[Bench] = []
    last: list[Bench] = []
    for bench in benches:
        (last if (bench.simulator, bench.model) in seen else first).append(bench)
        seen.add((bench.simulator, bench.model))
    return first + last


def run_all(benches: list[Bench], hows: list[How], jobs: int, waves_on_failure: bool) -> list[tuple[Outcome, How]]:
    """Run every bench in every way, `jobs` at a time; prints a line for each as it ends."""
    work = [(bench, how) for how in hows for bench in shared_last(benches)]
    done: list[tuple[Outcome, How]] = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(run_one, bench, how, waves_on_failure): how for bench, how in work}
        try:
            for future in concurrent.futures.as_completed(running):
                outcome, how = future.result(), running[future]
                done.append((outcome, how))
                print(
                    f"[{len(done)}/{len(work)}] {'FAIL' if outcome.failed else 'ok  '} {outcome.bench.simulator} "
                    f"{outcome.bench.name}: {outcome.passed} passed, {outcome.failed} failed, seed {how.seed} "
                    f"({outcome.seconds:.1f} s)",
                    flush=True,
                )
                for case in outcome.cases:
                    if not case.passed or len(work) == 1:
                        print(f"    {'ok  ' if case.passed else 'FAIL'} {case.name} ({case.seconds:.1f} s)", flush=True)
                for line in outcome.told:
                    print(f"    {line}", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise
    return done


def main() -> int:
    """Run the benches asked for; 0 when every test passed and at least one ran."""
    parser = argparse.ArgumentParser(description="Run the RTL benches.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="folders under sim/rtl; default: all")
    parser.add_argument(
        "--sim",
        choices=["ci", "verilator", "icarus", "both"],
        help="default: verilator for modules that are named; for all, ci: verilator, and icarus where it is quick",
    )
    parser.add_argument("--seed", type=int, default=None, help="random seed; default: a new one, printed")
    parser.add_argument("--rounds", type=int, default=1, help="so many seeds, one after the other")
    parser.add_argument("--length", choices=LENGTHS, default="normal", help="of the random parts")
    parser.add_argument("-j", "--jobs", type=int, help="benches at a time; default: 1, and 2 for all of them")
    parser.add_argument("--limit", type=float, default=1800.0, help="seconds for one bench")
    parser.add_argument("--junit", type=Path, default=BUILD / "junit", help="directory for the JUnit files")
    parser.add_argument("--waves", action="store_true", help="write an FST of every run")
    parser.add_argument("--test", default=None, help="regular expression of the test names to run")
    parser.add_argument("--coverage", action="store_true", help="build with Verilator's code coverage")
    arguments = parser.parse_args()
    try:
        benches = chosen(arguments.modules, arguments.sim or ("verilator" if arguments.modules else "ci"))
    except LookupError as error:
        raise SystemExit(str(error)) from None

    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    hows = [
        How(
            seed=seed + round_,
            length=arguments.length,
            waves=arguments.waves,
            coverage=arguments.coverage,
            only=arguments.test,
            limit_s=arguments.limit,
            junit=str(arguments.junit.resolve() / (f"round{round_}" if arguments.rounds > 1 else "")),
        )
        for round_ in range(arguments.rounds)
    ]
    jobs = arguments.jobs or (1 if arguments.modules else min(2, os.cpu_count() or 1))
    started = time.monotonic()
    end_with_us()
    print(f"{len(benches)} benches, seed {seed}, {arguments.length} length, {jobs} at a time", flush=True)
    done: list[tuple[Outcome, How]] = []
    for how in hows:  # a round after the other: a bench is built in one place
        done += run_all(benches, [how], jobs, True)
    merge(done, BUILD / "junit.xml")
    passed, failed = sum(o.passed for o, _ in done), sum(o.failed for o, _ in done)
    print(f"{time.monotonic() - started:.0f} s; JUnit: {(BUILD / 'junit.xml').relative_to(ROOT)}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
