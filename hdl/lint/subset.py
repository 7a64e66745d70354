"""The Verilog subset of hdl/rtl/README.md: what is outside of it, in a file's text and in its parsed tree.

The text is looked at for what the parser does not keep (attributes, declarations, keywords), the tree for what is a
matter of structure (latches, loops that carry a value, sensitivity lists). It does not judge what a module does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fsm import below, complete, source
from netgraph import names, targets
from nextstate import show
from pyverilog.vparser import ast as v

#: What no file may have: pattern, name. Comments and strings are cut out before.
FORBIDDEN = [
    (
        r"\b(logic|bit|byte|int|always_ff|always_comb|always_latch|interface|package|typedef|struct|enum|import|unique"
        r"|unique0|priority)\b",
        "SystemVerilog",
    ),
    (r"'[01xz]\b(?!\d)", "unsized SystemVerilog literal"),
    (r"\bautomatic\b", "automatic function"),
    (r"\bfunction\b[^;(]*\(", "function with ANSI arguments"),
    (r"\btask\b", "task"),
    (r"\boutput\s+reg\b[^,;)]*=", "initialised output reg"),
    (r"^\s*initial\b", "initial block"),
    (r"\b(?:negedge)\b", "second clock edge"),
    (r"#\s*\d", "delay"),
    (r"\b(?:force|release|fork|join|wait|disable)\b\s*[(;]?", "construct that is not synthesised"),
    (r"\b(?:while|forever|repeat)\b", "loop that is not a for"),
    (r"\bcasex\b", "casex"),
    (r"\b(?:defparam|specify|primitive|real|time|tri|tri0|tri1|supply0|supply1|wand|wor)\b", "outside of the subset"),
    (r"\(\*(?!\s*\))[^)]*\*\)\s*(?:input|output|inout)\b", "attribute on a port"),
    (r"\(\*(?!\s*\))[^)]*\*\)\s*case[xz]?\b", "attribute on a case"),
    (r"\$(?!clog2\b)\w+", "system function other than $clog2"),
    (r"^\s*(?:input|output|inout)\b[^;,()]*;", "port declared in the body"),
]
HEADER = ("latency", "throughput", "overflow")


def bare(text: str) -> str:
    """The text without comments, strings and what is under `ifdef FORMAL."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    kept: list[str] = []
    inside: list[bool] = []  # of each `ifdef that is open: whether it hides what is in it
    for line in text.split("\n"):
        word, _, name = line.strip().partition(" ")
        if word in ("`ifdef", "`ifndef"):
            inside.append(word == "`ifdef" and name.strip() == "FORMAL")
        elif word == "`else" and inside:
            inside[-1] = False
        elif word == "`endif" and inside:
            inside.pop()
        elif not any(inside):
            kept.append(line)
    return re.sub(r'"[^"\n]*"', '""', "\n".join(kept))


def style(path: Path, exempt: list[str]) -> Iterator[str]:
    """Header, file rules and forbidden text of one file; `exempt`: modules that have nothing to say of overflow."""
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
    body = re.sub(r"\bfunction\b.*?\bendfunction\b", "", code, flags=re.S)
    for pattern, name in FORBIDDEN:
        for match in re.finditer(pattern, body if "body" in name else code, flags=re.M):
            yield f"{name}: {' '.join(match.group(0).split())[:60]}"
    for match in re.finditer(r"^\s*(?:wire|reg)\b([^;]*);", code, flags=re.M):
        flat = match.group(1)
        while (less := re.sub(r"\([^()]*\)|\{[^{}]*\}|\[[^][]*\]|[<>!=]=", "", flat)) != flat:
            flat = less
        if flat.count("=") > 1:
            yield f"two initialised nets in one declaration: {' '.join(match.group(0).split())[:60]}"


def structure(tree: v.ModuleDef) -> Iterator[str]:
    """What is outside of the subset in a module's tree."""
    found = source(tree)
    values = {name: value for name, value, _, _ in found.constants if value is not None}
    for port in tree.portlist.ports if tree.portlist else ():
        if not isinstance(port, v.Ioport):
            yield f"port that is not in ANSI style: {port.name}"
    for node in below(tree):
        if isinstance(node, v.Always):
            kinds = [sense.type for sense in node.sens_list.list]
            if kinds not in (["all"], ["posedge"]):
                yield f"always block that is neither @* nor @(posedge clk): {', '.join(kinds)}"
            elif kinds == ["all"]:
                yield from latches(node.statement, found.widths, values)
            yield from mixed(node.statement, kinds == ["posedge"])
        elif isinstance(node, v.Assign):
            name = node.left.var.name if isinstance(node.left.var, v.Identifier) else ""
            if itself(node.right, name):
                yield f"{name} is made of itself: a latch or a loop"
        elif isinstance(node, v.GenerateStatement) and any(isinstance(inner, v.CaseStatement) for inner in items(node)):
            yield "case between generate and endgenerate"
        elif isinstance(node, v.Task | v.Inout | v.WhileStatement | v.ForeverStatement | v.CasexStatement):
            yield f"outside of the subset: {type(node).__name__}"
        if isinstance(node, v.Always | v.Function):
            yield from carried(node)


