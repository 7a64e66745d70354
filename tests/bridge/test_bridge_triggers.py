"""Triggers over MCP and deadlines of writes: the same pipeline and ids, and on the real engine one order at most."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bridge_desk import ORDER, TRIGGER, ask, connected, make_settings, refuse
from fake_engine import FakeEngine
from mcp import Client

from fastpath.records import ExecFlag, OrderState, Reason
from mcp_bridge.bridge import Bridge
from mcp_bridge.engine.paper_engine import PaperEngine

pytestmark = pytest.mark.anyio


async def test_arm_list_disarm(client: Client, engine: FakeEngine, bridge: Bridge) -> None:
    preview = await ask(client, "preview_trigger", **TRIGGER)
    assert preview["would_be_armed"] is True
    assert engine.orders == {}
    armed = await ask(client, "arm_trigger", **TRIGGER, client_order_id="t-1", expire_after_s=60)
    assert (armed["outcome"], armed["order"]["state"]) == ("accepted", "ARMED")
    request = next(row for row in engine.requests if row["op"] == "arm_trigger")
    echoed = {name: armed["order"][name] for name in ("condition", "trigger_price", "expires_utc_ns")}
    assert echoed == {
        "condition": "bid_at_or_below", "trigger_price": "149.00", "expires_utc_ns": str(request["expire_ns"]),
    }  # fmt: skip
    status = (await ask(client, "get_order_status", client_order_id="t-1"))["order"]
    assert status == armed["order"]
    assert (request["condition"], request["trigger_e4"], request["price_e4"]) == ("bid_at_or_below", 1_490_000, 0)
    assert 50e9 < request["expire_ns"] - time.time_ns() < 60e9
    # Repeated: the expiry of the first time, whenever that was.
    again = await ask(
        client, "arm_trigger", **TRIGGER | {"trigger_price": "149"}, client_order_id="t-1", expire_after_s=60
    )
    assert (again["outcome"], again["order"]["expires_utc_ns"]) == ("replayed", str(request["expire_ns"]))
    for change in ({"trigger_price": "149.01"}, {"condition": "ask_at_or_below"}, {"quantity": "99"}):
        error = await refuse(client, "arm_trigger", **TRIGGER | change, client_order_id="t-1", expire_after_s=60)
        assert error["code"] == "IDEMPOTENCY_CONFLICT"
    assert (await refuse(client, "submit_order", **ORDER, client_order_id="t-1"))["code"] == "IDEMPOTENCY_CONFLICT"
    row = (await ask(client, "list_triggers"))["triggers"][0]
    assert (row["order"]["client_order_id"], row["condition"], row["trigger_price"], row["expires_utc_ns"]) == (
        "t-1", "bid_at_or_below", "149.00", str(request["expire_ns"]),
    )  # fmt: skip
    assert (await ask(client, "list_triggers", symbol="MSFT"))["triggers"] == []
    for _ in range(2):
        ended = await ask(client, "disarm_trigger", client_order_id="t-1", reason_text="no longer")
        assert (ended["outcome"], ended["order"]["state"]) == ("accepted", "EXPIRED")
        assert (ended["order"]["trigger_ended_by"], ended["next_step"]) == ("disarmed", None)
    assert (await ask(client, "list_triggers"))["triggers"] == []
    assert (await refuse(client, "disarm_trigger", client_order_id="t-2"))["code"] == "UNKNOWN_ORDER"
    # What never waited is told as it is, not disarmed.
    await ask(client, "submit_order", **ORDER, client_order_id="t-3")
    sent = await ask(client, "disarm_trigger", client_order_id="t-3")
    assert (sent["outcome"], sent["order"]["state"], sent["order"]["condition"]) == ("not_armed", "LIVE", None)
    assert "cancel_order" in sent["next_step"]
    tools = [row["tool"] for row in bridge.ledger.rows()]
    assert {"arm_trigger", "disarm_trigger"} <= set(tools)
    assert bridge.ledger.verify()[2] == ""


@pytest.mark.parametrize(
    ("state", "reason", "flags", "outcome", "ended_by"),
    [
        (OrderState.LIVE, 0, ExecFlag.TRIGGERED, "already_fired", "fired"),
        (OrderState.SENT, 0, ExecFlag.TRIGGERED, "already_fired", "fired"),
        (OrderState.FILLED, 0, ExecFlag.TRIGGERED, "already_ended", "fired"),
        (OrderState.REJECTED, Reason.HALTED, ExecFlag.TRIGGERED, "already_ended", "fired"),
        (OrderState.LOST, 0, ExecFlag.TRIGGERED, "already_ended", "fired"),
        (OrderState.EXPIRED, Reason.DEADLINE_PASSED, 0, "already_ended", "expired"),
        (OrderState.EXPIRED, Reason.KILL_SWITCH, 0, "already_ended", "killed"),
        (OrderState.EXPIRED, Reason.FAT_FINGER, 0, "already_ended", "refused"),
        (OrderState.EXPIRED, 0, 0, "accepted", "disarmed"),
    ],
    ids=str,
)
async def test_a_disarm_tells_how_the_trigger_ended(
    client: Client, engine: FakeEngine, state: OrderState, reason: int, flags: int, outcome: str, ended_by: str
) -> None:
    await ask(client, "arm_trigger", **TRIGGER, client_order_id="e-1")
    engine.orders["desk", "e-1"] |= {"state": int(state), "reason": int(reason), "flags": int(flags)}
    told = await ask(client, "disarm_trigger", client_order_id="e-1")
    assert (told["outcome"], told["order"]["state"], told["order"]["trigger_ended_by"]) == (
        outcome,
        state.name,
        ended_by,
    )
    # Only what is open at the venue has something left to cancel.
    assert ("cancel_order" in (told["next_step"] or "")) is (outcome == "already_fired")
    status = (await ask(client, "get_order_status", client_order_id="e-1"))["order"]
    assert status["trigger_ended_by"] == ended_by
    assert status["expires_utc_ns"] is None


async def test_a_key_reaches_only_the_triggers_that_it_may_see(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge) as wide:
        await ask(wide, "arm_trigger", **TRIGGER, client_order_id="s-1")
        await ask(wide, "submit_order", **ORDER, client_order_id="s-2")
    bound: list[dict[str, Any]] = [{"symbols": ["MSFT"]}, {"venues": ["tradesphere"]}]
    for rights in bound:
        async with connected(bridge, **rights) as narrow:
            hidden = await ask(narrow, "get_order_status", client_order_id="s-1")
            assert (hidden["receipt"], hidden["order"]) == ("RECEIVED", None)
            assert (await ask(narrow, "list_triggers"))["triggers"] == []
            assert (await ask(narrow, "list_open_orders"))["orders"] == []
            for tool, number in (("disarm_trigger", "s-1"), ("cancel_order", "s-1"), ("cancel_order", "s-2")):
                error = await refuse(narrow, tool, client_order_id=number)
                assert (error["code"], error["outcome"]) == ("FORBIDDEN_DATA", "not_sent")
                assert "order" not in error
            error = await refuse(
                narrow, "replace_order", client_order_id="s-2", new_client_order_id="s-3", new_quantity="5",
                new_limit_price="149.00",
            )  # fmt: skip
            assert error["code"] == "FORBIDDEN_DATA"
            # Without a name it would reach every order of the account.
            assert (await refuse(narrow, "cancel_all_orders", reason_text="out"))["code"] == "FORBIDDEN_DATA"
            unknown = await refuse(narrow, "disarm_trigger", client_order_id="nobody")
            assert unknown["code"] == "UNKNOWN_ORDER"
    assert not {"disarm_trigger", "cancel", "cancel_all", "replace"} & {
        request["op"] for request in engine.requests if request.get("client_order_id") != "nobody"
    }
    async with connected(bridge, symbols=["AAPL"], venues=["velocity"]) as own:
        assert len((await ask(own, "list_triggers"))["triggers"]) == 1
        assert (await ask(own, "disarm_trigger", client_order_id="s-1"))["outcome"] == "accepted"
        assert (await ask(own, "cancel_order", client_order_id="s-2"))["order"]["state"] == "CANCELED"
        named = {"symbol": "AAPL", "venue": "velocity"}
        assert (await ask(own, "cancel_all_orders", **named, reason_text="out"))["orders_being_cancelled"] == 0


async def watches(client: Client) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(answer, watch) of every tool that shows a waiting trigger."""
    preview = await ask(client, "preview_trigger", **TRIGGER)
    armed = await ask(client, "arm_trigger", **TRIGGER, client_order_id="w-1")
    listed = await ask(client, "list_triggers")
    return [(preview, preview["watch"]), (armed, armed["watch"]), (listed, listed["triggers"][0]["watch"])]


