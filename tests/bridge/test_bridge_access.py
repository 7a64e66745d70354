"""Who may do what: keys, scopes, data scope, rates, and how stale data and broken parts show."""

from __future__ import annotations

import asyncio
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bridge_desk import ORDER, ask, connected, make_settings, refuse
from fake_engine import FakeEngine
from mcp import Client
from typer.testing import CliRunner

from mcp_bridge.bridge import Bridge
from mcp_bridge.cli import app
from mcp_bridge.guard import confidence
from mcp_bridge.identity.keys import KeyFileError, KeyStore, read_keys
from mcp_bridge.ledger import LedgerError
from mcp_bridge.registry import TOOLS
from mcp_bridge.server import build_server

# ---- the key file ----


def store(place: Path) -> KeyStore:
    return KeyStore(place / "keys.toml")


def test_key_is_verified_and_never_stored(place: Path) -> None:
    keys = store(place)
    key_id, key = keys.add("agent", "desk")
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert key not in keys.path.read_text()
    assert key.split("_", 2)[2] not in keys.path.read_text()
    principal = keys.verify(key)
    assert principal is not None
    assert (principal.key_id, principal.agent, principal.account) == (key_id, "agent", "desk")
    assert principal.scopes == {"md:read", "account:read"}
    assert principal.allow_live is False


@pytest.mark.parametrize("change", ["", "x", "fpk_00000000_" + "A" * 43, "\ud800", "é" * 60, "fpk_" * 1_000])
def test_wrong_keys_open_nothing(place: Path, change: str) -> None:
    keys = store(place)
    keys.add("agent", "desk")
    assert keys.verify(change) is None


def test_a_changed_character_opens_nothing(place: Path) -> None:
    keys = store(place)
    _, key = keys.add("agent", "desk")
    other = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert keys.verify(other) is None
    assert keys.verify(key + "A") is None
    assert keys.verify(key[:-1]) is None
    assert keys.verify(key) is not None


def test_expired_and_revoked_keys_open_nothing(place: Path) -> None:
    keys = store(place)
    key_id, key = keys.add("agent", "desk")
    other_id, other = keys.add("agent", "desk")
    text = keys.path.read_text()
    until = tomllib.loads(text)["keys"][key_id]["expires_at"]
    assert timedelta(days=89) < until - datetime.now(UTC) < timedelta(days=91)
    gone = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    keys.path.write_text(text.replace(until.isoformat(sep=" "), gone, 1).replace(until.isoformat(), gone, 1))
    assert sum(keys.verify(k) is None for k in (key, other)) == 1
    keys.revoke(other_id)
    keys.revoke(key_id)
    assert keys.verify(key) is None
    assert keys.verify(other) is None
    assert keys.principal(key_id) is None
    assert read_keys(keys.path)[key_id].revoked_at is not None
    with pytest.raises(KeyFileError, match="no key 'nobody'"):
        keys.revoke("nobody")


def test_revoking_says_what_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = place / "fastpath.toml"
    config.write_text(f'state_dir = "{place}"\n')
    monkeypatch.setenv("FASTPATH_CONFIG", str(config))
    keys = store(place)
    key_id, _ = keys.add("momentum", "desk")
    done = CliRunner().invoke(app, ["keys", "revoke", key_id])
    assert (done.exit_code, done.stdout) == (0, f"revoked {key_id}\n")
    assert "armed triggers stay" in done.stderr
    assert "fastpath kill --scope agent --target momentum" in done.stderr
    assert keys.principal(key_id) is None


def test_key_file_is_reread_when_it_changes(place: Path) -> None:
    running, admin = store(place), store(place)
    assert running.verify("fpk_00000000_" + "A" * 43) is None
    key_id, key = admin.add("agent", "desk")
    assert running.verify(key) is not None
    admin.revoke(key_id)
    assert running.verify(key) is None
    _, second = admin.add("agent", "desk")
    assert running.verify(second) is not None
    admin.path.unlink()
    assert running.verify(second) is None


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_key_file_that_others_can_read_opens_nothing(place: Path, mode: int) -> None:
    keys = store(place)
    _, key = keys.add("agent", "desk")
    keys.path.chmod(mode)
    assert keys.verify(key) is None
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_keys(keys.path)
    keys.path.chmod(0o600)
    assert keys.verify(key) is not None


