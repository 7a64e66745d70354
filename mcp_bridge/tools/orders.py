"""Order tools: preview, submit, replace, cancel. Each plans one request for the engine and tells its answer.

Routing happens here, once per order: a repeat of the same id is sent as it was the first time.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from fastpath.records import ExecFlag, OrderState, Reason

from .. import arguments, results
from ..call import Call, Reading, Write
from ..engine import messages
from ..errors import RefusalError, reason_name, reason_text
from ..money import format_e4, format_e6, parse_e4
from ..routing import POLICIES, Candidate, choose, takes
from . import market
from .account import expiry, in_doubt

POLL_S = 0.002
UNWRITTEN = (
    "Done, but the engine's journal could not take it: if the engine restarts before it can, the order may be there "
    "again. Ask get_order_status after a restart, and tell the operator."
)
PENDING = ExecFlag.REPLACE_PENDING | ExecFlag.CANCEL_PENDING


async def route(call: Call, args: arguments.Order) -> tuple[messages.VenueInfo, str]:
    """The venue for an order and why.

    Raises:
        RefusalError: UNKNOWN_VENUE, FORBIDDEN_DATA or VENUE_UNAVAILABLE.
    """
    hello = await call.hello()
    venues = {venue.name: venue for venue in hello.venues}
    if args.routing not in POLICIES:
        if args.routing not in venues:
            known = [name for name in venues if call.principal.may_venue(name)]
            raise RefusalError(
                "UNKNOWN_VENUE", f"no venue or policy is named {args.routing}", suggestions=[*POLICIES, *known]
            )
        if not call.principal.may_venue(args.routing):
            raise RefusalError("FORBIDDEN_DATA", f"this key may not use the venue {args.routing}")
        return venues[args.routing], f"{args.routing}: named by the caller"
    state, tops = await asyncio.gather(call.state(), market.read_tops(call, args.symbol))
    sessions = {venue.name: venue for venue in state.venues}
    quotes = {row.venue: row for row in tops.tops}
    candidates = []
    for venue in hello.venues:
        if not call.principal.may_venue(venue.name):
            continue
        quote, session = quotes.get(venue.name), sessions.get(venue.name)
        excluded = ""
        if not venue.orders:
            excluded = "takes no orders"
        elif venue.name in state.kill.venues:
            excluded = "its kill switch is engaged"
        elif not market.session_is_live(session):
            excluded = "its order session is not live"
        elif quote is None:
            excluded = f"does not trade {args.symbol}"
        elif results.quote_view(quote, venue.name, call.now_ns(), call.settings.stale_after_ms).is_stale:
            excluded = "its quote is stale"
        candidates.append(
            Candidate(
                venue.name,
                venue.taker_fee_e6,
                venue.maker_rebate_e6,
                session.orders.ack_p50_ns if session else 0,
                quote.bid_e4 if quote else 0,
                quote.ask_e4 if quote else 0,
                excluded,
            )
        )
    chosen, why = choose(args.routing, candidates, args.side, args.price_e4)
    if chosen is None:
        raise RefusalError("VENUE_UNAVAILABLE", f"no venue can take this order: {why}", retry_after_ms=1_000)
    return venues[chosen.venue], why


async def preview_order(call: Call, args: arguments.PreviewOrder) -> Reading:
    venue, why = await route(call, args)
    request = messages.Preview(
        account=call.account,
        agent=call.principal.agent,
        venue=venue.name,
        symbol=args.symbol,
        side=args.side[0].upper(),
        quantity=int(args.quantity),
        order_type=args.order_type,
        price_e4=args.price_e4,
        tif=args.time_in_force,
        client_order_id=f"preview-{secrets.token_hex(8)}",
    )
    if args.max_quote_age_ms:
        request.max_quote_age_ms = args.max_quote_age_ms
    answer = await call.ask(request, messages.ReplyAnswer)
    quote = answer.quote
    taking = takes(args.side, args.price_e4, quote.bid_e4, quote.ask_e4)
    fee_e6 = (venue.taker_fee_e6 if taking else -venue.maker_rebate_e6) * int(args.quantity)
    passed = answer.outcome != "refused"
    price_e4 = answer.effective_price_e4 or args.price_e4
    return Reading(
        {
            "would_be_accepted": passed,
            "refusal": None if passed else f"{reason_name(answer.reason)}: {reason_text(answer.reason)}",
            "venue": venue.name,
            "routing_reason": why,
            "effective_price": format_e4(price_e4) if price_e4 else None,
            "estimated_notional": format_e4(price_e4 * int(args.quantity)) if price_e4 else None,
            "estimated_fee": format_e6(fee_e6),
            "fee_basis": "taker" if taking else "maker",
            "quote": results.used_quote(quote),
            "checks": [results.check_view(check) for check in answer.checks],
        },
        as_of_ns=answer.engine_ns or answer.time_ns,
    )


async def plan_submit(call: Call, args: arguments.SubmitOrder) -> Write:
    venue, why = await route(call, args)
    request = messages.Submit(
        account=call.account,
        agent=call.principal.agent,
        venue=venue.name,
        symbol=args.symbol,
        side=args.side[0].upper(),
        quantity=int(args.quantity),
        order_type=args.order_type,
        price_e4=args.price_e4,
        tif=args.time_in_force,
        client_order_id=args.client_order_id,
    )
    if args.max_quote_age_ms:
        request.max_quote_age_ms = args.max_quote_age_ms
    if args.reason_text:
        request.reason_text = args.reason_text
    return Write(request, why)


async def plan_replace(call: Call, args: arguments.ReplaceOrder) -> Write:
    await call.check_order(args.client_order_id)
    request = messages.Replace(
        account=call.account,
        agent=call.principal.agent,
        client_order_id=args.client_order_id,
        new_client_order_id=args.new_client_order_id,
        quantity=int(args.new_quantity),
        price_e4=parse_e4(args.new_limit_price),
    )
    if args.max_quote_age_ms:
        request.max_quote_age_ms = args.max_quote_age_ms
    if args.reason_text:
        request.reason_text = args.reason_text
    return Write(request)


async def plan_cancel(call: Call, args: arguments.CancelOrder) -> Write:
    # No limit on risk holds up a cancel; whose order it is does: what it takes away may be another's protection.
    await call.check_order(args.client_order_id)
    request = messages.Cancel(account=call.account, agent=call.principal.agent, client_order_id=args.client_order_id)
    if args.reason_text:
        request.reason_text = args.reason_text
    return Write(request)


async def plan_cancel_all(call: Call, args: arguments.CancelAll) -> Write:
    for name in call.principal.limits:  # what it names has been checked against the key already
        if not getattr(args, name):
            raise RefusalError(
                "FORBIDDEN_DATA",
                f"this key is bound to some {name}s: name one of them in {name}, since without it every order of the "
                "account would be cancelled",
            )
    request = messages.CancelAll(account=call.account, agent=call.principal.agent, reason_text=args.reason_text)
    if args.symbol:
        request.symbol = args.symbol
    if args.venue:
        request.venue = args.venue
    if args.side != "both":
        request.side = args.side[0].upper()
    return Write(request)


async def conclude_order(call: Call, write: Write, answer: messages.ReplyAnswer) -> Reading:
    """The order after its venue's first answer, or as it is when settle_ms has passed."""
    order, as_of_ns = await settled(call, answer)
    if order.state == OrderState.REJECTED:
        raise RefusalError(
            "VENUE_REJECTED",
            f"{order.venue} refused the order: {reason_name(order.reason)}: {reason_text(order.reason)}",
            outcome="rejected",
            reason=order.reason,
            order=results.order_view(order).model_dump(),
            recorded=True,
        )
    fields: dict[str, Any] = {
        "outcome": answer.outcome,
        "order": results.order_view(order, await _expiry(call, write, order)),
    }
    if write.note:
        fields["routing_reason"] = write.note
    return Reading(fields, as_of_ns=as_of_ns, sequence=order.seq, stale=in_doubt(order))


