"""One sanitized wire peer for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wire_peer import SANITIZED, Peer, compile_c


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    binary = tmp_path_factory.mktemp("wire") / "peer"
    compile_c(Path(__file__).with_name("peer.c"), binary, SANITIZED)
    running = Peer(binary)
    yield running
    running.close()
