# ruff: noqa: S311 - reproducible test data, not cryptography
"""The whole card: each event counts in its own register and no other of its kind, and the state bits tell what they say."""

import random
from typing import Any

import cocotb

from fastpath.records import EventKind
from fastpath.registers import Register
from sim.rtl.gw_top.test_gw_top import LINES, LOCATE, ORDER, SESSION, SYMBOL, Card, ready_card
from sim.rtl.models.itch import build
from sim.rtl.models.packets import Frame, mold_packet
from sim.rtl.models.streams import to_beats

SIMULATORS = ["verilator"]
PARAMETERS = [{"LOCATE_BITS": 8, "SYM_LOG2": 4, "BUCKET_LOG2": 4, "GROUPS_LOG2": 3, "BUILD": 7}]
OPTIMISED = False
#: What the book half counts; an event of one of these leaves the others as they are.
BOOK = [Register[f"COUNT_{name}"] for name in ("UNTRACKED", "UNKNOWN_TYPE", "WRONG_LENGTH", "BAD_FIELD", "UNKNOWN_REF")]
BOOK += [
    Register[f"COUNT_{name}"] for name in ("CONTRADICTION", "TABLE_FULL", "FAR", "EVICTED", "DROPPED", "LOST", "BROKEN")
]
READY, SYNCED, HOLE_OPEN, ALL_STALE, LINE_A_DOWN, LINE_B_DOWN = 1, 4, 16, 32, 64, 128


class Feed:
    """A card with the feed's next sequence; the side of each order is given, the rest of a message is random."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.seq = 1

    def order(self, letter: str, **values: int) -> bytes:
        """A message of our symbol."""
        usual = {"locate": LOCATE, "side": ord("B"), "shares": 100, "price_e4": 1_000_000}
        return build(self.rng, letter, **usual | values)

    async def tell(self, *messages: bytes, line: str = "a") -> None:
        """The next messages, on one line."""
        await self.card.send(line, self.seq, list(messages))
        self.seq += len(messages)

    async def damaged(self, line: str) -> None:
        """A frame that the MAC says is bad."""
        address, port = LINES[line]
        frame = Frame(mold_packet(SESSION, self.seq, []), address, port, padding=bytes(18)).build()
        pins = [getattr(self.card.dut, f"s_axis_{line}_{name}") for name in ("tdata", "tkeep", "tlast", "tuser")]
        valid = getattr(self.card.dut, f"s_axis_{line}_tvalid")
        for beat in to_beats(frame, bad=True):
            valid.value = 1
            for pin, value in zip(pins, beat, strict=True):
                pin.value = value
            await self.card.idle(1)
        valid.value = 0
        pins[3].value = 0
        await self.card.idle(40)

    async def counts(self, registers: list[Register]) -> dict[Register, int]:
        """What the counters say now."""
        return {register: await self.card.read(register) for register in registers}


async def ready_feed(dut: Any) -> Feed:
    """A card that has seen one order."""
    feed = Feed(await ready_card(dut))
    await feed.tell(feed.order("A", order_ref=1))
    return feed


@cocotb.test()
async def the_feeds_counters(dut: Any) -> None:
    """Damaged frames, refused packets, repetitions and holes, each on both lines."""
    feed = await ready_feed(dut)
    card = feed.card
    await card.write(Register.GAP_WAIT, 1 << 20)
    for line in "ab":
        kinds = [
            Register[f"COUNT_{name}_{line.upper()}"] for name in ("BAD", "REFUSED", "DUPLICATE", "OTHER", "HOLD_FULL")
        ]
        bad, refused, duplicate, *_ = kinds
        before = await feed.counts(kinds)
        await feed.damaged(line)
        after = await feed.counts(kinds)
        assert after[bad] == before[bad] + 1 and after[duplicate] == before[duplicate], line
        before = await feed.counts(kinds)
        await card.send(line, feed.seq, [feed.order("D")], session=b"ANOTHER001")
        assert await feed.counts(kinds) == before | {refused: before[refused] + 1}, line
        message = feed.order("A", order_ref=2 + ord(line))
        await feed.tell(message, line="b" if line == "a" else "a")
        before = await feed.counts(kinds)
        await card.send(line, feed.seq - 1, [message])
        assert await feed.counts(kinds) == before | {duplicate: before[duplicate] + 1}, line
        # A hole that the other line fills at once, then one that nobody fills.
        gaps = await card.read(Register.COUNT_GAPS)
        await card.send(line, feed.seq + 1, [feed.order("D", order_ref=1 << 40)])
        assert await card.read(Register.STATUS) & HOLE_OPEN
        await feed.tell(feed.order("D", order_ref=1 << 41), line="b" if line == "a" else "a")
        feed.seq += 1
        assert not await card.read(Register.STATUS) & HOLE_OPEN
        assert await card.read(Register.COUNT_GAPS) == gaps and await card.read(Register.EXPECTED_SEQ_LO) == feed.seq
        # More messages ahead of a hole than the hold has room for.
        status = await card.read(Register.STATUS)
        assert not status & ALL_STALE
        count, first = 0, feed.seq + 1
        while await card.read(Register.COUNT_GAPS) == gaps and count < 1000:
            await card.send(line, first + count, [feed.order("S", event_code=ord("Q")) for _ in range(50)])
            count += 50
        assert 256 <= count <= 600, count
        assert await card.read(Register.STATUS) & ALL_STALE
        feed.seq = first + count
        await card.send("a", feed.seq, [])
        await card.send("b", feed.seq, [])
        await card.idle(600)
        assert await card.read(Register.EXPECTED_SEQ_LO) == feed.seq
        await card.write(Register.COMMAND, 2)
        await card.idle(4)
        assert not await card.read(Register.STATUS) & ALL_STALE


@cocotb.test()
async def lines_that_fall_silent(dut: Any) -> None:
    """Each line's bit in the status goes up by itself when it is silent and down when it speaks."""
    feed = await ready_feed(dut)
    card = feed.card
    await card.send("b", feed.seq, [])
    await card.write(Register.SILENCE, 400)
    for _ in range(2):
        await card.idle(900)
        assert await card.read(Register.STATUS) & (LINE_A_DOWN | LINE_B_DOWN) == LINE_A_DOWN | LINE_B_DOWN
        await card.send("a", feed.seq, [])
        assert await card.read(Register.STATUS) & (LINE_A_DOWN | LINE_B_DOWN) == LINE_B_DOWN
        await card.send("b", feed.seq, [])
        assert not await card.read(Register.STATUS) & (LINE_A_DOWN | LINE_B_DOWN)


