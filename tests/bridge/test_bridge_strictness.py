"""Hostile and sloppy arguments: nothing is converted, nothing unknown is dropped, nothing reaches the engine."""

from __future__ import annotations

from typing import Any

import pytest
from bridge_desk import ORDER, ask, refuse
from fake_engine import FakeEngine
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client

from mcp_bridge.arguments import PreviewOrder, SubmitOrder, parse
from mcp_bridge.errors import RefusalError
from mcp_bridge.money import average_e4, format_e4, format_e6, parse_e4
from mcp_bridge.registry import TOOLS, ToolSpec
from mcp_bridge.schema import input_schema

FULL = ORDER | {"client_order_id": "id-1"}

BAD: list[tuple[str, Any]] = [
    ("quantity", 100),
    ("quantity", 100.0),
    ("quantity", "100.0"),
    ("quantity", "1e3"),
    ("quantity", "0"),
    ("quantity", "-5"),
    ("quantity", "+5"),
    ("quantity", " 5"),
    ("quantity", "0100"),
    ("quantity", "1,000"),
    ("quantity", "\u0661\u0660"),
    ("quantity", "\uff19"),
    ("quantity", "9" * 400),
    ("quantity", 10**400),
    ("quantity", ""),
    ("quantity", None),
    ("quantity", True),
    ("quantity", ["100"]),
    ("quantity", {"shares": "100"}),
    ("quantity", "100\n"),
    ("quantity", "100\0"),
    ("limit_price", 150.01),
    ("limit_price", 150),
    ("limit_price", "150.00001"),
    ("limit_price", "150."),
    ("limit_price", ".5"),
    ("limit_price", "1e2"),
    ("limit_price", "-1"),
    ("limit_price", "0"),
    ("limit_price", "0.0000"),
    ("limit_price", "429496.7296"),
    ("limit_price", "NaN"),
    ("limit_price", "Infinity"),
    ("limit_price", "$150"),
    ("limit_price", "\u0663.\u0665"),
    ("symbol", "aapl"),
    ("symbol", "AAPL "),
    ("symbol", "AAPL\0"),
    ("symbol", "AAPLAAPLA"),
    ("symbol", "\uff21\uff21\uff30\uff2c"),
    ("symbol", "\ud800"),
    ("symbol", "A\u202eL"),
    ("symbol", 5),
    ("side", "BUY"),
    ("side", "B"),
    ("side", "short"),
    ("side", 1),
    ("order_type", "stop"),
    ("time_in_force", "gtc"),
    ("time_in_force", None),
    ("routing", "Velocity"),
    ("routing", "velocity; drop"),
    ("routing", "../../etc"),
    ("client_order_id", ""),
    ("client_order_id", "a" * 37),
    ("client_order_id", "has space"),
    ("client_order_id", "nul\0"),
    ("client_order_id", "ünïcode"),
    ("client_order_id", "line\n"),
    ("client_order_id", 17),
    ("max_quote_age_ms", "100"),
    ("max_quote_age_ms", 100.0),
    ("max_quote_age_ms", True),
    ("max_quote_age_ms", 0),
    ("max_quote_age_ms", -1),
    ("max_quote_age_ms", 10**30),
    ("reason_text", "x" * 96),
    ("reason_text", "tab\t"),
    ("reason_text", "ünïcode"),
    ("account", 5),
    ("price", "150.01"),
    ("limitPrice", "150.01"),
    ("", "empty name"),
    ("\ud800", "no Unicode"),
    ("a\0b" * 400, "long name"),
    ("__class__", "x"),
]


@pytest.mark.parametrize(("field", "value"), BAD, ids=lambda value: repr(value)[:32])
def test_bad_argument_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(RefusalError) as caught:
        parse(SubmitOrder, FULL | {field: value})
    error = caught.value
    assert error.code == "INVALID_ARGUMENTS"
    assert error.outcome == "not_sent"
    assert error.field_errors
    shown = error.field_errors[0]["field"]
    if field in SubmitOrder.model_fields:
        assert shown == field
    assert len(str(error)) < 1_000
    str(error).encode()  # can be sent: no lone surrogate was echoed


def test_every_required_argument_is_required() -> None:
    with pytest.raises(RefusalError) as caught:
        parse(SubmitOrder, {})
    missing = {item["field"] for item in caught.value.field_errors}
    assert missing == {"symbol", "side", "quantity", "order_type", "routing", "client_order_id"}


def test_rules_between_fields() -> None:
    market = {name: value for name, value in ORDER.items() if name != "limit_price"} | {"order_type": "market"}
    assert isinstance(parse(PreviewOrder, market), PreviewOrder)
    with pytest.raises(RefusalError, match="absent for a market order"):
        parse(PreviewOrder, market | {"limit_price": "1.00"})
    with pytest.raises(RefusalError, match="required for a limit order"):
        parse(PreviewOrder, market | {"order_type": "limit"})


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(SubmitOrder.model_fields)), st.text(max_size=10)),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2)),
        max_size=8,
    )
)
def test_no_input_breaks_the_parser(raw: dict[str, Any]) -> None:
    for spec in TOOLS:
        try:
            parse(spec.arguments, raw)
        except RefusalError as error:
            assert error.code == "INVALID_ARGUMENTS"
            str(error).encode()


@given(st.integers(0, 2**32 - 1))
def test_prices_survive_the_round_trip(value: int) -> None:
    assert parse_e4(format_e4(value)) == value


