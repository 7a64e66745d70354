"""A feed whose lines lose, double, reorder and delay packets: books are whole in the end, or what is missing is told.

The exchange's own books are the measure, level by level, shares and orders.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from house import LINES, READY_S, House, book_of, eventually, simulated_venue

from fastpath import calls
from fastpath.follower import EpochChange, Frame, Gap, RepairedBy, Snapshot
from fastpath.records import EventFlag, EventKind, OrderState, Reason
from fastpath.subscriber import Subscriber
from sim.exchange.control import Exchange, LineFaults

pytestmark = pytest.mark.timeout(240)
MESSAGES = 3_000
RATE = 2_000

Levels = list[tuple[int, int, int]]
Book = tuple[Levels, Levels]


def exchange_books(exchange: Exchange) -> dict[str, Book]:
    return {symbol.symbol: book_of(exchange, symbol.symbol) for symbol in exchange.config.symbols}


def snapshot_books(house: House, *, stale: bool = False) -> dict[str, Book]:
    """The engine's books as it publishes them; every one must be marked as asked for."""
    answer = house.ask(calls.snapshot("md.alpha.full"))
    assert [book.stale for book in answer.books] == [stale] * len(answer.books)
    return {book.symbol: (book.bids, book.asks) for book in answer.books}


def assert_equal_books(house: House) -> None:
    """Once everything has come through, by `snapshot` and by `depth`."""
    exchange = house.exchanges["alpha"]
    theirs = exchange_books(exchange)
    assert sum(len(bids) + len(asks) for bids, asks in theirs.values()) > 6, "there is something to compare"
    eventually(lambda: snapshot_books(house) == theirs, "the engine's books are the exchange's", 15.0)
    for symbol, (bids, asks) in theirs.items():
        depth = house.ask(calls.depth(symbol, "alpha", 100))
        assert (depth.bids, depth.asks, depth.stale) == (bids[:100], asks[:100], False)
        best = (depth.bid_e4, depth.bid_shares, depth.ask_e4, depth.ask_shares)
        assert best == ((*bids[0][:2],) if bids else (0, 0)) + ((*asks[0][:2],) if asks else (0, 0))


def run_market(house: House, messages: int = MESSAGES) -> None:
    """Let the background flow publish so many messages, then hold it."""
    exchange = house.exchanges["alpha"]
    wanted = exchange.stats()["feed_messages"] + messages
    exchange.set_rate(RATE)
    eventually(lambda: exchange.stats()["feed_messages"] >= wanted, "the market moves")
    exchange.set_rate(0)


EVERYTHING = LineFaults(
    drop_per_mille=100, duplicate_per_mille=100, reorder_per_mille=100, delay_per_mille=100, delay_us=5_000
)
FAULTS: dict[str, tuple[LineFaults | None, LineFaults | None, int]] = {
    "loss": (LineFaults(drop_per_mille=200, seed=1), LineFaults(drop_per_mille=300, seed=2), 300),
    "one-line-dead": (LineFaults(drop_per_mille=1_000), LineFaults(drop_per_mille=100, seed=3), 300),
    "duplicates": (LineFaults(duplicate_per_mille=500, seed=4), LineFaults(duplicate_per_mille=1_000, seed=5), 0),
    "reordering": (LineFaults(reorder_per_mille=300, seed=6), LineFaults(reorder_per_mille=300, seed=7), 0),
    "delay": (
        LineFaults(delay_per_mille=200, delay_us=3_000, seed=8),
        LineFaults(delay_per_mille=1_000, delay_us=20_000, seed=9),
        0,
    ),
    "all": (replace(EVERYTHING, seed=10), replace(EVERYTHING, seed=11), 300),
}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House(simulated_venue(messages_per_s=0), feed={"gap_retry_ms": 20, "gap_attempts": 200}) as house:
        house.start_engine()
        yield house


