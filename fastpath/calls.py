"""Every operation of the bus as a typed function: arguments in, a `Call` out.

A client (`client.EngineClient`, `client.AsyncEngineClient`) sends it and answers with
the type that the `Call` names. Nothing here opens a socket; None leaves a field out.

Names are those of the configuration; `side` is "B" or "S", `quantity` shares, `price_e4`
1/10000 dollar (0 for a market order), `order_type` "limit" or "market", `tif` "day" or "ioc".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, NotRequired, TypedDict, TypeVar, Unpack

from . import bus_messages as m

AnswerT = TypeVar("AnswerT", bound=m.Answer)


@dataclass(frozen=True, slots=True)
class Call(Generic[AnswerT]):
    """One request. `write`: it may change something, so it is sent once and never again."""

    op: str
    answer: type[AnswerT]
    fields: dict[str, Any]
    write: bool = False


def hello() -> Call[m.Hello]:
    """Who answers: version, mode, venues, accounts, agents, streams."""
    return Call("hello", m.Hello, {})


def state() -> Call[m.State]:
    """Feeds, sessions, kill switches, streams."""
    return Call("state", m.State, {})


def stats() -> Call[m.Stats]:
    """Every counter and latency of the engine."""
    return Call("stats", m.Stats, {})


def instruments(venue: str | None = None, query: str = "", offset: int = 0, limit: int = 500) -> Call[m.Instruments]:
    """Announced symbols that begin with `query`; `limit` at most 500."""
    return Call("instruments", m.Instruments, {"venue": venue, "query": query, "offset": offset, "max": limit})


def top(symbol: str, venue: str | None = None) -> Call[m.Tops]:
    """Best bid and ask, of one venue or of each that knows the symbol."""
    return Call("top", m.Tops, {"symbol": symbol, "venue": venue})


def depth(symbol: str, venue: str, levels: int = 10) -> Call[m.Depth]:
    """Price levels of a book, best first; 1 to 100."""
    return Call("depth", m.Depth, {"symbol": symbol, "venue": venue, "levels": levels})


def trades(symbol: str, venue: str | None = None, limit: int = 100) -> Call[m.Trades]:
    """Recent prints, newest first; at most 100."""
    return Call("trades", m.Trades, {"symbol": symbol, "venue": venue, "max": limit})


def snapshot(topic: str) -> Call[m.SnapshotAnswer]:
    """State of a `md.<venue>.full` or `exec.<account>` stream at a sequence."""
    return Call("snapshot", m.SnapshotAnswer, {"topic": topic})


def replay(topic: str, epoch: int, first: int, last: int) -> Call[m.Replay]:
    """Records [first, last] of a stream, as far as they are kept; at most 4,096 an answer."""
    return Call("replay", m.Replay, {"topic": topic, "epoch": epoch, "from": first, "to": last})


def order(account: str, client_order_id: str) -> Call[m.OrderStatus]:
    """What became of an order; behind every command that was sent before it."""
    return Call("order", m.OrderStatus, {"account": account, "client_order_id": client_order_id})


def orders(
    account: str, *, only_open: bool = True, symbol: str | None = None, limit: int = 500, after: int = 0
) -> Call[m.Orders]:
    """Orders of the day by rising order_id, from the one behind `after`."""
    fields = {"account": account, "open": only_open, "symbol": symbol, "max": limit, "after": after}
    return Call("orders", m.Orders, fields)


def positions(account: str) -> Call[m.Positions]:
    """What the account holds."""
    return Call("positions", m.Positions, {"account": account})


def limits(account: str, agent: str | None = None) -> Call[m.LimitsAnswer]:
    """Risk limits that apply."""
    return Call("limits", m.LimitsAnswer, {"account": account, "agent": agent})


class OrderFields(TypedDict):
    """An order as `preview` and `submit` take it; see the module's text for units."""

    account: str
    agent: str
    venue: str
    symbol: str
    side: str
    quantity: int
    client_order_id: str
    price_e4: int
    order_type: NotRequired[str]
    tif: NotRequired[str]
    max_quote_age_ms: NotRequired[int]
    reason_text: NotRequired[str]


class SentFields(OrderFields):
    """What is sent, beside the order: `deadline_ns` (UTC) is when the engine must no longer carry it out."""

    deadline_ns: NotRequired[int]


class ConditionFields(OrderFields):
    """An order that waits. `condition`: "bid_at_or_above", "bid_at_or_below", "ask_at_or_above" or "ask_at_or_below"
    `trigger_e4`; `expire_ns` (UTC) ends the wait, 0 or absent = good for the session."""

    condition: str
    trigger_e4: int
    expire_ns: NotRequired[int]


