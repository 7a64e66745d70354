"""The same tools over every transport and in both eras: in memory, streamable HTTP, and stdio as a real process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from bridge_desk import ORDER, ask, connected, make_settings, refuse
from fake_engine import FakeEngine
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from mcp_bridge.bridge import Bridge
from mcp_bridge.registry import TOOLS
from mcp_bridge.server import serving

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("era", ["legacy", "2026-07-28", "auto"])
WRITER = ["md:read", "account:read", "orders:write", "kill:engage"]
HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


@asynccontextmanager
async def over_http(url: str, headers: dict[str, str], era: str = "auto") -> AsyncIterator[Client]:
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20.0) as http,
        Client(streamable_http_client(url, http_client=http), mode=era) as client,
    ):
        yield client


async def trade(client: Client, name: str) -> None:
    """A read, an order, its status, its end; the same everywhere."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    assert names == [spec.name for spec in TOOLS]
    assert (await ask(client, "get_top_of_book", symbol="AAPL"))["quotes"]
    assert (await ask(client, "submit_order", **ORDER, client_order_id=name))["order"]["state"] == "LIVE"
    assert (await ask(client, "submit_order", **ORDER, client_order_id=name))["outcome"] == "replayed"
    assert (await ask(client, "get_order_status", client_order_id=name))["receipt"] == "RECEIVED"
    assert (await ask(client, "cancel_order", client_order_id=name))["order"]["state"] == "CANCELED"
    assert (await refuse(client, "submit_order", symbol="AAPL"))["code"] == "INVALID_ARGUMENTS"


@ERAS
async def test_in_memory(bridge: Bridge, era: str) -> None:
    async with connected(bridge, mode=era) as client:
        await trade(client, "memory-1")


@ERAS
@pytest.mark.parametrize("header", ["bearer", "x-api-key"])
async def test_streamable_http(bridge: Bridge, era: str, header: str) -> None:
    _, key = bridge.keys.add("agent", "desk", scopes=WRITER)
    headers = {"Authorization": f"Bearer {key}"} if header == "bearer" else {"X-API-Key": key}
    async with serving(bridge) as url, over_http(url, headers, era) as client:
        await trade(client, f"http-{header}")


@ERAS
async def test_two_keys_at_once_stay_apart(bridge: Bridge, engine: FakeEngine, era: str) -> None:
    _, writer = bridge.keys.add("agent", "desk", scopes=WRITER)
    _, reader = bridge.keys.add("reader", "other")
    async with (
        serving(bridge) as url,
        over_http(url, {"Authorization": f"Bearer {writer}"}, era) as first,
        over_http(url, {"Authorization": f"Bearer {reader}"}, era) as second,
    ):
        orders = (ask(first, "submit_order", **ORDER, client_order_id=f"apart-{i}") for i in range(10))
        refusals = (refuse(second, "submit_order", **ORDER, client_order_id=f"apart-{i}") for i in range(10))
        answers = await asyncio.gather(*orders, *refusals)
        assert [answer.get("code") for answer in answers[10:]] == ["FORBIDDEN_TOOL"] * 10
        assert {request["agent"] for request in engine.requests if request["op"] == "submit"} == {"agent"}
        assert len((await second.list_tools()).tools) < len((await first.list_tools()).tools)


