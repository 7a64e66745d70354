"""The ledger proves the live venue deterministic: its inputs applied again give every recorded output."""

from __future__ import annotations

import struct
from pathlib import Path

import exchange_wire as wire
import pytest

from sim.exchange import Exchange
from sim.exchange.ledger import read_ledger, verify_ledger


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "day.ledger"
    with Exchange(wire.still_venue(flow=True, messages_per_s=2000, ledger_path=path, max_orders=5000)) as venue:
        with wire.SoupClient(venue.order_address) as client:
            client.login("alice", "secret")
            client.messages(1)
            for number in range(1, 300, 3):
                best = 100_000 + 100 * (number % 10 - 5)
                client.ouch(wire.enter(number, "B", 500, price_e4=best))
                client.ouch(wire.replace(number, number + 1, 900, best))
                client.ouch(b"z")
                client.ouch(wire.enter(number + 2, "S", 50, price_e4=0x7FFFFFFF))
            wire.eventually(lambda: venue.stats()["enters"] == 200)
        venue.halt("TWO")
        venue.resume("TWO")
        venue.end_of_session()
        stats = venue.stats()
    assert stats["venue_ledger_errors"] == 0 and stats["executions"] > 0
    assert stats["venue_ledger_records"] == 1 + stats["inputs"] + stats["feed_messages"] + stats["order_messages"]
    return path


def test_a_day_applied_again_gives_the_same(ledger: Path) -> None:
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert b"secret" not in ledger.read_bytes()
    assert verify_ledger(ledger) > 500


def test_any_change_is_found(ledger: Path, tmp_path: Path) -> None:
    data = bytearray(ledger.read_bytes())
    at, outputs = 0, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at)[0]
        if data[at + 4] in b"FO":
            outputs.append(at + 16 + length - 1)
        at += 16 + length
    changed = tmp_path / "changed"
    for where in (outputs[0], outputs[len(outputs) // 2], outputs[-1]):
        data[where] ^= 1
        changed.write_bytes(data)
        with pytest.raises(ValueError, match="differs"):
            verify_ledger(changed)
        data[where] ^= 1


def test_a_torn_tail_ends_the_reading(ledger: Path, tmp_path: Path) -> None:
    data = ledger.read_bytes()
    whole = len(list(read_ledger(ledger)))
    torn = tmp_path / "torn"
    torn.write_bytes(data[:-5])
    assert len(list(read_ledger(torn))) == whole - 1


def test_a_second_run_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "twice"
    for _ in range(2):
        with Exchange(wire.still_venue(flow=True, ledger_path=path)):
            pass
    assert [r.stream for r in read_ledger(path)].count("H") == 2
    assert verify_ledger(path) > 100
