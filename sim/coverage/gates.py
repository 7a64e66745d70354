"""What coverage must reach, what is waived, and the reports: table, lcov, JSON.

Gates: every line and branch of every module reached or waived with a reason (waivers.json), toggles of all modules
together at least TOGGLE percent, every functional bin hit. A waiver that matches nothing uncovered fails as well: it
has lost its reason. Nothing here runs a simulation.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from sim.coverage.points import Point, Totals

TOGGLE = 90.0


@dataclass
class Waiver:
    """`code` is found in the source line of what is waived; `what` (when not empty) matches the whole name of the
    branch or of the bit's edge as it is counted (a regular expression)."""

    file: str
    kind: str  # line, branch or toggle; line waives the branches of the same line too
    code: str
    what: str
    reason: str
    used: int = 0

    def covers(self, point: Point, source: str) -> bool:
        """Whether this waives a point at a line with this text."""
        kinds = ("line", "branch") if self.kind == "line" else (self.kind,)
        return (
            self.file == point.file
            and point.kind in kinds
            and self.code in source
            and (not self.what or re.fullmatch(self.what, point.what) is not None)
        )


@dataclass
class Row:
    """One module's figures: (reached, waived, all) for each kind."""

    file: str
    line: tuple[int, int, int] = (0, 0, 0)
    branch: tuple[int, int, int] = (0, 0, 0)
    expr: tuple[int, int, int] = (0, 0, 0)
    toggle: tuple[int, int, int] = (0, 0, 0)


@dataclass
class Verdict:
    """The figures and everything that is not as it must be."""

    rows: list[Row] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    functional: dict[str, tuple[int, int]] = field(default_factory=dict)


