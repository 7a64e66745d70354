"""Plants small errors in the RTL, one at a time, and runs the benches until one fails: `judge.py [FILE.v ...]`.

Which errors: mutants.py, from the seed, spread over the modules by their size. Each is built and run against the
module's own benches, or those of the smallest design around it; the first failure ends it (killed). One that no bench
tells from the original is a survivor, and must be explained in explained.json (by its key). A result stands in
results.json until the module or a bench that judged it changes, so a run goes on where the last one ended; until the
module is judged anew the older ones stay and are shown as such. Prints a line for each; exit code 0 when at least SCORE
percent are killed, every survivor is explained and nothing is older. It writes results.json,
docs/reference/hdl-mutation.md and build/mutation only; the RTL itself is never touched.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

from mutants import Mutant, quota, shuffled, sites  # noqa: E402

from sim.rtl.benches import RTL, Bench, How, discover, end_all, end_with_us, environment, execute  # noqa: E402

BUILD = ROOT / "build" / "mutation"
BASELINES = BUILD / "baselines.json"
RESULTS = HERE / "results.json"
EXPLAINED = HERE / "explained.json"
PAGE = ROOT / "docs" / "reference" / "hdl-mutation.md"
SEED = 20260101
PER_MUTANT = 80  # sites of a module for each of its mutants that is judged
SCORE = 90.0
NEVER_ENDS = " (never ends)"
_INSTANCE = re.compile(r"^\s*(\w+)\s*(?:#\s*\(|\s\w+\s*\()", re.M)


@dataclass
class Result:
    """What became of one mutant. `fate`: killed, survived; `by` the bench that failed; `stamp` of what judged it."""

    key: str
    file: str
    line: int
    code: str
    old: str
    new: str
    why: str
    fate: str
    by: str
    seconds: float
    stamp: str


def hierarchy() -> dict[str, set[str]]:
    """For each module the modules below it, itself included."""
    names = {path.stem for path in RTL.glob("*.v")}
    below = {
        path.stem: {m for m in _INSTANCE.findall(path.read_text(encoding="utf-8")) if m in names and m != path.stem}
        for path in RTL.glob("*.v")
    }
    closed: dict[str, set[str]] = {}

    def close(name: str) -> set[str]:
        if name not in closed:
            closed[name] = {name}
            for child in below[name]:
                closed[name] |= close(child)
        return closed[name]

    for name in names:
        close(name)
    return closed


def judges(module: str, benches: list[Bench], below: dict[str, set[str]], deep: bool) -> list[Bench]:
    """The module's own benches, or where it has none those of the smallest design around it; `deep`: one more.

    All of that design's: a part that only some sizes have must meet those.
    """

    def contents(bench: Bench) -> set[str]:
        if bench.top in below:
            return below[bench.top]
        own = (ROOT / bench.test).parent / f"{bench.top}.v"  # a bench's own top, beside it
        inside = [below[m] for m in _INSTANCE.findall(own.read_text(encoding="utf-8")) if m in below]
        return set().union(*inside)

    fitting = [bench for bench in benches if module in contents(bench)]
    ordered = sorted(fitting, key=lambda bench: (bench.module != module, len(contents(bench)), bench.name))
    near = [bench for bench in ordered if bench.module == ordered[0].module]
    return near + [bench for bench in ordered if bench not in near][:deep]


def stamp(module: str, by: str, chosen: list[Bench]) -> str:
    """Of the module's text and of the benches that judged it (`by`, as in a result): what the result depends on.

    A survivor depends on every bench that might have killed it, so one bench more makes its result an old one.
    """
    names = by.removesuffix(NEVER_ENDS).split(", ")
    parts = [(RTL / f"{module}.v").read_bytes()]
    parts += [(ROOT / test).read_bytes() for test in sorted({bench.test for bench in chosen if bench.name in names})]
    return hashlib.sha256(b"|".join(parts)).hexdigest()[:12]


def stands(old: Result | None, chosen: list[Bench], deep: bool) -> bool:
    """Whether a result is of the present module and benches; with `deep` no survivor's is."""
    if old is None or old.stamp != stamp(Path(old.file).stem, old.by, chosen):
        return False
    met = set(old.by.split(", "))
    return old.fate != "survived" or (not deep and met >= {bench.name for bench in chosen})


