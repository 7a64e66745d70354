# ruff: noqa: S311 - reproducible test data, not cryptography
"""Triggers with numbers of full width, many met by one record: who fires, in which order, each with its record's quote."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import Cycles, length
from sim.rtl.strat_trigger.test_strat_trigger import Slot, met

SIMULATORS = ["verilator"]
PARAMETERS = [{}, {"SLOTS_LOG2": 2}]
QUOTE = ("symidx", "bid", "ask", "stale", "halted", "rx_cycle")


class Bench:
    """Drives commands and records after the edge; takes fires at random; time can be set while nothing is armed."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.now = self.rng.getrandbits(47)
        self.taking = 0.5
        self.fires: list[tuple[int, ...]] = []

    async def start(self) -> None:
        """Reset and let time run."""
        for name in ("cmd_valid", "ev_valid", "fire_ready"):
            getattr(self.dut, name).value = 0
        self.dut.now.value = self.now
        cycles = Cycles(self.dut)
        await cycles.start()
        cycles.watch(self.look)
        await self.step(2)

    def look(self, cycle: int) -> None:
        """Note what the gate takes at the coming edge."""
        del cycle
        dut = self.dut
        if dut.fire_valid.value == 1 and dut.fire_ready.value == 1:
            self.fires.append((int(dut.fire_slot.value), *(int(getattr(dut, f"fire_{name}").value) for name in QUOTE)))

    async def step(self, cycles: int = 1) -> None:
        """Let cycles pass."""
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)
            self.now += 1
            self.dut.now.value = self.now
            self.dut.fire_ready.value = int(self.rng.random() < self.taking)

    async def command(self, arm: bool, at: int, slot: Slot) -> None:
        """Arm or disarm."""
        dut = self.dut
        dut.cmd_valid.value, dut.cmd_arm.value, dut.cmd_slot.value = 1, int(arm), at
        dut.cmd_symidx.value, dut.cmd_condition.value = slot.symidx, slot.condition
        dut.cmd_price.value, dut.cmd_expire.value = slot.price, slot.expire
        await self.step()
        dut.cmd_valid.value = 0

    async def record(self, changed: int, row: int, quote: tuple[int, ...]) -> None:
        """One record."""
        dut = self.dut
        dut.ev_valid.value, dut.ev_changed.value, dut.ev_row.value = 1, changed, row
        for name, value in zip(QUOTE, quote, strict=True):
            getattr(dut, f"ev_{name}").value = value
        await self.step()
        dut.ev_valid.value = 0


@cocotb.test()
async def many_at_once(dut: Any) -> None:
    """Slots on two symbols with random prices, records one after the other: the fires are those of the conditions."""
    bench = Bench(dut)
    rng = bench.rng
    await bench.start()
    count = len(dut.armed)
    total = expired = 0
    for _ in range(length(40)):
        bench.now = rng.getrandbits(47)
        bench.taking = rng.choice((0.1, 0.5, 1.0))
        await bench.step(4)
        symbols = rng.sample(range(1024), 2)
        slots = {}
        for at in rng.sample(range(count), count):
            expire = rng.choice((0, bench.now + 5000 + rng.getrandbits(46), bench.now + 300))
            slots[at] = Slot("armed", rng.choice(symbols), rng.randrange(1, 5), max(1, rng.getrandbits(32)), expire)
            await bench.command(True, at, slots[at])
        await bench.step(6)
        assert int(dut.armed.value) == (1 << count) - 1
        wanted = []
        for _ in range(10):
            changed, row = int(rng.random() < 0.9), int(rng.random() < 0.9)
            symidx = rng.choice((*symbols, rng.randrange(1024)))
            quote = (symidx, *(rng.choice((0, rng.getrandbits(32), rng.getrandbits(32))) for _ in range(2)))
            quote += (rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(32))
            for at in range(count):
                slot = slots[at]
                if (
                    slot.state == "armed"
                    and changed
                    and row
                    and slot.symidx == symidx
                    and met(slot, quote[1], quote[2])
                ):
                    slot.state = "fired"
                    wanted.append((at, *quote))
            await bench.record(changed, row, quote)
            await bench.step(rng.randrange(3))
        for _ in range(600):
            await bench.step()
        assert bench.fires == wanted
        bench.fires.clear()
        await FallingEdge(dut.clk)
        for state in ("fired", "armed", "expired"):
            # What had not fired and was to expire in these 600 cycles has done so.
            late = {
                at for at, slot in slots.items() if slot.state == "armed" and slot.expire and slot.expire <= bench.now
            }
            names = {at: "expired" if at in late else slot.state for at, slot in slots.items()}
            assert int(getattr(dut, state).value) == sum((names[at] == state) << at for at in slots), state
        expired += len(late)
        total += len(wanted)
        for at in range(count):
            await bench.command(False, at, slots[at])
        await bench.step(6)
        assert int(dut.armed.value) == 0
    dut._log.info("%d fired, %d expired", total, expired)
    assert total > count and expired > 0