class ArmFields(ConditionFields):
    """See `SentFields`."""

    deadline_ns: NotRequired[int]


def preview(**order: Unpack[OrderFields]) -> Call[m.Reply]:
    """Every check of an order, with nothing reserved and nothing sent. Without order_type and tif: limit, day."""
    fields: dict[str, Any] = {"order_type": "limit", "tif": "day", **order}
    return Call("preview", m.Reply, fields)


def submit(**order: Unpack[SentFields]) -> Call[m.Reply]:
    """Send an order. The same client_order_id with the same content gets the first answer again."""
    fields: dict[str, Any] = {"order_type": "limit", "tif": "day", **order}
    return Call("submit", m.Reply, fields, write=True)


def replace(
    *,
    account: str,
    agent: str,
    client_order_id: str,
    new_client_order_id: str,
    quantity: int,
    price_e4: int,
    max_quote_age_ms: int | None = None,
    reason_text: str | None = None,
    deadline_ns: int | None = None,
    preview_only: bool = False,
) -> Call[m.Reply]:
    """Replace an order; `quantity` is the total wanted, executed shares included. preview_only: only check it.

    deadline_ns (UTC): when the engine must no longer carry it out; not with preview_only.
    """
    fields = {
        "account": account, "agent": agent, "client_order_id": client_order_id,
        "new_client_order_id": new_client_order_id, "quantity": quantity, "price_e4": price_e4,
        "max_quote_age_ms": max_quote_age_ms, "reason_text": reason_text, "deadline_ns": deadline_ns,
    }  # fmt: skip
    return Call("preview_replace" if preview_only else "replace", m.Reply, fields, write=not preview_only)


def preview_trigger(**order: Unpack[ConditionFields]) -> Call[m.Reply]:
    """Every check of a triggered order, at the prices of the moment that it waits for."""
    fields: dict[str, Any] = {"order_type": "limit", "tif": "day", **order}
    return Call("preview_trigger", m.Reply, fields)


def arm_trigger(**order: Unpack[ArmFields]) -> Call[m.Reply]:
    """Let an order wait in the engine for its condition; it holds its reservation meanwhile. Idempotent as `submit`."""
    fields: dict[str, Any] = {"order_type": "limit", "tif": "day", **order}
    return Call("arm_trigger", m.Reply, fields, write=True)


def disarm_trigger(*, account: str, agent: str, client_order_id: str, reason_text: str | None = None) -> Call[m.Reply]:
    """Take an armed order back; refused (ORDER_NOT_LIVE) once it was sent: then `cancel` it."""
    fields = {"account": account, "agent": agent, "client_order_id": client_order_id, "reason_text": reason_text}
    return Call("disarm_trigger", m.Reply, fields, write=True)


def triggers(account: str, *, symbol: str | None = None, limit: int = 500, after: int = 0) -> Call[m.Triggers]:
    """Armed orders of the account, paged as `orders`."""
    return Call("triggers", m.Triggers, {"account": account, "symbol": symbol, "max": limit, "after": after})


def cancel(*, account: str, agent: str, client_order_id: str, reason_text: str | None = None) -> Call[m.Reply]:
    """Cancel an order."""
    fields = {"account": account, "agent": agent, "client_order_id": client_order_id, "reason_text": reason_text}
    return Call("cancel", m.Reply, fields, write=True)


def cancel_all(
    *,
    account: str,
    agent: str,
    symbol: str | None = None,
    venue: str | None = None,
    side: str | None = None,
    reason_text: str | None = None,
) -> Call[m.Reply]:
    """Cancel the account's open orders; symbol, venue and side narrow it. `count` tells how many."""
    fields = {
        "account": account, "agent": agent, "symbol": symbol, "venue": venue, "side": side, "reason_text": reason_text,
    }  # fmt: skip
    return Call("cancel_all", m.Reply, fields, write=True)


def kill(*, agent: str, scope: str, reason_text: str, target: str | None = None) -> Call[m.Reply]:
    """Engage a kill switch. scope: firm, venue, account, agent or symbol; it stays until an operator releases it."""
    fields = {"agent": agent, "scope": scope, "target": target, "reason_text": reason_text}
    return Call("kill", m.Reply, fields, write=True)


def release(*, operator: str, scope: str, reason_text: str, target: str | None = None) -> Call[m.Reply]:
    """Release a kill switch; taken at the operator's endpoint only."""
    fields = {"operator": operator, "scope": scope, "target": target, "reason_text": reason_text}
    return Call("release", m.Reply, fields, write=True)
