"""Fixtures of the engine's tests: a feed, a place to run in, an engine on both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from market_feed import Feed


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.close()


@pytest.fixture
def run_dir() -> Iterator[str]:
    # Socket paths are limited to 107 characters, which pytest's own directories exceed.
    with tempfile.TemporaryDirectory(prefix="fp-") as path:
        yield str(Path(path) / "run")
