"""Account tools: orders, positions, fills, limits of the key's own account. They only read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastpath.records import EXEC_DTYPE, ExecFlag, ExecKind, OrderState, Reason

from .. import arguments, results
from ..call import Call, Reading
from ..engine import messages
from ..ledger import Held
from ..money import average_e4, format_e4

UNPROVEN_NS = 5_000_000_000
"""How long after a write without an answer the engine's 'never heard of it' is not yet proof."""

RECEIPTS = {
    "RECEIVED": "The engine holds this order; its state is below.",
    "NOT_RECEIVED": "Proven: the engine never accepted this id. Submitting it is safe.",
    "UNPROVEN": "A write with this id is still under way. Ask again in a second.",
    "NO_LONGER_HELD": "Accepted earlier; the engine's present journal does not have it. It may have traded: do not "
    "submit it again under a new id before a person has looked.",
}
NEVER_PROVEN = (
    "Sent earlier without an answer, before the engine began its present journal, which does not have it. It may have "
    "been accepted and have traded: do not submit it again, under any id, before a person has looked."
)

REPLAY_MAX = 4_096


async def get_order_status(call: Call, args: arguments.OrderStatus) -> Reading:
    # Looked up before asking: a write that ends in between makes the answer less certain, never more.
    written, now_ns = call.written(args.client_order_id), call.now_ns()
    answer = await call.ask(
        messages.OrderStatus(account=call.account, client_order_id=args.client_order_id),
        messages.OrderAnswer,
        allow=(Reason.UNKNOWN_ORDER,),
    )
    if answer.order is not None and answer.ok:
        order = answer.order
        hidden = not call.principal.may_order(order.symbol, order.venue)
        meaning = "The order's symbol or venue is beyond this key's rights." if hidden else RECEIPTS["RECEIVED"]
        view = None if hidden else results.order_view(order, await expiry(call, order))
        return Reading(
            {"receipt": "RECEIVED", "meaning": meaning, "order": view},
            as_of_ns=answer.time_ns,
            sequence=order.seq,
            stale=in_doubt(order),
        )
    receipt, meaning = await _not_held(call, written, now_ns)
    return Reading({"receipt": receipt, "meaning": meaning, "order": None}, as_of_ns=answer.time_ns)


async def _not_held(call: Call, written: Held | None, asked_ns: int) -> tuple[str, str]:
    """What it means that the engine does not know an id, with what this bridge remembers of it."""
    receipt = "NOT_RECEIVED"
    if written is not None and written.status == "accepted":
        receipt = "NO_LONGER_HELD"
    elif written is not None and written.status in ("open", "unknown"):
        if asked_ns - written.time_ns < UNPROVEN_NS:
            receipt = "UNPROVEN"
        elif written.time_ns < await call.journal_begin_ns():
            return "NO_LONGER_HELD", NEVER_PROVEN
    return receipt, RECEIPTS[receipt]


async def expiry(call: Call, order: messages.OrderRow) -> int:
    """When an armed order's trigger ends unsent (UTC ns), 0 when never or when it does not wait any more."""
    if order.state != OrderState.ARMED or not order.order_id:
        return 0
    page = messages.Triggers(account=call.account, max=1, after=order.order_id - 1)
    found = await call.ask(page, messages.TriggersAnswer)
    return next((row.expire_ns for row in found.triggers if row.order.order_id == order.order_id), 0)


async def list_open_orders(call: Call, args: arguments.OpenOrders) -> Reading:
    request = messages.Orders(account=call.account, open=True, max=args.max_orders, after=int(args.page_cursor or "0"))
    if args.symbol:
        request.symbol = args.symbol
    answer = await call.ask(request, messages.OrdersAnswer)
    visible = [row for row in answer.orders if call.principal.may_order(row.symbol, row.venue)]
    cursor = str(answer.orders[-1].order_id) if answer.more and answer.orders else None
    return Reading(
        {
            "orders": [results.order_view(row) for row in visible],
            "next_page_cursor": cursor,
            "complete": answer.complete,
        },
        as_of_ns=answer.time_ns,
        sequence=max((row.seq for row in answer.orders), default=None),
        stale=any(in_doubt(row) for row in visible),
    )


