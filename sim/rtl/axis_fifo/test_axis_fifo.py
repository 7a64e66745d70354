# ruff: noqa: S311 - reproducible test data, not cryptography
"""FIFO: order and content under any pattern of pauses, exact capacity, full rate, two cycles of latency, resets."""

import random

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.streams import Cycles, Source, parameters

PARAMETERS = [{"WIDTH": 73, "DEPTH_LOG2": 4}, {"WIDTH": 1, "DEPTH_LOG2": 1}, {"WIDTH": 372, "DEPTH_LOG2": 9}]
PROPERTIES = True

WIDTH = parameters().get("WIDTH", 73)
DEPTH = 1 << parameters().get("DEPTH_LOG2", 9)


class Sink:
    """Takes words, ready with a probability that can change."""

    def __init__(self, cycles: Cycles, rng: random.Random, pause: float) -> None:
        self.dut = cycles.dut
        self.rng = rng
        self.pause = pause
        self.words: list[int] = []
        self.at: list[int] = []
        self.dut.m_axis_tready.value = 0
        cycles.watch(self.look)
        cocotb.start_soon(self.run())

    def look(self, cycle: int) -> None:
        if self.dut.m_axis_tvalid.value == 1 and self.dut.m_axis_tready.value == 1 and self.dut.rst.value == 0:
            self.words.append(int(self.dut.m_axis_tdata.value))
            self.at.append(cycle)

    async def run(self) -> None:
        while True:
            self.dut.m_axis_tready.value = int(self.rng.random() >= self.pause)
            await RisingEdge(self.dut.clk)


def words(rng: random.Random, count: int) -> list[int]:
    return [rng.getrandbits(WIDTH) for _ in range(count)]


@cocotb.test()
@cocotb.parametrize(source=[0.0, 0.3, 0.7], sink=[0.0, 0.3, 0.7])
async def keeps_order(dut, source: float, sink: float) -> None:
    rng = random.Random(cocotb.RANDOM_SEED)
    cycles = Cycles(dut)
    driver = Source(cycles, "s_axis", rng, source)
    monitor = Sink(cycles, rng, sink)
    await cycles.start()
    sent = words(rng, 500)
    taken = await driver.send((word, 0, 0, 0) for word in sent)
    monitor.pause = 0.0
    await cycles.wait(8 + DEPTH)
    assert monitor.words == sent
    if sink == 0.0:
        latency = {out - into for into, out in zip(taken, monitor.at, strict=True)}
        assert latency == {2}, latency
        if source == 0.0:
            assert taken[-1] - taken[1] == len(sent) - 2, "not one beat per cycle"


@cocotb.test()
async def holds_its_depth(dut) -> None:
    """Exactly DEPTH words in the RAM and one in the output register; the level says so; a reset empties it."""
    rng = random.Random(cocotb.RANDOM_SEED)
    cycles = Cycles(dut)
    driver = Source(cycles, "s_axis", rng)
    monitor = Sink(cycles, rng, 1.0)
    await cycles.start()
    sent = words(rng, DEPTH + 1)
    await driver.send((word, 0, 0, 0) for word in sent)
    await cycles.wait(2)
    assert dut.s_axis_tready.value == 0
    assert int(dut.level.value) == DEPTH
    driver.valid.value = 1  # a source that does not look at tready loses its word, not one of ours
    await cycles.wait(3)
    driver.valid.value = 0
    monitor.pause = 0.0
    await cycles.wait(DEPTH + 8)
    assert monitor.words == sent
    assert int(dut.level.value) == 0
    monitor.pause = 1.0
    await cycles.wait(2)
    await driver.send((word, 0, 0, 0) for word in sent[:DEPTH])
    dut.rst.value = 1
    await cycles.wait(2)
    dut.rst.value = 0
    await cycles.wait(2)
    assert dut.m_axis_tvalid.value == 0
    assert int(dut.level.value) == 0
    monitor.words.clear()
    monitor.pause = 0.0
    again = words(rng, 5)
    await driver.send((word, 0, 0, 0) for word in again)
    await cycles.wait(6)
    assert monitor.words == again
