"""How a stream is kept whole, as lists of events: no socket, no engine, no clock."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import numpy as np
import pytest

from fastpath.follower import Ask, EpochChange, Follower, Frame, Gap, Item, RepairedBy, Snapshot, parse_header
from fastpath.records import EVENT_DTYPE, Reason

TOPIC = "md.sim.full"


def frame(first: int, count: int, *, epoch: int = 1, kind: int = 1) -> bytes:
    records = np.zeros(count, EVENT_DTYPE)
    records["seq"] = np.arange(first, first + count)
    return struct.pack("<HBBHHIIQQQ", 0x5046, 1, kind, count, 64, 1, epoch, first, 5, 0) + records.tobytes()


def heartbeat(last: int, epoch: int = 1) -> bytes:
    return struct.pack("<HBBHHIIQQQ", 0x5046, 1, 3, 0, 0, 1, epoch, last, 5, 0)


def answer(epoch: int = 1, **fields: Any) -> bytes:
    return msgspec.msgpack.encode({"v": 1, "id": 1, "ok": True, "reason": 0, "error": "", "epoch": epoch} | fields)


def replayed(first: int, count: int, oldest: int = 1, epoch: int = 1) -> bytes:
    records = frame(first, count)[40:]
    return answer(epoch, first=first, count=count, oldest=oldest, records=records)


def seqs(items: list[Item]) -> list[int]:
    return [int(n) for item in items if isinstance(item, Frame) for n in item.records["seq"]]


def joined(seq: int = 10) -> Follower:
    """A follower that has its snapshot and is live."""
    follower = Follower(TOPIC)
    (ask,) = follower.start()
    items, asks = follower.answer(ask, answer(seq=seq, books=[]), 0.0)
    assert isinstance(items[0], Snapshot)
    assert asks == []
    return follower


def test_joins_with_a_snapshot_and_drops_what_it_contains() -> None:
    follower = Follower(TOPIC)
    (ask,) = follower.start()
    assert (ask.op, ask.fields) == ("snapshot", {"topic": TOPIC})
    assert follower.frame(frame(8, 5)) == ([], [])
    assert follower.frame(frame(13, 2)) == ([], [])
    items, asks = follower.answer(ask, answer(seq=10, books=[]), 0.0)
    assert asks == []
    assert isinstance(items[0], Snapshot)
    assert items[0].seq == 10
    assert seqs(items) == [11, 12, 13, 14]


def test_frames_in_order_pass() -> None:
    follower = joined()
    items, asks = follower.frame(frame(11, 3))
    assert (seqs(items), asks) == ([11, 12, 13], [])
    assert follower.frame(heartbeat(13)) == ([], [])
    assert follower.frame(frame(12, 2)) == ([], [])  # seen already
    items, _ = follower.frame(frame(13, 3))
    assert seqs(items) == [14, 15]


def test_a_gap_is_repaired_by_replay_in_order() -> None:
    follower = joined()
    items, (ask,) = follower.frame(frame(14, 2))
    assert items == []
    assert (ask.op, ask.fields) == ("replay", {"topic": TOPIC, "epoch": 1, "from": 11, "to": 13})
    assert follower.frame(frame(16, 1)) == ([], [])
    items, asks = follower.answer(ask, replayed(11, 3), 0.0)
    assert asks == []
    assert items[0] == Gap(TOPIC, 1, 11, 13, RepairedBy.REPLAY)
    assert seqs(items) == [11, 12, 13, 14, 15, 16]


def test_a_long_gap_takes_several_answers_and_is_told_once() -> None:
    follower = joined()
    _, (ask,) = follower.frame(frame(20, 1))
    items, (more,) = follower.answer(ask, replayed(11, 4), 0.0)
    assert more.fields["from"] == 15
    again, asks = follower.answer(more, replayed(15, 5), 0.0)
    assert asks == []
    assert [type(i) for i in items + again] == [Gap, Frame, Frame, Frame]
    assert seqs(items + again) == list(range(11, 21))


def test_a_heartbeat_ahead_shows_a_lost_tail() -> None:
    follower = joined()
    _, (ask,) = follower.frame(heartbeat(12))
    items, _ = follower.answer(ask, replayed(11, 2), 0.0)
    assert seqs(items) == [11, 12]


def test_when_the_history_does_not_reach_back_a_snapshot_repairs() -> None:
    follower = joined()
    _, (ask,) = follower.frame(frame(900, 2))
    items, (snapshot,) = follower.answer(ask, replayed(500, 3, oldest=500), 0.0)
    assert items == []
    assert snapshot.op == "snapshot"
    follower.frame(frame(902, 1))
    items, asks = follower.answer(snapshot, answer(seq=901, books=[]), 0.0)
    assert asks == []
    assert items[0] == Gap(TOPIC, 1, 11, 901, RepairedBy.SNAPSHOT)
    assert isinstance(items[1], Snapshot)
    assert seqs(items) == [902]


def test_a_second_gap_behind_the_first_is_repaired_too() -> None:
    follower = joined()
    _, (ask,) = follower.frame(frame(13, 1))
    follower.frame(frame(16, 1))
    items, (second,) = follower.answer(ask, replayed(11, 2), 0.0)
    assert seqs(items) == [11, 12, 13]
    assert (second.fields["from"], second.fields["to"]) == (14, 15)
    follower.frame(frame(17, 1))
    items, asks = follower.answer(second, replayed(14, 2), 0.0)
    assert (seqs(items), asks) == ([14, 15, 16, 17], [])


def test_an_engine_that_recovers_is_asked_again_later() -> None:
    follower = Follower(TOPIC)
    (ask,) = follower.start()
    items, (later,) = follower.answer(ask, answer(ok=False, reason=int(Reason.RECOVERING)), 5.0)
    assert items == []
    assert later.op == "snapshot"
    assert later.not_before > 5.0


def test_a_restarted_engine_means_starting_over() -> None:
    follower = joined()
    items, (ask,) = follower.frame(frame(1, 2, epoch=2))
    assert items == [EpochChange(TOPIC, 1, 2)]
    assert ask.op == "snapshot"
    # The old engine's answer, still under way, does not count.
    items, (again,) = follower.answer(ask, answer(seq=99, books=[]), 0.0)
    assert items == []
    items, asks = follower.answer(again, answer(2, seq=1, books=[]), 0.0)
    assert asks == []
    assert isinstance(items[0], Snapshot)
    assert seqs(items) == [2]


def test_a_snapshot_of_a_newer_engine_is_told_as_a_change() -> None:
    follower = joined()
    _, (ask,) = follower.frame(frame(14, 1))
    _, (snapshot,) = follower.answer(ask, answer(2, ok=False, reason=int(Reason.MALFORMED)), 0.0)
    items, _ = follower.answer(snapshot, answer(2, seq=3, books=[]), 0.0)
    assert items[0] == EpochChange(TOPIC, 1, 2)
    assert isinstance(items[1], Snapshot)


def test_without_repair_gaps_are_told_and_the_stream_goes_on() -> None:
    follower = Follower(TOPIC, repair=False)
    assert follower.start() == []
    items, _ = follower.frame(frame(5, 1))
    assert seqs(items) == [5]
    items, asks = follower.frame(frame(9, 1))
    assert asks == []
    assert items[0] == Gap(TOPIC, 1, 6, 8, RepairedBy.NOTHING)
    assert seqs(items) == [9]
    items, _ = follower.frame(heartbeat(11))
    assert items == [Gap(TOPIC, 1, 10, 11, RepairedBy.NOTHING)]


def test_too_much_waiting_for_an_answer_means_a_new_snapshot() -> None:
    follower = Follower(TOPIC, max_held=3)
    (ask,) = follower.start()
    asks: list[Ask] = []
    for first in range(1, 5):
        asks += follower.frame(frame(first, 1))[1]
    assert [a.op for a in asks] == ["snapshot"]
    assert follower.answer(ask, answer(seq=0, books=[]), 0.0) == ([], [])
    items, _ = follower.answer(asks[0], answer(seq=3, books=[]), 0.0)
    assert seqs(items) == [4]


def test_an_unknown_topic_is_an_error() -> None:
    follower = Follower("md.nowhere.full")
    (ask,) = follower.start()
    with pytest.raises(LookupError, match="no such topic"):
        follower.answer(ask, answer(ok=False, reason=int(Reason.MALFORMED), error="no such topic"), 0.0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"FP",
        frame(1, 2)[:-1],
        frame(1, 2) + b"x",
        b"XX" + frame(1, 1)[2:],
        frame(1, 1)[:2] + b"\x09" + frame(1, 1)[3:],
    ],
)
def test_bytes_that_are_no_frame_are_counted(data: bytes) -> None:
    follower = joined()
    assert parse_header(data) is None
    assert follower.frame(data) == ([], [])
    assert follower.bad_frames == 1
    items, _ = follower.frame(frame(11, 1))
    assert seqs(items) == [11]
