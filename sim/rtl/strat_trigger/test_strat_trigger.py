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
    command: tuple[int, ...] | None = None  # of the cycle before
    due: list[tuple[int, int, tuple[int, ...]]] = []  # {cycle met, slot, quote}, in the order in which they must fire
    offered: tuple[int, tuple[int, ...]] | None = None
    waited = fired = races = expired = direct = longest = 0
    quiet = True  # nothing waited or was offered when the first of `due` was met
    now = 1000
    for cycle in range(20000):
        ready = rng.random() < (0.7 if cycle % 2000 < 1600 else 0.08)
        sent = (
            int(rng.random() < 0.7), rng.randrange(count), rng.randrange(12), rng.choice((1, 2, 3, 4, 1, 2, 3, 4, 0, 5)),
            rng.choice((0, 100, 200, 300, 0xFFFFFFFF, 150)),
            rng.choice((0, 0, 0, 0, now, now + 1, now + 2, now + rng.randrange(3, 40))),
        ) if rng.random() < 0.25 else None  # fmt: skip
        record = rng.random() < 0.5
        bid, ask = (rng.choice((0, 100, 150, 200, 250, 300, 0xFFFFFFFF)) for _ in range(2))
        ev_symidx, changed, row = rng.randrange(12), rng.random() < 0.8, rng.random() < 0.9
        quote = (ev_symidx, bid, ask, rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(32))
        dut.now.value = now
        dut.fire_ready.value = int(ready)
        dut.cmd_valid.value = int(sent is not None)
        for name, value in zip(("arm", "slot", "symidx", "condition", "price", "expire"), sent or (0,) * 6, strict=True):
            getattr(dut, f"cmd_{name}").value = value
        dut.ev_valid.value, dut.ev_row.value, dut.ev_changed.value = int(record), int(row), int(changed)
        for name, value in zip(("symidx", "bid", "ask", "stale", "halted", "rx_cycle"), quote, strict=True):
            getattr(dut, f"ev_{name}").value = value
        await RisingEdge(dut.clk)
        # The reference takes the same step. The command of the cycle before acts on what was there before this record.
        arm, at, symidx, condition, price, expire = command or (0, -1, 0, 0, 0, 0)
        busy = {slot for _, slot, _ in due} | ({offered[0]} if offered is not None else set())
        armable = at >= 0 and slots[at].state != "armed" and at not in busy
        idle = not due and offered is None
        for number, slot in enumerate(slots):
            if slot.state != "armed":
                continue
            hit = record and row and changed and ev_symidx == slot.symidx and met(slot, bid, ask)
            if slot.expire != 0 and now >= slot.expire:
                slot.state = "expired"
                expired += 1
            elif command and not arm and at == number:
                slot.state = "disarmed"
                races += bool(hit)
            elif hit:
                slot.state = "fired"
                quiet = idle if not due else quiet
                due.append((cycle, number, quote))
        if arm and armable and 1 <= condition <= 4 and price:
            slots[at] = Slot("armed", symidx, condition, price, expire)
        taken = offered is not None and ready
        command = sent
        now += 1
        await FallingEdge(dut.clk)
        if taken:
            assert dut.fire_valid.value == 0, "an offer ends when it is taken"
            offered = None
        if offered is None and dut.fire_valid.value == 1:
            when, number, quote = due.pop(0)
            offered = (number, quote)
            fired += 1
            if quiet:
                direct += 1
                assert cycle - when == 1, "offered two cycles after its record"
            quiet = False
        waited = waited + 1 if due and offered is None else 0
        longest = max(longest, waited)
        assert dut.fire_valid.value == int(offered is not None)
        if offered is not None:
            names = ("symidx", "bid", "ask", "stale", "halted", "rx_cycle")
            have = (int(dut.fire_slot.value), tuple(int(getattr(dut, f"fire_{name}").value) for name in names))
            assert have == offered
        for state in ("armed", "fired", "expired", "disarmed"):
            want = sum((slot.state == state) << number for number, slot in enumerate(slots))
            assert int(getattr(dut, state).value) == want, state
    dut._log.info("%d fired, %d at once, %d expired, %d disarmed in the cycle they were met", fired, direct, expired, races)
    assert fired > 200 and direct > 50 and expired > 100 and longest <= 2


@cocotb.test()
async def disarmed_in_time(dut: Any) -> None:
    """A disarm that acts in the cycle of the record that meets the condition wins; one cycle later it is too late."""
    cycles = Cycles(dut)
    for name in ("cmd_valid", "ev_valid", "now"):
        getattr(dut, name).value = 0
    dut.fire_ready.value, dut.ev_row.value, dut.ev_changed.value = 1, 1, 1
    await cycles.start()
    for late in (0, 1):
        dut.cmd_slot.value, dut.cmd_arm.value, dut.cmd_valid.value, dut.cmd_symidx.value = 1, 1, 1, 9
        dut.cmd_condition.value, dut.cmd_price.value, dut.cmd_expire.value = 1, 100, 0
        await RisingEdge(dut.clk)
        dut.cmd_valid.value = 0
        await RisingEdge(dut.clk)
        dut.cmd_arm.value, dut.cmd_valid.value = 0, 1 - late
        await RisingEdge(dut.clk)
        dut.cmd_valid.value, dut.ev_valid.value, dut.ev_symidx.value, dut.ev_bid.value = late, 1, 9, 100
        await RisingEdge(dut.clk)
        dut.cmd_valid.value, dut.ev_valid.value = 0, 0
        await FallingEdge(dut.clk)
        assert int(dut.disarmed.value) == (1 - late) << 1 and int(dut.fired.value) == late << 1
        assert dut.fire_valid.value == 0
        await FallingEdge(dut.clk)
        assert dut.fire_valid.value == late and int(dut.disarmed.value) == (1 - late) << 1
        for _ in range(3):
            await FallingEdge(dut.clk)
            assert dut.fire_valid.value == 0 and int(dut.disarmed.value) == (1 - late) << 1
