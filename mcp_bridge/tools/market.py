"""Market data tools: instruments, quotes, depth, trades, venues. They only read."""

from __future__ import annotations

import asyncio

from .. import arguments, results
from ..call import Call, Reading
from ..engine import messages
from ..errors import UNKNOWN_SYMBOL_REASONS, RefusalError
from ..money import format_e4, format_e6

FEED_STATES = {0: "none", 1: "live", 2: "ended"}
SESSION_STATES = {0: "down", 1: "connecting", 2: "login_sent", 3: "replaying", 4: "live", 5: "ended"}
AGGRESSORS = {"B": "sell", "S": "buy"}


async def find_instrument(call: Call, args: arguments.FindInstrument) -> Reading:
    query = args.query.upper()
    found: dict[str, list[results.InstrumentVenue]] = {}
    offset, more, answer = 0, True, messages.InstrumentsAnswer()
    # Pages are read until enough visible symbols are together; a key's globs may hide most of a page.
    while more and len(found) <= args.max_results:
        answer = await call.ask(messages.Instruments(query=query, offset=offset), messages.InstrumentsAnswer)
        for item in answer.instruments:
            if call.principal.may_symbol(item.symbol) and call.principal.may_venue(item.venue):
                found.setdefault(item.symbol, []).append(
                    results.InstrumentVenue(
                        venue=item.venue,
                        round_lot=str(item.round_lot),
                        trading_state=results.trading_state(item.trading_state),
                    )
                )
        offset += len(answer.instruments)
        more = bool(answer.instruments) and offset < answer.total
    names = sorted(found)
    return Reading(
        {
            "instruments": [
                results.InstrumentView(symbol=name, venues=found[name]) for name in names[: args.max_results]
            ],
            "more": more or len(names) > args.max_results,
        },
        as_of_ns=answer.time_ns,
    )


async def get_top_of_book(call: Call, args: arguments.TopOfBook) -> Reading:
    tops = await read_tops(call, args.symbol, args.venue)
    now_ns = call.now_ns()
    quotes = [results.quote_view(row, args.venue, now_ns, call.settings.stale_after_ms) for row in tops.tops]
    live = [row for row, view in zip(tops.tops, quotes, strict=True) if not view.is_stale]
    bids = [row for row in live if row.bid_e4]
    asks = [row for row in live if row.ask_e4]
    return Reading(
        {
            "symbol": args.symbol,
            "quotes": quotes,
            # Only live quotes may be called best.
            "best_bid_venue": max(bids, key=lambda row: row.bid_e4).venue if bids else None,
            "best_ask_venue": min(asks, key=lambda row: row.ask_e4).venue if asks else None,
        },
        as_of_ns=tops.time_ns,
        sequence=max(row.seq for row in tops.tops),
        feed_heard_ns=min(row.feed_heard_ns for row in tops.tops),
        stale=any(view.is_stale for view in quotes),
    )


async def get_order_book_depth(call: Call, args: arguments.Depth) -> Reading:
    answer = await call.ask(
        messages.Depth(symbol=args.symbol, venue=args.venue, levels=args.max_levels),
        messages.DepthAnswer,
        allow=UNKNOWN_SYMBOL_REASONS,
    )
    if not answer.ok:
        raise await unknown_symbol(call, args.symbol)
    top = messages.TopRow(**{name: getattr(answer, name) for name in messages.TopRow.__struct_fields__})
    quote = results.quote_view(top, args.venue, call.now_ns(), call.settings.stale_after_ms)
    return Reading(
        {
            "symbol": args.symbol,
            "quote": quote,
            "bids": [results.level_view(level) for level in answer.bids],
            "asks": [results.level_view(level) for level in answer.asks],
        },
        as_of_ns=answer.time_ns,
        sequence=answer.seq,
        feed_heard_ns=answer.feed_heard_ns,
        stale=quote.is_stale,
    )


