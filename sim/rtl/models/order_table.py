"""Where the order table puts an order: d-left over hashed buckets, then the stash, else nowhere.

It reads the hash masks from hdl/rtl/ord_hash.v and knows nothing of cycles: it is the table as it is between messages.
"""

from __future__ import annotations

import re
from pathlib import Path

HASH_SOURCE = Path(__file__).resolve().parents[3] / "hdl" / "rtl" / "ord_hash.v"


def hash_masks() -> list[list[int]]:
    """The mask of each bucket bit, lowest first, of each table."""
    text = HASH_SOURCE.read_text(encoding="utf-8")
    blocks = re.findall(r"MASKS\d = \{(.*?)\};", text, re.S)
    return [list(reversed([int(word, 16) for word in re.findall(r"64'h([0-9a-f]{16})", block)])) for block in blocks]


class OrderPlaces:
    """Buckets and stash, by reference."""

    def __init__(self, tables: int = 4, slots: int = 4, bucket_log2: int = 12, stash: int = 16) -> None:
        self.masks = [masks[:bucket_log2] for masks in hash_masks()[:tables]]
        self.slots = slots
        self.stash = stash
        self.used: dict[tuple[int, int], int] = {}
        self.in_stash = 0
        self.place: dict[int, tuple[int, int] | None] = {}

    def buckets(self, ref: int) -> list[tuple[int, int]]:
        """The bucket of each table that may hold the reference."""
        return [
            (table, sum((bin(ref & mask).count("1") & 1) << bit for bit, mask in enumerate(masks)))
            for table, masks in enumerate(self.masks)
        ]

    def insert(self, ref: int) -> bool:
        """Take a place for the reference; False when it has none."""
        best = min(self.buckets(ref), key=lambda at: (self.used.get(at, 0), at[0]))
        if self.used.get(best, 0) < self.slots:
            self.used[best] = self.used.get(best, 0) + 1
            self.place[ref] = best
        elif self.in_stash < self.stash:
            self.in_stash += 1
            self.place[ref] = None
        else:
            return False
        return True

    def remove(self, ref: int) -> None:
        """Free the reference's place."""
        at = self.place.pop(ref)
        if at is None:
            self.in_stash -= 1
        else:
            self.used[at] -= 1
