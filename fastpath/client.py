"""Asking the engine over the bus: `EngineClient` (plain) and `AsyncEngineClient` (asyncio).

One DEALER socket each; `ask` takes a call made by `calls` and answers with its type. A
write is sent once and never again: when its answer does not come, the reply's outcome is
"unknown", and `calls.order` tells what became of it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import msgspec
import zmq
import zmq.asyncio

from . import bus_messages as m
from .calls import Call
from .records import Reason

AnswerT = TypeVar("AnswerT", bound=m.Answer)
ASK_TIMEOUT_S = 2.0
MAX_ANSWER_BYTES = 1 << 30


class NoEngineError(ConnectionError):
    """Nothing listens at the endpoint; the request was not sent."""


class NoAnswerError(TimeoutError):
    """A question was not answered in time. It may be asked again."""


def _open_dealer(context: Any, endpoint: str) -> Any:
    socket = context.socket(zmq.DEALER)
    # IMMEDIATE: a request is never kept for an engine that comes back later.
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RECONNECT_IVL, 20)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_ANSWER_BYTES)
    socket.connect(endpoint)
    return socket


def _conclude(call: Call[AnswerT], number: int, data: bytes | None, timeout_s: float) -> AnswerT:
    if data is not None:
        return msgspec.msgpack.decode(data, type=call.answer)
    if call.write:
        unknown = m.Reply(id=number, ok=True, outcome="unknown", reason=int(Reason.TIMEOUT), error="no answer in time")
        return cast(AnswerT, unknown)
    raise NoAnswerError(f"{call.op}: no answer within {timeout_s:.1f} s")


class EngineClient:
    """A blocking client, for one thread."""

    def __init__(self, endpoint: str, *, timeout_s: float = ASK_TIMEOUT_S) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._context = zmq.Context()
        self._socket = _open_dealer(self._context, endpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close(0)
        self._context.term()

    def ask(self, call: Call[AnswerT], timeout_s: float | None = None) -> AnswerT:
        """Send a call and wait for its answer.

        Raises:
            NoEngineError: nothing listens there; nothing was sent.
            NoAnswerError: a question was not answered in time (a write answers with outcome "unknown").
        """
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        number = next(self._ids)
        end = time.monotonic() + timeout_s
        if not self._socket.poll(timeout_s * 1000, zmq.POLLOUT):
            raise NoEngineError(f"no engine listens at {self.endpoint}")
        self._socket.send(m.request(number, call.op, call.fields), zmq.NOBLOCK)
        while (left := end - time.monotonic()) > 0 and self._socket.poll(left * 1000):
            data: bytes = self._socket.recv()
            # Answers to calls that were given up may come late.
            if m.envelope(data).id == number:
                return _conclude(call, number, data, timeout_s)
        return _conclude(call, number, None, timeout_s)


class AsyncEngineClient:
    """An asyncio client; any number of calls may be under way. Use it with `async with`."""

    def __init__(self, endpoint: str, *, timeout_s: float = ASK_TIMEOUT_S) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._context: zmq.asyncio.Context | None = None
        self._socket: Any = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._context = zmq.asyncio.Context()
        self._socket = _open_dealer(self._context, self.endpoint)
        self._reader = asyncio.create_task(self._read(), name="engine-client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        self._socket.close(0)
        if self._context is not None:
            self._context.term()

    async def ask(self, call: Call[AnswerT], timeout_s: float | None = None) -> AnswerT:
        """As `EngineClient.ask`."""
        timeout_s = self.timeout_s if timeout_s is None else timeout_s
        number = next(self._ids)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        end = time.monotonic() + timeout_s
        if not await self._socket.poll(timeout_s * 1000, zmq.POLLOUT):
            raise NoEngineError(f"no engine listens at {self.endpoint}")
        self._waiting[number] = future
        try:
            await self._socket.send(m.request(number, call.op, call.fields), zmq.NOBLOCK)
            data = await asyncio.wait_for(future, max(end - time.monotonic(), 0.0))
        except TimeoutError:
            return _conclude(call, number, None, timeout_s)
        finally:
            self._waiting.pop(number, None)
        return _conclude(call, number, data, timeout_s)

    async def _read(self) -> None:
        while True:
            data: bytes = await self._socket.recv()
            future = self._waiting.get(m.envelope(data).id)
            if future is not None and not future.done():
                future.set_result(data)
