"""What can be read off and done to a mapped netlist in yosys' JSON: bound it with registers, count it, find its depth.

Never runs a tool.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

Json = dict[str, Any]
TRELLIS_FF = {"GSR": "DISABLED", "CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET",
              "SRMODE": "LSR_OVER_CE"}
DIRECTIONS = {"CLK": "input", "LSR": "input", "CE": "input", "DI": "input", "Q": "output"}
SEQUENTIAL = re.compile(r"^(FD[RSCP]E|LD[CP]E|RAMB(18|36)E2|URAM288|SRL16E|SRLC32E|uram_box)$")
BALLAST = "ballast."
LUT_RAM = re.compile(r"^RAM\d+(M\d*|X\d+[SD])$")


def bound(netlist: Json, top: str) -> int:
    """Replace every port of an ECP5 netlist but `clk` by a register; return how many were added.

    With it the paths from an input and to an output are reg-to-reg paths of one clock, as they are in a design, and
    only the clock needs a pin. The design's logic is not touched.
    """
    module = netlist["modules"][top]
    netlist["modules"] = {top: module}
    free = 1 + max(bit for net in module["netnames"].values() for bit in net["bits"] if isinstance(bit, int))
    clock = module["ports"]["clk"]["bits"][0]
    added = 0
    for name, port in list(module["ports"].items()):
        if name == "clk":
            continue
        del module["ports"][name]
        for place, bit in enumerate(port["bits"]):
            if not isinstance(bit, int):
                continue  # a constant output
            into = port["direction"] == "input"
            module["cells"][f"{'in' if into else 'out'}.{name}[{place}]"] = {
                "hide_name": 0, "type": "TRELLIS_FF", "parameters": TRELLIS_FF, "attributes": {"keep": "1"},
                "port_directions": DIRECTIONS,
                "connections": {"CLK": [clock], "LSR": ["0"], "CE": ["1"], "DI": [bit], "Q": [bit if into else free]},
            }
            free += not into
            added += 1
    return added


def ballast(netlist: Json, top: str, number: int) -> None:
    """Hang another LUT, whose output goes nowhere, on `number` of an ECP5 netlist's LUTs, one on each at most.

    A placer packs cells as closely as it can, and leaves the wires between them no room. Ballast stays beside what it
    hangs on and holds room there; `without_ballast` takes it out of the placed design again.
    """
    cells = netlist["modules"][top]["cells"]
    free = 1 + max(bit for cell in cells.values() for bits in cell["connections"].values() for bit in bits
                   if isinstance(bit, int))
    luts = sorted(name for name, cell in cells.items() if cell["type"] == "LUT4")
    for place in range(number):
        name, output = f"{BALLAST}{place}", free + place
        held = cells[luts[place * len(luts) // number]]["connections"]["Z"]
        inputs = {"A": held, "B": ["1"], "C": ["1"], "D": ["1"]}
        cells[name] = {
            "hide_name": 0, "type": "LUT4", "parameters": {"INIT": f"{0xAAAA:016b}"}, "attributes": {"keep": "1"},
            "port_directions": dict.fromkeys(inputs, "input") | {"Z": "output"},
            "connections": inputs | {"Z": [output]},
        }
        netlist["modules"][top]["netnames"][name] = {"hide_name": 0, "bits": [output], "attributes": {}}


def without_ballast(design: Json) -> int:
    """Take what `ballast` added out of a design that nextpnr has placed; return how many LUTs that were."""
    taken = 0
    for module in design["modules"].values():
        for kind in ("cells", "netnames"):
            for name in [name for name in module[kind] if name.startswith(BALLAST)]:
                del module[kind][name]
                taken += kind == "cells"
    return taken


def count(netlist: Json, top: str) -> Counter[str]:
    """Cells of the top module by type."""
    return Counter(cell["type"] for cell in netlist["modules"][top]["cells"].values())


def ultra_rams(netlist: Json, top: str) -> tuple[int, int]:
    """UltraRAMs (4,096 x 72) that the boxed memories need, and bits that are stored in them."""
    blocks = bits = 0
    for cell in netlist["modules"][top]["cells"].values():
        if cell["type"] == "uram_box":
            width, depth_log2 = (int(cell["parameters"][key], 2) for key in ("WIDTH", "DEPTH_LOG2"))
            blocks += math.ceil(width / 72) << (depth_log2 - 12)
            bits += width << depth_log2
    return blocks, bits


def levels(netlist: Json, top: str) -> Json:
    """The longest path between registers, RAMs and ports of an UltraScale+ netlist, in LUTs.

    Returns lut (levels), carry and dsp (blocks on that path), start and end (names). A carry block counts as connected
    from each input to each output. ValueError names a cell of a combinational loop.
    """
    module = netlist["modules"][top]
    cells = module["cells"]
    driver: dict[int, str] = {}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) == "output":
                driver.update((bit, name) for bit in bits if isinstance(bit, int))

    def through(name: str) -> list[str]:
        """Cells that drive the inputs from which a signal goes through this cell."""
        cell = cells[name]
        if SEQUENTIAL.match(cell["type"]):
            return []
        ports = [port for port, way in cell["port_directions"].items() if way == "input"]
        if LUT_RAM.match(cell["type"]):
            ports = [port for port in ports if port.startswith(("ADDR", "A", "DPRA"))]
        return [driver[bit] for port in ports for bit in cell["connections"].get(port, []) if bit in driver]

    def weight(name: str) -> int:
        kind = cells[name]["type"]
        return int(kind.startswith("LUT") or bool(LUT_RAM.match(kind)))  # an INV goes into the next LUT or register

    depth: dict[str, int] = {}
    before: dict[str, str | None] = {}
    open_cells: set[str] = set()

    def visit(first: str) -> None:
        stack = [first]
        while stack:
            name = stack[-1]
            if name in depth:
                stack.pop()
                continue
            todo = [source for source in through(name) if source not in depth]
            if todo:
                open_cells.add(name)
                if any(source in open_cells for source in todo):
                    raise ValueError(f"combinational loop at {name}")
                stack.extend(todo)
                continue
            best = max(through(name), key=lambda source: depth[source], default=None)
            depth[name] = weight(name) + (depth[best] if best is not None else 0)
            before[name] = best
            open_cells.discard(name)
            stack.pop()

    deepest, end, last = -1, "", ""
    named = {name: net for name, net in module["netnames"].items() if not net["hide_name"]}
    net_of: dict[int, str] = {bit: name for name, net in named.items() for bit in net["bits"]}
    inputs = {bit: name for name, port in module["ports"].items() if port["direction"] == "input"
              for bit in port["bits"]}

    def title(name: str) -> str:
        for port, bits in cells[name]["connections"].items():
            if cells[name]["port_directions"].get(port) == "output":
                known = [net_of[bit] for bit in bits if bit in net_of]
                if known:
                    return known[0]
        return name

    def close(bits: list[Any], where: str) -> None:
        nonlocal deepest, end, last
        for bit in bits:
            if bit in driver:
                visit(driver[bit])
                if depth[driver[bit]] > deepest:
                    deepest, end, last = depth[driver[bit]], where, driver[bit]

    for name, cell in cells.items():
        if SEQUENTIAL.match(cell["type"]) or LUT_RAM.match(cell["type"]):
            for port, bits in cell["connections"].items():
                if cell["port_directions"].get(port) == "input":
                    close(bits, f"{title(name)} ({cell['type']})")
    for name, port in module["ports"].items():
        if port["direction"] == "output":
            close(port["bits"], f"output {name}")
    carry = dsp = 0
    start = last
    step: str | None = last
    while step:
        start = step
        carry += cells[step]["type"].startswith("CARRY")
        dsp += cells[step]["type"].startswith("DSP")
        step = before[step]
    begins = f"{title(start)} ({cells[start]['type']})" if start else ""
    if start and not SEQUENTIAL.match(cells[start]["type"]):
        given = [inputs[bit] for bits in cells[start]["connections"].values() for bit in bits if bit in inputs]
        begins = f"input {given[0]}" if given else begins
    return {"lut": max(deepest, 0), "carry": carry, "dsp": dsp, "start": begins, "end": end}