async def get_recent_trades(call: Call, args: arguments.RecentTrades) -> Reading:
    request = messages.Trades(symbol=args.symbol, max=args.max_trades)
    if args.venue:
        request.venue = args.venue
    answer, tops = await asyncio.gather(
        call.ask(request, messages.TradesAnswer, allow=UNKNOWN_SYMBOL_REASONS),
        read_tops(call, args.symbol, args.venue),
    )
    rows = [row for row in answer.trades if call.principal.may_venue(row.venue)]
    return Reading(
        {
            "symbol": args.symbol,
            "trades": [
                results.TradeView(
                    venue=row.venue,
                    price=format_e4(row.price_e4),
                    quantity=str(row.shares),
                    aggressor=AGGRESSORS.get(row.resting_side, "unknown"),
                    match_number=str(row.match_number),
                    venue_time_utc_ns=str(row.venue_ns),
                )
                for row in rows
            ],
        },
        as_of_ns=answer.time_ns or tops.time_ns,
        sequence=max((row.seq for row in rows), default=None),
        feed_heard_ns=min(row.feed_heard_ns for row in tops.tops),
        stale=any(row.stale for row in tops.tops),
    )


async def list_venues(call: Call, _: arguments.NoArguments) -> Reading:
    hello, state = await asyncio.gather(call.hello(), call.state())
    return Reading(
        {"venues": venue_views(call, hello, state)},
        as_of_ns=state.time_ns,
    )


def venue_views(call: Call, hello: messages.HelloAnswer, state: messages.StateAnswer) -> list[results.VenueView]:
    """Every venue that the key may use, with fees and measured figures."""
    now_ns = call.now_ns()
    states = {venue.name: venue for venue in state.venues}
    views = []
    for venue in hello.venues:
        if not call.principal.may_venue(venue.name):
            continue
        seen = states.get(venue.name, messages.VenueState(name=venue.name))
        feed, session = seen.feed, seen.orders
        age = results.age_ms(feed.feed_heard_ns, now_ns)
        measured = session.acks > 0
        views.append(
            results.VenueView(
                venue=venue.name,
                taker_fee_per_share=format_e6(venue.taker_fee_e6),
                maker_rebate_per_share=format_e6(venue.maker_rebate_e6),
                takes_orders=venue.orders,
                order_session=_state_name(session.state, SESSION_STATES),
                ack_p50_us=round(session.ack_p50_ns / 1000, 1) if measured else None,
                ack_p99_us=round(session.ack_p99_ns / 1000, 1) if measured else None,
                acks_measured=session.acks,
                open_orders=session.open_orders,
                feed=_state_name(feed.state, FEED_STATES),
                feed_is_stale=feed.stale or age is None or age > call.settings.stale_after_ms,
                feed_gap_open=feed.gap_open,
                feed_age_ms=age,
            )
        )
    return views


def session_is_live(state: messages.VenueState | None) -> bool:
    """Whether the venue's order session is logged in."""
    return state is not None and _state_name(state.orders.state, SESSION_STATES) == "live"


def _state_name(value: int, names: dict[int, str]) -> str:
    return names.get(value, str(value))


async def read_tops(call: Call, symbol: str, venue: str = "") -> messages.TopAnswer:
    """The symbol's top of book at each venue the key may use, at least one.

    Raises:
        RefusalError: UNKNOWN_SYMBOL with suggestions.
    """
    request = messages.Top(symbol=symbol)
    if venue:
        request.venue = venue
    answer = await call.ask(request, messages.TopAnswer, allow=UNKNOWN_SYMBOL_REASONS)
    answer.tops = [row for row in answer.tops if call.principal.may_venue(row.venue)]
    if not answer.ok or not answer.tops:
        raise await unknown_symbol(call, symbol)
    return answer


async def unknown_symbol(call: Call, symbol: str) -> RefusalError:
    return RefusalError(
        "UNKNOWN_SYMBOL",
        f"no venue you may use has announced {symbol}; search with find_instrument",
        suggestions=await call.suggest_symbols(symbol),
    )
