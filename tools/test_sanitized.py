"""Build both C extensions under ASan and UBSan in a copy of the tree, and run the tests that load them.

usage: test_sanitized.py [PYTEST ARGUMENT ...]   default: the engine's, bus's and exchange's tests.
It leaves the tree's own extensions alone. Exit code: pytest's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "sanitized"
FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
DEFAULT = ["tests/engine", "tests/bus", "tests/exchange"]


def tracked_files() -> list[str]:
    """What git knows or would add: the tree without what was built in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name]


def library(name: str) -> str:
    """Path of one of gcc's runtime libraries."""
    asked = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def main() -> int:
    """Copy, build, test."""
    shutil.rmtree(COPY, ignore_errors=True)
    for name in tracked_files():
        source = ROOT / name
        if source.is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, COPY / name)
    print("building both extensions under ASan and UBSan", flush=True)
    environment = {**os.environ, "CFLAGS": FLAGS, "LDFLAGS": FLAGS, "PYTHONPATH": str(COPY)}
    built = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=COPY, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        print(f"the sanitized build failed: {built.stderr[-3000:]}", file=sys.stderr)
        return 1
    environment |= {
        # Python itself is not instrumented: the runtimes must be there before it, and its own leaks are not ours.
        "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *(sys.argv[1:] or DEFAULT)]
    return subprocess.run(command, cwd=COPY, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
