"""State machines of the RTL: which there are, their states and transitions, and what is wrong with them.

Two kinds. Named: a register that gets constants with names, and whose value decides what comes. Flags: one-bit
registers with a reset whose next values hang on each other or on themselves (a handshake's `held`, `known`, `done`);
the state is all of them together. The walk starts at the reset state and takes inputs, data and counters as able to
be anything, so a state it does not reach is never reached. Shift registers, counters and one-hot vectors are no
machines here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netgraph import names, targets
from nextstate import Fork, Leaf, Scope, Tree, UnknownAtomError, constant, forks, grow, leaves, merged
from pyverilog.vparser import ast as v

#: Choices tried for one machine at most; beyond, its flags are walked one by one.
BUDGET = 20_000
#: What a module may call its reset; the walk is without `rst`, the others are conditions like all.
RESETS = {"rst": 1, "forget": 1, "reset": 1}
State = tuple[int, ...]


@dataclass
class Source:
    """What a module's text says of its signals: trees of registers, of wires, widths, constants, cases."""

    name: str
    registers: dict[str, Tree] = field(default_factory=dict)
    wires: dict[str, Tree] = field(default_factory=dict)
    widths: dict[str, int | None] = field(default_factory=dict)
    constants: list[tuple[str, int | None, int | None, int]] = field(default_factory=list)  # name, value, width, line
    cases: list[Any] = field(default_factory=list)
    compared: list[Any] = field(default_factory=list)
    local: set[str] = field(default_factory=set)  # declared in a generate loop


@dataclass
class Machine:
    """One machine: its registers, states as tuples of their values, and the conditions of each transition."""

    module: str
    registers: tuple[str, ...]
    starts: tuple[State, ...]  # what the reset may leave, more than one where a setting decides
    labels: dict[State, str]
    transitions: dict[tuple[State, State], list[dict[str, int]]]
    named: bool
    together: bool = True

    @property
    def title(self) -> str:
        """Module and registers."""
        return f"{self.module}.{'+'.join(self.registers)}"

    @property
    def reached(self) -> set[State]:
        """States on a way from the reset state."""
        found, todo = set(self.starts), list(self.starts)
        while todo:
            at = todo.pop()
            for source, target in self.transitions:
                if source == at and target not in found:
                    found.add(target)
                    todo.append(target)
        return found

    def label(self, state: State) -> str:
        """A state's name, or its bits."""
        return self.labels.get(state) or "".join(str(value) for value in state)


def width_of(node: Any) -> int | None:
    """Bits of a declaration: 1 without a range, None when the range is not of literals."""
    if getattr(node, "dimensions", None):
        return None
    if node.width is None:
        return 1
    ends = constant(node.width.msb), constant(node.width.lsb)
    return abs(ends[0][0] - ends[1][0]) + 1 if ends[0] and ends[1] else None


def below(node: Any) -> Iterator[Any]:
    """A node and all in it."""
    yield node
    for child in node.children() if hasattr(node, "children") else ():
        yield from below(child)


def source(tree: v.ModuleDef) -> Source:
    """Read a parsed module."""
    found = Source(tree.name)
    for port in tree.portlist.ports if tree.portlist else ():
        if isinstance(port, v.Ioport):
            found.widths[port.first.name] = width_of(port.first)
    gather(tree.items, found, [], False)
    for node in below(tree):
        if isinstance(node, v.CaseStatement):
            found.cases.append(node)
        elif isinstance(node, v.Eq | v.NotEq):
            found.compared.append(node)
    return found


def gather(items: Any, found: Source, given: list[Any], looped: bool) -> None:
    """Declarations, assigns and always blocks of a list of items; `given`: conditions of generate-ifs around it."""
    for item in items or ():
        if isinstance(item, v.Decl):
            for one in item.list:
                if isinstance(one, v.Localparam):
                    value = constant(one.value.var)
                    width = width_of(one) if one.width else value[1] if value else None
                    found.constants.append((one.name, value[0] if value else None, width, one.lineno))
                elif isinstance(one, v.Reg | v.Wire):
                    found.widths[one.name] = None if one.name in found.widths and looped else width_of(one)
                    found.local |= {one.name} if looped else set()
        elif isinstance(item, v.Assign):
            for name in targets(item.left)[0]:
                whole = isinstance(item.left.var, v.Identifier) and name not in found.wires and not looped and not given
                found.wires[name] = Leaf(item.right.var if whole else v.Identifier(f"part of {name}"))
        elif isinstance(item, v.Always):
            clocked = any(sense.type in ("posedge", "negedge") for sense in item.sens_list.list)
            statement = item.statement
            for condition in given:
                statement = v.IfStatement(condition, statement, None)
            into = found.registers if clocked else found.wires
            for name in written(item.statement):
                into[name] = grow(statement, name, into.get(name, Leaf(None)))
        elif isinstance(item, v.GenerateStatement | v.Block):
            gather(getattr(item, "items", None) or getattr(item, "statements", None), found, given, looped)
        elif isinstance(item, v.ForStatement):
            gather([item.statement], found, given, True)
        elif isinstance(item, v.IfStatement):
            gather([item.true_statement], found, [*given, item.cond], looped)
            gather([item.false_statement], found, [*given, v.Ulnot(item.cond)], looped)


