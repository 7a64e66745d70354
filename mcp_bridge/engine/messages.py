"""The bus's requests and answers, typed: docs/reference/bus.md in msgspec structs.

Requests are exact (no field the engine does not know); answers tolerate new fields, since an engine may be
newer than the bridge. Prices are integers in 1/10000 dollar, sizes whole shares, times UTC ns.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

Level = tuple[int, int, int]
"""price_e4, shares, orders of one price level."""


class Request(Struct, tag_field="op", kw_only=True, forbid_unknown_fields=True):
    """What every request carries; `id` is set by the port."""

    v: int = 1
    id: int = 0


class Hello(Request, tag="hello"):
    pass


class State(Request, tag="state"):
    pass


class Instruments(Request, tag="instruments"):
    query: str = ""
    offset: int = 0
    max: int = 500
    venue: str | UnsetType = UNSET


class Top(Request, tag="top"):
    symbol: str
    venue: str | UnsetType = UNSET


class Depth(Request, tag="depth"):
    symbol: str
    venue: str
    levels: int


class Trades(Request, tag="trades"):
    symbol: str
    max: int
    venue: str | UnsetType = UNSET


class Replay(Request, tag="replay"):
    topic: str
    epoch: int
    first: int = msgspec.field(name="from")
    last: int = msgspec.field(name="to")


class OrderStatus(Request, tag="order"):
    account: str
    client_order_id: str


class Orders(Request, tag="orders"):
    account: str
    open: bool
    max: int
    after: int = 0
    symbol: str | UnsetType = UNSET


class Positions(Request, tag="positions"):
    account: str


class Limits(Request, tag="limits"):
    account: str
    agent: str | UnsetType = UNSET


class OrderRequest(Request):
    """What preview and submit have in common."""

    account: str
    agent: str
    venue: str
    symbol: str
    side: str
    quantity: int
    order_type: str
    price_e4: int
    tif: str
    client_order_id: str
    max_quote_age_ms: int | UnsetType = UNSET
    reason_text: str | UnsetType = UNSET


class Preview(OrderRequest, tag="preview"):
    pass


class Submit(OrderRequest, tag="submit"):
    pass


class Replace(Request, tag="replace"):
    account: str
    agent: str
    client_order_id: str
    new_client_order_id: str
    quantity: int
    price_e4: int
    max_quote_age_ms: int | UnsetType = UNSET
    reason_text: str | UnsetType = UNSET


class Cancel(Request, tag="cancel"):
    account: str
    agent: str
    client_order_id: str
    reason_text: str | UnsetType = UNSET


class CancelAll(Request, tag="cancel_all"):
    account: str
    agent: str
    symbol: str | UnsetType = UNSET
    venue: str | UnsetType = UNSET
    side: str | UnsetType = UNSET
    reason_text: str | UnsetType = UNSET


class Kill(Request, tag="kill"):
    agent: str
    scope: str
    reason_text: str
    target: str | UnsetType = UNSET


class Answer(Struct, kw_only=True):
    """What every answer carries. `ok` false: the request could not be read or served."""

    v: int = 1
    id: int = 0
    ok: bool = False
    reason: int = 0
    error: str = ""
    epoch: int = 0
    time_ns: int = 0


class VenueInfo(Struct, kw_only=True):
    name: str
    taker_fee_e6: int = 0
    maker_rebate_e6: int = 0
    orders: bool = False


class StreamInfo(Struct, kw_only=True):
    topic: str
    stream: int = 0
    seq: int = 0


class HelloAnswer(Answer, kw_only=True):
    version: str = ""
    mode: str = ""
    start_ns: int = 0
    venues: list[VenueInfo] = []
    streams: list[StreamInfo] = []


class KillState(Struct, kw_only=True):
    firm: bool = False
    venues: list[str] = []
    accounts: list[str] = []
    agents: list[str] = []
    symbols: list[str] = []


class FeedState(Struct, kw_only=True):
    state: int | str = 0
    stale: bool = True
    gap_open: bool = False
    feed_heard_ns: int = 0
    messages: int = 0
    gaps_opened: int = 0
    gaps_filled: int = 0
    gaps_lost: int = 0


class SessionState(Struct, kw_only=True):
    state: int | str = 0
    open_orders: int = 0
    ack_p50_ns: int = 0
    ack_p99_ns: int = 0
    acks: int = 0


class VenueState(Struct, kw_only=True):
    name: str
    feed: FeedState | None = None
    orders: SessionState | None = None


class StateAnswer(Answer, kw_only=True):
    mode: str = ""
    recovering: bool = False
    kill: KillState = msgspec.field(default_factory=KillState)
    durability: int | str = ""
    venues: list[VenueState] = []
    streams: list[StreamInfo] = []


class Instrument(Struct, kw_only=True):
    symbol: str
    venue: str
    round_lot: int = 0
    trading_state: int | str = ""
    reg_sho: int | str = ""


class InstrumentsAnswer(Answer, kw_only=True):
    total: int = 0
    instruments: list[Instrument] = []


class TopRow(Struct, kw_only=True):
    venue: str = ""
    bid_e4: int = 0
    bid_shares: int = 0
    ask_e4: int = 0
    ask_shares: int = 0
    last_price_e4: int = 0
    last_shares: int = 0
    last_ns: int = 0
    seq: int = 0
    venue_ns: int = 0
    rx_ns: int = 0
    feed_heard_ns: int = 0
    stale: bool = True
    trading_state: int | str = ""


class TopAnswer(Answer, kw_only=True):
    tops: list[TopRow] = []


class DepthAnswer(Answer, kw_only=True):
    """One top row and the levels; msgspec structs cannot inherit from two, so the row's fields stand here again."""

    venue: str = ""
    bid_e4: int = 0
    bid_shares: int = 0
    ask_e4: int = 0
    ask_shares: int = 0
    last_price_e4: int = 0
    last_shares: int = 0
    last_ns: int = 0
    seq: int = 0
    venue_ns: int = 0
    rx_ns: int = 0
    feed_heard_ns: int = 0
    stale: bool = True
    trading_state: int | str = ""
    bids: list[Level] = []
    asks: list[Level] = []

    def top(self) -> TopRow:
        """The top-of-book part."""
        return TopRow(**{name: getattr(self, name) for name in TopRow.__struct_fields__})


