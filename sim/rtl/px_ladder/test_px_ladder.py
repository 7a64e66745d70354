# ruff: noqa: S311 - reproducible test data, not cryptography
"""The ladder at its own ports: the best level after each change, in order and in time, and when a side is lost and marked."""

import random
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.book_msg import CODES, pack
from sim.rtl.models.ladder import SideLadder
from sim.rtl.models.streams import Cycles, parameters

PARAMETERS = [
    {"SYM_LOG2": 2},
    {"SYM_LOG2": 1, "GROUPS_LOG2": 3},
    {"SYM_LOG2": 5},
]  # the last keeps its levels in one piece
LATENCY = 6
TAKES = ("DELETE", "CANCEL", "EXEC")
WAITING = 9  # changes not yet answered that may be on their way; norm_pace lets no more come


@dataclass
class Answer:
    """What is to come, in order."""

    entered: int
    weight: int  # changes
    slow: int
    write: tuple[int, ...]  # symbol, side, count, lost, price, shares; empty when nothing changes
    before: list[tuple[int, int]]
    after: list[tuple[int, int]]
    stale_before: int
    stale: int


@dataclass
class Order:
    """A resting order."""

    symidx: int
    side: int
    price: int
    shares: int


class Bench:
    """Changes in, answers and marks out, each in order."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.groups = 1 << ({"GROUPS_LOG2": 6} | parameters())["GROUPS_LOG2"]
        self.symbols = min(4, 1 << ({"SYM_LOG2": 8} | parameters())["SYM_LOG2"])
        self.sides = [[SideLadder(sell, self.groups) for sell in (False, True)] for _ in range(self.symbols)]
        self.wanted: list[Answer] = []
        self.marks: list[int] = []
        self.marked = 0
        self.took: list[int] = []
        self.lost = 0
        self.far = self.evicted = 0

    async def start(self) -> None:
        """Reset, and wait until the state is cleared."""
        dut = self.dut
        dut.v_valid.value, dut.v_verdict.value = 0, CODES["BV_OK"]
        await self.cycles.start()
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        self.cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        """Compare an answer and a mark, if there is one."""
        dut = self.dut
        assert dut.stat_overrun.value == 0 and dut.stat_broken.value == 0
        self.far += int(dut.stat_far.value)
        self.evicted += int(dut.stat_evict.value)
        if dut.mark_valid.value == 1:
            assert self.marks and int(dut.mark_symidx.value) == self.marks.pop(0), "a mark out of nothing"
            assert dut.stat_lost.value == 1
            self.marked += 1
        if dut.late_write.value != 1 and dut.late_valid.value != 1:
            return
        want = self.wanted.pop(0)
        self.took.append(cycle - want.entered)
        assert dut.late_valid.value == want.slow and dut.late_write.value == int(bool(want.write))
        if want.write:
            have = tuple(
                int(getattr(dut, f"late_{n}").value) for n in ("symidx", "side", "count", "lost", "price", "shares")
            )
            assert have == want.write, f"have {have}, want {want.write}"
        if want.slow:
            for when, sides in (("before", want.before), ("after", want.after)):
                told = [
                    int(getattr(dut, f"{when}_{name}").value) for name in ("bid", "bid_shares", "ask", "ask_shares")
                ]
                assert told == [*sides[0], *sides[1]], f"{when}: have {told}, want {sides}"
            assert dut.late_changed.value == int(want.before != want.after)
            assert (int(dut.late_stale_before.value), int(dut.late_stale.value)) == (want.stale_before, want.stale)

    async def say(
        self, op: str, order: Order, new: tuple[int, int] | None = None, verdict: str = "BV_OK", gap: int = 0
    ) -> None:
        """One message about an order: an add, a take, a replace by `new` (price, shares), a question or a host's clear."""
        dut, rng = self.dut, self.rng
        while sum(answer.weight for answer in self.wanted) >= WAITING:
            await RisingEdge(dut.clk)
        symidx, side = order.symidx, order.side
        ladders = self.sides[symidx]
        before, stale_before = [ladder.best() for ladder in ladders], int(any(ladder.lost for ladder in ladders))
        message = {
            "op": CODES[f"BOP_{op}"],
            "sym": symidx,
            "side": side,
            "row": 1,
            "shares": order.shares,
            "price": order.price,
        }
        changes = (verdict == "BV_OK" and op in ("ADD", "REPLACE", *TAKES)) or (
            verdict == "BV_FULL" and op == "REPLACE"
        )
        if op == "REPLACE" and new:
            message |= {"price": new[0], "shares": new[1]}
        if op == "DELETE":
            message["shares"] = rng.getrandbits(32)
        if changes and op == "ADD":
            ladders[side].add(order.price, order.shares)
        elif changes:
            ladders[side].take(order.price, order.shares)
            if new and verdict == "BV_OK":
                ladders[side].add(*new)
        if op == "MARK":
            if any([ladder.clear() for ladder in ladders]):
                self.marks.append(symidx)
        elif changes and ladders[side].mark():
            self.marks.append(symidx)
        slow, count = rng.getrandbits(1), rng.randrange(16)
        after = [ladder.best() for ladder in ladders]
        self.lost += ladders[side].lost
        write = (symidx, side, count, int(ladders[side].lost), *after[side]) if changes else ()
        answer = Answer(
            0, 2 if new else 1, slow, write, before, after, stale_before, int(any(ladder.lost for ladder in ladders))
        )
        dut.c_msg.value, dut.c_price.value = pack(**message), order.price
        await RisingEdge(dut.clk)
        dut.v_valid.value, dut.v_msg.value, dut.v_shares.value = 1, pack(**message), order.shares
        asks_ok = verdict in ("BV_OK", "BV_FULL")
        dut.v_side.value, dut.v_verdict.value, dut.v_count.value = side, CODES[verdict], count
        dut.v_slow_ok.value, dut.v_slow_not.value = (slow, 1 - slow) if asks_ok else (1 - slow, slow)
        dut.c_msg.value, dut.c_price.value = rng.getrandbits(340), rng.getrandbits(32)
        await FallingEdge(dut.clk)
        answer.entered = self.cycles.now
        if op != "MARK" and (changes or slow):
            self.wanted.append(answer)
        await RisingEdge(dut.clk)
        dut.v_valid.value = 0
        for _ in range(gap):
            await RisingEdge(dut.clk)

    async def settle(self) -> None:
        """Let every answer come."""
        for _ in range(40):
            await RisingEdge(self.dut.clk)
        assert not self.wanted and not self.marks, "an answer or a mark is missing"


