"""The ROUTER doors: every reading operation, and bytes that are no requests."""

from __future__ import annotations

import random
import stat
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq
from market_feed import Day, Feed, engine_config, wait_until

from fastpath import calls
from fastpath.bus_messages import Answer
from fastpath.client import EngineClient, NoEngineError
from fastpath.core import Engine
from fastpath.engine_config import AgentConfig, Limits
from fastpath.records import Reason


def test_market_questions(feed: Feed, run_dir: str) -> None:
    day = Day(symbols=12, seed=21)
    second = Feed()
    try:
        config = engine_config(run_dir, feed.venue("one", taker_fee_e6=3_000), second.venue("two"))
        with Engine(config) as engine, EngineClient(config.router) as client:
            feed.send(day.opening() + day.messages(2_000))
            second.send(Day(symbols=1, seed=22).opening())
            wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "venue one")
            wait_until(lambda: engine.stats().feed[1].messages == len(second.sent), "venue two")
            wait_until(lambda: client.ask(calls.top("SYM1", "two")).ok, "its symbol")

            hello = client.ask(calls.hello())
            assert [(v.name, v.taker_fee_e6, v.orders) for v in hello.venues] == [
                ("one", 3_000, False),
                ("two", 0, False),
            ]
            assert [s.topic for s in hello.streams] == [
                "status",
                "md.one.full",
                "md.two.full",
                "exec.desk",
                "exec.other",
            ]
            assert (hello.mode, hello.accounts, hello.agents[0].account) == ("paper", ["desk", "other"], "desk")

            found = client.ask(calls.instruments(query="sym1"))
            assert found.total == 5  # SYM1 SYM10 SYM11 SYM12, and SYM1 of venue two
            assert {(i.symbol, i.venue) for i in found.instruments} >= {("SYM1", "one"), ("SYM1", "two")}
            assert all(i.round_lot == 100 and i.trading_state == "T" for i in found.instruments)
            page = client.ask(calls.instruments("one", offset=10, limit=1))
            assert (page.total, [i.symbol for i in page.instruments]) == (12, ["SYM11"])
            assert client.ask(calls.instruments(query="ZZ")).total == 0

            tops = client.ask(calls.top("SYM1")).tops
            assert [t.venue for t in tops] == ["one", "two"]
            bids, asks = day.depth(1)
            assert (tops[0].bid_e4, tops[0].bid_shares) == bids[0][:2]
            assert (tops[0].ask_e4, tops[0].ask_shares) == asks[0][:2]
            assert (tops[1].bid_e4, tops[1].ask_e4) == (0, 0)
            assert tops[0].feed_heard_ns >= tops[0].rx_ns > 0

            depth = client.ask(calls.depth("SYM1", "one", 3))
            assert (depth.bids, depth.asks) == (bids[:3], asks[:3])
            trades = client.ask(calls.trades("SYM1", limit=5)).trades
            assert len(trades) == 5
            assert [t.seq for t in trades] == sorted((t.seq for t in trades), reverse=True)

            for call, reason in (
                (calls.top("NONE"), Reason.UNKNOWN_SYMBOL_YET),
                (calls.top("SYM1", "three"), Reason.UNKNOWN_VENUE),
                (calls.depth("SYM2", "two"), Reason.UNKNOWN_SYMBOL_YET),
                (calls.depth("SYM1", "one", 0), Reason.MALFORMED),
                (calls.depth("SYM1", "one", 101), Reason.MALFORMED),
                (calls.trades("SYM1", limit=101), Reason.MALFORMED),
                (calls.snapshot("status"), Reason.MALFORMED),
                (calls.positions("nobody"), Reason.UNKNOWN_ACCOUNT),
                (calls.orders("desk", limit=501), Reason.MALFORMED),
                (calls.order("nobody", "x"), Reason.UNKNOWN_ACCOUNT),
                (calls.order("desk", "x"), Reason.UNKNOWN_ORDER),
            ):
                untyped: calls.Call[Any] = call
                answer = client.ask(untyped)
                assert (answer.ok, answer.reason) == (False, reason), call
                assert answer.error
    finally:
        second.close()


def test_state_stats_limits(feed: Feed, run_dir: str) -> None:
    agents = (AgentConfig(name="agent", limits=Limits(max_position=7)),)
    config = engine_config(run_dir, feed.venue(), agents=agents, firm_limits=Limits(max_loss_e4=9))
    with Engine(config) as engine, EngineClient(config.router) as client:
        feed.send(Day().opening())
        wait_until(lambda: engine.stats().feed[0].messages == len(feed.sent), "opening")
        state = client.ask(calls.state())
        assert (state.mode, state.durability, state.recovering) == ("paper", "crash", False)
        assert state.venues[0].feed.messages == len(feed.sent)
        assert len(state.venues[0].feed.line_heard_ns) == 2
        assert client.ask(calls.orders("desk")).orders == []
        assert client.ask(calls.positions("desk")).positions == []
        limits = client.ask(calls.limits("desk", "agent"))
        assert limits.firm["max_loss_e4"] == 9
        assert limits.agent is not None
        assert limits.agent["max_position"] == 7
        assert set(limits.account) == set(Limits.__slots__)
        assert client.ask(calls.limits("desk")).agent is None
        stats = client.ask(calls.stats()).stats
        mine = engine.stats()
        assert set(stats) == set(mine.__slots__)
        assert set(stats["feed"][0]) == set(mine.feed[0].__slots__)
        assert set(stats["order"][0]) == set(mine.order[0].__slots__)
        assert stats["epoch"] == mine.epoch
        assert stats["feed"][0]["session"] == "TESTDAY001"


