# ruff: noqa: S311 - reproducible test data, not cryptography
"""The feed half with numbers of full width: sessions, addresses, ports, sequences, holes and settings at random.

Every way to be refused is told on both lines, by its reason and sequence, and hurts nothing.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cocotb

from sim.rtl.models import feed, itch
from sim.rtl.models.feed import Bench, Packet, packetise, traffic
from sim.rtl.models.packets import (
    BAD_CHECKSUM,
    BAD_FIELD,
    BAD_LENGTH,
    CORRUPT,
    NOT_SUPPORTED,
    OVERSIZED,
    TRUNCATED,
    WRONG_SESSION,
)
from sim.rtl.models.streams import parameters

SIMULATORS = ["verilator"]
PARAMETERS = [{"LOCATE_BITS": 8, "HOLD_LOG2": 6}, {"LOCATE_BITS": 6, "HOLD_LOG2": 5, "STORE_FWD": 1}]

STORE_FWD = parameters().get("STORE_FWD", 0)
NO_ROOM = 7
#: What is wrong with a packet without messages, its reason, and whether its sequence is known.
WRONG: list[tuple[dict[str, Any], int, bool]] = [
    ({"corrupt": True}, CORRUPT, True),
    ({"changes": {"udp_checksum": 0x1234}}, BAD_CHECKSUM, True),
    ({"changes": {"fragment": 0x2000}}, NOT_SUPPORTED, False),
    ({"changes": {"udp_length": 77}}, BAD_LENGTH, False),
    ({"sequence": 0}, BAD_FIELD, False),
    ({"session": b"ANOTHERONE"}, WRONG_SESSION, True),
    ({"count": 2}, TRUNCATED, True),
    ({"messages": [bytes(60)] * 30}, OVERSIZED, False),
]


@contextmanager
def other_addresses(rng: random.Random) -> Iterator[None]:
    """Frames go to random addresses and ports for a while."""
    before = dict(feed.ADDRESS), dict(feed.PORT)
    for line in "ab":
        feed.ADDRESS[line], feed.PORT[line] = rng.getrandbits(32), rng.getrandbits(16)
    yield
    feed.ADDRESS.update(before[0])
    feed.PORT.update(before[1])


async def both(bench: Bench, packets: list[Packet], lag: int, lost: tuple[int, int]) -> None:
    """The packets on both lines, B later, each line without one of them."""

    async def later() -> None:
        await bench.cycles.wait(lag)
        await bench.send("b", packets[: lost[1]] + packets[lost[1] + 1 :])

    second = cocotb.start_soon(later())
    await bench.send("a", packets[: lost[0]] + packets[lost[0] + 1 :])
    await second
    await bench.cycles.wait(100)


@cocotb.test()
@cocotb.parametrize(number=list(range(6)))
async def wide_numbers(dut: Any, number: int) -> None:
    """Messages, holes and refusals of a random session far up in the sequences."""
    rng = random.Random(f"{cocotb.RANDOM_SEED} {number}")
    session = rng.randbytes(10)
    first = rng.getrandbits(63) | rng.getrandbits(1) << 62
    with other_addresses(rng):
        bench = Bench(dut)
        bench.cycles.now = rng.getrandbits(31)
        await bench.start(
            first_seq=first if number & 1 else 0,
            session=int.from_bytes(session, "big") if number & 2 else 0,
            gap_wait=rng.getrandbits(32) | 1 << 16,
            silence=rng.getrandbits(32) | 1 << 16,
        )
        beyond = {rng.getrandbits(16) | 1 << 15: rng.getrandbits(10) for _ in range(8)}
        symbols = {locate: rng.getrandbits(10) if rng.random() < 0.8 else -1 for locate in range(16)}
        await bench.track(beyond | symbols)
        messages = traffic(rng, 80, locates=32)
        packets = packetise(rng, messages, first, most=5)
        for packet in packets:
            packet.session = session
        await both(bench, packets, rng.choice((0, 1, 3, 30)), (rng.randrange(1, 5), rng.randrange(5, 9)))
        assert [norm.seq for norm in bench.messages()] == list(range(first, first + 80))
        for norm, message in zip(bench.messages(), messages, strict=True):
            expected = itch.norm_fields(message)
            assert {name: norm.fields[name] for name in expected} == expected
            index = symbols.get(norm.locate, -1)
            assert (norm.tracked, norm.symidx) == (int(index >= 0), max(index, 0))
        at = first + 80
        for line in "ab":
            for fields, reason, known in WRONG:
                bench.norm.clear()
                bad = Packet(**({"sequence": at, "count": 0, "session": session, "padding": bytes(9)} | fields))
                await bench.send(line, [bad])
                await bench.cycles.wait(30)
                told = [(n.type, n.price, n.ref, n.shares, n.line_b) for n in bench.norm]
                assert told == [(itch.FRAME_BAD, reason, at if known else 0, 0, int(line == "b"))], (fields, told)
        for _ in range(4):
            bench.norm.clear()
            hole = rng.randrange(1, 1 << 20)
            await bench.send("a", [Packet(at + hole, count=0, session=session)])
            await bench.send("b", [Packet(at + hole, count=0, session=session)])
            await bench.cycles.wait(60)
            told = [(n.type, n.seq, n.ref, n.shares) for n in bench.norm]
            assert told == [(itch.GAP_LOST, at, at, hole)]
            at += hole
        bench.norm.clear()
        await bench.send("b", [Packet(at, messages[:3], session=session)])
        await bench.cycles.wait(30)
        assert [n.seq for n in bench.messages()] == [at, at + 1, at + 2]
        assert int(dut.expected_seq.value) == at + 3
        assert int(dut.session.value).to_bytes(10, "big") == session


@cocotb.test()
async def both_lines_fall_silent(dut: Any) -> None:
    """Each line goes down and comes up by itself, and is told once each time."""
    bench = Bench(dut)
    await bench.start(silence=150)
    await bench.send("a", [Packet(1, [itch.build(bench.rng, "D")])])
    for _ in range(2):
        await bench.cycles.wait(400)
        assert int(dut.line_down.value) == 3
        for line in "ab":
            await bench.send(line, [Packet(2, count=0)])
            await bench.cycles.wait(30)
        assert int(dut.line_down.value) == 0
    told = [(n.type, n.line_b) for n in bench.notices() if n.type in (itch.LINE_DOWN, itch.LINE_UP)]
    assert sorted(told[:2]) == [(itch.LINE_DOWN, 0), (itch.LINE_DOWN, 1)]
    assert told[2:4] == [(itch.LINE_UP, 0), (itch.LINE_UP, 1)]
    assert sorted(told[4:6]) == [(itch.LINE_DOWN, 0), (itch.LINE_DOWN, 1)]
    assert told[6:] == [(itch.LINE_UP, 0), (itch.LINE_UP, 1)]


@cocotb.test()
async def switched_off(dut: Any) -> None:
    """A line that is not enabled, or hears frames for others, says nothing and counts them."""
    bench = Bench(dut)
    await bench.start()
    for line in "ab":
        getattr(dut, f"cfg_{line}_enable").value = 0
        await bench.send(line, [Packet(1, [itch.build(bench.rng, "A")])])
        getattr(dut, f"cfg_{line}_enable").value = 1
        getattr(dut, f"cfg_{line}_port").value = 1
        await bench.send(line, [Packet(1, [itch.build(bench.rng, "A")])])
        getattr(dut, f"cfg_{line}_port").value = feed.PORT[line]
    await bench.cycles.wait(30)
    assert bench.norm == []
    await bench.send("a", [Packet(1, [bytes([0x7F]) + bytes(18), itch.build(bench.rng, "D") + bytes(3)])])
    await bench.cycles.wait(30)
    assert [(n.fault, n.type) for n in bench.messages()] == [(itch.UNKNOWN_TYPE, 0), (itch.BAD_LENGTH, ord("D"))]


@cocotb.test()
async def a_packet_larger_than_the_hold(dut: Any) -> None:
    """Where a frame's messages wait for its end, one with more of them than there is room for is refused whole."""
    if not STORE_FWD:
        return
    bench = Bench(dut)
    await bench.start()
    message = [itch.build(bench.rng, "S") for _ in range(60)]
    await bench.send("a", [Packet(1, message)])
    await bench.cycles.wait(100)
    assert [(n.type, n.price, n.ref, n.shares) for n in bench.norm if n.type != itch.SESSION] == [
        (itch.FRAME_BAD, NO_ROOM, 1, 0)
    ]
    await bench.send("a", [Packet(1, message[:9])])
    await bench.cycles.wait(40)
    assert [n.seq for n in bench.messages()] == list(range(1, 10))


@cocotb.test()
async def refusals_while_the_bus_is_busy(dut: Any) -> None:
    """Bad frames that end while held messages leave in every cycle are told together afterwards, the first one named."""
    bench = Bench(dut)
    await bench.start()
    count = 12 if STORE_FWD else 30  # well within the hold
    message = [itch.build(bench.rng, "S") for _ in range(count)]
    await bench.send("a", [Packet(2, message[1:])])
    await bench.cycles.wait(20)
    bad = cocotb.start_soon(
        bench.send("a", [Packet(count + 1, count=0, corrupt=True, padding=bytes(9)) for _ in range(4)])
    )
    await bench.send("b", [Packet(1, message[:1])])
    await bad
    await bench.cycles.wait(80)
    assert [n.seq for n in bench.messages()] == list(range(1, count + 1))
    told = [(n.price, n.ref, n.shares, n.line_b) for n in bench.notices() if n.type == itch.FRAME_BAD]
    assert 1 <= len(told) <= 4
    assert set(told) == {(CORRUPT, count + 1, 0, 0)}