async def test_each_trigger_shows_its_quote_and_what_would_refuse_it(client: Client, engine: FakeEngine) -> None:
    for answer, watch in await watches(client):
        assert (watch["can_fire"], watch["blocked_by"], watch["condition_holds"]) == (True, [], False)
        assert (watch["quote"]["bid_price"], watch["quote"]["venue"]) == ("150.00", "velocity")
        assert 0 <= watch["quote"]["feed_age_ms"] < 3_000
        assert (answer["is_stale"], answer["confidence"]) == (False, 1.0)
        assert answer["feed_age_ms"] is not None
    # After lost messages, and in a silence that the engine has not called stale yet.
    for change in ({"stale": True}, {"silence_ms": 60_000}):
        for name, value in change.items():
            setattr(engine, name, value)
        for answer, watch in await watches(client):
            assert (watch["can_fire"], watch["condition_holds"], watch["quote"]["is_stale"]) == (False, None, True)
            assert [text.partition(":")[0] for text in watch["blocked_by"]] == ["QUOTE_STALE"]
            assert answer["is_stale"] is True
            assert answer["confidence"] <= 0.3
        engine.stale, engine.silence_ms = False, 5


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({"gap_open": True}, ["QUOTE_STALE"]),
        ({"trading_state": "H"}, ["HALTED"]),
        ({"session": 0}, ["SESSION_DOWN"]),
        ({"killed": {"symbols": ["AAPL"]}}, ["KILL_SWITCH"]),
        ({"killed": {"agents": ["another"]}}, []),
        ({"firm_killed": True, "session": 1}, ["KILL_SWITCH", "SESSION_DOWN"]),
    ],
    ids=str,
)
async def test_what_would_refuse_a_trigger_is_named(
    client: Client, engine: FakeEngine, change: dict[str, Any], reasons: list[str]
) -> None:
    await ask(client, "arm_trigger", **TRIGGER, client_order_id="b-1")
    for name, value in change.items():
        setattr(engine, name, value)
    watch = (await ask(client, "list_triggers"))["triggers"][0]["watch"]
    assert [text.partition(":")[0] for text in watch["blocked_by"]] == reasons
    assert watch["can_fire"] is (reasons == [])
    waited_out = [text for text in watch["blocked_by"] if text.endswith("it waits until that is over")]
    assert len(waited_out) == sum(name in change for name in ("gap_open", "session"))