@pytest.mark.parametrize("name", FAULTS)
def test_books_are_whole_behind_faulty_lines(house: House, name: str) -> None:
    exchange = house.exchanges["alpha"]
    before, sent_before = house.feed_stats("alpha"), exchange.stats()
    line_a, line_b, silent_per_mille = FAULTS[name]
    exchange.set_line_faults("A", line_a)
    exchange.set_line_faults("B", line_b)
    exchange.set_rerequest_faults(silent_per_mille, seed=12)
    run_market(house)
    house.quiet()
    exchange.set_line_faults("A", None)
    exchange.set_line_faults("B", None)
    exchange.set_rerequest_faults(0)
    after, sent = house.feed_stats("alpha"), exchange.stats()
    assert_equal_books(house)
    grown = {key: value - before[key] for key, value in after.items() if isinstance(value, int)}
    put_in = {key: value - sent_before[key] for key, value in sent.items()}
    # The faults were there, and each is counted where it belongs.
    for line, faults in (("a", line_a), ("b", line_b)):
        for fault in ("drop", "duplicate", "reorder", "delay"):
            counter = {"drop": "dropped", "duplicate": "duplicated", "reorder": "reordered", "delay": "delayed"}[fault]
            happened = put_in[f"line_{line}_{counter}"]
            assert (happened > 0) == (getattr(faults, f"{fault}_per_mille") > 0), (line, fault)
    assert grown["messages"] == put_in["feed_messages"] >= MESSAGES
    assert grown["messages_lost"] == grown["gaps_lost"] == grown["unknown_ref"] == grown["duplicate_ref"] == 0
    assert grown["gaps_opened"] == grown["gaps_filled"]
    if name in ("loss", "one-line-dead", "all"):
        assert grown["gaps_filled"] > 0 and grown["messages_recovered"] > 0
        assert put_in["feed_rerequest_dropped"] > 0, "some requests had to be sent again"
    if name == "duplicates":
        assert grown["duplicates"] >= put_in["feed_messages"] + put_in["line_b_duplicated"]
    assert after["gap_open"] == after["stale"] == 0


def test_the_end_of_the_session_finds_both_alike() -> None:
    """The market closes behind lossy lines: every order is taken out, and the last messages come all the same."""
    with House(simulated_venue(messages_per_s=500)) as house:
        exchange = house.exchanges["alpha"]
        house.start_engine()
        exchange.set_line_faults("A", LineFaults(drop_per_mille=300, seed=1))
        exchange.set_line_faults("B", LineFaults(drop_per_mille=300, seed=2))
        house.rest("mine", price="140.00")
        exchange.end_of_session()
        eventually(lambda: house.venue_state("alpha").feed.state == 2, "the feed has ended")
        stats = house.feed_stats("alpha")
        assert stats["next_sequence"] == exchange.stats()["venue_feed_next_sequence"]
        assert (stats["messages_lost"], stats["gaps_opened"]) == (0, stats["gaps_filled"])
        eventually(lambda: snapshot_books(house, stale=True) == exchange_books(exchange), "the books are equal")
        assert house.settled("mine", OrderState.CANCELED).leaves == 0
        refused = house.submit("too-late", price="140.00")
        assert (refused.outcome, refused.reason) == ("refused", Reason.SESSION_ENDED)


