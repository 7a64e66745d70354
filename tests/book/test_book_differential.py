"""The core's book against the naive one: events, BBO, depth and counters after every message.

Real files where they are present, and seeded random streams, tame and hostile. The C
driver is built with the address and undefined-behaviour sanitizers.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from naive_book import NaiveBook
from streams import SHARED, RandomStream, mold_messages, read_binary_file, read_raw_file, udp_payloads

ROOT = Path(__file__).resolve().parents[2]
MIDNIGHT_NS = 1_577_682_000_000_000_000
VENUE = 5
COUNTERS = [
    "messages", "unknown_type", "wrong_length", "unknown_ref", "duplicate_ref", "bad_shares", "bad_side", "bad_price",
    "unknown_locate", "wrong_locate", "table_full", "crossed",
]
BBO = struct.Struct("<QQIIQQIIQ")


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary = tmp_path_factory.mktemp("book") / "book_driver"
    command = [
        "gcc", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-O1", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", "-I", str(ROOT / "fastpath/core"), str(ROOT / "tests/book/book_driver.c"),
        *[str(p) for p in sorted((ROOT / "fastpath/core/book").glob("*.c"))], "-o", str(binary),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-4000:]
    return binary


class Reader:
    """What the driver wrote, piece by piece."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        values = form.unpack_from(self.data, self.at)
        self.at += form.size
        return values

    def raw(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def compare(
    driver: Path,
    messages: list[bytes],
    tmp_path: Path,
    max_orders: int = 20_000,
    max_levels: int = 20_000,
    validate_every: int = 1,
) -> NaiveBook:
    source = tmp_path / "messages"
    source.write_bytes(b"".join(len(m).to_bytes(2, "big") + m for m in messages))
    ran = subprocess.run(
        [str(driver), str(source), str(max_orders), str(max_levels), str(VENUE), str(MIDNIGHT_NS), str(validate_every)],
        capture_output=True, check=False, timeout=100,
    )
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")[-4000:]
    reader, naive = Reader(ran.stdout), NaiveBook(max_orders, max_levels, VENUE, MIDNIGHT_NS)
    i32, u32x2, level = struct.Struct("<i"), struct.Struct("<II"), struct.Struct("<QII")
    for index, message in enumerate(messages):
        where = f"message {index}: {message.hex()}"
        want, records = naive.apply(message, index)
        (got,) = reader.take(i32)
        assert got == want, where
        for k, record in enumerate(records):
            assert reader.raw(64) == record, f"{where}, record {k}"
        symbol = naive.symbol(int.from_bytes(message[1:3], "big") if len(message) >= 3 else 0)
        bid, bid_shares, ask, ask_shares = symbol.bbo()
        shown = (symbol.venue_ns, symbol.rx_ns, bid, ask, bid_shares, ask_shares, *symbol.last)
        assert reader.take(BBO) == shown, where
        assert reader.raw(2) == bytes([symbol.stale, ord(symbol.state)]), where
        counts = reader.take(u32x2)
        for side, count in zip("BS", counts, strict=True):
            assert [reader.take(level) for _ in range(count)] == symbol.depth(side), f"{where}, side {side}"
    counters = reader.take(struct.Struct("<12Q4I"))
    assert reader.at == len(reader.data)
    assert dict(zip(COUNTERS, counters, strict=False)) == {name: naive.stats[name] for name in COUNTERS}
    levels = sum(len(side) for s in naive.symbols.values() for side in s.sides.values())
    assert counters[12:] == (len(naive.orders), naive.peak, levels, naive.stats["locates"])
    return naive


def shared(path: str) -> Path:
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"no data: ../shared/{path} is not on this machine")
    return found


def test_real_binary_file(driver: Path, tmp_path: Path) -> None:
    messages = read_binary_file(shared("data/nasdaq_20191230/12302019_filtered_500.itch"))
    assert len(messages) == 500
    naive = compare(driver, messages, tmp_path)
    assert naive.stats["unknown_type"] == naive.stats["wrong_length"] == 0
    assert len(naive.orders) > 400


@pytest.mark.timeout(240)
def test_raw_day_of_three_symbols(driver: Path, tmp_path: Path) -> None:
    messages = read_raw_file(shared("data/ritch/ex20101224.TEST_ITCH_50"))
    assert len(messages) == 12_012
    naive = compare(driver, messages, tmp_path, validate_every=97)
    assert naive.stats["locates"] == 3
    assert naive.peak > 100


def test_captured_packets(driver: Path, tmp_path: Path) -> None:
    folder = shared("data/omi_nasdaq")
    paths = [p for p in sorted(folder.glob("*/*.pcap")) if "TotalView.Itch.v5.0" in p.parent.name]
    messages = [m for p in paths for payload in udp_payloads(p) for m in mold_messages(payload)]
    assert len(messages) > 50
    naive = compare(driver, messages, tmp_path)
    assert naive.stats["unknown_type"] == naive.stats["wrong_length"] == 0


def test_every_type_in_one_packet(driver: Path, tmp_path: Path) -> None:
    payloads = udp_payloads(ROOT / "tests/golden/mold_itch_vectors.pcap")
    messages = [m for payload in payloads for m in mold_messages(payload)]
    assert len({m[0] for m in messages}) == 23
    compare(driver, messages, tmp_path)


def test_other_feeds_are_refused_not_believed(driver: Path, tmp_path: Path) -> None:
    folder = shared("data/omi_nasdaq")
    paths = [p for p in sorted(folder.glob("*/*.pcap")) if "TotalView" not in p.parent.name]
    payloads = [payload for p in paths for payload in udp_payloads(p)]
    messages = payloads + [m for payload in payloads for m in mold_messages(payload)]
    assert messages
    compare(driver, messages, tmp_path)


@pytest.mark.parametrize("seed", range(3))
def test_random_stream(driver: Path, tmp_path: Path, seed: int) -> None:
    naive = compare(driver, RandomStream(seed, hostile=0).take(4000), tmp_path, validate_every=7)
    assert naive.stats["unknown_ref"] == naive.stats["duplicate_ref"] == naive.stats["bad_shares"] == 0
    assert naive.stats["crossed"] > 0


@pytest.mark.parametrize("seed", range(10, 16))
def test_hostile_stream(driver: Path, tmp_path: Path, seed: int) -> None:
    naive = compare(driver, RandomStream(seed, hostile=0.25).take(3000), tmp_path, validate_every=5)
    for counter in COUNTERS:
        if counter != "table_full":
            assert naive.stats[counter], f"{counter}: the stream never did that"


@pytest.mark.parametrize("seed", [20, 21])
def test_tables_that_fill_up(driver: Path, tmp_path: Path, seed: int) -> None:
    messages = RandomStream(seed, hostile=0.05, prices=200).take(2500)
    naive = compare(driver, messages, tmp_path, max_orders=150, max_levels=60, validate_every=3)
    assert naive.stats["table_full"] > 100


def test_deep_ladders(driver: Path, tmp_path: Path) -> None:
    """Hundreds of levels a side: ladders of many blocks, opened and closed everywhere."""
    messages = RandomStream(30, hostile=0.01, locates=1, prices=3000, adds=100).take(4000)
    naive = compare(driver, messages, tmp_path, validate_every=50)
    assert max(len(side) for s in naive.symbols.values() for side in s.sides.values()) > 400


def test_pure_noise(driver: Path, tmp_path: Path) -> None:
    compare(driver, RandomStream(40, hostile=1).take(3000), tmp_path, validate_every=11)
