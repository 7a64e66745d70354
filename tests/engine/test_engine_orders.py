"""Orders through the whole engine to the simulated exchange: life of an order, idempotency, kill, lost
connections, and an engine that is killed and comes back knowing everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from market_feed import engine_config, wait_until

from fastpath import calls
from fastpath.bus_messages import Reply
from fastpath.client import EngineClient
from fastpath.core import Command, CommandKind, Engine, EngineError, Outcome
from fastpath.engine_config import AccountConfig, AgentConfig, EngineConfig, Limits, VenueConfig
from fastpath.follower import Frame, Snapshot
from fastpath.journal import JournalReader, JournalType
from fastpath.records import ExecKind, OrderState, Reason
from fastpath.subscriber import Subscriber
from sim.exchange import SymbolConfig, UserConfig
from sim.exchange import VenueConfig as ExchangeConfig
from sim.exchange.control import Exchange

WIDE = Limits(
    max_order_notional_e4=10**13,
    max_gross_notional_e4=10**14,
    max_net_notional_e4=10**14,
    max_loss_e4=10**12,
    max_position=10**6,
    max_order_quantity=10_000,
    max_open_orders=1_000,
    orders_per_s=1_000,
    order_burst=1_000,
    collar_bps=10_000,
    fat_finger_bps=100_000,
    max_feed_silence_ms=60_000,
)


@contextmanager
def simulated_exchange() -> Iterator[Exchange]:
    """A venue whose books hold only what is put there; AAPL 99.90 to 100.10."""
    config = ExchangeConfig(
        name="sim",
        users=(UserConfig("FPATH", "secret"),),
        symbols=(SymbolConfig("AAPL", "100.00"), SymbolConfig("MSFT", "50.00")),
        flow=False,
        feed_heartbeat_ms=200,
    )
    with Exchange(config) as venue:
        venue.inject("AAPL", "B", 500, "99.90")
        venue.inject("AAPL", "S", 300, "100.10")
        yield venue


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    with simulated_exchange() as venue:
        yield venue


def config_for(venue: Exchange, run_dir: str, **changes: object) -> EngineConfig:
    at = venue.endpoints
    mine = VenueConfig(
        name="sim",
        feed_group=at.feed_group,
        feed_port=at.feed_port,
        rerequest_host=at.rerequest_host,
        rerequest_port=at.rerequest_port,
        order_host=at.order_host,
        order_port=at.order_port,
        username="FPATH",
        password="secret",
        firm="FPTH",
        midnight_ns=at.midnight_ns,
        max_orders=16_384,
    )
    settings: dict[str, object] = {
        "journal_dir": str(Path(run_dir).parent / "journal"),
        "firm_limits": WIDE,
        "accounts": (AccountConfig(name="desk", limits=WIDE),),
        "agents": (AgentConfig(name="agent", limits=WIDE, may_short=True),),
    }
    return engine_config(run_dir, mine, **(settings | changes))


def live(client: EngineClient) -> None:
    def ready() -> bool:
        venue = client.ask(calls.state()).venues[0]
        return venue.orders.state == 4 and venue.feed.state == 1 and not venue.feed.stale

    wait_until(ready, "a live session and feed")
    wait_until(lambda: client.ask(calls.top("AAPL")).ok, "the symbol")


ORDER = {
    "account": "desk", "agent": "agent", "venue": "sim", "symbol": "AAPL", "side": "B", "quantity": 100,
    "price_e4": 995_000,
}  # fmt: skip


def submit(client: EngineClient, number: str, **changes: Any) -> Reply:
    fields: Any = {**ORDER, "client_order_id": number, **changes}
    return client.ask(calls.submit(**fields))


def state_of(client: EngineClient, number: str) -> int:
    order = client.ask(calls.order("desk", number)).order
    return -1 if order is None else order.state


def test_life_of_orders(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["exec.desk"]) as subscriber,
    ):
        assert isinstance(subscriber.recv(10), Snapshot)
        live(client)
        wanted: Any = {**ORDER, "client_order_id": "a1"}
        preview = client.ask(calls.preview(**wanted))
        assert preview.outcome == "accepted"
        assert len(preview.checks) > 10
        assert all(check.passed for check in preview.checks)
        assert state_of(client, "a1") == -1
        # Rests, is replaced, is cancelled.
        first = submit(client, "a1")
        assert (first.outcome, first.reason) == ("accepted", 0)
        assert first.order is not None
        assert first.quote.bid_e4 == 999_000
        wait_until(lambda: state_of(client, "a1") == OrderState.LIVE, "live")
        moved = client.ask(
            calls.replace(
                account="desk",
                agent="agent",
                client_order_id="a1",
                new_client_order_id="a2",
                quantity=200,
                price_e4=996_000,
            )
        )
        assert moved.outcome == "accepted"
        wait_until(lambda: state_of(client, "a2") == OrderState.LIVE, "replaced")
        assert state_of(client, "a1") == OrderState.REPLACED
        # Our own order is in the book that the feed brings.
        wait_until(lambda: [996_000, 200, 1] in map(list, client.ask(calls.depth("AAPL", "sim", 10)).bids), "depth")
        rows = client.ask(calls.orders("desk")).orders
        assert [(o.client_order_id, o.leaves, o.tif, o.venue) for o in rows] == [("a2", 200, "day", "sim")]
        assert client.ask(calls.cancel(account="desk", agent="agent", client_order_id="a2")).outcome == "accepted"
        wait_until(lambda: state_of(client, "a2") == OrderState.CANCELED, "cancelled")
        # Crosses the spread.
        assert submit(client, "b1", price_e4=1_001_000, tif="ioc").outcome == "accepted"
        wait_until(lambda: state_of(client, "b1") == OrderState.FILLED, "filled")
        positions = client.ask(calls.positions("desk")).positions
        assert [(p.symbol, p.position, p.open_cost_e4, p.bought, p.sold) for p in positions] == [
            ("AAPL", 100, 100_100_000, 100, 0)
        ]
        trades = client.ask(calls.trades("AAPL")).trades
        assert [(t.price_e4, t.shares, t.resting_side) for t in trades] == [(1_001_000, 100, "S")]
        # The stream told the same.
        seen: list[int] = []
        while ExecKind.FILL not in seen:
            item = subscriber.recv(10)
            assert isinstance(item, Frame)
            seen += item.records["kind"].tolist()
        assert seen == [
            ExecKind.SENT,
            ExecKind.ACCEPTED,
            ExecKind.REPLACE_SENT,
            ExecKind.SENT,
            ExecKind.REPLACED_AWAY,
            ExecKind.REPLACED,
            ExecKind.CANCEL_SENT,
            ExecKind.CANCELED,
            ExecKind.SENT,
            ExecKind.ACCEPTED,
            ExecKind.FILL,
        ]
        stats = engine.stats()
        assert stats.order_to_ack[0].count >= 2
        assert stats.decision.count == 4
        assert 0 < stats.decision.p50_ns < 50_000_000
        assert stats.journal_records > 0
        engine.check_health()


def test_the_same_client_order_id_is_one_order(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    with Engine(config), EngineClient(config.router) as client:
        live(client)
        first = submit(client, "same")
        again = submit(client, "same")
        other = submit(client, "same", quantity=101)
        assert (first.outcome, again.outcome, other.outcome) == ("accepted", "replayed", "refused")
        assert other.reason == Reason.IDEMPOTENCY_CONFLICT
        assert first.order is not None
        assert again.order is not None
        assert first.order.order_id == again.order.order_id
        wait_until(lambda: state_of(client, "same") == OrderState.LIVE, "live")
        assert len(exchange.orders("FPATH")) == 1


def test_refusals_carry_their_reason_and_figures(exchange: Exchange, run_dir: str) -> None:
    tight = Limits(**({name: getattr(WIDE, name) for name in WIDE.__slots__} | {"max_order_quantity": 150}))
    config = config_for(exchange, run_dir, agents=(AgentConfig(name="agent", limits=tight),))
    with Engine(config), EngineClient(config.router) as client:
        live(client)
        cases: list[tuple[dict[str, object], int]] = [
            ({"quantity": 151}, Reason.MAX_QUANTITY),
            ({"symbol": "NONE"}, Reason.UNKNOWN_SYMBOL_YET),
            ({"venue": "nowhere"}, Reason.UNKNOWN_VENUE),
            ({"account": "nobody"}, Reason.UNKNOWN_ACCOUNT),
            ({"agent": "stranger"}, Reason.UNKNOWN_AGENT),
            ({"client_order_id": "with space"}, Reason.CLIENT_ORDER_ID),
        ]
        for number, (change, reason) in enumerate(cases):
            reply = submit(client, f"r{number}", **change)
            assert (reply.ok, reply.outcome, reply.reason) == (True, "refused", reason), change
        limit = next(c for c in submit(client, "r0", quantity=151).checks if not c.passed)
        assert (limit.observed, limit.limit) == (151, 150)
        assert exchange.orders("FPATH") == []
        unreadable: tuple[tuple[Any, Reason], ...] = (
            ({"side": "X"}, Reason.SIDE),
            ({"tif": "gtc"}, Reason.TIF),
            ({"order_type": "x"}, Reason.ORDER_TYPE),
        )
        for change, reason in unreadable:
            reply = submit(client, "bad", **change)
            assert (reply.ok, reply.reason) == (False, reason)
        assert client.ask(calls.order("desk", "bad")).reason == Reason.UNKNOWN_ORDER


def test_kill_cancels_and_latches_until_the_operator_releases(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    with Engine(config), EngineClient(config.router) as client, EngineClient(config.operator) as operator:
        live(client)
        submit(client, "k1")
        submit(client, "k2", price_e4=994_000)
        wait_until(lambda: state_of(client, "k2") == OrderState.LIVE, "live")
        killed = client.ask(calls.kill(agent="agent", scope="account", reason_text="drill"))
        assert (killed.outcome, killed.count) == ("accepted", 2)
        wait_until(lambda: client.ask(calls.orders("desk")).orders == [], "no open orders")
        assert submit(client, "k3").reason == Reason.KILL_SWITCH
        assert client.ask(calls.state()).kill.accounts == ["desk"]
        released = calls.release(operator="me", scope="account", target="desk", reason_text="drill over")
        refused = client.ask(released)
        assert (refused.ok, refused.reason) == (False, Reason.NOT_PERMITTED)
        assert operator.ask(released).outcome == "accepted"
        assert client.ask(calls.state()).kill.accounts == []
        assert submit(client, "k3").outcome == "accepted"


def test_in_process_commands(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        order = Command(
            kind=CommandKind.SUBMIT,
            venue=0,
            symbol="AAPL",
            side="B",
            quantity=10,
            price_e4=990_000,
            client_order_id="in-1",
        )
        reply = engine.command(order)
        assert reply.outcome is Outcome.ACCEPTED
        assert reply.order["client_order_id"] == b"in-1"
        assert engine.command(order).outcome is Outcome.REPLAYED
        cancelled = engine.command(Command(kind=CommandKind.CANCEL, client_order_id="in-1"))
        assert cancelled.outcome is Outcome.ACCEPTED
        wait_until(lambda: state_of(client, "in-1") == OrderState.CANCELED, "cancelled")
        engine.stop()
        with pytest.raises(EngineError, match="does not run"):
            engine.command(order)


def test_a_cut_connection_comes_back_and_nothing_is_lost(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        submit(client, "c1")
        wait_until(lambda: state_of(client, "c1") == OrderState.LIVE, "live")
        exchange.cut_after("FPATH", out_bytes=0)
        submit(client, "c2", price_e4=993_000)
        wait_until(lambda: engine.stats().order[0].logins >= 2, "a second login")
        wait_until(lambda: state_of(client, "c2") == OrderState.LIVE, "the answer that was cut off")
        assert state_of(client, "c1") == OrderState.LIVE
        assert len(exchange.orders("FPATH")) == 2
        assert engine.stats().order[0].disconnects >= 1


CHILD = """
import json, sys, time
sys.path.insert(0, sys.argv[2])
from fastpath.core import Engine
from fastpath.engine_config import *
given = json.loads(sys.argv[1])
limits = Limits(**given["limits"])
given["venue"] = {k: tuple(v) if isinstance(v, list) else v for k, v in given["venue"].items()}
engine = Engine(EngineConfig(
    run_dir=given["run_dir"], journal_dir=given["journal_dir"], firm_limits=limits, heartbeat_ms=50,
    card_library=given["card_library"],
    venues=(VenueConfig(**given["venue"]),), accounts=(AccountConfig(name="desk", limits=limits),),
    agents=(AgentConfig(name="agent", limits=limits, may_short=True),),
))
engine.start()
print("ready", flush=True)
time.sleep(100)
"""


def engine_process(config: EngineConfig) -> subprocess.Popen[str]:
    plain = {name: getattr(WIDE, name) for name in WIDE.__slots__}
    venue = {name: getattr(config.venues[0], name) for name in VenueConfig.__slots__}
    given = {"limits": plain, "venue": venue, "run_dir": config.run_dir, "journal_dir": config.journal_dir,
             "card_library": config.card_library}  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(given), str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_killed_engine_comes_back_knowing_every_order_and_position(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    child = engine_process(config)
    try:
        with EngineClient(config.router) as client:
            live(client)
            submit(client, "d1")
            submit(client, "d2", price_e4=1_001_000, quantity=70)
            wait_until(lambda: state_of(client, "d2") == OrderState.FILLED, "filled")
            wait_until(lambda: state_of(client, "d1") == OrderState.LIVE, "live")
            before = {o.client_order_id: o for o in client.ask(calls.orders("desk", only_open=False)).orders}
            positions = client.ask(calls.positions("desk")).positions
            epoch = client.ask(calls.hello()).epoch
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        # While nobody looks, the resting order is filled in part.
        exchange.inject("AAPL", "S", 540, "99.50", immediate=True)
        with Engine(config) as engine, EngineClient(config.router) as client:
            # Known before the venue has said a word.
            known = {o.client_order_id: o for o in client.ask(calls.orders("desk", only_open=False)).orders}
            assert known.keys() == before.keys()
            assert {n: o.order_id for n, o in known.items()} == {n: o.order_id for n, o in before.items()}
            assert client.ask(calls.hello()).epoch == epoch + 1
            live(client)
            wait_until(lambda: client.ask(calls.order("desk", "d1")).order.cum_shares == 40, "the fill of meanwhile")  # type: ignore[union-attr]
            now = client.ask(calls.positions("desk")).positions
            assert positions[0].position == 70
            assert (now[0].position, now[0].bought) == (110, 110)
            assert submit(client, "d1").outcome == "replayed"
            engine.check_health()
    finally:
        child.kill()
        child.wait(10)
    types = [entry.type for entry in JournalReader(config.journal_dir)]
    assert types[0] == JournalType.START
    assert types.count(JournalType.START) == 2
    assert {JournalType.COMMAND, JournalType.BYTES_OUT, JournalType.SEQUENCED_IN} <= set(types)


def test_stop_leaves_open_orders_at_the_venue(exchange: Exchange, run_dir: str) -> None:
    config = config_for(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        submit(client, "s1")
        wait_until(lambda: state_of(client, "s1") == OrderState.LIVE, "live")
        began = time.monotonic()
        engine.stop()
        assert time.monotonic() - began < 5
    wait_until(lambda: not exchange.logged_in("FPATH"), "the logout")
    assert len(exchange.live_references("FPATH")) == 1
