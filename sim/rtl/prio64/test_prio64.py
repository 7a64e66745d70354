# ruff: noqa: S311 - reproducible test data, not cryptography
"""First set bit: every single bit, every pair, random words, none."""

import random
from typing import Any

import cocotb
from cocotb.triggers import Timer

PARAMETERS = [{}, {"LOG2": 1}, {"LOG2": 4}]


@cocotb.test()
async def first_set_bit(dut: Any) -> None:
    """The lowest set bit is found in every word tried."""
    rng = random.Random(cocotb.RANDOM_SEED)
    width = len(dut.bits)
    words = [1, 0, (1 << width) - 1]
    words += [1 << a | 1 << b for a in range(width) for b in range(a, width)]
    words += [rng.getrandbits(width) & rng.getrandbits(width) & rng.getrandbits(width) for _ in range(500)]
    for word in words:
        dut.bits.value = word
        await Timer(1, "ns")
        assert dut.none.value == int(word == 0)
        assert int(dut.index.value) == ((word & -word).bit_length() - 1 if word else (width - 1))