def plant(mutant: Mutant, place: Path) -> Path:
    """A copy of the RTL with the error in it."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(RTL, place)
    target = place / mutant.file
    target.write_text(mutant.apply(target.read_text(encoding="utf-8")), encoding="utf-8")
    return place


def builds(place: Path, file: str) -> bool:
    """Whether the module with the error is still Verilog."""
    env = environment()
    command = [
        str(Path(env["VERILATOR_ROOT"]) / "bin" / "verilator_bin"), "--lint-only", "-Wno-fatal", "-Wno-lint",
        *(f"-I{d}" for d in (place, ROOT / "hdl" / "spec" / "generated", ROOT / "hdl" / "formal")),
        "-y", str(place), "--top-module", Path(file).stem, str(place / file),
    ]  # fmt: skip
    return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0


def baseline(bench: Bench, how: How, known: dict[str, float]) -> float:
    """Seconds that the bench takes on the unchanged RTL, where it must pass. Raises SystemExit where it does not.

    What an earlier run found for the same RTL and the same bench is kept in build/mutation.
    """
    if not known and BASELINES.exists():
        known |= json.loads(BASELINES.read_text(encoding="utf-8"))
    texts = [path.read_bytes() for path in sorted(RTL.glob("*.v*"))] + [(ROOT / bench.test).read_bytes()]
    key = f"{bench.name} {hashlib.sha256(b'|'.join(texts)).hexdigest()[:12]}"
    if key not in known:
        outcome = execute(bench, replace(how, rtl=str(RTL), limit_s=3600.0))
        if outcome.failed:
            raise SystemExit(f"{bench.name} fails without any error planted: {outcome.broken or outcome.told[-5:]}")
        known[key] = outcome.seconds
        BASELINES.write_text(json.dumps(known), encoding="utf-8")
    return known[key]


def judge(mutant: Mutant, chosen: list[Bench], how: How, known: dict[str, float]) -> tuple[str, str] | None:
    """(fate, bench) of a mutant; None when it is no longer Verilog."""
    place = plant(mutant, BUILD / "rtl")
    if not builds(place, mutant.file):
        return None
    for bench in chosen:
        limit = 60.0 + 4.0 * baseline(bench, how, known)
        outcome = execute(bench, replace(how, rtl=str(place), limit_s=limit))
        if outcome.failed:
            return "killed", f"{bench.name}{NEVER_ENDS if 'not done in' in outcome.broken else ''}"
    return "survived", ", ".join(bench.name for bench in chosen)


def earlier(results: dict[str, Result], current: dict[str, Result], file: str, room: int) -> list[Result]:
    """Up to `room` results of a file that stand for an earlier state of it or of its bench, in order of their keys."""
    old = [result for key, result in sorted(results.items()) if result.file == file and key not in current]
    return [result for result in old if result.fate != "not built"][:room]


def page(results: list[Result], explained: dict[str, str], missing: int, older: set[str]) -> str:
    """The table for the documentation; `older` are the keys of results from before a change, `missing` have none."""
    files = sorted({result.file for result in results})
    killed = sum(result.fate == "killed" for result in results)
    lines = [
        "# Mutation score of the RTL benches", "",
        "<!-- Made by hdl/mutation/judge.py from hdl/mutation/results.json. -->", "",
        "Each mutant is one operator, constant or condition of `hdl/rtl` changed; `make hdl-mutation` builds it and",
        "runs the benches of the designs that contain the module until one fails. A seed chooses them, spread by the",
        "modules' size.", "",
        f"**{killed} of {len(results)} killed ({100.0 * killed / max(1, len(results)):.1f} %)**, seed {SEED}"
        f"{f'; {missing} more are chosen and not judged yet' if missing else ''}.",
        *([f"{len(older)} were judged on an earlier state of the module or of its bench."] if older else []), "",
        "| module | mutants | killed | survived | judged on |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for file in files:
        own = [result for result in results if result.file == file]
        dead = sum(result.fate == "killed" for result in own)
        before = sum(result.key in older for result in own)
        on = "this state" if not before else f"an earlier state: {before}" if before < len(own) else "an earlier state"
        lines.append(f"| `{file}` | {len(own)} | {dead} | {len(own) - dead} | {on} |")
    alive = [result for result in results if result.fate != "killed"]
    if alive:
        lines += ["", "## Survivors", "", "| where | change | why no bench can or does see it |", "|---|---|---|"]
    for result in alive:
        code = result.code.replace("|", "\\|")
        change = f"`{result.old}` to `{result.new}`".replace("|", "\\|")
        lines.append(f"| `{result.file}`: `{code}` | {change} | {explained.get(result.key, '**not explained**')} |")
    return "\n".join(lines) + "\n"


def save(results: dict[str, Result]) -> None:
    """Write what is known so far."""
    ordered = [asdict(result) for _, result in sorted(results.items(), key=lambda item: (item[1].file, item[1].line))]
    RESULTS.write_text(json.dumps({"seed": SEED, "results": ordered}, indent=1) + "\n", encoding="utf-8")


def read_results() -> dict[str, Result]:
    """What earlier runs found, with this seed."""
    if not RESULTS.exists():
        return {}
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {entry["key"]: Result(**entry) for entry in found["results"]} if found["seed"] == SEED else {}


def main() -> int:
    """Judge the mutants that have no standing result, write everything, say the score."""
    parser = argparse.ArgumentParser(description="Mutation score of the RTL benches.")
    parser.add_argument("files", nargs="*", metavar="FILE", help="of hdl/rtl; default: all")
    parser.add_argument("--list", action="store_true", help="show the mutants only")
    parser.add_argument("--deep", action="store_true", help="survivors meet the next larger design as well")
    parser.add_argument("--first", metavar="BENCH", help="the bench that meets a mutant first, where it may")
    parser.add_argument("--page", action="store_true", help="write the page from what is known, run nothing")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no mutant after this")
    arguments = parser.parse_args()
    explained: dict[str, str] = json.loads(EXPLAINED.read_text(encoding="utf-8"))["survivors"]
    below = hierarchy()
    benches = list(discover([], ["verilator"]))
    names = [
        name for name in sorted(path.name for path in RTL.glob("*.v")) if name in arguments.files or not arguments.files
    ]
    results = read_results()
    how = How(
        seed=SEED,
        length="quick",
        max_failures=1,
        build=str(BUILD / "benches"),
        junit=str(BUILD / "junit"),
        fast_build=True,
    )
    known: dict[str, float] = {}
    end_with_us()
    began = time.monotonic()
    current: dict[str, Result] = {}
    older: set[str] = set()
    missing = 0
    for name in names:
        order = shuffled(sites((RTL / name).read_text(encoding="utf-8"), name), SEED)
        chosen = judges(Path(name).stem, benches, below, arguments.deep)
        chosen.sort(key=lambda bench: bench.name != arguments.first)
        wanted = quota(len(order), PER_MUTANT)
        if arguments.list:
            print(f"{name}: {len(order)} sites, {wanted} mutants, benches {', '.join(b.name for b in chosen)}")
            continue
        judged = 0
        for mutant in order:
            if judged == wanted:
                break
            old = results.get(mutant.key)
            if old is not None and stands(old, chosen, arguments.deep):
                current[mutant.key] = replace(old, line=mutant.line)
                judged += old.fate != "not built"
                continue
            if arguments.page or time.monotonic() - began > 60.0 * arguments.minutes:
                before = earlier(results, current, name, wanted - judged)
                older.update(result.key for result in before)
                missing += wanted - judged - len(before)
                break
            started = time.monotonic()
            fate = judge(mutant, chosen, how, known)
            took = time.monotonic() - started
            told = fate or ("not built", "")
            judged += fate is not None
            current[mutant.key] = results[mutant.key] = Result(
                mutant.key,
                name,
                mutant.line,
                mutant.code,
                mutant.old,
                mutant.new,
                mutant.why,
                *told,
                round(took, 1),
                stamp(mutant.file.removesuffix(".v"), told[1], chosen),
            )
            save(results)
            print(
                f"{name} {judged}/{wanted} {told[0]} {told[1]}: {mutant.key} line {mutant.line} {mutant.old!r} -> "
                f"{mutant.new!r} ({took:.0f} s)\n    {mutant.code}",
                flush=True,
            )
    if arguments.list:
        return 0
    current |= {key: results[key] for key in older}
    counted = [result for result in current.values() if result.fate != "not built"]
    if not arguments.files:
        save(current)
        PAGE.write_text(
            page(sorted(counted, key=lambda r: (r.file, r.line)), explained, missing, older), encoding="utf-8"
        )
    alive = [result for result in counted if result.fate == "survived"]
    unexplained = [result.key for result in alive if result.key not in explained]
    score = 100.0 * (len(counted) - len(alive)) / max(1, len(counted))
    rest = f", {len(older)} of an earlier state" * bool(older) + f", {missing} not judged" * bool(missing)
    killed = len(counted) - len(alive)
    print(f"{len(counted)} mutants, {killed} killed ({score:.1f} %), {len(unexplained)} not explained{rest}")
    return 0 if counted and score >= SCORE and not unexplained and not missing and not older else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        end_all()