@pytest.mark.parametrize(
    ("condition", "price", "holds"),
    [
        ("bid_at_or_below", "150.00", True), ("bid_at_or_below", "149.99", False), ("bid_at_or_above", "150.00", True),
        ("bid_at_or_above", "150.0001", False), ("ask_at_or_above", "150.01", True),
        ("ask_at_or_above", "150.02", False), ("ask_at_or_below", "150.01", True), ("ask_at_or_below", "150.00", False),
    ],
)  # fmt: skip
async def test_a_preview_tells_whether_the_condition_holds_already(
    client: Client, condition: str, price: str, holds: bool
) -> None:
    preview = await ask(client, "preview_trigger", **TRIGGER | {"condition": condition, "trigger_price": price})
    assert preview["watch"]["condition_holds"] is holds


async def test_a_preview_takes_what_shapes_the_armed_order(client: Client, engine: FakeEngine) -> None:
    await ask(client, "preview_trigger", **TRIGGER, time_in_force="ioc", expire_after_s=60)
    sent = next(request for request in engine.requests if request["op"] == "preview_trigger")
    assert sent["tif"] == "ioc"
    assert 50e9 < sent["expire_ns"] - time.time_ns() < 60e9
    assert (await refuse(client, "preview_trigger", **TRIGGER, expire_after_s=0))["code"] == "INVALID_ARGUMENTS"


