"""`python -m bench [NAME ...]`: run every benchmark, or the named ones, one after the other."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from bench import report


def names() -> list[str]:
    """Every benchmark here: modules named bench_*."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main() -> int:
    """Run them; exit 1 when one failed, after all have had their turn."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"any of {', '.join(names())}; default: all")
    wanted = parser.parse_args().name or names()
    unknown = set(wanted) - set(names())
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    failed = []
    for name in wanted:
        start = time.monotonic()
        report.CONSOLE.rule(f"[bold]{name}", align="left")
        try:
            importlib.import_module(f"bench.bench_{name}").main([])
        except Exception as error:
            # One that cannot run here must not take the others' figures with it.
            report.CONSOLE.print(f"[red]{name} failed:[/] {type(error).__name__}: {error}")
            failed.append(name)
        report.CONSOLE.print(f"{name}: {time.monotonic() - start:.0f} s", style="dim")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
