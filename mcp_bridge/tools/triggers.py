"""Trigger tools: orders that wait in the engine for a price. The engine watches and fires; nothing here polls.

Each answer that shows a waiting trigger also shows what it looks at: the quote, and what keeps it from firing now.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from fastpath.records import ExecFlag, OrderState, Reason

from .. import arguments, results
from ..call import Call, Reading, Write
from ..engine import messages
from ..errors import UNKNOWN_SYMBOL_REASONS, RefusalError, reason_name, reason_text
from ..money import format_e4, parse_e4
from . import market, orders

WAITS = "it waits until that is over"
ENDS = "met now, it would end unsent"


class Waiting(NamedTuple):
    """What of a trigger decides whether it can fire."""

    symbol: str
    venue: str
    agent: str
    side: str
    is_market: bool
    condition: str
    trigger_e4: int


class Market(NamedTuple):
    """The engine's state and the quotes by (symbol, venue), read for one answer."""

    state: messages.StateAnswer
    quotes: dict[tuple[str, str], messages.TopRow]


async def preview_trigger(call: Call, args: arguments.PreviewTrigger) -> Reading:
    request = messages.PreviewTrigger(**_order(call, args), client_order_id=f"preview-{secrets.token_hex(8)}")
    if args.expire_after_s:
        request.expire_ns = _expire_ns(args)
    waiting = Waiting(
        args.symbol, args.venue, call.principal.agent, request.side, args.order_type == "market", args.condition,
        request.trigger_e4,
    )  # fmt: skip
    answer, seen = await asyncio.gather(call.ask(request, messages.ReplyAnswer), read_market(call, [waiting]))
    passed = answer.outcome != "refused"
    price_e4 = answer.effective_price_e4 or args.price_e4
    watch = watch_view(call, waiting, seen)
    return Reading(
        {
            "would_be_armed": passed,
            "refusal": None if passed else f"{reason_name(answer.reason)}: {reason_text(answer.reason)}",
            "effective_price": format_e4(price_e4) if price_e4 else None,
            "watch": watch,
            "checks": [results.check_view(check) for check in answer.checks],
        },
        as_of_ns=answer.engine_ns or answer.time_ns,
        feed_heard_ns=_heard_ns([waiting], seen),
        stale=_is_stale(watch),
    )


async def plan_arm(call: Call, args: arguments.ArmTrigger) -> Write:
    request = messages.ArmTrigger(**_order(call, args), client_order_id=args.client_order_id)
    if args.expire_after_s:
        request.expire_ns = _expire_ns(args)
    if args.reason_text:
        request.reason_text = args.reason_text
    return Write(request)


async def conclude_arm(call: Call, write: Write, answer: messages.ReplyAnswer) -> Reading:
    """The order, and while it waits what it looks at; a repeat may find it fired and answered by the venue."""
    reading = await orders.conclude_order(call, write, answer)
    reading.fields["watch"] = None
    order = answer.order
    if order is None or order.state != OrderState.ARMED:
        return reading
    waiting = _waiting(order)
    try:
        seen = await read_market(call, [waiting])
    except RefusalError:
        return reading  # the trigger stands as answered; only what it looks at could not be read
    watch = watch_view(call, waiting, seen)
    reading.fields["watch"] = watch
    reading.feed_heard_ns, reading.stale = _heard_ns([waiting], seen), reading.stale or _is_stale(watch)
    return reading


async def plan_disarm(call: Call, args: arguments.CancelOrder) -> Write:
    # Taking a protective stop away adds risk: a key reaches only the triggers that it may also see.
    await call.check_order(args.client_order_id)
    request = messages.DisarmTrigger(
        account=call.account, agent=call.principal.agent, client_order_id=args.client_order_id
    )
    if args.reason_text:
        request.reason_text = args.reason_text
    return Write(request)


async def list_triggers(call: Call, args: arguments.Triggers) -> Reading:
    request = messages.Triggers(account=call.account, max=args.max_triggers, after=int(args.page_cursor or "0"))
    if args.symbol:
        request.symbol = args.symbol
    answer = await call.ask(request, messages.TriggersAnswer)
    rows = [row for row in answer.triggers if call.principal.may_order(row.order.symbol, row.order.venue)]
    waiting = [_waiting(row.order) for row in rows]
    seen = await read_market(call, waiting) if rows else None
    watches = [watch_view(call, trigger, seen) for trigger in waiting] if seen else []
    return Reading(
        {
            "triggers": [
                results.TriggerView(
                    condition=row.order.condition,
                    trigger_price=format_e4(row.order.trigger_e4),
                    expires_utc_ns=str(row.expire_ns) if row.expire_ns else None,
                    watch=watch,
                    order=results.order_view(row.order, row.expire_ns),
                )
                for row, watch in zip(rows, watches, strict=True)
            ],
            "next_page_cursor": str(answer.triggers[-1].order.order_id) if answer.more and answer.triggers else None,
            "complete": answer.complete,
        },
        as_of_ns=answer.time_ns,
        sequence=max((row.order.seq for row in rows), default=None),
        feed_heard_ns=_heard_ns(waiting, seen) if seen else None,
        stale=any(_is_stale(watch) for watch in watches),
    )


