"""The page of state machines: `fsm_page.py [--check]` writes docs/reference/hdl-fsm.md and its drawings from hdl/rtl.

What fsm.py finds, told: each machine's states, transitions and conditions. With --check it writes nothing and returns 1
when a file on disk is another. It judges nothing and names no machine that the RTL does not have.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from html import escape
from pathlib import Path

from fsm import Machine, State, machines
from parsed import HERE, ROOT, trees

DOCS = ROOT / "docs" / "reference"
PAGE = "hdl-fsm.md"
#: Conditions told of one transition between flags, the shortest first.
TERMS = 3
RADIUS, RING, CENTRE = 42, 130, 200

HEAD = """# State machines of the RTL

<!-- Made by hdl/lint/fsm_page.py from hdl/rtl. -->

{named} written as a named machine: constants for its states, and a register that holds one of them. What else decides
over time in the RTL is **flag registers**, one bit each with a reset (`held`, `known`, `ready`), and counters.
`hdl/lint/fsm.py` reads named machines and flags out of the always blocks. Flags whose next values hang on each other
are one machine, and its state is all of them; a flag that hangs on itself alone is a machine of two states. A flag
without a state of its own (a valid bit that follows its stage) is none; counters, vectors of one bit for each slot or
symbol, memories and registers that no reset sets are not walked either.

