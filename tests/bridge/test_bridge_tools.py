"""Every tool once, against the fake engine: the right figures, as strings, with their origin."""

from __future__ import annotations

import time

import pytest
from bridge_desk import ORDER, TRIGGER, ask, connected, refuse
from fake_engine import FakeEngine
from mcp import Client

from fastpath.records import ExecKind, OrderState
from mcp_bridge.bridge import Bridge
from mcp_bridge.registry import TOOLS

pytestmark = pytest.mark.anyio

PROVENANCE = {
    "source", "source_sequence", "as_of_utc_ns", "age_ms", "feed_age_ms", "confidence", "is_stale", "trading_mode",
    "trace_id",
}  # fmt: skip


async def test_find_instrument(client: Client) -> None:
    answer = await ask(client, "find_instrument", query="aa")
    assert [item["symbol"] for item in answer["instruments"]] == ["AAL", "AAPL"]
    assert answer["instruments"][1]["venues"][0] == {
        "venue": "tradesphere", "round_lot": "100", "trading_state": "trading",
    }  # fmt: skip
    assert answer["more"] is False
    one = await ask(client, "find_instrument", query="A", max_results=1)
    assert [item["symbol"] for item in one["instruments"]] == ["AAL"]
    assert one["more"] is True


async def test_top_of_book_names_prices_exactly(client: Client) -> None:
    answer = await ask(client, "get_top_of_book", symbol="AAPL")
    by_venue = {quote["venue"]: quote for quote in answer["quotes"]}
    assert by_venue["velocity"]["bid_price"] == "150.00"
    assert by_venue["velocity"]["ask_price"] == "150.01"
    assert by_venue["tradesphere"]["ask_price"] == "150.02"
    assert by_venue["tradesphere"]["ask_quantity"] == "200"
    assert answer["best_ask_venue"] == "velocity"
    assert answer["source"] == "engine"
    assert answer["source_sequence"] == 77
    assert answer["confidence"] == 1.0
    assert answer["is_stale"] is False
    assert answer["trading_mode"] == "paper"
    assert abs(int(answer["as_of_utc_ns"]) - time.time_ns()) < 60_000_000_000
    one = await ask(client, "get_top_of_book", symbol="AAPL", venue="velocity")
    assert [quote["venue"] for quote in one["quotes"]] == ["velocity"]


async def test_depth_and_trades(client: Client) -> None:
    depth = await ask(client, "get_order_book_depth", symbol="AAPL", venue="velocity", max_levels=3)
    assert [level["price"] for level in depth["bids"]] == ["150.00", "149.99", "149.98"]
    assert depth["asks"] == [{"price": "150.01", "quantity": "400", "orders": 2}]
    trades = await ask(client, "get_recent_trades", symbol="AAPL", max_trades=2)
    assert [trade["price"] for trade in trades["trades"]] == ["150.00", "150.0001"]
    assert trades["trades"][0]["match_number"] == str(2**60)
    assert trades["trades"][0]["aggressor"] == "buy"


async def test_venues_show_fees_and_measured_latency(client: Client) -> None:
    answer = await ask(client, "list_venues")
    velocity = next(venue for venue in answer["venues"] if venue["venue"] == "velocity")
    assert velocity["taker_fee_per_share"] == "0.003"
    assert velocity["maker_rebate_per_share"] == "0.002"
    assert velocity["ack_p50_us"] == 12.0
    assert velocity["ack_p99_us"] == 36.0
    assert velocity["order_session"] == "live"
    assert next(v for v in answer["venues"] if v["venue"] == "tradesphere")["taker_fee_per_share"] == "0.0008"


async def test_preview_shows_every_check_with_its_figures(client: Client, engine: FakeEngine) -> None:
    answer = await ask(client, "preview_order", **ORDER | {"routing": "lowest_fee", "quantity": "600"})
    assert answer["would_be_accepted"] is False
    assert answer["refusal"].startswith("MAX_QUANTITY")
    assert answer["checks"][0] == {
        "check": "MAX_QUANTITY", "passed": False, "observed": "600", "limit": "500", "unit": "shares",
        "level": "agent",
    }  # fmt: skip
    assert answer["checks"][1]["observed"] == "1500.00"
    # 150.01 crosses velocity's offer but rests at tradesphere: resting there earns 0.0004, crossing costs 0.003.
    assert answer["venue"] == "velocity" or answer["venue"] == "tradesphere"
    assert answer["venue"] == "tradesphere"
    assert "lowest_fee: tradesphere -0.0004 a share against velocity 0.003 a share" in answer["routing_reason"]
    assert engine.count("submit") == 0


