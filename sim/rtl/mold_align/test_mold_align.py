# ruff: noqa: S311 - reproducible test data, not cryptography
"""Aligner against the reference: every length at every alignment, any mix, with and without gaps, bad packets."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.packets import CORRUPT, END_OF_SESSION, PacketVerdict, judge_packet, mold_packet
from sim.rtl.models.streams import Beat, Cycles, Source

PROPERTIES = True
SESSION = b"SESSION 01"
CARRIED = 63  # bytes of a longer message that the chunks tell apart


class Monitor:
    """Puts chunks together to messages, and collects headers and end reports."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        self.messages: list[tuple[int, bytes, int]] = []  # sequence, bytes, cycle of the last chunk
        self.ends: list[dict[str, int]] = []
        self.headers: list[tuple[bytes, int, int]] = []
        self.parts: dict[int, int] = {}
        self.next_index = 0
        self.chunk = 0  # of the message, from 0; its index stops at 7
        self.looks = [-1, -1, -1]  # the last locate told until this cycle, the one before, the one before that
        self.locate = -1  # of the message that arrives
        cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        dut = self.dut
        if dut.rst.value == 1:
            self.parts = {}
            self.next_index = 0
            return
        if dut.chunk_valid.value == 1:
            index = int(dut.chunk_index.value)
            last = dut.chunk_last.value == 1
            length = int(dut.chunk_length.value)
            assert index in (self.next_index, 0), "chunks out of order"
            self.chunk = self.chunk + 1 if index else 0
            if index == 0:
                self.parts = {}
                self.locate = int(dut.chunk_data.value[15:8]) << 8 | int(dut.chunk_data.value[23:16])
            for i in range(15 if last else 8):
                at = 8 * self.chunk + i
                if at < length:
                    self.parts[at] = int(dut.chunk_data.value[8 * i + 7 : 8 * i])
            self.next_index = min(index + 1, 7)
            if last:
                assert self.looks[1] == self.locate, "the last locate told two cycles before is not the message's"
                message = bytes(self.parts[i] for i in range(length))
                self.messages.append((int(dut.chunk_seq.value), message, cycle))
                self.next_index = 0
        assert dut.look_valid.value != 1 or dut.s_axis_tvalid.value == 1, "a look without a beat"
        self.looks = [int(dut.look_locate.value) if dut.look_valid.value == 1 else self.looks[0], *self.looks[:2]]
        if dut.header_valid.value == 1:
            self.headers.append(self.header())
        if dut.end_valid.value == 1:
            end = {name: int(getattr(dut, f"end_{name}").value) for name in ("bad", "reason", "header", "count")}
            end["messages"] = len(self.messages)
            if end["header"]:
                assert self.header() == self.headers[-1], "the header does not stay"
            self.ends.append(end)

    def header(self) -> tuple[bytes, int, int]:
        dut = self.dut
        session = int(dut.header_session.value).to_bytes(10, "big")
        return session, int(dut.header_seq.value), int(dut.header_count.value)


def packet_beats(payload: bytes, lane: int, closing: bool, bad: int = 0) -> list[Beat]:
    """Beats as the match gives them: from lane 2 or 6, optionally an empty closing beat; `bad` is tuser."""
    data = bytes(lane) + payload
    beats: list[Beat] = []
    for at in range(0, len(data), 8):
        piece = data[at : at + 8]
        keep = (1 << len(piece)) - 1
        if at == 0:
            keep &= 0xFF << lane
        last = at + 8 >= len(data) and not closing
        beats.append((int.from_bytes(piece, "little"), keep, int(last), int(last and bad)))
    if closing:
        beats.append((random.getrandbits(64), 0, 1, bad))
    return beats


async def begin(dut: Any, pause: float = 0.0) -> tuple[Cycles, Source, Monitor, random.Random]:
    rng = random.Random(cocotb.RANDOM_SEED)
    cycles = Cycles(dut)
    source = Source(cycles, "s_axis", rng, pause)
    source.last.value = source.user.value = source.keep.value = 0
    dut.s_axis_reason.value = CORRUPT
    monitor = Monitor(cycles)
    await cycles.start()
    return cycles, source, monitor, rng


