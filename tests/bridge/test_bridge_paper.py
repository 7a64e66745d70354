"""The bridge on the real engine and real exchanges, in this process: every protocol spoken, nothing imitated."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from bridge_desk import ask, connected, make_settings, refuse
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from mcp_bridge.bridge import Bridge
from mcp_bridge.engine import messages
from mcp_bridge.engine.messages import Request
from mcp_bridge.engine.paper_engine import PaperEngine
from mcp_bridge.engine.port import AnswerT, NoAnswerError
from mcp_bridge.identity.principal import SCOPES
from mcp_bridge.registry import TOOLS
from mcp_bridge.server import build_server, serving
from sim.exchange import LineFaults

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.anyio


class LossyPort:
    """The real engine behind a port that can lose answers after the engine has given them."""

    def __init__(self, engine: PaperEngine) -> None:
        self.engine = engine
        self.lose: set[type[Request]] = set()

    @property
    def epoch(self) -> int:
        return self.engine.epoch

    async def start(self) -> None:
        """The engine outlives the bridges of a test."""

    async def close(self) -> None:
        """See start."""

    async def ask(self, request: Request, answer: type[AnswerT], timeout_s: float) -> AnswerT:
        found = await self.engine.ask(request, answer, timeout_s)
        if type(request) in self.lose:
            raise NoAnswerError("lost on the way back")
        return found


@pytest.fixture
async def paper() -> AsyncIterator[PaperEngine]:
    engine = PaperEngine()
    await engine.start()
    yield engine
    await engine.close()


async def quote(client: Client, venue: str) -> dict[str, Any]:
    answer = await ask(client, "get_top_of_book", symbol="AAPL", venue=venue)
    row: dict[str, Any] = answer["quotes"][0]
    assert row["is_stale"] is False
    return row


def resting(row: dict[str, Any]) -> str:
    """A price that joins the book well below the best bid, inside the engine's bands."""
    return str(Decimal(row["bid_price"]) - Decimal("1.00"))


def order(**changes: Any) -> dict[str, Any]:
    return {"symbol": "AAPL", "side": "buy", "quantity": "10", "order_type": "limit", "routing": "velocity"} | changes


async def status_when(client: Client, client_order_id: str, states: set[str]) -> dict[str, Any]:
    """The order once it is in one of the states; bounded."""
    found: dict[str, Any] = {}
    for _ in range(500):
        found = (await ask(client, "get_order_status", client_order_id=client_order_id))["order"]
        if found["state"] in states:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"{client_order_id} is {found['state']}, not {states}")


def entered(paper: PaperEngine) -> int:
    """Enter Order messages that the exchanges received."""
    return sum(
        message[:1] == b"O" for exchange in paper.exchanges.values() for message in exchange.received_messages("FPATH")
    )


