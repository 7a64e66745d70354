"""Fixtures of the bridge's tests: a fake engine, a bridge on it, and a client with every scope."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from bridge_desk import connected, make_settings
from fake_engine import FakeEngine
from mcp import Client

from mcp_bridge.bridge import Bridge
from mcp_bridge.settings import BridgeSettings


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory with a short name: an ipc endpoint holds 107 bytes at most."""
    directory = Path(tempfile.mkdtemp(prefix="fpb"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def settings(place: Path) -> BridgeSettings:
    return make_settings(place)


@pytest.fixture
async def engine(settings: BridgeSettings) -> AsyncIterator[FakeEngine]:
    async with FakeEngine(settings.command_endpoint()) as fake:
        yield fake
        assert fake.malformed == []


@pytest.fixture
async def bridge(settings: BridgeSettings, engine: FakeEngine) -> AsyncIterator[Bridge]:
    async with Bridge(settings) as opened:
        yield opened


@pytest.fixture
async def client(bridge: Bridge) -> AsyncIterator[Client]:
    async with connected(bridge) as opened:
        yield opened
