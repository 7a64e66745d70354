"""`fastpath cosim` as a user types it: its exit codes and what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sim.device.build import ROOT, missing

pytestmark = pytest.mark.timeout(900)


def cosim(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastpath", "cosim", *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_a_generated_day_is_equal() -> None:
    if missing():
        pytest.skip(missing())
    done = cosim("generate:8000:7:8:500", "--lines", "both", "--drop", "20", "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "equal"


@pytest.mark.parametrize("file", ["/nowhere/day.itch", "generate:", "generate:many"])
def test_what_cannot_run_is_one_line_and_exit_code_2(file: str) -> None:
    done = cosim(file)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    if missing():
        pytest.skip(missing())
    path = tmp_path / "day.itch"
    path.write_bytes(b"\x00\x27R" + bytes(10))
    done = cosim(str(path))
    assert done.returncode == 2
    assert "error: " in done.stderr