async def test_an_agents_day_over_http(place: Path, paper: PaperEngine) -> None:
    async with Bridge(make_settings(place), LossyPort(paper)) as bridge:
        _, key = bridge.keys.add("agent", "desk", scopes=list(SCOPES))
        async with (
            serving(bridge) as url,
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=20.0) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            assert [tool.name for tool in (await client.list_tools()).tools] == [spec.name for spec in TOOLS]
            state = await ask(client, "get_trading_state")
            assert (state["trading_mode"], state["new_orders_possible"]) == ("paper", True)
            found = await ask(client, "find_instrument", query="aap")
            assert [venue["venue"] for venue in found["instruments"][0]["venues"]] == ["tradesphere", "velocity"]

            depth = await ask(client, "get_order_book_depth", symbol="AAPL", venue="velocity", max_levels=5)
            prices = [Decimal(level["price"]) for level in depth["bids"]]
            assert prices == sorted(prices, reverse=True)
            assert len(prices) == 5

            # Through the cheaper venue, then the faster one, at prices that trade at once.
            for number, policy in enumerate(("lowest_fee", "fastest_ack", "best_price")):
                top = await ask(client, "get_top_of_book", symbol="AAPL")
                far = max(Decimal(row["ask_price"]) for row in top["quotes"]) + Decimal("0.10")
                wanted = order(routing=policy, limit_price=str(far), time_in_force="ioc")
                preview = await ask(client, "preview_order", **wanted)
                assert preview["would_be_accepted"] is True, preview
                assert preview["fee_basis"] == "taker"
                sent = await ask(client, "submit_order", **wanted, client_order_id=f"day-{number}")
                assert sent["outcome"] == "accepted"
                if policy == "lowest_fee":
                    assert sent["order"]["venue"] == "tradesphere"
                done = await status_when(client, f"day-{number}", {"FILLED"})
                assert done["filled_quantity"] == "10"
            fills = (await ask(client, "list_fills"))["fills"]
            assert sum(int(fill["quantity"]) for fill in fills) == 30
            held = (await ask(client, "list_positions"))["positions"]
            assert [(row["symbol"], row["quantity"]) for row in held] == [("AAPL", "30")]

            # Rest, replace, cancel.
            price = resting(await quote(client, "velocity"))
            await ask(client, "submit_order", **order(limit_price=price), client_order_id="rest-1")
            await status_when(client, "rest-1", {"LIVE"})
            assert [row["client_order_id"] for row in (await ask(client, "list_open_orders"))["orders"]] == ["rest-1"]
            await ask(
                client, "replace_order", client_order_id="rest-1", new_client_order_id="rest-2", new_quantity="20",
                new_limit_price=price,
            )  # fmt: skip
            live = await status_when(client, "rest-2", {"LIVE"})
            assert live["open_quantity"] == "20"
            assert (await status_when(client, "rest-1", {"REPLACED"}))["open_quantity"] == "0"
            await ask(client, "cancel_order", client_order_id="rest-2")
            await status_when(client, "rest-2", {"CANCELED"})

            # A limit is tripped and explained; the kill switch stops everything and cannot be undone from here.
            too_much = await refuse(
                client, "submit_order", **order(quantity="501", limit_price=price), client_order_id="x"
            )
            assert (too_much["code"], too_much["limit"]["allowed"]) == ("RISK_REJECTED", "500")
            venues = {row["venue"]: row for row in (await ask(client, "list_venues"))["venues"]}
            assert venues["velocity"]["acks_measured"] >= 2
            assert venues["velocity"]["ack_p50_us"] > 0
            await ask(client, "submit_order", **order(limit_price=price), client_order_id="rest-3")
            killed = await ask(client, "engage_kill_switch", scope="account", reason_text="the day is over")
            assert killed["orders_being_cancelled"] == 1
            await status_when(client, "rest-3", {"CANCELED"})
            stopped = await refuse(client, "submit_order", **order(limit_price=price), client_order_id="after")
            assert stopped["code"] == "KILL_SWITCH_ENGAGED"
            assert (await ask(client, "get_trading_state"))["kill_switches"] == ["account desk"]
        assert bridge.ledger.verify()[2] == ""


async def test_one_order_at_the_exchange_however_often_it_is_sent(place: Path, paper: PaperEngine) -> None:
    port = LossyPort(paper)
    settings = make_settings(place)
    async with Bridge(settings, port) as bridge:
        key_id, _ = bridge.keys.add("agent", "desk", scopes=list(SCOPES))
        async with Client(build_server(bridge, key_id)) as client:
            price = resting(await quote(client, "velocity"))
            wanted = order(limit_price=price, routing="best_price", client_order_id="once")
            port.lose.add(messages.Submit)
            for _ in range(2):
                lost = await refuse(client, "submit_order", **wanted)
                assert (lost["code"], lost["outcome"]) == ("OUTCOME_UNKNOWN", "unknown")
            port.lose.clear()
            first = await status_when(client, "once", {"LIVE"})
    # Another process, another memory: only the ledger and the engine know.
    async with Bridge(settings, port) as bridge, Client(build_server(bridge, key_id)) as client:
        answers = await asyncio.gather(*(ask(client, "submit_order", **wanted) for _ in range(5)))
        assert {answer["outcome"] for answer in answers} == {"replayed"}
        assert {answer["order"]["order_id"] for answer in answers} == {first["order_id"]}
        conflict = await refuse(client, "submit_order", **wanted | {"quantity": "11"})
        assert conflict["code"] == "IDEMPOTENCY_CONFLICT"
        assert entered(paper) == 1
    # Without the ledger the engine still knows.
    (place / "data" / "bridge.sqlite").rename(place / "gone")
    async with (
        Bridge(make_settings(place, data_dir=str(place / "other")), port) as bridge,
        Client(build_server(bridge, key_id)) as client,
    ):
        named = wanted | {"routing": first["venue"]}
        assert (await ask(client, "submit_order", **named))["outcome"] == "replayed"
        conflict = await refuse(client, "submit_order", **named | {"quantity": "11"})
        assert conflict["code"] == "IDEMPOTENCY_CONFLICT"
        assert (await ask(client, "get_order_status", client_order_id="never"))["receipt"] == "NOT_RECEIVED"
    assert entered(paper) == 1


