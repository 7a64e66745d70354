"""The bus's answers, typed (docs/reference/bus.md), and how requests are written.

Prices are integers in 1/10000 dollar, sizes integers, times UTC ns. It opens no socket.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct


class Answer(Struct, kw_only=True):
    """What every answer carries. `ok` False: the request could not be read or served; `reason` and `error` tell why."""

    id: int = 0
    ok: bool = False
    reason: int = 0
    error: str = ""
    epoch: int = 0
    time_ns: int = 0


class VenueInfo(Struct, kw_only=True):
    """A venue as `hello` tells it. Fees in millionths of a dollar a share."""

    name: str
    taker_fee_e6: int = 0
    maker_rebate_e6: int = 0
    orders: bool = False


class AgentInfo(Struct, kw_only=True):
    """An agent and its account."""

    name: str
    account: str


class StreamInfo(Struct, kw_only=True):
    """A stream and the sequence it has reached."""

    topic: str
    stream: int = 0
    seq: int = 0


class Hello(Answer, kw_only=True):
    """Who answers, and what there is. `journal_begin_ns`: orders from before are unknown to it; 0 without a journal."""

    version: str = ""
    mode: str = ""
    start_ns: int = 0
    journal_begin_ns: int = 0
    venues: list[VenueInfo] = []
    accounts: list[str] = []
    agents: list[AgentInfo] = []
    streams: list[StreamInfo] = []


class KillState(Struct, kw_only=True):
    """Which kill switches are engaged."""

    firm: bool = False
    venues: list[str] = []
    accounts: list[str] = []
    agents: list[str] = []
    symbols: list[str] = []


class FeedState(Struct, kw_only=True):
    """A venue's feed. `state`: 0 none, 1 live, 2 ended."""

    state: int = 0
    stale: bool = True
    gap_open: bool = False
    next_sequence: int = 0
    feed_heard_ns: int = 0
    messages: int = 0
    gaps_opened: int = 0
    gaps_filled: int = 0
    gaps_lost: int = 0
    messages_lost: int = 0
    duplicates: int = 0
    drop_kernel: int = 0
    line_heard_ns: list[int] = []


class SessionState(Struct, kw_only=True):
    """A venue's order session. `state`: 0 down, 1 connecting, 2 login sent, 3 replaying, 4 live, 5 ended, 6 refused."""

    state: int = 0
    next_urn: int = 0
    open_orders: int = 0
    ack_p50_ns: int = 0
    ack_p99_ns: int = 0
    acks: int = 0


class VenueState(Struct, kw_only=True):
    """Both halves of a venue."""

    name: str
    feed: FeedState = msgspec.field(default_factory=FeedState)
    orders: SessionState = msgspec.field(default_factory=SessionState)


class State(Answer, kw_only=True):
    """The answer to `state`; a `status` frame is the same without the envelope."""

    mode: str = ""
    recovering: bool = False
    kill: KillState = msgspec.field(default_factory=KillState)
    durability: str = ""
    venues: list[VenueState] = []
    streams: list[StreamInfo] = []
    journal_records: int = 0
    ring_full_events: int = 0
    orders_unlisted: int = 0


class Instrument(Struct, kw_only=True):
    """A symbol at a venue. `trading_state`: H P Q T or empty."""

    symbol: str
    venue: str
    locate: int
    round_lot: int = 0
    trading_state: str = ""
    reg_sho: str = ""


class Instruments(Answer, kw_only=True):
    """A page of symbols; `total` counts all that match."""

    total: int = 0
    instruments: list[Instrument] = []


class Top(Struct, kw_only=True):
    """Best bid and ask of a symbol at a venue, 0 = none, and the last print."""

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
    trading_state: str = ""


class Tops(Answer, kw_only=True):
    """A top for each venue that knows the symbol."""

    tops: list[Top] = []


Level = tuple[int, int, int]
"""(price_e4, shares, orders)"""


class Depth(Answer, kw_only=True):
    """Price levels, best first, and the top's fields."""

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
    trading_state: str = ""
    bids: list[Level] = []
    asks: list[Level] = []


class Trade(Struct, kw_only=True):
    """A print."""

    venue: str = ""
    price_e4: int = 0
    shares: int = 0
    resting_side: str = ""
    match_number: int = 0
    venue_ns: int = 0
    rx_ns: int = 0
    seq: int = 0


class Trades(Answer, kw_only=True):
    """Recent prints, newest first."""

    trades: list[Trade] = []


