# ruff: noqa: S311 - reproducible test data, not cryptography
"""The whole card on small tables: registers to records and orders, in both simulators, so that unknowns show as well.

Equality with the software book over millions of messages is shown elsewhere (sim/device); here it is wiring: each host
command reaches the part it is for, with its own fields, and nothing comes out unknown.
"""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge

from fastpath.records import EventFlag, EventKind
from fastpath.registers import Register
from sim.rtl.models.events import Record
from sim.rtl.models.itch import build
from sim.rtl.models.packets import Frame, mold_packet
from sim.rtl.models.streams import Cycles, to_beats

PARAMETERS = [{"LOCATE_BITS": 8, "SYM_LOG2": 4, "BUCKET_LOG2": 4, "GROUPS_LOG2": 3, "BUILD": 7}]
OPTIMISED = False
LINES = {"a": (0xE9360C01, 26400), "b": (0xE9360C02, 26401)}
SESSION = b"CARD000001"
LOCATE, SYMBOL = 77, 5
ORDER_CYCLES = 12  # from the beat with the last byte of an Add to the first of the order that it fires
MIDNIGHT_NS = 1_577_682_000_000_000_000
ORDER = (
    b"O" + bytes(4) + b"B" + (100).to_bytes(4, "big") + b"AAPL    " + (1010000).to_bytes(8, "big")
    + b"0YPYN" + b"client-order-1" + bytes(2)
)  # fmt: skip


