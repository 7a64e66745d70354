"""The bus's requests as exact structs, so that one can be stored and sent again as it was, and whose answer is whose.

No field that the engine does not know; the answers are those of fastpath.bus_messages, which tolerate new fields, since
an engine may be newer than the bridge. Prices are integers in 1/10000 dollar, sizes whole shares, times UTC ns.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from fastpath import bus_messages

Answer = bus_messages.Answer
HelloAnswer = bus_messages.Hello
StateAnswer = bus_messages.State
InstrumentsAnswer = bus_messages.Instruments
TopAnswer = bus_messages.Tops
DepthAnswer = bus_messages.Depth
TradesAnswer = bus_messages.Trades
ReplayAnswer = bus_messages.Replay
OrderAnswer = bus_messages.OrderStatus
OrdersAnswer = bus_messages.Orders
TriggersAnswer = bus_messages.Triggers
PositionsAnswer = bus_messages.Positions
LimitsAnswer = bus_messages.LimitsAnswer
ReplyAnswer = bus_messages.Reply

OrderRow = bus_messages.Order
TopRow = bus_messages.Top
Level = bus_messages.Level
Check = bus_messages.Check
QuoteUsed = bus_messages.Quote
VenueInfo = bus_messages.VenueInfo
VenueState = bus_messages.VenueState
FeedState = bus_messages.FeedState
SessionState = bus_messages.SessionState


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
    deadline_ns: int | UnsetType = UNSET


class Replace(Request, tag="replace"):
    account: str
    agent: str
    client_order_id: str
    new_client_order_id: str
    quantity: int
    price_e4: int
    max_quote_age_ms: int | UnsetType = UNSET
    reason_text: str | UnsetType = UNSET
    deadline_ns: int | UnsetType = UNSET


class TriggerRequest(OrderRequest, kw_only=True):
    """What preview_trigger and arm_trigger have in common."""

    condition: str
    trigger_e4: int
    expire_ns: int | UnsetType = UNSET


class PreviewTrigger(TriggerRequest, tag="preview_trigger"):
    pass


class ArmTrigger(TriggerRequest, tag="arm_trigger"):
    deadline_ns: int | UnsetType = UNSET


class DisarmTrigger(Request, tag="disarm_trigger"):
    account: str
    agent: str
    client_order_id: str
    reason_text: str | UnsetType = UNSET


class Triggers(Request, tag="triggers"):
    account: str
    max: int
    after: int = 0
    symbol: str | UnsetType = UNSET


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
    PreviewTrigger: ReplyAnswer,
    ArmTrigger: ReplyAnswer,
    DisarmTrigger: ReplyAnswer,
    Triggers: TriggersAnswer,
}

STORED = msgspec.msgpack.Decoder(Submit | Replace | ArmTrigger)
"""Reads back a write that was stored with its reservation."""

encode = msgspec.msgpack.Encoder().encode
decode_envelope = bus_messages.envelope
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
