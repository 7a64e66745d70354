"""The book as a reference: norm-bus messages in, expected 64-byte records out.

Full-depth books in plain dictionaries with the semantics of the software book (fastpath/core/book), plus the two limits
that only the hardware has, through models of the order table and of the ladder's window. It knows no cycles.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from fastpath.records import EventFlag as F
from fastpath.records import EventKind as K
from sim.rtl.models.ladder import SideLadder
from sim.rtl.models.order_table import OrderPlaces

PRICE_MAX = 1_999_999_900
BAD_LENGTH, BAD_FIELD, NO_ROOM, DUPLICATE = 4, 5, 7, 13
RECORD = struct.Struct("<QQQQIIIIIIHBBHH")
BOOK_TYPES = b"AFECXDU"
U32 = (1 << 32) - 1


@dataclass
class Norm:
    """One message on the norm bus; names as in hdl/rtl/README.md."""

    type: int
    locate: int = 0
    symidx: int = 0
    tracked: bool = True
    fault: int = 0
    timestamp: int = 0
    ref: int = 0
    ref2: int = 0
    side: int = 0
    shares: int = 0
    price: int = 0
    printable: int = 1
    overflow: int = 0
    aux: int = 0
    line_b: int = 0

    def pack(self, rx_cycle: int) -> int:
        """The bus as one number, in the bit order of the benches' tops."""
        value, at = 0, 0
        for part, width in (
            (rx_cycle, 32), (self.line_b, 1), (self.aux, 16), (self.overflow, 1), (self.printable, 1), (self.price, 32),
            (self.shares, 32), (self.side, 1), (self.ref2, 64), (self.ref, 64), (self.symidx, 10), (int(self.tracked), 1),
            (self.locate, 16), (self.timestamp, 48), (self.fault, 2), (self.type, 8), (1, 1),
        ):  # fmt: skip
            value |= part << at
            at += width
        return value


@dataclass
class Record:
    """One 64-byte record, decoded."""

    seq: int = 0
    venue_ns: int = 0
    rx_ns: int = 0
    ref: int = 0
    price: int = 0
    shares: int = 0
    bid: int = 0
    bid_shares: int = 0
    ask: int = 0
    ask_shares: int = 0
    locate: int = 0
    venue: int = 0
    kind: int = 0
    flags: int = 0
    aux: int = 0

    @classmethod
    def unpack(cls, data: int) -> Record:
        """From the 512-bit word, byte 0 lowest."""
        return cls(*RECORD.unpack(data.to_bytes(64, "little")))

    def bbo(self) -> tuple[int, int, int, int]:
        """Bid, its shares, ask, its shares."""
        return self.bid, self.bid_shares, self.ask, self.ask_shares


@dataclass
class Order:
    """A resting order."""

    symidx: int
    side: int
    price: int
    shares: int


@dataclass
class Symbol:
    """A symbol's levels by side, marks, and the ladder's window over them."""

    ladders: list[SideLadder]
    levels: list[dict[int, int]] = field(default_factory=lambda: [{}, {}])
    stale: bool = False
    halted: bool = True  # until the venue says that it trades
    trading: bool = False
    halts: int = 0
    locate: int = 0
    marks_due: int = 0  # STALE records that the host has asked for
    lost: bool = False  # the ladder's window has lost a side: the best may be told wrong, but then flagged stale

    def best(self, side: int) -> tuple[int, int]:
        """Price and shares, zeros when the side is empty."""
        levels = self.levels[side]
        if not levels:
            return 0, 0
        price = min(levels) if side else max(levels)
        return price, levels[price]

    def bbo(self) -> tuple[int, int, int, int]:
        """Bid, its shares, ask, its shares; shares not saturated."""
        return (*self.best(0), *self.best(1))

    def change(self, side: int, price: int, shares: int) -> None:
        """Add (or with a negative number take) shares at a price."""
        left = self.levels[side].get(price, 0) + shares
        if left:
            self.levels[side][price] = left
        else:
            del self.levels[side][price]
        if shares > 0:
            self.ladders[side].add(price, shares)
        else:
            self.ladders[side].take(price, -shares)

    def judge(self) -> None:
        """After a message: has the ladder lost a side?"""
        self.lost |= self.ladders[0].lost or self.ladders[1].lost