@cocotb.test()
async def the_books_counters(dut: Any) -> None:
    """Each way in which a message is not what the book takes counts once, in its own register."""
    feed = await ready_feed(dut)
    card = feed.card
    contradiction = Register.COUNT_CONTRADICTION  # so does what cannot be read
    for registers, message in (
        ([Register.COUNT_UNTRACKED], feed.order("A", locate=LOCATE + 1)),
        ([Register.COUNT_UNKNOWN_TYPE], b"\x7f" + feed.order("D")[1:]),
        ([Register.COUNT_WRONG_LENGTH, contradiction], feed.order("D") + bytes(3)),
        ([Register.COUNT_BAD_FIELD], feed.order("A", order_ref=98, shares=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("F", order_ref=98, shares=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("A", order_ref=98, shares=0, side=ord("Z"))),
        ([Register.COUNT_BAD_FIELD], feed.order("F", order_ref=98, shares=0, side=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("P", shares=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("P", price_e4=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("P", side=ord("Z"))),
        ([Register.COUNT_BAD_FIELD], feed.order("E", order_ref=1, shares=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("C", order_ref=1, shares=0)),
        ([Register.COUNT_BAD_FIELD], feed.order("X", order_ref=1, shares=0)),
        ([contradiction], feed.order("A", order_ref=97, side=ord("Z"))),
        ([Register.COUNT_UNKNOWN_REF], feed.order("D", order_ref=1 << 50)),
        ([contradiction], feed.order("A", order_ref=1)),
        ([Register.COUNT_FAR], feed.order("A", order_ref=99, price_e4=100)),
        ([Register.COUNT_EVICTED], feed.order("A", order_ref=96, price_e4=3_000_000)),
    ):
        before = await feed.counts(BOOK)
        await feed.tell(message)
        await card.idle(40)
        after = await feed.counts(BOOK)
        grown = {
            register: after[register] - before[register] for register in BOOK if after[register] != before[register]
        }
        assert grown == dict.fromkeys(registers, 1)
        await card.write(Register.MARK, SYMBOL)
    # One that is refused in front of the book in the very cycle in which another is in it.
    for lead in range(8):
        before = await feed.counts(BOOK)
        venue = [feed.order("S", event_code=ord("Q")) for _ in range(lead)]
        await feed.tell(*venue, feed.order("X", order_ref=1, shares=0), feed.order("A", order_ref=98, shares=0))
        assert await feed.counts(BOOK) == before | {Register.COUNT_BAD_FIELD: before[Register.COUNT_BAD_FIELD] + 2}, (
            lead
        )
    crossed = await card.read(Register.COUNT_CROSSED)
    await feed.tell(feed.order("A", order_ref=1 << 51, side=ord("S"), price_e4=990_000))
    assert await card.read(Register.COUNT_CROSSED) == crossed + 1
    # More orders than the table takes, and a host that takes no records meanwhile.
    records = await card.read(Register.COUNT_RECORDS)
    dut.m_axis_ev_tready.value = 0
    live = await card.read(Register.ORDERS_LIVE)
    for packet in range(24):
        await feed.tell(*(feed.order("A", order_ref=(packet << 8 | number) + (1 << 52)) for number in range(25)))
    full, dropped = await card.read(Register.COUNT_TABLE_FULL), await card.read(Register.COUNT_DROPPED)
    assert full and await card.read(Register.ORDERS_LIVE) == live + 600 - full
    assert dropped and await card.read(Register.STATUS) & ALL_STALE
    card.records.clear()  # shown again in every cycle until now
    dut.m_axis_ev_tready.value = 1
    await card.idle(1200)
    assert await card.read(Register.COUNT_BROKEN) == 0
    # What was not dropped is told in order, and the missing numbers are those of the dropped.
    numbers = [record.seq for record in card.records if record.kind != EventKind.STALE]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    assert await card.read(Register.COUNT_RECORDS) - records >= len(numbers)


@cocotb.test()
async def orders_that_do_not_leave(dut: Any) -> None:
    """A trigger that runs out, one that is taken back, one that the gate refuses: state bits, counters and reasons."""
    feed = await ready_feed(dut)
    card = feed.card
    for word in range(6):
        piece = ORDER[8 * word : 8 * word + 8].ljust(8, b"\0")
        await card.write(Register.TEMPLATE_LO, int.from_bytes(piece[:4], "little"))
        await card.write(Register.TEMPLATE_HI, int.from_bytes(piece[4:], "little"))
        for slot in range(16):
            await card.write(Register.TEMPLATE_WRITE, word | slot << 8)
    kinds = [Register.COUNT_FIRES, Register.COUNT_EXPIRES, Register.COUNT_ORDERS, Register.COUNT_REFUSALS]
    every = (1 << 16) - 1
    for refused in (False, True):
        for slot in range(16):
            await card.write(Register.TEMPLATE_SEAL, len(ORDER) | slot << 8)
            await card.write(Register.TRIGGER_PRICE, 1_000_000)
            await card.write(Register.TRIGGER_WRITE, slot | 1 << 8 | SYMBOL << 16 | 1 << 31)
        assert await card.read(Register.ARMED) == every
        before = await feed.counts(kinds)
        if refused:
            await card.write(Register.CTRL, 0x33)  # kill, and no trading
            await feed.tell(feed.order("A", order_ref=feed.seq))
            await feed.tell(feed.order("A", order_ref=feed.seq, price_e4=1_000_100))
            await card.idle(200)
            assert await card.read(Register.FIRED) == await card.read(Register.REFUSED) == every
            for slot in range(16):
                await card.write(Register.REASON_SLOT, slot)
                assert await card.read(Register.REASONS) & 3 == 3
            after = before | {kinds[0]: before[kinds[0]] + 16, kinds[3]: before[kinds[3]] + 16}
        else:
            for slot in range(16):
                await card.write(Register.TRIGGER_WRITE, slot | 1 << 8 | SYMBOL << 16)
            assert await card.read(Register.DISARMED) == every
            now = await card.read(Register.CYCLE_LO)
            for slot in range(16):
                await card.write(Register.TRIGGER_EXPIRE_LO, now + 2000 + slot)
                await card.write(Register.TRIGGER_WRITE, slot | 1 << 8 | SYMBOL << 16 | 1 << 31)
            await card.write(Register.TRIGGER_EXPIRE_LO, 0)
            await card.idle(2100)
            assert await card.read(Register.EXPIRED) == every
            after = before | {kinds[1]: before[kinds[1]] + 16}
        assert await card.read(Register.ARMED) == 0
        assert await feed.counts(kinds) == after
        assert not card.order_bytes


@cocotb.test()
async def addresses_that_are_none(dut: Any) -> None:
    """A register that does not exist answers with an error, and nothing else changes."""
    card = await ready_card(dut)
    ctrl = await card.read(Register.CTRL)
    for address in (0x0CC, 0x3FC, 0x800, 0xFFC):
        dut.s_axil_awaddr.value, dut.s_axil_wdata.value, dut.s_axil_wstrb.value = address, 0xFFFFFFFF, 15
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 1
        await card.idle(1)
        dut.s_axil_awvalid.value = dut.s_axil_wvalid.value = 0
        await card.answered(dut.s_axil_bvalid)
        assert dut.s_axil_bresp.value == 2
        await card.idle(2)
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = address, 1
        await card.idle(1)
        dut.s_axil_arvalid.value = 0
        await card.answered(dut.s_axil_rvalid)
        assert dut.s_axil_rresp.value == 2 and dut.s_axil_rdata.value == 0
        await card.idle(3)
    assert await card.read(Register.CTRL) == ctrl