class Card:
    """Drives the pins between falling edges; keeps the records and the order bytes."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.cycles = Cycles(dut)
        self.records: list[Record] = []
        self.order_bytes = bytearray()
        self.order_at = 0  # cycle of the first beat of the last order
        self.driven_at = 0  # cycle of the last beat of the last frame

    async def start(self) -> None:
        dut = self.dut
        for name in (
            "s_axis_a_tvalid", "s_axis_b_tvalid", "s_axil_awvalid", "s_axil_wvalid", "s_axil_arvalid",
            "s_axis_a_tdata", "s_axis_a_tkeep", "s_axis_a_tlast", "s_axis_a_tuser", "s_axis_b_tdata", "s_axis_b_tkeep",
            "s_axis_b_tlast", "s_axis_b_tuser", "s_axil_awaddr", "s_axil_wdata", "s_axil_wstrb", "s_axil_araddr",
        ):  # fmt: skip
            getattr(dut, name).value = 0
        for name in ("m_axis_ev_tready", "m_axis_ouch_tready", "s_axil_bready", "s_axil_rready"):
            getattr(dut, name).value = 1
        await self.cycles.start()
        self.cycles.watch(self.look)
        await self.idle(1)
        await self.until_ready()

    async def idle(self, cycles: int) -> None:
        """Let cycles go by; ends at a falling edge, where everything here is driven."""
        for _ in range(cycles):
            await FallingEdge(self.dut.clk)

    async def until_ready(self) -> None:
        for _ in range(200):
            status = await self.read(Register.STATUS)
            if status & 3 == 3:
                return
            await self.idle(20)
        raise AssertionError(f"not ready, status {status:#x}")

    async def answered(self, valid: Any) -> None:
        for _ in range(20):
            if valid.value == 1:
                return
            await FallingEdge(self.dut.clk)
        raise AssertionError("the registers do not answer")

    def look(self, cycle: int) -> None:
        dut = self.dut
        if dut.m_axis_ev_tvalid.value == 1:
            self.records.append(Record.unpack(int(dut.m_axis_ev_tdata.value)))  # an unknown bit raises
        if dut.m_axis_ouch_tvalid.value == 1:
            self.order_at = self.order_at if self.order_bytes else cycle
            keep = int(dut.m_axis_ouch_tkeep.value)
            data = int(dut.m_axis_ouch_tdata.value).to_bytes(8, "little")
            self.order_bytes += bytes(data[lane] for lane in range(8) if keep >> lane & 1)

    async def write(self, register: int, value: int) -> None:
        assert await self.try_write(register, value) == 0, f"{register:#x}"

    async def try_write(self, register: int, value: int) -> int:
        dut = self.dut
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = int(register), value, 15
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 1
        await FallingEdge(dut.clk)
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
        await self.answered(dut.s_axil_bvalid)
        response = int(dut.s_axil_bresp.value)
        await self.idle(2)
        return response

    async def read(self, register: int) -> int:
        dut = self.dut
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = int(register), 1
        await FallingEdge(dut.clk)
        dut.s_axil_arvalid.value = 0
        await self.answered(dut.s_axil_rvalid)
        assert dut.s_axil_rresp.value == 0, f"{register:#x}"
        value = int(dut.s_axil_rdata.value)
        await self.idle(2)
        return value

    async def configure(self) -> None:
        settings = [
            (Register.MIDNIGHT_LO, MIDNIGHT_NS & 0xFFFFFFFF), (Register.MIDNIGHT_HI, MIDNIGHT_NS >> 32), (Register.VENUE, 9),
            (Register.LINE_A_ADDRESS, LINES["a"][0]), (Register.LINE_A_PORT, LINES["a"][1]),
            (Register.LINE_B_ADDRESS, LINES["b"][0]), (Register.LINE_B_PORT, LINES["b"][1]),
            (Register.SESSION_0, int.from_bytes(SESSION[:4], "little")),
            (Register.SESSION_1, int.from_bytes(SESSION[4:8], "little")),
            (Register.SESSION_2, int.from_bytes(SESSION[8:], "little")), (Register.FIRST_SEQ_LO, 1),
            (Register.FILTER, LOCATE | SYMBOL << 16 | 1 << 31), (Register.COMMAND, 4), (Register.CTRL, 0x33),
        ]  # fmt: skip
        for register, value in settings:
            await self.write(register, value)

    async def send(self, line: str, sequence: int, messages: list[bytes], session: bytes = SESSION) -> None:
        address, port = LINES[line]
        frame = Frame(mold_packet(session, sequence, messages), address, port).build()
        pins = [getattr(self.dut, f"s_axis_{line}_{name}") for name in ("tdata", "tkeep", "tlast", "tuser")]
        valid = getattr(self.dut, f"s_axis_{line}_tvalid")
        for beat in to_beats(frame):
            valid.value = 1
            for pin, value in zip(pins, beat, strict=True):
                pin.value = value
            self.driven_at = self.cycles.now
            await FallingEdge(self.dut.clk)
        valid.value = 0
        await self.idle(40)


def add(ref: int, side: str, price: int) -> bytes:
    return build(
        random.Random(ref), "A", locate=LOCATE, order_ref=ref, side=ord(side), shares=100, price_e4=price, timestamp_ns=ref
    )  # fmt: skip


async def ready_card(dut: Any) -> Card:
    card = Card(dut)
    await card.start()
    await card.configure()
    return card


@cocotb.test()
async def nothing_is_received_before_it_is_switched_on(dut: Any) -> None:
    card = Card(dut)
    await card.start()
    assert await card.read(Register.BUILD) == 7
    assert await card.read(Register.CAPS) == 4 | 4 << 4 | 4 << 8 | 4 << 16 | 4 << 20 | 3 << 24
    await card.send("a", 1, [add(1, "B", 1000000)])
    assert card.records == []
    await card.configure()
    await card.send("a", 1, [add(1, "B", 1000000)])
    assert [record.kind for record in card.records] == [EventKind.SESSION, EventKind.ADD]


@cocotb.test()
async def each_setting_reaches_its_part(dut: Any) -> None:
    card = await ready_card(dut)
    await card.send("a", 1, [add(1, "B", 1000000)], session=b"OTHER00001")
    assert await card.read(Register.COUNT_REFUSED_A) == 1
    await card.send("b", 1, [build(random.Random(0), "S", locate=0)])  # B leads from now on: its references come early
    await card.send("b", 2, [add(1, "B", 1000000)])
    await card.send("a", 2, [add(1, "B", 1000000)])
    record = card.records[-1]
    assert (record.kind, record.ref, record.price, record.shares, record.locate) == (
        EventKind.ADD,
        1,
        1000000,
        100,
        LOCATE,
    )
    assert (record.venue_ns, record.venue, record.aux) == (MIDNIGHT_NS + 1, 9, 7)
    assert record.flags == EventFlag.BBO_CHANGED | EventFlag.LINE_B | EventFlag.HALTED
    for register, value in (
        (Register.COUNT_FRAMES_A, 2), (Register.COUNT_FRAMES_B, 2), (Register.COUNT_MATCHED_A, 2), (Register.COUNT_DUPLICATE_A, 1),
        (Register.COUNT_DUPLICATE_B, 0), (Register.COUNT_RECORDS, len(card.records)), (Register.ORDERS_LIVE, 1),
        (Register.EXPECTED_SEQ_LO, 3),
    ):  # fmt: skip
        assert await card.read(register) == value, register


@cocotb.test()
async def indexes_beyond_the_tables_change_nothing(dut: Any) -> None:
    card = await ready_card(dut)
    await card.write(Register.FILTER, LOCATE | (SYMBOL + 16) << 16 | 1 << 31)
    await card.write(Register.MARK, (SYMBOL + 16) | 5 << 16)
    await card.write(Register.TRIGGER_PRICE, 1)
    await card.write(Register.TRIGGER_WRITE, 16 | 1 << 8 | SYMBOL << 16 | 1 << 31)
    await card.write(Register.TRIGGER_WRITE, 0 | 1 << 8 | (SYMBOL + 16) << 16 | 1 << 31)
    await card.idle(20)
    assert card.records == []
    assert await card.read(Register.ARMED) == 0
    await card.send("a", 1, [add(1, "B", 1000000)])
    assert card.records[-1].kind == EventKind.ADD
    assert not card.records[-1].flags & EventFlag.STALE


@cocotb.test()
async def marks_and_resets(dut: Any) -> None:
    card = await ready_card(dut)
    await card.send("a", 1, [add(1, "B", 1000000)])
    await card.write(Register.MARK, SYMBOL | 6 << 16)
    await card.idle(20)
    record = card.records[-1]
    assert (record.kind, record.locate, record.price) == (EventKind.STALE, LOCATE, 6)
    await card.write(Register.MARK, SYMBOL)
    await card.send("a", 2, [add(2, "B", 1000000)])
    assert not card.records[-1].flags & EventFlag.STALE
    await card.write(Register.COMMAND, 1)
    await card.until_ready()
    assert await card.read(Register.ORDERS_LIVE) == 0
    await card.send("a", 3, [add(3, "B", 1000000)])
    assert (card.records[-1].seq, card.records[-1].bid_shares) == (1, 100)


@cocotb.test()
async def marks_that_have_to_wait(dut: Any) -> None:
    """While the tables are cleared no mark is taken: what is answered OKAY takes place, the rest is refused."""
    card = await ready_card(dut)
    await card.write(Register.COMMAND, 1)
    kept = []
    for code in range(1, 9):
        if await card.try_write(Register.MARK, SYMBOL | code << 16) == 0:
            kept.append(code)
        await card.try_write(Register.MARK, (SYMBOL + 16) | 99 << 16)
    assert 2 <= len(kept) < 8
    await card.until_ready()
    await card.idle(40)
    assert [record.price for record in card.records if record.kind == EventKind.STALE] == kept
    await card.write(Register.MARK, SYMBOL | 9 << 16)
    await card.idle(20)
    assert card.records[-1].price == 9


@cocotb.test()
async def an_order_fires(dut: Any) -> None:
    card = await ready_card(dut)
    await card.send("a", 1, [build(random.Random(0), "H", locate=LOCATE, trading_state=ord("T")), add(1, "B", 990000)])
    for register, value in (
        (Register.LIMIT_QUANTITY, 100), (Register.LIMIT_NOTIONAL_LO, 0), (Register.LIMIT_NOTIONAL_HI, 1),
        (Register.LIMIT_COLLAR, 100), (Register.LIMIT_BUY_ROOM, 100), (Register.LIMIT_WRITE, SYMBOL | 1 << 31),
        (Register.RATE_PERIOD, 1), (Register.RATE_BURST, 2), (Register.NEXT_URN, 0x01020304), (Register.CTRL, 0x3D),
    ):  # fmt: skip
        await card.write(register, value)
    for word in range(6):
        piece = ORDER[8 * word : 8 * word + 8].ljust(8, b"\0")
        await card.write(Register.TEMPLATE_LO, int.from_bytes(piece[:4], "little"))
        await card.write(Register.TEMPLATE_HI, int.from_bytes(piece[4:], "little"))
        await card.write(Register.TEMPLATE_WRITE, word | 2 << 8)
    await card.write(Register.TEMPLATE_SEAL, len(ORDER) | 2 << 8)
    await card.write(Register.TRIGGER_PRICE, 1010000)
    await card.write(Register.TRIGGER_WRITE, 2 | 4 << 8 | SYMBOL << 16 | 1 << 31)
    assert await card.read(Register.ARMED) == 4
    await card.send("a", 3, [add(2, "S", 1005000)])
    assert card.order_at - card.driven_at == ORDER_CYCLES
    assert await card.read(Register.SENT) == 4, await card.read(Register.REFUSED)
    assert bytes(card.order_bytes) == (48).to_bytes(2, "big") + b"UO" + bytes([1, 2, 3, 4]) + ORDER[5:]
    assert await card.read(Register.COUNT_ORDERS) == 1
    assert await card.read(Register.NEXT_URN) == 0x01020305
