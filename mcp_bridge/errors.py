"""Every way a tool call can be refused: one table of codes, and the exception that carries one of them.

A refusal is an answer for the model to read, never a protocol error and never a Python traceback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from fastpath.records import REASON_TEXT, Reason

Outcome = Literal["not_sent", "unknown", "accepted", "rejected"]


class ErrorKind(NamedTuple):
    category: str
    retryable: bool
    meaning: str


ERRORS: dict[str, ErrorKind] = {
    "INVALID_ARGUMENTS": ErrorKind("input", False, "An argument is missing, unknown or malformed; see field_errors."),
    "UNKNOWN_TOOL": ErrorKind("input", False, "No tool of that name."),
    "UNKNOWN_SYMBOL": ErrorKind("input", False, "No venue has announced this symbol; see suggestions."),
    "UNKNOWN_VENUE": ErrorKind("input", False, "No venue of that name; see suggestions."),
    "UNKNOWN_ACCOUNT": ErrorKind("input", False, "The engine does not know the account or agent of this key."),
    "UNKNOWN_ORDER": ErrorKind("input", False, "The engine holds no order with this client_order_id."),
    "TICK_SIZE": ErrorKind("input", False, "The price is out of range or off the tick; nothing is ever rounded."),
    "LOT_SIZE": ErrorKind("input", False, "The quantity is out of range or not a multiple of the lot."),
    "UNAUTHENTICATED": ErrorKind("identity", False, "No valid key: missing, wrong, expired or revoked."),
    "FORBIDDEN_TOOL": ErrorKind("permission", False, "The key's scopes do not cover this tool."),
    "FORBIDDEN_DATA": ErrorKind("permission", False, "The key may not touch this account, symbol, venue or mode."),
    "RATE_LIMITED": ErrorKind("limit", True, "Too many calls; wait retry_after_ms."),
    "DEADLINE_EXCEEDED": ErrorKind("engine", True, "No answer in time. Nothing was changed."),
    "ENGINE_UNAVAILABLE": ErrorKind("engine", True, "The engine cannot be reached or is recovering; nothing was sent."),
    "TABLE_FULL": ErrorKind(
        "engine", False, "The engine has no room for another order or armed trigger; nothing was sent. See the message."
    ),
    "ENGINE_ERROR": ErrorKind("engine", False, "The engine could not read or serve the request."),
    "AUDIT_UNAVAILABLE": ErrorKind("engine", True, "The audit log cannot be written, so no new risk is taken."),
    "OUTCOME_UNKNOWN": ErrorKind(
        "engine", True, "The write was sent but not answered. Ask verify_with, or repeat it with the SAME id."
    ),
    "IDEMPOTENCY_CONFLICT": ErrorKind("conflict", False, "This client_order_id was used before with other arguments."),
    "ORDER_NOT_LIVE": ErrorKind("conflict", False, "The order has ended."),
    "REPLACE_IN_FLIGHT": ErrorKind("conflict", True, "A replace or cancel of this order is still unanswered."),
    "RISK_REJECTED": ErrorKind("risk", False, "A pre-trade limit refused the order; see limit."),
    "KILL_SWITCH_ENGAGED": ErrorKind("risk", False, "A kill switch is engaged; only a human operator releases it."),
    "STALE_QUOTE": ErrorKind("market", True, "No live quote to decide with: feed silent, gap open or book stale."),
    "SYMBOL_HALTED": ErrorKind("market", True, "The symbol is not trading."),
    "VENUE_UNAVAILABLE": ErrorKind("venue", True, "No usable order session at the venue."),
    "VENUE_REJECTED": ErrorKind("venue", False, "The venue refused the order after it was sent."),
    "INTERNAL": ErrorKind("internal", False, "A fault of the bridge; the trace_id finds it in its log."),
}

_BY_REASON: dict[int, str] = {
    Reason.KILL_SWITCH: "KILL_SWITCH_ENGAGED",
    Reason.SESSION_DOWN: "VENUE_UNAVAILABLE",
    Reason.SESSION_ENDED: "VENUE_UNAVAILABLE",
    Reason.SEND_BUFFER_FULL: "VENUE_UNAVAILABLE",
    Reason.DESTINATION_CLOSED: "VENUE_UNAVAILABLE",
    Reason.DESTINATION: "VENUE_UNAVAILABLE",
    Reason.ENTRY_DISABLED: "VENUE_UNAVAILABLE",
    Reason.RECOVERING: "ENGINE_UNAVAILABLE",
    Reason.JOURNAL_FAILED: "ENGINE_UNAVAILABLE",
    Reason.TABLE_FULL: "TABLE_FULL",
    Reason.QUOTE_STALE: "STALE_QUOTE",
    Reason.QUOTE_UNAVAILABLE: "STALE_QUOTE",
    Reason.NO_REFERENCE_PRICE: "STALE_QUOTE",
    Reason.HALTED: "SYMBOL_HALTED",
    Reason.SYMBOL: "UNKNOWN_SYMBOL",
    Reason.UNKNOWN_SYMBOL_YET: "UNKNOWN_SYMBOL",
    Reason.UNKNOWN_VENUE: "UNKNOWN_VENUE",
    Reason.UNKNOWN_ACCOUNT: "UNKNOWN_ACCOUNT",
    Reason.UNKNOWN_AGENT: "UNKNOWN_ACCOUNT",
    Reason.UNKNOWN_ORDER: "UNKNOWN_ORDER",
    Reason.NOT_PERMITTED: "FORBIDDEN_DATA",
    Reason.RESTRICTED_STOCK: "FORBIDDEN_DATA",
    Reason.IDEMPOTENCY_CONFLICT: "IDEMPOTENCY_CONFLICT",
    Reason.CLIENT_ORDER_ID: "INVALID_ARGUMENTS",
    Reason.PRICE: "TICK_SIZE",
    Reason.LOT: "LOT_SIZE",
    Reason.QUANTITY: "LOT_SIZE",
    Reason.PORT_RATE: "RATE_LIMITED",
    Reason.SYMBOL_RATE: "RATE_LIMITED",
    Reason.ORDER_NOT_LIVE: "ORDER_NOT_LIVE",
    Reason.REPLACE_IN_FLIGHT: "REPLACE_IN_FLIGHT",
    Reason.CANCEL_PENDING: "REPLACE_IN_FLIGHT",
    Reason.MALFORMED: "ENGINE_ERROR",
    Reason.PROCESSING_ERROR: "ENGINE_ERROR",
    Reason.TIMEOUT: "OUTCOME_UNKNOWN",
    Reason.DEADLINE_PASSED: "DEADLINE_EXCEEDED",
}

UNKNOWN_SYMBOL_REASONS = (int(Reason.SYMBOL), int(Reason.UNKNOWN_SYMBOL_YET))


def reason_name(reason: int) -> str:
    """The reason's name in the one enum; a number we do not know stays visible as a number."""
    try:
        return Reason(reason).name
    except ValueError:
        return f"REASON_{reason}"


