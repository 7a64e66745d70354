# ruff: noqa: S311 - reproducible test data, not cryptography
"""The pace at its own ports: nothing overtakes, the order table is told to look in time, and what is lost is told."""

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.book_msg import CODES, SLICES
from sim.rtl.models.events import Norm
from sim.rtl.models.streams import Cycles, length, parameters
from sim.rtl.models.traffic import Timed, Traffic, on_the_wire

PARAMETERS = [{"FIFO_LOG2": 9}, {"FIFO_LOG2": 3}]
PROPERTIES = True
FIELDS = (
    "type", "fault", "timestamp", "locate", "tracked", "symidx", "ref", "ref2", "side", "shares", "price", "printable",
    "overflow", "aux", "line_b",
)  # fmt: skip
WAIT_MOST = 8  # cycles that a message queues at most when hints come, nothing holds, and the wire is gapless
OLD = {CODES[f"BOP_{name}"] for name in ("EXEC", "CANCEL", "DELETE", "REPLACE")}
NEW = {CODES["BOP_ADD"]: "REF", CODES["BOP_REPLACE"]: "REF2"}


def part(message: int, name: str) -> int:
    """One field of a message vector."""
    low, width = SLICES[name]
    return message >> low & (1 << width) - 1


class Bench:
    """Drives timed messages and marks, and watches what enters stage c."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.looks: deque[int | None] = deque([None] * 4, maxlen=4)  # of the last cycles, the youngest first
        self.seen: list[tuple[int, int]] = []  # cycle and message
        self.marked: list[int] = []
        self.mark_taken = False
        self.lost = 0
        self.queued = 0

    async def start(self) -> None:
        """Reset; the tables are ready at once."""
        dut = self.dut
        for name in (*(f"norm_{name}" for name in FIELDS), "norm_valid", "norm_rx_cycle", "early_valid", "early_ref",
                     "mark_valid", "mark_symidx", "mark_code", "mark_cycle", "hold"):  # fmt: skip
            getattr(dut, name).value = 0
        dut.ready.value = 1
        await self.cycles.start()
        self.cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        """Check the looks of what is in stage c now; then note this cycle's."""
        dut = self.dut
        if dut.c_valid.value == 1:
            message = int(dut.c_msg.value)
            op = part(message, "OP")
            if op in OLD:
                assert self.looks[2] == part(message, "REF"), "the order was not looked for three cycles before"
            if op in NEW:
                assert self.looks[1] == part(message, NEW[op]), "the new reference was not looked for two cycles before"
            rows = [at for at, before in self.seen[-1:] if part(before, "ROW")]
            if rows:
                assert cycle - rows[0] >= 2, "right behind a message that may leave two records"
            self.seen.append((cycle, message))
        self.looks.appendleft(int(dut.look_ref.value) if dut.look_valid.value == 1 else None)
        self.mark_taken = dut.mark_valid.value == 1 and dut.mark_ready.value == 1
        self.lost += int(dut.stat_lost.value)
        self.queued += int(dut.stat_queued.value)

    async def drive(self, timed: list[Timed], hold: float = 0.0, marks: float = 0.0) -> list[int]:
        """Play messages; returns the cycle of each norm_valid."""
        dut = self.dut
        messages = {item.cycle: (number, item.norm) for number, item in enumerate(timed)}
        hints = {item.hint: item.norm.ref for item in timed if item.hint is not None}
        hints |= {item.hint_new: item.norm.ref2 for item in timed if item.hint_new is not None}
        times = [0] * len(timed)
        for now in range(max(messages) + 1):
            dut.norm_valid.value = int(now in messages)
            if now in messages:
                number, norm = messages[now]
                times[number] = self.cycles.now + 1
                dut.norm_rx_cycle.value = number
                for name in FIELDS:
                    getattr(dut, f"norm_{name}").value = int(getattr(norm, name))
            dut.early_valid.value = int(now in hints)
            dut.early_ref.value = hints.get(now, self.rng.getrandbits(64))
            dut.hold.value = int(self.rng.random() < hold)
            if self.mark_taken:
                dut.mark_valid.value = 0
            elif dut.mark_valid.value == 0 and self.rng.random() < marks:
                dut.mark_valid.value = 1
                dut.mark_symidx.value = len(self.marked)
                self.marked.append(len(self.marked))
            await RisingEdge(dut.clk)
        for name in ("norm_valid", "early_valid", "hold"):
            getattr(dut, name).value = 0
        return times

    async def settle(self) -> None:
        """Let everything out; a mark that waits goes in."""
        dut = self.dut
        for _ in range(3000):
            if self.mark_taken:
                dut.mark_valid.value = 0
            await RisingEdge(dut.clk)

    def passed(self) -> list[int]:
        """Numbers of the messages that entered stage c, marks left out; the marks must be all and in order."""
        marks = [part(m, "SYM") for _, m in self.seen if part(m, "OP") == CODES["BOP_MARK"]]
        assert marks == self.marked
        return [part(m, "RX") for _, m in self.seen if part(m, "OP") != CODES["BOP_MARK"]]