async def conclude_cancel(call: Call, write: Write, answer: messages.ReplyAnswer) -> Reading:
    if answer.outcome == "refused":
        # ORDER_NOT_LIVE: what the caller wanted is already so; the state tells how it ended.
        order = answer.order
        if order is None or not order.order_id:
            order = await _order_now(call, write)
        return Reading(
            {"outcome": "already_ended", "order": results.order_view(order)},
            as_of_ns=answer.time_ns,
            sequence=order.seq,
            stale=in_doubt(order),
        )
    order, as_of_ns = await settled(call, answer)
    return Reading(
        {"outcome": answer.outcome, "order": results.order_view(order), "next_step": unwritten(answer)},
        as_of_ns=as_of_ns,
        sequence=order.seq,
        stale=in_doubt(order),
    )


def unwritten(answer: messages.ReplyAnswer) -> str | None:
    """What to know of something taken away that the journal does not have yet."""
    return UNWRITTEN if answer.outcome != "refused" and answer.reason == Reason.JOURNAL_FAILED else None


async def conclude_disarm(call: Call, write: Write, answer: messages.ReplyAnswer) -> Reading:
    """How the trigger stands now: taken back, ended before in another way, fired, or never armed."""
    order, as_of_ns = answer.order, answer.time_ns
    if order is None or not order.order_id:
        order = await _order_now(call, write)
    outcome, next_step, ended_by = answer.outcome, unwritten(answer), results.trigger_ended_by(order)
    is_open = order.state in (OrderState.SENT, OrderState.LIVE)
    if ended_by == "fired" and is_open:
        outcome = "already_fired"
        next_step = "Its condition was met and it was sent; it may still fill. Use cancel_order to cancel the rest."
    elif not order.condition and is_open:
        outcome = "not_armed"
        next_step = "This order never waited for a trigger. Use cancel_order to cancel it."
    elif answer.outcome == "refused" or ended_by != "disarmed":
        outcome = "already_ended"
    return Reading(
        {"outcome": outcome, "order": results.order_view(order), "next_step": next_step},
        as_of_ns=as_of_ns,
        sequence=order.seq,
        stale=in_doubt(order),
    )


