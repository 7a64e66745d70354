"""Compile and run every `tests/c/test_*.c`, plain and under ASan + UBSan (TSan where the file asks).

A test file names what it links in its first lines: `// sources: a.c b.c`, paths
from the project root; `// flags: -pthread` and `// tsan` are optional.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WARNINGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g"]
VARIANTS = {
    "plain": ["-O2"],
    "asan": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"],
    "tsan": ["-O1", "-fsanitize=thread"],
}


def directive(text: str, name: str) -> list[str]:
    return [word for line in re.findall(rf"^// {name}:(.*)$", text, re.M) for word in line.split()]


def cases() -> list[tuple[Path, str]]:
    found = []
    for path in sorted((ROOT / "tests/c").glob("test_*.c")):
        variants = ["plain", "asan"] + (["tsan"] if re.search(r"^// tsan$", path.read_text(), re.M) else [])
        found += [(path, variant) for variant in variants]
    return found


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("path", "variant"), cases(), ids=lambda v: v.stem if isinstance(v, Path) else v)
def test_c_unit(path: Path, variant: str, tmp_path: Path) -> None:
    text = path.read_text()
    sources = directive(text, "sources")
    assert sources, f"{path.name} names no sources"
    binary = tmp_path / path.stem
    command = [
        *os.environ.get("CC", "gcc").split(), *WARNINGS, *VARIANTS[variant],
        "-I", str(ROOT / "fastpath/core"), "-I", str(ROOT), "-I", str(ROOT / "hdl/spec/generated"), str(path),
        *[str(ROOT / s) for s in sources], *directive(text, "flags"), "-lm", "-o", str(binary),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-4000:]
    ran = subprocess.run([str(binary)], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=200)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-4000:]
    assert re.search(r"^\d+ tests, [1-9]\d* checks, 0 failures$", ran.stdout, re.M), ran.stdout[-2000:]
