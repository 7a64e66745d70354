"""Trigger tools: orders that wait in the engine for a price. The engine watches and fires; nothing here polls."""

from __future__ import annotations

import secrets
import time

from .. import arguments, results
from ..call import Call, Reading, Write
from ..engine import messages
from ..errors import reason_name, reason_text
from ..money import format_e4, parse_e4


async def preview_trigger(call: Call, args: arguments.PreviewTrigger) -> Reading:
    request = messages.PreviewTrigger(
        account=call.account,
        agent=call.principal.agent,
        venue=args.venue,
        symbol=args.symbol,
        side=args.side[0].upper(),
        quantity=int(args.quantity),
        order_type=args.order_type,
        price_e4=args.price_e4,
        tif="day",
        client_order_id=f"preview-{secrets.token_hex(8)}",
        condition=args.condition,
        trigger_e4=parse_e4(args.trigger_price),
    )
    answer = await call.ask(request, messages.ReplyAnswer)
    passed = answer.outcome != "refused"
    price_e4 = answer.effective_price_e4 or args.price_e4
    return Reading(
        {
            "would_be_armed": passed,
            "refusal": None if passed else f"{reason_name(answer.reason)}: {reason_text(answer.reason)}",
            "effective_price": format_e4(price_e4) if price_e4 else None,
            "checks": [results.check_view(check) for check in answer.checks],
        },
        as_of_ns=answer.engine_ns or answer.time_ns,
    )


async def plan_arm(call: Call, args: arguments.ArmTrigger) -> Write:
    request = messages.ArmTrigger(
        account=call.account,
        agent=call.principal.agent,
        venue=args.venue,
        symbol=args.symbol,
        side=args.side[0].upper(),
        quantity=int(args.quantity),
        order_type=args.order_type,
        price_e4=args.price_e4,
        tif=args.time_in_force,
        client_order_id=args.client_order_id,
        condition=args.condition,
        trigger_e4=parse_e4(args.trigger_price),
    )
    if args.expire_after_s:
        # Counted once: a repeat is sent as it was stored, with this very time.
        request.expire_ns = time.time_ns() + args.expire_after_s * 1_000_000_000
    if args.reason_text:
        request.reason_text = args.reason_text
    return Write(request)


async def plan_disarm(call: Call, args: arguments.CancelOrder) -> Write:
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
    return Reading(
        {
            "triggers": [
                results.TriggerView(
                    condition=row.order.condition,
                    trigger_price=format_e4(row.order.trigger_e4),
                    expires_utc_ns=str(row.expire_ns) if row.expire_ns else None,
                    order=results.order_view(row.order),
                )
                for row in answer.triggers
                if call.principal.may_symbol(row.order.symbol)
            ],
            "next_page_cursor": str(answer.triggers[-1].order.order_id) if answer.more and answer.triggers else None,
        },
        as_of_ns=answer.time_ns,
        sequence=max((row.order.seq for row in answer.triggers), default=None),
    )
