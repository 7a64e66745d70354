"""The price ladder's window: which levels it holds, and when it no longer knows a side's best.

A transaction-level reference of hdl/rtl/px_ladder.v: exact ticks, no cycles. Prices are 1/10000 dollar.
"""

from __future__ import annotations

KEY_MAX = (1 << 25) - 1


def tick_of(price_e4: int) -> int | None:
    """Tick number of a price, None when it is off the tick ($0.01 from $1.00 up)."""
    if price_e4 < 10000:
        return price_e4
    return 9900 + price_e4 // 100 if price_e4 % 100 == 0 else None


class SideLadder:
    """One side of one symbol."""

    def __init__(self, sell: bool, groups: int = 64, shares_max: int = (1 << 36) - 1) -> None:
        self.sell = sell
        self.span = groups - 1  # groups the window holds
        self.shares_max = shares_max  # of a level
        self.levels: dict[int, int] = {}  # key -> shares
        self.prices: dict[int, int] = {}
        self.floor: int | None = None  # groups up to this one are not held
        self.broken = False  # an order off the tick, or too many shares: the side is lost for good
        self.told = False  # the loss was marked, and the host has not cleared it since

    def key(self, price_e4: int) -> int | None:
        """Higher is better, on both sides."""
        tick = tick_of(price_e4)
        if tick is None:
            return None
        return KEY_MAX - tick if self.sell else tick

    def best(self) -> tuple[int, int]:
        """Price and shares of the best level held, zeros when none is."""
        if not self.levels:
            return 0, 0
        key = max(self.levels)
        return self.prices[key], self.levels[key]

    @property
    def lost(self) -> bool:
        """The best level may be another than the one held."""
        return self.broken or (not self.levels and self.floor is not None)

    def add(self, price_e4: int, shares: int) -> None:
        """An order arrives."""
        key = self.key(price_e4)
        if key is None:
            self.broken = True
            return
        group = key >> 6
        if self.floor is not None and group <= self.floor:
            return
        if self.levels:
            top = max(self.levels) >> 6
            if group > top:
                out = [k for k in self.levels if k >> 6 <= group - self.span]
                for k in out:
                    del self.levels[k]
                if out:
                    self.floor = group - self.span
            elif top - group >= self.span:
                self.floor = group
                return
        total = self.levels.get(key, 0) + shares
        self.broken |= total > self.shares_max
        self.levels[key] = min(total, self.shares_max)
        self.prices[key] = price_e4

    def take(self, price_e4: int, shares: int) -> None:
        """Shares of a resting order go."""
        key = self.key(price_e4)
        if key is None:
            self.broken = True
            return
        if self.floor is not None and key >> 6 <= self.floor:
            return
        self.levels[key] -= shares
        if not self.levels[key]:
            del self.levels[key]

    def mark(self) -> bool:
        """After a message: is the side to be marked lost? Once, until the host clears it."""
        if not self.lost or self.told:
            return False
        self.told = True
        return True

    def clear(self) -> bool:
        """The host cleared the symbol's mark: is the side to be marked again?"""
        self.told = self.lost
        return self.lost
