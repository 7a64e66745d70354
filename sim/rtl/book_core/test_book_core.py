# ruff: noqa: S311 - reproducible test data, not cryptography
"""The book half against the reference book: every record's bytes, its order and its cycle."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from fastpath.records import EventFlag as F
from fastpath.records import EventKind as K
from sim.rtl.models.events import BAD_FIELD, BookModel, Norm, Record
from sim.rtl.models.order_table import OrderPlaces
from sim.rtl.models.streams import Cycles, parameters
from sim.rtl.models.traffic import PARSE, Timed, Traffic, on_the_wire

TOPLEVEL = "book_core_bench"
PARAMETERS = [{}, {"BUCKET_LOG2": 8, "SLOTS": 1, "STASH_LOG2": 2}]  # the second: ways and stash of the card on an ECP5
MIDNIGHT = 1577682000000000000
VENUE = 3
QUEUE_WAIT = 8  # cycles that a gapless message waits at most behind one of the venue (norm_pace's bench holds it)


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
        self.marks = 0  # STALE records made by the book itself
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
        cocotb.start_soon(self.take())
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)

    def look(self, cycle: int) -> None:
        """Note what is on the ports in this cycle."""
        dut = self.dut
        if dut.m_axis_tvalid.value == 1 and dut.m_axis_tready.value == 1 and dut.rst.value == 0:
            self.got.append((cycle, Record.unpack(int(dut.m_axis_tdata.value))))
        if self.sending:
            self.sent.append(cycle)

    async def take(self) -> None:
        """The host: takes a record with the probability `taking`."""
        while True:
            await RisingEdge(self.dut.clk)
            if self.taking < 1.0:
                self.dut.m_axis_tready.value = int(self.rng.random() < self.taking)

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
            if item.hint is not None and item.hint_new is not None:
                hints[item.hint_new] = 1 << 64 | item.norm.ref2
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

    async def clean(self) -> None:
        """Reset the book and the reference."""
        dut = self.dut
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        self.got.clear()
        self.at = self.seq = 0
        self.model = self.new_model()

    async def settle(self, cycles: int = 80) -> None:
        """Let everything leave."""
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)

    def skip_marks(self, records: list[tuple[int, Record]], index: int) -> int:
        """Take the STALE records that the book made by itself."""
        while index < len(records) and self.model.mark(records[index][1]):
            assert records[index][1].flags & F.STALE
            self.seq += 1
            self.marks += 1
            index += 1
        return index

    def compare(self, messages: list[Norm]) -> None:
        """Every record since the last call equal, in order, none missing; notes the latencies."""
        records = self.got[self.at :]
        sent = self.sent[-len(messages) :]
        self.at = len(self.got)
        waited, queued = int(self.dut.waited.value), int(self.dut.queued.value)
        self.dut._log.info(
            "%d records; so far %d waited for the ladder, %d messages queued", len(records), waited, queued
        )
        index = 0
        for number, m in enumerate(messages):
            index = self.skip_marks(records, index)
            wanted = self.model.apply(m)
            for part, want in enumerate(wanted):
                where = f"message {number} {m}"
                assert index < len(records), f"{where}: no record, expected {want}"
                cycle, have = records[index]
                index += 1
                self.seq += 1
                assert have.seq == self.seq, f"{where}: record {have.seq}, expected number {self.seq}"
                want.seq, want.rx_ns, want.aux = have.seq, have.rx_ns, have.aux
                if self.model.locate_lost(want.locate) and have.flags & F.STALE:
                    loose = F.STALE | F.BBO_CHANGED | F.CROSSED | F.OVERFLOW
                    have = replace(have, flags=have.flags & ~loose)
                    want = replace(want, flags=want.flags & ~loose)
                    want.bid, want.bid_shares, want.ask, want.ask_shares = have.bbo()
                if have != want:
                    last = "\n".join(f"  {r}" for _, r in records[max(0, index - 6) : index])
                    raise AssertionError(f"{where}\n have {have}\n want {want}\nlast records:\n{last}")
                took = cycle - sent[number]
                if self.taking == 1.0:
                    assert have.aux == took + PARSE, f"{where}: aux {have.aux}, {took} cycles after norm_valid"
                key = (chr(m.type) if m.type < 0x80 else "notice", part, self.model.search)
                self.times.setdefault(key, set()).add(took + PARSE)
        index = self.skip_marks(records, index)
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
    """Back to back at line rate: nothing queues, no record is later than the search's time plus those before it.

    Without the venue's 12-byte messages, which the next test has."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 3)
    traffic.weights |= {"S": 0}
    messages = [traffic.one() for _ in range(3000)]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)
    assert int(dut.queued.value) == 0
    worst = {letter: max(max(t) for (k, _, _), t in bench.times.items() if k == letter) for letter, _, _ in bench.times}
    dut._log.info("worst cycles when gapless: %s", worst)
    assert max(worst.values()) <= 18