@pytest.mark.parametrize("server", ["none", "silent"])
def test_a_loss_that_cannot_be_repaired_is_told(server: str) -> None:
    feed: dict[str, Any] = {"gap_wait_us": 20_000, "gap_retry_ms": 20, "gap_attempts": 5}
    if server == "none":
        feed["rerequest_host"] = ""
    # The engine is there before the first message, so that nothing else is missing.
    with House(simulated_venue(messages_per_s=0), feed=feed, opened=False) as house:
        exchange = house.exchanges["alpha"]
        house.start_engine(live=False)
        with Recorder(house) as recorder:
            exchange.start()
            house.wait_live()
            order = house.rest("before", price="140.00")
            house.quiet()
            assert house.feed_stats("alpha")["gaps_opened"] == 0, "who was there from the beginning misses nothing"
            exchange.set_rerequest_faults(1_000)
            before = house.feed_stats("alpha")["next_sequence"]
            for line in LINES:
                exchange.set_line_faults(line, LineFaults(drop_per_mille=1_000))
            run_market(house, 50)
            missing = exchange.stats()["venue_feed_next_sequence"] - before
            for line in LINES:
                exchange.set_line_faults(line, None)
            run_market(house, 50)
            eventually(lambda: house.feed_stats("alpha")["gaps_lost"], "the loss is declared")
            house.quiet()
            stats = house.feed_stats("alpha")
            assert (stats["gaps_opened"], stats["gaps_filled"], stats["gaps_lost"]) == (1, 0, 1)
            assert stats["messages_lost"] == missing and stats["messages"] == stats["next_sequence"] - 1 - missing
            assert (stats["rerequests"] > 0) == (server == "silent")
            # Told in every place: status, top, snapshot, the stream itself.
            state = house.venue_state("alpha").feed
            assert (state.stale, state.gaps_lost, state.messages_lost) == (True, 1, missing)
            assert all(top.stale for top in house.ask(calls.top("AAPL")).tops)
            snapshot_books(house, stale=True)
            refused = house.submit("on-a-stale-quote", price="140.00")
            assert (refused.outcome, refused.reason) == ("refused", Reason.QUOTE_STALE)
            assert house.cancel("before").outcome == "accepted"
            assert house.settled("before", OrderState.CANCELED).order_id == order.order_id
            recorder.wait_for(house)
            own = [
                event for event in recorder.own if event[0] in (EventKind.GAP, EventKind.GAP_FILLED, EventKind.GAP_LOST)
            ]
            assert [kind for kind, _, _ in own] == [EventKind.GAP, EventKind.GAP_LOST]
            assert own[1] == (EventKind.GAP_LOST, before, missing)
            assert recorder.unmarked_after_loss == 0, "every record behind the loss carries the stale flag"


# ---- books from the 64-byte events alone ----


class EventBooks:
    """Books of one stream by adding and subtracting what each event says it adds or takes; it knows no order."""

    def __init__(self) -> None:
        self.symbols: dict[int, str] = {}
        self.levels: dict[int, dict[tuple[str, int], list[int]]] = defaultdict(dict)

    def load(self, snapshot: Snapshot) -> None:
        self.__init__()  # type: ignore[misc]
        for book in snapshot.books:
            self.symbols[book.locate] = book.symbol
            for side, rows in (("B", book.bids), ("S", book.asks)):
                for price_e4, shares, orders in rows:
                    self.levels[book.locate][side, price_e4] = [shares, orders]

    def apply(self, kind: int, flags: int, locate: int, price_e4: int, shares: int) -> None:
        if flags & EventFlag.UNKNOWN_REF:
            return
        sign = 1 if kind in b"AFU" else -1 if kind in b"ECXD" else 0
        if not sign:
            return
        key = ("S" if flags & EventFlag.SELL else "B", price_e4)
        level = self.levels[locate].setdefault(key, [0, 0])
        level[0] += sign * shares
        level[1] += 1 if sign > 0 else -bool(flags & EventFlag.ORDER_DONE)
        assert min(level) >= 0
        if level == [0, 0]:
            del self.levels[locate][key]

    def books(self, locates: dict[str, int]) -> dict[str, Book]:
        found = {}
        for symbol, locate in locates.items():
            sides: dict[str, Levels] = {"B": [], "S": []}
            for (side, price_e4), (shares, orders) in self.levels[locate].items():
                sides[side].append((price_e4, shares, orders))
            found[symbol] = (sorted(sides["B"], reverse=True), sorted(sides["S"]))
        return found


