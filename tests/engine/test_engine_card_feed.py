"""The card's feed against the software's: the same packets into both at once, and every record on the bus, every book
and every counter the same, but for the time of receipt and the cycles that only hardware has."""

from __future__ import annotations

import random
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from market_feed import Day, Feed, add, deleted, directory, engine_config, head, trading, wait_until
from numpy.typing import NDArray

from fastpath import calls
from fastpath.bus_messages import Depth
from fastpath.client import EngineClient
from fastpath.core import Engine, FeedStats
from fastpath.engine_config import EngineConfig
from fastpath.follower import Frame, Snapshot
from fastpath.records import EventFlag, EventKind
from fastpath.subscriber import Subscriber

pytestmark = pytest.mark.timeout(600)
COUNTERS = (
    "packets", "bytes", "messages", "duplicates", "heartbeats", "gaps_opened", "gaps_filled", "gaps_lost",
    "messages_lost", "messages_recovered", "unknown_type", "wrong_length", "unknown_ref", "duplicate_ref",
    "unknown_locate", "table_full", "next_sequence", "gap_open", "stale", "session_state", "session",
)  # fmt: skip
OWN_TIME = ("rx_ns", "aux")
Records = NDArray[np.void]


class Side:
    """One engine on the feed, and what it published."""

    def __init__(self, feed: Feed, directory: Path, io: str, library: str, changes: dict[str, Any]) -> None:
        directory.mkdir()
        self.config: EngineConfig = engine_config(
            str(directory / "run"), feed.venue(io=io, **changes), card_library=library
        )
        self.engine = Engine(self.config)
        self.engine.start()
        self.client = EngineClient(self.config.router)
        self.market = Subscriber(self.config.pub, self.config.router, ["md.sim.full"])
        assert isinstance(self.market.recv(10), Snapshot)
        self.frames: list[Records] = []

    def close(self) -> None:
        self.market.close()
        self.client.close()
        self.engine.close()

    def stats(self) -> FeedStats:
        return self.engine.stats().feed[0]

    def records(self, until: int) -> Records:
        """Everything published, once that is `until` records."""
        end = time.monotonic() + 60
        while sum(len(frame) for frame in self.frames) < until:
            assert time.monotonic() < end, f"{sum(len(f) for f in self.frames)} of {until} records"
            item = self.market.recv(5)
            if isinstance(item, Frame) and item.topic == "md.sim.full":
                self.frames.append(np.array(item.records))
        return np.concatenate(self.frames)

    def depth(self, symbol: str) -> Depth:
        return self.client.ask(calls.depth(symbol, "sim", 100))


class Both:
    """A software engine and one with the card on the same feed."""

    def __init__(self, feed: Feed, directory: Path, library: str, **changes: Any) -> None:
        self.feed = feed
        self.software = Side(feed, directory / "s", "socket", library, changes)
        self.card = Side(feed, directory / "c", "fpga", library, changes)

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *_: object) -> None:
        self.software.close()
        self.card.close()

    def caught_up(self, sequence: int = 0) -> None:
        wanted = sequence or len(self.feed.sent) + 1
        for side in (self.software, self.card):
            wait_until(lambda s=side: s.stats().next_sequence == wanted, f"sequence {wanted}", 60)  # type: ignore[misc]
            wait_until(lambda s=side: not s.stats().gap_open, "no gap", 60)  # type: ignore[misc]

    def compare(self) -> Records:
        """Assert that all that was published is the same; the card's records."""
        count = self.software.engine.stats().events
        wait_until(lambda: self.card.engine.stats().events == count, f"{count} records", 30)
        software, card = self.software.records(count), self.card.records(count)
        for name in software.dtype.names or ():
            if name in OWN_TIME:
                continue
            # Which of two equal lines an engine reads first is its own affair.
            either = int(EventFlag.LINE_B) if name == "flags" else 0
            (where,) = np.nonzero((software[name] | either) != (card[name] | either))
            assert not len(where), f"{name} of record {where[0]}: {software[where[0]]} against {card[where[0]]}"
        return card

    def compare_counters(self, *but: str) -> None:
        software, card = self.software.stats(), self.card.stats()
        for name in COUNTERS:
            if name not in but:
                assert getattr(software, name) == getattr(card, name), name

    def compare_books(self, day: Day) -> None:
        for locate, symbol in day.symbols.items():
            a, b = self.software.depth(symbol), self.card.depth(symbol)
            assert (a.bids, a.asks, a.stale) == (b.bids, b.asks, b.stale)
            shown = [tuple(level) for level in a.bids], [tuple(level) for level in a.asks]
            assert shown == tuple(side[:100] for side in day.depth(locate))