@cocotb.test()
async def gapless_with_venue_messages(dut: Any) -> None:
    """With the venue's 12-byte messages among them some queue: nothing is lost, and the wait is bounded."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 3)
    traffic.weights |= {"S": 3}
    messages = [traffic.one() for _ in range(3000)]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)
    assert int(dut.queued.value) > 0
    worst = max(max(times) for times in bench.times.values())
    dut._log.info("%d queued, worst %d cycles", int(dut.queued.value), worst)
    assert worst <= 18 + QUEUE_WAIT


@cocotb.test()
async def hostile(dut: Any) -> None:
    """Every fifth message has something wrong: contradictions, unknown and repeated references, other symbols', faults."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 4, orders=150)
    messages = [traffic.hostile() if bench.rng.random() < 0.2 else traffic.one() for _ in range(2500)]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)


@cocotb.test()
async def table_full(dut: Any) -> None:
    """More orders than places: those that do not fit are told and mark their symbol, the others stay right."""
    bench = await ready(dut)
    room = bench.p["TABLES"] * bench.p["SLOTS"] << bench.p["BUCKET_LOG2"]
    traffic = Traffic(bench.rng, 3, orders=room + 200)
    traffic.weights |= {"A": 60}
    messages = [traffic.one() for _ in range(min(6 * room, 6000))]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)
    told = sum(r.kind == K.TABLE_FULL for _, r in bench.got)
    dut._log.info("%d records of a full table", told)
    assert int(dut.stat_live.value) == len(bench.model.orders)
    assert int(dut.stat_stash.value) == bench.model.places.in_stash


