"""From record to order with numbers of full width: every order leaves as its template says, or with all its reasons."""

import random
import struct
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import length
from sim.rtl.risk_gate.test_risk_gate import DISABLED, Gate, Limits
from sim.rtl.strat_trigger.test_strat_trigger import Slot, met
from sim.rtl.trade_core import test_trade_core
from sim.rtl.trade_core.test_trade_core import packet

SIMULATORS = ["verilator"]
SYMBOLS, REMEMBERED = 256, 8


def some(rng: random.Random, bits: int) -> int:
    """A number of random length up to `bits`."""
    return rng.getrandbits(rng.randrange(1, bits + 1))


def wide_order(rng: random.Random, far: int) -> tuple[bytes, tuple[int, int, int, int]]:
    """An Enter Order, mostly near a price; its bytes and {valid, sell, quantity, price}."""
    kind = rng.choice((b"O",) * 19 + (b"U",))
    side = rng.choice(b"BSTE")
    quantity = rng.randrange(1, 1_000_000) if rng.random() < 0.8 else some(rng, 32)
    price = max(1, far + rng.randrange(-far // 50 - 1, far // 50 + 2)) if rng.random() < 0.7 else some(rng, 64)
    tags = rng.randbytes(rng.randrange(15))
    message = struct.pack(">cIBI8sQ", kind, rng.getrandbits(32), side, quantity, rng.randbytes(8), price)
    message += rng.randbytes(19) + struct.pack(">H", len(tags)) + tags
    return message, (int(kind == b"O"), int(side != ord("B")), quantity, price)


class Bench(test_trade_core.Bench):
    """Takes the beats at random; time and the switches are whatever the test says."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.gate = Gate(SYMBOLS, REMEMBERED, tokens=1)

    async def take_at_random(self) -> None:
        """The order's taker pauses now and then."""
        while True:
            await RisingEdge(self.dut.clk)
            self.dut.m_axis_tready.value = int(self.rng.random() < 0.8)

    async def another_time(self) -> None:
        """Any time, any next order number, any duplicate window: orders of before may be in it, by the age they have now."""
        dut, rng = self.dut, self.rng
        self.cycles.now = rng.getrandbits(47)
        await self.wait(3)
        dut.urn_valid.value, dut.urn.value = 1, rng.getrandbits(32)
        await RisingEdge(dut.clk)
        dut.urn_valid.value = 0
        self.gate.window = rng.choice((0, 1 << 46 | rng.getrandbits(46)))
        dut.cfg_dup_window.value = self.gate.window
        await self.wait(3)

    async def switches(self) -> None:
        """A full bucket that will not be filled again soon, and the gate's switches, mostly open."""
        dut, rng, gate = self.dut, self.rng, self.gate
        gate.kill, gate.trade, gate.session, gate.all_stale = 0, 1, 1, 0
        if rng.random() < 0.1:
            gate.kill, gate.trade, gate.session, gate.all_stale = (rng.getrandbits(1) for _ in range(4))
        dut.cfg_kill.value, dut.cfg_trade.value, dut.cfg_session.value = gate.kill, gate.trade, gate.session
        dut.cfg_all_stale.value = gate.all_stale
        dut.cfg_rate_period.value, dut.cfg_rate_burst.value = 1, some(rng, 16) | 1
        await self.wait(6)
        dut.cfg_rate_period.value = 1 << 12 | some(rng, 32)

    async def limits(self, symidx: int, limits: Limits) -> None:
        """Set a symbol's limits; an index beyond the table changes nothing."""
        dut = self.dut
        if symidx < SYMBOLS:
            self.gate.limits[symidx] = limits
        dut.limit_write.value, dut.limit_symidx.value, dut.limit_enable.value = 1, symidx, limits.enable
        dut.limit_quantity.value, dut.limit_notional.value = limits.quantity, limits.notional
        dut.limit_collar.value = limits.collar
        dut.limit_buy_room.value, dut.limit_sell_room.value = limits.room
        await RisingEdge(dut.clk)
        dut.limit_write.value = 0

    async def record(self, symidx: int, quote: tuple[int, int], marks: tuple[int, int], rx_cycle: int) -> None:
        """One record of the book."""
        self.dut.ev_halted.value = marks[1]
        await self.show(symidx, *quote, stale=marks[0], rx_cycle=rx_cycle)


def near_limits(rng: random.Random, order: tuple[int, int, int, int]) -> Limits:
    """Limits that the order just keeps or just breaks, or any."""
    _, _, quantity, price = order
    if rng.random() < 0.15:
        return Limits(rng.getrandbits(1), some(rng, 32), some(rng, 64), some(rng, 16), [some(rng, 32), some(rng, 32)])
    short = [int(rng.random() < 0.1) for _ in range(3)]
    return Limits(
        1,
        max(0, quantity - short[0]),
        max(0, quantity * (price & 0xFFFFFFFF) - short[1]),
        rng.choice((200, 10_000, 65_535)),
        [max(0, quantity - short[2]), quantity],
    )


@cocotb.test()
async def wide_numbers(dut: Any) -> None:
    """One trigger at a time, everything random: it fires with its record, and the gate's verdict is the reference's."""
    bench = Bench(dut)
    rng = bench.rng
    await bench.start()
    cocotb.start_soon(bench.take_at_random())
    gate = bench.gate
    passed = refused = expired = disarmed = 0
    for number in range(length(400)):
        if number % 12 == 0:
            await bench.another_time()
        await bench.switches()
        slot, symidx = rng.randrange(16), rng.randrange(SYMBOLS if rng.random() < 0.9 else 1024)
        bid, ask = max(1, some(rng, 32)), max(1, some(rng, 32))
        condition = rng.randrange(1, 5)
        best = ask if condition >= 3 else bid
        price = rng.randrange(1, best + 1) if condition & 1 else rng.randrange(best, 1 << 32)
        message, order = wide_order(rng, bid if rng.getrandbits(1) else ask)
        await bench.load(slot, message)
        await bench.limits(symidx, near_limits(rng, order))
        life = rng.choice((0, 0, 0, 20, 1 << 20 | rng.getrandbits(46)))
        await bench.arm(slot, symidx, condition, price, life and bench.cycles.now + life)
        await bench.wait(3)
        assert int(dut.armed.value) == 1 << slot
        if life == 20 or rng.random() < 0.1:  # it runs out, or is taken back; a record later finds nothing
            if life != 20:
                dut.cmd_valid.value, dut.cmd_arm.value = 1, 0
                await RisingEdge(dut.clk)
                dut.cmd_valid.value = 0
            await bench.wait(40)
            await FallingEdge(dut.clk)
            assert int(getattr(dut, "expired" if life == 20 else "disarmed").value) >> slot & 1
            await bench.record(symidx, (bid, ask), (0, 0), 0)
            await bench.wait(20)
            assert not bench.packets and not bench.rejected and not int(dut.armed.value)
            expired += life == 20
            disarmed += life != 20
            continue
        armed = Slot("armed", symidx, condition, price)
        other = (max(1, some(rng, 32)), max(1, some(rng, 32)))
        if not met(armed, *other):
            await bench.record(symidx, other, (0, 0), 0)
        marks = (int(rng.random() < 0.08), int(rng.random() < 0.08))
        rx_cycle, urn = rng.getrandbits(32), int(dut.next_urn.value)
        await bench.record(symidx, (bid, ask), marks, rx_cycle)
        want = gate.judge(bench.cycles.now, symidx, bid, ask, *marks, order)
        await bench.wait(40)
        await FallingEdge(dut.clk)
        assert bench.judged == [(slot, rx_cycle)]
        if symidx >= SYMBOLS:  # whatever another symbol's limits say of it
            assert [reasons >> DISABLED & 1 for _, reasons in bench.rejected] == [1] and not bench.packets
            refused += 1
        elif want:
            assert (bench.rejected, bench.packets) == ([(slot, want)], []), f"{order} at {bid}/{ask}, {want:#x}"
            refused += 1
        else:
            assert not bench.rejected, f"reasons {bench.rejected[0][1]:#x} against {order} at {bid}/{ask} of {symidx}"
            assert [data for _, data in bench.packets] == [packet(message, urn)]
            gate.passed.append(((symidx, order[1], order[2], order[3] & 0xFFFFFFFF), bench.cycles.now))
            passed += 1
        bench.judged.clear()
        bench.rejected.clear()
        bench.packets.clear()
    dut._log.info("%d passed, %d refused, %d expired, %d disarmed", passed, refused, expired, disarmed)
    assert min(passed, refused, expired, disarmed) > 0
