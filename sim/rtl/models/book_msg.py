"""The message vector inside the book (hdl/rtl/book_msg.vh), read from its header so that the two cannot differ."""

from __future__ import annotations

import re
from pathlib import Path

HEADER = Path(__file__).resolve().parents[3] / "hdl" / "rtl" / "book_msg.vh"


def read() -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Slices {name: (lowest bit, width)} and codes {name: value}."""
    slices: dict[str, tuple[int, int]] = {}
    codes: dict[str, int] = {}
    for name, text in re.findall(r"`define (\w+) ([^\s/]+)", HEADER.read_text(encoding="utf-8")):
        if name.startswith("BM_") and name != "BM_W":
            high, _, low = text.partition(":")
            slices[name[3:]] = (int(low or high), int(high) - int(low or high) + 1)
        elif "'d" in text:
            codes[name] = int(text.split("'d")[1])
    return slices, codes


SLICES, CODES = read()


def pack(**fields: int) -> int:
    """A message vector; fields not named are 0. Names are the slices' in lower case."""
    value = 0
    for name, field in fields.items():
        low, width = SLICES[name.upper()]
        assert 0 <= field < 1 << width, (name, field)
        value |= field << low
    return value