@cocotb.test()
async def beyond_the_window(dut: Any) -> None:
    """Prices far away, a best that wanders, stub quotes and prices off the tick: never a wrong best without STALE."""
    for tick, levels in ((100, 3000), (100, 60), (50, 20), (1, 900)):
        bench = await ready(dut)
        traffic = Traffic(bench.rng, 2, levels=levels, tick=tick, orders=60)
        messages = []
        for _ in range(700):
            m = traffic.one()
            if chr(m.type) in "AF" and bench.rng.random() < 0.02:
                m.price = bench.rng.choice((100, 1_999_999_900, 2_000_000, 9_999, 10_000, 9_950, 10_100))
            traffic.middle = [
                max(tick * 10, price + bench.rng.choice((-tick, 0, tick)) * levels // 20) for price in traffic.middle
            ]
            messages.append(m)
        await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
        await bench.settle()
        bench.compare(messages)
        lost = sum(symbol.lost for symbol in bench.model.symbols.values())
        dut._log.info("tick %d, levels %d: %d symbols lost a side, %d marks", tick, levels, lost, bench.marks)
        assert (bench.marks > 0) == (lost > 0)


@cocotb.test()
async def burst(dut: Any) -> None:
    """Messages in every cycle and without hints, as after a hold: they queue, nothing is lost."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 3)
    for _ in range(6):
        messages = [traffic.one() for _ in range(300)]
        await bench.drive(Timed(m, 5 + i, None) for i, m in enumerate(messages))
        await bench.settle(1500)
        bench.compare(messages)
    assert int(dut.queued.value) > 100
    messages = [traffic.one() for _ in range(500)]
    timed = list(on_the_wire(messages, 5))
    for item in timed:
        if bench.rng.random() < 0.2:
            item.hint = None
    await bench.drive(timed)
    await bench.settle(300)
    bench.compare(messages)


@cocotb.test()
async def same_reference(dut: Any) -> None:
    """Add, execute, cancel, replace and delete of one reference and of one level, 0 to 4 other messages between, all lanes."""
    bench = await ready(dut)
    for distance in range(5):
        for phase in range(8):
            messages: list[Norm] = []
            other = Traffic(bench.rng, 2)
            other.weights = {"A": 10, "D": 8, "U": 3, "X": 3}

            def say(kind: str, into: list[Norm], **fields: int) -> None:
                into.append(Norm(ord(kind), symidx=5, locate=105, timestamp=len(into), **fields))

            ref = bench.rng.getrandbits(62)
            steps: list[Norm] = []
            for side in (0, 1):
                say("A", steps, ref=ref, side=side, shares=300, price=100_000)
                say("E", steps, ref=ref, ref2=1, shares=100)
                say("X", steps, ref=ref, shares=50)
                say("U", steps, ref=ref, ref2=ref + 1, shares=70, price=100_000)
                say("U", steps, ref=ref + 1, ref2=ref, shares=80, price=99_900 + 200 * side)
                say("D", steps, ref=ref)
                say("D", steps, ref=ref)
                say("A", steps, ref=ref, side=side, shares=10, price=100_000)
                say("A", steps, ref=ref + 2, side=side, shares=10, price=99_900 + 200 * side)
                say("D", steps, ref=ref)
                say("D", steps, ref=ref + 2)
                say("A", steps, ref=ref, side=side, shares=10, price=100_000)
                say("C", steps, ref=ref, ref2=2, shares=10, price=90_000, printable=side)
                say("X", steps, ref=ref, shares=1)
            for step in steps:
                messages += [step, *(other.one() for _ in range(distance))]
            for m in messages:
                m.symidx += 8 * distance
                m.locate = m.symidx + 100
            await bench.drive(on_the_wire(messages, 5, phase=phase))
            await bench.settle()
            bench.compare(messages)
            for held in list(other.live):
                other.live.pop(held)
            await bench.clean()


def pair(first: str, second: str, side: int, symidx: int, ref: int) -> tuple[list[Norm], Norm, Norm]:
    """Orders to begin with, and two operations of one symbol: the second on the order that the first touched or made."""
    common = {"symidx": symidx, "locate": symidx + 100}
    step = 100 if side else -100

    def make(kind: str, old: int, new: int) -> Norm:
        m = Norm(ord(kind), ref=old, **common)
        if kind in "AF":
            m.ref, m.side, m.shares, m.price = new, side, 40, 100_000 - step
        elif kind == "U":
            m.ref2, m.shares, m.price = new, 70, 100_000 + step * (new % 3 - 1)
        elif kind in "ECX":
            m.shares, m.ref2, m.price, m.printable = 60, (kind != "X") * 9, (kind == "C") * 90_000, new % 2
        return m

    before = [
        Norm(ord("A"), ref=ref, side=side, shares=100, price=100_000, **common),
        Norm(ord("A"), ref=ref + 1, side=side, shares=50, price=100_000 + step, **common),
        Norm(ord("A"), ref=ref + 2, side=1 - side, shares=30, price=100_000 - 5 * step, **common),
    ]
    one = make(first, ref, ref + 3)
    return before, one, make(second, ref + 3 if first in "AFU" else ref, ref + 4)


@cocotb.test()
async def every_pair(dut: Any) -> None:
    """Each operation after each other on the same symbol and order, 0 to 4 messages of other symbols between, both sides."""
    bench = await ready(dut)
    other = Traffic(bench.rng, 2)
    other.weights = {"A": 10, "D": 8, "U": 3, "X": 3, "R": 2}
    ref = 1 << 50
    for distance in range(5):
        for side in (0, 1):
            messages: list[Norm] = []
            for number, (first, second) in enumerate(itertools.product("AFECXDU", repeat=2)):
                before, one, two = pair(first, second, side, 4 + number % 50, ref)
                ref += 8
                between = [other.one() for _ in range(distance)]
                away = [Norm(ord("D"), symidx=one.symidx, locate=one.locate, ref=before[0].ref + i) for i in range(5)]
                messages += [*before, one, *between, two, *away]
            await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
            await bench.settle()
            bench.compare(messages)
    assert int(dut.queued.value) == 0


@cocotb.test()
async def searches(dut: Any) -> None:
    """Back-to-back deletes that each use up the best level, both sides and several symbols."""
    bench = await ready(dut)
    for symbols in (1, 2, 3):
        adds, takes = [], []
        for i in range(150):
            symidx, side = bench.rng.randrange(symbols), bench.rng.getrandbits(1)
            price = 500_000 + (1 if side else -1) * 100 * bench.rng.choice((i + 1, 13 * i + 1))
            adds.append(
                Norm(
                    ord("A"), symidx=symidx, locate=symidx + 100, ref=1 << 40 | i, side=side, shares=10 + i, price=price
                )
            )
        order = sorted(adds, key=lambda m: abs(m.price - 500_000))
        takes = [replace(m, type=ord("D"), side=0, shares=0, price=0) for m in order]
        bench.rng.shuffle(adds)
        await bench.drive(on_the_wire(adds + takes, 5, phase=bench.rng.randrange(8)))
        await bench.settle()
        bench.compare(adds + takes)
    assert int(dut.waited.value) > 300 and int(dut.queued.value) == 0


@cocotb.test()
async def reset_and_marks(dut: Any) -> None:
    """A reset at any moment forgets everything; the host's marks and notices that make every book stale."""
    bench = await ready(dut)
    spoilers = (
        Norm(K.GAP, tracked=False, ref=7, shares=2**32 - 1),
        Norm(K.GAP_LOST, tracked=False, ref=7, shares=3),
        Norm(K.FRAME_BAD, tracked=False, ref=9, shares=1, price=18),
    )
    for spoiler in spoilers:
        traffic = Traffic(bench.rng, 3)
        messages = [traffic.one() for _ in range(200)]
        await bench.drive(on_the_wire(messages, 5))
        await bench.settle(bench.rng.randrange(12))
        await bench.clean()
        messages = [traffic.one() for _ in range(100)]  # of orders that are gone
        await bench.drive(on_the_wire(messages, 5))
        await bench.settle()
        bench.compare(messages)
        for code in (BAD_FIELD, 0):
            dut.mark_symidx.value, dut.mark_code.value, dut.mark_valid.value = 1, code, 1
            await RisingEdge(dut.clk)
            dut.mark_valid.value = 0
            bench.model.symbol(1).marks_due += bool(code)
            await bench.settle()
            bench.model.symbol(1).stale = False
            messages = [traffic.one() for _ in range(30)]
            await bench.drive(on_the_wire(messages, 5))
            await bench.settle()
            bench.compare(messages)
        notices = [Norm(K.SESSION, tracked=False, shares=1), Norm(K.LINE_DOWN, tracked=False, line_b=1)]
        notices += [spoiler]
        await bench.drive(on_the_wire(notices, 5, gap=3))
        await bench.settle()
        bench.compare(notices)
        assert dut.all_stale.value == 1
        messages = [traffic.one() for _ in range(20)]
        await bench.drive(on_the_wire(messages, 5))
        await bench.settle()
        bench.compare(messages)
        dut.clear_stale.value = 1
        await RisingEdge(dut.clk)
        dut.clear_stale.value = 0
        bench.model.all_stale = False
        notices = [Norm(K.FRAME_BAD, tracked=False, price=18), *(traffic.one() for _ in range(20))]
        await bench.drive(on_the_wire(notices, 5, gap=3))
        await bench.settle()
        bench.compare(notices)


@cocotb.test()
async def right_behind_a_stranger(dut: Any) -> None:
    """A message that names another symbol's order leaves two records; what comes right behind it still leaves its own."""
    bench = await ready(dut)
    rng = bench.rng
    ref, at, messages = 1000, 10, []
    timed: list[Timed] = []
    for letter in "DX":
        for hinted in (True, False):
            for gap in (1, 2, 3, 4):
                for follower in ("notice", "S", "both"):
                    ref += 1
                    add = Norm(
                        ord("A"), locate=100, symidx=0, ref=ref, shares=10, price=100 * rng.randrange(1, 9), side=1
                    )
                    other = Norm(ord(letter), locate=101, symidx=1, ref=ref, shares=4 if letter == "X" else 0)
                    behind = [Norm(ord("S"), tracked=False, aux=ord("Q"))] if follower != "notice" else []
                    if follower != "S":
                        behind.append(Norm(K.FRAME_BAD, tracked=False, price=18, ref=ref))
                    timed += [Timed(add, at, at - 4), Timed(other, at + 30, at + 29 if hinted else None)]
                    timed += [Timed(m, at + 30 + gap + place, None) for place, m in enumerate(behind)]
                    messages += [add, other, *behind]
                    at += 70
    await bench.drive(timed)
    await bench.settle()
    bench.compare(messages)


@cocotb.test()
async def slow_host(dut: Any) -> None:
    """A host that stalls loses records, never a message: the numbers show the hole, every book is stale until cleared."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 3)
    bench.taking = 0.6
    messages = [traffic.one() for _ in range(300)]
    await bench.drive(on_the_wire(messages, 5))
    bench.taking = 0.999
    await bench.settle(400)
    bench.compare(messages)
    bench.taking = 0.05
    messages = [traffic.one() for _ in range(600)]
    await bench.drive(on_the_wire(messages, 5))
    bench.taking = 0.999
    await bench.settle(800)
    wanted = {}
    for m in messages:
        for want in bench.model.apply(m):
            bench.seq += 1
            wanted[bench.seq] = want
    records = [r for _, r in bench.got[bench.at :]]
    bench.at = len(bench.got)
    assert len(records) < len(wanted), "nothing was dropped: the test is too kind"
    hole = False
    last = min(wanted) - 1
    for have in records:
        hole |= have.seq != last + 1
        last = have.seq
        want = wanted[have.seq]
        loose = F.STALE
        assert replace(have, rx_ns=0, aux=0, flags=have.flags & ~loose) == replace(
            want, seq=have.seq, flags=want.flags & ~loose
        )
        if hole:
            assert have.flags & F.STALE
    assert dut.all_stale.value == 1
    dut.clear_stale.value = 1
    await RisingEdge(dut.clk)
    dut.clear_stale.value = 0
    messages = [traffic.one() for _ in range(100)]
    await bench.drive(on_the_wire(messages, 5))
    await bench.settle(300)
    bench.compare(messages)


@cocotb.test()
async def fields_refused_at_once(dut: Any) -> None:
    """A field refused in front of the book and one refused in it may meet in one cycle: both are counted, nothing else happens."""
    bench = await ready(dut)
    order = Norm(ord("A"), ref=77, shares=500, price=10_000)
    await bench.drive([Timed(order, 5, None)])
    await bench.settle()
    bench.compare([order])
    in_front = Norm(ord("A"), ref=78, price=10_000)
    inside = Norm(ord("E"), ref=77, ref2=1)
    messages = [bench.rng.choice((in_front, inside)) for _ in range(300)]
    cycles = itertools.accumulate((bench.rng.choice((1, 1, 1, 2, 9)) for _ in messages), initial=5)
    await bench.drive(Timed(message, cycle, None) for message, cycle in zip(messages, cycles, strict=False))
    await bench.settle(800)
    bench.compare(messages)
    assert dut.fields.value == len(messages)