def items(node: Any) -> Iterator[Any]:
    """What stands below a node, but for what is in always blocks and functions."""
    for child in node.children():
        if not isinstance(child, v.Always | v.Function):
            yield child
            yield from items(child)


def mixed(statement: Any, clocked: bool) -> Iterator[str]:
    """Blocking assignments where the clock is, and others where it is not; the counter of a for is neither."""
    wrong = v.BlockingSubstitution if clocked else v.NonblockingSubstitution
    fors = [node for node in below(statement) if isinstance(node, v.ForStatement)]
    own = {id(part) for node in fors for part in (node.pre, node.post)}
    for node in below(statement):
        if isinstance(node, wrong) and id(node) not in own:
            kind = "blocking assignment behind the clock" if clocked else "non-blocking assignment in always @*"
            yield f"{kind}: {show(node.left)}"


def itself(node: Any, name: str) -> bool:
    """Whether a signal is a whole part of an expression, not only some of its bits."""
    if isinstance(node, v.Pointer | v.Partselect):
        return any(itself(part, name) for part in list(node.children())[1:])
    if isinstance(node, v.Identifier):
        return bool(node.name == name)
    return any(itself(child, name) for child in node.children()) if hasattr(node, "children") else False


def latches(statement: Any, widths: dict[str, int | None], values: dict[str, int]) -> Iterator[str]:
    """Signals of an `always @*` that some way through it does not write, or that are read before they are written."""
    early: set[str] = set()
    always, ever = settled(statement, set(), widths, values, early)
    for left in sorted(ever - always):
        if left.split("[")[0] not in always:
            yield f"latch: {left} is not written on every way through its always @*"
    for name in sorted(early & {left.split("[")[0] for left in ever}):
        yield f"latch: {name} is read before it is written in its always @*"


def settled(
    node: Any, before: set[str], widths: dict[str, int | None], values: dict[str, int], early: set[str]
) -> tuple[set[str], set[str]]:
    """What a statement has written for certain, with `before`, and what it may write; adds what it reads too early."""

    def reads(part: Any) -> None:
        early.update(names(part) - {left.split("[")[0] for left in before})

    if isinstance(node, v.BlockingSubstitution | v.NonblockingSubstitution):
        reads(node.right)
        parts = list(node.left.var.list) if isinstance(node.left.var, v.LConcat) else [node.left.var]
        return before | {show(part) for part in parts}, {show(part) for part in parts}
    if isinstance(node, v.Block):
        ever: set[str] = set()
        for statement in node.statements:
            before, more = settled(statement, before, widths, values, early)
            ever |= more
        return before, ever
    if isinstance(node, v.IfStatement):
        reads(node.cond)
        yes, some = settled(node.true_statement, before, widths, values, early)
        no, others = settled(node.false_statement, before, widths, values, early)
        return yes & no, some | others
    if isinstance(node, v.CaseStatement):
        reads(node.comp)
        branches = [settled(case.statement, before, widths, values, early) for case in node.caselist]
        if all(case.cond for case in node.caselist) and not complete(node, widths, values):
            branches.append((before, set()))
        return set.intersection(*(always for always, _ in branches)), set().union(*(ever for _, ever in branches))
    if isinstance(node, v.ForStatement):  # by the rule of `carried` its turns are alike; it takes at least one
        return settled(node.statement, before | {show(node.pre.left)}, widths, values, early)
    return before, set()


def carried(node: Any) -> Iterator[str]:
    """Procedural fors in which a turn sees, or writes over, what another has written."""
    for loop in (inner for inner in below(node) if isinstance(inner, v.ForStatement)):
        counter = next(iter(targets(loop.pre.left)[0]))
        for inner in below(loop.statement):
            if not isinstance(inner, v.BlockingSubstitution | v.NonblockingSubstitution):
                continue
            left = inner.left.var
            own = isinstance(left, v.Pointer | v.Partselect) and counter in targets(inner.left)[1]
            name = next(iter(targets(inner.left)[0]))
            seen = [part for part in parts_read(loop.statement, name) if part != show(left)]
            if not own or (isinstance(inner, v.BlockingSubstitution) and seen):
                if isinstance(left, v.Identifier) and left.name in counters(loop.statement):
                    continue
                yield f"for that carries a value from turn to turn: {show(left)}"


def counters(statement: Any) -> set[str]:
    """The counters of the fors inside of a statement."""
    loops = (node for node in below(statement) if isinstance(node, v.ForStatement))
    return set().union(*(targets(loop.pre.left)[0] for loop in loops))


def parts_read(node: Any, name: str) -> Iterator[str]:
    """How a signal is read in a statement: whole, or which of its bits."""
    if isinstance(node, v.BlockingSubstitution | v.NonblockingSubstitution):
        yield from parts_read(node.right, name)
    elif isinstance(node, v.Pointer | v.Partselect) and names(next(iter(node.children()))) == {name}:
        yield show(node)
    elif isinstance(node, v.Identifier):
        if node.name == name:
            yield name
    elif hasattr(node, "children"):
        for child in node.children():
            yield from parts_read(child, name)
