# ruff: noqa: S311 - reproducible test data, not cryptography
"""Normaliser against the reference: all types, all alignments, wrong lengths and unknown types, back to back."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models import itch
from sim.rtl.models.streams import Cycles

#: name -> (low bit, width) in msg_body.
BODY = {
    "type": (0, 8),
    "fault": (8, 2),
    "timestamp": (10, 48),
    "locate": (58, 16),
    "ref": (74, 64),
    "ref2": (138, 64),
    "side": (202, 1),
    "shares": (203, 32),
    "price": (235, 32),
    "printable": (267, 1),
    "overflow": (268, 1),
    "aux": (269, 16),
}


class Monitor:
    """Collects what the normaliser says: messages, early references and counters, each with its cycle."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        self.messages: list[tuple[int, int, dict[str, int], int]] = []
        self.early: list[tuple[int, int]] = []
        self.unknown = self.bad_length = 0
        cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        dut = self.dut
        if dut.rst.value == 1:
            return
        self.unknown += int(dut.stat_unknown.value)
        self.bad_length += int(dut.stat_bad_length.value)
        if dut.early_valid.value == 1:
            self.early.append((cycle, int(dut.early_ref.value)))
        if dut.msg_valid.value == 1:
            bits = dut.msg_body.value
            fields = {}
            for name, (low, width) in BODY.items():
                part = bits[low + width - 1 : low] if width > 1 else bits[low]
                fields[name] = int(part) if part.is_resolvable else -1
            self.messages.append((cycle, int(dut.msg_seq.value), fields, int(dut.msg_symbol.value)))


class Chunks:
    """Drives the chunk bus as the aligner does: a message that begins at window byte 1..8, one chunk a cycle."""

    def __init__(self, cycles: Cycles, rng: random.Random) -> None:
        self.cycles = cycles
        self.dut = cycles.dut
        self.rng = rng
        self.dut.chunk_valid.value = 0

    async def send(self, message: bytes, offset: int, sequence: int, pause: float = 0.0) -> tuple[int, list[int]]:
        """Returns the cycles of the last chunk and of the chunks that complete bytes 11..18 and 19..26."""
        dut, rng = self.dut, self.rng
        room = 16 - offset
        complete: list[int] = []
        index = 0
        while True:
            while pause and rng.random() < pause:
                dut.chunk_valid.value = 0
                dut.chunk_data.value = rng.getrandbits(120)
                await RisingEdge(dut.clk)
            last = 8 * index + room >= len(message)
            piece = message[8 * index : 8 * index + room]
            dut.chunk_valid.value = 1
            dut.chunk_data.value = int.from_bytes(piece + rng.randbytes(15 - len(piece)), "little")
            dut.chunk_bytes.value = room
            dut.chunk_index.value = index
            dut.chunk_last.value = int(last)
            dut.chunk_length.value = len(message)
            dut.chunk_seq.value = sequence
            cycle = self.cycles.now + 1
            if len(complete) < 2 and 8 * index + room >= 19 + 8 * len(complete):
                complete.append(cycle)
            await RisingEdge(dut.clk)
            if last:
                dut.chunk_valid.value = 0
                return cycle, complete
            index += 1


async def begin(dut: Any) -> tuple[Cycles, Chunks, Monitor, random.Random]:
    rng = random.Random(cocotb.RANDOM_SEED)
    cycles = Cycles(dut)
    chunks = Chunks(cycles, rng)
    monitor = Monitor(cycles)
    await cycles.start()
    return cycles, chunks, monitor, rng