@dataclass
class Play:
    """Random orders around a price that wanders."""

    bench: Bench
    spread: int  # levels
    tick: int = 100
    middle: int = 300_000
    trend: int = 0  # ticks per message that the middle moves
    orders_max: int = 60
    asides: float = 0.0  # share of questions, clears, refused ones and replaces without room

    def __post_init__(self) -> None:
        self.orders: list[Order] = []

    def price(self, side: int) -> int:
        """A price on the side's half."""
        step = int(self.bench.rng.expovariate(3 / self.spread)) * self.tick
        return max(self.tick, self.middle + step if side else self.middle - step - self.tick)

    def fresh(self, symidx: int | None = None, side: int | None = None) -> Order:
        """An order that is not in the book."""
        rng = self.bench.rng
        side = rng.getrandbits(1) if side is None else side
        return Order(
            rng.randrange(self.bench.symbols) if symidx is None else symidx,
            side,
            self.price(side),
            rng.randrange(1, 100),
        )

    async def aside(self) -> None:
        """A message that changes no level, or only takes."""
        rng, kind = self.bench.rng, self.bench.rng.randrange(4)
        if kind == 0:
            await self.bench.say("NOTE", self.fresh(), None)
        elif kind == 1:
            await self.bench.say("MARK", self.fresh(), None)
        elif kind == 2 or not self.orders:
            verdict = rng.choice(("BV_UNKNOWN", "BV_CONTRA", "BV_WRONG"))
            await self.bench.say(rng.choice(("ADD", "DELETE", "REPLACE")), self.fresh(), None, verdict)
        else:
            order = self.orders.pop(rng.randrange(len(self.orders)))
            await self.bench.say("REPLACE", order, (self.price(order.side), 7), "BV_FULL")

    async def one(self, op: str, order: Order, gap: int = 0) -> None:
        """One message about an order, which must be in the book but for an ADD."""
        rng = self.bench.rng
        if op == "ADD":
            self.orders.append(order)
            await self.bench.say("ADD", order, None, gap=gap)
            return
        self.orders.remove(order)
        if op == "REPLACE":
            new = Order(order.symidx, order.side, order.price, rng.randrange(1, 100))
            if rng.random() < 0.7:
                new.price = max(
                    self.tick, order.price + rng.choice((-1, 1)) * self.tick * rng.randrange(self.spread + 1)
                )
            elif rng.random() < 0.5:
                new.shares = order.shares
            self.orders.append(new)
            await self.bench.say("REPLACE", order, (new.price, new.shares), gap=gap)
            return
        taken = (
            order.shares
            if op == "DELETE" or order.shares == 1 or rng.random() < 0.4
            else rng.randrange(1, order.shares)
        )
        if taken < order.shares:
            self.orders.append(Order(order.symidx, order.side, order.price, order.shares - taken))
        await self.bench.say(op, Order(order.symidx, order.side, order.price, taken), None, gap=gap)

    async def run(self, count: int, gaps: tuple[int, ...]) -> None:
        """Messages with random pauses, then all answers."""
        rng = self.bench.rng
        for _ in range(count):
            wander = rng.choice((-1, 0, 1)) * rng.choice((1, 1, self.spread)) + self.trend
            self.middle = max(self.tick * 3, self.middle + wander * self.tick)
            if rng.random() < self.asides:
                await self.aside()
            elif len(self.orders) < 3 or (len(self.orders) < self.orders_max and rng.random() < 0.5):
                await self.one("ADD", self.fresh(), rng.choice(gaps))
            else:
                op = rng.choice((*TAKES, "DELETE", "REPLACE"))
                await self.one(op, rng.choice(self.orders), rng.choice(gaps))
        await self.bench.settle()