async def test_http_without_a_valid_key_is_401(bridge: Bridge, engine: FakeEngine) -> None:
    key_id, key = bridge.keys.add("agent", "desk")
    other_id, other = bridge.keys.add("agent", "desk")
    bridge.keys.revoke(other_id)
    wrong = key[:-2] + ("AA" if not key.endswith("AA") else "BB")
    bad: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", "")],
        [("Authorization", key)],
        [("Authorization", f"Basic {key}")],
        [("Authorization", f"Bearer {wrong}")],
        [("Authorization", f"Bearer {other}")],
        [("X-API-Key", wrong)],
        [("X-API-Key", "")],
        [("Authorization", f"Bearer {key}"), ("X-API-Key", wrong)],
        [("Authorization", f"Bearer {key}"), ("Authorization", f"Bearer {wrong}")],
    ]
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with serving(bridge) as url, httpx2.AsyncClient(timeout=20.0) as http:
        for headers in bad:
            response = await http.post(url, json=body, headers=[*HEADERS.items(), *headers])
            assert response.status_code == 401, headers
            assert response.headers["www-authenticate"].startswith("Bearer ")
            assert key not in response.text
        for method in ("GET", "DELETE", "PUT"):
            assert (await http.request(method, url)).status_code == 401
        both = [("Authorization", f"Bearer {key}"), ("X-API-Key", key)]
        assert (await http.post(url, json=body, headers=[*HEADERS.items(), *both])).status_code == 200
        bridge.keys.revoke(key_id)
        assert (await http.post(url, json=body, headers=[*HEADERS.items(), *both])).status_code == 401
    assert engine.requests == []
    rows = [row for row in bridge.ledger.rows() if row["phase"] == "auth"]
    assert 1 <= len(rows) <= bridge.auth_refused
    assert bridge.auth_refused == len(bad) + 4


