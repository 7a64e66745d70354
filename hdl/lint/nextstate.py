"""What a register becomes at the next edge: next-value trees of a module's always blocks, and what they come to.

A tree is the choice between assigned expressions that the ifs and cases around them make. It is walked with some
signals known; what is not known is an atom, and both of its values are tried, so nothing that the hardware can do is
missed. Two atoms are taken to be independent (`a == 1` and `a == 2` may both hold): more may be found than can
happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netgraph import targets
from pyverilog.vparser import ast as v

BINARY = {
    "Plus": "+", "Minus": "-", "Times": "*", "Divide": "/", "Mod": "%", "And": "&", "Or": "|", "Xor": "^", "Xnor": "~^",
    "Land": "&&", "Lor": "||", "Eq": "==", "NotEq": "!=", "LessThan": "<", "GreaterThan": ">", "LessEq": "<=",
    "GreaterEq": ">=", "Sll": "<<", "Srl": ">>", "Sla": "<<<", "Sra": ">>>", "Power": "**", "Eql": "===",
    "NotEql": "!==",
}  # fmt: skip
UNARY = {
    "Ulnot": "!", "Unot": "~", "Uand": "&", "Uor": "|", "Uxor": "^", "Unand": "~&", "Unor": "~|", "Uxnor": "~^",
    "Uminus": "-", "Uplus": "+",
}  # fmt: skip
COMPUTED = set(["Eq", "NotEq", "LessThan", "GreaterThan", "LessEq", "GreaterEq", "Plus", "Minus", "And", "Or", "Xor"])
#: Verilog's binding, the loosest first: what stands in a tighter one gets parentheses.
ORDER = ["?:", "||", "&&", "|", "^ ~^", "&", "== != === !==", "< <= > >=", "<< >> <<< >>>", "+ -", "* / %", "**"]


def rank(sign: str) -> int:
    """How tightly an operator binds."""
    return next(number for number, signs in enumerate(ORDER) if sign in signs.split())


def show(node: Any, outer: int = -1) -> str:
    """An expression as Verilog, with the parentheses it needs."""
    kind = type(node).__name__
    if kind in BINARY:
        own = rank(BINARY[kind])
        text = f"{show(node.left, own)} {BINARY[kind]} {show(node.right, own + 1)}"
        return f"({text})" if own < outer else text
    if kind in UNARY:
        return UNARY[kind] + show(node.right, len(ORDER))
    if isinstance(node, v.Cond):
        text = f"{show(node.cond, 1)} ? {show(node.true_value, 1)} : {show(node.false_value, 0)}"
        return f"({text})" if outer > 0 else text
    if isinstance(node, v.Identifier):
        return str(node.name)
    if isinstance(node, v.Constant):
        return str(node.value)
    if isinstance(node, v.Pointer):
        return f"{show(node.var)}[{show(node.ptr)}]"
    if isinstance(node, v.Partselect):
        return f"{show(node.var)}[{show(node.msb)}:{show(node.lsb)}]"
    if isinstance(node, v.Repeat):
        return "{" + show(node.times) + "{" + show(node.value) + "}}"
    if isinstance(node, v.Concat | v.LConcat):
        return "{" + ", ".join(show(part) for part in node.list) + "}"
    if isinstance(node, v.FunctionCall):
        return f"{show(node.name)}({', '.join(show(part) for part in node.args)})"
    if isinstance(node, v.SystemCall):
        return f"${node.syscall}({', '.join(show(part) for part in node.args)})"
    if isinstance(node, v.Lvalue | v.Rvalue):
        return show(node.var, outer)
    raise ValueError(f"expression: {kind}")


def constant(node: Any) -> tuple[int, int | None] | None:
    """Value and width of a literal, None when it is none or has x or z."""
    if not isinstance(node, v.IntConst):
        return None
    text = str(node.value).replace("_", "").lower()
    width, quote, rest = text.partition("'")
    if not quote:
        return int(text), None
    try:
        value = int(rest[1:], {"d": 10, "h": 16, "b": 2, "o": 8}[rest[0]])
    except ValueError:
        return None
    return value, int(width) if width else None


@dataclass
class Leaf:
    """What is assigned; None: the register keeps its value."""

    value: Any


@dataclass
class Fork:
    """A choice by a condition."""

    cond: Any
    yes: Tree
    no: Tree


Tree = Leaf | Fork


def grow(node: Any, name: str, before: Tree) -> Tree:
    """The tree of `name` after a statement, `before` being the one before it; a write of a part is of unknown value."""
    if isinstance(node, v.NonblockingSubstitution | v.BlockingSubstitution):
        if isinstance(node.left.var, v.Identifier) and node.left.var.name == name:
            return Leaf(node.right.var)
        return Leaf(v.Identifier(f"part of {name}")) if name in targets(node.left)[0] else before
    if isinstance(node, v.Block):
        for statement in node.statements:
            before = grow(statement, name, before)
        return before
    if isinstance(node, v.IfStatement):
        yes = grow(node.true_statement, name, before)
        no = grow(node.false_statement, name, before)
        return before if yes is before and no is before else Fork(node.cond, yes, no)
    if isinstance(node, v.CaseStatement):
        if all(grow(case.statement, name, before) is before for case in node.caselist):
            return before
        tree = before
        for case in reversed(node.caselist):
            inner = grow(case.statement, name, before)
            if not case.cond:
                tree = inner
            for label in reversed(case.cond or ()):
                tree = Fork(v.Eq(node.comp, label), inner, tree)
        return tree
    if isinstance(node, v.ForStatement):
        return grow(node.statement, name, before)
    return before


def forks(tree: Tree) -> Iterator[Tree]:
    """Every part of a tree once, though branches share what was before them."""
    todo, seen = [tree], {id(tree)}
    while todo:
        at = todo.pop()
        yield at
        for part in (at.no, at.yes) if isinstance(at, Fork) else ():
            if id(part) not in seen:
                seen.add(id(part))
                todo.append(part)


def leaves(tree: Tree) -> Iterator[Any]:
    """Everything that may be assigned, the values of `?:` one by one; None for keeping."""
    for at in forks(tree):
        todo = [at.value] if isinstance(at, Leaf) else []
        while todo:
            node = todo.pop()
            if isinstance(node, v.Cond):
                todo += [node.false_value, node.true_value]
            else:
                yield node


class UnknownAtomError(Exception):
    """An atom must be decided before the value is known."""

    def __init__(self, atom: str) -> None:
        super().__init__(atom)
        self.atom = atom


@dataclass
class Scope:
    """What names mean in a module: constants, widths of signals, and what wires that follow a state stand for."""

    constants: dict[str, int] = field(default_factory=dict)
    widths: dict[str, int | None] = field(default_factory=dict)
    wires: dict[str, Tree] = field(default_factory=dict)

    def width(self, node: Any) -> int | None:
        """Bits of a node, None when not known."""
        if isinstance(node, v.Identifier):
            return self.widths.get(node.name)
        found = constant(node)
        return found[1] if found else None

    def truth(self, node: Any, known: dict[str, int]) -> bool:
        """Whether a condition holds; UnknownAtomError when that hangs on something not yet decided."""
        value = self.guess(node, known)
        if value is None:
            raise UnknownAtomError(self.atom(node, known))
        return bool(value)

    def guess(self, node: Any, known: dict[str, int]) -> int | None:
        """A condition's truth as far as it is known: 0, not 0, or None."""
        kind = type(node).__name__
        if kind == "Ulnot" or (kind == "Unot" and self.one_bit(node.right)):
            inner = self.guess(node.right, known)
            return None if inner is None else int(not inner)
        if kind in ("Land", "Lor") or (kind in ("And", "Or") and self.one_bit(node.left) and self.one_bit(node.right)):
            decisive = int(kind in ("Lor", "Or"))
            sides = [self.guess(node.left, known), self.guess(node.right, known)]
            if any(side is not None and bool(side) == bool(decisive) for side in sides):
                return decisive
            return None if None in sides else 1 - decisive
        if isinstance(node, v.Cond):
            chosen = self.guess(node.cond, known)
            if chosen is not None:
                return self.guess(node.true_value if chosen else node.false_value, known)
            both = (self.guess(node.true_value, known), self.guess(node.false_value, known))
            return None if None in both or bool(both[0]) != bool(both[1]) else both[0]
        if kind == "NotEq":
            same = self.guess(v.Eq(node.left, node.right), known)
            return None if same is None else int(not same)
        value = self.number(node, known)
        return value if value is not None else known.get(show(node))

    def atom(self, node: Any, known: dict[str, int]) -> str:
        """The first thing to decide in a condition that is not known."""
        kind = type(node).__name__
        if kind == "NotEq":
            return self.atom(v.Eq(node.left, node.right), known)
        if kind in ("Ulnot", "Unot") and (kind == "Ulnot" or self.one_bit(node.right)):
            return self.atom(node.right, known)
        if kind in ("Land", "Lor") or (kind in ("And", "Or") and self.one_bit(node.left) and self.one_bit(node.right)):
            return self.atom(node.left if self.guess(node.left, known) is None else node.right, known)
        if isinstance(node, v.Cond):
            chosen = self.guess(node.cond, known)
            if chosen is None:
                return self.atom(node.cond, known)
            return self.atom(node.true_value if chosen else node.false_value, known)
        if isinstance(node, v.Identifier) and node.name in self.wires and node.name not in known:
            try:
                return self.atom(self.value(self.wires[node.name], known), known)
            except UnknownAtomError as unknown:
                return unknown.atom
        if kind in ("Eq", "LessThan", "GreaterThan", "LessEq", "GreaterEq"):
            for side in (node.left, node.right):  # the side that a choice of ours decides
                if isinstance(side, v.Identifier) and side.name in self.wires:
                    try:
                        self.value(self.wires[side.name], known)
                    except UnknownAtomError as unknown:
                        return unknown.atom
        return show(node)

    def one_bit(self, node: Any) -> bool:
        """Whether a node is one bit, so that & and | are && and ||."""
        kind = type(node).__name__
        if kind in ("And", "Or", "Xor"):
            return self.one_bit(node.left) and self.one_bit(node.right)
        if kind == "Unot":
            return self.one_bit(node.right)
        return kind in ("Land", "Lor", "Ulnot", "Eq", "NotEq", "LessThan", "GreaterThan", "LessEq", "GreaterEq", "Uor",
                        "Uand") or self.width(node) == 1  # fmt: skip

    def number(self, node: Any, known: dict[str, int]) -> int | None:
        """An expression's value, None when it is not known."""
        kind = type(node).__name__
        found = constant(node)
        if found:
            return found[0]
        if isinstance(node, v.Identifier):
            if node.name in known:
                return known[node.name]
            if node.name in self.wires:
                try:
                    return self.number(self.value(self.wires[node.name], known), known)
                except UnknownAtomError:
                    return None
            return self.constants.get(node.name)
        if kind in ("Ulnot", "Land", "Lor") or (kind in ("Unot", "And", "Or") and self.one_bit(node)):
            return self.guess(node, known)
        if isinstance(node, v.Cond):
            chosen = self.guess(node.cond, known)
            return None if chosen is None else self.number(node.true_value if chosen else node.false_value, known)
        if kind not in COMPUTED:
            return None
        left, right = self.number(node.left, known), self.number(node.right, known)
        if left is None or right is None:
            return None
        results = {
            "Eq": left == right, "NotEq": left != right, "LessThan": left < right, "GreaterThan": left > right,
            "LessEq": left <= right, "GreaterEq": left >= right, "Plus": left + right, "Minus": left - right,
            "And": left & right, "Or": left | right, "Xor": left ^ right,
        }  # fmt: skip
        return int(results[kind])

    def value(self, tree: Tree, known: dict[str, int]) -> Any:
        """The expression that a tree comes to, None for keeping; UnknownAtomError when a choice is not known."""
        while isinstance(tree, Fork):
            tree = tree.yes if self.truth(tree.cond, known) else tree.no
        node = tree.value
        while isinstance(node, v.Cond):
            node = node.true_value if self.truth(node.cond, known) else node.false_value
        return node


def merged(found: list[dict[str, int]]) -> list[dict[str, int]]:
    """The same conditions in fewer terms: those that differ in one atom are one, what another covers is dropped."""
    terms = {frozenset(one.items()) for one in found}
    while True:
        terms = {term for term in terms if not any(other < term for other in terms)}
        ordered = sorted(terms, key=lambda term: (len(term), sorted(term)))
        for term, (atom, value) in [(one, pair) for one in ordered for pair in sorted(one)]:
            rest = term - {(atom, value)}
            if any(other <= rest | {(atom, 1 - value)} and (atom, 1 - value) in other for other in terms):
                terms = (terms - {term}) | {rest}
                break
        else:
            return [dict(sorted(term)) for term in ordered]
