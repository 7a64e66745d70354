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

from fastpath.records import Reason
from mcp_bridge.bridge import Bridge
from mcp_bridge.engine.paper_engine import PaperEngine

pytestmark = pytest.mark.anyio


async def test_arm_list_disarm(client: Client, engine: FakeEngine, bridge: Bridge) -> None:
    preview = await ask(client, "preview_trigger", **TRIGGER)
    assert preview["would_be_armed"] is True
    assert engine.orders == {}
    armed = await ask(client, "arm_trigger", **TRIGGER, client_order_id="t-1", expire_after_s=60)
    assert (armed["outcome"], armed["order"]["state"]) == ("accepted", "ARMED")
    request = engine.requests[-1] if engine.requests[-1]["op"] == "arm_trigger" else engine.requests[-2]
    assert (request["condition"], request["trigger_e4"], request["price_e4"]) == ("bid_at_or_below", 1_490_000, 0)
    assert 50e9 < request["expire_ns"] - time.time_ns() < 60e9
    # Repeated: the expiry of the first time, whenever that was.
    again = await ask(
        client, "arm_trigger", **TRIGGER | {"trigger_price": "149"}, client_order_id="t-1", expire_after_s=60
    )
    assert again["outcome"] == "replayed"
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
    assert (await ask(client, "list_triggers"))["triggers"] == []
    assert (await refuse(client, "disarm_trigger", client_order_id="t-2"))["code"] == "UNKNOWN_ORDER"
    # What was sent is told as it is, not disarmed.
    await ask(client, "submit_order", **ORDER, client_order_id="t-3")
    sent = await ask(client, "disarm_trigger", client_order_id="t-3")
    assert (sent["outcome"], sent["order"]["state"]) == ("already_ended", "LIVE")
    tools = [row["tool"] for row in bridge.ledger.rows()]
    assert {"arm_trigger", "disarm_trigger"} <= set(tools)
    assert bridge.ledger.verify()[2] == ""


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
        killed = await ask(client, "engage_kill_switch", scope="account", reason_text="drill")
        assert killed["orders_being_cancelled"] == 1
        assert (await ask(client, "get_order_status", client_order_id="far"))["order"]["state"] == "EXPIRED"
