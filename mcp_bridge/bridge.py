"""The bridge's parts in one place: settings, engine port, keys, ledger, limiter, cache. It decides nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

from .cache import ReadCache
from .engine import messages
from .engine.bus_engine import BusEngine
from .engine.port import EnginePort, NoAnswerError, NotSentError
from .identity.keys import KeyStore
from .ledger import AuditRow, Held, Ledger, LedgerError
from .limiter import CallLimiter
from .settings import BridgeSettings

logger = logging.getLogger(__name__)


class Bridge:
    """An async context manager: entering opens the ledger and the engine port, leaving drains and closes them.

    Raises (on entering):
        LedgerError: the data directory cannot be used.
    """

    def __init__(self, settings: BridgeSettings, engine: EnginePort | None = None) -> None:
        self.settings = settings
        self.cache = ReadCache()
        self.keys = KeyStore(settings.keys_path())
        self.limiter = CallLimiter(settings.calls_per_s, settings.orders_per_s)
        self.engine: EnginePort = engine or BusEngine(settings.command_endpoint())
        self.auth_refused = 0
        self._writes: set[asyncio.Future[Any]] = set()
        self._ledger: Ledger | None = None
        self._epoch = 0

    @property
    def ledger(self) -> Ledger:
        if self._ledger is None:
            raise LedgerError("the bridge is not open")
        return self._ledger

    async def __aenter__(self) -> Self:
        self._ledger = Ledger(self.settings.data_path(), self.settings.durability)
        try:
            await self.engine.start()
        except BaseException:
            self._ledger.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writes:
            # Let writes in flight learn their outcome; closing the port ends what is left as unknown.
            await asyncio.wait(set(self._writes), timeout=self.settings.write_timeout_ms / 1000)
        await self.engine.close()
        if self._writes:
            await asyncio.wait(set(self._writes), timeout=1.0)
        self.ledger.close()
        self._ledger = None

    def track(self, write: asyncio.Future[Any]) -> None:
        """Keep a write alive until its outcome is recorded, whoever still waits for it."""
        self._writes.add(write)
        write.add_done_callback(self._written)

    def _written(self, write: asyncio.Future[Any]) -> None:
        self._writes.discard(write)
        if not write.cancelled():
            write.exception()  # taken here in case the caller has gone; the pipeline has recorded it

    async def remembered(self, key: Any, ttl_s: float, fetch: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
        """A cached answer of this engine run, or a fresh one; see ReadCache.get."""
        if self.engine.epoch != self._epoch:
            if self._epoch:  # 0 is not an earlier run: nothing had answered yet
                self.cache.clear()
            self._epoch = self.engine.epoch
        return await self.cache.get(key, ttl_s, fetch)

    def written(self, account: str, client_order_id: str) -> Held | None:
        """The id's last write through this bridge, None when there was none; LedgerError when it cannot be read."""
        return self.ledger.held(account, client_order_id)

    def authentication_refused(self, why: str) -> None:
        """Count a request without a valid key, and put the first of them each second into the audit log."""
        self.auth_refused += 1
        if self.limiter.hit("refusals", "") is not None:
            return
        try:
            self.ledger.append(AuditRow("auth", "", "", "", "", "", "UNAUTHENTICATED", {"why": why}))
        except LedgerError as error:
            logger.error("audit row lost: authentication refused (%s): %s", why, error)

    async def readiness(self) -> dict[str, Any]:
        """Whether calls can be served: the engine answers and the ledger can be read. Never trades.

        `order_lists`: "incomplete" when the engine has open orders that its lists do not show; that stops no call.
        """
        found: dict[str, Any] = {"ready": False, "engine": "unreachable", "ledger": "ok", "time_ns": time.time_ns()}
        try:
            answer = await self.engine.ask(messages.State(), messages.StateAnswer, 1.0)
            found["engine"] = "ok" if answer.ok else "refuses"
            found["mode"] = answer.mode
            found["order_lists"] = "incomplete" if answer.orders_unlisted else "complete"
        except (NotSentError, NoAnswerError):
            pass
        try:
            self.ledger.held("", "")
        except LedgerError:
            found["ledger"] = "unreadable"
        found["ready"] = found["engine"] == "ok" and found["ledger"] == "ok"
        return found
