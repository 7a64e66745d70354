# ruff: noqa: S311 - reproducible test data, not cryptography
"""Templates come out as SoupBinTCP packets, byte for byte, each with its order number, whatever the sink does."""

import random
import struct
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import Cycles


def enter_order(rng: random.Random, tags: bytes = b"") -> tuple[bytes, tuple[int, int, int]]:
    """An Enter Order with random fields; its bytes and {sell, quantity, price}."""
    side, quantity, price = rng.choice(b"BSTE"), rng.randrange(1, 1_000_000), rng.randrange(1, 2_000_000_000)
    head = struct.pack(">cIBI8sQ", b"O", rng.getrandbits(32), side, quantity, rng.randbytes(8), price)
    return head + rng.randbytes(5) + rng.randbytes(14) + struct.pack(">H", len(tags)) + tags, (
        int(side != 66),
        quantity,
        price,
    )


class Bench:
    """Loads templates, sends, collects packets."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.packets: list[bytes] = []
        self.partial = b""
        self.first: list[int] = []
        self.taking = 1.0

    async def start(self) -> None:
        for name in (
            "load_valid",
            "seal_valid",
            "urn_valid",
            "look_slot",
            "offer_valid",
            "offer_slot",
            "gate_busy",
            "send",
            "send_slot",
        ):
            getattr(self.dut, name).value = 0
        self.dut.m_axis_tready.value = 1
        await self.cycles.start()
        self.cycles.watch(self.look)
        cocotb.start_soon(self.sink())
        await RisingEdge(self.dut.clk)

    async def sink(self) -> None:
        while True:
            await RisingEdge(self.dut.clk)
            self.dut.m_axis_tready.value = int(self.rng.random() < self.taking)

    def look(self, cycle: int) -> None:
        dut = self.dut
        if dut.m_axis_tvalid.value != 1:
            return
        if not self.partial and (not self.first or self.first[-1] >= 0):
            self.first.append(-cycle)
        if dut.m_axis_tready.value != 1:
            return
        keep = int(dut.m_axis_tkeep.value)
        size = keep.bit_length()
        assert keep == (1 << size) - 1
        self.partial += int(dut.m_axis_tdata.value).to_bytes(8, "little")[:size]
        if dut.m_axis_tlast.value == 1:
            self.packets.append(self.partial)
            self.partial = b""
            self.first[-1] = -self.first[-1]
        else:
            assert size == 8

    async def load(self, slot: int, message: bytes, seal: bool = True) -> None:
        dut = self.dut
        padded = message.ljust(64, b"\0")
        words = list(range(8))
        self.rng.shuffle(words)
        for word in words:
            dut.load_valid.value, dut.load_slot.value, dut.load_word.value = 1, slot, word
            dut.load_data.value = int.from_bytes(padded[8 * word : 8 * word + 8], "little")
            await RisingEdge(dut.clk)
        dut.load_valid.value = 0
        if seal:
            dut.seal_valid.value, dut.seal_slot.value, dut.seal_length.value = 1, slot, len(message)
            await RisingEdge(dut.clk)
            dut.seal_valid.value = 0
            for _ in range(6):
                await RisingEdge(dut.clk)

    async def look_at(self, slot: int) -> bool:
        """The slot as it is offered to the gate; true when its order is one to send."""
        dut = self.dut
        dut.look_slot.value = slot
        await RisingEdge(dut.clk)
        dut.offer_valid.value, dut.offer_slot.value, dut.look_slot.value = 1, slot, slot ^ 1
        await FallingEdge(dut.clk)
        return bool(dut.order_valid.value == 1)

    async def send(self, slot: int) -> None:
        """As the gate does: busy for two cycles, then the pulse."""
        dut = self.dut
        while True:
            await FallingEdge(dut.clk)
            if dut.idle.value == 1:
                break
        await RisingEdge(dut.clk)
        dut.gate_busy.value, dut.send_slot.value = 1, slot
        for _ in range(2):
            await RisingEdge(dut.clk)
        dut.gate_busy.value, dut.send.value = 0, 1
        await RisingEdge(dut.clk)
        dut.send.value = 0

    async def drain(self) -> None:
        while True:
            await FallingEdge(self.dut.clk)
            if self.dut.idle.value == 1:
                break
        await RisingEdge(self.dut.clk)


@cocotb.test()
async def packets(dut: Any) -> None:
    """Every legal length, random fields, random slots, a sink that stalls."""
    bench = Bench(dut)
    await bench.start()
    urn = bench.rng.getrandbits(31)
    dut.urn.value, dut.urn_valid.value = urn, 1
    await RisingEdge(dut.clk)
    dut.urn_valid.value = 0
    held: dict[int, tuple[bytes, tuple[int, int, int]]] = {}
    wanted = []
    for taking in (1.0, 0.5, 0.1):
        bench.taking = taking
        for size in range(15):
            slot = bench.rng.randrange(16)
            held[slot] = enter_order(bench.rng, bench.rng.randbytes(size))
            await bench.drain()
            await bench.load(slot, held[slot][0])
            slot = bench.rng.choice(list(held))
            message, fields = held[slot]
            assert await bench.look_at(slot)
            assert (int(dut.order_sell.value), int(dut.order_quantity.value), int(dut.order_price.value)) == fields
            _, quantity, price = fields
            assert int(dut.order_notional.value) == quantity * price and int(dut.order_scaled.value) == price * 10000
            dut.offer_valid.value = 0
            await bench.send(slot)
            body = message[:1] + struct.pack(">I", urn & 0xFFFFFFFF) + message[5:]
            wanted.append(struct.pack(">Hc", len(body) + 1, b"U") + body)
            urn += 1
    await bench.drain()
    assert bench.packets == wanted
    assert int(dut.next_urn.value) == urn & 0xFFFFFFFF


@cocotb.test()
async def latency(dut: Any) -> None:
    """The first beat is there one cycle after `send`, the last as many beats later as the packet has."""
    bench = Bench(dut)
    await bench.start()
    message, _ = enter_order(bench.rng)
    await bench.load(3, message)
    await bench.send(3)
    await FallingEdge(dut.clk)
    assert dut.m_axis_tvalid.value == 1
    for beat in range(7):
        assert dut.m_axis_tlast.value == int(beat == 6)
        await FallingEdge(dut.clk)
    assert dut.m_axis_tvalid.value == 0


@cocotb.test()
async def refusals(dut: Any) -> None:
    """No template, a half one, one of a wrong length, type or side, one changed while it is looked at: never sent changed."""
    bench = Bench(dut)
    await bench.start()
    good, _ = enter_order(bench.rng)

    async def valid(slot: int) -> bool:
        found = await bench.look_at(slot)
        dut.offer_valid.value = 0
        await RisingEdge(dut.clk)
        return found

    assert not await valid(0)
    await bench.load(0, good, seal=False)
    assert not await valid(0)
    for bad in (good[:46], good + bytes(15), b"U" + good[1:], good[:5] + b"X" + good[6:]):
        await bench.load(0, bad)
        assert not await valid(0), bad
    await bench.load(0, good)
    assert await valid(0)
    await bench.load(0, good[:16], seal=False)
    assert not await valid(0)
    # sending an unsealed slot sends nothing
    await bench.send(0)
    await bench.drain()
    assert not bench.packets
    # the host writes to the slot while the gate and the encoder are at it
    await bench.load(0, good)
    bench.taking = 0.3
    urn = int(dut.next_urn.value)
    sender = cocotb.start_soon(bench.send(0))
    refused = 0
    for _ in range(24):
        await RisingEdge(dut.clk)
        if dut.gate_busy.value == 1 or dut.idle.value == 0:
            dut.load_valid.value, dut.load_slot.value, dut.load_word.value = 1, 0, bench.rng.randrange(8)
            dut.load_data.value = bench.rng.getrandbits(64)
        else:
            dut.load_valid.value = 0
        await FallingEdge(dut.clk)
        refused += int(dut.load_refused.value)
        if dut.idle.value == 1 and bench.packets:
            break
        dut.load_valid.value = int(dut.load_valid.value) and int(dut.idle.value == 0 or dut.gate_busy.value == 1)
    dut.load_valid.value = 0
    await sender
    await bench.drain()
    body = good[:1] + struct.pack(">I", urn) + good[5:]
    assert bench.packets[0] == struct.pack(">Hc", len(body) + 1, b"U") + body
    assert refused > 5
