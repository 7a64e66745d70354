"""How often a key may call: moving windows per key, in memory, one for all calls and one for new risk.

The guard asks it for what can cost something; cancels and kill switches it never counts.
"""

from __future__ import annotations

import time

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

REFUSAL_ROWS_PER_S = 20
"""Audit rows a second for refused calls of one key: a loop of refusals must not fill the disk."""


class CallLimiter:
    """Windows of one second per key."""

    def __init__(self, calls_per_s: int, orders_per_s: int) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._items = {
            "calls": RateLimitItemPerSecond(calls_per_s),
            "orders": RateLimitItemPerSecond(orders_per_s),
            "refusals": RateLimitItemPerSecond(REFUSAL_ROWS_PER_S),
        }

    def hit(self, window: str, key_id: str) -> int | None:
        """Count one call. None when it is allowed, else the milliseconds after which to try again."""
        item = self._items[window]
        if self._windows.hit(item, window, key_id):
            return None
        reset = self._windows.get_window_stats(item, window, key_id).reset_time
        return max(1, round((reset - time.time()) * 1000))

    def allowed(self, window: str) -> int:
        """Calls a second that the window allows."""
        return self._items[window].amount