async def ready(dut: Any) -> Bench:
    """A bench past its reset."""
    bench = Bench(dut)
    await bench.start()
    return bench


def taken(norm: Norm) -> bool:
    """A message that no rule keeps from the book: tracked, sound, not refused for a field."""
    return norm.tracked or chr(norm.type) in "SVW"


@cocotb.test()
async def on_time(dut: Any) -> None:
    """With hints: one cycle to c for A F E C U, two for the rest, gapless, all lanes, and nothing queues.

    But for a 12-byte message of the venue in the cycle right behind a message with a row: it queues, and so do those
    that find it or one behind it still queued. None of them is more than WAIT_MOST cycles later than without."""
    bench = await ready(dut)
    queued = 0
    worst = 0
    for phase in range(8):
        traffic = Traffic(bench.rng, 3)
        traffic.weights |= {"S": 3}
        messages = [traffic.one() for _ in range(length(200))]
        bench.seen.clear()
        times = await bench.drive(list(on_the_wire(messages, 8, phase=phase)))
        await bench.cycles.wait(40)
        assert len(bench.seen) == len(messages)
        left = -9  # cycle in which the last one was let go
        late = False  # it had queued
        last = messages[0]
        for (cycle, message), at, norm in zip(bench.seen, times, messages, strict=True):
            soon = chr(norm.type) in "AFECU"
            need = 1 if soon else 2
            if soon:
                far = at - left >= (2 if chr(last.type) in "AFECU" else 3)
            else:
                far = at - left >= (2 if norm.tracked or last.tracked else 1)
            if far:
                assert cycle - at == need, norm
            else:
                assert late or (chr(norm.type) == "S" and at - left == 1), norm
                queued += 1
                worst = max(worst, cycle - need - at)
            assert part(message, "REF") == norm.ref
            left, late, last = cycle - need, not far, norm
    dut._log.info("%d queued behind a venue's message, at most %d cycles", queued, worst)
    assert bench.queued == queued > 0
    assert worst <= WAIT_MOST
    assert bench.lost == 0


@cocotb.test()
async def hints_missing(dut: Any) -> None:
    """Hints that do not come, come late or name something else cost time, never order; neither do marks and holds."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 3)
    messages = [traffic.one() for _ in range(length(1200))]
    timed = list(on_the_wire(messages, 8, gap=2))
    for item in timed:
        kind = bench.rng.random()
        if kind < 0.1:
            item.hint = item.hint_new = None
        elif kind < 0.2:
            item.hint_new = None
        elif kind < 0.3 and item.hint is not None:
            item.hint += 1
        elif kind < 0.35 and item.hint_new is not None:
            item.hint_new += 1
    await bench.drive(timed, hold=0.05, marks=0.01)
    await bench.settle()
    numbers = bench.passed()
    assert numbers == sorted(numbers)
    assert len(numbers) + bench.lost == len(messages)
    assert bench.queued > 0
    if parameters().get("FIFO_LOG2") == 9:
        assert bench.lost == 0


@cocotb.test()
async def flood(dut: Any) -> None:
    """A message in every cycle: those that find the FIFO full are told lost, the others keep their order."""
    bench = await ready(dut)
    enough = 3 << parameters()["FIFO_LOG2"]  # to fill it, however short the run
    for _ in range(3):
        bench.seen.clear()
        bench.marked.clear()
        bench.lost = 0
        traffic = Traffic(bench.rng, 3)
        messages = [traffic.one() for _ in range(max(length(1500), enough))]
        await bench.drive([Timed(m, 5 + i, None) for i, m in enumerate(messages)], marks=0.01)
        await bench.settle()
        numbers = bench.passed()
        assert numbers == sorted(numbers)
        assert len(numbers) + bench.lost == len(messages)
        assert bench.lost > 0
        assert all(taken(messages[number]) for number in numbers)


@cocotb.test()
async def not_ready(dut: Any) -> None:
    """While the tables are cleared everything is lost and told; a reset forgets what waits."""
    bench = await ready(dut)
    dut.ready.value = 0
    traffic = Traffic(bench.rng, 3)
    messages = [traffic.one() for _ in range(50)]
    await bench.drive(list(on_the_wire(messages, 8)))
    await bench.cycles.wait(20)
    assert bench.lost == len(messages)
    assert not bench.seen
    dut.ready.value = 1
    await bench.drive([Timed(m, 5 + i, None) for i, m in enumerate(messages)])
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    await bench.cycles.wait(2)
    bench.seen.clear()
    await bench.cycles.wait(60)
    assert not bench.seen
