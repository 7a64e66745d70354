# ruff: noqa: S311 - reproducible test data, not cryptography
"""From a book record to OUCH bytes: exactly five cycles, one order for each trigger, nothing when the gate says no."""

import random
import struct
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import Cycles
from sim.rtl.ouch_enc.test_ouch_enc import enter_order

INPUTS = (
    "now", "ev_valid", "ev_row", "ev_changed", "ev_stale", "ev_halted", "ev_symidx", "ev_bid", "ev_ask", "ev_rx_cycle", "cmd_valid",
    "cfg_all_stale", "limit_write", "load_valid", "seal_valid", "urn_valid",
)  # fmt: skip


class Bench:
    """Sets everything up, shows records, collects packets with their first cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.packets: list[tuple[int, bytes]] = []
        self.partial = b""
        self.began = 0
        self.shown = 0
        self.showing = False
        self.rejected: list[tuple[int, int]] = []
        self.judged: list[tuple[int, int]] = []  # slot, and when the message that met the trigger came

    async def start(self) -> None:
        dut = self.dut
        for name in INPUTS:
            getattr(dut, name).value = 0
        dut.cfg_kill.value, dut.cfg_trade.value, dut.cfg_session.value = 0, 1, 1
        dut.cfg_rate_period.value, dut.cfg_rate_burst.value, dut.cfg_dup_window.value = 1, 100, 0
        dut.m_axis_tready.value = 1
        await self.cycles.start()
        self.cycles.watch(self.look)
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        await self.wait(150)

    async def wait(self, cycles: int) -> None:
        for _ in range(cycles):
            await RisingEdge(self.dut.clk)

    def look(self, cycle: int) -> None:
        dut = self.dut
        dut.now.value = cycle
        if self.showing:
            self.shown = cycle
        if dut.pass_valid.value == 1 or dut.reject_valid.value == 1:
            self.judged.append((int(dut.out_slot.value), int(dut.out_rx_cycle.value)))
        if dut.reject_valid.value == 1:
            self.rejected.append((int(dut.out_slot.value), int(dut.out_reasons.value)))
        if dut.m_axis_tvalid.value == 1 and dut.m_axis_tready.value == 1:
            if not self.partial:
                self.began = cycle
            size = int(dut.m_axis_tkeep.value).bit_length()
            self.partial += int(dut.m_axis_tdata.value).to_bytes(8, "little")[:size]
            if dut.m_axis_tlast.value == 1:
                self.packets.append((self.began, self.partial))
                self.partial = b""

    async def load(self, slot: int, message: bytes) -> None:
        dut = self.dut
        padded = message.ljust(64, b"\0")
        for word in range(8):
            dut.load_valid.value, dut.load_slot.value, dut.load_word.value = 1, slot, word
            dut.load_data.value = int.from_bytes(padded[8 * word : 8 * word + 8], "little")
            await RisingEdge(dut.clk)
        dut.load_valid.value = 0
        dut.seal_valid.value, dut.seal_slot.value, dut.seal_length.value = 1, slot, len(message)
        await RisingEdge(dut.clk)
        dut.seal_valid.value = 0
        await self.wait(6)

    async def limit(self, symidx: int, quantity: int = 999_999) -> None:
        dut = self.dut
        dut.limit_write.value, dut.limit_symidx.value, dut.limit_enable.value, dut.limit_quantity.value = (
            1,
            symidx,
            1,
            quantity,
        )
        dut.limit_notional.value, dut.limit_collar.value = 1 << 62, 65535
        dut.limit_buy_room.value, dut.limit_sell_room.value = 1 << 31, 1 << 31
        await RisingEdge(dut.clk)
        dut.limit_write.value = 0

    async def arm(self, slot: int, symidx: int, condition: int, price: int, expire: int = 0) -> None:
        dut = self.dut
        dut.cmd_valid.value, dut.cmd_arm.value, dut.cmd_slot.value, dut.cmd_symidx.value = 1, 1, slot, symidx
        dut.cmd_condition.value, dut.cmd_price.value, dut.cmd_expire.value = condition, price, expire
        await RisingEdge(dut.clk)
        dut.cmd_valid.value = 0
        await RisingEdge(dut.clk)

    async def show(self, symidx: int, bid: int, ask: int, stale: int = 0, rx_cycle: int = 0) -> None:
        dut = self.dut
        dut.ev_valid.value, dut.ev_row.value, dut.ev_changed.value, dut.ev_symidx.value = 1, 1, 1, symidx
        dut.ev_bid.value, dut.ev_ask.value, dut.ev_stale.value = bid, ask, stale
        dut.ev_rx_cycle.value = rx_cycle
        self.showing = True
        await RisingEdge(dut.clk)
        self.showing = False
        dut.ev_valid.value = 0


def a_buy(rng: random.Random) -> bytes:
    """An Enter Order for 100 shares at 0.1000, the rest at random."""
    message, _ = enter_order(rng)
    return message[:5] + b"B" + struct.pack(">I", 100) + message[10:18] + struct.pack(">Q", 1000) + message[26:]


def packet(message: bytes, urn: int) -> bytes:
    """The SoupBinTCP packet of a template."""
    return struct.pack(">Hc", len(message) + 1, b"U") + message[:1] + struct.pack(">I", urn) + message[5:]


@cocotb.test()
async def one_shot(dut: Any) -> None:
    """The condition is met many times; one order leaves, five cycles after the first record that meets it."""
    bench = Bench(dut)
    await bench.start()
    for round_ in range(30):
        slot, symidx = bench.rng.randrange(16), bench.rng.randrange(256)
        message, (sell, _, _) = enter_order(bench.rng, b"\x05\x02LIME" if round_ % 2 else b"")
        price = 1_000_000
        message = message[:18] + struct.pack(">Q", price) + message[26:]
        del sell
        await bench.load(slot, message)
        await bench.limit(symidx)
        await bench.arm(slot, symidx, 3, price)
        await bench.show(symidx, price - 300, price - 100)
        await bench.show(symidx ^ 1, price, price)
        await bench.wait(12)
        assert not bench.packets and int(dut.armed.value) == 1 << slot
        urn = int(dut.next_urn.value)
        await bench.show(symidx, price - 200, price)
        await FallingEdge(dut.clk)
        met_in = bench.shown
        for _ in range(5):
            await bench.show(symidx, price - 100, price + 100)
        await bench.wait(20)
        assert [data for _, data in bench.packets] == [packet(message, urn)]
        assert bench.packets[0][0] - met_in == 5, "ev_valid to the first OUCH byte"
        assert int(dut.armed.value) == 0 and not bench.rejected
        bench.packets.clear()


@cocotb.test()
async def refused_and_together(dut: Any) -> None:
    """A stale book fires into a refusal, and that is the end of the trigger; several met by one record leave in slot order."""
    bench = Bench(dut)
    await bench.start()
    message = a_buy(bench.rng)
    await bench.load(2, message)
    await bench.limit(7)
    await bench.arm(2, 7, 1, 900)
    await bench.show(7, 950, 1000, stale=1)
    await bench.wait(20)
    assert bench.rejected == [(2, 1 << 8)] and not bench.packets and int(dut.armed.value) == 0
    await bench.show(7, 950, 1000)
    await bench.wait(20)
    assert not bench.packets
    messages = {}
    for slot in (9, 4, 13, 0):
        messages[slot] = message[:31] + bench.rng.randbytes(14) + message[45:]
        await bench.load(slot, messages[slot])
        await bench.arm(slot, 7, 1, 900)
    urn = int(dut.next_urn.value)
    await bench.show(7, 950, 1000)
    await bench.show(7, 0, 0)
    await bench.wait(100)
    assert [data for _, data in bench.packets] == [
        packet(messages[slot], urn + i) for i, slot in enumerate((0, 4, 9, 13))
    ]
    assert len(bench.rejected) == 1


@cocotb.test()
async def each_order_has_its_own_arrival(dut: Any) -> None:
    """Orders that wait for the gate, fired by records in other cycles: each verdict tells the time of its own message."""
    bench = Bench(dut)
    await bench.start()
    message = a_buy(bench.rng)
    for slot in range(3):
        await bench.load(slot, message)
        await bench.limit(7 + slot)
    for distance in range(1, 7):
        bench.judged.clear()
        for slot in range(3):
            await bench.arm(slot, 7 + slot, 1, 900)
        times = [bench.rng.getrandbits(32) for _ in range(3)]
        for slot, stale in ((0, 0), (1, 1), (2, 0)):
            await bench.show(7 + slot, 950, 1000, stale, times[slot])
            dut.ev_rx_cycle.value = bench.rng.getrandbits(32)
            await bench.wait(distance - 1)
        await bench.wait(80)
        assert bench.judged == list(enumerate(times)), f"{distance} cycles apart"
        for slot in range(3):  # below the condition again
            await bench.show(7 + slot, 0, 0)
            await bench.wait(4)


async def number(dut: Any, urn: int) -> None:
    """The host's next order number."""
    dut.urn.value, dut.urn_valid.value = urn, 1
    await RisingEdge(dut.clk)
    dut.urn_valid.value = 0


