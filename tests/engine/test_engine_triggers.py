"""Triggers and deadlines over the bus, with a real engine and the simulated exchange: an order that waits is sent
once and by the packet that it waited for; a command that comes too late is never carried out."""

from __future__ import annotations

import signal
import struct
import time
from pathlib import Path
from typing import Any

from market_feed import wait_until
from test_engine_orders import ORDER, config_for, engine_process, exchange, live, state_of, submit  # noqa: F401

from fastpath import calls
from fastpath.bus_messages import Reply
from fastpath.client import EngineClient
from fastpath.core import Command, CommandKind, Engine
from fastpath.follower import Frame, Snapshot
from fastpath.journal import JournalReader, JournalType
from fastpath.records import EventFlag, ExecFlag, ExecKind, OrderState, Reason
from fastpath.subscriber import Subscriber
from sim.exchange.control import Exchange

TRIGGER = struct.Struct("<QQIIIHBB")
"""struct fp_jr_trigger: order_id, expire_ns, trigger_e4, bid_e4, ask_e4, reason, step, condition."""
FIRED = 2
STOP_BUY = {"price_e4": 1_010_000, "condition": "ask_at_or_above", "trigger_e4": 1_005_000}


def arm(client: EngineClient, number: str, **changes: Any) -> Reply:
    fields: Any = {**ORDER, **STOP_BUY, "client_order_id": number, **changes}
    return client.ask(calls.arm_trigger(**fields))


def disarm(client: EngineClient, number: str) -> Reply:
    return client.ask(calls.disarm_trigger(account="desk", agent="agent", client_order_id=number))


def armed(client: EngineClient) -> list[str]:
    return [row.order.client_order_id for row in client.ask(calls.triggers("desk")).triggers]


def raise_the_ask(venue: Exchange) -> None:
    """The best ask leaves 100.10 for 100.50."""
    venue.inject("AAPL", "S", 400, "100.50")
    venue.inject("AAPL", "B", 300, "100.10", immediate=True)


def entered(venue: Exchange) -> int:
    return sum(message[:1] == b"O" for message in venue.received_messages("FPATH"))


def records(subscriber: Subscriber, topic: str, until: Any) -> list[Any]:
    """Records of a topic until one of them is what is looked for; bounded."""
    found: list[Any] = []
    end = time.monotonic() + 20
    while not any(until(row) for row in found):
        assert time.monotonic() < end
        item = subscriber.recv(10)
        if isinstance(item, Frame) and item.topic == topic:
            found += list(item.records)
    return found