async def test_submit_status_replace_cancel(client: Client, engine: FakeEngine) -> None:
    answer = await ask(client, "submit_order", **ORDER, client_order_id="a-1", reason_text="test")
    assert answer["outcome"] == "accepted"
    assert answer["order"]["state"] == "LIVE"  # the venue's acknowledgement was waited for
    assert answer["order"]["limit_price"] == "150.01"
    assert answer["order"]["quantity"] == "100"
    assert answer["order"]["side"] == "buy"
    assert answer["routing_reason"] == "velocity: named by the caller"
    status = await ask(client, "get_order_status", client_order_id="a-1")
    assert (status["receipt"], status["order"]["state"]) == ("RECEIVED", "LIVE")
    replaced = await ask(
        client, "replace_order", client_order_id="a-1", new_client_order_id="a-2", new_quantity="50",
        new_limit_price="149.9",
    )  # fmt: skip
    assert replaced["order"]["limit_price"] == "149.90"
    opened = await ask(client, "list_open_orders")
    assert [order["client_order_id"] for order in opened["orders"]] == ["a-2"]
    cancelled = await ask(client, "cancel_order", client_order_id="a-2")
    assert (cancelled["outcome"], cancelled["order"]["state"]) == ("accepted", "CANCELED")
    again = await ask(client, "cancel_order", client_order_id="a-2")
    assert (again["outcome"], again["order"]["state"]) == ("already_ended", "CANCELED")
    missing = await refuse(client, "cancel_order", client_order_id="nobody")
    assert (missing["code"], missing["outcome"]) == ("UNKNOWN_ORDER", "rejected")


@pytest.mark.parametrize(
    ("policy", "venue"), [("lowest_fee", "tradesphere"), ("fastest_ack", "velocity"), ("best_price", "velocity")]
)
async def test_routing_policies(client: Client, policy: str, venue: str) -> None:
    order = ORDER | {"limit_price": "150.05", "routing": policy}
    answer = await ask(client, "submit_order", **order, client_order_id=f"r-{policy}")
    assert answer["order"]["venue"] == venue
    assert answer["routing_reason"].startswith(f"{policy}: {venue}")


async def test_open_orders_come_in_pages(client: Client) -> None:
    for i in range(5):
        await ask(client, "submit_order", **ORDER, client_order_id=f"p-{i}")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        page = await ask(client, "list_open_orders", max_orders=2, **cursor)
        seen += [order["client_order_id"] for order in page["orders"]]
        if page["next_page_cursor"] is None:
            break
        cursor = {"page_cursor": page["next_page_cursor"]}
    assert seen == [f"p-{i}" for i in range(5)]


async def test_positions_and_limits(client: Client) -> None:
    positions = (await ask(client, "list_positions"))["positions"]
    assert positions[0] == {
        "symbol": "AAPL", "quantity": "-30", "open_cost": "-4500.01", "average_price": "150.000333",
        "realised_profit": "-1.2345", "bought": "10", "sold": "40",
    }  # fmt: skip
    assert positions[1]["average_price"] is None
    only = await ask(client, "list_positions", symbol="MSFT")
    assert [row["symbol"] for row in only["positions"]] == ["MSFT"]
    limits = {row["name"]: row for row in (await ask(client, "get_risk_limits"))["limits"]}
    assert limits["max_order_notional"] == {
        "name": "max_order_notional", "unit": "dollars", "firm": "25000.00", "account": "25000.00",
        "agent": "25000.00",
    }  # fmt: skip
    assert limits["max_order_quantity"]["agent"] == "100"
    assert limits["collar_bps"]["unit"] == "bps"


async def test_fills_are_read_from_the_account_stream(client: Client, engine: FakeEngine) -> None:
    engine.add_exec(ExecKind.SENT)
    for i in range(3):
        engine.add_exec(
            ExecKind.FILL, last_price_e4=1_500_000 + i, last_shares=10 + i, client_order_id=b"f-1", match_number=i
        )
    answer = await ask(client, "list_fills", max_fills=2)
    assert [(fill["price"], fill["quantity"]) for fill in answer["fills"]] == [("150.0002", "12"), ("150.0001", "11")]
    assert answer["fills"][0]["client_order_id"] == "f-1"
    assert answer["fills"][0]["venue"] == "velocity"
    assert (await ask(client, "list_fills"))["complete"] is True


async def test_kill_switch_is_engaged_and_explained(client: Client, engine: FakeEngine) -> None:
    await ask(client, "submit_order", **ORDER, client_order_id="k-1")
    killed = await ask(client, "engage_kill_switch", scope="firm", reason_text="something is wrong")
    assert killed["orders_being_cancelled"] == 1
    assert "human" in killed["release"]
    again = await ask(client, "engage_kill_switch", scope="firm", reason_text="something is wrong")
    assert again["scope"] == "firm"
    error = await refuse(client, "submit_order", **ORDER, client_order_id="k-2")
    assert (error["code"], error["reason"], error["outcome"]) == ("KILL_SWITCH_ENGAGED", "KILL_SWITCH", "rejected")
    state = await ask(client, "get_trading_state")
    assert state["kill_switches"] == ["firm"]
    assert state["new_orders_possible"] is False
    # Cancels pass whatever is engaged.
    await ask(client, "cancel_order", client_order_id="k-1")
    assert not any("release" in spec.name for spec in TOOLS)


