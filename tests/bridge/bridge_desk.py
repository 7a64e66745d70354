"""What the bridge's tests share: settings in a directory of their own, clients with keys, and answers as mappings."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mcp import Client
from mcp_types import CallToolResult

from mcp_bridge.bridge import Bridge
from mcp_bridge.guard import DEADLINE_META
from mcp_bridge.identity.principal import SCOPES
from mcp_bridge.server import build_server
from mcp_bridge.settings import BridgeSettings

ORDER = {
    "symbol": "AAPL", "side": "buy", "quantity": "100", "order_type": "limit", "limit_price": "150.01",
    "routing": "velocity",
}  # fmt: skip

TRIGGER = {
    "symbol": "AAPL", "side": "sell", "quantity": "100", "order_type": "market", "venue": "velocity",
    "condition": "bid_at_or_below", "trigger_price": "149.00",
}  # fmt: skip


def make_settings(place: Path, **changes: Any) -> BridgeSettings:
    values: dict[str, Any] = {
        "port": 0, "run_dir": str(place), "data_dir": str(place / "data"), "keys_file": str(place / "keys.toml"),
        "write_timeout_ms": 5_000, "read_timeout_ms": 5_000, "calls_per_s": 1_000, "orders_per_s": 1_000,
    }  # fmt: skip
    return BridgeSettings(**(values | changes))


@asynccontextmanager
async def connected(bridge: Bridge, mode: str = "auto", **rights: Any) -> AsyncIterator[Client]:
    """An in-memory client with a new key; every scope unless told otherwise."""
    rights.setdefault("scopes", list(SCOPES))
    key_id, _ = bridge.keys.add(rights.pop("agent", "agent"), rights.pop("account", "desk"), **rights)
    async with Client(build_server(bridge, key_id), mode=mode) as client:
        yield client


async def ask(client: Client, tool: str, /, **arguments: Any) -> dict[str, Any]:
    """The structured answer of a call that must succeed; its text must be the same JSON."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.structured_content
    return body(result)


async def refuse(client: Client, tool: str, within_ms: int = 0, /, **arguments: Any) -> dict[str, Any]:
    """The structured error of a call that must be refused, or must find no answer within the time."""
    meta: Any = {DEADLINE_META: within_ms} if within_ms else None
    result = await client.call_tool(tool, arguments, meta=meta)
    assert result.is_error, result.structured_content
    return body(result)


def body(result: CallToolResult) -> dict[str, Any]:
    assert isinstance(result.structured_content, dict)
    assert json.loads(result.content[0].text) == result.structured_content  # type: ignore[union-attr]
    return result.structured_content
