"""What each tool answers: models that are at once the outputSchema and the check on what we send.

Prices, shares and 64-bit times are strings; floats hold statistics only (latencies, confidence).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from fastpath.records import ExecFlag, OrderState, Reason

from .engine.messages import Check, Level, OrderRow, QuoteUsed, TopRow
from .errors import reason_name
from .money import average_e4, format_e4, price_or_none

SIDES = {"B": "buy", "S": "sell", "T": "sell", "E": "sell"}
UNITS = {0: "count", 1: "shares", 2: "dollars", 3: "bps", 4: "ms", 5: "boolean"}
LEVELS = {0: "", 1: "firm", 2: "account", 3: "agent"}
TRADING_STATES = {"H": "halted", "P": "paused", "Q": "quotation_only", "T": "trading"}


class View(BaseModel):
    """A part of a result."""

    model_config = ConfigDict(extra="forbid")


class Result(View):
    """Where every successful answer comes from and how far to trust it."""

    source: Literal["engine", "cache"]
    source_sequence: int | None
    as_of_utc_ns: str
    age_ms: int
    feed_age_ms: int | None
    confidence: float
    is_stale: bool
    trading_mode: Literal["paper", "live", "unknown"]
    trace_id: str


class InstrumentVenue(View):
    venue: str
    round_lot: str
    trading_state: str


class InstrumentView(View):
    symbol: str
    venues: list[InstrumentVenue]


class Instruments(Result):
    instruments: list[InstrumentView]
    more: bool


class QuoteView(View):
    venue: str
    bid_price: str | None
    bid_quantity: str
    ask_price: str | None
    ask_quantity: str
    last_price: str | None
    last_quantity: str
    sequence: int
    venue_time_utc_ns: str
    feed_age_ms: int | None
    is_stale: bool
    trading_state: str


class TopOfBook(Result):
    symbol: str
    quotes: list[QuoteView]
    best_bid_venue: str | None
    best_ask_venue: str | None


class LevelView(View):
    price: str
    quantity: str
    orders: int


class Depth(Result):
    symbol: str
    quote: QuoteView
    bids: list[LevelView]
    asks: list[LevelView]


class TradeView(View):
    venue: str
    price: str
    quantity: str
    aggressor: str
    match_number: str
    venue_time_utc_ns: str


class Trades(Result):
    symbol: str
    trades: list[TradeView]


class VenueView(View):
    venue: str
    taker_fee_per_share: str
    maker_rebate_per_share: str
    takes_orders: bool
    order_session: str
    ack_p50_us: float | None
    ack_p99_us: float | None
    acks_measured: int
    open_orders: int
    feed: str
    feed_is_stale: bool
    feed_gap_open: bool
    feed_age_ms: int | None


class Venues(Result):
    venues: list[VenueView]


class OrderView(View):
    client_order_id: str
    order_id: str
    symbol: str
    side: str
    venue: str
    state: str
    quantity: str
    open_quantity: str
    filled_quantity: str
    filled_notional: str
    average_fill_price: str | None
    limit_price: str | None
    order_type: str
    time_in_force: str
    reason: str | None
    flags: list[str]
    updated_utc_ns: str
    condition: str | None
    trigger_price: str | None
    expires_utc_ns: str | None
    trigger_ended_by: Literal["fired", "disarmed", "expired", "refused", "killed"] | None


class OrderResult(Result):
    outcome: Literal["accepted", "replayed", "already_ended", "already_fired", "not_armed"]
    routing_reason: str | None = None
    next_step: str | None = None
    order: OrderView


class OrderStatusResult(Result):
    receipt: Literal["RECEIVED", "NOT_RECEIVED", "UNPROVEN", "NO_LONGER_HELD"]
    meaning: str
    order: OrderView | None


class OpenOrders(Result):
    orders: list[OrderView]
    next_page_cursor: str | None
    complete: bool


class WatchView(View):
    """What a trigger looks at: the quote, and what would keep it from firing at this moment."""

    quote: QuoteView | None
    condition_holds: bool | None
    can_fire: bool
    blocked_by: list[str]


class TriggerView(View):
    condition: str
    trigger_price: str
    expires_utc_ns: str | None
    watch: WatchView
    order: OrderView


class Triggers(Result):
    triggers: list[TriggerView]
    next_page_cursor: str | None
    complete: bool


class TriggerResult(OrderResult):
    watch: WatchView | None


class PositionView(View):
    symbol: str
    quantity: str
    open_cost: str
    average_price: str | None
    realised_profit: str
    bought: str
    sold: str


class Positions(Result):
    account: str
    positions: list[PositionView]


class FillView(View):
    client_order_id: str
    symbol: str
    side: str
    venue: str
    price: str
    quantity: str
    match_number: str
    time_utc_ns: str


class Fills(Result):
    fills: list[FillView]
    complete: bool


class CheckView(View):
    check: str
    passed: bool
    observed: str
    limit: str
    unit: str
    level: str


class Preview(Result):
    would_be_accepted: bool
    refusal: str | None
    venue: str
    routing_reason: str
    effective_price: str | None
    estimated_notional: str | None
    estimated_fee: str
    fee_basis: Literal["taker", "maker"]
    quote: dict[str, str | None]
    checks: list[CheckView]


class TriggerPreview(Result):
    would_be_armed: bool
    refusal: str | None
    effective_price: str | None
    watch: WatchView
    checks: list[CheckView]


class Cancelled(Result):
    orders_being_cancelled: int
    next_step: str | None


class Killed(Result):
    scope: str
    target: str | None
    orders_being_cancelled: int
    release: str
    next_step: str | None


class TradingState(Result):
    recovering: bool
    new_orders_possible: bool
    kill_switches: list[str]
    order_lists_complete: bool
    engine_epoch: int
    venues: list[VenueView]


class LimitView(View):
    name: str
    unit: str
    firm: str | None
    account: str | None
    agent: str | None


class RiskLimits(Result):
    account: str
    limits: list[LimitView]


# ---- from the bus's words to ours ----


def trading_state(letter: str) -> str:
    return TRADING_STATES.get(letter, "unknown")


def age_ms(then_ns: int, now_ns: int) -> int | None:
    """Milliseconds since a time that may never have come (0)."""
    return max(0, (now_ns - then_ns) // 1_000_000) if then_ns else None


def quote_view(row: TopRow, venue: str, now_ns: int, stale_after_ms: int) -> QuoteView:
    age = age_ms(row.feed_heard_ns, now_ns)
    return QuoteView(
        venue=row.venue or venue,
        bid_price=price_or_none(row.bid_e4),
        bid_quantity=str(row.bid_shares),
        ask_price=price_or_none(row.ask_e4),
        ask_quantity=str(row.ask_shares),
        last_price=price_or_none(row.last_price_e4),
        last_quantity=str(row.last_shares),
        sequence=row.seq,
        venue_time_utc_ns=str(row.venue_ns),
        feed_age_ms=age,
        is_stale=row.stale or age is None or age > stale_after_ms,
        trading_state=trading_state(row.trading_state),
    )


def level_view(level: Level) -> LevelView:
    price_e4, shares, orders = level
    return LevelView(price=format_e4(price_e4), quantity=str(shares), orders=orders)


def trigger_ended_by(row: OrderRow) -> Literal["fired", "disarmed", "expired", "refused", "killed"] | None:
    """How a trigger came to its end; None while it waits, and for an order that never was one."""
    if row.flags & ExecFlag.TRIGGERED:
        return "fired"
    if not row.condition or row.state != OrderState.EXPIRED:
        return None
    if row.reason == 0:
        return "disarmed"
    if row.reason == Reason.DEADLINE_PASSED:
        return "expired"
    return "killed" if row.reason == Reason.KILL_SWITCH else "refused"


def order_view(row: OrderRow, expire_ns: int = 0) -> OrderView:
    """An order as the model sees it. `expire_ns`: when its trigger ends unsent, where the caller knows it."""
    flags = ExecFlag(row.flags & 0x1FF)
    if row.state == OrderState.ARMED:
        expire_ns = expire_ns or row.match_number  # the record of its arming carries it there
    try:
        state = OrderState(row.state).name
    except ValueError:
        state = f"STATE_{row.state}"
    return OrderView(
        client_order_id=row.client_order_id,
        order_id=str(row.order_id),
        symbol=row.symbol,
        side=SIDES.get(row.side, row.side),
        venue=row.venue,
        state=state,
        quantity=str(row.quantity),
        open_quantity=str(row.leaves),
        filled_quantity=str(row.cum_shares),
        filled_notional=format_e4(row.cum_notional_e4),
        average_fill_price=average_e4(row.cum_notional_e4, row.cum_shares),
        limit_price=price_or_none(row.price_e4),
        order_type="market" if ExecFlag.MARKET in flags else "limit",
        time_in_force=row.tif,
        reason=reason_name(row.reason) if row.reason else None,
        flags=[flag.name for flag in flags if flag.name and flag not in (ExecFlag.PAPER, ExecFlag.MARKET)],
        updated_utc_ns=str(row.time_ns),
        condition=row.condition or None,
        trigger_price=price_or_none(row.trigger_e4),
        expires_utc_ns=str(expire_ns) if expire_ns else None,
        trigger_ended_by=trigger_ended_by(row),
    )


def check_view(check: Check) -> CheckView:
    unit = UNITS.get(check.unit, str(check.unit))
    show = format_e4 if unit == "dollars" else str
    return CheckView(
        check=reason_name(check.reason),
        passed=check.passed,
        observed=show(check.observed),
        limit=show(check.limit),
        unit=unit,
        level=LEVELS.get(check.level, str(check.level)),
    )


def limit_of(checks: list[Check], reason: int) -> dict[str, Any] | None:
    """The figures of the check that refused, None when the refusal has none."""
    for check in checks:
        if check.reason == reason and not check.passed:
            view = check_view(check)
            if view.unit == "boolean":
                return None
            return {
                "name": view.check,
                "observed": view.observed,
                "allowed": view.limit,
                "unit": view.unit,
                "level": view.level,
            }
    return None


def used_quote(quote: QuoteUsed) -> dict[str, str | None]:
    return {
        "bid_price": price_or_none(quote.bid_e4),
        "bid_quantity": str(quote.bid_shares),
        "ask_price": price_or_none(quote.ask_e4),
        "ask_quantity": str(quote.ask_shares),
        "venue_time_utc_ns": str(quote.venue_ns),
    }
