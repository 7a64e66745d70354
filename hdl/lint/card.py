"""Draws the card: `card.py [--check]` writes docs/explanation/card.svg from the RTL's own instance tree.

Boxes are modules, nested as they are instantiated; those that feed others stand left of them; "+n" are the cycles
that allowed.json promises for a module and checks.py counts. With --check it writes nothing and returns 1 when the
drawing on disk is another. It shows what is there and never decides how anything is connected.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from html import escape

from netgraph import Depths, Instance, Module, distances, read
from parsed import HERE, ROOT, trees

OUT = ROOT / "docs" / "explanation" / "card.svg"
TOP = "gw_top"
#: Not drawn as boxes but counted under the module that holds them.
PARTS = ("ram_sdp", "ram_async", "prio64", "ord_hash", "itch_field", "axis_skid", "axis_fifo", "sym_table")
#: Drawn below what it serves instead of left of it.
BELOW = ("csr_axil",)
GAP, TITLE, LINE, CHAR = 14, 22, 15, 7.3
FILL = ("#ffffff", "#eef3fa", "#dde8f5", "#ccdcf0")


@dataclass
class Box:
    """A module as it is drawn: what is written in it, and what stands in it, column by column."""

    module: str
    lines: list[str]
    columns: list[list[Box]] = field(default_factory=list)
    below: list[Box] = field(default_factory=list)

    @property
    def inner(self) -> tuple[float, float]:
        """Width and height of the columns."""
        widths = [max(box.size[0] for box in column) for column in self.columns]
        heights = [sum(box.size[1] + GAP for box in column) - GAP for column in self.columns]
        return sum(widths) + 2 * GAP * max(len(widths) - 1, 0), max(heights, default=0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        text = max(len(line) for line in [self.module, *self.lines]) * CHAR + 2 * GAP
        wide, high = self.inner
        under = sum(box.size[1] + GAP for box in self.below)
        height = TITLE + LINE * len(self.lines) + 6 + (high + GAP if self.columns else 0) + under
        return max([text, wide + 2 * GAP, *(box.size[0] + 2 * GAP for box in self.below)]), height


def library() -> dict[str, Module]:
    """Every module of hdl/rtl."""
    return {name: read(tree) for name, tree in trees().items()}


def feeds(one: Instance, other: Instance, modules: dict[str, Module]) -> bool:
    """Whether an output of the one is an input of the other."""
    given = {name for port in modules[one.module].outputs for name in one.ports.get(port, set())}
    taken = {name for port in modules[other.module].inputs for name in other.ports.get(port, set())}
    return bool(given & taken)


def box(name: str, modules: dict[str, Module], promised: dict[str, int], depth: int = 0) -> Box:
    """The box of a module and of all in it."""
    shown = [i for i in modules[name].instances if i.module not in PARTS]
    parts: dict[str, int] = {}
    for instance in modules[name].instances:
        if instance.module in PARTS:
            parts[instance.module] = parts.get(instance.module, 0) + 1
    lines = [f"+{promised[name]} cycle{'s' if promised[name] > 1 else ''}"] if name in promised else []
    lines += [f"{part} x {times}" if times > 1 else part for part, times in sorted(parts.items())]
    drawn = Box(name, lines)
    rank: list[int] = []
    for at, instance in enumerate(shown):
        before = [rank[i] + 1 for i in range(at) if shown[i].module not in BELOW and feeds(shown[i], instance, modules)]
        rank.append(max(before, default=0))
    for column in range(max(rank, default=-1) + 1):
        here = [i for i, r in zip(shown, rank, strict=True) if r == column and i.module not in BELOW]
        if here:
            drawn.columns.append([box(i.module, modules, promised, depth + 1) for i in here])
    drawn.below = [box(i.module, modules, promised, depth + 1) for i in shown if i.module in BELOW]
    return drawn


def paint(drawn: Box, x: float, y: float, width: float, height: float, depth: int, out: list[str]) -> None:
    """Add a box and what is in it."""
    out.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="4" '
               f'fill="{FILL[min(depth, len(FILL) - 1)]}" stroke="#3d4f6b"/>')  # fmt: skip
    out.append(f'<text x="{x + 8:.0f}" y="{y + 15:.0f}" font-weight="bold">{escape(drawn.module)}</text>')
    for number, line in enumerate(drawn.lines):
        out.append(f'<text x="{x + 8:.0f}" y="{y + 15 + LINE * (number + 1):.0f}" fill="#44546a">{escape(line)}</text>')
    top = y + TITLE + LINE * len(drawn.lines)
    wide, high = drawn.inner
    left = x + GAP
    spare = max(width - 2 * GAP - wide, 0) / max(len(drawn.columns), 1)
    for number, column in enumerate(drawn.columns):
        across = max(inner.size[0] for inner in column) + spare
        at = top + (high - sum(inner.size[1] + GAP for inner in column) + GAP) / 2
        for inner in column:
            paint(inner, left, at, across, inner.size[1], depth + 1, out)
            at += inner.size[1] + GAP
        if number + 1 < len(drawn.columns):
            arrow(left + across + 3, top + high / 2, left + across + 2 * GAP - 3, out)
        left += across + 2 * GAP
    under = top + high + GAP if drawn.columns else top
    for inner in drawn.below:
        paint(inner, x + GAP, under, width - 2 * GAP, inner.size[1], depth + 1, out)
        under += inner.size[1] + GAP


def arrow(x: float, y: float, to: float, out: list[str]) -> None:
    """A short arrow to the right."""
    out.append(f'<path d="M{x:.0f} {y:.0f} H{to:.0f} m-6 -4 l6 4 l-6 4" fill="none" stroke="#3d4f6b"/>')


def draw(modules: dict[str, Module], allowed: dict[str, dict[str, dict[str, int]]]) -> str:
    """The whole drawing, with the cycles from the last byte of a message under it."""
    promised = {name: next(iter(rules.values())) for name, rules in allowed["depth"].items() if rules}
    ways: dict[str, Depths] = {}
    without: dict[str, str] = allowed["depth_without"]  # type: ignore[assignment]
    for module in modules.values():
        distances(module, modules, ways, without)
    promised.pop(TOP, None)
    whole = box(TOP, modules, promised)
    width, height = whole.size
    out: list[str] = []
    paint(whole, 90, 10, width, height, 0, out)
    feed = ways["feed_front"]["s_axis_a_tdata"]["norm_valid"]
    record = ways[TOP]["s_axis_a_tdata"]["m_axis_ev_tdata"]
    order = ways[TOP]["s_axis_a_tdata"]["m_axis_ouch_tdata"]
    for number, name in enumerate(("line A", "line B")):
        out.append(f'<text x="10" y="{120 + 40 * number}">{name}</text>')
        arrow(55, 116 + 40 * number, 88, out)
    for number, (name, cycles) in enumerate((("records", record), ("orders", order))):
        out.append(f'<text x="{width + 125:.0f}" y="{120 + 40 * number}">{name}, edge {cycles}</text>')
        arrow(width + 91, 116 + 40 * number, width + 120, out)
    out.append(f'<text x="{width + 125:.0f}" y="{height - 20:.0f}">registers</text>')
    arrow(width + 91, height - 24, width + 120, out)
    legend = (
        "Least number of registers from the beat with a message's last byte, as counted in the RTL: "
        f"parsed message {feed}, book record {record}, first byte of an order {order}."
    )
    out.append(f'<text x="90" y="{height + 32:.0f}">{legend}</text>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width + 240:.0f} {height + 46:.0f}" '
        'font-family="monospace" font-size="12" fill="#1a202c">'
    )
    back = '<rect width="100%" height="100%" fill="#f8fafc"/>'
    return "\n".join([head, back, *out, "</svg>"]) + "\n"


def main() -> int:
    """Write the drawing, or compare it."""
    parser = argparse.ArgumentParser(description="Draw the card's hierarchy.")
    parser.add_argument("--check", action="store_true", help="exit 1 when the drawing on disk is another")
    wanted = parser.parse_args()
    text = draw(library(), json.loads((HERE / "allowed.json").read_text(encoding="utf-8")))
    if wanted.check:
        same = OUT.exists() and OUT.read_text(encoding="utf-8") == text
        print("card.svg is as the RTL is" if same else "card.svg is not as the RTL is: run hdl/lint/card.py")
        return 0 if same else 1
    OUT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