async def test_a_feed_that_falls_silent_shows_as_stale(place: Path, paper: PaperEngine) -> None:
    async with (
        Bridge(make_settings(place, stale_after_ms=300), LossyPort(paper)) as bridge,
        connected(bridge) as client,
    ):
        await quote(client, "velocity")
        for line in ("A", "B"):
            paper.exchanges["velocity"].set_line_faults(line, LineFaults(drop_per_mille=1_000))
        answer: dict[str, Any] = {}
        rows: dict[str, Any] = {}
        for _ in range(500):
            answer = await ask(client, "get_top_of_book", symbol="AAPL")
            rows = {row["venue"]: row for row in answer["quotes"]}
            if rows["velocity"]["is_stale"]:
                break
            # The whole answer is judged now, its rows when the engine gave them: never the other way round.
            await asyncio.sleep(0.01)
        assert rows["velocity"]["is_stale"] is True
        assert answer["is_stale"] is True
        assert rows["tradesphere"]["is_stale"] is False
        assert answer["confidence"] <= 0.3
        assert answer["feed_age_ms"] >= 300
        # Routing goes where the quote lives, and says why not elsewhere.
        preview = await ask(
            client, "preview_order", **order(routing="fastest_ack", limit_price=resting(rows["tradesphere"]))
        )
        assert preview["venue"] == "tradesphere"
        assert "velocity cannot: its quote is stale" in preview["routing_reason"]


async def test_engine_gone_and_refused_orders_reach_nobody(place: Path, paper: PaperEngine) -> None:
    async with (
        Bridge(make_settings(place), LossyPort(paper)) as bridge,
        connected(bridge) as client,
    ):
        price = resting(await quote(client, "velocity"))
        bad = (
            (order(limit_price="1.00"), "RISK_REJECTED"),
            (order(limit_price=price, symbol="NOPE"), "UNKNOWN_SYMBOL"),
            (order(limit_price="231.4051"), "TICK_SIZE"),
            (order(limit_price=price, quantity="999999999"), None),
        )
        for number, (arguments, code) in enumerate(bad):
            error = await refuse(client, "submit_order", **arguments, client_order_id=f"bad-{number}")
            assert code is None or error["code"] == code, error
            assert error["outcome"] == "rejected"
        assert entered(paper) == 0
        paper.engine.close()
        paper.engine = None
        error = await refuse(client, "submit_order", 500, **order(limit_price=price), client_order_id="gone")
        assert error["code"] in ("ENGINE_UNAVAILABLE", "OUTCOME_UNKNOWN")
        assert (await refuse(client, "list_positions", 500))["retryable"] is True


async def test_stdio_demo_brings_its_own_market(place: Path) -> None:
    config = place / "fastpath.toml"
    config.write_text(f'state_dir = "{place}"\n')
    env = {"FASTPATH_CONFIG": str(config), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(place)}
    from mcp_bridge.identity.keys import KeyStore

    key_id, _ = KeyStore(place / "keys.toml").add("claude", "desk", scopes=list(SCOPES))
    arguments = ["-m", "mcp_bridge.cli", "stdio", "--paper", "--key-id", key_id]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=env, cwd=ROOT)
    async with Client(server) as client:
        row = await quote(client, "tradesphere")
        wanted = order(routing="tradesphere", limit_price=resting(row), client_order_id="stdio-1")
        assert (await ask(client, "submit_order", **wanted))["outcome"] == "accepted"
        assert (await status_when(client, "stdio-1", {"LIVE"}))["venue"] == "tradesphere"