async def test_what_the_journal_could_not_take_is_told(client: Client, engine: FakeEngine) -> None:
    await ask(client, "arm_trigger", **TRIGGER, client_order_id="o-1")
    assert (await ask(client, "cancel_all_orders", reason_text="drill"))["next_step"] is None
    engine.unwritten = True
    told = [
        await ask(client, "disarm_trigger", client_order_id="o-1"),
        await ask(client, "cancel_all_orders", reason_text="drill"),
        await ask(client, "engage_kill_switch", scope="agent", reason_text="drill"),
    ]
    assert all("restart" in answer["next_step"] for answer in told)
    assert told[0]["outcome"] == "accepted"


async def test_an_incomplete_list_says_so(client: Client, engine: FakeEngine) -> None:
    assert (await ask(client, "get_trading_state"))["order_lists_complete"] is True
    for complete in (True, False):
        engine.complete = complete
        assert (await ask(client, "list_triggers"))["complete"] is complete
        assert (await ask(client, "list_open_orders"))["complete"] is complete
    assert (await ask(client, "get_trading_state"))["order_lists_complete"] is False


async def test_a_full_table_is_not_an_engine_that_is_away(client: Client, engine: FakeEngine) -> None:
    engine.refuse["arm_trigger"] = (int(Reason.TABLE_FULL), [])
    error = await refuse(client, "arm_trigger", **TRIGGER, client_order_id="f-1")
    assert (error["code"], error["retryable"], error["outcome"]) == ("TABLE_FULL", False, "rejected")
    assert "disarm" in error["message"]


async def test_a_trigger_is_bound_by_the_keys_rights(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge, symbols=["M*"]) as narrow:
        assert (await refuse(narrow, "arm_trigger", **TRIGGER, client_order_id="n-1"))["code"] == "FORBIDDEN_DATA"
    async with connected(bridge, venues=["tradesphere"]) as narrow:
        assert (await refuse(narrow, "arm_trigger", **TRIGGER, client_order_id="n-1"))["code"] == "FORBIDDEN_DATA"
    async with connected(bridge, scopes=["account:read"]) as reader:
        assert (await refuse(reader, "arm_trigger", **TRIGGER, client_order_id="n-1"))["code"] == "FORBIDDEN_TOOL"
        assert (await ask(reader, "list_triggers"))["triggers"] == []
    assert engine.count("arm_trigger") == 0


@pytest.mark.parametrize(
    "change",
    [
        {"condition": "last_at_or_above"}, {"trigger_price": "0"}, {"trigger_price": 149}, {"trigger_price": "1e2"},
        {"limit_price": "149.00"}, {"order_type": "limit"}, {"expire_after_s": 0}, {"expire_after_s": 86_401},
        {"venue": "lowest fee"}, {"client_order_id": ""},
    ],
    ids=str,
)  # fmt: skip
async def test_malformed_triggers_are_refused(client: Client, engine: FakeEngine, change: dict[str, Any]) -> None:
    error = await refuse(client, "arm_trigger", **TRIGGER | {"client_order_id": "m-1"} | change)
    assert error["code"] == "INVALID_ARGUMENTS"
    assert engine.count("arm_trigger") == 0


async def test_writes_that_take_risk_carry_their_deadline(client: Client, engine: FakeEngine) -> None:
    before_ns = time.time_ns()
    await ask(client, "submit_order", **ORDER, client_order_id="d-1")
    await ask(
        client, "replace_order", client_order_id="d-1", new_client_order_id="d-2", new_quantity="5",
        new_limit_price="149.00",
    )  # fmt: skip
    await ask(client, "arm_trigger", **TRIGGER, client_order_id="d-3")
    await ask(client, "cancel_order", client_order_id="d-2")
    sent = {request["op"]: request for request in engine.requests}
    for op in ("submit", "replace", "arm_trigger"):
        assert before_ns < sent[op]["deadline_ns"] <= time.time_ns() + 5_000_000_000
    assert "deadline_ns" not in sent["cancel"]
    # A repeat of a write without an answer is the stored one, with a deadline of its own.
    engine.ignore.add("submit")
    assert (await refuse(client, "submit_order", 500, **ORDER, client_order_id="d-4"))["code"] == "OUTCOME_UNKNOWN"
    engine.ignore.clear()
    assert (await ask(client, "submit_order", **ORDER, client_order_id="d-4"))["outcome"] == "accepted"
    first, second = [request for request in engine.requests if request.get("client_order_id") == "d-4"
                     and request["op"] == "submit"]  # fmt: skip
    assert second["deadline_ns"] > first["deadline_ns"]