@cocotb.test()
async def order_numbers_run_out(dut: Any) -> None:
    """The last two numbers and 0 are never sent: the order is refused as one that cannot be; a new number goes on."""
    bench = Bench(dut)
    await bench.start()
    message = a_buy(bench.rng)
    for slot in range(4):
        await bench.load(slot, message)
    await bench.limit(7)
    for first, sent in (
        (0xFFFFFFFB, [0xFFFFFFFB, 0xFFFFFFFC, 0xFFFFFFFD]),
        (0xFFFFFFFE, []),
        (0xFFFFFFFF, []),
        (0, []),
        (5, [5, 6, 7, 8]),
    ):
        bench.packets.clear()
        bench.rejected.clear()
        await number(dut, first)
        for slot in range(4):
            await bench.arm(slot, 7, 1, 900)
        await bench.show(7, 950, 1000)
        await bench.show(7, 0, 0)
        await bench.wait(100)
        assert [data for _, data in bench.packets] == [packet(message, urn) for urn in sent]
        assert bench.rejected == [(slot, 1 << 11) for slot in range(len(sent), 4)]
    # A number that comes while an order is on its way: the order has the old one, the new one, or is refused by it.
    seen = set()
    for late in range(12):
        for urn in (0, 0xFFFFFFFF, 77):
            bench.packets.clear()
            bench.rejected.clear()
            await number(dut, 1000)
            await bench.arm(0, 7, 1, 900)
            await bench.wait(4)
            shown = cocotb.start_soon(bench.show(7, 950, 1000))
            await bench.wait(late)
            await number(dut, urn)
            await shown
            await bench.show(7, 0, 0)
            await bench.wait(40)
            outcome = bench.packets[0][1] if bench.packets else None
            assert outcome in (
                [packet(message, 1000), packet(message, 77)] if urn == 77 else [packet(message, 1000), None]
            )
            assert len(bench.packets) + len(bench.rejected) == 1
            seen.add((urn, outcome is None or outcome != packet(message, 1000)))
            after = urn + 1 if urn == 77 and outcome == packet(message, 77) else urn
            assert int(dut.next_urn.value) == after
    assert len(seen) == 6  # both ways of each