@pytest.fixture
def both(feed: Feed, card_library: str) -> Iterator[Callable[..., Both]]:
    # Socket paths are limited to 107 characters, which pytest's own directories exceed.
    with tempfile.TemporaryDirectory(prefix="fpc-") as short:
        yield lambda **changes: Both(feed, Path(short), card_library, **changes)


def test_a_day_on_both_lines(feed: Feed, both: Callable[..., Both]) -> None:
    day = Day(symbols=8, seed=11)
    with both() as two:
        feed.send(day.opening())
        feed.heartbeat()
        feed.send(day.messages(4_000), pause_s=0.002)
        two.caught_up()
        records = two.compare()
        two.compare_counters()
        two.compare_books(day)
        kinds = set(records["kind"].tolist())
        assert {EventKind.ADD, EventKind.EXECUTED, EventKind.CANCEL, EventKind.DELETE, EventKind.REPLACE} <= kinds
        tracked = records[records["kind"] == EventKind.ADD]
        assert tracked["aux"].min() >= 5, "cycles from the last byte to the record"
        # A frame's records are later than the frame, by cycles; never by the wall.
        assert (np.abs(records["rx_ns"].astype(np.int64) - time.time_ns()) < 600 * 10**9).all()


def test_loss_on_either_line_and_on_both(feed: Feed, both: Callable[..., Both]) -> None:
    day, pick = Day(symbols=4, seed=5), random.Random(7)
    with both() as two:
        feed.send(day.opening())
        for _ in range(60):
            feed.send(day.messages(pick.randrange(1, 40)), lines=pick.choice(["AB", "AB", "A", "B", ""]), batch=10)
            time.sleep(0.004)
        feed.send(day.messages(20))
        feed.heartbeat()
        two.caught_up()
        assert two.card.stats().gaps_opened > 0
        assert two.card.stats().messages_recovered > 0
        two.compare_books(day)
        # Each engine sees its own gaps, so notices differ; the market's records are the same but for what is flagged.
        for side in (two.software, two.card):
            side.records(side.engine.stats().events)
        own = (EventKind.GAP, EventKind.GAP_FILLED)
        whole = [np.concatenate(side.frames) for side in (two.software, two.card)]
        software, card = (records[~np.isin(records["kind"], own)] for records in whole)
        for name in ("venue_ns", "ref", "price_e4", "shares", "bid_e4", "ask_e4", "locate", "kind"):
            assert (software[name] == card[name]).all(), name


def test_a_late_start_asks_for_the_day(feed: Feed, both: Callable[..., Both]) -> None:
    day = Day(symbols=4, seed=9)
    feed.send(day.opening())
    feed.send(day.messages(1_500))
    with both() as two:
        feed.send(day.messages(50))
        two.caught_up()
        two.compare_books(day)
        records = two.card.records(two.card.engine.stats().events)
        market = records[records["locate"] != 0]
        recovered = market["flags"] & EventFlag.RECOVERED != 0
        assert recovered.sum() > 1_400
        assert not (market["flags"][recovered] & EventFlag.LINE_B).any()
        assert (market["flags"][recovered] & EventFlag.STALE).all(), "what fills a gap is not to be traded on"
        assert not (market["flags"][-20:] & EventFlag.STALE).any()


def test_a_loss_for_good_leaves_every_book_stale(feed: Feed, both: Callable[..., Both]) -> None:
    day = Day(symbols=2, seed=3)
    with both(rerequest_host="", rerequest_port=0, gap_attempts=0) as two:
        feed.send(day.opening())
        feed.send(day.messages(100))
        two.caught_up()
        feed.send(day.messages(10), lines="")
        feed.send(day.messages(100))
        two.caught_up()
        records = two.compare()
        assert records["flags"][-50:].min() & EventFlag.STALE
        assert two.card.stats().gaps_lost == 1
        assert two.card.depth("SYM1").stale
        two.compare_counters("packets", "bytes", "duplicates")


