"""Build description of `sim.exchange._native`, the exchange simulator's C part.

cffi in API mode reads the very headers the C code includes; nothing is declared twice.
Setuptools builds it as `sim/exchange/build_native.py:ffibuilder` from the project root;
running this file compiles it in place. It holds no behaviour.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parents[2]
#: Headers Python may see, in the order they build on each other.
HEADERS = ("matching.h", "flow.h", "tape.h", "lab.h", "counters.h", "server.h")
SOURCES = (
    "ladder", "emit", "matching", "entry", "rerun", "flow", "tape", "lab",
    "store", "lines", "feed", "ports", "ledger", "server", "console",
)  # fmt: skip
WIRE_SOURCES = ("layout", "itch", "ouch", "mold", "soup")


def declarations() -> str:
    """The headers' C declarations without preprocessor lines and comments."""
    text = "\n".join((ROOT / "sim/exchange" / name).read_text() for name in HEADERS)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


#: SANITIZE=address,undefined (say) builds the extension with these sanitizers; for tests.
_SANITIZE = os.environ.get("SANITIZE", "")
_FLAGS = [f"-fsanitize={_SANITIZE}", "-fno-omit-frame-pointer", "-g"] if _SANITIZE else []

ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "sim.exchange._native",
    "\n".join(f'#include "sim/exchange/{name}"' for name in HEADERS),
    sources=[f"sim/exchange/{name}.c" for name in SOURCES] + [f"fastpath/core/wire/{name}.c" for name in WIRE_SOURCES],
    include_dirs=[".", "fastpath/core"],
    extra_compile_args=["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-pthread", *_FLAGS],
    extra_link_args=["-pthread", *_FLAGS],
)

if __name__ == "__main__":
    from setuptools import Distribution

    os.chdir(ROOT)
    # Objects and the generated C stay in build/: other builds of the wire codecs must not meet ours.
    Path("build").mkdir(exist_ok=True)
    command = Distribution({"ext_modules": [ffibuilder.distutils_extension(tmpdir="build")]}).get_command_obj(
        "build_ext"
    )
    command.inplace = True
    command.build_temp = "build/exchange"
    command.ensure_finalized()
    command.run()
