"""Trading state and the kill switch. An agent may stop trading; only a human, outside this bridge, starts it again."""

from __future__ import annotations

import asyncio

from .. import arguments
from ..call import Call, Reading, Write
from ..engine import messages
from ..errors import RefusalError
from . import market, orders

RELEASE = "Only a human operator can release it, outside this interface."


async def get_trading_state(call: Call, _: arguments.NoArguments) -> Reading:
    hello, state = await asyncio.gather(call.hello(), call.state())
    who, kill = call.principal, state.kill
    engaged = ["firm"] if kill.firm else []
    engaged += [f"venue {name}" for name in kill.venues if who.may_venue(name)]
    engaged += [f"symbol {name}" for name in kill.symbols if who.may_symbol(name)]
    # Other agents' and accounts' switches are not this key's business.
    engaged += [f"account {name}" for name in kill.accounts if name == who.account]
    engaged += [f"agent {name}" for name in kill.agents if name == who.agent]
    blocked = kill.firm or who.account in kill.accounts or who.agent in kill.agents
    live = [
        venue
        for venue in state.venues
        if who.may_venue(venue.name) and market.session_is_live(venue) and venue.name not in kill.venues
    ]
    return Reading(
        {
            "recovering": state.recovering,
            "new_orders_possible": not blocked and not state.recovering and bool(live),
            "kill_switches": engaged,
            "order_lists_complete": not state.orders_unlisted,
            "engine_epoch": state.epoch,
            "venues": market.venue_views(call, hello, state),
        },
        as_of_ns=state.time_ns,
    )


async def plan_kill(call: Call, args: arguments.KillSwitch) -> Write:
    own = {"agent": call.principal.agent, "account": call.account}
    target = args.target or own.get(args.scope, "")
    if args.scope == "account" and target != call.account:
        raise RefusalError("FORBIDDEN_DATA", "this key may stop its own account only")
    if args.scope == "symbol" and not call.principal.may_symbol(target):
        raise RefusalError("FORBIDDEN_DATA", f"this key may not use the symbol {target}")
    if args.scope == "venue" and not call.principal.may_venue(target):
        raise RefusalError("FORBIDDEN_DATA", f"this key may not use the venue {target}")
    request = messages.Kill(agent=call.principal.agent, scope=args.scope, reason_text=args.reason_text)
    if target:
        request.target = target
    return Write(request)


async def conclude_kill(_: Call, write: Write, answer: messages.ReplyAnswer) -> Reading:
    assert isinstance(write.request, messages.Kill)
    target = write.request.target
    return Reading(
        {
            "scope": write.request.scope,
            "target": target if isinstance(target, str) else None,
            "orders_being_cancelled": answer.count,
            "release": RELEASE,
            "next_step": orders.unwritten(answer),
        },
        as_of_ns=answer.time_ns,
    )