def test_fires_once_in_the_packet_that_meets_the_condition(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    with (
        Engine(config) as engine,
        EngineClient(config.router) as client,
        Subscriber(config.pub, config.router, ["exec.desk"]) as execs,
        Subscriber(config.pub, config.router, ["md.sim.full"]) as market,
    ):
        assert isinstance(execs.recv(10), Snapshot)
        assert isinstance(market.recv(10), Snapshot)
        live(client)
        fields: Any = {**ORDER, **STOP_BUY, "client_order_id": "t1"}
        preview = client.ask(calls.preview_trigger(**fields))
        assert (preview.outcome, state_of(client, "t1")) == ("accepted", -1)
        assert len(preview.checks) > 10
        reply = arm(client, "t1")
        assert reply.outcome == "accepted"
        assert reply.order is not None
        assert (reply.order.state, reply.order.condition, reply.order.trigger_e4) == (
            OrderState.ARMED, "ask_at_or_above", 1_005_000,
        )  # fmt: skip
        assert arm(client, "t1").outcome == "replayed"
        for change in ({"trigger_e4": 1_006_000}, {"condition": "bid_at_or_above"}, {"expire_ns": time.time_ns() * 2}):
            assert arm(client, "t1", **change).reason == Reason.IDEMPOTENCY_CONFLICT
        assert submit(client, "t1", price_e4=1_010_000).reason == Reason.IDEMPOTENCY_CONFLICT
        wait_until(lambda: armed(client) == ["t1"], "the list")
        # A change that does not meet it.
        exchange.inject("AAPL", "S", 10, "100.05")
        exchange.inject("AAPL", "B", 10, "100.05", immediate=True)
        time.sleep(0.1)
        assert (state_of(client, "t1"), entered(exchange)) == (OrderState.ARMED, 0)
        raise_the_ask(exchange)
        wait_until(lambda: state_of(client, "t1") == OrderState.FILLED, "fired and filled")
        steps = records(execs, "exec.desk", lambda row: row["kind"] == ExecKind.FILL)
        assert [int(row["kind"]) for row in steps] == [
            ExecKind.TRIGGER_ARMED, ExecKind.TRIGGER_FIRED, ExecKind.SENT, ExecKind.ACCEPTED, ExecKind.FILL,
        ]  # fmt: skip
        fired = int(steps[1]["time_ns"])
        assert steps[2]["time_ns"] == fired
        assert steps[2]["flags"] & ExecFlag.TRIGGERED
        # The packet that first shows such an ask is the one that fired it: not earlier, and before the next poll.
        meets = records(
            market, "md.sim.full",
            lambda row: row["ask_e4"] >= STOP_BUY["trigger_e4"] and row["flags"] & EventFlag.BBO_CHANGED,
        )  # fmt: skip
        packet = next(row for row in meets if row["ask_e4"] >= STOP_BUY["trigger_e4"])
        assert 0 <= fired - int(packet["rx_ns"]) < 2_000_000_000
        # Met over and over, it stays one order.
        for _ in range(5):
            exchange.inject("AAPL", "S", 1, "100.45")
            exchange.inject("AAPL", "B", 1, "100.45", immediate=True)
        time.sleep(0.1)
        assert entered(exchange) == 1
        assert armed(client) == []
        assert arm(client, "t1").outcome == "replayed"
        assert disarm(client, "t1").reason == Reason.ORDER_NOT_LIVE
        engine.check_health()
    journal = list(JournalReader(config.journal_dir))
    at = next(i for i, e in enumerate(journal) if e.type == JournalType.TRIGGER and TRIGGER.unpack(e.body)[6] == FIRED)
    _, _, trigger_e4, _, ask_e4, _, _, _ = TRIGGER.unpack(journal[at].body)
    assert ask_e4 >= trigger_e4 == 1_005_000
    assert (journal[at + 1].type, journal[at + 1].body[:1]) == (JournalType.BYTES_OUT, b"O")
    assert journal[at].time_ns == journal[at + 1].time_ns == fired
    assert sum(entry.type == JournalType.BYTES_OUT and entry.body[:1] == b"O" for entry in journal) == 1


def test_disarm_against_fire_has_one_winner(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    with Engine(config), EngineClient(config.router) as client:
        live(client)
        sent = 0
        for number in range(20):
            name = f"race-{number}"
            exchange.inject("AAPL", "S", 5, "100.02")  # below what is waited for
            wait_until(lambda: client.ask(calls.top("AAPL")).tops[0].ask_e4 == 1_000_200, "the lower ask")
            waiting = arm(client, name, quantity=1, price_e4=1_000_200, tif="ioc", trigger_e4=1_000_300)
            assert waiting.outcome == "accepted"
            exchange.inject("AAPL", "B", 5, "100.02", immediate=True)  # and back: met
            reply = disarm(client, name)
            if reply.outcome == "accepted":
                assert reply.order is not None
                if reply.order.state == OrderState.EXPIRED:
                    continue
            assert reply.reason == Reason.ORDER_NOT_LIVE
            sent += 1
        for number in range(20):
            assert state_of(client, f"race-{number}") != OrderState.ARMED
        time.sleep(0.1)
        assert entered(exchange) == sent


def test_expiry_kill_and_cancel_end_it_unsent(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    with (
        Engine(config),
        EngineClient(config.router) as client,
        EngineClient(config.operator) as operator,
        Subscriber(config.pub, config.router, ["exec.desk"]) as execs,
    ):
        assert isinstance(execs.recv(10), Snapshot)
        live(client)
        assert arm(client, "past", expire_ns=time.time_ns()).reason == Reason.DEADLINE_PASSED
        expire_ns = time.time_ns() + 300_000_000
        assert arm(client, "brief", expire_ns=expire_ns).outcome == "accepted"
        wait_until(lambda: armed(client) == ["brief"], "armed")
        assert client.ask(calls.triggers("desk")).triggers[0].expire_ns == expire_ns
        wait_until(lambda: state_of(client, "brief") == OrderState.EXPIRED, "the expiry")
        assert time.time_ns() >= expire_ns
        for name in ("disarmed", "cancelled", "killed"):
            assert arm(client, name).outcome == "accepted"
        assert disarm(client, "disarmed").outcome == "accepted"
        assert disarm(client, "disarmed").outcome == "accepted"
        assert disarm(client, "never").reason == Reason.UNKNOWN_ORDER
        assert client.ask(calls.cancel(account="desk", agent="agent", client_order_id="cancelled")).count == 1
        wait_until(lambda: armed(client) == ["killed"], "one left")
        assert client.ask(calls.kill(agent="agent", scope="account", reason_text="drill")).count == 1
        assert state_of(client, "killed") == OrderState.EXPIRED
        assert arm(client, "after").reason == Reason.KILL_SWITCH
        assert operator.ask(calls.release(operator="me", scope="account", target="desk", reason_text="x")).ok
        raise_the_ask(exchange)
        steps = records(
            execs, "exec.desk",
            lambda row: row["kind"] == ExecKind.DENIED and row["client_order_id"] == b"after",
        )  # fmt: skip
        ends = {row["client_order_id"]: int(row["kind"]) for row in steps if row["state"] == OrderState.EXPIRED}
        assert ends == {
            b"brief": ExecKind.TRIGGER_EXPIRED,
            b"disarmed": ExecKind.TRIGGER_DISARMED,
            b"cancelled": ExecKind.TRIGGER_DISARMED,
            b"killed": ExecKind.TRIGGER_DISARMED,
        }
        time.sleep(0.2)
        assert entered(exchange) == 0
        assert client.ask(calls.orders("desk")).orders == []


def test_an_armed_order_survives_a_killed_engine(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    child = engine_process(config)
    try:
        with EngineClient(config.router) as client:
            live(client)
            assert arm(client, "keeps").outcome == "accepted"
            assert arm(client, "gone").outcome == "accepted"
            assert disarm(client, "gone").outcome == "accepted"
            expire_ns = time.time_ns() + 500_000_000
            assert arm(client, "dies", trigger_e4=1_900_000, expire_ns=expire_ns).outcome == "accepted"
    finally:
        child.kill()
        child.wait(10)
    time.sleep(0.5)
    # While nobody looks the condition was met, and is no longer.
    exchange.inject("AAPL", "B", 300, "100.10", immediate=True)
    exchange.inject("AAPL", "S", 300, "101.00")
    exchange.inject("AAPL", "S", 300, "100.10")
    with Engine(config) as engine, EngineClient(config.router) as client:
        assert "keeps" in armed(client)
        live(client)
        wait_until(lambda: state_of(client, "dies") == OrderState.EXPIRED, "the expiry of meanwhile")
        row = client.ask(calls.triggers("desk")).triggers[0]
        assert (row.order.client_order_id, row.order.condition, row.order.trigger_e4) == (
            "keeps", "ask_at_or_above", 1_005_000,
        )  # fmt: skip
        assert arm(client, "keeps").outcome == "replayed"
        time.sleep(0.1)
        assert (state_of(client, "keeps"), entered(exchange)) == (OrderState.ARMED, 0)
        exchange.inject("AAPL", "B", 300, "100.10", immediate=True)
        wait_until(lambda: state_of(client, "keeps") == OrderState.FILLED, "it fires")
        assert entered(exchange) == 1
        engine.check_health()


def test_requests_that_are_no_triggers(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    with Engine(config), EngineClient(config.router) as client:
        live(client)
        for condition in ("", "bid_at_or_abov", "last_at_or_above", "x" * 30):
            reply = arm(client, "bad", condition=condition)
            assert (reply.ok, reply.reason) == (False, Reason.MALFORMED)
        assert arm(client, "bad", trigger_e4=0).reason == Reason.PRICE
        assert arm(client, "bad", trigger_e4=2**32).reason == Reason.PRICE
        assert arm(client, "bad", side="X").reason == Reason.SIDE
        fields: Any = {**ORDER, "client_order_id": "bad"}
        untyped: Any = calls  # what the types forbid, the engine must refuse as well
        assert client.ask(untyped.submit(**fields, condition="ask_at_or_above")).reason == Reason.MALFORMED
        assert client.ask(untyped.arm_trigger(**fields)).reason == Reason.MALFORMED
        assert client.ask(untyped.preview(**fields, deadline_ns=1)).reason == Reason.MALFORMED
        assert not client.ask(calls.triggers("nobody")).ok
        assert not client.ask(calls.triggers("desk", limit=501)).ok
        assert state_of(client, "bad") == -1


# ---- deadlines ----


def test_a_command_behind_its_deadline_is_refused(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        late = submit(client, "late", deadline_ns=time.time_ns() - 1)
        assert (late.ok, late.outcome, late.reason) == (True, "refused", Reason.DEADLINE_PASSED)
        assert state_of(client, "late") == -1
        assert arm(client, "late", deadline_ns=1).reason == Reason.DEADLINE_PASSED
        assert submit(client, "late", deadline_ns=time.time_ns() + 10**10).outcome == "accepted"
        assert submit(client, "late", deadline_ns=1).outcome == "replayed"
        wait_until(lambda: state_of(client, "late") == OrderState.LIVE, "live")
        moved = calls.replace(
            account="desk", agent="agent", client_order_id="late", new_client_order_id="moved", quantity=50,
            price_e4=995_000, deadline_ns=1,
        )  # fmt: skip
        assert client.ask(moved).reason == Reason.DEADLINE_PASSED
        command = Command(
            kind=CommandKind.SUBMIT, venue=0, symbol="AAPL", side="B", quantity=1, price_e4=990_000,
            client_order_id="local", deadline_ns=1,
        )  # fmt: skip
        assert engine.command(command).reason == Reason.DEADLINE_PASSED
        assert entered(exchange) == 1


def stopped(pid: int) -> bool:
    """Whether every thread of the process has stopped."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks)


def test_a_frozen_engine_never_sends_an_old_order(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    child = engine_process(config)
    try:
        with EngineClient(config.router) as client:
            live(client)
            assert arm(client, "waits", expire_ns=time.time_ns() + 1_500_000_000).outcome == "accepted"
            child.send_signal(signal.SIGSTOP)
            wait_until(lambda: stopped(child.pid), "stopped")
            deadline_ns = time.time_ns() + 400_000_000
            fields: Any = {**ORDER, "client_order_id": "old", "deadline_ns": deadline_ns}
            assert client.ask(calls.submit(**fields), timeout_s=0.5).outcome == "unknown"
            raise_the_ask(exchange)  # after the trigger's time, as the frozen engine will see it
            time.sleep(1.2)
            child.send_signal(signal.SIGCONT)
            # Asked behind the submit, answered behind it: never.
            status = client.ask(calls.order("desk", "old"), timeout_s=10)
            assert (status.ok, status.reason) == (False, Reason.UNKNOWN_ORDER)
            wait_until(lambda: state_of(client, "waits") == OrderState.EXPIRED, "the trigger is over")
            live(client)
            assert entered(exchange) == 0
            again = submit(client, "old", deadline_ns=time.time_ns() + 10**10)
            assert again.outcome == "accepted"
            wait_until(lambda: state_of(client, "old") == OrderState.LIVE, "live")
            assert entered(exchange) == 1
    finally:
        child.send_signal(signal.SIGCONT)
        child.kill()
        child.wait(10)
