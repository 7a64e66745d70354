"""Runs every bench with coverage counters, merges them, and applies the gates: `python -m sim.coverage [MODULE ...]`.

Prints the table and one line for each thing that is not covered; writes build/sim/coverage/{table.md,lcov.info,
coverage.json}; exit code 0 only when every bench passed and every gate holds. With modules named it shows their figures
only, and gates nothing. --report uses what the last run left; --page writes docs/reference/hdl-coverage.md as well.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

from sim.coverage import gates
from sim.coverage.functional import hits
from sim.coverage.points import Totals, parse, proof_lines
from sim.rtl.benches import BUILD, LENGTHS, ROOT, RTL, Bench, How, discover, end_with_us
from sim.rtl.run import run_all

#: Benches whose designs are counted with other parameters already: with them a run takes half as long again, and
#: reaches no line, branch or bin more.
LEFT_OUT = {
    "axis_skid-WIDTH1",
    "bbo_unit-SYM_LOG22",
    "book_core-BUCKET_LOG28-SLOTS1-STASH_LOG22",
    "feed_front-HOLD_LOG29-LOCATE_BITS6-STORE_FWD1",
    "norm_pace-FIFO_LOG29",
    "ord_table-BUCKET_LOG24-SLOTS1-STASH_LOG22",
    "px_ladder-SYM_LOG22",
    "px_ladder-SYM_LOG25",
    "risk_gate-DUP_LOG22-SYM_LOG210",
    "strat_trigger-SLOTS_LOG22",
    "strat_trigger_coverage-SLOTS_LOG22",
}

OUT = BUILD / "coverage"
PAGE = ROOT / "docs" / "reference" / "hdl-coverage.md"
WAIVERS = Path(__file__).resolve().parent / "waivers.json"


def collect(
    benches: list[Bench], how: How, files: dict[str, set[int]]
) -> tuple[Totals, dict[str, dict[str, int]], list[str]]:
    """What the benches' runs have left: counters, functional hits, and which benches left no counters."""
    totals = Totals()
    functional = {goal: dict.fromkeys(bins, 0) for goal, bins in hits().items()}
    without: list[str] = []
    for bench in benches:
        place = how.place(bench)
        counters = place / "coverage.dat"
        if not counters.exists():
            without.append(bench.name)
            continue
        totals.add(parse(counters.read_text(encoding="utf-8"), str(counters)), files)
        found = place / "functional.json"
        for goal, bins in json.loads(found.read_text(encoding="utf-8")).items() if found.exists() else []:
            for name, count in bins.items():
                if name in functional.get(goal, {}):
                    functional[goal][name] += count
    return totals, functional, without


def main() -> int:
    """Run, merge, judge, report."""
    parser = argparse.ArgumentParser(prog="python -m sim.coverage", description="Coverage of the RTL by its benches.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="show these only, no gate")
    parser.add_argument("--report", action="store_true", help="run nothing: judge what the last run left")
    parser.add_argument("--page", action="store_true", help="write the documentation's page")
    parser.add_argument("--every", action="store_true", help="the benches that reach nothing more as well")
    parser.add_argument("--expressions", action="store_true", help="count the terms of expressions as well (no gate)")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--length", choices=LENGTHS, default="normal")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="benches at a time")
    arguments = parser.parse_args()
    try:
        benches = list(discover(arguments.modules, ["verilator"]))
    except LookupError as error:
        raise SystemExit(str(error)) from None
    if not arguments.modules and not arguments.every:
        gone = LEFT_OUT - {bench.name for bench in benches}
        if gone:
            raise SystemExit(f"LEFT_OUT names benches that there are not: {', '.join(sorted(gone))}")
        benches = [bench for bench in benches if bench.name not in LEFT_OUT]
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    how = How(
        seed=seed,
        length=arguments.length,
        coverage=True,
        expressions=arguments.expressions,
        junit=str(OUT / "junit"),
    )
    failed = 0
    started = time.monotonic()
    end_with_us()
    if not arguments.report:
        print(f"{len(benches)} benches with counters, seed {seed}", flush=True)
        failed = sum(outcome.failed for outcome, _ in run_all(benches, [how], arguments.jobs, False))
    sources = {path.name: path.read_text(encoding="utf-8").splitlines() for path in sorted(RTL.glob("*.v"))}
    totals, functional, without = collect(benches, how, {file: proof_lines(text) for file, text in sources.items()})
    if arguments.modules:
        sources = {file: text for file, text in sources.items() if Path(file).stem in arguments.modules}
        functional = {goal: bins for goal, bins in functional.items() if any(bins.values())}
    waivers = gates.read_waivers(WAIVERS)
    verdict = gates.judge(totals, sources, waivers, functional)
    print(gates.table(verdict))
    for line in [*verdict.wrong, *(f"{name}: its run left no counters" for name in without)]:
        print(line)
    if arguments.modules:
        return int(failed > 0)
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "table.md").write_text(gates.table(verdict) + "\n", encoding="utf-8")
    (OUT / "lcov.info").write_text(gates.lcov(totals, "hdl/rtl"), encoding="utf-8")
    (OUT / "coverage.json").write_text(json.dumps(asdict(verdict) | {"seed": seed}, indent=1) + "\n", encoding="utf-8")
    if arguments.page:
        conditions = f"{len(benches)} benches, {arguments.length} length, seed {seed}."
        PAGE.write_text(gates.page(verdict, waivers, conditions), encoding="utf-8")
    bad = len(verdict.wrong) + len(without)
    print(f"{time.monotonic() - started:.0f} s; lcov, table and JSON in {OUT.relative_to(BUILD.parents[1])}")
    print(f"coverage: {'met' if not bad and not failed else f'{bad} gates open, {failed} tests failed'}")
    return int(bool(bad or failed))


if __name__ == "__main__":
    sys.exit(main())