The walk starts at the reset state and lets every input, counter and data register be anything at any time. A state
called unreachable is therefore never reached; one called reached may be ruled out by what the walk does not look at.
`make hdl-check` fails on a named state that no way reaches or that is never assigned, a case on a state register that
leaves a value out, a flag that never changes, and a state that only the reset leaves, but for those listed at the
end.
"""


def terms(ways: list[dict[str, int]], limit: int = 0) -> str:
    """Conditions as text: each a row of signals, `!` before those that are 0."""
    shown = []
    for way in ways[: limit or None]:
        parts = [atom if value else f"!({atom})" if " " in atom else f"!{atom}" for atom, value in way.items()]
        shown.append(f"`{' && '.join(parts)}`" if parts else "always")
    more = len(ways) - len(shown)
    return " or ".join(shown).replace("|", "\\|") + (f" or {more} more" if more else "")


def rows(machine: Machine, limit: int = 0) -> list[str]:
    """The table of transitions that leave their state."""
    lines = ["| from | to | when |", "|---|---|---|"]
    for (at, to), ways in sorted(machine.transitions.items()):
        if at != to:
            lines.append(f"| {machine.label(at)} | {machine.label(to)} | {terms(ways, limit)} |")
    return lines


def bits(state: State) -> str:
    """A state of flags."""
    return "".join(str(value) for value in state)


def place(number: int, of: int) -> tuple[float, float]:
    """Where the n-th state stands on the ring."""
    turn = 2 * math.pi * number / of - math.pi / 2
    return CENTRE + RING * math.cos(turn), CENTRE + RING * math.sin(turn)


def draw(machine: Machine) -> str:
    """A ring of states with its transitions; the reset state has a double line."""
    states = sorted(machine.reached)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * CENTRE} {2 * CENTRE}" width="{2 * CENTRE}" '
        'font-family="monospace" font-size="12" fill="#1a202c">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#3d4f6b"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#f8fafc"/>',
    ]
    for at, to in sorted(machine.transitions):
        if at == to:
            continue
        (x, y), (tx, ty) = place(states.index(at), len(states)), place(states.index(to), len(states))
        far = math.hypot(tx - x, ty - y)
        dx, dy = (tx - x) / far, (ty - y) / far
        sx, sy = x + dx * RADIUS - dy * 8, y + dy * RADIUS + dx * 8  # beside the line, so that there and back are two
        ex, ey = tx - dx * RADIUS - dy * 8, ty - dy * RADIUS + dx * 8
        out.append(f'<path d="M{sx:.0f} {sy:.0f} L{ex:.0f} {ey:.0f}" stroke="#3d4f6b" marker-end="url(#tip)"/>')
    for number, state in enumerate(states):
        x, y = place(number, len(states))
        out.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS}" fill="#dde8f5" stroke="#3d4f6b"/>')
        if state in machine.starts:
            out.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{RADIUS - 4}" fill="none" stroke="#3d4f6b"/>')
        out.append(f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle">{escape(machine.label(state))}</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def pages(found: list[Machine], allowed: dict[str, str]) -> dict[str, str]:
    """Every file by its name under docs/reference."""
    named = [machine for machine in found if machine.named]
    files = {}
    count = "One register is" if len(named) == 1 else f"{len(named)} registers are"
    lines = [HEAD.format(named=count), "## Named machines"]
    for machine in named:
        drawing = f"hdl-fsm-{machine.module}-{machine.registers[0]}.svg"
        files[drawing] = draw(machine)
        lines += ["", f"### `{machine.title}`", "", f"![States of {machine.title}]({drawing})", ""]
        lines += [f"After the reset: {machine.label(machine.starts[0])}. Ways that stay in a state are not listed.", ""]
        lines += rows(machine)
    joint = [machine for machine in found if len(machine.registers) > 1]
    lines += ["", "## Flags that hang on each other", "", "A state is the flags' bits in the order given.", ""]
    lines += ["| module | flags | after the reset | reached | never reached |", "|---|---|---|---|---|"]
    for machine in joint:
        width = len(machine.registers)
        reached = [bits(state) for state in sorted(machine.reached)]
        never = [text for text in (f"{number:0{width}b}" for number in range(1 << width)) if text not in reached]
        starts = ", ".join(bits(state) for state in machine.starts)
        shown = ", ".join(never) if len(never) <= 12 else f"{len(never)} others"
        lines.append(f"| `{machine.module}` | {', '.join(f'`{name}`' for name in machine.registers)} | {starts} "
                     f"| {', '.join(reached)} | {shown or 'none'} |")  # fmt: skip
    for machine in joint:
        lines += ["", f"### `{machine.module}`: {', '.join(f'`{name}`' for name in machine.registers)}", ""]
        lines += rows(machine, TERMS)
    lines += ["", "## Single flags", "", "`*`: of a group that is too large to walk together, so walked alone.", ""]
    lines += ["| flag | after the reset | 0 to 1 when | 1 to 0 when |", "|---|---|---|---|"]
    for machine in found:
        if machine.named or len(machine.registers) > 1:
            continue
        up, down = (terms(machine.transitions.get(move, []), TERMS) or "never" for move in (((0,), (1,)), ((1,), (0,))))
        starts = " or ".join(bits(state) for state in machine.starts)
        mark = "" if machine.together else " `*`"
        lines.append(f"| `{machine.title}`{mark} | {starts} | {up} | {down} |")
    lines += ["", "## States that only the reset leaves", "", "| state | why |", "|---|---|"]
    lines += [f"| `{what}` | {why} |" for what, why in sorted(allowed.items())]
    files[PAGE] = "\n".join(lines) + "\n"
    return files


def stale(files: dict[str, str], folder: Path) -> list[str]:
    """Names of the files that are not in the folder as they should be, and of drawings that should not be there."""
    there = {path.name for path in folder.glob("hdl-fsm*")}
    other = [name for name, text in files.items()
             if name not in there or (folder / name).read_text(encoding="utf-8") != text]  # fmt: skip
    return sorted([*other, *(there - set(files))])


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description="Write the page of state machines.")
    parser.add_argument("--check", action="store_true", help="exit 1 when a file on disk is another")
    wanted = parser.parse_args()
    allowed = json.loads((HERE / "allowed.json").read_text(encoding="utf-8"))["fsm_ends"]
    files = pages([machine for tree in trees().values() for machine in machines(tree)[0]], allowed)
    odd = stale(files, DOCS)
    if wanted.check:
        print(f"not as the RTL is: {', '.join(odd)}: run hdl/lint/fsm_page.py" if odd else f"{PAGE} is as the RTL is")
        return 1 if odd else 0
    for name in odd:
        if name in files:
            (DOCS / name).write_text(files[name], encoding="utf-8")
        else:
            (DOCS / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
