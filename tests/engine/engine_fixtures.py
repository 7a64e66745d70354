"""Fixtures of the engine's tests: a feed, a place to run in, an engine on both."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from market_feed import Feed

from sim.device.build import VARIANTS, build, missing


@pytest.fixture
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.close()


@pytest.fixture(scope="session")
def card_library() -> str:
    """Path of an up-to-date card, built once; skipped, with the reason, where it cannot be built.

    FASTPATH_TEST_CARD names one that was built elsewhere.
    """
    given = os.environ.get("FASTPATH_TEST_CARD")
    if given:
        return given
    why = missing()
    if why:
        pytest.skip(why)
    return str(build(VARIANTS["card"], quiet=True).library)


@pytest.fixture
def run_dir() -> Iterator[str]:
    # Socket paths are limited to 107 characters, which pytest's own directories exceed.
    with tempfile.TemporaryDirectory(prefix="fp-") as path:
        yield str(Path(path) / "run")
