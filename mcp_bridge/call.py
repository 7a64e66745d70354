"""One tool call under way: who calls, until when, and the questions it may put to the engine.

Tools get a Call and nothing else; they cannot reach the ledger, the limiter or another key's rights.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from fastpath.records import Reason

from .engine import messages
from .engine.messages import Request
from .engine.port import AnswerT, EnginePort, NoAnswerError, NotSentError
from .errors import RefusalError, code_for_reason, reason_name, reason_text
from .identity.principal import Principal
from .ledger import Held, LedgerError
from .settings import BridgeSettings


@dataclass
class Reading:
    """What a tool found out: the payload, and where it came from.

    `feed_heard_ns` is the oldest "last heard" of the feeds behind it (0: never heard), None when no feed matters.
    """

    fields: dict[str, Any]
    as_of_ns: int
    sequence: int | None = None
    feed_heard_ns: int | None = None
    stale: bool = False


@dataclass
class Write:
    """A write that is ready to be sent, and what the tool wants to remember for its answer."""

    request: Request
    note: str = ""


class Backend(Protocol):
    """What a call needs of the bridge."""

    settings: BridgeSettings
    engine: EnginePort

    async def remembered(self, key: Any, ttl_s: float, fetch: Callable[[], Awaitable[Any]]) -> tuple[Any, float]: ...

    def written(self, account: str, client_order_id: str) -> Held | None: ...


@dataclass
class Call:
    """The context of one call."""

    backend: Backend
    principal: Principal
    account: str
    trace_id: str
    deadline: float
    """Event-loop time at which the call must have ended."""

    @property
    def settings(self) -> BridgeSettings:
        return self.backend.settings

    def remaining_s(self) -> float:
        return self.deadline - asyncio.get_running_loop().time()

    @staticmethod
    def now_ns() -> int:
        return time.time_ns()

    async def ask(self, request: Request, answer: type[AnswerT], *, allow: tuple[int, ...] = ()) -> AnswerT:
        """Put a question to the engine; reasons in `allow` are left to the caller.

        Raises:
            RefusalError: unreachable, too late, or answered with another reason.
        """
        remaining = self.remaining_s()
        if remaining <= 0:
            raise RefusalError("DEADLINE_EXCEEDED", "the time for this call is used up")
        try:
            found = await self.backend.engine.ask(request, answer, remaining)
        except NotSentError as error:
            raise RefusalError("ENGINE_UNAVAILABLE", str(error), retry_after_ms=500) from error
        except NoAnswerError as error:
            raise RefusalError("DEADLINE_EXCEEDED", str(error), retry_after_ms=500) from error
        if not found.ok and found.reason not in allow:
            raise refused(found.reason, found.error)
        return found

    async def hello(self) -> messages.HelloAnswer:
        """The engine's venues, fees and mode; remembered for five seconds of one engine run."""

        async def fetch() -> messages.HelloAnswer:
            return await self.ask(messages.Hello(), messages.HelloAnswer)

        found: messages.HelloAnswer = (await self.backend.remembered("hello", 5.0, fetch))[0]
        return found

    def written(self, client_order_id: str) -> Held | None:
        """What this bridge remembers of the last write with this id, None when there was none.

        Raises:
            RefusalError: AUDIT_UNAVAILABLE, the ledger cannot be read.
        """
        try:
            return self.backend.written(self.account, client_order_id)
        except LedgerError as error:
            raise RefusalError("AUDIT_UNAVAILABLE", str(error)) from error

    async def journal_begin_ns(self) -> int:
        """Since when the engine's journal knows orders (UTC ns), 0 when it does not tell. Never remembered."""
        return (await self.ask(messages.Hello(), messages.HelloAnswer)).journal_begin_ns

    async def check_order(self, client_order_id: str) -> None:
        """Check a key that is bound to some symbols or venues against an order that it names.

        Raises:
            RefusalError: FORBIDDEN_DATA, the order is beyond the key's rights.
        """
        if not self.principal.limits:
            return
        held = await self.ask(
            messages.OrderStatus(account=self.account, client_order_id=client_order_id),
            messages.OrderAnswer,
            allow=(Reason.UNKNOWN_ORDER,),
        )
        if held.order is not None:
            self.must_see(held.order)

    def must_see(self, order: messages.OrderRow) -> None:
        """Raise FORBIDDEN_DATA when the order is beyond the key's rights."""
        if not self.principal.may_symbol(order.symbol):
            raise RefusalError("FORBIDDEN_DATA", "this key may not use the symbol of this order")
        if not self.principal.may_venue(order.venue):
            raise RefusalError("FORBIDDEN_DATA", "this key may not use the venue of this order")

    async def state(self) -> messages.StateAnswer:
        return await self.ask(messages.State(), messages.StateAnswer)

    async def suggest_symbols(self, symbol: str) -> list[str]:
        """A few known symbols that begin alike, for a refusal to name."""
        for length in range(min(2, len(symbol)), 0, -1):
            found = await self.ask(messages.Instruments(query=symbol[:length], max=50), messages.InstrumentsAnswer)
            names = sorted({item.symbol for item in found.instruments if self.principal.may_symbol(item.symbol)})
            if names:
                return names[:8]
        return []


def refused(reason: int, detail: str = "") -> RefusalError:
    """The fault for a request that the engine answered with `ok` false."""
    text = f"{reason_name(reason)}: {detail or reason_text(reason)}"
    # Here nothing was asked to change, so a question without an answer is only late.
    if reason == Reason.TABLE_FULL:  # not the table of orders: too many requests are under way
        return RefusalError("RATE_LIMITED", text, reason=reason, retry_after_ms=100)
    code = "DEADLINE_EXCEEDED" if reason == Reason.TIMEOUT else code_for_reason(reason)
    return RefusalError(code, text, reason=reason)
