"""Finds the libzmq that the core loads: the one inside the pyzmq wheel, or the system's. It loads nothing itself."""

from __future__ import annotations

import ctypes.util
from pathlib import Path


def find_libzmq() -> str:
    """Path (or loader name) of libzmq 4.

    Raises:
        FileNotFoundError: neither pyzmq's nor a system one is there; the text says what to install.
    """
    import zmq  # noqa: PLC0415 - a subscriber without an engine never needs the path

    package = Path(zmq.__file__).resolve().parent
    for folder in (package.parent / "pyzmq.libs", package, package / "backend"):
        for path in sorted(folder.glob("libzmq*.so*")):
            return str(path)
    name = ctypes.util.find_library("zmq")
    if name:
        return name
    raise FileNotFoundError(
        "libzmq was not found: `pip install --force-reinstall pyzmq` brings it in its wheel, "
        "or install the system's (Debian: apt-get install libzmq5), or set libzmq_path"
    )
