"""An engine on a real (loopback multicast) feed: arbitration, recovery, garbage, silence, books."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest
from market_feed import SESSION, Day, Feed, add, directory, engine_config, packet, wait_until

from fastpath import calls
from fastpath.client import EngineClient
from fastpath.core import Engine, EngineError
from fastpath.follower import Snapshot
from fastpath.level_book import LevelBooks
from fastpath.records import EventKind
from fastpath.subscriber import Subscriber


def books_equal(client: EngineClient, day: Day) -> bool:
    for locate, symbol in day.symbols.items():
        depth = client.ask(calls.depth(symbol, "sim", 100))
        if (depth.bids, depth.asks) != day.depth(locate):
            return False
    return True


def test_books_follow_both_lines_with_losses_on_each(feed: Feed, run_dir: str) -> None:
    day = Day()
    config = engine_config(run_dir, feed.venue())
    with Engine(config) as engine, EngineClient(config.router) as client:
        feed.send(day.opening())
        losses = random.Random(3)
        for _ in range(150):
            # Every packet is lost on one line or the other now and then, on both never.
            feed.send(day.messages(20), lines=losses.choice(["A", "B", "AB", "AB"]), pause_s=0.0005)
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all messages")
        stats = engine.stats().feed[0]
        assert stats.duplicates > 0
        assert stats.gaps_lost == 0
        assert stats.unknown_ref == 0
        assert not stats.stale
        wait_until(lambda: books_equal(client, day), "equal books")


def test_what_both_lines_lost_comes_from_the_rerequest_server(feed: Feed, run_dir: str) -> None:
    day = Day(seed=2)
    config = engine_config(run_dir, feed.venue())
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["md.sim.full"]) as subscriber,
    ):
        mine = LevelBooks()
        joined = subscriber.recv(10)
        assert isinstance(joined, Snapshot)
        mine.take(joined)
        feed.send(day.opening())
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "opening")
        for i in range(40):
            feed.send(day.messages(20), lines="" if i % 8 == 5 else "AB", pause_s=0.001)
        feed.send(day.messages(5))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "all messages")
        stats = engine.stats().feed[0]
        assert stats.gaps_filled >= 1
        assert stats.messages_recovered >= 100
        assert stats.gaps_lost == 0
        assert feed.requests >= 1
        assert books_equal(client, day)
        # The stream tells the gap and its end, and books rebuilt from it are equal as well.
        kinds: set[int] = set()
        last = client.ask(calls.hello()).streams[1].seq
        while mine.seq < last:
            item = subscriber.recv(10)
            assert item is not None
            mine.take(item)
            if hasattr(item, "records"):
                kinds |= set(item.records["kind"].tolist())
        assert {EventKind.GAP, EventKind.GAP_FILLED} <= kinds
        assert all(mine.depth(locate) == day.depth(locate) for locate in day.symbols)


def test_without_a_rerequest_server_a_gap_is_lost_and_books_stay_stale(run_dir: str) -> None:
    feed, day = Feed(rerequest=False), Day(seed=4)
    config = engine_config(run_dir, feed.venue())
    try:
        with Engine(config) as engine, EngineClient(config.router) as client:
            feed.send(day.opening())
            feed.send(day.messages(100))
            feed.send(day.messages(7), lines="")
            feed.send(day.messages(100))
            wait_until(lambda: engine.stats().feed[0].gaps_lost == 1, "a lost gap")
            stats = engine.stats().feed[0]
            assert stats.messages_lost == 7
            assert stats.stale
            assert client.ask(calls.top("SYM1")).tops[0].stale
            assert client.ask(calls.state()).venues[0].feed.gaps_lost == 1
    finally:
        feed.close()


def test_late_joiner_asks_for_the_whole_day(feed: Feed, run_dir: str) -> None:
    day = Day(seed=5)
    feed.send(day.opening() + day.messages(3_000))  # nobody listens yet
    config = engine_config(run_dir, feed.venue())
    with Engine(config) as engine, EngineClient(config.router) as client:
        feed.send(day.messages(20))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "the whole day")
        assert not engine.stats().feed[0].stale
        assert books_equal(client, day)


def test_garbage_is_counted_by_name_and_changes_nothing(feed: Feed, run_dir: str) -> None:
    day = Day(seed=6)
    config = engine_config(run_dir, feed.venue())
    with Engine(config) as engine, EngineClient(config.router) as client:
        feed.send(day.opening() + day.messages(200))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "the good part")
        good = packet(len(feed.sent) + 1, [directory(1, "SYM1")])
        feed.raw(b"short")
        feed.raw(good[:-3])
        feed.raw(good + b"trailing")
        feed.raw(packet(len(feed.sent) + 1, [directory(1, "SYM1")], session=b"OTHERDAY01"))
        feed.raw(SESSION + bytes(8) + b"\0\1" + b"\0\1x")
        feed.raw(b"x" * 1_800)
        feed.raw(b"x" * 6_000)
        noise = random.Random(7)
        for _ in range(300):
            feed.raw(noise.randbytes(noise.randrange(0, 1_400)), noise.randrange(2))
        # Well-formed packets with nonsense inside: the book refuses each message by name.
        feed.send([b"?what", add(1, 10**9, "B", 5, "SYM1", 500)[:-2], b"A"])
        feed.send([b"D" + bytes(10) + (2**60).to_bytes(8, "big")])
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "the nonsense")
        stats = engine.stats().feed[0]
        assert stats.bad_truncated >= 2
        assert stats.bad_length >= 1
        assert stats.bad_session >= 1
        assert stats.bad_count >= 1
        assert stats.bad_oversized == 2
        assert stats.unknown_type == 1
        assert stats.wrong_length == 2
        assert stats.unknown_ref == 1
        refused = stats.bad_truncated + stats.bad_length + stats.bad_session + stats.bad_count + stats.bad_oversized
        assert refused == 7 + 300
        engine.check_health()
        # And the feed goes on as if nothing had been.
        feed.send(day.messages(500))
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "the rest")
        assert books_equal(client, day)


def test_a_silent_line_is_told_and_told_again_when_it_is_back(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    seen: list[tuple[int, int]] = []
    with Engine(config), Subscriber(config.pub, config.router, ["md.sim.full"]) as subscriber:
        feed.send(Day().opening())
        end = time.monotonic() + 15
        while time.monotonic() < end and (EventKind.LINE_UP, 8) not in seen:
            # Line B is silent until its fall was told.
            feed.heartbeat("AB" if (EventKind.LINE_DOWN, 8) in seen else "A")
            item = subscriber.recv(0.1)
            for record in getattr(item, "records", []):
                if record["kind"] in (EventKind.LINE_DOWN, EventKind.LINE_UP):
                    seen.append((int(record["kind"]), int(record["flags"]) & 8))
    assert seen == [(EventKind.LINE_DOWN, 8), (EventKind.LINE_UP, 8)]


def test_end_of_session_makes_quotes_stale(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    with Engine(config) as engine, EngineClient(config.router) as client:
        feed.send(Day().opening())
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "opening")
        assert not client.ask(calls.top("SYM1")).tops[0].stale
        feed.end_of_session()
        wait_until(lambda: client.ask(calls.state()).venues[0].feed.state == 2, "the end")
        assert client.ask(calls.top("SYM1")).tops[0].stale


def test_an_idle_engine_sleeps(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue(), heartbeat_ms=100, spin_us=50)
    with Engine(config) as engine:
        feed.send(Day().opening())
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "opening")
        time.sleep(0.2)
        before, wall = time.process_time(), time.monotonic()
        time.sleep(2.0)
        used = (time.process_time() - before) / (time.monotonic() - wall)
        assert used < 0.05, f"{used:.1%} of a core while idle"
        assert engine.stats().sleeps > 0


def test_epoch_rises_with_every_start(run_dir: str, feed: Feed) -> None:
    config = engine_config(run_dir, feed.venue())
    epochs = []
    for _ in range(3):
        with Engine(config) as engine:
            epochs.append(engine.stats().epoch)
            engine.stop()
            engine.stop()
            with pytest.raises(EngineError, match="BAD_STATE"):
                engine.start()
    assert epochs == [1, 2, 3]


def test_one_engine_for_a_run_dir_and_none_for_a_bad_one(run_dir: str, feed: Feed) -> None:
    config = engine_config(run_dir, feed.venue())
    with Engine(config), pytest.raises(EngineError, match=rf"runs here already \(process {os.getpid()}\)"):
        Engine(config)
    Path(run_dir).chmod(0o755)
    with pytest.raises(EngineError, match="chmod 700"):
        Engine(config)
    Path(run_dir).chmod(0o700)
    for name in ("engine.pub", "engine.cmd", "engine.op"):
        assert (Path(run_dir) / name).exists() is False or (Path(run_dir) / name).stat().st_mode & 0o777 == 0o600
    with Engine(config):
        for name in ("engine.pub", "engine.cmd", "engine.op", "engine.lock", "epoch"):
            assert (Path(run_dir) / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"event_ring": 1_000}, "powers of two"),
        ({"mode": "fun"}, "paper or live"),
        ({"libzmq_path": "/nowhere/libzmq.so"}, "pyzmq"),
        ({"pub_endpoint": "tcp://127.0.0.1:5"}, "ipc"),
        ({"run_dir": "/nowhere/at/all"}, "/nowhere"),
        ({"run_dir": "relative"}, "absolute"),
        ({"journal_dir": "/proc/nothing"}, "/proc"),
        ({"venues": ()}, "1 to 8 venues"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(
    run_dir: str, feed: Feed, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        Engine(engine_config(run_dir, *(() if "venues" in changes else (feed.venue(),)), **changes))
    assert "\n" not in str(caught.value)
    with Engine(engine_config(run_dir, feed.venue())):
        pass  # nothing was left behind