async def run(
    cycles: Cycles, chunks: Chunks, monitor: Monitor, messages: list[tuple[bytes, int]], pause: float = 0.0
) -> None:
    monitor.messages.clear()
    monitor.early.clear()
    unknown, bad_length = monitor.unknown, monitor.bad_length
    sent = []
    for number, (message, offset) in enumerate(messages):
        sequence = 1000 + number
        sent.append((*await chunks.send(message, offset, sequence, pause), sequence, message))
    await cycles.wait(3)
    assert len(monitor.messages) == len(messages)
    early = []
    for (cycle, sequence, got, symbol), (last, complete, should, message) in zip(monitor.messages, sent, strict=True):
        expected = itch.norm_fields(message)
        assert sequence == should
        assert cycle == last + 1, "not one cycle after the last chunk"
        assert {name: got[name] for name in expected} == expected, message
        letter = chr(message[0])
        assert symbol == int(expected["fault"] != itch.UNKNOWN_TYPE)
        if expected["fault"] in (itch.SOUND, itch.BAD_FIELD):
            if letter in "AFECXDU":
                early.append((complete[0] + 1, got["ref"]))
            if letter == "U":
                early.append((complete[1] + 1, got["ref2"]))
    assert monitor.early == early
    faults = [itch.fault_of(message) for message, _ in messages]
    assert monitor.unknown - unknown == faults.count(itch.UNKNOWN_TYPE)
    assert monitor.bad_length - bad_length == faults.count(itch.BAD_LENGTH)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3, 0.7])
async def every_type_and_alignment(dut: Any, pause: float) -> None:
    cycles, chunks, monitor, rng = await begin(dut)
    messages = [(itch.build(rng, letter), offset) for letter in itch.TYPES for offset in range(1, 9) for _ in range(4)]
    rng.shuffle(messages)
    await run(cycles, chunks, monitor, messages, pause)


@cocotb.test()
async def each_type_after_each(dut: Any) -> None:
    """Nothing of a message stays for the next one, whatever the two types are."""
    cycles, chunks, monitor, rng = await begin(dut)
    messages = []
    for first in itch.TYPES:
        for second in itch.TYPES:
            messages += [(itch.build(rng, letter), rng.randrange(1, 9)) for letter in (first, second)]
    await run(cycles, chunks, monitor, messages)


@cocotb.test()
async def every_code_and_length(dut: Any) -> None:
    """All 256 type codes with random lengths, all 23 types with all lengths but their own: flagged, never decoded."""
    cycles, chunks, monitor, rng = await begin(dut)
    messages = []
    for code in range(256):
        messages.append((bytes([code]) + rng.randbytes(rng.randrange(11, 63)), rng.randrange(1, 9)))
    for letter, right in itch.LENGTHS.items():
        for length in range(12, 64):
            if length != right:
                messages.append((letter.encode() + rng.randbytes(length - 1), rng.randrange(1, 9)))
    rng.shuffle(messages)
    mixed = []
    for entry in messages:
        mixed += [entry, (itch.build(rng, rng.choice(itch.TYPES)), rng.randrange(1, 9))]
    await run(cycles, chunks, monitor, mixed)


@cocotb.test()
async def field_values(dut: Any) -> None:
    """Sides, printable bytes and cross sizes at their limits."""
    cycles, chunks, monitor, rng = await begin(dut)
    messages = []
    for offset in range(1, 9):
        for letter in "AFP":
            for side in (*b"BS", 0, 255, ord("b"), rng.randrange(256)):
                messages.append((itch.build(rng, letter, side=side), offset))
        for printable in (*b"YN", 0, ord("y"), rng.randrange(256)):
            messages.append((itch.build(rng, "C", printable=printable), offset))
        for size in (0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1):
            messages.append((itch.build(rng, "Q", shares=size), offset))
    rng.shuffle(messages)
    await run(cycles, chunks, monitor, messages)


@cocotb.test()
async def cut_short(dut: Any) -> None:
    """A message whose chunks stop (its packet ended) leaves nothing, neither itself nor a trace in the next."""
    cycles, chunks, monitor, rng = await begin(dut)
    for letter in itch.TYPES:
        message = itch.build(rng, letter)
        for kept in range(1, len(message) // 8):
            monitor.messages.clear()
            for index in range(kept):
                dut.chunk_valid.value = 1
                dut.chunk_data.value = int.from_bytes(message[8 * index : 8 * index + 15], "little")
                dut.chunk_bytes.value = 15
                dut.chunk_index.value = index
                dut.chunk_last.value = 0
                dut.chunk_length.value = len(message)
                await RisingEdge(dut.clk)
            dut.chunk_valid.value = 0
            await cycles.wait(2)
            assert monitor.messages == []
            await run(cycles, chunks, monitor, [(itch.build(rng, rng.choice(itch.TYPES)), rng.randrange(1, 9))])
