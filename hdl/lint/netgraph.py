"""What feeds what in a Verilog module: signals as nodes, register crossings as distances, read from pyverilog's parser.

A whole vector is one node, generate branches are all taken: a path found may be one that no parameter set has, a path
not found does not exist. It judges nothing; checks.py does.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pyverilog.vparser import ast as v


@dataclass
class Instance:
    """A submodule: its module's name and, by port, the signals connected."""

    module: str
    ports: dict[str, set[str]]


@dataclass
class Case:
    """A case statement: what it chooses by, and for each label, as text, what is written and what that is made of."""

    chooser: set[str]
    written: dict[str, set[str]]
    sources: dict[str, set[str]]


@dataclass
class Module:
    """One module: ports, edges (source -> target -> 0 combinational or 1 through a register), registers, instances."""

    name: str
    inputs: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)
    edges: dict[str, dict[str, int]] = field(default_factory=dict)
    registers: set[str] = field(default_factory=set)
    reset: set[str] = field(default_factory=set)
    instances: list[Instance] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    clocks: set[str] = field(default_factory=set)

    def connect(self, sources: set[str], target: str, distance: int) -> None:
        """Note that each source feeds the target; the shorter distance counts."""
        for source in sources:
            known = self.edges.setdefault(source, {})
            known[target] = min(distance, known.get(target, distance))


def names(node: Any) -> set[str]:
    """Every identifier in an expression."""
    if node is None:
        return set()
    if isinstance(node, v.Identifier):
        return {node.name}
    return set().union(*(names(child) for child in node.children())) if hasattr(node, "children") else set()


def targets(node: Any) -> tuple[set[str], set[str]]:
    """Of an assignment's left side: the signals written, and those that choose where (indices)."""
    if isinstance(node, v.Lvalue):
        return targets(node.var)
    if isinstance(node, v.Identifier):
        return {node.name}, set()
    if isinstance(node, v.Pointer):
        written, chosen = targets(node.var)
        return written, chosen | names(node.ptr)
    if isinstance(node, v.Partselect):
        parts = list(node.children())
        written, chosen = targets(parts[0])
        return written, chosen.union(*(names(part) for part in parts[1:]))
    if isinstance(node, v.LConcat | v.Concat):
        both = [targets(child) for child in node.children()]
        return set().union(*(w for w, _ in both)), set().union(*(c for _, c in both))
    raise ValueError(f"left side of an assignment: {type(node).__name__}")


def assignments(node: Any, given: set[str]) -> Iterator[tuple[set[str], set[str]]]:
    """Every (written, sources) in a statement, conditions among the sources."""
    if node is None:
        return
    if isinstance(node, v.NonblockingSubstitution | v.BlockingSubstitution):
        written, chosen = targets(node.left)
        yield written, chosen | names(node.right) | given
    elif isinstance(node, v.IfStatement):
        inner = given | names(node.cond)
        yield from assignments(node.true_statement, inner)
        yield from assignments(node.false_statement, inner)
    elif isinstance(node, v.CaseStatement):
        for case in node.caselist:
            inner = given | names(node.comp)
            for label in case.cond or ():
                inner = inner | names(label)
            yield from assignments(case.statement, inner)
    elif isinstance(node, v.Block):
        for statement in node.statements:
            yield from assignments(statement, given)
    elif isinstance(node, v.ForStatement):
        yield from assignments(node.statement, given)


def written_under(node: Any, resets: set[str]) -> set[str]:
    """Registers written in the true branch of an `if (reset)`, the reset alone or in a disjunction."""
    found: set[str] = set()
    if isinstance(node, v.IfStatement):
        if names(node.cond) & resets and not isinstance(node.cond, v.Ulnot | v.Land):
            for written, _ in assignments(node.true_statement, set()):
                found |= written
        found |= written_under(node.true_statement, resets) | written_under(node.false_statement, resets)
    elif isinstance(node, v.Block):
        for statement in node.statements:
            found |= written_under(statement, resets)
    return found


def cases(node: Any) -> Iterator[Case]:
    """Every case statement below a node."""
    if isinstance(node, v.CaseStatement):
        found = Case(names(node.comp), {}, {})
        for case in node.caselist:
            inner = list(assignments(case.statement, set()))
            for label in case.cond or ():
                text = str(getattr(label, "value", ""))
                found.written[text] = set().union(*(written for written, _ in inner))
                found.sources[text] = set().union(*(sources for _, sources in inner))
        yield found
    if hasattr(node, "children"):
        for child in node.children():
            yield from cases(child)