async def test_kill_of_the_own_account_needs_no_target(client: Client, engine: FakeEngine) -> None:
    killed = await ask(client, "engage_kill_switch", scope="account", reason_text="mine")
    assert killed["target"] == "desk"
    assert (await refuse(client, "engage_kill_switch", scope="account", target="other", reason_text="x"))[
        "code"
    ] == "FORBIDDEN_DATA"
    assert (await refuse(client, "engage_kill_switch", scope="venue", reason_text="x"))["code"] == "INVALID_ARGUMENTS"
    assert engine.killed == {"accounts": ["desk"]}


async def test_risk_refusal_names_the_limit(client: Client, engine: FakeEngine) -> None:
    check = {"reason": 48, "passed": False, "observed": 300_000_000, "limit": 250_000_000, "unit": 2, "level": 3}
    engine.refuse["submit"] = (48, [check])
    error = await refuse(client, "submit_order", **ORDER, client_order_id="x-1")
    assert error["code"] == "RISK_REJECTED"
    assert error["category"] == "risk"
    assert error["limit"]["observed"] == "30000.00"
    assert error["limit"]["allowed"] == "25000.00"
    assert error["limit"]["level"] == "agent"
    assert "30000.00 against 25000.00 dollars (agent)" in error["message"]
    # The id was not used up: the same id may now carry another order.
    del engine.refuse["submit"]
    assert (await ask(client, "submit_order", **ORDER | {"quantity": "10"}, client_order_id="x-1"))["outcome"] == (
        "accepted"
    )


async def test_venue_rejection_is_an_error_with_the_order(client: Client, engine: FakeEngine) -> None:
    engine.state_after_submit = OrderState.REJECTED
    for _ in range(2):
        error = await refuse(client, "submit_order", **ORDER, client_order_id="v-1")
        assert (error["code"], error["outcome"]) == ("VENUE_REJECTED", "rejected")
        assert error["order"]["state"] == "REJECTED"
    assert len(engine.orders) == 1


async def test_unknown_symbol_comes_with_suggestions(client: Client) -> None:
    for tool in ("get_top_of_book", "get_recent_trades"):
        error = await refuse(client, tool, symbol="AAPX")
        assert error["code"] == "UNKNOWN_SYMBOL"
        assert error["suggestions"] == ["AAL", "AAPL"]
    error = await refuse(client, "get_order_book_depth", symbol="AAPX", venue="velocity")
    assert error["suggestions"] == ["AAL", "AAPL"]
    error = await refuse(client, "submit_order", **ORDER | {"routing": "nowhere"}, client_order_id="n-1")
    assert error["code"] == "UNKNOWN_VENUE"
    assert "velocity" in error["suggestions"]


async def test_every_success_says_where_it_comes_from(client: Client) -> None:
    await ask(client, "submit_order", **ORDER, client_order_id="s-1")
    arguments = {
        "find_instrument": {"query": "A"}, "get_top_of_book": {"symbol": "AAPL"},
        "get_order_book_depth": {"symbol": "AAPL", "venue": "velocity"}, "get_recent_trades": {"symbol": "AAPL"},
        "preview_order": ORDER, "submit_order": ORDER | {"client_order_id": "s-1"},
        "replace_order": {
            "client_order_id": "s-1", "new_client_order_id": "s-2", "new_quantity": "1", "new_limit_price": "1",
        },
        "cancel_order": {"client_order_id": "s-2"}, "cancel_all_orders": {"reason_text": "x"},
        "get_order_status": {"client_order_id": "s-1"},
        "engage_kill_switch": {"scope": "agent", "reason_text": "x"}, "preview_trigger": TRIGGER,
        "arm_trigger": TRIGGER | {"client_order_id": "s-3"}, "disarm_trigger": {"client_order_id": "s-3"},
    }  # fmt: skip
    for spec in TOOLS:
        answer = await ask(client, spec.name, **arguments.get(spec.name, {}))
        assert set(answer) >= PROVENANCE, spec.name
        assert isinstance(answer["as_of_utc_ns"], str)
        assert len(answer["trace_id"]) == 32


async def test_rows_beyond_the_key_are_not_shown(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge, symbols=["M*"], venues=["tradesphere"]) as narrow:
        venues = await ask(narrow, "list_venues")
        assert [venue["venue"] for venue in venues["venues"]] == ["tradesphere"]
        found = await ask(narrow, "find_instrument", query="A")
        assert found["instruments"] == []
        assert [row["symbol"] for row in (await ask(narrow, "list_positions"))["positions"]] == ["MSFT"]
    # What one key was shown must not answer another's question from the cache.
    async with connected(bridge) as wide:
        assert len((await ask(wide, "list_venues"))["venues"]) == 2
