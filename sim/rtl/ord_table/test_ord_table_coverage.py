# ruff: noqa: S311 - reproducible test data, not cryptography
"""The order table's rare cases: empty buckets, executions with a price that is none, references one bit apart."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.book_msg import CODES
from sim.rtl.models.order_table import OrderPlaces
from sim.rtl.models.streams import Cycles
from sim.rtl.ord_table.test_ord_table import one

SIMULATORS = ["verilator"]
PARAMETERS = [{"BUCKET_LOG2": 2}]
OWNER = 5


def message(op: str, letter: str, ref: int, **fields: int) -> dict[str, int]:
    """A message of one order."""
    plain = {"sym": OWNER, "row": 1, "side": 1, "shares": 9, "price": 100, "ref2": 0}
    return plain | {"op": CODES[f"BOP_{op}"], "type": ord(letter), "ref": ref} | fields


@cocotb.test()
async def the_only_order(dut: Any) -> None:
    """One order in an empty table: each operation on it, and on none, with every bucket of the reference empty or not."""
    rng = random.Random(cocotb.RANDOM_SEED)
    dut.c_valid.value = dut.look_valid.value = 0
    await Cycles(dut).start()
    while dut.ready.value != 1:
        await RisingEdge(dut.clk)
    places = OrderPlaces(4, 4, 2)

    async def verdict(op: str, letter: str, ref: int, **fields: int) -> int:
        return await one(dut, op, message(op, letter, ref, **fields), 0)

    for _ in range(20):
        ref = rng.getrandbits(64)
        new = next(
            r for r in iter(lambda: rng.getrandbits(64), 0) if not set(places.buckets(r)) & set(places.buckets(ref))
        )
        for op, letter in (("EXEC", "E"), ("CANCEL", "X"), ("DELETE", "D"), ("REPLACE", "U")):
            assert await verdict(op, letter, ref, ref2=new) == CODES["BV_UNKNOWN"]
        assert await verdict("ADD", "A", ref) == CODES["BV_OK"]
        for price in (0, CODES["FP_PRICE_MAX"] + 1):
            assert await verdict("EXEC", "C", ref, shares=1, price=price) == CODES["BV_CONTRA"]
        assert await verdict("EXEC", "C", ref, shares=1, price=CODES["FP_PRICE_MAX"]) == CODES["BV_OK"]
        assert await verdict("EXEC", "E", ref, shares=1, price=0) == CODES["BV_OK"]  # says no price
        assert await verdict("REPLACE", "U", ref, ref2=new) == CODES["BV_OK"]
        assert await verdict("DELETE", "D", ref) == CODES["BV_UNKNOWN"]
        assert await verdict("DELETE", "D", new) == CODES["BV_OK"]


@cocotb.test()
async def one_bit_apart(dut: Any) -> None:
    """References that differ in one bit only, in the same bucket or not, are different orders."""
    rng = random.Random(cocotb.RANDOM_SEED)
    dut.c_valid.value = dut.look_valid.value = 0
    await Cycles(dut).start()
    while dut.ready.value != 1:
        await RisingEdge(dut.clk)
    for _ in range(4):
        ref = rng.getrandbits(64)
        assert await one(dut, "ADD", message("ADD", "A", ref), 0) == CODES["BV_OK"]
        for bit in range(64):
            other = message("DELETE", "D", ref ^ 1 << bit)
            assert await one(dut, "DELETE", other, 0) == CODES["BV_UNKNOWN"], f"bit {bit}"
        assert await one(dut, "DELETE", message("DELETE", "D", ref), 0) == CODES["BV_OK"]
