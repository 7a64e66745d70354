"""A small cache of read answers with single flight: equal questions at one moment cost the engine one.

It holds nothing that belongs to an account, nothing beyond its time to live, and nothing of an earlier engine run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cachetools import TLRUCache


@dataclass(frozen=True)
class Cached:
    value: Any
    stored_s: float
    ttl_s: float


class ReadCache:
    """Answers by question, each with its own time to live (seconds on a monotonic clock)."""

    def __init__(self, maximum: int = 4_096, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: TLRUCache[Any, Cached] = TLRUCache(maximum, ttu=lambda _, v, now: now + v.ttl_s, timer=clock)
        self._flights: dict[Any, asyncio.Future[Any]] = {}

    def clear(self) -> None:
        """Forget everything: the engine was restarted, so sequences and books begin anew."""
        self._entries.clear()
        self._flights.clear()

    async def get(self, key: Any, ttl_s: float, fetch: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
        """(value, its age in seconds; 0.0 when it was fetched for this call).

        A caller that goes away does not take the question away from the others who wait for it.
        """
        entry = self._entries.get(key)
        if entry is not None:
            return entry.value, max(0.0, self._clock() - entry.stored_s)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(fetch())
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, ttl_s, done))
        return await asyncio.shield(flight), 0.0

    def _landed(self, key: Any, ttl_s: float, flight: asyncio.Future[Any]) -> None:
        good = not flight.cancelled() and flight.exception() is None
        if self._flights.get(key) is not flight:
            return  # cleared meanwhile: the answer is of an earlier engine run
        del self._flights[key]
        if good:
            self._entries[key] = Cached(flight.result(), self._clock(), ttl_s)