def reason_text(reason: int) -> str:
    """One sentence on a reason."""
    return REASON_TEXT.get(reason, f"reason {reason}, unknown to this bridge")


def code_for_reason(reason: int) -> str:
    """The error code under which a refusal of the engine reaches the model."""
    return _BY_REASON.get(reason, "RISK_REJECTED")


@dataclass(eq=False)
class RefusalError(Exception):
    """A refusal on its way to the model.

    `code` is a key of ERRORS; category and retryable follow from it. `outcome` says what became of a write:
    not_sent (nothing happened), unknown (ask), accepted, rejected (the engine or venue said no).
    """

    code: str
    message: str
    outcome: Outcome = "not_sent"
    reason: int = 0
    retry_after_ms: int | None = None
    verify_with: str | None = None
    field_errors: list[dict[str, str]] = field(default_factory=list)
    limit: dict[str, Any] | None = None
    suggestions: list[str] = field(default_factory=list)
    order: dict[str, Any] | None = None
    recorded: bool = False
    """The audit log has it already."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def to_content(self, trace_id: str) -> dict[str, Any]:
        """The structured error, without the keys that have nothing to say."""
        kind = ERRORS[self.code]
        content: dict[str, Any] = {
            "code": self.code,
            "category": kind.category,
            "message": self.message,
            "retryable": kind.retryable,
            "outcome": self.outcome,
        }
        if self.reason:
            content["reason"] = reason_name(self.reason)
        for key in ("retry_after_ms", "verify_with", "field_errors", "limit", "suggestions", "order"):
            value = getattr(self, key)
            if value:
                content[key] = value
        content["trace_id"] = trace_id
        return content
