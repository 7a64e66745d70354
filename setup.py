"""The two C extensions; everything else is in pyproject.toml.

Needs a C compiler and Python's headers, nothing more: libzmq is found at run time.
"""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
BUILDERS = ["fastpath/build_core.py", "sim/exchange/build_native.py"]

setup(cffi_modules=[f"{path}:ffibuilder" for path in BUILDERS if (ROOT / path).exists()])
