"""Builds `fastpath._core`: the C core behind cffi, in API mode.

cffi reads the public headers themselves, so that a declaration exists once. This
file compiles; it is not needed at run time.
"""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).resolve().parent.parent
CORE = Path("fastpath/core")
HEADERS = ["records.h", "fastpath.h"]
FOLDERS = ["wire", "book", "io", "order", "engine"]


def declarations(text: str) -> str:
    """A header as cffi's cdef takes it: without preprocessor lines and what FP_CFFI hides."""
    kept: list[str] = []
    hidden = 0
    for line in text.splitlines():
        stripped = line.strip()
        if hidden:
            if stripped.startswith(("#if", "#ifdef", "#ifndef")):
                hidden += 1
            elif stripped.startswith("#endif"):
                hidden -= 1
        elif stripped == "#ifndef FP_CFFI":
            hidden = 1
        elif not stripped.startswith("#"):
            kept.append(line)
    return "\n".join(kept)


def make_builder() -> FFI:
    """The builder that setup.py names."""
    builder = FFI()
    for header in HEADERS:
        builder.cdef(declarations((ROOT / CORE / header).read_text()))
    sources = [str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / CORE / folder).glob("*.c"))]
    builder.set_source(
        "fastpath._core",
        '#include "fastpath.h"',
        sources=sources,
        depends=[
            *(str(path.relative_to(ROOT)) for path in sorted((ROOT / CORE).rglob("*.h"))),
            "hdl/spec/generated/fp_registers.h",
        ],
        # The registers of the card that io/card.h names; its library is found at run time.
        include_dirs=[str(CORE), "hdl/spec/generated"],
        libraries=["dl", "pthread"],
        extra_compile_args=["-std=c11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Wno-unused-parameter"],
    )
    return builder


ffibuilder = make_builder()

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
