"""The feed of a running venue: both lines, heartbeats, re-requests, end of session, faults."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import ExitStack

import exchange_wire as wire
import pytest

from sim.exchange import Exchange, FeedLine, LineFaults

SESSION = b"TESTDAY1  "


def collect(receiver: socket.socket, until: int, limit_s: float = 20.0) -> dict[int, bytes]:
    """Messages by sequence, until one before `until` has come."""
    found: dict[int, bytes] = {}
    ends = time.monotonic() + limit_s
    while until - 1 not in found:
        assert time.monotonic() < ends, f"{len(found)} messages came"
        packet = wire.parse_mold(receiver.recv(2048))
        assert len(packet.raw) <= 1472 and packet.session == SESSION
        for number, message in enumerate(packet.messages):
            found[packet.sequence + number] = message
    return found


def test_both_lines_carry_the_same_whole_stream() -> None:
    venue = Exchange(wire.still_venue(flow=True, messages_per_s=3000))
    with ExitStack() as stack:
        lines = [stack.enter_context(wire.join(*address)) for address in venue.feed_addresses]
        stack.enter_context(venue)
        wire.eventually(lambda: venue.stats()["venue_feed_next_sequence"] > 2000)
        venue.set_rate(0)
        time.sleep(0.05)
        last = venue.stats()["venue_feed_next_sequence"]
        want = dict(enumerate(venue.feed_messages(), 1))
        assert len(want) == last - 1
        for receiver in lines:
            assert collect(receiver, last) == want
    assert [m[:1] for m in (want[1], want[2], want[3])] == [b"S", b"R", b"H"]
    stamps = [int.from_bytes(m[5:11], "big") for m in want.values()]
    assert stamps == sorted(stamps) and stamps[0] > 0


def test_packets_are_packed() -> None:
    venue = Exchange(wire.still_venue(flow=True, orders_per_symbol=200))
    with wire.join(*venue.feed_addresses[0]) as receiver, venue:
        packet = wire.parse_mold(receiver.recv(2048))
        assert packet.sequence == 1 and packet.count > 30 and 1472 - 42 < len(packet.raw) <= 1472


def test_heartbeats_and_end_of_session() -> None:
    venue = Exchange(wire.still_venue(feed_heartbeat_ms=50, end_of_session_ms=300))
    with wire.join(*venue.feed_addresses[1]) as receiver, venue:
        packets = [wire.parse_mold(receiver.recv(2048)) for _ in range(4)]
        following = 1 + sum(p.count for p in packets)
        beats = [p for p in packets if p.count == 0]
        assert len(beats) >= 2 and all(p.sequence == following and len(p.raw) == 20 for p in beats)
        venue.end_of_session()
        ends = []
        receiver.settimeout(1.0)
        with pytest.raises(TimeoutError):
            while True:
                packet = wire.parse_mold(receiver.recv(2048))
                if packet.count == 0xFFFF:
                    ends.append(packet)
        assert 3 <= len(ends) <= 8
        assert {p.sequence for p in ends} == {following + 3}  # M, E and C are the last messages
        # what has been said may still be asked for
        recovery = wire.Recovery(venue.rerequest_address, SESSION)
        assert [m[11:12] for m in recovery.fetch(following, 3)] == [b"M", b"E", b"C"]


def test_rerequest_gives_everything() -> None:
    with Exchange(wire.still_venue(flow=True, messages_per_s=0)) as venue:
        want = venue.feed_messages()
        recovery = wire.Recovery(venue.rerequest_address, SESSION)
        assert recovery.fetch(1, len(want)) == want
        assert all(len(raw) <= 1472 for raw in recovery.received)
        assert recovery.fetch(5, 1) == want[4:5]
        assert len(recovery.fetch(len(want) - 2, 3)) == 3


def test_bad_rerequests_are_counted_and_unanswered() -> None:
    with Exchange(wire.still_venue()) as venue, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        last = venue.stats()["venue_feed_next_sequence"]
        good = struct.pack(">10sQH", SESSION, 1, 1)
        bad = {
            "truncated": [good[:n] for n in (1, 10, 19)],
            "oversized": [good + b"x", good * 70, b"\xff" * 1500],
            "wrong_session": [struct.pack(">10sQH", b"OTHERDAY  ", 1, 1)],
            "out_of_range": [struct.pack(">10sQH", SESSION, n, 1) for n in (0, last, 2**64 - 1)],
            "bad_count": [struct.pack(">10sQH", SESSION, 1, n) for n in (0, 0xFFFF)],
        }
        for packets in bad.values():
            for packet in packets:
                sock.sendto(packet, venue.rerequest_address)
        with pytest.raises(TimeoutError):
            sock.recv(2048)
        stats = venue.stats()
        assert {name: stats[f"feed_rerequest_{name}"] for name in bad} == {name: len(p) for name, p in bad.items()}
        sock.sendto(good, venue.rerequest_address)
        assert wire.parse_mold(sock.recv(2048)).count == 1


def test_rerequest_rate_is_bounded() -> None:
    with (
        Exchange(wire.still_venue(rerequests_per_s=10)) as venue,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
    ):
        sock.settimeout(0.3)
        for _ in range(200):
            sock.sendto(struct.pack(">10sQH", SESSION, 1, 1), venue.rerequest_address)
        answers = 0
        with pytest.raises(TimeoutError):
            while True:
                sock.recv(2048)
                answers += 1
        assert 1 <= answers < 50 and venue.stats()["feed_rerequest_limited"] == 200 - answers


@pytest.mark.parametrize(
    "faults",
    [
        LineFaults(drop_per_mille=200, seed=4),
        LineFaults(duplicate_per_mille=300, seed=4),
        LineFaults(reorder_per_mille=300, seed=4),
        LineFaults(delay_per_mille=500, delay_us=3000, seed=4),
        LineFaults(drop_per_mille=1000),
    ],
    ids=["drop", "duplicate", "reorder", "delay", "dead"],
)
def test_faults_of_one_line(faults: LineFaults) -> None:
    venue = Exchange(wire.still_venue(flow=True, messages_per_s=2000, feed_heartbeat_ms=100))
    with ExitStack() as stack:
        a, b = (stack.enter_context(wire.join(*address, timeout_s=0.5)) for address in venue.feed_addresses)
        stack.enter_context(venue)
        venue.set_line_faults("A", faults)
        wire.eventually(lambda: venue.stats()["venue_feed_next_sequence"] > 1500)
        venue.set_rate(0)
        time.sleep(0.3)
        last = venue.stats()["venue_feed_next_sequence"]
        want = dict(enumerate(venue.feed_messages(), 1))
        assert collect(b, last) == want  # line B is whole
        sequences, got = [], {}
        try:
            while True:
                packet = wire.parse_mold(a.recv(2048))
                if packet.count:
                    sequences.append(packet.sequence)
                got.update({packet.sequence + n: m for n, m in enumerate(packet.messages)})
                if packet.count == 0 and packet.sequence >= last and len(sequences) > 10:
                    break
        except TimeoutError:
            pass
        assert got.items() <= want.items()
        stats = venue.stats()
        if faults.drop_per_mille:
            assert stats["line_a_dropped"] > 10 and len(got) < len(want)
            missing = sorted(set(want) - set(got))
            recovery = wire.Recovery(venue.rerequest_address, SESSION)
            assert recovery.fetch(missing[0], 1) == [want[missing[0]]]
        else:
            assert got == want
        if faults.duplicate_per_mille:
            # heartbeats are doubled as well, and not among these
            assert 10 < len(sequences) - len(set(sequences)) <= stats["line_a_duplicated"]
        if faults.reorder_per_mille:
            assert sequences != sorted(sequences) and stats["line_a_reordered"] > 10
        if faults.delay_per_mille:
            assert stats["line_a_delayed"] > 10
        assert stats["line_b_dropped"] == 0


def test_unanswered_rerequests() -> None:
    with Exchange(wire.still_venue(flow=True)) as venue:
        venue.set_rerequest_faults(500, seed=3)
        want = venue.feed_messages()
        recovery = wire.Recovery(venue.rerequest_address, SESSION)
        assert recovery.fetch(1, len(want)) == want
        assert venue.stats()["feed_rerequest_dropped"] > 0


def test_unicast_lines_and_a_line_that_is_off() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        line = FeedLine("127.0.0.1", receiver.getsockname()[1])
        with Exchange(wire.still_venue(feed_a=line, feed_b=FeedLine(""))) as venue:
            assert venue.feed_addresses[1] == ("", 0)
            assert wire.parse_mold(receiver.recv(2048)).sequence == 1
            assert venue.stats()["line_b_packets"] == 0


def test_halt_and_injected_orders() -> None:
    with Exchange(wire.still_venue()) as venue:
        reference = venue.inject("ONE", "B", 300, "9.99")
        assert reference and venue.depth("ONE").bids[0].price_e4 == 99_900
        venue.halt("ONE")
        venue.resume("ONE")
        assert venue.inject("ONE", "S", 100, "9.99", immediate=True) == 0
        venue.withdraw(reference)
        kinds = [m[:1] for m in venue.feed_messages()]
        assert kinds[-5:] == [b"A", b"H", b"H", b"E", b"D"]
        assert venue.depth("ONE").bids == ()


def test_an_idle_venue_sleeps() -> None:
    with Exchange(wire.still_venue()) as venue:
        before, cpu = venue.stats()["venue_wakeups"], time.process_time()
        time.sleep(1.0)
        assert venue.stats()["venue_wakeups"] - before < 20
        assert time.process_time() - cpu < 0.5
