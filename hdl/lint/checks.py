"""Static checks of the RTL: `checks.py [--only MODULE] [--svg FILE] [--propose]`; exit code 1 when one fails.

Every hdl/rtl/*.v must be in the subset that all tools read, carry its header, keep inputs and outputs apart by
registers, have the register depth its header promises, and reset what is on no allow-list. hdl/lint/allowed.json holds
what is allowed and promised, each exception with its reason. It changes no file but the drawing asked for.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsm
import fsm_page
from netgraph import Depths, Module, distances, read, search, way
from parsed import HERE, ROOT, RTL, parse
from register_map import register_map
from subset import bare, structure, style

#: What a bus of AXI shakes hands with: no way from an input to one of these without a register, whatever the list says.
HANDSHAKE = re.compile(r"[sm]_axi[sl]_\w*(?:valid|ready)")


def clocking(module: Module, allowed: dict[str, Any]) -> Iterator[str]:
    """One clock, rising; resets as the allow-list says."""
    if module.clocks - {"posedge clk"}:
        yield f"clocks: {', '.join(sorted(module.clocks))}"
    free = module.registers - module.reset
    listed = set(allowed["no_reset"].get(module.name, []))
    for name in sorted(free - listed):
        yield f"register without reset that is not on the list: {name}"
    for name in sorted(listed - free):
        yield f"on the list of registers without reset, but it has one or is gone: {name}"


def apart(module: Module, reached: Depths, allowed: dict[str, Any]) -> Iterator[str]:
    """Combinational ways from input to output."""
    exempt = allowed["combinational"].get(module.name, {})
    used = set()
    for source, outputs in sorted(reached.items()):
        for output, depth in sorted(outputs.items()):
            if depth or source == "clk":
                continue
            hit = next((rule for rule in exempt if re.fullmatch(rule, f"{source} -> {output}")), None)
            if hit is None:
                yield f"combinational path {source} -> {output}"
            else:
                used.add(hit)
                if HANDSHAKE.fullmatch(output):
                    yield f"combinational path that no list allows, to a handshake: {source} -> {output}"
    for rule in sorted(set(exempt) - used):
        yield f"allowed combinational path that does not exist: {rule}"


def depths(
    module: Module, library: dict[str, Module], ways: dict[str, Depths], allowed: dict[str, Any]
) -> Iterator[str]:
    """The promised depths, along the hierarchy; where one is not kept, a shortest way is told."""
    promises = allowed["depth"].get(module.name, {})
    searched = search(module, library, ways, allowed["depth_without"]) if promises else {}
    for rule, promised in promises.items():
        source, output = rule.split(" -> ")
        reached, before = searched.get(source, ({}, {}))
        if reached.get(output) != promised:
            shown = " ".join(way(before, output)) if output in reached else "no way"
            yield f"depth {rule} is {reached.get(output)}, promised {promised}: {shown}"


def asserted(allowed: dict[str, Any]) -> Iterator[str]:
    """What the benches assert of a latency against the depth promised for it."""
    for place, (file, pattern) in allowed["depth_asserted"].items():
        module, rule = place.split(": ")
        promised = allowed["depth"][module][rule]
        found = {int(number) for number in re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"), re.M)}
        if found != {promised}:
            yield f"{module}: {file} asserts {sorted(found) or 'nothing'} cycles for {rule}, its depth is {promised}"


def spec() -> Iterator[str]:
    """The RTL's own tables against the specification: packed bus without holes, every ITCH type decoded."""
    text = (RTL / "norm_bus.vh").read_text(encoding="utf-8")
    slices = [
        (int(low or high), int(high))
        for high, low in re.findall(r"^`define NORM_\w+ (\d+)(?::(\d+))?$", text, flags=re.M)
    ]
    sizes = dict(re.findall(r"^`define (NORM_\w*BITS) (\d+)$", text, flags=re.M))
    fields = sorted((low, high) for low, high in slices if str(high) not in sizes.values() or high != low)
    at = 0
    for low, high in fields:
        if low != at:
            yield f"norm_bus.vh: bit {at} is in no field or in two"
        at = high + 1
    if str(at) != sizes.get("NORM_BITS"):
        yield f"norm_bus.vh: the fields have {at} bits, NORM_BITS says {sizes.get('NORM_BITS')}"
    messages = json.loads((ROOT / "hdl" / "spec" / "itch50.json").read_text(encoding="utf-8"))["messages"]
    norm = bare((RTL / "itch_norm.v").read_text(encoding="utf-8"))
    for message in messages:
        name = message["id"].upper()
        if f"`ITCH_{name}_TYPE:" not in norm or f"should = `ITCH_{name}_LEN;" not in norm:
            yield f"itch_norm.v does not decode {message['type']} with its length"
    reasons = json.loads((ROOT / "hdl" / "spec" / "records.json").read_text(encoding="utf-8"))
    errors = {name: code for enum in reasons["enums"] if enum["name"] == "error" for name, code, _ in enum["values"]}
    for path in sorted(RTL.glob("*.v")):
        code = path.read_text(encoding="utf-8")
        if "fp_error code" not in code:
            continue
        for name, value in re.findall(r"localparam \[7:0\] (\w+) = 8'd(\d+);", code):
            if errors.get(name, int(value)) != int(value):
                yield f"{path.name}: {name} is {value}, the specification says {errors[name]}"