def message(rng: random.Random, length: int) -> bytes:
    return rng.randbytes(length)


async def run(cycles: Cycles, source: Source, monitor: Monitor, packets: list[tuple[bytes, bool]]) -> None:
    """Send packets (payload, marked bad at the end) back to back; compare messages, latency, headers, end reports."""
    rng = source.rng
    monitor.messages.clear()
    monitor.ends.clear()
    monitor.headers.clear()
    beats: list[Beat] = []
    plans: list[tuple[int, int, int, bytes, bool]] = []  # first beat, lane, beats, payload, bad
    for payload, bad in packets:
        lane = rng.choice([2, 6])
        cut = packet_beats(payload, lane, rng.random() < 0.4, int(bad))
        plans.append((len(beats), lane, len(cut), payload, bad))
        beats += cut
    taken = await source.send(beats)
    await cycles.wait(6)
    assert len(monitor.ends) == len(packets)
    at = 0
    headers: list[tuple[bytes, int, int]] = []
    for (first, lane, size, payload, bad), end in zip(plans, monitor.ends, strict=True):
        verdict = judge_packet(payload)
        expected = visible(verdict, bad, lane, size)
        for sequence, body in expected:
            got_sequence, got_body, cycle = monitor.messages[at]
            assert (got_sequence, got_body) == (sequence, body[:CARRIED]), (payload.hex(), sequence)
            last_byte = lane + 20
            for other in [b for s, b in verdict.messages if s <= sequence]:
                last_byte += 2 + len(other)
            assert cycle == taken[first + (last_byte - 1) // 8] + 1, "not one cycle after the last byte"
            at += 1
        assert end["count"] == len(expected)
        assert end["messages"] == at
        reason = CORRUPT if bad else verdict.reason
        assert (end["bad"], end["reason"]) == (int(reason != 0), reason), (payload.hex(), end, reason)
        header_spoiled = bad and size - 1 <= (lane + 19) // 8
        if verdict.header and not header_spoiled:
            headers.append((verdict.session, verdict.sequence, verdict.count))
            assert end["header"] == 1
    assert at == len(monitor.messages)
    assert monitor.headers == headers


def visible(verdict: PacketVerdict, bad: bool, lane: int, size: int) -> list[tuple[int, bytes]]:
    """The messages that leave: with a bad mark on the last beat, none that ends in that beat."""
    if not bad:
        return verdict.messages
    kept = []
    last_byte = lane + 20
    for sequence, body in verdict.messages:
        last_byte += 2 + len(body)
        if (last_byte - 1) // 8 < size - 1:
            kept.append((sequence, body))
    return kept


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3, 0.7])
async def every_length_and_alignment(dut: Any, pause: float) -> None:
    """Lengths 12..63, each at each of the eight lanes, as first, middle and last message of a packet."""
    cycles, source, monitor, rng = await begin(dut, pause)
    packets = []
    for length in range(12, 64):
        for shift in range(8):
            lead = [message(rng, 12 + shift)] if shift or rng.random() < 0.5 else []
            body = [
                *lead,
                message(rng, length),
                *[message(rng, rng.randrange(12, 64)) for _ in range(rng.randrange(3))],
            ]
            packets.append((mold_packet(SESSION, rng.randrange(1, 1 << 63), body), False))
    rng.shuffle(packets)
    await run(cycles, source, monitor, packets if not pause else packets[:150])


@cocotb.test()
async def shortest_messages(dut: Any) -> None:
    """Messages of 12 and 13 bytes only, 1 to 103 in a packet, gapless: two can end in consecutive beats."""
    cycles, source, monitor, rng = await begin(dut)
    packets = []
    for count in [*range(1, 70), 103]:
        bodies = [message(rng, rng.choice([12, 12, 12, 13])) for _ in range(count)]
        packets.append((mold_packet(SESSION, rng.randrange(1, 1 << 40), bodies)[:1472], False))
    await run(cycles, source, monitor, packets)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3])
