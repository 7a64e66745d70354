"""The bus is tested on a real engine: its fixtures are those of the engine's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "engine"))

from engine_fixtures import feed, run_dir  # noqa: F401
