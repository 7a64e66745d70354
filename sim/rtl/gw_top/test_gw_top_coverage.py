# ruff: noqa: S311 - reproducible test data, not cryptography
"""The whole card with settings of full width: every register keeps any value, and the card works after any of them."""

import random
from typing import Any

import cocotb

from fastpath.records import EventKind
from fastpath.registers import ACCESS, Register
from sim.rtl.gw_top.test_gw_top import LINES, LOCATE, SYMBOL, Card, ready_card
from sim.rtl.models.itch import build

SIMULATORS = ["verilator"]
PARAMETERS = [{"LOCATE_BITS": 8, "SYM_LOG2": 4, "BUCKET_LOG2": 4, "GROUPS_LOG2": 3, "BUILD": 7}]
OPTIMISED = False


@cocotb.test()
async def any_settings(dut: Any) -> None:
    """Random values in every register that keeps its value but the switches, several times over; then a fresh start."""
    rng = random.Random(cocotb.RANDOM_SEED)
    card = Card(dut)
    await card.start()
    kept = [r for r, access in ACCESS.items() if access.kind == "rw" and r != Register.CTRL]
    for _ in range(10):
        wanted = {register: rng.getrandbits(32) for register in kept}
        for register, value in wanted.items():
            await card.write(register, value)
        for register, value in wanted.items():
            assert await card.read(register) == value & ((1 << ACCESS[register].width) - 1), register.name
        assert card.records == []
    for register in kept:
        await card.write(register, 0)
    await card.configure()
    await card.send("a", 1, [build(rng, "A", locate=LOCATE, order_ref=5, side=ord("B"), shares=3, price_e4=10000)])
    assert (card.records[-1].kind, card.records[-1].ref, card.records[-1].bid) == (EventKind.ADD, 5, 10000)


@cocotb.test()
async def wide_numbers(dut: Any) -> None:
    """Orders with references, shares and prices of any size, from sequences far up: each record is the message's."""
    rng = random.Random(cocotb.RANDOM_SEED)
    card = await ready_card(dut)
    for _ in range(8):
        first, midnight = rng.getrandbits(63), rng.getrandbits(60)
        for register, value in (
            (Register.FIRST_SEQ_LO, first & 0xFFFFFFFF), (Register.FIRST_SEQ_HI, first >> 32),
            (Register.MIDNIGHT_LO, midnight & 0xFFFFFFFF), (Register.MIDNIGHT_HI, midnight >> 32),
            (Register.VENUE, venue := rng.getrandbits(8)), (Register.COMMAND, 4),
        ):  # fmt: skip
            await card.write(register, value)
        await card.write(Register.FILTER, LOCATE | SYMBOL << 16 | 1 << 31)
        await card.idle(8)
        card.records.clear()
        for number in range(4):
            ref, shares, price = rng.getrandbits(64), rng.randrange(1, 1 << 32), rng.randrange(100, 19_999_999) * 100
            at = rng.getrandbits(46)
            message = build(
                rng, "A", locate=LOCATE, order_ref=ref, side=ord("B"), shares=shares, price_e4=price, timestamp_ns=at
            )
            await card.send(rng.choice("ab"), first + number, [message])
            told = card.records[-1]
            assert (told.kind, told.ref, told.shares, told.price) == (EventKind.ADD, ref, shares, price)
            assert (told.venue_ns, told.venue, told.locate) == (midnight + at, venue, LOCATE)
            gone = build(rng, "D", locate=LOCATE, order_ref=ref, timestamp_ns=at)
            await card.send(rng.choice("ab"), first + number, [message])  # again: the other line, or a repetition
            first += 1
            await card.send("b", first + number, [gone])
            assert (card.records[-1].kind, card.records[-1].ref) == (EventKind.DELETE, ref)


@cocotb.test()
async def frames_for_others(dut: Any) -> None:
    """Frames to any other address or port are counted and leave no record."""
    rng = random.Random(cocotb.RANDOM_SEED)
    card = await ready_card(dut)
    frames = await card.read(Register.COUNT_FRAMES_A)
    ours = LINES["a"]
    for number in range(48):
        bit = 1 << number % 32
        LINES["a"] = (ours[0] ^ bit, ours[1]) if number < 32 else (ours[0], ours[1] ^ bit)
        await card.send("a", 1, [build(rng, "A", locate=LOCATE)])
        LINES["a"] = ours
    assert await card.read(Register.COUNT_FRAMES_A) == frames + 48
    assert await card.read(Register.COUNT_MATCHED_A) == 0
    assert card.records == []
