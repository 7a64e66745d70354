"""The book with numbers of full width: prices to the highest, orders of 2^32 shares, every symbol index of the table."""

from collections.abc import Iterator
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.book_core.test_book_core import Bench, ready
from sim.rtl.models.events import PRICE_MAX, Norm
from sim.rtl.models.streams import length
from sim.rtl.models.traffic import PARSE, Traffic, on_the_wire

SIMULATORS = ["verilator"]
TOPLEVEL = "book_core_bench"
SYMBOLS = 64


def wide(bench: Bench, traffic: Traffic, count: int) -> Iterator[Norm]:
    """Messages of the traffic with shares of any size; the orders left agree with them."""
    for _ in range(count):
        m = traffic.one()
        ref = m.ref2 if chr(m.type) == "U" else m.ref
        if chr(m.type) in "AFU" and ref in traffic.live:
            m.shares = traffic.live[ref][3] = max(1, bench.rng.getrandbits(bench.rng.choice((8, 32, 32))))
        yield m


@cocotb.test()
@cocotb.parametrize(top=[60_000, 1_000_000, 20_000_000, PRICE_MAX])
async def wide_numbers(dut: Any, top: int) -> None:
    """A market around prices of each size, few orders a level so that no level outgrows what the ladder counts."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, SYMBOLS, levels=30, orders=300)
    traffic.middle = [bench.rng.randrange(top // 2, top - 20_000) // 100 * 100 for _ in range(SYMBOLS)]
    messages = list(wide(bench, traffic, length(1200)))
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)


@cocotb.test()
async def every_pair_on_one_symbol(dut: Any) -> None:
    """One symbol, all seven kinds alike often: each pair follows each other at each distance."""
    bench = await ready(dut)
    traffic = Traffic(bench.rng, 2, levels=8, orders=120)
    traffic.weights = {"A": 22, "F": 22, "E": 9, "C": 9, "X": 9, "D": 16, "U": 12}
    messages = [traffic.one() for _ in range(length(6000))]
    await bench.drive(on_the_wire(messages, 5, phase=bench.rng.randrange(8)))
    await bench.settle()
    bench.compare(messages)


@cocotb.test()
async def held_for_long(dut: Any) -> None:
    """The latency of a message that was held before it came here: to the cycle, and the most that the field holds beyond."""
    bench = await ready(dut)
    told: list[int] = []
    ages = (0, 1, 0xFF00, 0xFFF0, 0xFFFF, 1 << 16, 1 << 20, 1 << 31)
    for age in ages:
        came = (int(dut.cycle.value) + 1 - PARSE - age) & 0xFFFFFFFF
        dut.norm.value = Norm(type=ord("S"), aux=ord("Q")).pack(came)
        await RisingEdge(dut.clk)
        dut.norm.value = 0
        await bench.settle(30)
        told.append(bench.got[-1][1].aux)
    assert len(bench.got) == len(ages)
    assert told == [min(0xFFFF, told[0] + age) for age in ages]
