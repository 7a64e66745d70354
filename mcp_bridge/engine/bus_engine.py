"""The engine over its bus: one DEALER socket, many requests outstanding by id, reconnecting by itself.

It never queues for an engine that is not there (a write must not fire minutes later) and never resends.
A changed epoch means that the engine was restarted; whoever caches its answers watches `epoch`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from . import messages
from .messages import Request
from .port import AnswerT, NoAnswerError, NotSentError

logger = logging.getLogger(__name__)


class BusEngine:
    """An engine behind a libzmq endpoint (see docs/reference/bus.md)."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._context: zmq.asyncio.Context | None = None
        self._socket: Any = None
        self._reader: asyncio.Task[None] | None = None
        self._epoch = 0
        self.unmatched = 0
        """Answers that nobody waited for any more."""

    @property
    def epoch(self) -> int:
        return self._epoch

    async def start(self) -> None:
        self._context = zmq.asyncio.Context()
        socket = self._context.socket(zmq.DEALER)
        # IMMEDIATE: only a live connection takes messages, and they die with it. Without it libzmq would
        # keep an order for an engine that comes back later.
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RECONNECT_IVL, 20)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        socket.setsockopt(zmq.MAXMSGSIZE, 64 * 1024 * 1024)
        socket.connect(self._endpoint)
        self._socket = socket
        self._reader = asyncio.create_task(self._read(), name="bus-reader")

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(NoAnswerError("the bridge is closing"))
        self._waiting.clear()
        if self._socket is not None:
            self._socket.close(0)
            self._socket = None
        if self._context is not None:
            self._context.term()
            self._context = None

    async def ask(self, request: Request, answer: type[AnswerT], timeout_s: float) -> AnswerT:
        if self._socket is None:
            raise NotSentError("the connection to the engine is closed")
        number = next(self._ids)
        request.id = number
        frame = messages.encode(request)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        future: asyncio.Future[bytes] = loop.create_future()
        self._waiting[number] = future
        try:
            await self._send(frame, timeout_s)
            try:
                async with asyncio.timeout_at(deadline):
                    body = await future
            except TimeoutError as error:
                raise NoAnswerError(f"no answer within {timeout_s:.3f} s") from error
        finally:
            self._waiting.pop(number, None)
        try:
            decoded = messages.decode_answer(type(request), body)
        except msgspec.MsgspecError as error:
            logger.error("answer to %s cannot be read: %s", type(request).__name__, error)
            raise NoAnswerError("the engine's answer cannot be read") from error
        if not isinstance(decoded, answer):
            raise TypeError(f"{type(request).__name__} is answered by {type(decoded).__name__}")
        return decoded

    async def _send(self, frame: bytes, timeout_s: float) -> None:
        try:
            await self._socket.send(frame, flags=zmq.NOBLOCK)
            return
        except zmq.Again:
            pass
        # No connection yet: wait for one, but leave time to say so.
        if not await self._socket.poll(min(timeout_s / 2, 1.0) * 1000, zmq.POLLOUT):
            raise NotSentError(f"no engine at {self._endpoint}")
        try:
            await self._socket.send(frame, flags=zmq.NOBLOCK)
        except zmq.Again as error:
            raise NotSentError(f"the engine at {self._endpoint} takes no requests") from error

    async def _read(self) -> None:
        while True:
            try:
                frames = await self._socket.recv_multipart()
                envelope = messages.decode_envelope(frames[-1])
            except msgspec.MsgspecError as error:
                logger.error("a frame from the engine cannot be read: %s", error)
                continue
            if envelope.epoch and envelope.epoch != self._epoch:
                previous, self._epoch = self._epoch, envelope.epoch
                if previous:
                    logger.warning("the engine was restarted: epoch %d after %d", envelope.epoch, previous)
            future = self._waiting.get(envelope.id)
            if future is None or future.done():
                self.unmatched += 1
                continue
            future.set_result(frames[-1])
