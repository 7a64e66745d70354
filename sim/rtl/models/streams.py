"""AXI-Stream drivers and monitors for the benches: beats in with random pauses, cycle-stamped signals out.

Everything is sampled just before a rising edge and driven just after it; it never looks inside a module.
"""

from __future__ import annotations

import ast
import os
import random
from collections.abc import Callable, Iterable
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

#: One beat: data, keep, last, user.
Beat = tuple[int, int, int, int]


def parameters() -> dict[str, Any]:
    """The parameters this run was built with."""
    found: dict[str, Any] = ast.literal_eval(os.environ.get("FASTPATH_PARAMETERS", "{}"))
    return found


def length(normal: int) -> int:
    """How many random steps to make where `normal` is usual: a quarter in a quick run, ten times in a long one."""
    return max(1, int(normal * {"quick": 0.25, "long": 10.0}.get(os.environ.get("FASTPATH_LENGTH", ""), 1.0)))


def to_beats(data: bytes, bad: bool = False) -> list[Beat]:
    """Cut a frame into 8-byte beats, byte 0 in bits 7:0; `bad` sets tuser on the last."""
    beats: list[Beat] = []
    for at in range(0, len(data), 8):
        piece = data[at : at + 8]
        last = at + 8 >= len(data)
        beats.append((int.from_bytes(piece, "little"), (1 << len(piece)) - 1, int(last), int(last and bad)))
    return beats


class Cycles:
    """Starts the clock, applies reset and numbers the cycles at their falling edges.

    What is driven after a rising edge belongs to cycle `now + 1`; a register fed by it shows in cycle `now + 2`.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.now = 0
        self._watchers: list[Callable[[int], None]] = []

    async def start(self, reset_cycles: int = 4) -> None:
        """Run the clock (6.4 ns) and hold rst for some cycles."""
        self.dut.rst.value = 1
        Clock(self.dut.clk, 6.4, unit="ns").start(start_high=False)
        cocotb.start_soon(self._count())
        if "FASTPATH_FUNCTIONAL" in os.environ:  # a run for coverage: watch what the crosses need, at the ports
            from sim.coverage.functional import attach  # noqa: PLC0415 - its library is not needed otherwise

            attach(self)
        await self.wait(reset_cycles)
        self.dut.rst.value = 0

    def watch(self, watcher: Callable[[int], None]) -> None:
        """Call `watcher(cycle)` at the falling edge of each cycle, when its signals are settled."""
        self._watchers.append(watcher)

    async def _count(self) -> None:
        while True:
            await FallingEdge(self.dut.clk)
            self.now += 1
            for watcher in self._watchers:
                watcher(self.now)

    async def wait(self, cycles: int) -> None:
        """Let some rising edges pass."""
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)


class Source:
    """Drives `<prefix>_tdata/_tkeep/_tvalid/_tlast/_tuser`, without or with tready, pausing with a probability."""

    def __init__(self, cycles: Cycles, prefix: str, rng: random.Random, pause: float = 0.0) -> None:
        dut = cycles.dut
        self.cycles = cycles
        self.rng = rng
        self.pause = pause
        self.data = getattr(dut, f"{prefix}_tdata")
        self.valid = getattr(dut, f"{prefix}_tvalid")
        self.keep = getattr(dut, f"{prefix}_tkeep", None)
        self.last = getattr(dut, f"{prefix}_tlast", None)
        self.user = getattr(dut, f"{prefix}_tuser", None)
        self.ready = getattr(dut, f"{prefix}_tready", None)
        self.valid.value = 0

    async def send(self, beats: Iterable[Beat]) -> list[int]:
        """Send beats; returns the cycle in which each was taken. Garbage is on the bus while valid is low."""
        taken: list[int] = []
        clk = self.cycles.dut.clk
        width = len(self.data)
        for data, keep, last, user in beats:
            while self.pause and self.rng.random() < self.pause:
                self.valid.value = 0
                self.data.value = self.rng.getrandbits(width)
                await RisingEdge(clk)
            self.data.value = data
            self.valid.value = 1
            for signal, value in ((self.keep, keep), (self.last, last), (self.user, user)):
                if signal is not None:
                    signal.value = value
            accepted = False
            while not accepted:
                cycle = self.cycles.now + 1
                if self.ready is not None:
                    await FallingEdge(clk)
                    accepted = self.ready.value == 1
                else:
                    accepted = True
                await RisingEdge(clk)
            taken.append(cycle)
        self.valid.value = 0
        return taken
