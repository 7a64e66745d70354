"""Random norm-bus traffic that keeps a book busy, and the cycles in which the feed half would bring it.

It makes messages and times only; what they must do is for models/events.py to say.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sim.rtl.models.events import PRICE_MAX, Norm

#: ITCH 5.0 message lengths.
LENGTH = {
    "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40, "E": 31,
    "C": 36, "X": 23, "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
}  # fmt: skip
PARSE = 4  # cycles from the last byte to norm_valid


@dataclass
class Timed:
    """A message, the cycle of its norm_valid, and the cycle of its early hint (None: no hint comes)."""

    norm: Norm
    cycle: int
    hint: int | None
    hint_new: int | None = None  # the same for the new reference of a U


def on_the_wire(
    messages: Iterable[Norm], start: int, phase: int = 0, gap: int = 0, packet: int = 1400
) -> Iterator[Timed]:
    """Messages packed back to back into packets of about `packet` bytes, packets 11 beats apart, beats gapless.

    `gap` is a number of idle beats before each message (0: none); phase the byte lane of the first message.
    """
    at = start * 8 + phase
    used = 0
    for norm in messages:
        length = LENGTH.get(chr(norm.type), 19) if norm.type < 0x80 else 19
        if used + length + 2 > packet:
            at = (at // 8 + 11) * 8
            used = 0
        at += 8 * gap
        hint = (at + 18) // 8 + PARSE - 1 if chr(norm.type) in "AFECXDU" else None
        hint_new = (at + 26) // 8 + PARSE - 1 if chr(norm.type) == "U" else None
        yield Timed(norm, (at + length - 1) // 8 + PARSE, hint, hint_new)
        at += length + 2
        used += length + 2


class Traffic:
    """Draws messages for a few symbols around a few prices, so that levels empty and references return at once."""

    def __init__(self, rng: random.Random, symbols: int, levels: int = 6, tick: int = 100, orders: int = 400) -> None:
        self.rng = rng
        self.symbols = symbols
        self.levels = levels
        self.tick = tick
        self.orders = orders
        self.live: dict[int, list[int]] = {}  # ref -> [symidx, side, price, shares]
        self.middle = [rng.randrange(50, 5000) * 100 for _ in range(symbols)]
        self.next_ref = rng.getrandbits(60)
        self.time = 34_200_000_000_000
        self.recent: list[int] = []  # references of the last messages
        self.weights = {
            "A": 30,
            "F": 4,
            "D": 26,
            "X": 8,
            "E": 10,
            "C": 4,
            "U": 12,
            "P": 2,
            "Q": 1,
            "H": 1,
            "S": 1,
            "R": 1,
        }

    def price(self, symidx: int, side: int) -> int:
        """A price on the symbol's side, sometimes through the middle."""
        step = int(self.rng.expovariate(1 / max(1, self.levels / 3))) - (self.rng.random() < 0.03)
        return max(self.tick, self.middle[symidx] + (step if side else -step - 1) * self.tick)

    def fresh(self) -> int:
        """An unused reference."""
        self.next_ref += self.rng.choice((1, 1, 1, 2, 3, 1 << 33))
        return self.next_ref & ((1 << 64) - 1)

    def pick(self) -> int | None:
        """A live reference, often one of the last few."""
        if self.rng.random() < 0.35:
            near = [ref for ref in self.recent[-5:] if ref in self.live]
            if near:
                return self.rng.choice(near)
        return self.rng.choice(list(self.live)) if self.live and len(self.live) < 64 else next(iter(self.live), None)

    def base(self, kind: str, symidx: int) -> Norm:
        """A message of the symbol with the fields every type has."""
        self.time += self.rng.randrange(1, 2000)
        return Norm(ord(kind), locate=symidx + 100, symidx=symidx, timestamp=self.time, line_b=self.rng.getrandbits(1))

    def one(self) -> Norm:
        """The next message; every one is right."""
        rng = self.rng
        kind = rng.choices(list(self.weights), list(self.weights.values()))[0]
        if kind in "AF" and len(self.live) >= self.orders:
            kind = "D"
        ref = self.pick() if kind in "DXECU" else None
        if kind in "DXECU" and ref is None:
            kind = "A"
        if kind in "AF":
            symidx = rng.randrange(self.symbols)
            m = self.base(kind, symidx)
            m.ref, m.side, m.shares = (
                self.fresh(),
                rng.getrandbits(1),
                rng.choice((1, 5, 100, 100, rng.randrange(1, 1000))),
            )
            m.price = self.price(symidx, m.side)
            self.live[m.ref] = [symidx, m.side, m.price, m.shares]
            self.recent.append(m.ref)
            return m
        if ref is None:
            m = self.base(kind, rng.randrange(self.symbols))
            return self.plain(m, kind)
        order = self.live[ref]
        m = self.base(kind, order[0])
        m.ref = ref
        if kind == "D":
            del self.live[ref]
        elif kind == "U":
            m.ref2, m.shares, m.price = (
                self.fresh(),
                rng.randrange(1, 500),
                rng.choice((order[2], self.price(order[0], order[1]))),
            )
            del self.live[ref]
            self.live[m.ref2] = [order[0], order[1], m.price, m.shares]
            self.recent.append(m.ref2)
        else:
            m.shares = order[3] if rng.random() < 0.3 else rng.randint(1, order[3])
            m.ref2 = 0 if kind == "X" else rng.getrandbits(63)
            m.price = self.price(order[0], order[1]) if kind == "C" else 0
            m.printable = int(kind != "C" or rng.random() < 0.6)
            order[3] -= m.shares
            self.recent.append(ref)
            if not order[3]:
                del self.live[ref]
        return m

    def plain(self, m: Norm, kind: str) -> Norm:
        """Types that leave the book alone."""
        rng = self.rng
        if kind == "P":
            m.ref, m.ref2, m.side, m.shares, m.price = 0, rng.getrandbits(60), rng.getrandbits(1), 100, 123400
        elif kind == "Q":
            m.ref, m.ref2, m.shares, m.price = 5, rng.getrandbits(60), 1000, 123400
            m.overflow = rng.getrandbits(1)
        elif kind == "H":
            m.aux = ord(rng.choice("TTTHPQ"))
        elif kind == "S":
            m.tracked, m.symidx, m.locate, m.aux = False, 0, 0, ord("Q")
        return m

    def hostile(self) -> Norm:
        """A message with something wrong, or right but at its bounds."""
        rng = self.rng
        m = self.one()
        for _ in range(rng.choice((1, 1, 2))):
            change = rng.randrange(14)
            if change == 0:
                m.ref = rng.getrandbits(64)
            elif change == 1:
                m.shares = rng.choice((0, 1, (1 << 32) - 1))
            elif change == 2:
                m.price = rng.choice((0, 1, PRICE_MAX, PRICE_MAX + 1, (1 << 32) - 1))
            elif change == 3:
                m.ref2 = m.ref
            elif change == 4 and self.live:
                m.ref2 = rng.choice(list(self.live))
            elif change == 5 and self.live:
                m.ref = rng.choice(list(self.live))
            elif change == 6:
                m.fault = rng.choice((1, 2, 3) if chr(m.type) in "AF" else (1, 2))
            elif change == 7:
                m.tracked = False
            elif change == 8:
                m.side ^= 1
            elif change == 9:
                m.type = ord(rng.choice("RHYLKJhBINO"))
                m.aux = rng.choice((0x5148, 0x5154, 0x4248, 0x4254, 0x5848, 0x5854, 0x4B48, 0x0054))
            elif change == 10:  # a venue's message that names a symbol
                m.type, m.tracked, m.aux = ord(rng.choice("SVW")), True, ord("Q")
            elif change == 11 and self.live and chr(m.type) in "ECXDU":  # the order of another symbol
                m.ref = rng.choice(list(self.live))
        return m