async def test_http_refuses_foreign_hosts_origins_and_floods(bridge: Bridge) -> None:
    _, key = bridge.keys.add("agent", "desk")
    headers = HEADERS | {"Authorization": f"Bearer {key}"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    async with serving(bridge) as url, httpx2.AsyncClient(timeout=20.0) as http:
        assert (await http.post(url, json=body, headers=headers)).status_code == 200
        assert (await http.post(url, json=body, headers=headers | {"Host": "evil.example"})).status_code == 421
        assert (
            await http.post(url, json=body, headers=headers | {"Host": "127.0.0.1.evil.example:1"})
        ).status_code == 421
        assert (await http.post(url, json=body, headers=headers | {"Origin": "http://evil.example"})).status_code == 403
        assert (await http.post(url, content=b" " * 70_000, headers=headers)).status_code == 413
        assert (await http.post(url.replace("/mcp", "/other"), json=body, headers=headers)).status_code == 404
        junk = (b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"jsonrpc":"2.0"}', b"[" * 5_000)
        for content in junk:
            status = (await http.post(url, content=content, headers=headers)).status_code
            assert 400 <= status < 500, (content[:20], status)
        assert (await http.post(url, json=body, headers=headers)).status_code == 200


async def test_http_hostile_json_in_a_call(bridge: Bridge, engine: FakeEngine) -> None:
    _, key = bridge.keys.add("agent", "desk", scopes=WRITER)
    headers = HEADERS | {"Authorization": f"Bearer {key}"}
    order = json.dumps(ORDER | {"client_order_id": "raw-1"})
    texts = [
        order.replace('"AAPL"', '"\\ud800"'),
        order.replace('"100"', "1e999"),
        order.replace('"100"', "NaN"),
        order.replace('"100"', "9" * 5_000),
        order.replace('"symbol"', '"\\ud800"'),
        order.replace('"100"', '"100\\u0000"'),
        '{"symbol": ' + "[" * 400 + "]" * 400 + "}",
        "[]",
        "null",
    ]
    async with serving(bridge) as url, httpx2.AsyncClient(timeout=20.0) as http:
        for text in texts:
            params = f'{{"name":"submit_order","arguments":{text}}}'
            content = f'{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}'
            response = await http.post(url, content=content.encode(), headers=headers)
            assert response.status_code < 500, text[:60]
            if response.status_code == 200 and "result" in response.json():
                assert response.json()["result"]["isError"] is True
        name = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800","arguments":{}}}'
        assert (await http.post(url, content=name.encode(), headers=headers)).status_code < 500
        assert (await http.get(url.replace("/mcp", "/healthz"))).json() == {"alive": True}
    assert engine.count("submit") == 0
    assert bridge.ledger.verify()[2] == ""


async def test_health_and_readiness(bridge: Bridge, engine: FakeEngine) -> None:
    async with serving(bridge) as url, httpx2.AsyncClient(timeout=20.0) as http:
        base = url.removesuffix("/mcp")
        ready = await http.get(f"{base}/readyz")
        assert (ready.status_code, ready.json()["engine"], ready.json()["mode"]) == (200, "ok", "paper")
        assert ready.json()["order_lists"] == "complete"
        engine.complete = False
        partial = await http.get(f"{base}/readyz")
        assert (partial.status_code, partial.json()["order_lists"]) == (200, "incomplete")
        engine.ignore.add("state")
        late = await http.get(f"{base}/readyz")
        assert (late.status_code, late.json()["engine"]) == (503, "unreachable")


def command(*arguments: str) -> list[str]:
    return ["-m", "mcp_bridge.cli", *arguments]


def environment(place: Path) -> dict[str, str]:
    config = place / "fastpath.toml"
    config.write_text(f'state_dir = "{place}"\n[engine]\nrun_dir = "{place}"\n[bridge]\nport = 0\n')
    return {"FASTPATH_CONFIG": str(config), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(place)}


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_stdio_as_a_process(place: Path, era: str) -> None:
    settings = make_settings(place)
    env = environment(place)
    async with FakeEngine(settings.command_endpoint()) as engine:
        async with Bridge(settings) as bridge:
            key_id, _ = bridge.keys.add("agent", "desk", scopes=WRITER)
        server = StdioServerParameters(
            command=sys.executable, args=command("stdio", "--key-id", key_id), env=env, cwd=ROOT
        )
        async with Client(server, mode=era) as client:
            await trade(client, "stdio-1")
        assert engine.malformed == []


async def run(place: Path, *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command(*arguments), env=environment(place), cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, out.decode(), err.decode()


async def test_serve_as_a_process_survives_kill_9_with_one_order(place: Path) -> None:
    settings = make_settings(place)
    status, key, _ = await run(
        place, "keys", "add", "--agent", "agent", "--account", "desk", *(f"--scope={scope}" for scope in WRITER)
    )
    assert status == 0
    headers = {"Authorization": f"Bearer {key.strip()}"}
    async with FakeEngine(settings.command_endpoint()) as engine:
        for hard in (True, False):
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command("serve"), env=environment(place), cwd=ROOT, stdout=asyncio.subprocess.PIPE
            )
            try:
                assert process.stdout is not None
                line = await asyncio.wait_for(process.stdout.readline(), 60)
                url = line.decode().removeprefix("ready ").strip()
                async with over_http(url, headers) as client:
                    answer: dict[str, Any] = await ask(client, "submit_order", **ORDER, client_order_id="kill-9")
                    assert answer["outcome"] == ("accepted" if hard else "replayed")
            finally:
                if hard:
                    process.kill()
                else:
                    process.terminate()
                ended = await asyncio.wait_for(process.wait(), 60)
            assert ended == (-9 if hard else 0)
        assert len(engine.orders) == 1
    status, out, _ = await run(place, "audit", "verify")
    assert (status, out.split()[1]) == (0, "rows,")
    status, out, _ = await run(place, "audit", "show", "--client-order-id", "kill-9")
    phases = [json.loads(line)["phase"] for line in out.splitlines()]
    assert phases.count("call") == 2


async def test_commands_refuse_readably(place: Path) -> None:
    status, _, err = await run(place, "stdio")
    assert status == 2
    assert "--key-id" in err
    status, _, err = await run(place, "stdio", "--key-id", "00000000")
    assert status == 2
    assert "no active key" in err
    status, _, err = await run(place, "serve", "--host", "0.0.0.0")
    assert status == 2
    assert "allow_remote" in err
    assert "Traceback" not in err
    status, _, err = await run(place, "audit", "verify")
    assert status == 2
    assert "no audit log" in err
