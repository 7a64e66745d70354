"""The book owns no memory: its objects may call nothing that could allocate, block or read a clock."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "fastpath/core/book").glob("*.c"))
ALLOWED = {"memcpy", "memmove", "memset", "strchr"}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_calls_nothing_but_itself(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "object.o"
    command = ["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-fno-stack-protector", "-c", str(source), "-o", str(target)]
    subprocess.run(command, check=True, timeout=100)
    listed = subprocess.run(["nm", "-u", str(target)], capture_output=True, text=True, check=True).stdout.split()
    foreign = {name for name in listed if name != "U" and not name.startswith("fp_")}
    assert foreign <= ALLOWED | {"_GLOBAL_OFFSET_TABLE_"}, foreign - ALLOWED


def test_there_are_sources() -> None:
    assert len(SOURCES) >= 4
