"""The card by its host interface: damaged frames, line arbitration, registers, and an armed order that fires."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from fastpath.records import EventFlag, EventKind
from fastpath.registers import Register
from sim.device.card import BAD_FCS, LINE_A, LINE_B, Card, CardError, Line, Records
from sim.rtl.models.itch import build
from sim.rtl.models.packets import Frame, mold_packet

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.timeout(900)]
A, B = Line(0xE9360C01, 26400), Line(0xE9360C02, 26401)
SESSION = b"CARD000001"
LOCATE, INDEX = 11, 3


@pytest.fixture
def card() -> Iterator[Card]:
    with Card(A, B, gap_wait_cycles=2000, midnight_ns=10**18, start_ns=5 * 10**17, venue=2) as card:
        card.track([(LOCATE, INDEX)])
        yield card


def frame(line: Line, sequence: int, messages: list[bytes]) -> bytes:
    return Frame(mold_packet(SESSION, sequence, messages), line.address, line.port).build()


def add(ref: int, side: str, price_e4: int, shares: int = 100) -> bytes:
    return build(
        random.Random(ref), "A", locate=LOCATE, order_ref=ref, side=ord(side), price_e4=price_e4, shares=shares,
        timestamp_ns=ref * 1000,
    )  # fmt: skip


def trading() -> bytes:
    return build(random.Random(0), "H", locate=LOCATE, trading_state=ord("T"))


def refs(records: Records) -> list[int]:
    return [int(record["ref"]) for record in records if record["kind"] == EventKind.ADD]


def joined(*parts: Records) -> Records:
    return np.concatenate(parts)


def test_time_is_cycles_and_records_carry_it(card: Card) -> None:
    before = card.cycles
    records = joined(card.push(LINE_A, frame(A, 1, [add(1, "B", 1000000)])), card.idle())
    assert card.time_ns == 5 * 10**17 + card.cycles * 32 // 5
    (record,) = (r for r in records if r["kind"] == EventKind.ADD)
    assert 5 * 10**17 + before * 32 // 5 < record["rx_ns"] < card.time_ns
    assert record["venue_ns"] == 10**18 + 1000
    assert record["aux"] == 7
    assert record["venue"] == 2
    assert list(records["seq"]) == list(range(1, len(records) + 1))


def test_the_first_copy_wins_whatever_the_order_of_lines(card: Card) -> None:
    seen: list[int] = []
    for number in range(1, 61):
        messages = [add(number, "B", 1000000)]
        lag = (number * 37) % 90 - 45
        seen += refs(card.push_both(frame(A, number, messages), frame(B, number, messages), lag))
    seen += refs(card.idle())
    assert seen == list(range(1, 61))
    copies = card.read(Register.COUNT_DUPLICATE_A) + card.read(Register.COUNT_DUPLICATE_B)
    assert copies == 60, "one of each, also of number 45, which came on both lines in the same cycle"
    assert card.read(Register.COUNT_GAPS) == 0


def test_a_hole_waits_for_the_other_line_and_is_given_up_with_every_book_stale(card: Card) -> None:
    assert refs(joined(card.push(LINE_A, frame(A, 1, [add(1, "B", 1000000)])), card.idle())) == [1]
    assert refs(joined(card.push(LINE_A, frame(A, 3, [add(3, "B", 1000000)])), card.idle(300))) == []
    assert refs(joined(card.push(LINE_B, frame(B, 2, [add(2, "B", 1000000)])), card.idle())) == [2, 3]
    records = joined(card.push(LINE_A, frame(A, 6, [add(6, "B", 1000000)])), card.idle(3000))
    kinds = [int(kind) for kind in records["kind"]]
    assert kinds == [EventKind.GAP_LOST, EventKind.ADD]
    assert (records["ref"][0], records["shares"][0]) == (4, 2)
    assert records["flags"][1] & EventFlag.STALE
    card.clear_stale()
    records = joined(card.push(LINE_A, frame(A, 7, [add(7, "B", 1000000)])), card.idle())
    assert not records["flags"][0] & EventFlag.STALE


def test_a_bad_frame_check_is_told_with_what_had_left(card: Card) -> None:
    assert refs(joined(card.push(LINE_A, frame(A, 1, [add(1, "B", 1000000)])), card.idle())) == [1]
    spoilt = frame(A, 2, [add(2, "B", 1000000), add(3, "B", 1000000)])
    records = joined(card.push(LINE_A | BAD_FCS, spoilt), card.idle())
    assert refs(records) == [2], "the first one was out before the frame ended"
    (bad,) = (record for record in records if record["kind"] == EventKind.FRAME_BAD)
    assert (bad["ref"], bad["shares"]) == (2, 1)
    assert bad["flags"] & EventFlag.STALE
    assert card.read(Register.COUNT_BAD_A) == 1


def test_damaged_frames_never_stop_the_next_good_one(card: Card) -> None:
    rng = random.Random(12)
    resyncs = 0
    card.push(LINE_A, frame(A, 1, [add(1, "B", 1000000)]))
    for number in range(2, 402):
        good = frame(A, number, [add(number, "B", 1000000)])
        damaged = bytearray(frame(A, number, [add(1_000_000 + number, "S", 2000000)]))
        if rng.random() < 0.5:
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        else:
            damaged = damaged[: rng.randrange(1, len(damaged))]
        seen = joined(card.push(LINE_A | BAD_FCS, bytes(damaged)), card.idle(64))
        left = [record["shares"] for record in seen if record["kind"] == EventKind.FRAME_BAD]
        assert card.read(Register.EXPECTED_SEQ_LO) == number or any(left), "messages of a bad frame left untold"
        if any(left):  # they left, or are held, before the frame showed that it is bad: the host begins again
            card.resync(number)
            resyncs += 1
        assert number in refs(joined(card.push(LINE_A, good), card.idle(64))), number
    assert resyncs < 200


def test_frames_of_any_bytes_do_no_harm(card: Card) -> None:
    rng = random.Random(13)
    for _ in range(300):
        card.push(rng.choice([LINE_A, LINE_B]), rng.randbytes(rng.randrange(1, 1600)))
    assert refs(joined(card.push(LINE_B, frame(B, 1, [add(1, "B", 1000000)])), card.idle())) == [1]
    with pytest.raises(CardError):
        card.push(LINE_A, b"")
    with pytest.raises(CardError):
        card.push(LINE_A, bytes(2049))
    with pytest.raises(CardError):
        card.push(2, b"x")


def test_registers_and_refusals(card: Card) -> None:
    assert card.read(Register.ID) == 0x46504757
    assert card.read(Register.CAPS) & 0xFF == 8 | 4 << 4
    with pytest.raises(CardError):
        card.read(0x7FC)
    with pytest.raises(CardError):
        card.write(Register.ID, 1)
    with pytest.raises(CardError):
        card.track([(1, 256)])
    card.push(LINE_A, frame(A, 1, [add(1, "B", 1000000)]))
    card.mark(INDEX, 5)
    marked = card.idle()
    assert (marked["kind"][-1], marked["locate"][-1], marked["price_e4"][-1]) == (EventKind.STALE, LOCATE, 5)
    card.mark(INDEX, 0)
    cleared = joined(card.push(LINE_A, frame(A, 2, [add(2, "B", 1000000)])), card.idle())
    assert not cleared["flags"][-1] & EventFlag.STALE
    assert card.read(Register.ORDERS_LIVE) == 2
    card.reset_book()
    assert card.read(Register.ORDERS_LIVE) == 0


ORDER = (  # an OUCH 5.0 Enter Order: number, side, shares, symbol, price, day order ... , no appendage
    b"O" + bytes(4) + b"B" + (100).to_bytes(4, "big") + b"AAPL    " + (1010000).to_bytes(8, "big")
    + b"0YPYN" + b"client-order-1" + bytes(2)
)  # fmt: skip


def prepared(card: Card) -> None:
    assert len(ORDER) == 47
    card.push(LINE_A, frame(A, 1, [trading(), add(1, "B", 990000), add(2, "S", 1010000)]))
    card.set_trading(rate_burst=4)
    card.set_limits(INDEX, quantity=100, notional_e4=10**10, collar_bps=500, buy_room=150, sell_room=0)
    card.set_template(0, ORDER)
    card.set_order_number(77)
    card.idle()


def test_an_armed_order_fires_once_within_thirteen_cycles(card: Card) -> None:
    prepared(card)
    card.arm(0, INDEX, 4, 1005000)  # the best ask at or below 100.50
    card.push(LINE_A, frame(A, 4, [add(3, "S", 1006000)]))
    card.idle()
    assert card.fires() == []
    assert card.order_bytes() == b""
    card.push(LINE_A, frame(A, 5, [add(4, "S", 1005000), add(5, "S", 1004000)]))
    card.idle()
    (fire,) = card.fires()
    assert (fire.slot, fire.reasons) == (0, 0)
    assert fire.out_cycle + 1 - fire.rx_cycle <= 13
    assert card.order_bytes() == (48).to_bytes(2, "big") + b"U" + ORDER[:1] + (77).to_bytes(4, "big") + ORDER[5:]
    assert card.read(Register.FIRED) == 1
    assert card.read(Register.SENT) == 1
    assert card.read(Register.NEXT_URN) == 78
    card.arm(0, INDEX, 4, 1005000)
    card.push(LINE_A, frame(A, 7, [add(6, "S", 1003000)]))
    card.idle()
    (fire,) = card.fires()
    assert fire.reasons == 1 << 5, "its room is used up"
    assert card.order_bytes() == b""


def test_nothing_fires_after_a_disarm_an_expiry_or_a_kill(card: Card) -> None:
    prepared(card)
    card.arm(0, INDEX, 4, 1005000)
    card.disarm(0)
    card.arm(1, INDEX, 4, 1005000, expire_cycle=card.cycles + 60)
    card.idle(200)
    card.push(LINE_A, frame(A, 4, [add(3, "S", 1005000)]))
    card.idle()
    assert card.fires() == []
    assert (card.read(Register.DISARMED), card.read(Register.EXPIRED)) == (1, 2)
    card.arm(0, INDEX, 4, 1005000)
    card.set_trading(kill=True)
    card.push(LINE_A, frame(A, 5, [add(4, "S", 1004000)]))
    card.idle()
    (fire,) = card.fires()
    assert fire.reasons & 1
    assert card.order_bytes() == b""