def read(tree: v.ModuleDef) -> Module:
    """Turn a parsed module into its graph."""
    module = Module(tree.name)
    for port in tree.portlist.ports if tree.portlist else ():
        declared = port.first if isinstance(port, v.Ioport) else port
        (module.inputs if isinstance(declared, v.Input) else module.outputs).add(declared.name)
    collect(tree.items, module, {"rst", "forget", "reset"})
    module.cases = list(cases(tree))
    return module


def collect(items: Any, module: Module, resets: set[str]) -> None:
    for item in items or ():
        if isinstance(item, v.Assign):
            written, chosen = targets(item.left)
            for target in written:
                module.connect(chosen | names(item.right), target, 0)
        elif isinstance(item, v.Always):
            clocked = [sense for sense in item.sens_list.list if sense.type in ("posedge", "negedge")]
            module.clocks |= {f"{sense.type} {sense.sig.name}" for sense in clocked}
            for written, sources in assignments(item.statement, set()):
                for target in written:
                    module.connect(sources, target, 1 if clocked else 0)
                    if clocked:
                        module.registers.add(target)
            if clocked:
                module.reset |= written_under(item.statement, resets)
        elif isinstance(item, v.InstanceList):
            for instance in item.instances:
                ports = {port.portname: names(port.argname) for port in instance.portlist}
                module.instances.append(Instance(item.module, ports))
        elif isinstance(item, v.GenerateStatement | v.Block):
            collect(getattr(item, "items", None) or getattr(item, "statements", None), module, resets)
        elif isinstance(item, v.ForStatement):
            collect([item.statement], module, resets)
        elif isinstance(item, v.IfStatement):
            collect([item.true_statement, item.false_statement], module, resets)


Depths = dict[str, dict[str, int]]  # by input, by output: registers at least between the two


def distances(
    module: Module, library: dict[str, Module], known: dict[str, Depths], without: dict[str, str] | None = None
) -> Depths:
    """For each input the outputs it reaches and through how many registers at least; fills `known` for submodules.

    `without` has, by module, a pattern of its own signals that no way may pass.
    """
    if module.name in known:
        return known[module.name]
    without = without or {}
    known[module.name] = {}  # what a module that contains itself sees of itself, until it no longer changes
    while True:
        found = {source: reached for source, (reached, _) in search(module, library, known, without).items()}
        if found == known[module.name] or all(inner.module != module.name for inner in module.instances):
            known[module.name] = found
            return found
        known[module.name] = found


def search(
    module: Module, library: dict[str, Module], known: dict[str, Depths], without: dict[str, str]
) -> dict[str, tuple[dict[str, int], dict[str, str]]]:
    """Shortest ways through the module's own edges and its instances': depth by output, and what comes before what."""
    barred = without.get(module.name, "")
    edges = {source: dict(reached) for source, reached in module.edges.items()}
    for instance in module.instances:
        if instance.module not in library:
            raise ValueError(f"{module.name} uses {instance.module}, which is not there")
        inner = distances(library[instance.module], library, known, without)
        for port, reached in inner.items():
            for output, distance in reached.items():
                for target in instance.ports.get(output, set()):
                    for source in instance.ports.get(port, set()):
                        row = edges.setdefault(source, {})
                        row[target] = min(distance, row.get(target, distance))
    found = {}
    for source in module.inputs:
        best = {source: 0}
        before: dict[str, str] = {}
        queue = [(0, source)]
        while queue:
            distance, at = heapq.heappop(queue)
            if distance > best[at]:
                continue
            for target, step in edges.get(at, {}).items():
                if barred and re.fullmatch(barred, target):
                    continue
                if distance + step < best.get(target, 1 << 30):
                    best[target] = distance + step
                    before[target] = at
                    heapq.heappush(queue, (distance + step, target))
        found[source] = ({output: best[output] for output in module.outputs if output in best}, before)
    return found


def way(before: dict[str, str], end: str) -> list[str]:
    """The signals of one shortest way, its beginning first."""
    steps = [end]
    while steps[-1] in before:
        steps.append(before[steps[-1]])
    return steps[::-1]
