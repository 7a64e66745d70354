"""Subscribers on a running engine: late, slow, killed, asynchronous; restarts; records lost inside the engine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import uvloop
from market_feed import Day, Feed, add, engine_config, wait_until

from fastpath import calls
from fastpath.client import AsyncEngineClient, EngineClient
from fastpath.core import Engine
from fastpath.follower import EpochChange, Frame, Gap, Item, RepairedBy, Snapshot, Status, Top
from fastpath.level_book import LevelBooks
from fastpath.records import EventFlag
from fastpath.subscriber import AsyncSubscriber, Subscriber


def last_seq(client: EngineClient) -> int:
    return next(s.seq for s in client.ask(calls.hello()).streams if s.topic == "md.sim.full")


def follow(subscriber: Subscriber, books: LevelBooks, last: int) -> list[Item]:
    """Apply items until `last`, checking that sequences never skip."""
    items = []
    expected = books.seq + 1
    while books.seq < last:
        item = subscriber.recv(20)
        assert item is not None, f"stuck at {books.seq} of {last}"
        items.append(item)
        if isinstance(item, Frame):
            assert item.seq == expected
            assert np.array_equal(item.records["seq"], np.arange(item.seq, item.seq + len(item.records)))
        books.take(item)
        expected = books.seq + 1
    return items


def test_snapshot_and_stream_equal_the_books_themselves(feed: Feed, run_dir: str) -> None:
    day = Day(seed=11)
    config = engine_config(run_dir, feed.venue())
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["md.sim.full"]) as late,
    ):
        feed.send(day.opening() + day.messages(2_000))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "first part")
        books = LevelBooks()
        first = late.recv(20)
        assert isinstance(first, Snapshot)
        books.take(first)
        assert books.symbols == {symbol: locate for locate, symbol in day.symbols.items()}
        assert all(books.depth(locate) == day.depth(locate) for locate in day.symbols)
        feed.send(day.messages(3_000), pause_s=0.0002)
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "second part")
        items = follow(late, books, last_seq(client))
        assert all(books.depth(locate) == day.depth(locate) for locate in day.symbols)
        assert books.trusted
        assert any(isinstance(item, Frame) for item in items)


def test_replay_gives_the_records_that_were_published(feed: Feed, run_dir: str) -> None:
    day = Day(seed=12)
    config = engine_config(run_dir, feed.venue(), history_events=1_024)
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["md.sim.full"]) as subscriber,
    ):
        assert isinstance(subscriber.recv(10), Snapshot)
        feed.send(day.opening() + day.messages(3_000))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all")
        last = last_seq(client)
        published: list[Frame] = []
        while not published or published[-1].seq + len(published[-1].records) <= last:
            item = subscriber.recv(10)
            assert isinstance(item, Frame)
            published.append(item)
        stream = np.concatenate([frame.records for frame in published])
        epoch = client.ask(calls.hello()).epoch
        whole = client.ask(calls.replay("md.sim.full", epoch, 1, last))
        assert whole.oldest == last - 1_023
        assert (whole.first, whole.count) == (whole.oldest, 1_024)
        assert whole.records == stream[-1_024:].tobytes()
        part = client.ask(calls.replay("md.sim.full", epoch, last - 9, last - 5))
        assert part.records == stream[-10:-5].tobytes()
        assert client.ask(calls.replay("md.sim.full", epoch, last + 1, last + 5)).count == 0
        assert not client.ask(calls.replay("md.sim.full", epoch + 1, 1, last)).ok
        assert not client.ask(calls.replay("md.none.full", epoch, 1, last)).ok


def test_a_slow_subscriber_repairs_what_libzmq_dropped(feed: Feed, run_dir: str) -> None:
    day = Day(seed=13)
    config = engine_config(run_dir, feed.venue())
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["md.sim.full"], rcvhwm=2) as slow,
    ):
        books = LevelBooks()
        books.take(slow.recv(20))  # type: ignore[arg-type]
        feed.send(day.opening())
        # Many large frames while nobody reads: far more than the socket's buffers and high-water marks hold.
        for _ in range(40):
            feed.send(day.messages(500), batch=30, pause_s=0.0003)
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all messages", 60)
        items = follow(slow, books, last_seq(client))
        assert all(books.depth(locate) == day.depth(locate) for locate in day.symbols)
        stats = engine.stats()
        assert stats.ring_full_events == 0
        # Whether libzmq dropped depends on its buffers; when it did, it was told and repaired.
        for item in items:
            if isinstance(item, Gap):
                assert item.repaired_by in (RepairedBy.REPLAY, RepairedBy.SNAPSHOT)


def test_frames_that_never_arrive_are_repaired(feed: Feed, run_dir: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose published frames on purpose between libzmq and the follower: replay, and beyond the history a snapshot."""
    day = Day(seed=14)
    config = engine_config(run_dir, feed.venue(), history_events=1_024)
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["md.sim.full"]) as subscriber,
    ):
        books = LevelBooks()
        books.take(subscriber.recv(20))  # type: ignore[arg-type]
        station = subscriber._station
        real, count = station.frame, 0

        def lossy(topic: bytes, data: bytes) -> list[Item]:
            nonlocal count
            count += data[3] == 1
            return [] if data[3] == 1 and count % 3 == 2 else real(topic, data)

        monkeypatch.setattr(station, "frame", lossy)
        feed.send(day.opening())
        for _ in range(30):
            feed.send(day.messages(20))
            time.sleep(0.002)
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "first part")
        items = follow(subscriber, books, last_seq(client))
        assert any(isinstance(item, Gap) and item.repaired_by is RepairedBy.REPLAY for item in items)
        assert all(books.depth(locate) == day.depth(locate) for locate in day.symbols)
        # Everything lost for longer than the history reaches back.
        monkeypatch.setattr(station, "frame", lambda topic, data: [] if data[3] == 1 else real(topic, data))
        feed.send(day.messages(3_000))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "second part")
        while subscriber.recv(0.2) is None and books.seq < last_seq(client):
            pass  # a heartbeat tells of the lost tail
        monkeypatch.setattr(station, "frame", real)
        feed.send(day.messages(10))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "third part")
        fresh = LevelBooks()
        with Subscriber(config.pub, config.router, ["md.sim.full"]) as other:
            fresh.take(other.recv(20))  # type: ignore[arg-type]
            assert all(fresh.depth(locate) == day.depth(locate) for locate in day.symbols)