def draw(library: dict[str, Module], top: str, out: Path) -> None:
    """Write the module hierarchy as an SVG tree, equal instances counted."""
    rows: list[tuple[int, str]] = []

    def walk(name: str, depth: int, count: int) -> None:
        rows.append((depth, name if count == 1 else f"{name} x {count}"))
        inner: dict[str, int] = {}
        for instance in library[name].instances if name in library else []:
            inner[instance.module] = inner.get(instance.module, 0) + 1
        for child, times in inner.items():
            if child == name:  # a tree of itself is drawn once
                continue
            walk(child, depth + 1, times)

    walk(top, 0, 1)
    lines = []
    height = 26
    last: dict[int, int] = {}
    for number, (depth, label) in enumerate(rows):
        x, y = 12 + depth * 34, 10 + number * height
        if depth:
            px, py = x - 20, 10 + last[depth - 1] * height + 18
            lines.append(f'<path d="M{px} {py} V{y + 9} H{x}" fill="none" stroke="#8a94a6"/>')
        lines.append(f'<rect x="{x}" y="{y}" width="200" height="18" rx="3" fill="#eef2f8" stroke="#4a5568"/>')
        lines.append(f'<text x="{x + 8}" y="{y + 13}">{label}</text>')
        last[depth] = number
    width = 232 + max(depth for depth, _ in rows) * 34
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{20 + len(rows) * height}"'
    style_text = ' font-family="monospace" font-size="12" fill="#1a202c">'
    out.write_text("\n".join([head + style_text, *lines, "</svg>"]) + "\n", encoding="utf-8")


def main() -> int:
    """Run every check; print what is wrong, then a closing line."""
    parser = argparse.ArgumentParser(description="Static checks of the RTL.")
    parser.add_argument("--only", action="append", default=[], metavar="MODULE", help="report on these modules only")
    parser.add_argument("--svg", type=Path, help="write the hierarchy below --top here")
    parser.add_argument("--top", default="feed_front", help="top of the drawing")
    parser.add_argument("--propose", action="store_true", help="print allow-list entries for what is found, and stop")
    arguments = parser.parse_args()
    allowed = json.loads((HERE / "allowed.json").read_text(encoding="utf-8"))
    wrong: list[str] = []
    library: dict[str, Module] = {}
    states: list[fsm.Machine] = []
    files = sorted(RTL.glob("*.v"))
    for path in files:
        for complaint in style(path, allowed["cannot_overflow"]):
            wrong.append(f"{path.stem}: {complaint}")
        try:
            tree = parse(path)
            library[path.stem] = read(tree)
            wrong += [f"{path.stem}: {complaint}" for complaint in structure(tree)]
            found, odd = fsm.machines(tree)
            states += found
            wrong += [f"{path.stem}: {complaint}" for complaint in odd]
        except ValueError as error:
            wrong.append(f"{path.stem}: {error}")
    known: dict[str, Depths] = {}
    ways: dict[str, Depths] = {}
    for name, module in library.items():
        try:
            reached = distances(module, library, known)
        except ValueError as error:
            wrong.append(f"{name}: {error}")
            continue
        if arguments.propose:
            free = sorted(module.registers - module.reset)
            through = [f"{s} -> {o}" for s, outs in sorted(reached.items()) for o, d in sorted(outs.items()) if not d]
            print(json.dumps({name: {"no_reset": free, "combinational": through}}))
            continue
        wrong += [f"{name}: {complaint}" for complaint in clocking(module, allowed)]
        wrong += [f"{name}: {complaint}" for complaint in apart(module, reached, allowed)]
        distances(module, library, ways, allowed["depth_without"])
        wrong += [f"{name}: {complaint}" for complaint in depths(module, library, ways, allowed)]
    if arguments.propose:
        return 0
    wrong += spec()
    wrong += asserted(allowed)
    wrong += fsm.judge(states, allowed["fsm_ends"])
    for name in fsm_page.stale(fsm_page.pages(states, allowed["fsm_ends"]), fsm_page.DOCS):
        wrong.append(f"{name}: not as the RTL is: run hdl/lint/fsm_page.py")
    wrong += [f"csr_axil: {complaint}" for complaint in register_map()]
    if arguments.svg:
        draw(library, arguments.top, arguments.svg)
    if arguments.only:
        wrong = [line for line in wrong if line.split(":")[0].removesuffix(".v") in arguments.only]
    for line in wrong:
        print(line)
    for machine in (machine for machine in states if machine.named and not arguments.only):
        shown = ", ".join(machine.label(state) for state in sorted(machine.reached))
        print(f"{machine.title}: {shown}; {machine.label(machine.starts[0])} after the reset")
    named = sum(machine.named for machine in states)
    print(f"{named} named state machines, {len(states) - named} of flags")
    print(f"{len(files)} modules, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