@pytest.mark.parametrize("text", ["", "1.", ".1", "1.00000", "-1", "1e3", "1 ", "\u0661"])
def test_money_refuses_what_is_not_a_price(text: str) -> None:
    with pytest.raises(ValueError):
        parse_e4(text)


def test_money_formats() -> None:
    assert format_e4(-1) == "-0.0001"
    assert format_e4(-10_000) == "-1.00"
    assert format_e4(2**63) == "922337203685477.5808"
    assert format_e6(800) == "0.0008"
    assert format_e6(-2_000) == "-0.002"
    assert format_e6(3_000_000) == "3.00"
    assert average_e4(10_000, 3) == "0.333333"
    assert average_e4(5, 0) is None


@pytest.mark.anyio
async def test_refusal_over_the_wire_never_reaches_the_engine(client: Client, engine: FakeEngine) -> None:
    before = len(engine.requests)
    for field, value in BAD:
        if field == "\ud800" or value == "\ud800":
            continue  # no JSON text can carry it in this client
        error = await refuse(client, "submit_order", **FULL | {field: value})
        assert error["code"] == "INVALID_ARGUMENTS"
        assert error["retryable"] is False
        assert error["field_errors"]
    assert len(engine.requests) == before


@pytest.mark.anyio
async def test_json_inside_strings_is_not_unpacked(client: Client) -> None:
    # The SDK would turn these strings into values before validation; the guard must not.
    for value in ("null", '"velocity"', "[1]", '{"a":1}', "true"):
        error = await refuse(client, "get_top_of_book", symbol="AAPL", venue=value)
        assert error["code"] in ("INVALID_ARGUMENTS", "UNKNOWN_SYMBOL")
    error = await refuse(client, "get_recent_trades", symbol="AAPL", max_trades="5")
    assert error["field_errors"] == [{"field": "max_trades", "problem": "must be a JSON integer"}]


@pytest.mark.anyio
async def test_unknown_tool_is_told_in_our_words(client: Client) -> None:
    error = await refuse(client, "place_orderé")
    assert error["code"] == "UNKNOWN_TOOL"
    assert "submit_order" in error["suggestions"]


async def told(client: Client, tool: str, meta: Any) -> dict[str, Any]:
    """What a call with this metadata gives, an error or not."""
    content: Any = (await client.call_tool(tool, {}, meta=meta)).structured_content
    assert isinstance(content, dict)
    return content


@pytest.mark.anyio
async def test_deadline_of_the_caller(client: Client, engine: FakeEngine) -> None:
    assert (await told(client, "list_venues", {"fastpath/deadlineMs": 0}))["code"] == "DEADLINE_EXCEEDED"
    assert (await told(client, "list_venues", {"fastpath/deadlineMs": "5"}))["code"] == "INVALID_ARGUMENTS"
    engine.ignore.add("positions")
    assert (await told(client, "list_positions", {"fastpath/deadlineMs": 30}))["code"] == "DEADLINE_EXCEEDED"


@pytest.mark.anyio
async def test_trace_id_is_the_callers(client: Client) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = await told(client, "list_venues", {"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert answer["trace_id"] == trace
    for bad in ("00-" + "0" * 32 + "-b7ad6b7169203331-01", "nonsense", 5):
        answer = await told(client, "list_venues", {"traceparent": bad})
        assert len(answer["trace_id"]) == 32
        assert answer["trace_id"] != "0" * 32
    assert (await ask(client, "list_venues"))["trace_id"] != trace


@pytest.mark.anyio
@pytest.mark.parametrize("tool", ["list_triggers", "list_open_orders"])
async def test_a_cursor_is_an_order_id(client: Client, engine: FakeEngine, tool: str) -> None:
    await ask(client, tool, page_cursor=str(2**64 - 1))
    for cursor in (str(2**64), "9" * 20):
        error = await refuse(client, tool, page_cursor=cursor)
        assert (error["code"], error["field_errors"][0]["field"]) == ("INVALID_ARGUMENTS", "page_cursor")


@pytest.mark.anyio
@pytest.mark.parametrize("spec", TOOLS, ids=lambda spec: spec.name)
async def test_no_number_is_too_large_to_be_refused(client: Client, engine: FakeEngine, spec: ToolSpec) -> None:
    """Digits as long as the patterns let through and longer, integers around the bounds of 64 bits and far beyond."""
    for name, kind in input_schema(spec.arguments)["properties"].items():
        values: list[Any] = [2**63, 2**64, 10**30, -(2**63) - 1]
        if kind.get("type") == "string":
            values = [digit * length for length in (6, 9, 19, 20, 21) for digit in "19"]
        for value in values:
            given = {key: value for key, value in HUGE.items() if key in spec.arguments.model_fields} | {name: value}
            result = await client.call_tool(spec.name, given)
            body = result.structured_content or {}
            assert body.get("code") != "INTERNAL", (name, value)


HUGE: dict[str, Any] = {
    "query": "A", "symbol": "AAPL", "venue": "velocity", "side": "buy", "quantity": "999999999", "order_type": "limit",
    "limit_price": "429496.7295", "routing": "velocity", "client_order_id": "huge", "new_client_order_id": "huge-2",
    "condition": "ask_at_or_above", "trigger_price": "429496.7295", "expire_after_s": 86_400, "scope": "agent",
    "new_quantity": "999999999", "new_limit_price": "429496.7295", "reason_text": "drill",
    "max_quote_age_ms": 3_600_000,
}  # fmt: skip
