"""The MCP server over the registry: MCPServer with one difference, that every call goes through the guard.

It serves stdio and streamable HTTP, keeps no session, and listens on loopback unless settings ask for more.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from mcp_types import Tool as ListedTool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from . import __version__
from .bridge import Bridge
from .guard import Guard
from .identity.http import KeyAuthentication
from .registry import BY_NAME, TOOLS, ToolSpec
from .schema import input_schema, output_schema

logger = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Fastpath: market data and orders on real venue protocols. Prices and quantities are decimal strings. Start with "
    "get_trading_state. Preview, then submit with one client_order_id per intended order; after a lost answer repeat "
    "with the SAME id or ask get_order_status. Errors say in `outcome` what became of a write."
)

LOOPBACK_HOSTS = ["127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*", "[::1]", "[::1]:*"]
LOOPBACK_ORIGINS = ["http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*"]


class _AnyArguments(ArgModelBase):
    """Stands where the SDK wants a model; the guard checks arguments itself, without the SDK's coercions."""


class GuardedTool(Tool):
    """A tool whose only way to run is the guard."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:  # noqa: ARG002
        result: CallToolResult = await self.fn(arguments, _meta(context))
        return result


def guarded_tool(spec: ToolSpec, guard: Guard) -> GuardedTool:
    """The SDK's view of a registry row."""

    async def run(arguments: dict[str, Any], meta: dict[str, Any]) -> CallToolResult:
        return await guard.call(spec, arguments, meta)

    return GuardedTool(
        fn=run,
        name=spec.name,
        title=spec.title,
        description=spec.description,
        parameters=input_schema(spec.arguments),
        fn_metadata=FuncMetadata(arg_model=_AnyArguments, output_schema=output_schema(spec.result)),
        is_async=True,
        annotations=annotations_of(spec),
    )


def annotations_of(spec: ToolSpec) -> ToolAnnotations:
    """Hints for hosts: what only reads, what can hurt, what may be repeated, what reaches a market."""
    if spec.risk == "read":
        return ToolAnnotations(read_only_hint=True, open_world_hint=False)
    return ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=spec.risk != "stop"
    )


class BridgeServer(MCPServer[Any]):
    """MCPServer whose tool list depends on the caller's scopes and which answers unknown tools in our own words."""

    def __init__(self, bridge: Bridge, fixed_key_id: str = "") -> None:
        self.guard = Guard(bridge, fixed_key_id)
        super().__init__(
            name="fastpath",
            title="Fastpath gateway",
            version=__version__,
            instructions=INSTRUCTIONS,
            tools=[guarded_tool(spec, self.guard) for spec in TOOLS],
            subscriptions=False,
            cache_hints={"tools/list": CacheHint(ttl_ms=60_000, scope="private")},
            log_level="WARNING",
        )

    def _visible(self) -> list[str]:
        principal = self.guard.principal()
        return [spec.name for spec in TOOLS if self.guard.may_use(spec, principal)]

    async def list_tools(self) -> list[ListedTool]:
        visible = set(self._visible())
        return [tool for tool in await super().list_tools() if tool.name in visible]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        if name not in BY_NAME:
            return self.guard.unknown_tool(name, arguments, _meta(context), self._visible())
        return await super().call_tool(name, arguments, context)


def build_server(bridge: Bridge, fixed_key_id: str = "") -> BridgeServer:
    """A server over an open bridge. `fixed_key_id`: whose rights every caller has, for stdio and in-memory use."""
    return BridgeServer(bridge, fixed_key_id)


def build_app(bridge: Bridge) -> ASGIApp:
    """The ASGI application: the MCP endpoint behind the key check, and /healthz and /readyz before it."""
    settings = bridge.settings
    server = build_server(bridge)

    async def healthz(_: Request) -> Response:
        return JSONResponse({"alive": True})

    async def readyz(_: Request) -> Response:
        found = await bridge.readiness()
        return JSONResponse(found, status_code=200 if found["ready"] else 503)

    # Called, not used as decorators: the SDK leaves their type open.
    server.custom_route("/healthz", methods=["GET"])(healthz)
    server.custom_route("/readyz", methods=["GET"])(readyz)
    app = server.streamable_http_app(
        streamable_http_path=settings.path,
        stateless_http=True,
        json_response=True,
        max_request_body_size=settings.max_body_bytes,
        transport_security=TransportSecuritySettings(
            allowed_hosts=[*LOOPBACK_HOSTS, *settings.allowed_hosts],
            allowed_origins=[*LOOPBACK_ORIGINS, *settings.allowed_origins],
        ),
    )
    return KeyAuthentication(app, bridge.keys, bridge.authentication_refused)


@asynccontextmanager
async def serving(bridge: Bridge) -> AsyncIterator[str]:
    """Serve streamable HTTP for the length of the block; yields the endpoint's URL.

    Raises:
        OSError: the address cannot be bound.
    """
    settings = bridge.settings
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            build_app(bridge), http="httptools", ws="none", log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=5,
        )  # fmt: skip
        server = _EmbeddedServer(config)
        task = asyncio.create_task(server.serve(sockets=[listener]), name="http")
        try:
            while not server.started:
                if task.done():
                    task.result()
                    raise OSError("the HTTP server ended before it had started")
                await asyncio.sleep(0.005)
            host = f"[{settings.host}]" if family == socket.AF_INET6 else settings.host
            yield f"http://{host}:{port}{settings.path}"
        finally:
            server.should_exit = True
            await task
    finally:
        listener.close()


class _EmbeddedServer(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever embeds it decides when it ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _meta(context: Context[Any, Any] | None) -> dict[str, Any]:
    """The request's _meta, {} when there is none."""
    if context is None:
        return {}
    try:
        found = context.request_context.meta
    except ValueError:
        return {}
    return dict(found) if found else {}