async def test_a_command_that_came_too_late_was_not_sent(client: Client, engine: FakeEngine) -> None:
    engine.refuse["submit"] = (int(Reason.DEADLINE_PASSED), [])
    error = await refuse(client, "submit_order", **ORDER, client_order_id="p-1")
    assert (error["code"], error["reason"], error["retryable"]) == ("DEADLINE_EXCEEDED", "DEADLINE_PASSED", True)
    engine.refuse.clear()
    assert (await ask(client, "submit_order", **ORDER, client_order_id="p-1"))["outcome"] == "accepted"


async def test_on_the_real_engine(place: Path) -> None:
    paper = PaperEngine()
    async with Bridge(make_settings(place), paper) as bridge, connected(bridge) as client:
        top = (await ask(client, "get_top_of_book", symbol="AAPL", venue="velocity"))["quotes"][0]
        bid = Decimal(top["bid_price"])
        wanted = {
            "symbol": "AAPL", "side": "buy", "quantity": "10", "order_type": "market", "venue": "velocity",
            "condition": "bid_at_or_above",
        }  # fmt: skip
        far = wanted | {"trigger_price": str(bid + 1)}
        assert (await ask(client, "preview_trigger", **far))["would_be_armed"] is True
        await ask(client, "arm_trigger", **far, client_order_id="far", expire_after_s=3_600)
        assert (await ask(client, "arm_trigger", **far, client_order_id="far", expire_after_s=3_600))[
            "outcome"
        ] == "replayed"
        # Holds already: met by the market's next change.
        await ask(client, "arm_trigger", **wanted, trigger_price=str(bid - 5), client_order_id="near")
        found: dict[str, Any] = {}
        for _ in range(1_000):
            found = (await ask(client, "get_order_status", client_order_id="near"))["order"]
            if found["state"] == "FILLED":
                break
            await asyncio.sleep(0.01)
        assert (found["state"], "TRIGGERED" in found["flags"]) == ("FILLED", True)
        rows = (await ask(client, "list_triggers"))["triggers"]
        assert [(row["order"]["client_order_id"], row["condition"]) for row in rows] == [("far", "bid_at_or_above")]
        assert rows[0]["order"] == (await ask(client, "get_order_status", client_order_id="far"))["order"]
        assert (rows[0]["watch"]["can_fire"], rows[0]["watch"]["condition_holds"]) == (True, False)
        # Each end by its own name.
        await ask(client, "arm_trigger", **far | {"quantity": "9"}, client_order_id="brief", expire_after_s=1)
        await ask(client, "arm_trigger", **far | {"quantity": "8"}, client_order_id="back")
        assert (await ask(client, "disarm_trigger", client_order_id="back"))["outcome"] == "accepted"
        for _ in range(1_000):
            found = (await ask(client, "get_order_status", client_order_id="brief"))["order"]
            if found["state"] == "EXPIRED":
                break
            await asyncio.sleep(0.01)
        killed = await ask(client, "engage_kill_switch", scope="account", reason_text="drill")
        assert killed["orders_being_cancelled"] == 1
        for number, ended_by in (
            ("far", "killed"), ("brief", "expired"), ("back", "disarmed"), ("near", "fired"),
        ):  # fmt: skip
            order = (await ask(client, "get_order_status", client_order_id=number))["order"]
            assert (number, order["trigger_ended_by"]) == (number, ended_by)
        again = await ask(client, "disarm_trigger", client_order_id="far")
        assert (again["outcome"], again["order"]["reason"]) == ("already_ended", "KILL_SWITCH")