async def list_positions(call: Call, args: arguments.Positions) -> Reading:
    answer = await call.ask(messages.Positions(account=call.account), messages.PositionsAnswer)
    views = [
        results.PositionView(
            symbol=row.symbol,
            quantity=str(row.position),
            open_cost=format_e4(row.open_cost_e4),
            average_price=average_e4(row.open_cost_e4, row.position),
            realised_profit=format_e4(row.realised_e4),
            bought=str(row.bought),
            sold=str(row.sold),
        )
        for row in answer.positions
        if call.principal.may_symbol(row.symbol) and args.symbol in ("", row.symbol)
    ]
    return Reading({"account": call.account, "positions": views}, as_of_ns=answer.time_ns)


async def list_fills(call: Call, args: arguments.Fills) -> Reading:
    topic = f"exec.{call.account}"
    state = await call.state()
    last = next((stream.seq for stream in state.streams if stream.topic == topic), 0)
    views: list[results.FillView] = []
    names = [venue.name for venue in (await call.hello()).venues]
    upper, oldest, as_of_ns = last, 1, state.time_ns
    while upper >= max(1, oldest) and len(views) < args.max_fills:
        lower = max(1, oldest, upper - REPLAY_MAX + 1)
        answer = await call.ask(
            messages.Replay(topic=topic, epoch=state.epoch, first=lower, last=upper), messages.ReplayAnswer
        )
        oldest, as_of_ns = max(1, answer.oldest), answer.time_ns
        records = np.frombuffer(answer.records, dtype=EXEC_DTYPE)
        for record in records[::-1]:
            symbol = record["symbol"].decode("ascii").strip()
            if record["kind"] != ExecKind.FILL:
                continue
            if not call.principal.may_order(symbol, _venue_name(names, int(record["venue"]))):
                continue
            if args.symbol in ("", symbol) and len(views) < args.max_fills:
                views.append(_fill_view(record, symbol, names))
        if not len(records):
            break
        upper = int(records[0]["seq"]) - 1
    return Reading({"fills": views, "complete": oldest <= 1 and upper < 1}, as_of_ns=as_of_ns, sequence=last)


def _venue_name(venues: list[str], index: int) -> str:
    return venues[index] if index < len(venues) else f"venue {index}"


def _fill_view(record: np.void, symbol: str, venues: list[str]) -> results.FillView:
    return results.FillView(
        client_order_id=record["client_order_id"].decode("ascii"),
        symbol=symbol,
        side=results.SIDES.get(record["side"].decode("ascii"), "unknown"),
        venue=_venue_name(venues, int(record["venue"])),
        price=format_e4(int(record["last_price_e4"])),
        quantity=str(int(record["last_shares"])),
        match_number=str(int(record["match_number"])),
        time_utc_ns=str(int(record["time_ns"])),
    )


async def get_risk_limits(call: Call, _: arguments.NoArguments) -> Reading:
    answer = await call.ask(messages.Limits(account=call.account, agent=call.principal.agent), messages.LimitsAnswer)
    levels = {"firm": answer.firm, "account": answer.account, "agent": answer.agent or {}}
    names = list(dict.fromkeys(name for level in levels.values() for name in level))
    return Reading(
        {"account": call.account, "limits": [_limit_view(name, levels) for name in names]},
        as_of_ns=answer.time_ns,
    )


def _limit_view(name: str, levels: dict[str, dict[str, int]]) -> results.LimitView:
    shown, unit = name, "count"
    show: Callable[[int], str] = str
    if name.endswith("_e4"):
        shown, unit, show = name.removesuffix("_e4"), "dollars", format_e4
    elif name.endswith(("_bps", "_ms")):
        unit = name.rpartition("_")[2]
    elif name.endswith("_per_s"):
        unit = "orders a second"
    elif name in ("max_position", "max_order_quantity"):
        unit = "shares"
    figures = {level: show(values[name]) if name in values else None for level, values in levels.items()}
    return results.LimitView(name=shown, unit=unit, **figures)


def in_doubt(order: messages.OrderRow) -> bool:
    """Whether the order's last step is unknown since a lost session."""
    return bool(order.flags & ExecFlag.IN_DOUBT)