@pytest.mark.parametrize("text", ["keys = 5", "[keys.a]\nsha256='x'", "not toml [", "[keys]\n[other]\n", "\0"])
def test_broken_key_file_opens_nothing(place: Path, text: str) -> None:
    keys = store(place)
    _, key = keys.add("agent", "desk")
    keys.path.write_text(text)
    assert keys.verify(key) is None
    with pytest.raises(KeyFileError):
        keys.add("agent", "desk")


@pytest.mark.parametrize(
    "wrong", [{"scopes": ["admin"]}, {"symbols": ["bad name"]}, {"venues": ["x" * 30]}, {"agent": "Has Space"}]
)
def test_nonsense_keys_are_not_made(place: Path, wrong: dict[str, object]) -> None:
    keys = store(place)
    values: dict[str, object] = {"agent": "agent", "account": "desk"} | wrong
    with pytest.raises(KeyFileError):
        keys.add(**values)  # type: ignore[arg-type]
    assert not keys.path.exists() or read_keys(keys.path) == {}


# ---- rights at the tools ----

pytest_anyio = pytest.mark.anyio


@pytest_anyio
async def test_default_key_only_reads(bridge: Bridge, engine: FakeEngine) -> None:
    key_id, _ = bridge.keys.add("agent", "desk")
    async with Client(build_server(bridge, key_id)) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            spec.name for spec in TOOLS if spec.risk == "read" and not spec.name.startswith("preview_")
        }
        for tool, arguments in (
            ("submit_order", ORDER | {"client_order_id": "x"}),
            ("cancel_order", {"client_order_id": "x"}),
            ("engage_kill_switch", {"scope": "firm", "reason_text": "x"}),
        ):
            error = await refuse(client, tool, **arguments)
            assert error["code"] == "FORBIDDEN_TOOL"
            assert error["category"] == "permission"
        await ask(client, "get_trading_state")
    assert engine.count("submit") + engine.count("cancel") + engine.count("kill") == 0


@pytest_anyio
async def test_key_that_ends_during_a_session_ends_at_once(bridge: Bridge) -> None:
    key_id, _ = bridge.keys.add("agent", "desk")
    async with Client(build_server(bridge, key_id)) as client:
        await ask(client, "list_positions")
        bridge.keys.revoke(key_id)
        error = await refuse(client, "list_positions")
        assert (error["code"], error["category"]) == ("UNAUTHENTICATED", "identity")
        assert (await client.list_tools(cache_mode="bypass")).tools == []


@pytest_anyio
async def test_no_identity_means_no_tools(bridge: Bridge) -> None:
    async with Client(build_server(bridge)) as client:
        assert (await client.list_tools()).tools == []
        assert (await refuse(client, "list_venues"))["code"] == "UNAUTHENTICATED"


@pytest_anyio
async def test_other_accounts_are_out_of_reach(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge, account="other") as client:
        for tool, arguments in (
            ("submit_order", ORDER | {"client_order_id": "x-1"}),
            ("preview_order", ORDER),
            ("list_positions", {}),
            ("list_open_orders", {}),
            ("cancel_all_orders", {"reason_text": "x"}),
        ):
            error = await refuse(client, tool, **arguments, account="desk")
            assert error["code"] == "FORBIDDEN_DATA"
        before = len(engine.requests)
        await ask(client, "list_positions", account="other")
        assert {request.get("account") for request in engine.requests[before:]} <= {"other", None}


