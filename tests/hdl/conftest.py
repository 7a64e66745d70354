"""The static checks are programs of their own folder; the tests import them from there."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("lint", "synth"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "hdl" / folder))