class Recorder:
    """A Subscriber in a thread of its own that keeps books, and notes every event of the gateway's own."""

    def __init__(self, house: House, *, start_live: bool = False) -> None:
        self.books = EventBooks()
        self.own: list[tuple[int, int, int]] = []
        """(kind, ref, shares) of the gateway's own events."""
        self.snapshots, self.events, self.seq, self.unmarked_after_loss = 0, 0, 0, 0
        self.unrepaired: list[Gap | EpochChange] = []
        self.error: BaseException | None = None
        self._subscriber = Subscriber(
            house.endpoint("pub"), house.endpoint("cmd"), ["md.alpha.full"], start_live=start_live
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        eventually(lambda: self.snapshots or self.error, "the first snapshot is there")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(READY_S)
        self._subscriber.close()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                item = self._subscriber.recv(0.1)
                if isinstance(item, Snapshot):
                    self.books.load(item)
                    self.snapshots, self.seq = self.snapshots + 1, item.seq
                elif isinstance(item, Frame):
                    assert item.seq == self.seq + 1
                    self._take(item)
                elif isinstance(item, EpochChange) or (
                    isinstance(item, Gap) and item.repaired_by is RepairedBy.NOTHING
                ):
                    self.unrepaired.append(item)
        except BaseException as error:  # told to the test by __exit__
            self.error = error

    def _take(self, frame: Frame) -> None:
        records = frame.records
        columns = ("kind", "flags", "locate", "price_e4", "shares", "ref")
        for kind, flags, locate, price_e4, shares, ref in zip(
            *(records[name].tolist() for name in columns), strict=True
        ):
            if kind >= 0x80:
                self.own.append((kind, ref, shares))
            elif any(row[0] == EventKind.GAP_LOST for row in self.own) and not flags & EventFlag.STALE:
                self.unmarked_after_loss += 1
            self.books.apply(kind, flags, locate, price_e4, shares)
        self.seq += len(records)
        self.events += len(records)

    def wait_for(self, house: House) -> None:
        """Wait until everything that the engine has published is taken."""

        def there() -> bool:
            assert self.error is None, self.error
            streams = house.ask(calls.state()).streams
            return bool(next(stream.seq for stream in streams if stream.topic == "md.alpha.full") == self.seq)

        eventually(there, "the subscriber has everything")


def locates(exchange: Exchange) -> dict[str, int]:
    return {row.symbol: exchange.config.first_locate + n for n, row in enumerate(exchange.config.symbols)}


def test_a_subscriber_builds_the_books_from_events_alone() -> None:
    """From the first event on, and joining late by snapshot, behind lossy lines; the books are the exchange's."""
    with House(
        simulated_venue(messages_per_s=0), feed={"gap_retry_ms": 20, "gap_attempts": 200}, opened=False
    ) as house:
        exchange = house.exchanges["alpha"]
        house.start_engine(live=False)
        with Recorder(house) as early:
            exchange.start()
            house.wait_live()
            assert early.books.symbols == {}, "nothing came from the snapshot"
            exchange.set_line_faults("A", LineFaults(drop_per_mille=200, reorder_per_mille=200, seed=21))
            exchange.set_line_faults("B", LineFaults(drop_per_mille=200, duplicate_per_mille=200, seed=22))
            run_market(house, 1_500)
            exchange.set_rate(RATE)
            with Recorder(house) as late:
                run_market(house, 1_500)
                house.quiet()
                assert_equal_books(house)
                theirs = exchange_books(exchange)
                for recorder in (early, late):
                    recorder.wait_for(house)
                    assert recorder.books.books(locates(exchange)) == theirs
                    assert recorder.snapshots == 1 and recorder.unrepaired == []
                assert set(late.books.symbols.values()) == set(theirs)
                assert early.events > late.events > 1_500
                assert (EventKind.GAP in {kind for kind, _, _ in early.own}) and house.feed_stats("alpha")[
                    "gaps_filled"
                ] > 0