async def ready(dut: Any) -> Bench:
    """A bench that is past its reset."""
    bench = Bench(dut)
    await bench.start()
    return bench


@cocotb.test()
async def alone(dut: Any) -> None:
    """One change at a time: six cycles, two more for a replace."""
    bench = await ready(dut)
    await Play(bench, 6).run(300, (20,))
    assert set(bench.took) == {LATENCY, LATENCY + 2}
    assert bench.lost == 0


@cocotb.test()
async def close(dut: Any) -> None:
    """As close as the pace allows, few levels, so that changes of one level and one group meet in the pipeline."""
    bench = await ready(dut)
    for spread, orders in ((2, 6), (5, 60), (70, 12)):
        await Play(bench, spread, orders_max=orders, asides=0.05).run(900, (0, 0, 0, 1, 2))
        assert spread > 5 or not any(ladder.lost for ladders in bench.sides for ladder in ladders)
        await empty(bench)
    dut._log.info("answers after %d to %d cycles", min(bench.took), max(bench.took))
    assert min(bench.took) == LATENCY


async def empty(bench: Bench) -> None:
    """Take whatever is left at each level held."""
    for symidx, ladders in enumerate(bench.sides):
        for side, ladder in enumerate(ladders):
            keys = sorted(ladder.levels)
            bench.rng.shuffle(keys)
            for key in keys:
                await bench.say("DELETE", Order(symidx, side, ladder.prices[key], ladder.levels[key]))
    await bench.settle()


@cocotb.test()
async def same_symbol(dut: Any) -> None:
    """Every operation behind every other on one side of one symbol, 0 to 4 messages of others between."""
    bench = await ready(dut)
    play = Play(bench, 3, orders_max=30)
    pairs = [
        (first, second, distance, side)
        for first in ("ADD", "REPLACE", *TAKES)
        for second in ("ADD", "REPLACE", *TAKES)
        for distance in range(5)
        for side in (0, 1)
    ]
    bench.rng.shuffle(pairs)

    async def hot(op: str, side: int, symidx: int) -> None:
        mine = [order for order in play.orders if order.symidx == symidx and order.side == side]
        best = bench.sides[symidx][side].best()[0]
        at_best = [order for order in mine if order.price == best]
        chosen = bench.rng.choice(
            at_best if at_best and bench.rng.random() < 0.6 else mine or [play.fresh(symidx, side)]
        )
        await play.one(op if mine else "ADD", play.fresh(symidx, side) if op == "ADD" else chosen)

    for first, second, distance, side in pairs:
        symidx = bench.rng.randrange(bench.symbols)
        while sum(order.symidx == symidx and order.side == side for order in play.orders) < 3:
            await play.one("ADD", play.fresh(symidx, side))
        await hot(first, side, symidx)
        for _ in range(distance):
            other = play.fresh((symidx + 1) % bench.symbols)
            crowd = [order for order in play.orders if order.symidx == other.symidx]
            await (play.one("ADD", other) if len(crowd) < 6 else play.one("DELETE", bench.rng.choice(crowd)))
        await hot(second, side, symidx)
        play.middle = max(30_000, play.middle + bench.rng.choice((-1, 0, 1)) * play.tick)
    await bench.settle()


