# ruff: noqa: S311 - reproducible test data, not cryptography
"""The book half against the reference book: every record's bytes, its order and its cycle."""

import random
from collections.abc import Iterable
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.events import BookModel, Norm, Record
from sim.rtl.models.order_table import OrderPlaces
from sim.rtl.models.streams import Cycles, parameters
from sim.rtl.models.traffic import PARSE, Timed, Traffic, on_the_wire

TOPLEVEL = "book_core_bench"
PARAMETERS = [{}]
MIDNIGHT = 1577682000000000000
VENUE = 3


class Bench:
    """Drives timed messages, collects records, and compares them with the model's."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        defaults = {"TABLES": 4, "SLOTS": 4, "BUCKET_LOG2": 6, "STASH_LOG2": 4, "GROUPS_LOG2": 6}
        self.p = defaults | parameters()
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.got: list[tuple[int, Record]] = []
        self.sent: list[int] = []  # cycle of each norm_valid
        self.sending = False
        self.taking = 1.0
        self.times: dict[tuple[str, int, bool], set[int]] = {}  # letter, record of message, search: latencies
        self.seq = 0
        self.at = 0
        self.model = self.new_model()

    def new_model(self) -> BookModel:
        """An empty reference of the size built."""
        p = self.p
        places = OrderPlaces(p["TABLES"], p["SLOTS"], p["BUCKET_LOG2"], 1 << p["STASH_LOG2"])
        return BookModel(places, 1 << p["GROUPS_LOG2"], MIDNIGHT, VENUE)

    async def start(self) -> None:
        """Reset, and wait until the tables are cleared."""
        dut = self.dut
        for name in ("norm", "early", "clear_stale", "mark_valid", "mark_symidx", "mark_code"):
            getattr(dut, name).value = 0
        dut.m_axis_tready.value = 1
        await self.cycles.start()
        self.cycles.watch(self.look)
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)

    def look(self, cycle: int) -> None:
        """Note what is on the ports in this cycle."""
        dut = self.dut
        if dut.m_axis_tvalid.value == 1 and dut.m_axis_tready.value == 1 and dut.rst.value == 0:
            self.got.append((cycle, Record.unpack(int(dut.m_axis_tdata.value))))
        if self.sending:
            self.sent.append(cycle)
        if self.taking < 1.0:
            dut.m_axis_tready.value = int(self.rng.random() < self.taking)

    async def drive(self, timed: Iterable[Timed]) -> None:
        """Play the messages; their cycles count from now."""
        dut, clk = self.dut, self.dut.clk
        messages: dict[int, Norm] = {}
        hints: dict[int, int] = {}
        for item in timed:
            assert item.cycle not in messages
            messages[item.cycle] = item.norm
            if item.hint is not None:
                hints[item.hint] = 1 << 64 | item.norm.ref
        early = False
        for now in range(max(messages, default=0) + 1):
            if now in messages:
                dut.norm.value = messages[now].pack((int(dut.cycle.value) + 1 - PARSE) & 0xFFFFFFFF)
            elif self.sending:
                dut.norm.value = self.rng.getrandbits(329)
            self.sending = now in messages
            if now in hints or early:
                dut.early.value = hints.get(now, 0)
                early = now in hints
            await RisingEdge(clk)
        dut.norm.value = 0
        dut.early.value = 0
        self.sending = False

    async def settle(self, cycles: int = 80) -> None:
        """Let everything leave."""
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)

    def compare(self, messages: list[Norm]) -> None:
        """Every record since the last call equal, in order, none missing; notes the latencies."""
        records = self.got[self.at :]
        sent = self.sent[-len(messages) :]
        self.at = len(self.got)
        waited, queued = int(self.dut.waited.value), int(self.dut.queued.value)
        self.dut._log.info("%d records; so far %d waited for the ladder, %d messages queued", len(records), waited, queued)
        index = 0
        for number, m in enumerate(messages):
            wanted = self.model.apply(m)
            for part, want in enumerate(wanted):
                where = f"message {number} {m}"
                assert index < len(records), f"{where}: no record, expected {want}"
                cycle, have = records[index]
                index += 1
                self.seq += 1
                assert have.seq == self.seq, f"{where}: record {have.seq}, expected number {self.seq}"
                want.seq, want.rx_ns, want.aux = have.seq, have.rx_ns, have.aux
                if have != want:
                    last = "\n".join(f"  {r}" for _, r in records[max(0, index - 6) : index])
                    raise AssertionError(f"{where}\n have {have}\n want {want}\nlast records:\n{last}")
                took = cycle - sent[number]
                if self.taking == 1.0:
                    assert have.aux == took + PARSE, f"{where}: aux {have.aux}, {took} cycles after norm_valid"
                key = (chr(m.type) if m.type < 0x80 else "notice", part, self.model.search)
                self.times.setdefault(key, set()).add(took + PARSE)
        assert index == len(records), f"{len(records) - index} records too many, first {records[index]}"
        assert self.dut.broken.value == 0


async def ready(dut: Any) -> Bench:
    """A bench that is past its reset."""
    bench = Bench(dut)
    await bench.start()
    return bench


@cocotb.test()
async def latency(dut: Any) -> None:
    """Each kind alone in the pipeline takes exactly its cycles, from the message's last byte, minimum = maximum."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 2, orders=60)
    traffic.weights |= {"P": 6, "Q": 6, "H": 6, "S": 6, "R": 6}
    messages = [traffic.one() for _ in range(1500)]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8), gap=16))
    await bench.settle()
    bench.compare(messages)
    first = {"A": 7, "F": 7, "E": 7, "C": 7, "U": 7}
    for (letter, part, search), took in sorted(bench.times.items()):
        dut._log.info("%s record %d %s: %s cycles", letter, part, "with search" if search else "", sorted(took))
        expected = first.get(letter, 8) + part
        if search and (part or letter in "DX"):
            expected = {"D": 14, "X": 14, "E": 13, "C": 13, "U": 15}[letter]
        if search and letter == "C" and not part:
            assert took <= {7, 13}, "a C that does not print is one record, and that one waits"
        else:
            assert took == {expected}, f"{letter} record {part} search {search}: {took}, expected {expected}"


@cocotb.test()
async def gapless(dut: Any) -> None:
    """Back to back at line rate: nothing queues, no record is later than the search's time plus those before it."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 3)
    messages = [traffic.one() for _ in range(3000)]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)
    assert int(dut.queued.value) == 0
    worst = {letter: max(max(t) for (k, _, _), t in bench.times.items() if k == letter) for letter, _, _ in bench.times}
    dut._log.info("worst cycles when gapless: %s", worst)
    assert max(worst.values()) <= 18
