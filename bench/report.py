"""What every benchmark shares: the conditions it ran under, and how results are written.

It measures nothing itself.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
CONSOLE = Console()


def conditions() -> dict[str, str]:
    """Machine, load and tools, as of now; a result without them says nothing."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=False).stdout.splitlines()
    return {
        "cpu": model,
        "cores": str(len(os.sched_getaffinity(0))),
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "compiler": compiler[0] if compiler else "unknown",
        "date": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }


def compile_c(sources: Sequence[Path], binary: Path, *flags: str) -> Path:
    """Build a C driver with the core's own flags; RuntimeError carries the compiler's words."""
    binary.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "gcc",
        "-std=c11",
        "-D_GNU_SOURCE",
        "-O2",
        "-g",
        "-Wall",
        "-Wextra",
        "-I",
        str(ROOT),
        "-I",
        str(ROOT / "fastpath/core"),
        *map(str, sources),
        *flags,
        "-lm",
        "-o",
        str(binary),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        raise RuntimeError(f"{binary.name} does not compile: {built.stderr[-2000:]}")
    return binary


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table of results."""
    shown = Table(*header, title=title, title_justify="left")
    for row in rows:
        shown.add_row(*(str(cell) for cell in row))
    CONSOLE.print(shown)


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write bench/results/<name>.json with the conditions beside the figures."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"benchmark": name, "conditions": conditions(), **result}, indent=1) + "\n")
    CONSOLE.print(f"wrote {path.relative_to(ROOT)}")
    return path


def print_conditions() -> None:
    """One line of conditions."""
    CONSOLE.print("conditions: " + "; ".join(f"{key} {value}" for key, value in conditions().items()), soft_wrap=True)
