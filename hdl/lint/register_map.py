"""The register file against hdl/spec/registers.json: each register's reset, width, write, read and command.

Names are compared, not only values: the generated constants are kept as names when the file is parsed, so a register
that starts with another's reset value of the same size is found. What the card does with a register is the benches'
matter.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsm import below, source
from netgraph import names
from nextstate import constant, show
from parsed import ROOT, RTL, parse
from pyverilog.vparser import ast as v

PREFIX = "FP_REG_"
SLOT_BITS = ("ARMED", "FIRED", "EXPIRED", "DISARMED", "SENT", "REFUSED")
#: What a read of a register shows that is not simply the register that a write keeps. `wo` registers read 0.
SHOWN = {
    "ID": "FP_REG_ID_RESET",
    "VERSION": "FP_REG_VERSION_RESET",
    "BUILD": "BUILD",
    "CAPS": "CAPS",
    "STATUS": "{23'd0, load_refused, status[7:0]}",
    "CYCLE_LO": "now[31:0]",
    "CYCLE_HI": "high",
    "EXPECTED_SEQ_LO": "expected_seq[31:0]",
    "EXPECTED_SEQ_HI": "high",
    "NEXT_URN": "next_urn",
    "ORDERS_LIVE": "orders_live",
    "ORDERS_PEAK": "orders_peak",
    "STASH_LEVEL": "{24'd0, stash_level}",
    **{name: "{{32 - SLOTS{{1'd0}}}, " + name.lower() + "}" for name in SLOT_BITS},
    "REASONS": "{16'd0, slot_reasons}",
    "LATENCY_MIN": "{16'd0, latency_min}",
    "LATENCY_MAX": "{16'd0, latency_max}",
    "LATENCY_COUNT": "latency_count",
    "LATENCY_SUM_LO": "latency_sum[31:0]",
    "LATENCY_SUM_HI": "high",
}
#: What the upper half is taken from when the lower one is read.
HALVES = {"CYCLE_LO": "{16'd0, now[47:32]}", "EXPECTED_SEQ_LO": "expected_seq[63:32]", "LATENCY_SUM_LO": "sum_high"}
#: Registers that a bank shows: by the first letters of the name, their flags, 16 to a bank.
BANKS = {"COUNT_": ("is_low", "is_mid", "is_top"), "LATENCY_BIN_": ("is_bar",)}


def text(node: Any) -> str:
    """An expression as text; a bit literal is written one way."""
    return show(node).replace("1'b0", "1'd0")


def named(path: Path) -> v.ModuleDef:
    """A module parsed with the registers' constants left as names."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_text(path.read_text(encoding="utf-8").replace(f"`{PREFIX}", PREFIX), encoding="utf-8")
        return parse(copy)


def assigned(statement: Any) -> list[tuple[str, str]]:
    """Left and right sides of the assignments in a statement."""
    kinds = v.NonblockingSubstitution | v.BlockingSubstitution
    parts = list(below(statement)) if statement else []
    return [(text(node.left), text(node.right)) for node in parts if isinstance(node, kinds)]


def labels(case: Any) -> Iterator[tuple[str, Any]]:
    """Register name and statement of each label."""
    for one in case.caselist:
        for label in one.cond or ():
            if isinstance(label, v.Identifier) and label.name.startswith(PREFIX):
                yield label.name.removeprefix(PREFIX), one.statement
            else:
                yield f"? {text(label)}", one.statement


def merged(name: str, width: int) -> str:
    """How a write of some of its bytes is put into a register."""
    if width == 8:
        return f"w_strobe[0] ? w_data[7:0] : {name}"
    if width == 16:
        return f"merge_half({name}, w_data[15:0], w_strobe[1:0])"
    return f"merge({name}, w_data, w_strobe)"