def odd_messages(day: Day, pick: random.Random) -> list[bytes]:
    """Messages that are wrong in themselves, of every kind that a decoder meets."""
    locate = pick.choice(list(day.symbols))
    whole = add(locate, 10_000_000 + pick.randrange(10**6), "B", 100, day.symbols[locate], 990_000)
    return [
        pick.choice(
            [
                head(b"?", locate, 1) + bytes(pick.randrange(1, 60)),
                whole[:-1],
                whole + b"\0",
                whole + bytes(100),
                whole[: pick.randrange(1, 12)],
                deleted(locate, 999_999_999),
                whole[:19] + b"Z" + whole[20:],
                whole[:32] + struct.pack(">I", 0),
                bytes([0]) + bytes(20),
            ]
        )
    ]


def test_messages_that_are_wrong(feed: Feed, both: Callable[..., Both]) -> None:
    day, pick = Day(symbols=12, seed=21), random.Random(4)
    with both() as two:
        feed.send(day.opening())
        for _ in range(120):
            feed.send(day.messages(3) + odd_messages(day, pick) + day.messages(2))
            time.sleep(0.002)
        two.caught_up()
        two.compare()
        two.compare_counters()
        assert two.card.stats().wrong_length > 10


def test_packets_that_are_wrong_reach_neither(feed: Feed, both: Callable[..., Both]) -> None:
    day, pick = Day(symbols=3, seed=2), random.Random(8)
    with both() as two:
        feed.send(day.opening())
        for _ in range(50):
            feed.send(day.messages(5))
            good = b"TESTDAY001" + struct.pack(">QH", len(feed.sent) + 1, 1) + struct.pack(">H", 19) + bytes(19)
            feed.raw(good[: pick.randrange(1, len(good))], pick.randrange(2))
            feed.raw(b"OTHERDAY01" + good[10:], pick.randrange(2))
        two.caught_up()
        two.compare_books(day)
        two.compare_counters("packets", "bytes", "duplicates")
        assert not two.card.stats().stale


def test_what_the_card_has_no_room_for_is_stale_from_the_beginning(feed: Feed, both: Callable[..., Both]) -> None:
    with both() as two:
        names = {locate: f"S{locate:03}" for locate in range(1, 301)}
        feed.send([m for locate, name in names.items() for m in (directory(locate, name), trading(locate, name))])
        feed.send([add(locate, locate, "B", 100, name, 500_000) for locate, name in names.items()])
        two.caught_up()
        wait_until(lambda: two.card.depth("S001").bids != [], "a book", 30)
        assert [len(two.card.depth(f"S{n:03}").bids) for n in (1, 256, 257, 300)] == [1, 1, 0, 0]
        assert [two.card.depth(f"S{n:03}").stale for n in (1, 256, 257, 300)] == [False, False, True, True]
        assert two.card.stats().table_full == 44
        records = two.card.records(two.card.engine.stats().events)
        told = records[records["kind"] == EventKind.STALE]
        assert told["locate"].tolist() == list(range(257, 301))
        assert set(told["price_e4"].tolist()) == {7}


def test_the_end_of_the_session_makes_every_book_stale(feed: Feed, both: Callable[..., Both]) -> None:
    day = Day(symbols=3, seed=6)
    with both() as two:
        feed.send(day.opening())
        feed.send(day.messages(50))
        two.caught_up()
        feed.end_of_session()
        wait_until(lambda: two.card.stats().session_state == 2, "the end")
        records = two.compare()
        assert (records["kind"][-1], records["shares"][-1]) == (EventKind.SESSION, 2)
        wait_until(lambda: two.card.depth("SYM1").stale, "stale", 10)
        two.compare_books(day)


def test_orders_before_their_symbol_is_announced_make_it_stale(feed: Feed, both: Callable[..., Both]) -> None:
    with both() as two:
        feed.send([directory(1, "KNOWN"), trading(1, "KNOWN"), add(2, 1, "B", 100, "LATE", 10_000)])
        feed.send([directory(2, "LATE"), trading(2, "LATE"), add(2, 2, "S", 100, "LATE", 20_000)])
        two.caught_up()
        wait_until(lambda: two.card.depth("LATE").asks != [], "the book", 30)
        assert two.card.depth("LATE").stale
        assert not two.card.depth("KNOWN").stale
        assert two.card.stats().unknown_locate == 1
