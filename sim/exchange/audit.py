"""What the exchange knows of a user's orders, folded from the messages it sent that user.

An independent reader for tests and audits: it looks only at the sequenced stream, not at
the matching core's memory, so it says what a client that missed nothing must know too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fastpath.wire_layout import OUCH_OUT_DTYPES

OrderState = Literal["live", "filled", "canceled", "rejected", "replaced"]
_USER_REF_INDEX_TAG = 28
#: Types whose two appendage length bytes may be missing all the same.
_MINIMUM_APPENDED = 2


@dataclass(slots=True)
class OrderRecord:
    """One order as the exchange answered for it.

    Quantities are shares, prices 1/10000 dollar, times ns since New York midnight.
    """

    user_ref_num: int
    user_ref_index: int
    client_order_id: str
    symbol: str
    side: str
    quantity: int
    price_e4: int
    time_in_force: str
    order_reference_number: int
    accepted_ns: int
    executed: int = 0
    leaves: int = 0
    state: OrderState = "live"
    reject_reason: int = 0
    cancel_reason: str = ""
    #: the order this one replaced, 0 = none
    replaces: int = 0


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """One execution of a user's order."""

    user_ref_num: int
    user_ref_index: int
    symbol: str
    side: str
    quantity: int
    price_e4: int
    liquidity: str
    match_number: int
    time_ns: int


def split_blocks(data: bytes) -> list[bytes]:
    """Messages of u16 big-endian length + bytes. ValueError when the bytes do not tile."""
    messages, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise ValueError("message blocks do not tile")
        messages.append(data[at + 2 : end])
        at = end
    return messages


def user_ref_index(message: bytes, fixed_length: int) -> int:
    """The UserRefIdx element after an OUCH message's fixed part, 0 when there is none."""
    at = fixed_length + _MINIMUM_APPENDED
    while at + 2 <= len(message):
        size = message[at] + 1
        if message[at + 1] == _USER_REF_INDEX_TAG and size == 3 and at + size <= len(message):
            return message[at + 2]
        at += size
    return 0


def _text(value: object) -> str:
    return bytes(value).decode("latin-1").rstrip()  # type: ignore[call-overload, no-any-return]


def fold(messages: Iterable[bytes]) -> tuple[list[OrderRecord], list[TradeRecord]]:
    """Orders in the order of their first answer, and executions in sequence.

    KeyError for an answer to an order that was never accepted: the stream would be wrong.
    """
    orders: dict[tuple[int, int], OrderRecord] = {}
    trades: list[TradeRecord] = []
    for message in messages:
        kind = message[:1]
        dtype = OUCH_OUT_DTYPES[kind]
        row = np.frombuffer(message, dtype, count=1)[0]
        index = user_ref_index(message, dtype.itemsize)
        if kind in b"SXGKQ":
            continue
        urn = int(row["user_ref_num"])
        if kind in b"AU":
            order = OrderRecord(
                user_ref_num=urn,
                user_ref_index=index,
                client_order_id=_text(row["cl_ord_id"]),
                symbol=_text(row["symbol"]),
                side=_text(row["side"]),
                quantity=int(row["quantity"]),
                price_e4=int(row["price_e4"]),
                time_in_force=_text(row["time_in_force"]),
                order_reference_number=int(row["order_reference_number"]),
                accepted_ns=int(row["timestamp_ns"]),
                leaves=int(row["quantity"]),
            )
            if kind == b"U":
                old = orders[index, int(row["orig_user_ref_num"])]
                order.replaces, order.executed = old.user_ref_num, old.executed
                order.quantity += old.executed
                old.state, old.leaves = "replaced", 0
            if _text(row["order_state"]) == "D":
                order.state, order.leaves = "canceled", 0
            orders[index, urn] = order
        elif kind == b"J":
            # A rejected Replace leaves its original alone; a rejected Enter is an order that never was.
            orders[index, urn] = OrderRecord(
                urn,
                index,
                _text(row["cl_ord_id"]),
                "",
                "",
                0,
                0,
                "",
                0,
                int(row["timestamp_ns"]),
                state="rejected",
                reject_reason=int(row["reason"]),
            )
        elif kind == b"E":
            order = orders[index, urn]
            order.executed += int(row["quantity"])
            order.leaves -= int(row["quantity"])
            if order.leaves == 0:
                order.state = "filled"
            trades.append(
                TradeRecord(
                    urn,
                    index,
                    order.symbol,
                    order.side,
                    int(row["quantity"]),
                    int(row["price_e4"]),
                    _text(row["liquidity_flag"]),
                    int(row["match_number"]),
                    int(row["timestamp_ns"]),
                )
            )
        elif kind in b"CD":
            order = orders[index, urn]
            order.leaves -= int(row["quantity"] if kind == b"C" else row["decrement_shares"])
            order.cancel_reason = _text(row["reason"])
            if order.leaves == 0:
                order.state = "canceled"
        elif kind == b"M":
            order = orders[index, urn]
            order.side, order.leaves = _text(row["side"]), int(row["quantity"])
    return list(orders.values()), trades
