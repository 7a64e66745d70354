"""Reading the bus: `Subscriber` (plain) and `AsyncSubscriber` (asyncio, made for uvloop).

Both yield the items of `follower`: frames of records as NumPy arrays over the received
bytes, snapshots, gaps, restarts, tops, status. Sequences are watched and holes repaired
by replay or snapshot, so that frames of a `md.<venue>.full` or `exec.<account>` topic
come in order and whole, or a `Gap` says what did not. Neither ever sends a command.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import zmq
import zmq.asyncio

from .bus_messages import State, envelope, request
from .follower import HEADER_BYTES, Ask, Follower, Item, Status, Top, parse_header
from .records import EVENT_DTYPE, FrameType

ANSWER_TIMEOUT_S = 2.0
DEFAULT_RCVHWM = 100_000


class _Station:
    """What both subscribers share: followers by topic, requests under way. Sans-I/O."""

    def __init__(self, topics: Iterable[str], *, repair: bool, start_live: bool) -> None:
        self.topics = list(topics)
        if not self.topics:
            raise ValueError("no topic to subscribe to")
        self.followers: dict[str, Follower] = {}
        for topic in self.topics:
            if topic.startswith("exec.") or (topic.startswith("md.") and topic.endswith(".full")):
                self.followers[topic] = Follower(topic, repair=repair, start_live=start_live)
            elif topic != "status" and ".top." not in topic:
                raise ValueError(
                    f"{topic!r} is no topic: md.<venue>.full, md.<venue>.top.<symbol>, exec.<account> or status"
                )
        self.bad_frames = 0
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[Ask, float]] = {}
        self._asks: list[Ask] = [ask for follower in self.followers.values() for ask in follower.start()]

    def frame(self, topic: bytes, data: bytes) -> list[Item]:
        name = topic.decode("ascii", "replace")
        follower = self.followers.get(name)
        if follower is not None:
            items, asks = follower.frame(data)
            self._asks += asks
            return items
        header = parse_header(data)
        if header is None:
            self.bad_frames += 1
        elif header.type == FrameType.TOP and header.count == 1 and header.record_size == EVENT_DTYPE.itemsize:
            record = np.frombuffer(data, EVENT_DTYPE, 1, HEADER_BYTES)[0]
            return [Top(name, header.epoch, header.seq, record)]
        elif header.type == FrameType.STATUS:
            state = msgspec.msgpack.decode(memoryview(data)[HEADER_BYTES:], type=State)
            return [Status(header.epoch, header.seq, state)]
        return []

    def answer(self, data: bytes, now: float) -> list[Item]:
        ask, _ = self._waiting.pop(envelope(data).id, (None, 0.0))
        if ask is None:
            return []
        items, asks = self.followers[ask.topic].answer(ask, data, now)
        self._asks += asks
        return items

    def to_send(self, now: float) -> list[bytes]:
        """Requests that are due. A read whose answer never came is asked again."""
        for number, (ask, sent) in list(self._waiting.items()):
            if now - sent > ANSWER_TIMEOUT_S:
                del self._waiting[number]
                self._asks.append(ask)
        due = [ask for ask in self._asks if ask.not_before <= now]
        self._asks = [ask for ask in self._asks if ask.not_before > now]
        out = []
        for ask in due:
            number = next(self._ids)
            self._waiting[number] = (ask, now)
            out.append(request(number, ask.op, ask.fields))
        return out

    def next_due_s(self, now: float) -> float:
        """Seconds until to_send may have something, at most 0.1."""
        soon = min((ask.not_before - now for ask in self._asks), default=0.1)
        return min(max(soon, 0.0), 0.1)


def _connect(context: Any, pub: str, router: str, topics: list[str], rcvhwm: int) -> tuple[Any, Any]:
    sub = context.socket(zmq.SUB)
    sub.setsockopt(zmq.RCVHWM, rcvhwm)
    sub.setsockopt(zmq.LINGER, 0)
    sub.connect(pub)
    for topic in topics:
        sub.subscribe(topic.encode("ascii"))
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.LINGER, 0)
    dealer.setsockopt(zmq.IMMEDIATE, 1)
    dealer.connect(router)
    return sub, dealer


class Subscriber:
    """A plain, blocking subscriber.

    Args:
        pub: the engine's PUB endpoint.
        router: its ROUTER endpoint, for repair.
        topics: `md.<venue>.full`, `exec.<account>`, `md.<venue>.top.<symbol>` (or the prefix
            `md.<venue>.top.`), `status`.
        repair: ask for what is missing; False only tells `Gap`s.
        start_live: begin with what comes first instead of a `Snapshot`.
        rcvhwm: frames that may wait in this process before libzmq drops.
    """

    def __init__(
        self,
        pub: str,
        router: str,
        topics: Iterable[str],
        *,
        repair: bool = True,
        start_live: bool = False,
        rcvhwm: int = DEFAULT_RCVHWM,
    ) -> None:
        self._station = _Station(topics, repair=repair, start_live=start_live)
        self._context = zmq.Context()
        self._sub, self._dealer = _connect(self._context, pub, router, self._station.topics, rcvhwm)
        self._poller = zmq.Poller()
        self._poller.register(self._sub, zmq.POLLIN)
        self._poller.register(self._dealer, zmq.POLLIN)
        self._items: deque[Item] = deque()
        self._unsent: deque[bytes] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets."""
        self._sub.close(0)
        self._dealer.close(0)
        self._context.term()

    def recv(self, timeout_s: float | None = None) -> Item | None:
        """The next item, or None when none came in time. None waits for ever."""
        if self._items:
            return self._items.popleft()
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._items:
            self._send()
            now = time.monotonic()
            left = None if end is None else end - now
            if left is not None and left < 0:
                return None
            wait_s = self._station.next_due_s(now)
            self._wait(wait_s if left is None else min(wait_s, left))
        return self._items.popleft()

    def __iter__(self) -> Iterator[Item]:
        while True:
            item = self.recv()
            if item is not None:
                yield item

    def _send(self) -> None:
        self._unsent += self._station.to_send(time.monotonic())
        while self._unsent:
            try:
                self._dealer.send(self._unsent[0], zmq.NOBLOCK)
            except zmq.Again:
                return
            self._unsent.popleft()

    def _wait(self, seconds: float) -> None:
        # A frame that is there already needs no poll.
        if self._take_frame():
            return
        ready = dict(self._poller.poll(max(1, int(seconds * 1000))))
        if self._dealer in ready:
            self._items += self._station.answer(self._dealer.recv(), time.monotonic())
        if self._sub in ready:
            self._take_frame()

    def _take_frame(self) -> bool:
        try:
            parts = self._sub.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return False
        if len(parts) == 2:
            self._items += self._station.frame(parts[0], parts[1])
        return not self._station.followers or bool(self._items)