def test_without_an_order_side_orders_are_refused(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    with Engine(config), EngineClient(config.router) as client:
        reply = client.ask(calls.cancel_all(account="desk", agent="agent"))
        assert (reply.outcome, reply.reason) == ("refused", Reason.SESSION_DOWN)
        for bad in ({"venue": "x"}, {"side": "Q"}, {"symbol": ""}):
            narrowed: Any = calls.cancel_all(account="desk", agent="agent", **bad)
            assert not client.ask(narrowed).ok


def raw_dealer(context: zmq.Context[zmq.Socket[bytes]], endpoint: str) -> zmq.Socket[bytes]:
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.connect(endpoint)
    return dealer


def test_garbage_is_answered_or_counted_and_never_hurts(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    with Engine(config) as engine, EngineClient(config.router) as client, zmq.Context() as context:
        dealer = raw_dealer(context, config.router)
        encode = msgspec.msgpack.encode
        good = {"v": 1, "id": 5, "op": "top", "symbol": "SYM1"}
        cases: list[tuple[list[bytes], int, str]] = [
            ([b""], 0, "map"),
            ([b"hello"], 0, "map"),
            ([encode([1, 2])], 0, "map"),
            ([encode(good) + b"\0"], 0, "after"),
            ([encode(good | {"symbl": 1})], 5, "symbl"),
            ([encode(good | {"op": "nonsense"})], 5, "nonsense"),
            ([encode({"v": 1, "id": 5})], 5, "op"),
            ([encode(good | {"v": 2})], 5, "version"),
            ([encode(good | {"symbol": 1.5})], 0, "floats"),
            ([encode(good | {"symbol": "x" * 5_000})], 5, "symbol"),
            ([encode(good | {"symbol": {"a": [1, {"b": 2}]}})], 5, "symbol"),
            ([encode(good), b"second frame"], 5, "one frame"),
            ([b"", encode(good)], 0, ""),
            ([b"x" * 9_000], 0, "8192"),
        ]
        for frames, number, word in cases:
            dealer.send_multipart(frames)
            assert dealer.poll(10_000), frames
            answer = msgspec.msgpack.decode(dealer.recv(), type=Answer)
            assert (answer.ok, answer.id, answer.reason > 0) == (False, number, True), frames
            assert word in answer.error, answer.error
        counted = engine.stats().bus_bad_requests
        assert counted == len(cases)
        # Noise, unread answers, and a message that libzmq itself refuses (it ends that connection).
        noise = random.Random(3)
        for _ in range(500):
            dealer.send(noise.randbytes(noise.randrange(200)))
        dealer.send(b"x" * 100_000)
        dealer.close(0)
        for _ in range(20):
            throwaway = raw_dealer(context, config.router)
            throwaway.send(encode(good))
            throwaway.close(0)
        assert client.ask(calls.hello()).ok
        feed.send(Day().opening())
        wait_until(lambda: client.ask(calls.top("SYM1")).ok, "the feed goes on")
        assert engine.stats().bus_bad_requests > counted
        engine.check_health()


def test_a_flood_of_commands_is_answered_one_by_one(feed: Feed, run_dir: str) -> None:
    """More requests for the hot thread at once than its lane has slots: each gets an answer, none two."""
    config = engine_config(run_dir, feed.venue())
    with Engine(config), zmq.Context() as context:
        dealer = raw_dealer(context, config.router)
        dealer.setsockopt(zmq.RCVHWM, 0)
        count = 3_000
        for number in range(1, count + 1):
            fields = {"v": 1, "id": number, "op": "order", "account": "desk", "client_order_id": "x"}
            dealer.send(msgspec.msgpack.encode(fields))
        seen: dict[int, int] = {}
        while len(seen) < count:
            assert dealer.poll(20_000), f"{len(seen)} of {count} answered"
            answer = msgspec.msgpack.decode(dealer.recv(), type=Answer)
            assert answer.id not in seen
            seen[answer.id] = answer.reason
        assert set(seen.values()) <= {Reason.UNKNOWN_ORDER, Reason.TABLE_FULL}
        assert not dealer.poll(200)
        dealer.close(0)


def test_sockets_are_ours_alone_and_taken_over_after_a_kill(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    with Engine(config):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path(run_dir).iterdir()}
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE(Path(run_dir).stat().st_mode) == 0o700
    # What a killed engine leaves behind: files that nobody listens on.
    for name in ("engine.pub", "engine.cmd", "engine.op"):
        (Path(run_dir) / name).touch()
    with Engine(config), EngineClient(config.router) as client, EngineClient(config.operator) as operator:
        assert client.ask(calls.hello()).ok
        assert operator.ask(calls.hello()).ok


def test_no_engine_is_told_at_once_and_nothing_is_kept_for_later(feed: Feed, run_dir: str) -> None:
    config = engine_config(run_dir, feed.venue())
    with EngineClient(config.router, timeout_s=0.3) as client:
        with pytest.raises(NoEngineError):
            client.ask(calls.kill(agent="agent", scope="firm", reason_text="too late"))
        with Engine(config) as engine:
            wait_until(lambda: _answers(client), "the engine")
            time.sleep(0.1)
            assert engine.stats().bus_commands == 0


def _answers(client: EngineClient) -> bool:
    try:
        return client.ask(calls.hello()).ok
    except NoEngineError:
        return False
