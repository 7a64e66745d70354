"""One intended order, one order at the exchange: retries, lost answers, restarts, conflicts, unknown outcomes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import pytest
from bridge_desk import ORDER, TRIGGER, ask, connected, make_settings, refuse
from fake_engine import FakeEngine
from mcp import Client

from fastpath.records import Reason
from mcp_bridge.bridge import Bridge
from mcp_bridge.registry import TOOLS
from mcp_bridge.server import build_server
from mcp_bridge.tools import account

pytestmark = pytest.mark.anyio

WRITES: dict[str, dict[str, Any]] = {
    "submit_order": ORDER | {"client_order_id": "w-1"},
    "replace_order": {
        "client_order_id": "base", "new_client_order_id": "w-2", "new_quantity": "7", "new_limit_price": "149.00",
    },
    "cancel_order": {"client_order_id": "base"},
    "arm_trigger": TRIGGER | {"client_order_id": "w-3", "expire_after_s": 60},
    "disarm_trigger": {"client_order_id": "armed"},
    "cancel_all_orders": {"reason_text": "retry harness"},
    "engage_kill_switch": {"scope": "agent", "reason_text": "retry harness"},
}  # fmt: skip


SHORT_MS = 500
"""For calls that are to find no answer; every other call has the generous time of the settings."""


async def with_key(bridge: Bridge) -> str:
    scopes = ["md:read", "account:read", "orders:write", "kill:engage"]
    return bridge.keys.add("agent", "desk", scopes=scopes)[0]


def test_the_harness_covers_every_write() -> None:
    assert set(WRITES) == {spec.name for spec in TOOLS if spec.risk != "read"}


@pytest.mark.parametrize("tool", WRITES)
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@pytest.mark.parametrize("restart", [False, True], ids=["same bridge", "bridge restarted"])
async def test_twice_is_once(place: Path, tool: str, lost: bool, restart: bool) -> None:
    settings = make_settings(place)
    async with FakeEngine(settings.command_endpoint()) as engine:
        first, second = Bridge(settings), Bridge(settings)
        async with first:
            key = await with_key(first)
            async with Client(build_server(first, key)) as client:
                await ask(client, "submit_order", **ORDER, client_order_id="base")
                await ask(client, "arm_trigger", **TRIGGER, client_order_id="armed")
                if lost:
                    engine.lose.add(WRITES_OP[tool])
                    error = await refuse(client, tool, SHORT_MS, **WRITES[tool])
                    assert error["code"] == "OUTCOME_UNKNOWN"
                    assert error["outcome"] == "unknown"
                    assert error["verify_with"]
                    assert error["retryable"] is True
                    engine.lose.clear()
                else:
                    await ask(client, tool, **WRITES[tool])
                held = dict(engine.orders)
                if not restart:
                    await ask(client, tool, **WRITES[tool])
        if restart:
            async with second, Client(build_server(second, key)) as client:
                answer = await ask(client, tool, **WRITES[tool])
                if "order" in answer:
                    # A disarm done twice is a disarm done: the engine says accepted to both.
                    assert answer["outcome"] in ("replayed", "already_ended") or answer["order"]["state"] == "EXPIRED"
        assert set(engine.orders) == set(held), "a second order was made"
        assert engine.malformed == []


WRITES_OP = {
    "submit_order": "submit", "replace_order": "replace", "cancel_order": "cancel", "cancel_all_orders": "cancel_all",
    "engage_kill_switch": "kill", "arm_trigger": "arm_trigger", "disarm_trigger": "disarm_trigger",
}  # fmt: skip


async def test_retry_of_a_routed_order_stays_at_its_venue(place: Path) -> None:
    settings = make_settings(place)
    order = ORDER | {"routing": "fastest_ack", "client_order_id": "route-1"}
    async with (
        FakeEngine(settings.command_endpoint()) as engine,
        Bridge(settings) as bridge,
        Client(build_server(bridge, await with_key(bridge))) as client,
    ):
        engine.lose.add("submit")
        assert (await refuse(client, "submit_order", SHORT_MS, **order))["code"] == "OUTCOME_UNKNOWN"
        engine.lose.clear()
        engine.session = 0  # by now routing would find no venue at all
        answer = await ask(client, "submit_order", **order)
        assert answer["outcome"] == "replayed"
        assert answer["order"]["venue"] == "velocity"
        assert len(engine.orders) == 1


async def test_same_id_other_arguments(client: Client, engine: FakeEngine) -> None:
    await ask(client, "submit_order", **ORDER, client_order_id="c-1")
    for change in ({"quantity": "99"}, {"limit_price": "150.02"}, {"side": "sell"}, {"routing": "tradesphere"}):
        error = await refuse(client, "submit_order", **ORDER | change, client_order_id="c-1")
        assert error["code"] == "IDEMPOTENCY_CONFLICT"
        assert error["outcome"] == "not_sent"
    assert engine.count("submit") == 1
    # The same price spelled otherwise is the same order, and so is another remark.
    again = await ask(
        client, "submit_order", **ORDER | {"limit_price": "150.0100"}, client_order_id="c-1", reason_text="again"
    )
    assert again["outcome"] == "replayed"


async def test_same_id_for_submit_and_replace_is_a_conflict(client: Client) -> None:
    await ask(client, "submit_order", **ORDER, client_order_id="d-1")
    await ask(client, "submit_order", **ORDER, client_order_id="d-2")
    error = await refuse(
        client, "replace_order", client_order_id="d-2", new_client_order_id="d-1", new_quantity="1",
        new_limit_price="1.00",
    )  # fmt: skip
    assert error["code"] == "IDEMPOTENCY_CONFLICT"


async def test_the_engines_own_conflict_is_told(client: Client, engine: FakeEngine) -> None:
    engine.refuse["submit"] = (int(Reason.IDEMPOTENCY_CONFLICT), [])
    error = await refuse(client, "submit_order", **ORDER, client_order_id="e-1")
    assert (error["code"], error["reason"]) == ("IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_CONFLICT")


async def test_many_equal_submits_at_once_make_one_order(client: Client, engine: FakeEngine) -> None:
    answers = await asyncio.gather(*(ask(client, "submit_order", **ORDER, client_order_id="m-1") for _ in range(20)))
    assert len(engine.orders) == 1
    assert [answer["outcome"] for answer in answers].count("accepted") == 1
    assert {answer["order"]["order_id"] for answer in answers} == {answers[0]["order"]["order_id"]}


async def test_engine_not_there_is_not_sent(place: Path) -> None:
    settings = make_settings(place)
    async with Bridge(settings) as bridge, Client(build_server(bridge, await with_key(bridge))) as client:
        error = await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id="g-1")
        assert (error["code"], error["outcome"]) == ("ENGINE_UNAVAILABLE", "not_sent")
        assert error["retryable"] is True
        error = await refuse(client, "cancel_all_orders", SHORT_MS, reason_text="x")
        assert (error["code"], error["outcome"]) == ("ENGINE_UNAVAILABLE", "not_sent")
        # Nothing was kept for later: the engine that comes up gets no order.
        async with FakeEngine(settings.command_endpoint()) as engine:
            state: dict[str, Any] = {}
            for _ in range(50):
                result = await client.call_tool("get_order_status", {"client_order_id": "g-1"})
                state = result.structured_content or {}
                if not result.is_error:
                    break
            assert state["receipt"] == "NOT_RECEIVED"
            assert engine.count("submit") == 0
            assert (await ask(client, "submit_order", **ORDER, client_order_id="g-1"))["outcome"] == "accepted"


async def test_not_received_needs_proof(place: Path) -> None:
    settings = make_settings(place)
    async with (
        FakeEngine(settings.command_endpoint()) as engine,
        Bridge(settings) as bridge,
        Client(build_server(bridge, await with_key(bridge))) as client,
    ):
        assert (await ask(client, "get_order_status", client_order_id="h-1"))["receipt"] == "NOT_RECEIVED"
        engine.ignore.add("submit")
        assert (await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id="h-1"))["outcome"] == "unknown"
        # The submit may still be on its way: the engine's 'never seen' proves nothing yet.
        assert (await ask(client, "get_order_status", client_order_id="h-1"))["receipt"] == "UNPROVEN"
        engine.ignore.add("order")
        error = await refuse(client, "get_order_status", SHORT_MS, client_order_id="h-1")
        assert error["code"] == "DEADLINE_EXCEEDED"


ARMED = TRIGGER | {"client_order_id": "j-1", "expire_after_s": 60}


async def test_what_an_earlier_journal_accepted_is_never_called_unreceived(
    client: Client, engine: FakeEngine, bridge: Bridge
) -> None:
    await ask(client, "arm_trigger", **ARMED)
    # A new day: the engine begins with an empty journal.
    engine.orders.clear()
    engine.contents.clear()
    engine.journal_begin_ns = time.time_ns()
    status = await ask(client, "get_order_status", client_order_id="j-1")
    assert (status["receipt"], status["order"]) == ("NO_LONGER_HELD", None)
    assert "new id" in status["meaning"] and "safe" not in status["meaning"]
    error = await refuse(client, "arm_trigger", **ARMED)
    assert (error["code"], error["outcome"]) == ("IDEMPOTENCY_CONFLICT", "accepted")
    assert "before a person has looked" in error["message"]
    assert engine.count("arm_trigger") == 1
    # An id that this bridge never sent is still proved unknown.
    assert (await ask(client, "get_order_status", client_order_id="j-9"))["receipt"] == "NOT_RECEIVED"


@pytest.mark.parametrize("new_journal", [False, True], ids=["same journal", "new journal"])
async def test_what_was_never_answered_before_a_new_journal_is_not_sent_again(
    client: Client, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, new_journal: bool
) -> None:
    monkeypatch.setattr(account, "UNPROVEN_NS", 0)
    engine.ignore.add("arm_trigger")
    assert (await refuse(client, "arm_trigger", SHORT_MS, **ARMED))["outcome"] == "unknown"
    engine.ignore.clear()
    if new_journal:
        engine.journal_begin_ns = time.time_ns()
    status = await ask(client, "get_order_status", client_order_id="j-1")
    assert status["receipt"] == ("NO_LONGER_HELD" if new_journal else "NOT_RECEIVED")
    if new_journal:
        error = await refuse(client, "arm_trigger", **ARMED)
        assert (error["code"], error["outcome"]) == ("IDEMPOTENCY_CONFLICT", "unknown")
        assert engine.orders == {}
    else:
        assert (await ask(client, "arm_trigger", **ARMED))["outcome"] == "accepted"


async def test_unreadable_answer_to_a_write_is_unknown(place: Path) -> None:
    settings = make_settings(place)
    async with (
        FakeEngine(settings.command_endpoint()) as engine,
        Bridge(settings) as bridge,
        Client(build_server(bridge, await with_key(bridge))) as client,
    ):
        await ask(client, "get_trading_state")
        for junk in (b"\xc1", b"\x93\x01\x02\x03", b"\x81\xa2id\xa1x"):
            engine.garbage["submit"] = junk
            error = await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id=f"j-{junk.hex()}")
            assert error["code"] == "OUTCOME_UNKNOWN"
        engine.garbage.clear()
        assert (await ask(client, "get_order_status", client_order_id="j-c1"))["receipt"] == "RECEIVED"


async def test_lost_journal_does_not_make_a_second_order(client: Client, engine: FakeEngine) -> None:
    await ask(client, "submit_order", **ORDER, client_order_id="l-1")
    engine.orders.clear()
    engine.contents.clear()
    error = await refuse(client, "submit_order", **ORDER, client_order_id="l-1")
    assert error["code"] == "IDEMPOTENCY_CONFLICT"
    assert engine.count("submit") == 1


async def test_engine_restart_is_noticed_and_caches_are_dropped(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge) as client:
        await ask(client, "find_instrument", query="A")
        assert (await ask(client, "find_instrument", query="A"))["source"] == "cache"
        engine.epoch = 2
        assert (await ask(client, "get_trading_state"))["engine_epoch"] == 2
        assert (await ask(client, "find_instrument", query="A"))["source"] == "engine"
        assert bridge.engine.epoch == 2


async def test_caller_that_goes_away_leaves_a_recorded_outcome(place: Path) -> None:
    settings = make_settings(place, write_timeout_ms=SHORT_MS)
    async with FakeEngine(settings.command_endpoint()) as engine, Bridge(settings) as bridge:
        key = await with_key(bridge)
        server = build_server(bridge, key)
        engine.ignore.add("submit")
        call = asyncio.ensure_future(server.call_tool("submit_order", ORDER | {"client_order_id": "z-1"}))
        for _ in range(1_000):
            if engine.count("submit"):
                break
            await asyncio.sleep(0.005)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        rows: list[dict[str, Any]] = []
        for _ in range(200):
            rows = bridge.ledger.rows(client_order_id="z-1") + bridge.ledger.rows()
            if any(row["phase"] == "outcome" for row in rows):
                break
            await asyncio.sleep(0.01)
        assert [row["code"] for row in rows if row["phase"] == "outcome"][-1] == "OUTCOME_UNKNOWN"
        assert bridge.ledger.held("desk", "z-1").status == "unknown"  # type: ignore[union-attr]


async def test_bridge_never_repeats_a_write(place: Path) -> None:
    settings = make_settings(place)
    async with (
        FakeEngine(settings.command_endpoint()) as engine,
        Bridge(settings) as bridge,
        Client(build_server(bridge, await with_key(bridge))) as client,
    ):
        engine.ignore.update(WRITES_OP.values())
        for tool, arguments in WRITES.items():
            assert (await refuse(client, tool, SHORT_MS, **arguments))["code"] == "OUTCOME_UNKNOWN"
        for op in WRITES_OP.values():
            assert engine.count(op) == 1


async def test_an_unsent_repeat_does_not_free_an_id_in_doubt(place: Path) -> None:
    settings = make_settings(place)
    async with contextlib.AsyncExitStack() as life:
        engine = await life.enter_async_context(FakeEngine(settings.command_endpoint()))
        async with Bridge(settings) as bridge, Client(build_server(bridge, await with_key(bridge))) as client:
            engine.lose.add("submit")
            assert (await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id="u-1"))[
                "outcome"
            ] == "unknown"
            held = dict(engine.orders), dict(engine.contents)
            await life.aclose()
            # The engine is gone: this attempt is certainly not sent, the first one perhaps was.
            error = await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id="u-1")
            assert error["outcome"] == "unknown"
            assert error["verify_with"] == "get_order_status"
            error = await refuse(client, "submit_order", **ORDER | {"quantity": "1"}, client_order_id="u-1")
            assert error["code"] == "IDEMPOTENCY_CONFLICT"
            async with FakeEngine(settings.command_endpoint(), epoch=2) as engine:
                engine.orders, engine.contents = held
                # First it recovers, which proves nothing; then it knows.
                engine.refuse["submit"] = (int(Reason.RECOVERING), [])
                message = ""
                for _ in range(50):
                    error = await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id="u-1")
                    assert error["outcome"] == "unknown"
                    message = error["message"]
                    if "recovering" in message:
                        break
                assert "recovering" in message
                error = await refuse(client, "submit_order", **ORDER | {"quantity": "1"}, client_order_id="u-1")
                assert error["code"] == "IDEMPOTENCY_CONFLICT"
                engine.refuse.clear()
                assert (await ask(client, "submit_order", **ORDER, client_order_id="u-1"))["outcome"] == "replayed"
                assert len(engine.orders) == 1


async def test_repeat_of_an_accepted_order_while_the_engine_is_gone(place: Path) -> None:
    settings = make_settings(place)
    async with contextlib.AsyncExitStack() as life:
        await life.enter_async_context(FakeEngine(settings.command_endpoint()))
        async with Bridge(settings) as bridge, Client(build_server(bridge, await with_key(bridge))) as client:
            await ask(client, "submit_order", **ORDER, client_order_id="a-1")
            await life.aclose()
            error = await refuse(client, "submit_order", SHORT_MS, **ORDER, client_order_id="a-1")
            assert error["code"] in ("ENGINE_UNAVAILABLE", "DEADLINE_EXCEEDED")
            assert error["outcome"] == "accepted"
