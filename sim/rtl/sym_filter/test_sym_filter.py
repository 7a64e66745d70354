# ruff: noqa: S311 - reproducible test data, not cryptography
"""Symbol filter: three cycles, both lines at once, answers that stay, a table that is empty after every reset."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.streams import Cycles, parameters

PARAMETERS = [{"LOCATE_BITS": 16}, {"LOCATE_BITS": 4}]

SIZE = 1 << parameters().get("LOCATE_BITS", 16)


async def begin(dut: Any) -> tuple[Cycles, random.Random]:
    cycles = Cycles(dut)
    dut.write_valid.value = 0
    for line in "ab":
        getattr(dut, f"look_{line}_valid").value = 0
    await cycles.start()
    return cycles, random.Random(cocotb.RANDOM_SEED)


async def ready(dut: Any) -> int:
    waited = 0
    while True:
        await RisingEdge(dut.clk)
        if dut.ready.value == 1:
            return waited
        waited += 1


async def write(dut: Any, locate: int, index: int | None) -> None:
    dut.write_valid.value = 1
    dut.write_locate.value = locate
    dut.write_tracked.value = int(index is not None)
    dut.write_symidx.value = 777 if index is None else index
    await RisingEdge(dut.clk)
    dut.write_valid.value = 0


class Looker:
    """Looks on both lines every cycle or so, checks each answer three cycles later and that it stays."""

    def __init__(self, cycles: Cycles, rng: random.Random, table: dict[int, int]) -> None:
        self.dut = cycles.dut
        self.rng = rng
        self.table = table
        self.due: dict[str, list[tuple[int, int]]] = {"a": [], "b": []}
        self.now: dict[str, int | None] = {"a": None, "b": None}
        self.checked = 0
        cycles.watch(self.look)
        self.cycles = cycles

    def look(self, cycle: int) -> None:
        for line in "ab":
            while self.due[line] and self.due[line][0][0] == cycle:
                self.now[line] = self.due[line].pop(0)[1]
            expected = self.now[line]
            if expected is not None:
                index = self.table.get(expected, -1) if expected < SIZE else -1
                assert int(getattr(self.dut, f"{line}_tracked").value) == int(index >= 0), (line, expected)
                assert int(getattr(self.dut, f"{line}_symidx").value) == max(index, 0)
                self.checked += 1

    async def run(self, count: int, locates: list[int]) -> None:
        for _ in range(count):
            for line in "ab":
                valid = self.rng.random() < 0.7
                locate = self.rng.choice(locates)
                getattr(self.dut, f"look_{line}_valid").value = int(valid)
                getattr(self.dut, f"look_{line}_locate").value = locate
                if valid:
                    self.due[line].append((self.cycles.now + 4, locate))
            await RisingEdge(self.dut.clk)


@cocotb.test()
async def two_lines_at_once(dut: Any) -> None:
    cycles, rng = await begin(dut)
    assert await ready(dut) in range(SIZE - 2, SIZE + 2)
    written = {0: 5, SIZE - 1: 1023, 3: 0} | {rng.randrange(SIZE): rng.randrange(1024) for _ in range(30)}
    for locate, index in written.items():
        await write(dut, locate, index)
    forgotten = rng.choice(list(written))
    await write(dut, forgotten, None)
    await write(dut, 0x10000 - 1 if SIZE < 0x10000 else forgotten, None if SIZE == 0x10000 else 9)  # outside: ignored
    table = {locate: index for locate, index in written.items() if locate != forgotten}
    if SIZE < 0x10000:
        table[SIZE - 1] = table.get(SIZE - 1, -1)
    looker = Looker(cycles, rng, table)
    await looker.run(600, [*written, *range(8), *(rng.randrange(0x10000) for _ in range(20)), 0xFFFF])
    assert looker.checked > 1000


@cocotb.test()
async def empty_after_reset(dut: Any) -> None:
    """Nothing is tracked while the table clears itself, nor after; a write in that time is ignored."""
    cycles, rng = await begin(dut)
    await ready(dut)
    for locate in range(16):
        await write(dut, locate, locate + 1)
    dut.rst.value = 1
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    looker = Looker(cycles, rng, {})
    await write(dut, 2, 9)
    await looker.run(SIZE // 2, list(range(16)))
    await ready(dut)
    await looker.run(100, list(range(16)))