def bytewise(width: int) -> str:
    """What the merging function of this width must return."""
    parts = []
    for byte in reversed(range(width // 8)):
        part = f"[{8 * byte + 7}:{8 * byte}]"
        parts.append(f"strobe[{byte}] ? data{part} : old{part}")
    return "{" + ", ".join(parts) + "}"


def check(registers: list[dict[str, Any]], axil: v.ModuleDef, counts: v.ModuleDef) -> Iterator[str]:
    """Everything of the register file against the map."""
    wanted = {register["name"]: register for register in registers}
    yield from kept(wanted, axil)
    yield from written(wanted, axil)
    yield from commands(wanted, axil)
    seen: list[str] = []
    for tree in (axil, counts):
        yield from pages(wanted, tree, seen)
    yield from banks(wanted, counts, seen)
    yield from odd("read", sorted(seen), sorted(wanted))


def odd(what: str, have: list[str], want: list[str]) -> Iterator[str]:
    """Names in one list but not in the other, or twice."""
    wrong = {name for name in {*have, *want} if have.count(name) != want.count(name)}
    if wrong:
        yield f"{what} otherwise than the map says: {', '.join(sorted(wrong))}"


def kept(wanted: dict[str, dict[str, Any]], tree: v.ModuleDef) -> Iterator[str]:
    """Widths and reset values of the registers that keep what is written."""
    widths = source(tree).widths
    for name, register in wanted.items():
        own = name.lower()
        if register["access"] != "rw":
            continue
        if widths.get(own) != register["width"]:
            yield f"{name} is {register['width']} bits wide, {own} has {widths.get(own)}"
        found = []
        for node in below(tree):
            if isinstance(node, v.IfStatement) and text(node.cond) == "rst":
                found += [right for left, right in assigned(node.true_statement) if left == own]
        if found != [f"{PREFIX}{name}_RESET"]:
            yield f"the reset of {own} is {', '.join(found) or 'missing'}, not {PREFIX}{name}_RESET"


def written(wanted: dict[str, dict[str, Any]], tree: v.ModuleDef) -> Iterator[str]:
    """A write goes into its own register and keeps that one's bytes that are not strobed; nothing else writes it."""
    rw = sorted(name for name, register in wanted.items() if register["access"] == "rw")
    wo = sorted(name for name, register in wanted.items() if register["access"] in ("wo", "rwv"))
    have: dict[str, list[str]] = {"kept": [], "commands": [], "written": []}
    for case in (node for node in below(tree) if isinstance(node, v.CaseStatement) and names(node.comp) == {"aw_addr"}):
        for name, statement in labels(case):
            does = assigned(statement)
            if does in ([("is_kept", "1'b1")], [("is_command", "1'b1")]):
                have["kept" if does[0][0] == "is_kept" else "commands"].append(name)
                continue
            have["written"].append(name)
            want = merged(name.lower(), wanted[name]["width"]) if name in wanted else ""
            if does != [(name.lower(), want)]:
                done = "; ".join(" <= ".join(pair) for pair in does)
                yield f"writing {name} does {done}, not {name.lower()} <= {want}"
    for what, want_names in (("kept", rw), ("commands", wo), ("written", rw)):
        yield from odd(what, have[what], want_names)
    every = [left for node in below(tree) if isinstance(node, v.Always) for left, _ in assigned(node.statement)]
    for name in rw:
        extra = every.count(name.lower()) - 2 - (name == "CTRL")  # reset and write; the default of the case names CTRL
        if extra:
            yield f"{name.lower()} is written in {extra + 2} places"
    for node in below(tree):
        if isinstance(node, v.Function):
            does = assigned(v.Block([one for one in node.statement if not isinstance(one, v.Decl)]))
            width = constant(node.retwidth.msb)
            want = bytewise(width[0] + 1 if width else 0)
            if [right for _, right in does] != [want]:
                yield f"{node.name} does not put bytes together one by one: {does[0][1] if does else 'nothing'}"


def commands(wanted: dict[str, dict[str, Any]], tree: v.ModuleDef) -> Iterator[str]:
    """Each command raises its own output."""
    does: dict[str, list[str]] = {}
    for node in below(tree):
        if isinstance(node, v.IfStatement) and text(node.cond) == "go":
            for left, right in assigned(node.true_statement):
                does.setdefault(left, []).append(right)
    for name, register in wanted.items():
        want = [f"aw_addr == {PREFIX}{name}"]
        if register["access"] in ("wo", "rwv") and does.get(f"do_{name.lower()}") != want:
            yield f"do_{name.lower()} is raised by {does.get(f'do_{name.lower()}')}, not by a write of {name}"


def shown(register: dict[str, Any]) -> str:
    """What reading a register must show."""
    name = register["name"]
    if name in SHOWN:
        return SHOWN[name]
    if register["access"] == "wo":
        return "32'd0"
    own = name.lower()
    return own if register["width"] == 32 else f"{{{32 - register['width']}'d0, {own}}}"


def pages(wanted: dict[str, dict[str, Any]], tree: v.ModuleDef, seen: list[str]) -> Iterator[str]:
    """Cases of a page of the map: every label is in the page, and shows its own register in the page's own output."""
    every = [pair for node in below(tree) if isinstance(node, v.Always) for pair in assigned(node.statement)]
    out = " ".join(text(node.right) for node in below(tree) if isinstance(node, v.Assign | v.NonblockingSubstitution))
    for case in (node for node in below(tree) if isinstance(node, v.CaseStatement)):
        comp = re.fullmatch(r"\{6'd(\d+), ar_addr\[5:2\], 2'd0\}", text(case.comp))
        if text(case.comp) == "ar_addr":
            for name, statement in labels(case):
                for left, right in assigned(statement):
                    if left == "high" and HALVES.get(name) != right:
                        yield f"the upper half of {name} is {right}, not {HALVES.get(name)}"
        if not comp:
            continue
        page = int(comp.group(1))
        targets = {left for _, statement in labels(case) for left, _ in assigned(statement)}
        into = sorted(targets)[0] if targets else ""
        gates = [left for left, right in every if right == f"ar_addr[11:6] == 6'd{page} && ar_addr[1:0] == 2'd0"]
        if len(targets) != 1 or len(gates) != 1 or f"{gates[0]} ? {into} : 32'd0" not in out:
            both = f"{', '.join(sorted(targets))}; {', '.join(gates)}"
            yield f"page {page} is not let through by one bit of its own: {both}"
        rest = [assigned(one.statement) for one in case.caselist if not one.cond]
        if len(gates) == 1 and rest != [[(gates[0], "1'd0")]]:
            yield f"page {page}: an address that is no register's is not refused"
        for name, statement in labels(case):
            seen.append(name)
            want = shown(wanted[name]) if name in wanted else ""
            values = [right for _, right in assigned(statement)]
            if values != [want]:
                yield f"reading {name} shows {', '.join(values)}, not {want}"
            if name in wanted and int(wanted[name]["offset"], 16) >> 6 != page:
                yield f"{name} is read in page {page}, its offset is {wanted[name]['offset']}"


def banks(wanted: dict[str, dict[str, Any]], tree: v.ModuleDef, seen: list[str]) -> Iterator[str]:
    """Registers in banks of 16: the flag is that of the bank, the place in the bank that of the address."""
    for case in (node for node in below(tree) if isinstance(node, v.CaseStatement) and text(node.comp) == "ar_addr"):
        for name, statement in labels(case):
            flags = [left for left, right in assigned(statement) if right == "1'b1"]
            first = next((first for first in BANKS if name.startswith(first)), None)
            if first is None or name not in wanted:
                if flags:
                    yield f"{name} raises {', '.join(flags)} but is in no bank"
                continue
            seen.append(name)
            group = sorted((int(one["offset"], 16), key) for key, one in wanted.items() if key.startswith(first))
            number = [key for _, key in group].index(name)
            if flags != [BANKS[first][number // 16]]:
                yield f"reading {name} raises {', '.join(flags)}, it is in the bank of {BANKS[first][number // 16]}"
            word = int(wanted[name]["offset"], 16) >> 2
            place = word & 15 if first == "COUNT_" else (word & 7) | (~word & 8)
            if place != number % 16:
                yield f"{name} is number {number} of its kind, its address is for place {place}"


def register_map() -> Iterator[str]:
    """The check of hdl/rtl's register file."""
    registers = json.loads((ROOT / "hdl" / "spec" / "registers.json").read_text(encoding="utf-8"))["registers"]
    yield from check(registers, named(RTL / "csr_axil.v"), named(RTL / "csr_counts.v"))
