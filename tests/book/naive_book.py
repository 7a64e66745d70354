"""A naive order book for the tests: dictionaries, no speed, nothing shared with the core.

It reads raw ITCH 5.0 bytes with `struct` and its own offsets, and says what the core
must say: the event records byte for byte, the BBO, the depth, the counters. Prices are
1/10000 dollar, times nanoseconds. It never imports from `fastpath`.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass, field

LENGTHS = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40,
    "E": 31, "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
}
BOOK_TYPES = "AFECXDU"
EVENT = struct.Struct("<QQQQIIIIIIHBBHH")
PRICE_MAX = 1_999_999_900
SIDE_LEVELS_MAX = 8192
U32_MAX = 0xFFFFFFFF
Bbo = tuple[int, int, int, int]  # bid price and shares, ask price and shares; zeros where a side is empty

CHANGED, STALE, OVERFLOW, SELL, MORE = 1, 2, 4, 16, 32
NON_PRINTABLE, UNKNOWN_REF, CROSSED, HALTED = 128, 256, 512, 1024
KIND_STALE, KIND_TABLE_FULL, KIND_TRADE = 131, 136, ord("T")
TRUNCATED, UNKNOWN_TYPE, BAD_LENGTH, BAD_FIELD, DUPLICATE = -1, -3, -4, -5, -13


def u16(message: bytes, offset: int) -> int:
    return int.from_bytes(message[offset : offset + 2], "big")


def u32(message: bytes, offset: int) -> int:
    return int.from_bytes(message[offset : offset + 4], "big")


def u64(message: bytes, offset: int) -> int:
    return int.from_bytes(message[offset : offset + 8], "big")


@dataclass
class Order:
    locate: int
    side: str
    price: int
    shares: int


@dataclass
class Symbol:
    # side: price: [shares, orders]
    sides: dict[str, dict[int, list[int]]] = field(default_factory=lambda: {"B": {}, "S": {}})
    announced: bool = False
    stale: bool = False
    state: str = "\0"
    halted_by: set[str] = field(default_factory=set)
    venue_ns: int = 0
    rx_ns: int = 0
    last: tuple[int, int, int] = (0, 0, 0)  # price, shares, time

    def bbo(self) -> Bbo:
        bid = max(self.sides["B"], default=0)
        ask = min(self.sides["S"], default=0)
        return bid, self.sides["B"].get(bid, [0])[0], ask, self.sides["S"].get(ask, [0])[0]

    def depth(self, side: str) -> list[tuple[int, int, int]]:
        """(shares, price, orders), best first."""
        return [(v[0], p, v[1]) for p, v in sorted(self.sides[side].items(), reverse=side == "B")]


class NaiveBook:
    """Books of one venue; `apply` returns what fp_book_apply must return, and the records."""

    def __init__(self, max_orders: int, max_levels: int, venue: int, midnight_ns: int) -> None:
        self.max_orders, self.max_levels, self.venue, self.midnight_ns = max_orders, max_levels, venue, midnight_ns
        self.orders: dict[int, Order] = {}
        self.symbols: dict[int, Symbol] = {}
        self.stats: Counter[str] = Counter()
        self.peak = 0

    def symbol(self, locate: int) -> Symbol:
        return self.symbols.setdefault(locate, Symbol())

    # ---- records

    def record(
        self, kind: int, ref: int, price: int, shares: int, flags: int, bbo: Bbo, locate: int | None = None
    ) -> bytes:
        locate = self.locate if locate is None else locate
        symbol = self.symbol(locate)
        bid, bid_shares, ask, ask_shares = bbo
        flags |= STALE * symbol.stale
        if not (chr(kind) in "SVW" and kind < 128) and (symbol.state != "T" or symbol.halted_by):
            flags |= HALTED
        if bid and ask and bid >= ask:
            flags |= CROSSED
        if max(bid_shares, ask_shares) > U32_MAX:
            flags |= OVERFLOW
        return EVENT.pack(
            0, self.venue_ns, self.rx_ns, ref, price, shares,
            bid, min(bid_shares, U32_MAX), ask, min(ask_shares, U32_MAX), locate, self.venue, kind, flags, 0,
        )

    def refuse_stale(self, counter: str, error: int, ref: int, shares: int) -> tuple[int, list[bytes]]:
        self.stats[counter] += 1
        symbol = self.symbol(self.locate)
        symbol.stale = True
        return 1, [self.record(KIND_STALE, ref, -error, shares, 0, symbol.bbo())]

    def refuse(self, counter: str, error: int) -> tuple[int, list[bytes]]:
        self.stats[counter] += 1
        return error, []

    # ---- the book itself

    def room_for(self, symbol: Symbol, side: str, price: int) -> bool:
        if price in symbol.sides[side]:
            return True
        total = sum(len(levels) for s in self.symbols.values() for levels in s.sides.values())
        return total < self.max_levels and len(symbol.sides[side]) < SIDE_LEVELS_MAX

    def insert(self, ref: int, side: str, price: int, shares: int) -> None:
        self.orders[ref] = Order(self.locate, side, price, shares)
        level = self.symbol(self.locate).sides[side].setdefault(price, [0, 0])
        level[0] += shares
        level[1] += 1
        self.peak = max(self.peak, len(self.orders))

    def reduce(self, ref: int, shares: int) -> None:
        order = self.orders[ref]
        levels = self.symbol(order.locate).sides[order.side]
        levels[order.price][0] -= shares
        order.shares -= shares
        if not order.shares:
            del self.orders[ref]
            levels[order.price][1] -= 1
            if not levels[order.price][1]:
                del levels[order.price]

    def touched(self, symbol: Symbol) -> None:
        symbol.venue_ns, symbol.rx_ns = self.venue_ns, self.rx_ns
        bid, _, ask, _ = symbol.bbo()
        self.stats["crossed"] += bool(bid and ask and bid >= ask)

    # ---- messages

    def apply(self, message: bytes, rx_ns: int) -> tuple[int, list[bytes]]:
        """Apply one message; (result, event records)."""
        self.stats["messages"] += 1
        self.rx_ns, self.venue_ns = rx_ns, 0
        kind = chr(message[0]) if message else ""
        if message and kind not in LENGTHS:
            return self.refuse("unknown_type", UNKNOWN_TYPE)
        if not message or len(message) != LENGTHS[kind]:
            if len(message) < 3 or kind not in BOOK_TYPES:
                return self.refuse("wrong_length", BAD_LENGTH if message else TRUNCATED)
            self.locate = u16(message, 1)
            return self.refuse_stale("wrong_length", BAD_LENGTH, 0, 0)
        self.locate = u16(message, 1)
        self.venue_ns = self.midnight_ns + int.from_bytes(message[5:11], "big")
        symbol = self.symbol(self.locate)
        if not symbol.announced and kind not in "RSVW":
            self.stats["unknown_locate"] += 1
        if kind in "AF":
            return self.add(symbol, message)
        if kind in "ECXDU":
            return self.change(symbol, kind, message)
        if kind in "PQ":
            return self.print(symbol, kind, message)
        return self.announce(symbol, kind, message)

    def add(self, symbol: Symbol, message: bytes) -> tuple[int, list[bytes]]:
        ref, side, shares, price = u64(message, 11), chr(message[19]), u32(message, 20), u32(message, 32)
        if not shares:
            return self.refuse("bad_shares", BAD_FIELD)
        if side not in "BS":
            return self.refuse_stale("bad_side", BAD_FIELD, ref, shares)
        if not 0 < price <= PRICE_MAX:
            return self.refuse_stale("bad_price", BAD_FIELD, ref, shares)
        if ref in self.orders:
            return self.refuse_stale("duplicate_ref", DUPLICATE, ref, shares)
        sell = SELL * (side == "S")
        before = symbol.bbo()
        if len(self.orders) >= self.max_orders or not self.room_for(symbol, side, price):
            self.stats["table_full"] += 1
            symbol.stale = True
            return 1, [self.record(KIND_TABLE_FULL, ref, price, shares, OVERFLOW | sell, before)]
        self.insert(ref, side, price, shares)
        self.touched(symbol)
        after = symbol.bbo()
        return 1, [self.record(message[0], ref, price, shares, sell | CHANGED * (after != before), after)]

    def change(self, symbol: Symbol, kind: str, message: bytes) -> tuple[int, list[bytes]]:
        ref = u64(message, 11)
        order = self.orders.get(ref)
        before = symbol.bbo()
        if order is None:
            self.stats["unknown_ref"] += 1
            symbol.stale |= kind == "U"
            return 1, [self.record(message[0], ref, 0, 0, UNKNOWN_REF, before)]
        if order.locate != self.locate:
            self.stats["wrong_locate"] += 1
            other = self.symbol(order.locate)
            symbol.stale = other.stale = True
            first = self.record(KIND_STALE, ref, -BAD_FIELD, 0, MORE, other.bbo(), order.locate)
            return 2, [first, self.record(KIND_STALE, ref, -BAD_FIELD, 0, 0, before)]
        if kind == "U":
            return self.replace(symbol, ref, order, message)
        sell, price = SELL * (order.side == "S"), order.price
        if kind == "D":
            shares = order.shares
        else:
            shares = u32(message, 19)
            if not shares:
                return self.refuse("bad_shares", BAD_FIELD)
            if shares > order.shares:
                return self.refuse_stale("bad_shares", BAD_FIELD, ref, shares)
        traded = price
        if kind == "C":
            traded = u32(message, 32)
            if not 0 < traded <= PRICE_MAX:
                return self.refuse_stale("bad_price", BAD_FIELD, ref, shares)
        self.reduce(ref, shares)
        self.touched(symbol)
        after = symbol.bbo()
        changed = CHANGED * (after != before)
        if kind in "XD":
            return 1, [self.record(message[0], ref, price, shares, sell | changed, after)]
        if kind == "C" and message[31:32] != b"Y":
            return 1, [self.record(message[0], ref, price, shares, sell | changed | NON_PRINTABLE, after)]
        symbol.last = (traded, shares, self.venue_ns)
        return 2, [
            self.record(message[0], ref, price, shares, sell | MORE, before),
            self.record(KIND_TRADE, u64(message, 23), traded, shares, sell | changed, after),
        ]

    def replace(self, symbol: Symbol, ref: int, order: Order, message: bytes) -> tuple[int, list[bytes]]:
        new_ref, shares, price = u64(message, 19), u32(message, 27), u32(message, 31)
        if not shares:
            return self.refuse_stale("bad_shares", BAD_FIELD, ref, shares)
        if not 0 < price <= PRICE_MAX:
            return self.refuse_stale("bad_price", BAD_FIELD, ref, shares)
        if new_ref in self.orders:
            return self.refuse_stale("duplicate_ref", DUPLICATE, new_ref, shares)
        sell, before, side = SELL * (order.side == "S"), symbol.bbo(), order.side
        records = [self.record(ord("D"), ref, order.price, order.shares, sell | MORE, before)]
        self.reduce(ref, order.shares)
        fits = self.room_for(symbol, side, price)
        if fits:
            self.insert(new_ref, side, price, shares)
        self.touched(symbol)
        after = symbol.bbo()
        flags = sell | CHANGED * (after != before)
        if fits:
            records.append(self.record(ord("U"), new_ref, price, shares, flags, after))
        else:
            self.stats["table_full"] += 1
            symbol.stale = True
            records.append(self.record(KIND_TABLE_FULL, new_ref, price, shares, flags | OVERFLOW, after))
        return 2, records

    def print(self, symbol: Symbol, kind: str, message: bytes) -> tuple[int, list[bytes]]:
        if kind == "P":
            side, shares, price, match = chr(message[19]), u32(message, 20), u32(message, 32), u64(message, 36)
            if not shares:
                return self.refuse("bad_shares", BAD_FIELD)
            if not 0 < price <= PRICE_MAX:
                return self.refuse("bad_price", BAD_FIELD)
            if side not in "BS":
                return self.refuse("bad_side", BAD_FIELD)
            symbol.last = (price, shares, self.venue_ns)
            return 1, [self.record(KIND_TRADE, match, price, shares, SELL * (side == "S"), symbol.bbo())]
        shares, price, match = u64(message, 11), u32(message, 27), u64(message, 31)
        if price > PRICE_MAX or (shares and not price):
            return self.refuse("bad_price", BAD_FIELD)
        told = min(shares, U32_MAX)
        if shares:
            symbol.last = (price, told, self.venue_ns)
        return 1, [self.record(ord("Q"), match, price, told, OVERFLOW * (shares > U32_MAX), symbol.bbo())]

    def announce(self, symbol: Symbol, kind: str, message: bytes) -> tuple[int, list[bytes]]:
        ref = shares = 0
        if kind == "R":
            self.stats["locates"] += not symbol.announced
            symbol.announced = True
        elif kind == "H":
            symbol.state = chr(message[19])
            shares = message[19]
        elif kind == "h":
            market = chr(message[19]) if chr(message[19]) in "QBX" else "other"
            (symbol.halted_by.discard if message[20:21] == b"T" else symbol.halted_by.add)(market)
        elif kind == "S":
            shares = message[11]
        elif kind == "B":
            ref = u64(message, 11)
        return 1, [self.record(message[0], ref, 0, shares, 0, symbol.bbo())]