def read_waivers(path: Path) -> list[Waiver]:
    """The waivers; raises ValueError for one without a reason."""
    waivers = [Waiver(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["waivers"]]
    for waiver in waivers:
        if len(waiver.reason) < 10:
            raise ValueError(f"{path.name}: a waiver in {waiver.file} without a reason: {waiver.code!r}")
    return waivers


def judge(
    totals: Totals, sources: dict[str, list[str]], waivers: list[Waiver], functional: dict[str, dict[str, int]]
) -> Verdict:
    """Apply the gates. `sources` has each file's lines; `functional` the hits of every goal by bin."""
    verdict = Verdict()
    toggled = counted = 0
    for file in sorted(sources):
        row = Row(file)
        text = sources[file]

        def waived(point: Point, text: list[str] = text) -> bool:
            source = text[point.line - 1] if 0 < point.line <= len(text) else ""
            found = [waiver for waiver in waivers if waiver.covers(point, source)]
            for waiver in found:
                waiver.used += 1
            return bool(found)

        for kind in ("branch", "expr", "toggle"):
            points = totals.of(file, kind)
            reached = sum(hits > 0 for hits in points.values())
            excused = 0
            for point in sorted(point for point, hits in points.items() if not hits):
                if waived(point):
                    excused += 1
                elif kind == "branch":
                    code = text[point.line - 1].strip()
                    verdict.wrong.append(f"{file}:{point.line}: branch {point.what!r} never taken: {code}")
            setattr(row, kind, (reached, excused, len(points)))
        lines = totals.lines(file)
        missed = sorted(line for line, hits in lines.items() if not hits)
        excused = 0
        for line in missed:
            if waived(Point(file, line, 0, "line", "")) or line in waived_lines(totals, file, waivers, text):
                excused += 1
            else:
                verdict.wrong.append(f"{file}:{line}: line never run: {text[line - 1].strip()}")
        row.line = (len(lines) - len(missed), excused, len(lines))
        toggled += row.toggle[0] + row.toggle[1]
        counted += row.toggle[2]
        verdict.rows.append(row)
        if not lines and not row.toggle[2]:
            verdict.wrong.append(f"{file}: in no bench")
    if counted and 100.0 * toggled / counted < TOGGLE:
        verdict.wrong.append(f"toggle {100.0 * toggled / counted:.1f} %, must be {TOGGLE:.0f} %")
    verdict.wrong += [
        f"waivers.json: {waiver.file} {waiver.code!r} waives nothing any more" for waiver in waivers if not waiver.used
    ]
    for goal, bins in functional.items():
        verdict.functional[goal] = (sum(count > 0 for count in bins.values()), len(bins))
        missing = [name for name, count in bins.items() if not count]
        if missing:
            verdict.wrong.append(f"{goal}: {len(missing)} of {len(bins)} never: {', '.join(missing[:12])}")
    return verdict


def waived_lines(totals: Totals, file: str, waivers: list[Waiver], text: list[str]) -> set[int]:
    """Lines that only a waived branch runs."""
    found: set[int] = set()
    for point, hits in totals.of(file, "branch").items():
        if not hits and any(waiver.covers(point, text[point.line - 1]) for waiver in waivers):
            found.update(point.lines)
    return found


def percent(part: tuple[int, int, int]) -> str:
    """Reached or waived of all; the number waived in brackets."""
    reached, excused, total = part
    if not total:
        return "-"
    figure = f"{100.0 * (reached + excused) / total:.1f}"
    return f"{figure} ({excused})" if excused else figure


def table(verdict: Verdict) -> str:
    """Markdown: one row for each module, one for all, then the functional goals."""
    kinds = ("line", "branch", "expr", "toggle")
    rows = ["| module | line % | branch % | expression % | toggle % |", "|---|---|---|---|---|"]
    for row in verdict.rows:
        rows.append(f"| {row.file} | " + " | ".join(percent(getattr(row, kind)) for kind in kinds) + " |")
    sums = {}
    for kind in kinds:
        parts = [getattr(row, kind) for row in verdict.rows]
        sums[kind] = (sum(p[0] for p in parts), sum(p[1] for p in parts), sum(p[2] for p in parts))
    rows.append("| **all** | " + " | ".join(percent(sums[kind]) for kind in kinds) + " |")
    rows += ["", "| functional goal | reached | of |", "|---|---|---|"]
    rows += [f"| {goal} | {reached} | {total} |" for goal, (reached, total) in verdict.functional.items()]
    return "\n".join(rows)


def page(verdict: Verdict, waivers: list[Waiver], conditions: str) -> str:
    """The documentation's page: the table, what is open, and every waiver with its reason."""
    lines = ["# Coverage of the RTL benches", "", "<!-- Made by `python -m sim.coverage --page`. -->", ""]
    lines += [
        "Counted by Verilator over all benches together; the crosses by the watchers in `sim/coverage/functional.py`.",
        f"Gates: every line and branch, toggles {TOGGLE:.0f} % over all modules, every bin. In brackets: what is",
        "waived; it counts as reached, and has its reason below.",
        "",
        f"{conditions} {'All gates are met.' if not verdict.wrong else f'{len(verdict.wrong)} gates are open.'}",
        "",
        table(verdict),
    ]
    if verdict.wrong:
        lines += ["", "## Open", "", *(f"- {line}".replace("|", "\\|") for line in verdict.wrong)]
    lines += ["", "## Waived", "", "| where | what | why |", "|---|---|---|"]
    for waiver in sorted(waivers, key=lambda waiver: (waiver.file, waiver.kind, waiver.code)):
        what = f"{waiver.kind} `{waiver.what}`" if waiver.what else waiver.kind
        cells = (f"`{waiver.file}`: `{waiver.code}`", what, waiver.reason)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def lcov(totals: Totals, folder: str) -> str:
    """The lcov form of lines and branches; `folder` is put before each file's name."""
    out: list[str] = []
    for file in totals.files():
        out += ["TN:", f"SF:{folder}/{file}"]
        lines = totals.lines(file)
        branches = totals.of(file, "branch")
        for number, (point, hits) in enumerate(sorted(branches.items())):
            out.append(f"BRDA:{point.line},{point.column},{number},{hits or '-'}")
        out += [f"BRF:{len(branches)}", f"BRH:{sum(hits > 0 for hits in branches.values())}"]
        out += [f"DA:{line},{hits}" for line, hits in sorted(lines.items())]
        out += [f"LF:{len(lines)}", f"LH:{sum(hits > 0 for hits in lines.values())}", "end_of_record"]
    return "\n".join(out) + "\n"