class SnapshotBook(Struct, kw_only=True):
    """A book in a snapshot; `symbol` is empty while the venue has not announced the locate."""

    symbol: str
    locate: int
    stale: bool
    bids: list[Level]
    asks: list[Level]


class Position(Struct, kw_only=True):
    """What an account holds of a symbol; costs and profit in 1/10000 dollar, before fees."""

    symbol: str
    position: int = 0
    open_cost_e4: int = 0
    realised_e4: int = 0
    bought: int = 0
    sold: int = 0


class SnapshotAnswer(Answer, kw_only=True):
    """State of a stream at `seq`: `books` for md, `orders` (exec records) and `positions` for exec.

    `complete` False: ended orders were forgotten to make room, or open ones found none (exec only).
    """

    seq: int = 0
    complete: bool = True
    books: list[SnapshotBook] = []
    orders: bytes = b""
    positions: list[Position] = []


class Replay(Answer, kw_only=True):
    """Records [first, first + count) of a stream; `oldest` is the first one still kept."""

    first: int = 0
    count: int = 0
    records: bytes = b""
    oldest: int = 0


class Order(Struct, kw_only=True):
    """An order as it is now: the exec record's fields, with names for indices."""

    seq: int = 0
    time_ns: int = 0
    venue_ns: int = 0
    order_id: int = 0
    parent_id: int = 0
    match_number: int = 0
    exchange_ref: int = 0
    cum_notional_e4: int = 0
    position: int = 0
    open_cost_e4: int = 0
    realised_e4: int = 0
    price_e4: int = 0
    quantity: int = 0
    last_price_e4: int = 0
    last_shares: int = 0
    cum_shares: int = 0
    leaves: int = 0
    urn: int = 0
    soup_seq: int = 0
    account: str = ""
    agent: str = ""
    symbol_id: int = 0
    reason: int = 0
    venue: str = ""
    kind: int = 0
    side: str = ""
    state: int = 0
    flags: int = 0
    liquidity: str = ""
    tif: str = ""
    cancel_reason: str = ""
    condition: str = ""
    trigger_e4: int = 0
    symbol: str = ""
    client_order_id: str = ""


class OrderStatus(Answer, kw_only=True):
    """One order; `ok` False with UNKNOWN_ORDER when the engine never saw the id."""

    order: Order | None = None


class Orders(Answer, kw_only=True):
    """A page of orders by rising order_id; `more`: ask again with `after` the last one's id.

    `complete` False: the engine has orders that found no place in its list, on this page or any other.
    """

    orders: list[Order] = []
    more: bool = False
    complete: bool = True


class Trigger(Struct, kw_only=True):
    """An order that waits for its condition. `expire_ns`: when it stops waiting, 0 = good for the session."""

    expire_ns: int = 0
    order: Order


class Triggers(Answer, kw_only=True):
    """A page of armed orders, as `Orders`."""

    triggers: list[Trigger] = []
    more: bool = False
    complete: bool = True


class Positions(Answer, kw_only=True):
    """An account's positions."""

    positions: list[Position] = []


class LimitsAnswer(Answer, kw_only=True):
    """Risk limits by level, with the names of `engine_config.Limits`."""

    firm: dict[str, int] = {}
    account: dict[str, int] = {}
    agent: dict[str, int] | None = None


class Quote(Struct, kw_only=True):
    """The quote a decision was based on."""

    bid_e4: int = 0
    bid_shares: int = 0
    ask_e4: int = 0
    ask_shares: int = 0
    venue_ns: int = 0
    rx_ns: int = 0


class Check(Struct, kw_only=True):
    """A risk check with its figures."""

    reason: int = 0
    passed: bool = False
    observed: int = 0
    limit: int = 0
    unit: int = 0
    level: int = 0


class Reply(Answer, kw_only=True):
    """The answer to everything that trades. `outcome`: refused, accepted, replayed, or unknown (ask for the order)."""

    outcome: str = "unknown"
    order: Order | None = None
    effective_price_e4: int = 0
    count: int = 0
    quote: Quote = msgspec.field(default_factory=Quote)
    engine_ns: int = 0
    checks: list[Check] = []


class Stats(Answer, kw_only=True):
    """Nested maps with the field names of `core.EngineStats`."""

    stats: dict[str, Any] = {}


encode = msgspec.msgpack.Encoder().encode
envelope = msgspec.msgpack.Decoder(Answer).decode


def request(number: int, op: str, fields: dict[str, Any]) -> bytes:
    """A request's bytes; fields that are None are left out."""
    return encode({"v": 1, "id": number, "op": op} | {key: value for key, value in fields.items() if value is not None})
