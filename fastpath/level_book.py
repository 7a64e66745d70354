"""Price levels rebuilt from event records, by adding and subtracting alone.

For strategies that want a book of their own beside the stream, for checks and for
learning. One Python step per record: fine for some ten thousand a second; the core's own
book, or `calls.depth`, serves everything faster than that.
"""

from __future__ import annotations

from typing import TypeAlias

from .follower import EpochChange, Frame, Gap, Item, Records, RepairedBy, Snapshot
from .records import EventFlag, EventKind

Levels: TypeAlias = dict[int, list[int]]
"""price_e4 -> [shares, orders]"""

_ADDS = (EventKind.ADD, EventKind.ADD_MPID, EventKind.REPLACE)
_TAKES = (EventKind.EXECUTED, EventKind.EXECUTED_PRICE, EventKind.CANCEL, EventKind.DELETE)
_FIELDS = ["kind", "flags", "locate", "price_e4", "shares"]


class LevelBooks:
    """Every book of one venue's `md.<venue>.full` stream, by locate.

    `trusted` is False from a gap that nothing repaired until the next snapshot, and while the
    venue itself is missing messages.
    """

    def __init__(self) -> None:
        self.bids: dict[int, Levels] = {}
        self.asks: dict[int, Levels] = {}
        self.symbols: dict[str, int] = {}
        self.seq = 0
        self.trusted = True

    def take(self, item: Item) -> None:
        """Apply whatever a subscriber yields; items of other kinds are passed over."""
        if isinstance(item, Frame):
            self.apply(item.records)
        elif isinstance(item, Snapshot):
            self.load(item)
        elif isinstance(item, EpochChange) or (isinstance(item, Gap) and item.repaired_by is RepairedBy.NOTHING):
            self.trusted = False

    def load(self, snapshot: Snapshot) -> None:
        """Forget everything and begin at a snapshot."""
        self.bids = {b.locate: {price: [shares, orders] for price, shares, orders in b.bids} for b in snapshot.books}
        self.asks = {b.locate: {price: [shares, orders] for price, shares, orders in b.asks} for b in snapshot.books}
        self.symbols = {book.symbol: book.locate for book in snapshot.books if book.symbol}
        self.seq = snapshot.seq
        self.trusted = True

    def apply(self, records: Records) -> None:
        """Apply records in order.

        Raises:
            ValueError: a record takes more than there is; the stream was not followed from its beginning.
        """
        for kind, flags, locate, price_e4, shares in records[_FIELDS].tolist():
            if kind == EventKind.SESSION and shares == 1:
                self.bids.clear()
                self.asks.clear()
            if kind == EventKind.GAP_LOST:
                self.trusted = False
            if flags & EventFlag.UNKNOWN_REF:
                continue
            side = self.asks if flags & EventFlag.SELL else self.bids
            if kind in _ADDS:
                level = side.setdefault(locate, {}).setdefault(price_e4, [0, 0])
                level[0] += shares
                level[1] += 1
            elif kind in _TAKES:
                self._subtract(side.get(locate, {}), price_e4, shares, bool(flags & EventFlag.ORDER_DONE))
        if len(records):
            self.seq = int(records["seq"][-1])

    @staticmethod
    def _subtract(levels: Levels, price_e4: int, shares: int, done: bool) -> None:
        level = levels.get(price_e4)
        if level is None or level[0] < shares:
            raise ValueError(f"{shares} shares taken at {price_e4}, where there are {level[0] if level else 0}")
        level[0] -= shares
        level[1] -= done
        if level[1] == 0:
            del levels[price_e4]

    def depth(self, locate: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """(bids, asks), best first, each (price_e4, shares, orders)."""
        bids, asks = self.bids.get(locate, {}), self.asks.get(locate, {})
        return (
            [(price, bids[price][0], bids[price][1]) for price in sorted(bids, reverse=True)],
            [(price, asks[price][0], asks[price][1]) for price in sorted(asks)],
        )
