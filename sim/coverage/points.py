"""Reads Verilator's coverage.dat files and adds them up by place in the source.

Counts of the same place are added over instances, parameter sets and benches. It knows the file's form and nothing of
what is enough: gates.py judges.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KINDS = ("line", "branch", "expr", "toggle")
_ENTRY = re.compile(r"^C '(?P<keys>.*)' (?P<hits>\d+)$")


@dataclass(frozen=True, order=True)
class Point:
    """One place that is counted: file name, line and column, kind, and what of it (a branch, a bit's edge)."""

    file: str
    line: int
    column: int
    kind: str
    what: str
    lines: tuple[int, ...] = ()  # the source lines that run when it is hit


def spread(text: str) -> tuple[int, ...]:
    """The numbers of "3-5,9"; raises ValueError when it is something else."""
    numbers: list[int] = []
    for piece in filter(None, text.strip().split(",")):
        low, _, high = piece.partition("-")
        numbers += range(int(low), int(high or low) + 1)
    return tuple(numbers)


def parse(text: str, name: str = "coverage.dat") -> Iterable[tuple[Point, int]]:
    """Every counter of a file with its hits, as they stand. Raises ValueError for a file that is not one of these."""
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# SystemC::Coverage-3"):
        raise ValueError(f"{name}: not a coverage file")
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        entry = _ENTRY.match(line)
        if entry is None:
            raise ValueError(f"{name}:{number}: not a counter: {line[:80]!r}")
        keys: dict[str, str] = {}
        for piece in entry["keys"].split("\x01")[1:]:
            key, divided, value = piece.partition("\x02")
            if not divided:
                raise ValueError(f"{name}:{number}: a key without value: {piece[:80]!r}")
            keys[key] = value
        kind = keys.get("page", "").split("/")[0].removeprefix("v_") or keys.get("t", "")
        yield (
            Point(
                Path(keys.get("f", "")).name,
                int(keys.get("l", 0)),
                int(keys.get("n", 0)),
                kind,
                keys.get("o", ""),
                spread(keys.get("S", "")),
            ),
            int(entry["hits"]),
        )


def proof_lines(text: list[str]) -> set[int]:
    """The numbers of the lines that only the proofs read: they are no part of the design."""
    found: set[int] = set()
    depth = 0
    for number, line in enumerate(text, 1):
        word, _, name = line.strip().partition(" ")
        if depth:
            depth += (word in ("`ifdef", "`ifndef")) - (word == "`endif")
            if depth == 1 and word == "`else":
                depth = 0
        elif word == "`ifdef" and name.split()[0] in ("FORMAL", "YOSYS"):
            depth = 1
        if depth:
            found.add(number)
    return found


class Totals:
    """Hits by place; the lines that a place runs are united."""

    def __init__(self) -> None:
        self.hits: dict[Point, int] = defaultdict(int)

    def add(self, counters: Iterable[tuple[Point, int]], files: dict[str, set[int]]) -> None:
        """Add the counters of the files named but for the lines given; other files (a bench's own top) are left out."""
        for point, hits in counters:
            if point.line not in files.get(point.file, {point.line}):
                self.hits[point] += hits

    def of(self, file: str, kind: str) -> dict[Point, int]:
        """The points of one kind in a file."""
        return {point: hits for point, hits in self.hits.items() if (point.file, point.kind) == (file, kind)}

    def lines(self, file: str) -> dict[int, int]:
        """Hits of each source line that can run: the most of any point that runs it."""
        found: dict[int, int] = {}
        for kind in ("line", "branch"):
            for point, hits in self.of(file, kind).items():
                for line in point.lines or (point.line,):
                    found[line] = max(found.get(line, 0), hits)
        return found

    def files(self) -> list[str]:
        """Every file with a point."""
        return sorted({point.file for point in self.hits})
