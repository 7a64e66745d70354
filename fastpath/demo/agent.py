"""The demonstration's agent: a real MCP client over streamable HTTP that times every tool call.

It knows tools and their answers only; it holds no price, no order and no position of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

ASK_AGAIN = ("DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN")
ATTEMPTS = 20
PAUSE_S = 0.25


class ToolRefusedError(RuntimeError):
    """A tool answered with an error where the story needs an answer."""


@dataclass(frozen=True)
class Answer:
    """What one tool call gave: the structured result or the structured error, and how long it took."""

    tool: str
    ok: bool
    data: dict[str, Any]
    elapsed_ms: float

    def __getitem__(self, key: str) -> Any:
        return self.data[key]


class Agent:
    """An MCP client with the tool calls of one session and their durations."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.elapsed_ms: list[float] = []

    async def tools(self) -> list[str]:
        """Names of the tools that this key may use."""
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def ask(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool; an error is an answer too, but for a call that came too soon: that one waits and asks again."""
        for _ in range(ATTEMPTS - 1):
            answer = await self._once(tool, arguments)
            if answer.ok or answer["code"] != "RATE_LIMITED":
                return answer
            await asyncio.sleep(answer.data.get("retry_after_ms", 1000) / 1e3)
        return await self._once(tool, arguments)

    async def _once(self, tool: str, arguments: dict[str, Any]) -> Answer:
        start = time.perf_counter()
        result = await self.client.call_tool(tool, arguments)
        elapsed_ms = (time.perf_counter() - start) * 1e3
        self.elapsed_ms.append(elapsed_ms)
        data = result.structured_content
        if not isinstance(data, dict):
            raise ToolRefusedError(f"{tool} gave no structured answer: {result.content}")
        return Answer(tool, not result.is_error, data, elapsed_ms)

    async def call(self, tool: str, **arguments: Any) -> Answer:
        """Call a tool that must succeed; ToolRefusedError carries code and message otherwise.

        An answer that says so is asked for again, with the same arguments and so the same client order id: that is
        what the ids are for.
        """
        answer = await self.ask(tool, **arguments)
        for _ in range(ATTEMPTS - 1):
            if answer.ok or answer["code"] not in ASK_AGAIN:
                break
            await asyncio.sleep(PAUSE_S)
            answer = await self.ask(tool, **arguments)
        if not answer.ok:
            raise ToolRefusedError(f"{tool}({arguments}) was refused: {answer['code']}: {answer['message']}")
        return answer


@asynccontextmanager
async def connect(url: str, key: str) -> AsyncIterator[Agent]:
    """An agent connected to the bridge at `url` with an API key."""
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=30.0) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield Agent(client)