class BookModel:
    """All symbols. `search` tells of the last message that it used up a best level, so that the next had to be found."""

    def __init__(self, places: OrderPlaces, groups: int = 64, midnight_ns: int = 0, venue: int = 0) -> None:
        self.places = places
        self.groups = groups
        self.midnight_ns = midnight_ns
        self.venue = venue
        self.orders: dict[int, Order] = {}
        self.symbols: dict[int, Symbol] = {}
        self.all_stale = False
        self.search = False

    def symbol(self, symidx: int) -> Symbol:
        """The symbol, made when first named."""
        if symidx not in self.symbols:
            self.symbols[symidx] = Symbol([SideLadder(False, self.groups), SideLadder(True, self.groups)])
        return self.symbols[symidx]

    def locate_lost(self, locate: int) -> bool:
        """Has the ladder lost a side of this locate's symbol?"""
        return any(symbol.lost and symbol.locate == locate for symbol in self.symbols.values())

    def record(
        self, m: Norm, kind: int, ref: int, price: int, shares: int, flags: int, before: tuple[int, int, int, int]
    ) -> Record:
        """A record with the BBO as it is now; `before` is the symbol's BBO one message ago."""
        symbol = self.symbol(m.symidx) if m.tracked else Symbol([SideLadder(False), SideLadder(True)])
        bbo = symbol.bbo()
        if bbo != before and not flags & F.MORE:
            flags |= F.BBO_CHANGED
        if max(bbo[1], bbo[3]) > U32:
            flags |= F.OVERFLOW
        if bbo[0] and bbo[2] and bbo[0] >= bbo[2]:
            flags |= F.CROSSED
        if symbol.stale or self.all_stale:
            flags |= F.STALE
        if symbol.halted and m.tracked and m.type not in b"SVW":
            flags |= F.HALTED
        if m.line_b:
            flags |= F.LINE_B
        return Record(
            0, self.midnight_ns + m.timestamp, 0, ref, price, shares, bbo[0], min(bbo[1], U32), bbo[2], min(bbo[3], U32),
            m.locate, self.venue, kind, flags, 0,
        )  # fmt: skip

    def contradiction(self, m: Norm, code: int, ref: int, shares: int) -> list[Record]:
        """The symbol is stale from here on."""
        symbol = self.symbol(m.symidx)
        symbol.stale = True
        return [self.record(m, K.STALE, ref, code, shares, 0, symbol.bbo())]

    def apply(self, m: Norm) -> list[Record]:
        """Apply one message; returns its records in order."""
        self.search = False
        records = self.change(m)
        for symbol in self.symbols.values():
            symbol.judge()
        return records

    def mark(self, have: Record) -> bool:
        """Is this a STALE record that comes at a time of its own: the host's, or a lost side's? Then the symbol is stale."""
        if have.kind != K.STALE or have.venue_ns or have.price not in (BAD_FIELD, NO_ROOM):
            return False
        symbol = next(s for s in self.symbols.values() if s.locate == have.locate)
        if have.price == BAD_FIELD:
            if not symbol.marks_due:
                return False
            symbol.marks_due -= 1
        else:
            assert symbol.lost, f"nothing was lost: {have}"
        symbol.stale = True
        return True

    def change(self, m: Norm) -> list[Record]:
        """Apply one message."""
        kind = chr(m.type)
        if m.type >= 0x80:
            if m.type in (K.GAP, K.GAP_LOST) or (m.type == K.FRAME_BAD and m.shares):
                self.all_stale = True
            return [self.record(m, m.type, m.ref, m.price, m.shares, 0, (0, 0, 0, 0))]
        if not m.tracked and not (kind in "SVW" and m.fault == 0):
            return []
        if m.fault == 1:
            return []
        if m.tracked:
            self.symbol(m.symidx).locate = m.locate
        if m.fault == 2:
            if m.type not in BOOK_TYPES:
                return []
            records = self.contradiction(m, BAD_LENGTH, 0, 0)
            return [replace(r, venue_ns=0) for r in records]
        before = self.symbol(m.symidx).bbo() if m.tracked else (0, 0, 0, 0)
        sell = F.SELL if m.side else 0
        if kind in "AF":
            return self.add(m, before)
        if kind in "ECXDU":
            return self.reduce(m, kind, before)
        if kind == "P":
            if m.fault or not m.shares or not 1 <= m.price <= PRICE_MAX:
                return []
            return [self.record(m, K.TRADE, m.ref2, m.price, m.shares, sell, before)]
        if kind == "Q":
            if m.price > PRICE_MAX or (m.shares and not m.price):
                return []
            return [self.record(m, K.CROSS, m.ref2, m.price, m.shares, F.OVERFLOW if m.overflow else 0, before)]
        return self.announce(m, kind, before)

    def announce(self, m: Norm, kind: str, before: tuple[int, int, int, int]) -> list[Record]:
        """The types that leave the book alone."""
        shares = 0
        if kind == "S":
            shares = m.aux & 0xFF
        if kind in "Hh" and m.tracked:
            symbol = self.symbol(m.symidx)
            if kind == "H":
                shares = m.aux & 0xFF
                symbol.trading = shares == ord("T")
            else:
                bit = {"Q": 1, "B": 2, "X": 4}.get(chr(m.aux >> 8), 8)
                symbol.halts = symbol.halts & ~bit if m.aux & 0xFF == ord("T") else symbol.halts | bit
            symbol.halted = not (symbol.trading and not symbol.halts)
        return [self.record(m, m.type, m.ref if kind == "B" else 0, 0, shares, 0, before)]

    def add(self, m: Norm, before: tuple[int, int, int, int]) -> list[Record]:
        """A and F."""
        if not m.shares:
            return []
        if m.fault or not 1 <= m.price <= PRICE_MAX:
            return self.contradiction(m, BAD_FIELD, m.ref, m.shares)
        if m.ref in self.orders:
            return self.contradiction(m, DUPLICATE, m.ref, m.shares)
        sell = F.SELL if m.side else 0
        if not self.places.insert(m.ref):
            self.symbol(m.symidx).stale = True
            return [self.record(m, K.TABLE_FULL, m.ref, m.price, m.shares, sell | F.OVERFLOW, before)]
        self.orders[m.ref] = Order(m.symidx, m.side, m.price, m.shares)
        self.symbol(m.symidx).change(m.side, m.price, m.shares)
        return [self.record(m, m.type, m.ref, m.price, m.shares, sell, before)]

    def reduce(self, m: Norm, kind: str, before: tuple[int, int, int, int]) -> list[Record]:
        """E, C, X, D and U."""
        order = self.orders.get(m.ref)
        symbol = self.symbol(m.symidx)
        if order is None:
            symbol.stale |= kind == "U"
            return [self.record(m, m.type, m.ref, 0, 0, F.UNKNOWN_REF, before)]
        if order.symidx != m.symidx:
            owner = self.symbol(order.symidx)
            told = self.contradiction(replace(m, symidx=order.symidx, locate=owner.locate), BAD_FIELD, m.ref, 0)
            told[0].flags |= F.MORE
            return told + self.contradiction(m, BAD_FIELD, m.ref, 0)
        sell = F.SELL if order.side else 0
        if kind == "U":
            return self.swap(m, order, sell, before)
        if kind != "D":
            if not m.shares:
                return []
            if m.shares > order.shares or (kind == "C" and not 1 <= m.price <= PRICE_MAX):
                return self.contradiction(m, BAD_FIELD, m.ref, m.shares)
        taken = order.shares if kind == "D" else m.shares
        done = F.ORDER_DONE if taken == order.shares else 0
        first = self.record(m, m.type, m.ref, order.price, taken, sell | done | F.MORE, before)
        order.shares -= taken
        if not order.shares:
            del self.orders[m.ref]
            self.places.remove(m.ref)
        symbol.change(order.side, order.price, -taken)
        self.search = symbol.best(order.side)[0] != before[2 * order.side]
        if kind in "EC" and m.printable:
            price = m.price if kind == "C" else order.price
            return [first, self.record(m, K.TRADE, m.ref2, price, taken, sell, before)]
        plain = F.NON_PRINTABLE if kind in "EC" else 0
        return [self.record(m, m.type, m.ref, order.price, taken, sell | done | plain, before)]

    def swap(self, m: Norm, order: Order, sell: int, before: tuple[int, int, int, int]) -> list[Record]:
        """U."""
        symbol = self.symbol(m.symidx)
        if not m.shares or not 1 <= m.price <= PRICE_MAX:
            return self.contradiction(m, BAD_FIELD, m.ref, m.shares)
        if m.ref2 in self.orders:
            return self.contradiction(m, DUPLICATE, m.ref2, m.shares)
        first = self.record(m, K.DELETE, m.ref, order.price, order.shares, sell | F.ORDER_DONE | F.MORE, before)
        room = self.places.insert(m.ref2)
        del self.orders[m.ref]
        self.places.remove(m.ref)
        symbol.change(order.side, order.price, -order.shares)
        best = before[2 * order.side]
        used_up = symbol.best(order.side)[0] != best
        self.search = used_up and (not room or (m.price > best if order.side else m.price < best))
        if not room:
            symbol.stale = True
            return [first, self.record(m, K.TABLE_FULL, m.ref2, m.price, m.shares, sell | F.OVERFLOW, before)]
        self.orders[m.ref2] = Order(m.symidx, order.side, m.price, m.shares)
        symbol.change(order.side, m.price, m.shares)
        return [first, self.record(m, K.REPLACE, m.ref2, m.price, m.shares, sell, before)]