@cocotb.test()
async def trends(dut: Any) -> None:
    """A price that runs up, then down: the window slides along, nothing that is near the best is lost."""
    bench = await ready(dut)
    steps = 4 * bench.groups
    for trend in (steps // 16 or 1, -(steps // 16 or 1)):
        play = Play(bench, 8, middle=1_000_000 if trend > 0 else 4_000_000, trend=trend, orders_max=8)
        await play.run(500, (0, 0, 1))
        await empty(bench)
    dut._log.info(
        "%d levels' groups fell out, %d orders beyond, %d sides marked", bench.evicted, bench.far, bench.marked
    )


@cocotb.test()
async def wandering(dut: Any) -> None:
    """Levels beyond the window, windows that slide, sides that are lost, cleared by the host and lost again."""
    bench = await ready(dut)
    await Play(bench, 60 * bench.groups // 8, asides=0.1).run(1500, (0, 1, 3))
    dut._log.info("%d answers of a lost side, %d marks", bench.lost, bench.marked)
    assert bench.lost > 20 and 0 < bench.marked < bench.lost and bench.evicted and bench.far


@cocotb.test()
async def below_a_dollar(dut: Any) -> None:
    """Ticks of $0.0001 and around $1.00, where the tick changes within a group."""
    bench = await ready(dut)
    for middle, spread, tick in ((5_000, 40, 1), (10_000, 30, 1), (10_100, 20, 50), (9_990, 3, 1)):
        play = Play(bench, spread, tick=tick, middle=middle, asides=0.02)
        await play.run(300, (0, 0, 2))
        await empty(bench)


@cocotb.test()
async def flapping(dut: Any) -> None:
    """A side that loses and finds its best again and again is marked once; again when the host clears what stays lost."""
    bench = await ready(dut)
    stub, quote = Order(0, 0, 1, 100), Order(0, 0, 9_000, 10)
    await bench.say("ADD", quote)
    await bench.say("ADD", stub)
    for _ in range(20):
        await bench.say("DELETE", quote)
        await bench.say("ADD", quote)
    await bench.settle()
    assert bench.marked == 1, "marked for each loss"
    await bench.say("MARK", quote)
    await bench.settle()
    assert bench.marked == 1, "marked while the best is known"
    await bench.say("DELETE", quote)
    await bench.say("MARK", quote)
    await bench.settle()
    assert bench.marked == 3, "a clear of what stays lost must not be silent"


@cocotb.test()
async def aliases(dut: Any) -> None:
    """Prices that share a place in the window with others, near, far above and far below; off the tick."""
    bench = await ready(dut)
    lap = 64 * bench.groups * 100
    for _ in range(6):
        play = Play(bench, 3, middle=20 * lap + 100 * bench.rng.randrange(64), orders_max=10)
        await play.run(40, (0, 1))
        for _ in range(30):
            near = bench.rng.choice(play.orders)
            away = bench.rng.choice((-2, -1, -1, 1, 1, 2)) * (lap - bench.rng.choice((0, 0, 6400, 100)))
            await play.one("ADD", Order(near.symidx, near.side, near.price + away, bench.rng.randrange(1, 50)))
            await play.one(bench.rng.choice((*TAKES, "REPLACE")), bench.rng.choice(play.orders))
        while play.orders:
            await play.one("DELETE", bench.rng.choice(play.orders))
        await bench.settle()
        assert not any(ladder.levels for ladders in bench.sides for ladder in ladders)
    odd = Order(0, 1, 123_456, 5)
    await bench.say("ADD", odd)
    await bench.say("DELETE", odd)
    await bench.settle()
    assert bench.sides[0][1].broken


@cocotb.test()
async def sizes(dut: Any) -> None:
    """A level's shares up to their width, and one order more: the side is lost, and marked."""
    bench = await ready(dut)
    big = Order(1, 0, 500_000, (1 << 32) - 1)
    for _ in range(16):
        await bench.say("ADD", big)
    assert not bench.sides[1][0].lost
    await bench.say("ADD", big)
    await bench.settle()
    assert bench.sides[1][0].lost and bench.marked == 1
    for _ in range(3):
        await bench.say("CANCEL", big)
    await bench.settle()


@cocotb.test()
async def halves(dut: Any) -> None:
    """Bids and asks whose levels share a word: what one side writes does not touch the other."""
    bench = await ready(dut)
    window = 64 * bench.groups
    low = 12_900
    play = Play(bench, 3, orders_max=14)
    for _ in range(700):
        side, tick = bench.rng.getrandbits(1), low + bench.rng.randrange(3)
        if side:
            tick = 4 * window + (-1 - tick) % window + 16 * window
        crowd = [order for order in play.orders if order.side == side]
        if len(crowd) < 3 or (len(crowd) < 7 and bench.rng.random() < 0.5):
            order = Order(0, side, (tick - 9_900) * 100, bench.rng.randrange(1, 100))
            await play.one("ADD", order, bench.rng.choice((0, 0, 1, 2)))
        else:
            await play.one(bench.rng.choice(TAKES), bench.rng.choice(crowd), bench.rng.choice((0, 0, 1, 2)))
    await bench.settle()
    assert not any(ladder.lost for ladder in bench.sides[0])
