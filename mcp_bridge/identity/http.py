"""The HTTP check in front of the MCP endpoint: a valid key or 401, before a byte of the body is read.

The key comes as `Authorization: Bearer <key>` or `X-API-Key: <key>`; two different ones are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from .keys import KeyStore
from .principal import current_key_id

OPEN_PATHS = frozenset({"/healthz", "/readyz"})


class KeyAuthentication:
    """ASGI middleware that lets only requests with a valid key through."""

    def __init__(self, app: ASGIApp, keys: KeyStore, on_refused: Callable[[str], None]) -> None:
        self._app = app
        self._keys = keys
        self._on_refused = on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        tokens = _presented(scope)
        principal = self._keys.verify(tokens[0]) if len(tokens) == 1 else None
        if principal is None:
            why = "no key was presented" if not tokens else "the key is unknown, wrong, expired or revoked"
            if len(tokens) > 1:
                why = "two different keys were presented"
            self._on_refused(why)
            await _refuse(send, why)
            return
        token = current_key_id.set(principal.key_id)
        try:
            await self._app(scope, receive, send)
        finally:
            current_key_id.reset(token)


def _presented(scope: Scope) -> list[str]:
    """The different keys a request carries; a malformed Authorization header counts as one that fits nobody."""
    found: list[str] = []
    for name, value in scope["headers"]:
        text = value.decode("latin-1")
        if name == b"authorization":
            scheme, _, token = text.partition(" ")
            found.append(token.strip() if scheme.lower() == "bearer" else "")
        elif name == b"x-api-key":
            found.append(text.strip())
    return list(dict.fromkeys(found))


async def _refuse(send: Send, why: str) -> None:
    body = json.dumps({"error": "invalid_token", "error_description": why}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", f'Bearer error="invalid_token", error_description="{why}"'.encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})