class TradeRow(Struct, kw_only=True):
    venue: str = ""
    price_e4: int
    shares: int
    resting_side: str = ""
    match_number: int = 0
    venue_ns: int = 0
    rx_ns: int = 0
    seq: int = 0


class TradesAnswer(Answer, kw_only=True):
    trades: list[TradeRow] = []


class ReplayAnswer(Answer, kw_only=True):
    first: int = 0
    count: int = 0
    records: bytes = b""
    oldest: int = 0


class OrderRow(Struct, kw_only=True):
    """An order as it is now: the exec record's fields, with names instead of indices."""

    seq: int = 0
    time_ns: int = 0
    venue_ns: int = 0
    order_id: int = 0
    parent_id: int = 0
    exchange_ref: int = 0
    cum_notional_e4: int = 0
    position: int = 0
    price_e4: int = 0
    quantity: int = 0
    last_price_e4: int = 0
    last_shares: int = 0
    cum_shares: int = 0
    leaves: int = 0
    account: str = ""
    agent: str = ""
    reason: int = 0
    venue: str = ""
    kind: int = 0
    side: str = ""
    state: int = 0
    flags: int = 0
    tif: str = ""
    symbol: str = ""
    client_order_id: str = ""


class OrderAnswer(Answer, kw_only=True):
    order: OrderRow | None = None


class OrdersAnswer(Answer, kw_only=True):
    orders: list[OrderRow] = []
    more: bool = False


class PositionRow(Struct, kw_only=True):
    symbol: str
    position: int = 0
    open_cost_e4: int = 0
    realised_e4: int = 0
    bought: int = 0
    sold: int = 0


class PositionsAnswer(Answer, kw_only=True):
    positions: list[PositionRow] = []


class LimitsAnswer(Answer, kw_only=True):
    firm: dict[str, int] = {}
    account: dict[str, int] = {}
    agent: dict[str, int] | None = None


class QuoteUsed(Struct, kw_only=True):
    bid_e4: int = 0
    bid_shares: int = 0
    ask_e4: int = 0
    ask_shares: int = 0
    venue_ns: int = 0
    rx_ns: int = 0


class Check(Struct, kw_only=True):
    reason: int = 0
    passed: bool = False
    observed: int = 0
    limit: int = 0
    unit: int | str = 0
    level: int | str = 0


class ReplyAnswer(Answer, kw_only=True):
    """The answer to everything that trades: what happened, and every check with its figures."""

    outcome: str = ""
    order: OrderRow | None = None
    effective_price_e4: int = 0
    count: int = 0
    quote: QuoteUsed | None = None
    engine_ns: int = 0
    checks: list[Check] = []


ANSWERS: dict[type[Request], type[Answer]] = {
    Hello: HelloAnswer,
    State: StateAnswer,
    Instruments: InstrumentsAnswer,
    Top: TopAnswer,
    Depth: DepthAnswer,
    Trades: TradesAnswer,
    Replay: ReplayAnswer,
    OrderStatus: OrderAnswer,
    Orders: OrdersAnswer,
    Positions: PositionsAnswer,
    Limits: LimitsAnswer,
    Preview: ReplyAnswer,
    Submit: ReplyAnswer,
    Replace: ReplyAnswer,
    Cancel: ReplyAnswer,
    CancelAll: ReplyAnswer,
    Kill: ReplyAnswer,
}

STORED = msgspec.msgpack.Decoder(Submit | Replace)
"""Reads back a write that was stored with its reservation."""

encode = msgspec.msgpack.Encoder().encode
decode_envelope = msgspec.msgpack.Decoder(Answer).decode
_DECODERS: dict[type[Request], msgspec.msgpack.Decoder[Any]] = {
    request: msgspec.msgpack.Decoder(answer) for request, answer in ANSWERS.items()
}


def decode_answer(request: type[Request], frame: bytes) -> Answer:
    """The typed answer to a request.

    Raises:
        msgspec.MsgspecError: the frame is not such an answer.
    """
    answer: Answer = _DECODERS[request].decode(frame)
    return answer