def written(statement: Any) -> list[str]:
    """The signals that a statement assigns, in order."""
    found: dict[str, None] = {}
    for node in below(statement):
        if isinstance(node, v.NonblockingSubstitution | v.BlockingSubstitution):
            found |= dict.fromkeys(sorted(targets(node.left)[0]))
    return list(found)


def inside(tree: Tree) -> set[str]:
    """Every name in a tree."""
    found: set[str] = set()
    for part in forks(tree):
        found |= names(part.cond if isinstance(part, Fork) else part.value)
    return found


def behind(start: set[str], wires: dict[str, Tree]) -> set[str]:
    """The names given and all that the wires among them are made of."""
    found, todo = set(start), list(start)
    while todo:
        at = todo.pop()
        new = inside(wires[at]) - found if at in wires else set()
        found |= new
        todo += new
    return found


def scope(found: Source, of: tuple[str, ...]) -> Scope:
    """What names mean to a machine of these registers: wires that hang on them are looked into, others are atoms."""
    wires = {}
    for name, tree in found.wires.items():
        made_of = behind(inside(tree), found.wires)
        if made_of & set(of) and name not in made_of and name not in found.local:
            wires[name] = tree
    values = {name: value for name, value, _, _ in found.constants if value is not None}
    return Scope(values, found.widths, wires)


def walk(found: Source, registers: tuple[str, ...], limit: int) -> Machine | None:
    """All transitions from the reset; None when that takes too many choices or there is no reset."""
    meaning = scope(found, registers)
    trees = [found.registers[name] for name in registers]
    spent = 0

    def after(known: dict[str, int]) -> Iterator[tuple[State, dict[str, int]]]:
        nonlocal spent
        todo: list[dict[str, int]] = [{}]
        while todo:
            chosen = todo.pop()
            spent += 1
            if spent > limit:
                raise OverflowError
            now = {**known, **chosen}
            target: list[int] = []
            try:
                for name, tree in zip(registers, trees, strict=True):
                    node = meaning.value(tree, now)
                    while isinstance(node, v.Identifier) and node.name in meaning.wires:  # a next state made elsewhere
                        node = meaning.value(meaning.wires[node.name], now)
                    wide = found.widths.get(name)
                    if node is None:
                        target.append(known[name])
                    elif wide == 1:
                        target.append(int(meaning.truth(node, now)))
                    else:
                        value = meaning.number(node, now)
                        if value is None:
                            raise KeyError(name)
                        target.append(value & ((1 << wide) - 1 if wide else -1))
            except UnknownAtomError as unknown:
                todo += [{**chosen, unknown.atom: 1}, {**chosen, unknown.atom: 0}]
                continue
            yield tuple(target), chosen

    try:
        starts = tuple(sorted({target for target, _ in after(RESETS)}))
    except (KeyError, OverflowError):
        return None
    transitions: dict[tuple[State, State], list[dict[str, int]]] = {}
    todo, seen = list(starts), set(starts)
    try:
        while todo:
            state = todo.pop()
            for target, chosen in after({"rst": 0, **dict(zip(registers, state, strict=True))}):
                transitions.setdefault((state, target), []).append(chosen)
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
    except (KeyError, OverflowError):
        return None
    return Machine(found.name, registers, starts, {}, {key: merged(ways) for key, ways in transitions.items()}, False)


def chosen(found: Source, name: str) -> list[tuple[str, int]]:
    """The localparams of a named machine: those it is compared with or assigned, and those declared beside them."""
    values = {label: value for label, value, _, _ in found.constants if value is not None}
    used = {node.name for node in leaves(found.registers[name]) if isinstance(node, v.Identifier)} & set(values)
    for node in found.compared:
        sides = (node.left, node.right)
        if any(isinstance(side, v.Identifier) and side.name == name for side in sides):
            used |= {side.name for side in sides if isinstance(side, v.Identifier) and side.name in values}
    for case in found.cases:
        if isinstance(case.comp, v.Identifier) and case.comp.name == name:
            for label in (label for one in case.caselist for label in one.cond or ()):
                used |= names(label) & set(values)
    wide = found.widths.get(name)
    row: list[tuple[str, int]] = []
    before = -2
    for label, value, width, line in [*found.constants, ("", None, None, -9)]:
        if line > before + 1 or line < before or width != wide or value is None:
            if used & {one for one, _ in row}:
                return row
            row = []
        if width == wide and value is not None:
            row.append((label, value))
        before = line
    return sorted((label, values[label]) for label in used)


def is_named(found: Source, name: str) -> bool:
    """Whether a register is a named machine: assigned a constant's name, and what it holds decides what comes."""
    values = {label for label, value, _, _ in found.constants if value is not None}
    assigned = list(leaves(found.registers[name]))
    if not any(isinstance(node, v.Identifier) and node.name in values for node in assigned):
        return any(isinstance(case.comp, v.Identifier) and case.comp.name == name for case in found.cases) and any(
            constant(node) for node in assigned if node is not None
        )
    return name in behind(inside(found.registers[name]), found.wires)


