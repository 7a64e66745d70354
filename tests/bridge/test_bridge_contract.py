"""The tools' contract, read off the registry and the wire: names, words, schemas, hints, size, and the docs page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bridge_desk import TRIGGER, connected
from mcp import Client

from mcp_bridge import tools
from mcp_bridge.bridge import Bridge
from mcp_bridge.docs import tools_markdown
from mcp_bridge.engine.messages import ANSWERS, Request
from mcp_bridge.errors import ERRORS, code_for_reason, reason_name
from mcp_bridge.identity.principal import DEFAULT_SCOPES, SCOPES
from mcp_bridge.registry import BY_NAME, TOOLS, ToolSpec
from mcp_bridge.schema import input_schema, output_schema

ROOT = Path(__file__).resolve().parent.parent.parent
assert tools

each_tool = pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)


@each_tool
def test_words(spec: ToolSpec) -> None:
    assert re.fullmatch(r"[a-z][a-z_]{2,31}", spec.name)
    assert 3 <= len(spec.title) <= 40
    # What it does, when to use it, one hard rule; and short enough not to be cut in lists.
    assert len(spec.description) <= 240
    assert len(re.findall(r"[.:] ", spec.description + " ")) >= 2
    assert re.search(r"\b[Uu]se\b|\bSafe\b|\bNot for\b|\bNever\b|\bare not\b|\bcannot\b", spec.description)


@each_tool
def test_row_is_complete(spec: ToolSpec) -> None:
    assert spec.scope in SCOPES
    assert spec.toolset in {"market", "orders", "account", "risk"}
    assert 100 <= spec.timeout_ms <= 5_000
    assert (spec.risk == "read") == (spec.read is not None) == (spec.plan is None) == (spec.conclude is None)
    assert (spec.risk == "read") == (spec.idempotency == "read")
    assert set(spec.data) <= {"account", "symbol", "venue", "mode"}
    if spec.risk != "read":
        assert spec.ttl_ms == 0
        assert spec.verify_with in BY_NAME
    if spec.risk == "increase":
        assert spec.idempotency in spec.arguments.model_fields
        assert spec.arguments.model_fields[spec.idempotency].is_required()
        assert "mode" in spec.data
        assert "SAME id" in spec.description
    if spec.toolset == "account":
        assert spec.ttl_ms == 0, "an account's state is never cached"


@each_tool
def test_data_that_an_argument_names_is_checked(spec: ToolSpec) -> None:
    for what in ("account", "symbol", "venue"):
        if what in spec.arguments.model_fields:
            assert what in spec.data, f"{spec.name} takes {what} but the guard does not check it"


@each_tool
def test_schemas(spec: ToolSpec) -> None:
    schema = input_schema(spec.arguments)
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    for name, kind in schema["properties"].items():
        assert kind.get("description"), f"{spec.name}.{name} is not described"
        assert kind.get("type") != "number", "no float ever carries a price or a quantity"
        if kind.get("type") == "integer":
            assert {"minimum", "maximum"} <= set(kind)
        elif "enum" not in kind and name != "account":
            assert kind["pattern"].startswith("^") and kind["pattern"].endswith("$")
            assert "\\d" not in kind["pattern"], r"\d admits the digits of every script"
    output = output_schema(spec.result)
    assert output["type"] == "object"
    assert {"source", "as_of_utc_ns", "confidence", "is_stale", "trading_mode", "trace_id"} <= set(output["properties"])


def test_units_are_told() -> None:
    for spec in TOOLS:
        for name, kind in input_schema(spec.arguments)["properties"].items():
            if "price" in name:
                assert "dollars" in kind["description"]
            if "quantity" in name:
                assert "shares" in kind["description"]
            if name.endswith("_ms"):
                assert "milliseconds" in kind["description"]


def test_names_are_unique_and_nothing_releases_a_kill() -> None:
    assert len(BY_NAME) == len(TOOLS)
    assert not [name for name in BY_NAME if "release" in name or "disengage" in name]
    assert not [request for request in ANSWERS if request.__struct_config__.tag == "release"]
    assert set(DEFAULT_SCOPES) == {"md:read", "account:read"}
    assert all(spec.risk == "read" for spec in TOOLS if spec.scope in DEFAULT_SCOPES)


def test_every_request_has_an_answer() -> None:
    def leaves(kind: type[Request]) -> list[type[Request]]:
        below = kind.__subclasses__()
        return [leaf for sub in below for leaf in leaves(sub)] if below else [kind]

    assert set(leaves(Request)) == set(ANSWERS)


def test_every_reason_has_a_code() -> None:
    for reason in range(0x10000):
        assert code_for_reason(reason) in ERRORS
    assert reason_name(0x8000) == "KILL_SWITCH"
    assert reason_name(999) == "REASON_999"


def test_reference_page_is_current() -> None:
    page = ROOT / "docs/reference/mcp-tools.md"
    assert page.read_text() == tools_markdown(), f"run: fastpath-mcp tools --write {page}"


@pytest.mark.anyio
async def test_list_as_a_client_sees_it(client: Client) -> None:
    listed = await client.list_tools()
    assert [tool.name for tool in listed.tools] == [spec.name for spec in TOOLS]
    wire = json.dumps(listed.model_dump(mode="json", by_alias=True, exclude_none=True), separators=(",", ":"))
    assert len(wire.encode()) <= 25_000
    for tool in listed.tools:
        spec, hints = BY_NAME[tool.name], tool.annotations
        assert tool.title == spec.title
        assert tool.output_schema is not None
        assert hints is not None
        assert hints.read_only_hint is (spec.risk == "read")
        if spec.risk != "read":
            assert hints.destructive_hint is True
            assert hints.idempotent_hint is True
    assert listed.cache_scope == "private"


@pytest.mark.anyio
@pytest.mark.parametrize("scope", SCOPES)
async def test_list_shows_only_what_the_key_may_use(bridge: Bridge, scope: str) -> None:
    async with connected(bridge, scopes=[scope]) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {spec.name for spec in TOOLS if spec.scope == scope}


@pytest.mark.anyio
async def test_sent_results_fit_their_output_schema(client: Client) -> None:
    # The SDK's client validates structured content against outputSchema once it has listed the tools.
    await client.list_tools()
    for tool, arguments in _calls().items():
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, result.structured_content


def _calls() -> dict[str, dict[str, Any]]:
    order = {
        "symbol": "AAPL", "side": "sell", "quantity": "5", "order_type": "market", "time_in_force": "ioc",
        "routing": "best_price",
    }  # fmt: skip
    return {
        "get_trading_state": {},
        "list_venues": {},
        "get_top_of_book": {"symbol": "AAPL"},
        "get_order_book_depth": {"symbol": "AAPL", "venue": "velocity"},
        "get_recent_trades": {"symbol": "AAPL"},
        "preview_order": order,
        "submit_order": order | {"client_order_id": "schema-1"},
        "get_order_status": {"client_order_id": "schema-1"},
        "list_open_orders": {},
        "preview_trigger": TRIGGER,
        "arm_trigger": TRIGGER | {"client_order_id": "schema-2"},
        "list_triggers": {},
        "disarm_trigger": {"client_order_id": "schema-2"},
        "list_positions": {},
        "list_fills": {},
        "get_risk_limits": {},
    }
