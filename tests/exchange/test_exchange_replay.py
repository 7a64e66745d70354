"""A recorded day as the market: real files through the matching core, in every form a file may have."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from exchange_wire import Bench, SoupClient, enter, eventually, still_venue
from sim.exchange._native import ffi, lib

from sim.exchange import Exchange, ExchangeError, Replay

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NASDAQ = DATA / "nasdaq_20191230" / "12302019_filtered_500.itch"
RITCH = DATA / "ritch" / "ex20101224.TEST_ITCH_50"
OWN_NUMBERS = 1 << 40


def real(path: Path) -> bytes:
    if not path.exists():
        pytest.skip(f"real data is not here: {path.name}")
    return path.read_bytes()


def read_binaryfile(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        found.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return found


KINDS = list("SRHYLVWKJhAFECXDUPQBINO")
SIZES = [12, 39, 25, 20, 26, 35, 12, 28, 35, 21, 36, 40, 31, 36, 23, 19, 35, 44, 40, 19, 50, 20, 48]
LENGTHS = dict(zip(KINDS, SIZES, strict=True))


def read_prefixed(data: bytes, prefix: int) -> list[bytes]:
    found, at = [], 0
    while at + prefix < len(data):
        length = LENGTHS[chr(data[at + prefix])]
        found.append(data[at + prefix : at + prefix + length])
        at += prefix + length
    return found


def replayed(data: bytes, users: int = 0) -> tuple[Bench, int, int]:
    bench = Bench([], [("FRM0", "N")] * users, first_number=OWN_NUMBERS, max_symbols=1000, max_orders=50_000)
    applied = ffi.new("uint64_t *")
    form = lib.fp_lab_replay(bench.lab, data, len(data), 1000, applied)
    return bench, form, int(applied[0])


def untimed(message: bytes) -> bytes:
    return message[:5] + message[11:]


def test_nasdaq_file_comes_out_as_it_is() -> None:
    data = real(NASDAQ)
    source = read_binaryfile(data)
    bench, form, applied = replayed(data)
    assert (form, applied) == (lib.FP_TAPE_BINARYFILE, len(source))
    out = bench.feed()
    announced: set[bytes] = set()
    market = []
    for message in out:
        if message[:1] == b"R":
            announced.add(message[1:3])
        elif message[:1] != b"H":
            assert message[1:3] in announced, "a locate was used before its directory"
            market.append(untimed(message))
    stats = bench.stats()
    missing = stats["replay_unknown_ref"]
    # the file was filtered by somebody: what refers to orders it lacks cannot be published, all else must be
    known = [m for m in source if m[:1] in b"AF" or untimed(m) in market]
    assert [untimed(m) for m in known] == market
    assert len(source) - len(market) == missing and stats["replay_clipped"] == 0
    bench.validate()


def test_ritch_file_by_type_lengths() -> None:
    data = real(RITCH)
    source = read_prefixed(data, 2)
    assert len(source) == 12_012
    bench, form, applied = replayed(data)
    assert (form, applied) == (lib.FP_TAPE_ZERO_PREFIX, 12_012)
    wanted = [untimed(m) for m in source if m[:1] != b"S"]
    out = [untimed(m) for m in bench.feed()]
    stats = bench.stats()
    assert stats["replay_system_events"] == sum(m[:1] == b"S" for m in source)
    refused = (
        stats["replay_unknown_ref"]
        + stats["replay_bad_field"]
        + stats["replay_duplicate_ref"]
        + stats["replay_symbol_clash"]
    )
    if refused == 0:
        assert out == wanted
    else:  # made-up data: what cannot be applied is counted one by one and never published
        assert len(wanted) - len(out) == refused and set(out) <= set(wanted)
    bench.validate()


def test_forms_are_told_apart() -> None:
    messages = read_binaryfile(real(NASDAQ))[:50]
    binary = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
    prefixed, bare = b"".join(b"\0\0" + m for m in messages), b"".join(messages)
    outs = []
    for data, form in ((binary, lib.FP_TAPE_BINARYFILE), (prefixed, lib.FP_TAPE_ZERO_PREFIX), (bare, lib.FP_TAPE_BARE)):
        bench, found, applied = replayed(data)
        assert (found, applied) == (form, 50)
        outs.append(bench.feed())
    assert outs[0] == outs[1] == outs[2]
    for garbage in (b"", b"\0", b"hello, this is not market data", b"\xff" * 500, b"\0\x24Z" + b"\0" * 60):
        assert replayed(garbage)[1] == -5


def test_a_cut_file_gives_what_is_whole() -> None:
    data = real(NASDAQ)
    whole = read_binaryfile(data)
    for size in (39, 100, 1000, 1001, 1017):
        cut_at, used = 0, 0
        while used + 2 + len(whole[cut_at]) <= size:
            used += 2 + len(whole[cut_at])
            cut_at += 1
        assert replayed(data[:size])[2] == cut_at


def test_a_venue_replays_and_users_meet_it(tmp_path: Path) -> None:
    real(NASDAQ)
    config = still_venue(replay=Replay(NASDAQ, speed_e3=0), max_symbols=1000, max_orders=10_000)
    with Exchange(config) as venue:
        eventually(lambda: venue.stats()["venue_replay_done"])
        assert venue.replay_form == "binaryfile"
        bids = [(m[24:32], m) for m in venue.feed_messages() if m[:1] == b"A" and m[19:20] == b"B"]
        name = bids[0][0].decode().strip()
        before = venue.depth(name)
        assert before.bids
        with SoupClient(venue.order_address) as client:
            assert client.login("alice", "secret") is not None
            client.messages(1)
            client.ouch(enter(1, "S", before.bids[0].shares + 50, name, before.bids[0].price_e4, "3"))
            answers = client.messages(2 + before.bids[0].orders)
        assert [m[:1] for m in answers] == [b"A", *[b"E"] * before.bids[0].orders, b"C"]
        assert venue.depth(name).bids[:1] != before.bids[:1]
        assert venue.executions("alice")[0].match_number >= OWN_NUMBERS


def test_paced_replay(tmp_path: Path) -> None:
    """Three messages 50 ms apart take 100 ms, or 10 ms at ten times the speed, and not less."""
    first = read_binaryfile(real(NASDAQ))[0]

    def at(message: bytes, number: int, time_ns: int) -> bytes:
        return message[:5] + time_ns.to_bytes(6, "big") + number.to_bytes(8, "big") + message[19:]

    path = tmp_path / "three.itch"
    path.write_bytes(b"".join(b"\0\x24" + at(first, n, n * 50_000_000) for n in (1, 2, 3)))
    for speed, least_s in ((1000, 0.1), (10_000, 0.01)):
        venue = Exchange(still_venue(replay=Replay(path, speed_e3=speed)))
        began = time.monotonic()
        with venue:
            eventually(lambda venue=venue: venue.stats()["venue_replay_done"])
            assert time.monotonic() - began >= least_s
            assert sum(m[:1] == b"A" for m in venue.feed_messages()) == 3


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("text", b"not a market")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ExchangeError, match="replay file"):
            Exchange(still_venue(replay=Replay(tmp_path / name)))
    with pytest.raises(ExchangeError, match="No such file"):
        Exchange(still_venue(replay=Replay(tmp_path / "absent")))