def test_records_lost_inside_the_engine_show_and_heal(feed: Feed, run_dir: str) -> None:
    """A tiny ring and a bus thread busy with huge snapshots: the hot thread drops rather than waits, says so, and
    every book is sent again."""
    config = engine_config(run_dir, feed.venue(max_orders=65_536), event_ring=1_024, spin_us=0)
    day = Day(seed=15)
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["md.sim.full"]) as subscriber,
    ):
        feed.send(day.opening())
        deep = [add(1, 10**7 + i, "B", 10, "SYM1", 100 * (i + 1)) for i in range(60)]
        feed.send(deep)
        for i in range(60):
            day.orders[10**7 + i] = [1, "B", 100 * (i + 1), 10]
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "the deep book")
        books = LevelBooks()
        books.take(subscriber.recv(20))  # type: ignore[arg-type]

        async def drown() -> None:
            async with AsyncEngineClient(config.router, timeout_s=30) as many:
                sends = asyncio.get_running_loop().run_in_executor(None, pump)
                while not sends.done():
                    await asyncio.gather(*(many.ask(calls.stats()) for _ in range(200)))
                await sends

        def pump() -> None:
            end = time.monotonic() + 20
            while engine.stats().ring_full_events == 0 and time.monotonic() < end:
                feed.send(day.messages(3_000), batch=30)

        asyncio.run(drown())
        stats = engine.stats()
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all messages", 60)
        if stats.ring_full_events == 0:
            pytest.skip("the bus thread kept up with everything this machine could send")
        assert client.ask(calls.state()).ring_full_events > 0
        wait_until(lambda: client.ask(calls.snapshot("md.sim.full")).ok, "books sent again")
        wait_until(lambda: not client.ask(calls.top("SYM1")).tops[0].stale, "trust again")
        for locate, symbol in day.symbols.items():
            depth = client.ask(calls.depth(symbol, "sim", 100))
            bids, asks = day.depth(locate)
            assert (depth.bids, depth.asks) == (bids[:100], asks[:100])
        # A subscriber that was there all the time found the hole and is whole again.
        gaps = [i for i in follow(subscriber, books, last_seq(client)) if isinstance(i, Gap)]
        assert any(gap.repaired_by is RepairedBy.SNAPSHOT for gap in gaps)
        assert all(books.depth(locate) == day.depth(locate) for locate in day.symbols)