async def conclude_cancel_all(_call: Call, _write: Write, answer: messages.ReplyAnswer) -> Reading:
    return Reading({"orders_being_cancelled": answer.count, "next_step": unwritten(answer)}, as_of_ns=answer.time_ns)


def already_ended(answer: messages.ReplyAnswer) -> bool:
    """A cancel refused only because nothing is left to cancel."""
    return answer.reason == Reason.ORDER_NOT_LIVE


async def settled(call: Call, answer: messages.ReplyAnswer) -> tuple[messages.OrderRow, int]:
    """The answer's order and when it was so (UTC ns), read again until the venue has answered or settle_ms has passed.

    Reads only.
    """
    order, as_of_ns = answer.order or messages.OrderRow(), answer.time_ns
    loop = asyncio.get_running_loop()
    until = min(loop.time() + call.settings.settle_ms / 1000, call.deadline)
    while order.client_order_id and (order.state == OrderState.SENT or order.flags & PENDING):
        if loop.time() + POLL_S >= until:
            break
        await asyncio.sleep(POLL_S)
        try:
            found = await call.ask(
                messages.OrderStatus(account=call.account, client_order_id=order.client_order_id),
                messages.OrderAnswer,
            )
        except RefusalError:
            break  # the write stands as answered; only its newest state could not be read
        order, as_of_ns = found.order or order, found.time_ns
    return order, as_of_ns


async def _expiry(call: Call, write: Write, order: messages.OrderRow) -> int:
    """When an armed order's trigger ends unsent (UTC ns), 0 when never or not known: the write stands all the same."""
    if isinstance(write.request, messages.ArmTrigger):
        return write.request.expire_ns or 0 if order.state == OrderState.ARMED else 0
    try:
        return await expiry(call, order)
    except RefusalError:
        return 0


async def _order_now(call: Call, write: Write) -> messages.OrderRow:
    assert isinstance(write.request, messages.Cancel | messages.DisarmTrigger)
    found = await call.ask(
        messages.OrderStatus(account=call.account, client_order_id=write.request.client_order_id),
        messages.OrderAnswer,
    )
    return found.order or messages.OrderRow(client_order_id=write.request.client_order_id)
