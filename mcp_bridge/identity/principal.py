"""A principal: the agent behind a call, and what its key allows. Pure data and matching; it reads nothing."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase

SCOPES: dict[str, str] = {
    "md:read": "instruments, quotes, depth, trades, venues, trading state",
    "account:read": "orders, positions, fills and limits of the key's own account",
    "orders:write": "preview, submit, replace and cancel orders for the key's own account",
    "kill:engage": "engage kill switches; releasing is for the operator alone",
}

DEFAULT_SCOPES = ("md:read", "account:read")


@dataclass(frozen=True)
class Principal:
    """One key's identity and rights, as they were when the call began."""

    key_id: str
    agent: str
    account: str
    scopes: frozenset[str]
    symbols: tuple[str, ...] = ("*",)
    venues: tuple[str, ...] = ("*",)
    allow_live: bool = False

    def may_symbol(self, symbol: str) -> bool:
        return any(fnmatchcase(symbol, pattern) for pattern in self.symbols)

    def may_venue(self, venue: str) -> bool:
        return any(fnmatchcase(venue, pattern) for pattern in self.venues)

    def may_order(self, symbol: str, venue: str) -> bool:
        """Whether an order of this symbol at this venue is this key's business."""
        return self.may_symbol(symbol) and self.may_venue(venue)

    @property
    def limits(self) -> list[str]:
        """Which of symbol and venue the key is bound to some of; empty for a key that may use all."""
        return [name for name, globs in (("symbol", self.symbols), ("venue", self.venues)) if "*" not in globs]


current_key_id: ContextVar[str | None] = ContextVar("current_key_id", default=None)
"""The key that authenticated the HTTP request being served; None on stdio."""