def test_tops_are_conflated_and_end_at_the_newest(feed: Feed, run_dir: str) -> None:
    day = Day(seed=16)
    config = engine_config(run_dir, feed.venue(), conflate_ms=20)
    with Engine(config) as engine, EngineClient(config.router) as client:
        with Subscriber(config.pub, config.router, ["md.sim.top.", "status"]) as subscriber:
            assert isinstance(subscriber.recv(10), Status)
            feed.send(day.opening())
            feed.send(day.messages(4_000), pause_s=0.0002)
            wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all")
            newest: dict[str, Top] = {}
            tops, status = 0, 0
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                item = subscriber.recv(0.1)
                if isinstance(item, Top):
                    tops += 1
                    assert item.seq == (newest[item.topic].seq if item.topic in newest else 0) + 1
                    newest[item.topic] = item
                elif isinstance(item, Status):
                    status += 1
                    assert item.state.venues[0].name == "sim"
        assert set(newest) == {f"md.sim.top.{symbol}" for symbol in day.symbols.values()}
        assert len(day.symbols) <= tops < engine.stats().events
        assert status > 3
        for topic, item in newest.items():
            top = client.ask(calls.top(topic.rpartition(".")[2])).tops[0]
            assert (int(item.record["bid_e4"]), int(item.record["ask_e4"])) == (top.bid_e4, top.ask_e4)
            assert not int(item.record["flags"]) & EventFlag.MORE


def test_a_killed_subscriber_leaves_the_engine_alone(feed: Feed, run_dir: str) -> None:
    day = Day(seed=17)
    config = engine_config(run_dir, feed.venue())
    code = (
        "import sys\nfrom fastpath.subscriber import Subscriber\n"
        "s = Subscriber(sys.argv[1], sys.argv[2], ['md.sim.full', 'status'])\n"
        "print(type(s.recv(20)).__name__, flush=True)\n"
        "while True: s.recv(1)\n"
    )
    with Engine(config) as engine, EngineClient(config.router) as client:
        feed.send(day.opening())
        for _ in range(3):
            child = subprocess.Popen([sys.executable, "-c", code, config.pub, config.router], stdout=subprocess.PIPE)
            assert child.stdout is not None
            assert child.stdout.readline().strip() in (b"Snapshot", b"Status")
            feed.send(day.messages(200))
            os.kill(child.pid, signal.SIGKILL)
            child.wait(10)
            feed.send(day.messages(200))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all")
        engine.check_health()
        assert client.ask(calls.depth("SYM1", "sim", 100)).bids == day.depth(1)[0][:100]


def test_a_restart_is_seen_as_a_new_epoch(feed: Feed, run_dir: str) -> None:
    day = Day(seed=18)
    config = engine_config(run_dir, feed.venue())
    with Subscriber(config.pub, config.router, ["md.sim.full"]) as subscriber:
        with Engine(config) as engine:
            feed.send(day.opening() + day.messages(300))
            wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "first day")
            assert isinstance(subscriber.recv(20), Snapshot)
            feed.send(day.messages(50))
            item = subscriber.recv(20)
            if isinstance(item, Gap):  # the DEALER found the new engine before the SUB did: what it missed is replayed
                item = subscriber.recv(20)
            assert isinstance(item, Frame)
        with Engine(config) as engine, EngineClient(config.router) as client:
            feed.send(day.messages(100))
            wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "the day again")
            books, changed = LevelBooks(), None
            last = last_seq(client)
            while changed is None or books.seq < last:
                item = subscriber.recv(20)
                assert item is not None
                if isinstance(item, EpochChange):
                    changed = item
                if changed is not None:  # frames of the first engine may still be waiting
                    books.take(item)
            assert (changed.old, changed.new) == (1, 2)
            assert books.trusted
            assert all(books.depth(locate) == day.depth(locate) for locate in day.symbols)


def test_asyncio_on_uvloop(feed: Feed, run_dir: str) -> None:
    day = Day(seed=19)
    config = engine_config(run_dir, feed.venue())

    async def run() -> None:
        async with (
            AsyncEngineClient(config.router) as client,
            AsyncSubscriber(config.pub, config.router, ["md.sim.full"]) as subscriber,
        ):
            books = LevelBooks()
            async with asyncio.timeout(30):
                books.take(await subscriber.recv())
                feed.send(day.opening() + day.messages(2_000))
                answers = await asyncio.gather(*(client.ask(calls.hello()) for _ in range(50)))
                assert {a.version for a in answers} == {"0.1.0"}
                async for item in subscriber:
                    books.take(item)
                    if books.seq >= 2_000 and all(books.depth(n) == day.depth(n) for n in day.symbols):
                        break

    with Engine(config):
        uvloop.run(run())


def test_an_unknown_topic_is_told(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    with pytest.raises(ValueError, match="no topic"):
        Subscriber(config.pub, config.router, ["prices"])

    async def run() -> None:
        async with AsyncSubscriber(config.pub, config.router, ["md.nowhere.full"]) as subscriber, asyncio.timeout(20):
            with pytest.raises(LookupError, match="no such topic"):
                await subscriber.recv()

    with Engine(config), Subscriber(config.pub, config.router, ["md.nowhere.full"]) as subscriber:
        with pytest.raises(LookupError, match="no such topic"):
            subscriber.recv(10)
        uvloop.run(run())