@pytest_anyio
async def test_an_order_of_another_account_is_not_found(bridge: Bridge) -> None:
    async with connected(bridge) as owner, connected(bridge, account="other") as stranger:
        await ask(owner, "submit_order", **ORDER, client_order_id="mine")
        assert (await ask(stranger, "get_order_status", client_order_id="mine"))["receipt"] == "NOT_RECEIVED"
        assert (await refuse(stranger, "cancel_order", client_order_id="mine"))["code"] == "UNKNOWN_ORDER"
        # The same id in another account is another order.
        assert (await ask(stranger, "submit_order", **ORDER, client_order_id="mine"))["outcome"] == "accepted"


@pytest_anyio
async def test_symbols_and_venues_of_the_key(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge) as wide:
        await ask(wide, "submit_order", **ORDER, client_order_id="wide-1")
    async with connected(bridge, symbols=["M*"], venues=["tradesphere"]) as client:
        for tool, arguments in (
            ("get_top_of_book", {"symbol": "AAPL"}),
            ("get_order_book_depth", {"symbol": "MSFT", "venue": "velocity"}),
            ("submit_order", ORDER | {"client_order_id": "s-1"}),
            ("submit_order", ORDER | {"symbol": "MSFT", "client_order_id": "s-1"}),
            ("engage_kill_switch", {"scope": "symbol", "target": "AAPL", "reason_text": "x"}),
            ("engage_kill_switch", {"scope": "venue", "target": "velocity", "reason_text": "x"}),
            (
                "replace_order",
                {
                    "client_order_id": "wide-1", "new_client_order_id": "s-2", "new_quantity": "1",
                    "new_limit_price": "1.00",
                },
            ),
        ):  # fmt: skip
            error = await refuse(client, tool, **arguments)
            assert error["code"] == "FORBIDDEN_DATA", (tool, error)
        hidden = await ask(client, "get_order_status", client_order_id="wide-1")
        assert hidden["order"] is None
        routed = ORDER | {"symbol": "MSFT", "routing": "fastest_ack", "limit_price": "400.00"}
        assert (await ask(client, "submit_order", **routed, client_order_id="s-3"))["order"]["venue"] == "tradesphere"
    assert engine.count("kill") + engine.count("replace") == 0


@pytest_anyio
async def test_live_engine_needs_a_live_key(bridge: Bridge, engine: FakeEngine) -> None:
    engine.mode = "live"
    async with connected(bridge) as client:
        error = await refuse(client, "submit_order", **ORDER, client_order_id="p-1")
        assert error["code"] == "FORBIDDEN_DATA"
        assert (await ask(client, "get_trading_state"))["trading_mode"] == "live"
        await ask(client, "cancel_all_orders", reason_text="cancels are never blocked")
    assert engine.count("submit") == 0
    async with connected(bridge, allow_live=True) as client:
        assert (await ask(client, "submit_order", **ORDER, client_order_id="p-1"))["trading_mode"] == "live"


# ---- rates ----


@pytest_anyio
async def test_rates_bound_calls_but_never_cancels_or_kills(place: Path) -> None:
    settings = make_settings(place, calls_per_s=5, orders_per_s=2)
    async with (
        FakeEngine(settings.command_endpoint()),
        Bridge(settings) as bridge,
        connected(bridge) as client,
        connected(bridge) as other,
    ):
        results = await asyncio.gather(*(client.call_tool("list_positions", {}) for _ in range(12)))
        refused = [r.structured_content for r in results if r.is_error]
        assert len(refused) >= 7
        assert refused[0] is not None
        assert refused[0]["code"] == "RATE_LIMITED"
        assert 1 <= refused[0]["retry_after_ms"] <= 1_000
        assert refused[0]["limit"] == {"name": "calls_per_s", "allowed": "5", "unit": "count"}
        await ask(other, "list_positions")  # another key has its own window
        for _ in range(12):
            await ask(client, "cancel_all_orders", reason_text="out")
            await ask(client, "engage_kill_switch", scope="agent", reason_text="stop")


