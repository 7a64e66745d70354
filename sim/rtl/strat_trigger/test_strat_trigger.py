# ruff: noqa: S311 - reproducible test data, not cryptography
"""Triggers against a reference: conditions, one shot, expiry to the cycle, disarm races, order and quote of what fires."""

import random
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import Cycles

PARAMETERS = [{}, {"SLOTS_LOG2": 2}]


@dataclass
class Slot:
    """What the reference knows of a slot."""

    state: str = "idle"
    symidx: int = 0
    condition: int = 0
    price: int = 0
    expire: int = 0


def met(slot: Slot, bid: int, ask: int) -> bool:
    """The condition of the software's triggers."""
    best = ask if slot.condition >= 3 else bid
    return best != 0 and (best >= slot.price if slot.condition & 1 else best <= slot.price)


@cocotb.test()
async def random_traffic(dut: Any) -> None:
    """Random commands and records in every cycle, the gate taking at random."""
    rng = random.Random(cocotb.RANDOM_SEED)
    cycles = Cycles(dut)
    for name in ("cmd_valid", "ev_valid", "fire_ready", "now"):
        getattr(dut, name).value = 0
    await cycles.start()
    count = len(dut.armed)
    slots = [Slot() for _ in range(count)]
    waiting: dict[int, tuple[int, ...]] = {}
    offered: tuple[int, tuple[int, ...]] | None = None
    fired = races = expired = 0
    now = 1000
    for _ in range(20000):
        busy_gate = rng.random() < 0.3
        command = rng.random() < 0.25
        record = rng.random() < 0.5
        arm, at = rng.random() < 0.7, rng.randrange(count)
        condition = rng.choice((1, 2, 3, 4, 1, 2, 3, 4, 0, 5))
        price = rng.choice((0, 100, 200, 300, 0xFFFFFFFF, 150))
        expire = rng.choice((0, 0, 0, 0, now, now + 1, now + 2, now + rng.randrange(3, 40)))
        symidx = rng.randrange(12)
        bid, ask = (rng.choice((0, 100, 150, 200, 250, 300, 0xFFFFFFFF)) for _ in range(2))
        ev_symidx, changed, row = rng.randrange(12), rng.random() < 0.8, rng.random() < 0.9
        stale, halted, rx = rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(32)
        dut.now.value = now
        dut.fire_ready.value = int(not busy_gate)
        dut.cmd_valid.value, dut.cmd_arm.value, dut.cmd_slot.value = int(command), int(arm), at
        dut.cmd_symidx.value, dut.cmd_condition.value, dut.cmd_price.value, dut.cmd_expire.value = (
            symidx,
            condition,
            price,
            expire,
        )
        dut.ev_valid.value, dut.ev_row.value, dut.ev_changed.value = int(record), int(row), int(changed)
        dut.ev_symidx.value, dut.ev_bid.value, dut.ev_ask.value = ev_symidx, bid, ask
        dut.ev_stale.value, dut.ev_halted.value, dut.ev_rx_cycle.value = stale, halted, rx
        await RisingEdge(dut.clk)
        # The reference takes the same step: offers move on, slots are met, expire, are disarmed, are armed.
        if offered is not None and not busy_gate:
            offered = None
        armable = slots[at].state != "armed" and at not in waiting
        for number, slot in enumerate(slots):
            disarmed = command and not arm and at == number
            late = slot.expire != 0 and now >= slot.expire
            if slot.state != "armed":
                continue
            if late:
                slot.state = "expired"
                expired += 1
            elif disarmed:
                slot.state = "disarmed"
                races += bool(record and row and changed and ev_symidx == slot.symidx and met(slot, bid, ask))
            elif record and row and changed and ev_symidx == slot.symidx and met(slot, bid, ask):
                slot.state = "fired"
                waiting[number] = (ev_symidx, bid, ask, stale, halted, rx)
        if command and arm and armable and 1 <= condition <= 4 and price:
            slots[at] = Slot("armed", symidx, condition, price, expire)
        if offered is None and waiting:
            first = min(waiting)
            offered = (first, waiting.pop(first))
            fired += 1
        now += 1
        await FallingEdge(dut.clk)
        assert dut.fire_valid.value == int(offered is not None)
        if offered is not None:
            names = ("symidx", "bid", "ask", "stale", "halted", "rx_cycle")
            have = (int(dut.fire_slot.value), tuple(int(getattr(dut, f"fire_{name}").value) for name in names))
            assert have == offered
        for state in ("armed", "fired", "expired", "disarmed"):
            want = sum((slot.state == state) << number for number, slot in enumerate(slots))
            assert int(getattr(dut, state).value) == want, state
    dut._log.info("%d fired, %d expired, %d disarmed in the cycle they were met", fired, expired, races)
    assert fired > 200 and expired > 100


@cocotb.test()
async def disarmed_in_time(dut: Any) -> None:
    """A disarm in the cycle of the record that meets the condition wins; one cycle later it is too late."""
    cycles = Cycles(dut)
    for name in ("cmd_valid", "ev_valid", "now"):
        getattr(dut, name).value = 0
    dut.fire_ready.value, dut.ev_row.value, dut.ev_changed.value = 1, 1, 1
    await cycles.start()
    for late in (0, 1):
        dut.cmd_slot.value, dut.cmd_arm.value, dut.cmd_valid.value, dut.cmd_symidx.value = 1, 1, 1, 9
        dut.cmd_condition.value, dut.cmd_price.value, dut.cmd_expire.value = 1, 100, 0
        await RisingEdge(dut.clk)
        dut.cmd_arm.value, dut.cmd_valid.value = 0, 1 - late
        dut.ev_valid.value, dut.ev_symidx.value, dut.ev_bid.value = 1, 9, 100
        await RisingEdge(dut.clk)
        dut.cmd_valid.value, dut.ev_valid.value = late, 0
        await FallingEdge(dut.clk)
        assert (
            dut.fire_valid.value == late
            and int(dut.disarmed.value) == (1 - late) << 1
            and int(dut.fired.value) == late << 1
        )
        await RisingEdge(dut.clk)
        dut.cmd_valid.value = 0
        for _ in range(3):
            await FallingEdge(dut.clk)
            assert dut.fire_valid.value == 0 and int(dut.disarmed.value) == (1 - late) << 1
