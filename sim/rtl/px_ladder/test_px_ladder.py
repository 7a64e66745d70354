# ruff: noqa: S311 - reproducible test data, not cryptography
"""The ladder at its own ports: the best level after each change, in order and in time, and when a side is lost."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.book_msg import CODES, pack
from sim.rtl.models.ladder import SideLadder
from sim.rtl.models.streams import Cycles, parameters

PARAMETERS = [{"SYM_LOG2": 2}, {"SYM_LOG2": 1, "GROUPS_LOG2": 3}]
LATENCY = 6


class Bench:
    """Changes in, answers out, both in order."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.groups = 1 << ({"GROUPS_LOG2": 6} | parameters())["GROUPS_LOG2"]
        self.symbols = 1 << ({"SYM_LOG2": 8} | parameters())["SYM_LOG2"]
        self.sides = [[SideLadder(False, self.groups), SideLadder(True, self.groups)] for _ in range(self.symbols)]
        self.wanted: list[tuple[Any, ...]] = []  # answers to come: kind and values
        self.entered: list[int] = []
        self.took: list[int] = []
        self.lost = 0

    async def start(self) -> None:
        dut = self.dut
        dut.v_valid.value, dut.v_verdict.value = 0, CODES["BV_OK"]
        await self.cycles.start()
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        self.cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        """Compare an answer, if there is one."""
        dut = self.dut
        if dut.late_write.value != 1 and dut.late_valid.value != 1:
            return
        want = self.wanted.pop(0)
        self.took.append(cycle - self.entered.pop(0))
        symidx, side, count, lost, best, slow, before, after = want
        assert dut.late_write.value == 1 and dut.late_valid.value == slow
        assert (int(dut.late_symidx.value), int(dut.late_side.value), int(dut.late_count.value)) == (symidx, side, count)
        assert int(dut.late_lost.value) == lost
        assert (int(dut.late_price.value), int(dut.late_shares.value)) == best
        if slow:
            for when, sides in (("before", before), ("after", after)):
                have = [int(getattr(dut, f"{when}_{name}").value) for name in ("bid", "bid_shares", "ask", "ask_shares")]
                assert have == [*sides[0], *sides[1]], when
            assert dut.late_changed.value == int(before != after)

    async def change(self, op: str, symidx: int, side: int, price: int, shares: int, new: tuple[int, int] | None, gap: int) -> None:
        """One message: an add, a take, or a replace (take and add)."""
        dut = self.dut
        slow, count = self.rng.getrandbits(1), self.rng.randrange(16)
        ladders = self.sides[symidx]
        before = [ladder.best() for ladder in ladders]
        message = {"op": CODES[f"BOP_{op}"], "sym": symidx, "side": side, "row": 1, "shares": shares, "price": price}
        if op == "ADD":
            ladders[side].add(price, shares)
        else:
            ladders[side].take(price, shares)
            if new:
                message |= {"price": new[0], "shares": new[1]}
                ladders[side].add(*new)
        after = [ladder.best() for ladder in ladders]
        self.lost += ladders[side].lost
        self.wanted.append((symidx, side, count, int(ladders[side].lost), after[side], slow, before, after))
        dut.c_msg.value, dut.c_price.value = pack(**message), price
        await RisingEdge(dut.clk)
        dut.v_valid.value, dut.v_msg.value, dut.v_price.value, dut.v_shares.value = 1, pack(**message), price, shares
        dut.v_side.value, dut.v_slow_ok.value, dut.v_slow_not.value, dut.v_count.value = side, slow, 0, count
        dut.c_msg.value, dut.c_price.value = self.rng.getrandbits(340), self.rng.getrandbits(32)
        await FallingEdge(dut.clk)
        self.entered.append(self.cycles.now)
        await RisingEdge(dut.clk)
        dut.v_valid.value = 0
        for _ in range(gap):
            await RisingEdge(dut.clk)


async def play(bench: Bench, count: int, spread: int, tick: int, gaps: tuple[int, ...]) -> None:
    """Random orders around a price that wanders."""
    rng = bench.rng
    orders: list[tuple[int, int, int, int]] = []
    middle = 300_000
    for _ in range(count):
        middle = max(20_000, middle + rng.choice((-1, 0, 1)) * tick * rng.choice((1, 1, spread)))
        if len(orders) < 3 or (len(orders) < 60 and rng.random() < 0.5):
            side = rng.getrandbits(1)
            step = int(rng.expovariate(3 / spread)) * tick
            order = (rng.randrange(bench.symbols), side, max(tick, middle + step if side else middle - step - tick), rng.randrange(1, 100))
            orders.append(order)
            await bench.change("ADD", *order, None, rng.choice(gaps))
            continue
        symidx, side, price, shares = orders.pop(rng.randrange(len(orders)))
        if rng.random() < 0.3:
            new = (max(tick, price + rng.choice((-1, 0, 1)) * tick * rng.randrange(spread)), rng.randrange(1, 100))
            orders.append((symidx, side, *new))
            await bench.change("REPLACE", symidx, side, price, shares, new, max(2, rng.choice(gaps)))
        else:
            taken = shares if rng.random() < 0.6 else rng.randint(1, shares)
            if taken < shares:
                orders.append((symidx, side, price, shares - taken))
            await bench.change("DELETE" if taken == shares else "CANCEL", symidx, side, price, taken, None, rng.choice(gaps))
    for _ in range(40):
        await RisingEdge(bench.dut.clk)
    assert not bench.wanted, "an answer is missing"
    assert bench.dut.stat_overrun.value == 0 and bench.dut.stat_broken.value == 0


@cocotb.test()
async def alone(dut: Any) -> None:
    """One change at a time: six cycles, two more for a replace."""
    bench = Bench(dut)
    await bench.start()
    await play(bench, 400, 6, 100, (20,))
    assert set(bench.took) == {LATENCY, LATENCY + 2}
    assert bench.lost == 0


@cocotb.test()
async def close(dut: Any) -> None:
    """As close as the pace allows, few levels, so that changes of one level and one group meet in the pipeline."""
    bench = Bench(dut)
    await bench.start()
    await play(bench, 3000, 5, 100, (1, 0, 0, 2))
    dut._log.info("answers after %d to %d cycles", min(bench.took), max(bench.took))
    assert min(bench.took) == LATENCY and max(bench.took) <= LATENCY + 12


@cocotb.test()
async def wandering(dut: Any) -> None:
    """Levels beyond the window, windows that slide, sides that are lost."""
    bench = Bench(dut)
    await bench.start()
    await play(bench, 2500, 60 * bench.groups // 8, 100, (0, 1, 3))
    dut._log.info("%d answers of a lost side", bench.lost)
    assert bench.lost > 0