@pytest_anyio
async def test_orders_have_a_window_of_their_own(place: Path) -> None:
    settings = make_settings(place, orders_per_s=2)
    async with (
        FakeEngine(settings.command_endpoint()) as engine,
        Bridge(settings) as bridge,
        connected(bridge) as client,
    ):
        calls = (client.call_tool("submit_order", ORDER | {"client_order_id": f"o-{i}"}) for i in range(8))
        codes = [r.structured_content.get("code") for r in await asyncio.gather(*calls) if r.structured_content]
        assert codes.count("RATE_LIMITED") >= 4
        assert len(engine.orders) == codes.count(None)
        await ask(client, "list_positions")


# ---- stale, cached, confidence ----


@pytest_anyio
@pytest.mark.parametrize("how", ["gap", "silence"])
async def test_stale_quote_is_never_shown_as_live(bridge: Bridge, engine: FakeEngine, how: str) -> None:
    if how == "gap":
        engine.stale = True
    else:
        engine.silence_ms = 30_000
    async with connected(bridge) as client:
        for tool, arguments in (
            ("get_top_of_book", {"symbol": "AAPL"}),
            ("get_order_book_depth", {"symbol": "AAPL", "venue": "velocity"}),
        ):
            answer = await ask(client, tool, **arguments)
            assert answer["is_stale"] is True
            assert answer["confidence"] <= 0.3
        top = await ask(client, "get_top_of_book", symbol="AAPL")
        assert all(quote["is_stale"] for quote in top["quotes"])
        assert top["best_bid_venue"] is None
        if how == "silence":
            assert top["feed_age_ms"] >= 30_000
            assert top["confidence"] == pytest.approx(0.03, abs=0.005)
        assert all(venue["feed_is_stale"] for venue in (await ask(client, "list_venues"))["venues"])
        error = await refuse(client, "submit_order", **ORDER | {"routing": "best_price"}, client_order_id="q-1")
        assert error["code"] == "VENUE_UNAVAILABLE"
        assert "stale" in error["message"]


def test_confidence_follows_its_rule() -> None:
    assert confidence(False, None, None, 3_000, 0.0, 50) == 1.0
    assert confidence(False, 1, 5, 3_000, 0.025, 50) == 0.85
    assert confidence(False, 1, 5, 3_000, 0.05, 50) == 0.7
    assert confidence(True, 1, 5, 3_000, 0.0, 50) == 0.3
    assert confidence(True, 1, 6_000, 3_000, 0.0, 50) == 0.15
    assert confidence(True, 0, None, 3_000, 0.0, 50) == 0.0


@pytest_anyio
async def test_equal_questions_at_once_cost_the_engine_one(bridge: Bridge, engine: FakeEngine) -> None:
    async with connected(bridge) as client:
        answers = await asyncio.gather(*(ask(client, "find_instrument", query="A") for _ in range(30)))
        assert engine.count("instruments") == 1
        assert {str(answer["instruments"]) for answer in answers} == {str(answers[0]["instruments"])}
        cached = await ask(client, "find_instrument", query="A")
        assert cached["source"] == "cache"
        assert 0.7 <= cached["confidence"] < 1.0


# ---- broken parts ----


@pytest_anyio
async def test_without_an_audit_log_only_risk_reducing_writes_pass(
    bridge: Bridge, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(bridge) as client:
        await ask(client, "submit_order", **ORDER, client_order_id="d-1")

        def broken(*_: object, **__: object) -> None:
            raise LedgerError("no space left on device")

        for method in ("append", "reserve", "settle"):
            monkeypatch.setattr(bridge.ledger, method, broken)
        error = await refuse(client, "submit_order", **ORDER, client_order_id="d-2")
        assert (error["code"], error["outcome"]) == ("AUDIT_UNAVAILABLE", "not_sent")
        assert (await ask(client, "cancel_order", client_order_id="d-1"))["order"]["state"] == "CANCELED"
        await ask(client, "engage_kill_switch", scope="firm", reason_text="disk full")
    assert engine.count("submit") == 1
    assert engine.firm_killed


@pytest_anyio
async def test_a_fault_of_ours_is_masked(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(bridge) as client:

        def broken(*_: object) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr(bridge.limiter, "hit", broken)
        error = await refuse(client, "list_venues")
        assert error["code"] == "INTERNAL"
        assert "secret" not in str(error)