# ---- what a trigger looks at ----


async def read_market(call: Call, waiting: Iterable[Waiting]) -> Market:
    """The engine's state and the quotes that these triggers look at, each symbol asked for once."""
    symbols = sorted({trigger.symbol for trigger in waiting})

    async def tops(symbol: str) -> list[messages.TopRow]:
        request = messages.Top(symbol=symbol)
        # A symbol that no venue has announced has no quote; the watch says so.
        return (await call.ask(request, messages.TopAnswer, allow=UNKNOWN_SYMBOL_REASONS)).tops

    state, found = await asyncio.gather(call.state(), asyncio.gather(*(tops(symbol) for symbol in symbols)))
    quotes = {
        (symbol, row.venue): row
        for symbol, rows in zip(symbols, found, strict=True)
        for row in rows
        if call.principal.may_venue(row.venue)
    }
    return Market(state, quotes)


def watch_view(call: Call, trigger: Waiting, seen: Market) -> results.WatchView:
    """A trigger's quote, whether its condition holds there (None: no live quote), and what keeps it from firing now."""
    row = seen.quotes.get((trigger.symbol, trigger.venue))
    quote = None
    if row is not None:
        quote = results.quote_view(row, trigger.venue, call.now_ns(), call.settings.stale_after_ms)
    live = row if quote is not None and not quote.is_stale else None
    blocked = [
        f"{reason.name}: {reason_text(reason)}; " + (WAITS if waits else ENDS)
        for reason, waits in _obstacles(call, trigger, seen, row, live)
    ]
    return results.WatchView(
        quote=quote, condition_holds=None if live is None else holds(trigger, live), can_fire=not blocked,
        blocked_by=blocked,
    )  # fmt: skip


def holds(trigger: Waiting, row: messages.TopRow) -> bool:
    """Whether the condition is met; an empty side meets nothing."""
    price_e4 = row.bid_e4 if trigger.condition.startswith("bid") else row.ask_e4
    if not price_e4:
        return False
    if trigger.condition.endswith("above"):
        return price_e4 >= trigger.trigger_e4
    return price_e4 <= trigger.trigger_e4


def _obstacles(
    call: Call, trigger: Waiting, seen: Market, row: messages.TopRow | None, live: messages.TopRow | None
) -> list[tuple[Reason, bool]]:
    """What keeps a trigger from firing at this moment, as far as one can see without its order's size and price.

    With each whether the trigger waits for its end; else the order would be refused, and the trigger be over.
    """
    state, kill = seen.state, seen.state.kill
    session = next((venue for venue in state.venues if venue.name == trigger.venue), None)
    killed = (
        kill.firm
        or trigger.venue in kill.venues
        or trigger.symbol in kill.symbols
        or call.account in kill.accounts
        or trigger.agent in kill.agents
    )
    found = [(Reason.RECOVERING, True)] if state.recovering else []
    if killed:
        found.append((Reason.KILL_SWITCH, False))
    if not market.session_is_live(session):
        found.append((Reason.SESSION_DOWN, True))
    if row is None:
        return [*found, (Reason.QUOTE_UNAVAILABLE, True)]
    gap_open = session is not None and session.feed.gap_open
    if live is None or gap_open:
        found.append((Reason.QUOTE_STALE, gap_open))
    if row.trading_state != "T":
        found.append((Reason.HALTED, False))
    far, near = (row.ask_e4, row.bid_e4) if trigger.side == "B" else (row.bid_e4, row.ask_e4)
    if not (far if trigger.is_market else far or near or row.last_price_e4):
        found.append((Reason.NO_REFERENCE_PRICE, False))
    return found


def _is_stale(watch: results.WatchView) -> bool:
    return watch.quote is None or watch.quote.is_stale


def _heard_ns(waiting: Iterable[Waiting], seen: Market) -> int | None:
    """When the longest silent of the feeds behind the quotes was last heard (UTC ns), None without a quote."""
    rows = [seen.quotes.get((trigger.symbol, trigger.venue)) for trigger in waiting]
    return min((row.feed_heard_ns for row in rows if row is not None), default=None)


# ---- requests ----


def _order(call: Call, args: arguments.PreviewTrigger) -> dict[str, Any]:
    return {
        "account": call.account,
        "agent": call.principal.agent,
        "venue": args.venue,
        "symbol": args.symbol,
        "side": args.side[0].upper(),
        "quantity": int(args.quantity),
        "order_type": args.order_type,
        "price_e4": args.price_e4,
        "tif": args.time_in_force,
        "condition": args.condition,
        "trigger_e4": parse_e4(args.trigger_price),
    }


def _expire_ns(args: arguments.PreviewTrigger) -> int:
    # Counted once: a repeat is sent as it was stored, with this very time.
    return time.time_ns() + args.expire_after_s * 1_000_000_000


def _waiting(order: messages.OrderRow) -> Waiting:
    return Waiting(
        order.symbol, order.venue, order.agent, "B" if order.side == "B" else "S",
        bool(order.flags & ExecFlag.MARKET), order.condition, order.trigger_e4,
    )  # fmt: skip