async def random_mixes(dut: Any, pause: float) -> None:
    cycles, source, monitor, rng = await begin(dut, pause)
    packets = []
    for _ in range(120):
        bodies = [message(rng, rng.randrange(12, 64)) for _ in range(rng.randrange(1, 24))]
        sequence = rng.choice([1, (1 << 64) - len(bodies), rng.randrange(1, 1 << 64)])
        packets.append((mold_packet(rng.randbytes(10), sequence, bodies), rng.random() < 0.15))
    await run(cycles, source, monitor, packets)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3])
async def long_messages(dut: Any, pause: float) -> None:
    """Messages longer than any of ITCH are stepped over: each length to 300 and up to a packet's, among others."""
    cycles, source, monitor, rng = await begin(dut, pause)
    packets = []
    for length in [*range(62, 300), 511, 512, 513, 1023, 1024, 1025, 1280, 1400]:
        lead = [message(rng, rng.randrange(12, 24))] if rng.random() < 0.7 else []
        tail = [message(rng, rng.randrange(12, 64)) for _ in range(rng.randrange(1, 3))]
        packets.append(
            (mold_packet(SESSION, rng.randrange(1, 1 << 40), [*lead, message(rng, length), *tail])[:1472], False)
        )
    packets.append((mold_packet(SESSION, 3, [message(rng, 1450)]), False))
    rng.shuffle(packets)
    await run(cycles, source, monitor, packets if not pause else packets[:60])


@cocotb.test()
async def heartbeats_and_ends(dut: Any) -> None:
    cycles, source, monitor, rng = await begin(dut)
    packets = []
    for count in (0, END_OF_SESSION):
        for tail in (0, 1, 2, 7, 8, 30):
            packets += [(mold_packet(SESSION, 77, [], count) + bytes(tail), False)] * 4
    rng.shuffle(packets)
    await run(cycles, source, monitor, packets)


@cocotb.test()
async def every_truncation(dut: Any) -> None:
    """A packet cut after each byte, at both lanes; and the same with bytes added."""
    cycles, source, monitor, rng = await begin(dut)
    whole = mold_packet(SESSION, 1000, [message(rng, size) for size in (12, 19, 36, 40, 13)])
    packets = [(whole[:size], False) for size in range(8, len(whole) + 1) for _ in range(2)]
    packets += [(whole + bytes(size), False) for size in range(20) for _ in range(2)]
    rng.shuffle(packets)
    await run(cycles, source, monitor, packets)


@cocotb.test()
async def lying_packets(dut: Any) -> None:
    """Wrong counts, every kind of wrong length, sequence 0, random bytes; a good packet follows each."""
    cycles, source, monitor, rng = await begin(dut)
    packets = []
    for number in range(300):
        bodies = [message(rng, rng.randrange(12, 64)) for _ in range(rng.randrange(1, 9))]
        packet = bytearray(mold_packet(SESSION, rng.randrange(1, 1 << 30), bodies))
        kind = number % 5
        if kind == 0:
            packet[18:20] = max(0, len(bodies) + rng.choice([-2, -1, 1, 2, 500])).to_bytes(2, "big")
        elif kind == 1:
            at = 20 + sum(2 + len(body) for body in bodies[: rng.randrange(len(bodies))])
            wrong = rng.choice([0, 1, 11, 64, 65, 255, 256, 256 + 20, 2047, 2048, 0x8000 + 30, 65535])
            packet[at : at + 2] = wrong.to_bytes(2, "big")
        elif kind == 2:
            packet[10:18] = bytes(8)
        elif kind == 3:
            packet[20:] = rng.randbytes(len(packet) - 20)
        packets.append((bytes(packet), rng.random() < 0.1))
        packets.append((mold_packet(SESSION, 5, [message(rng, 20), message(rng, 31)]), False))
    await run(cycles, source, monitor, packets)


@cocotb.test()
async def reset_anywhere(dut: Any) -> None:
    """A reset in any beat of a packet forgets it; the next packet is read whole."""
    cycles, source, monitor, rng = await begin(dut)
    whole = packet_beats(mold_packet(SESSION, 9, [message(rng, 40), message(rng, 12), message(rng, 63)]), 2, False)
    for size in range(1, len(whole)):
        await source.send(whole[:size])
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await run(
            cycles, source, monitor, [(mold_packet(SESSION, 50, [message(rng, 23), message(rng, 19)]), False)] * 2
        )
