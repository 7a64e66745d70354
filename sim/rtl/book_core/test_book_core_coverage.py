"""The book with numbers of full width: prices to the highest, orders of 2^32 shares, every symbol index of the table."""

from collections.abc import Iterator
from typing import Any

import cocotb

from sim.rtl.book_core.test_book_core import Bench, ready
from sim.rtl.models.events import PRICE_MAX, Norm
from sim.rtl.models.streams import length
from sim.rtl.models.traffic import Traffic, on_the_wire

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