class AsyncSubscriber:
    """The same on asyncio; use it with `async with` and `async for`. Arguments as for `Subscriber`."""

    def __init__(
        self,
        pub: str,
        router: str,
        topics: Iterable[str],
        *,
        repair: bool = True,
        start_live: bool = False,
        rcvhwm: int = DEFAULT_RCVHWM,
    ) -> None:
        self._station = _Station(topics, repair=repair, start_live=start_live)
        self._endpoints = (pub, router)
        self._rcvhwm = rcvhwm
        self._items: asyncio.Queue[Item] = asyncio.Queue(maxsize=1_024)
        self._context: zmq.asyncio.Context | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._sub: Any = None
        self._dealer: Any = None

    async def __aenter__(self) -> Self:
        self._context = zmq.asyncio.Context()
        self._sub, self._dealer = _connect(self._context, *self._endpoints, self._station.topics, self._rcvhwm)
        bodies = {"frames": self._read_frames(), "answers": self._read_answers(), "requests": self._send_requests()}
        self._tasks = [asyncio.create_task(body, name=f"subscriber-{name}") for name, body in bodies.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sub.close(0)
        self._dealer.close(0)
        if self._context is not None:
            self._context.term()

    async def __aiter__(self) -> AsyncIterator[Item]:
        while True:
            yield await self.recv()

    async def recv(self) -> Item:
        """The next item. An error of the reading tasks (an unknown topic, say) is raised here."""
        if not self._items.empty():
            return self._items.get_nowait()
        getter = asyncio.ensure_future(self._items.get())
        done, _ = await asyncio.wait([getter, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        if getter in done:
            return getter.result()
        getter.cancel()
        for task in done:
            if isinstance(task, asyncio.Task):
                task.result()
        raise RuntimeError("the subscriber is closed")

    async def _read_frames(self) -> None:
        while True:
            parts = await self._sub.recv_multipart()
            if len(parts) == 2:
                for item in self._station.frame(parts[0], parts[1]):
                    await self._items.put(item)

    async def _read_answers(self) -> None:
        while True:
            data = await self._dealer.recv()
            for item in self._station.answer(data, time.monotonic()):
                await self._items.put(item)

    async def _send_requests(self) -> None:
        while True:
            for data in self._station.to_send(time.monotonic()):
                await self._dealer.send(data)
            await asyncio.sleep(min(0.01, self._station.next_due_s(time.monotonic())) or 0.001)