def loops(found: Source, flags: list[str]) -> list[tuple[str, ...]]:
    """The flags in groups in which each hangs on each, and those alone that hang on themselves or keep their value."""
    feeds = {}
    for name in flags:
        keeps = {name} if any(node is None for node in leaves(found.registers[name])) else set()
        feeds[name] = (behind(inside(found.registers[name]), found.wires) | keeps) & set(flags)
    reach = {}
    for name in flags:
        seen, todo = set(feeds[name]), list(feeds[name])
        while todo:
            new = feeds[todo.pop()] - seen
            seen |= new
            todo += new
        reach[name] = seen
    groups = []
    for name in flags:
        group = tuple(other for other in flags if other in reach[name] and name in reach[other])
        if group and group not in groups:
            groups.append(group)
    return groups


def machines(tree: v.ModuleDef) -> tuple[list[Machine], list[str]]:
    """Every machine of a module, and what is wrong with how they are written."""
    found = source(tree)
    result: list[Machine] = []
    wrong: list[str] = []
    for name in found.registers:
        if found.widths.get(name) == 1 or name in found.local or not is_named(found, name):
            continue
        machine = walk(found, (name,), BUDGET)
        if machine is None or len(machine.starts) != 1:
            wrong.append(f"state register {name}: no reset state, or it gets what is not one of its states")
            continue
        machine.named = True
        declared = chosen(found, name)
        machine.labels = {(value,): label for label, value in declared}
        result.append(machine)
        given = {target for _, target in machine.transitions} | set(machine.starts)
        wrong += [f"state register {name}: {label} is never reached from {machine.label(machine.starts[0])}"
                  for label, value in declared if (value,) not in given]  # fmt: skip
        wrong += [f"state register {name}: {state[0]} is no state that has a name"
                  for state in sorted(given) if declared and state not in machine.labels]  # fmt: skip
        wrong += list(covered(found, name))
    flags = [name for name, tree in found.registers.items()
             if found.widths.get(name) == 1 and name not in found.local and resets(found, name)]  # fmt: skip
    for group in loops(found, flags):
        machine = walk(found, group, BUDGET)
        if machine:
            result.append(machine)
            continue
        for name in group:
            alone = walk(found, (name,), BUDGET)
            if alone is None:
                wrong.append(f"flag {name}: too many choices to follow")
            else:
                alone.together = False
                result.append(alone)
    return result, wrong


def resets(found: Source, name: str) -> bool:
    """Whether the reset decides what a flag becomes, by a constant or a setting."""
    try:
        node = scope(found, (name,)).value(found.registers[name], RESETS)
        return node is not None and not behind(names(node), found.wires) & set(found.registers)
    except UnknownAtomError:
        return False


def complete(case: Any, widths: dict[str, int | None], values: dict[str, int]) -> bool:
    """Whether the labels of a case without default are all values there are."""
    wide = widths.get(case.comp.name) if isinstance(case.comp, v.Identifier) else None
    have = set()
    for label in (label for one in case.caselist for label in one.cond or ()):
        have.add(values.get(label.name) if isinstance(label, v.Identifier) else (constant(label) or (None,))[0])
    return wide is not None and wide <= 16 and set(range(1 << wide)) <= have


def covered(found: Source, name: str) -> Iterator[str]:
    """Cases on a state register that leave values of it without a branch."""
    values = {label: value for label, value, _, _ in found.constants if value is not None}
    for case in found.cases:
        if not isinstance(case.comp, v.Identifier) or case.comp.name != name:
            continue
        if all(one.cond for one in case.caselist) and not complete(case, found.widths, values):
            yield f"state register {name}: a case on it has no default and does not name every value"


def judge(found: list[Machine], allowed: dict[str, str]) -> Iterator[str]:
    """States without a way out and flags that never change, but for those allowed with a reason."""
    used = set()
    for machine in found:
        ends = [state for state in sorted(machine.reached)
                if not any(at == state and to != state for at, to in machine.transitions)]  # fmt: skip
        dead = f"{machine.title}: no way out of"
        stuck = [(machine.label(state), f"{dead} {machine.label(state)} but the reset") for state in ends]
        for number, flag in enumerate(machine.registers if not machine.named else ()):
            moves = {(at[number], to[number]) for at, to in machine.transitions}
            values = {state[number] for state in machine.starts}
            for was in sorted(values if len(values) == 1 else ()):
                if (was, 1 - was) not in moves:
                    stuck.append((flag, f"{machine.title}: {flag} never leaves {was}"))
                elif (1 - was, was) not in moves and len(machine.registers) > 1:
                    stuck.append((flag, f"{machine.title}: {flag} never returns to {was} but by the reset"))
        for what, complaint in stuck:
            key = f"{machine.title}: {what}"
            if key in allowed:
                used.add(key)
            else:
                yield complaint
    for key in sorted(set(allowed) - used):
        yield f"allowed dead end that does not exist: {key}"
