"""The gate with numbers of full width: limits, quotes, orders and times of any size, and every reason with others."""

import random
from typing import Any

import cocotb

from sim.rtl.models.streams import length
from sim.rtl.risk_gate.test_risk_gate import Bench, Limits, size

SIMULATORS = ["verilator"]
PARAMETERS = [{"SYM_LOG2": 3}, {"SYM_LOG2": 10, "DUP_LOG2": 2}]


def some(rng: random.Random, bits: int) -> int:
    """A number of random length up to `bits`."""
    return rng.getrandbits(rng.randrange(1, bits + 1))


@cocotb.test()
async def wide_numbers(dut: Any) -> None:
    """Random everything; half of the orders near what their limits allow, so that checks fail alone and together."""
    bench = Bench(dut)
    rng = bench.rng
    bench.now = rng.getrandbits(47)
    await bench.start(*size(dut))
    known = bench.gate.known
    passed = 0
    for number in range(length(400)):
        if number % 20 == 0:
            await bench.configure(window=0)
            bench.now = rng.getrandbits(47)
            await bench.step(2)
            await bench.configure(
                period=rng.choice((1, 1, 2, some(rng, 32))), burst=some(rng, 16), window=rng.choice((0, some(rng, 46)))
            )
        symidx = rng.randrange(known)
        bid, ask = some(rng, 32), some(rng, 32)
        sell = rng.getrandbits(1)
        quantity = rng.randrange(1, 1_000_000) if rng.random() < 0.8 else some(rng, 32)
        far = bid if sell else ask
        price = max(1, far + rng.randrange(-far // 50 - 1, far // 50 + 2)) if rng.random() < 0.6 else some(rng, 64)
        if rng.random() < 0.5:
            near = Limits(
                1, quantity + rng.choice((0, 0, -1)), quantity * (price & 0xFFFFFFFF) + rng.choice((0, 0, -1)),
                rng.choice((200, 10_000, some(rng, 16))), [quantity + rng.choice((0, 0, -1)), quantity],
            )  # fmt: skip
        else:
            near = Limits(
                rng.getrandbits(1), some(rng, 32), some(rng, 64), some(rng, 16), [some(rng, 32), some(rng, 32)]
            )
        near.quantity, near.notional = max(0, near.quantity) & 0xFFFFFFFF, max(0, near.notional) & (1 << 64) - 1
        near.room = [max(0, room) & 0xFFFFFFFF for room in near.room]
        await bench.limit(symidx, near)
        switches = dict(kill=0, trade=1, session=1, all_stale=0)
        if rng.random() < 0.15:
            switches |= {name: rng.getrandbits(1) for name in switches}
        await bench.configure(**switches)
        marks = [int(rng.random() < 0.1) for _ in range(2)]
        order = (int(rng.random() < 0.95), sell, quantity, price)
        passed += await bench.order(symidx, bid, ask, marks[0], marks[1], order) == 0
    dut._log.info("%d passed", passed)
