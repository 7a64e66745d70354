"""A naive exchange: lists, sorting and recomputation instead of structure. Written from the
protocol's rules to disagree with the C core wherever either is wrong.

Outputs are tuples: ("F", type, ...) for the feed, (account, type, ...) for a user.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MARKETS = (0x7FFFFFFF, 2_000_000_000)
MAX_PRICE = 0x7735939C


@dataclass
class Order:
    ref: int
    account: int  # -1: background
    urn: int
    symbol: int
    side: str
    open: int
    price: int
    hidden: bool = False
    attribution: str = ""
    executed: int = 0
    self_match: str = "N"
    when: int = 0

    @property
    def buys(self) -> bool:
        return self.side == "B"


class NaiveExchange:
    def __init__(self, symbols: list[str], accounts: list[tuple[str, str]]) -> None:
        self.symbols, self.accounts = symbols, accounts
        self.book: list[Order] = []
        self.refs = self.matches = self.clock = 0
        self.last = [0] * len(accounts)
        self.disabled = [False] * len(accounts)
        self.halted = [False] * len(symbols)
        self.out: list[tuple[object, ...]] = []

    def take(self) -> list[tuple[object, ...]]:
        out, self.out = self.out, []
        return out

    # ---- the book ----

    def _ref(self) -> int:
        self.refs += 1
        return self.refs

    def _contra(self, new: Order, limit: int) -> list[Order]:
        crossing = [o for o in self.book if o.symbol == new.symbol and o.buys != new.buys]
        crossing = [o for o in crossing if (o.price <= limit if new.buys else o.price >= limit)]
        return sorted(crossing, key=lambda o: (o.price if new.buys else -o.price, o.hidden, o.when))

    def _off(self, order: Order, shares: int) -> None:
        order.open -= shares
        if order.open == 0:
            self.book.remove(order)
        if not order.hidden:
            self.out.append(("F", "X", order.ref, shares) if order.open else ("F", "D", order.ref))

    def _cancel(self, order: Order, shares: int, reason: str) -> None:
        self._off(order, shares)
        self.out.append((order.account, "C", order.urn, shares, reason))

    def _trade(self, new: Order, limit: int) -> None:
        for old in self._contra(new, limit):
            if new.open == 0:
                return
            if old.account == new.account != -1 and new.self_match != "N":
                both = min(new.open, old.open)
                if new.self_match in "OD":
                    shares = old.open if new.self_match == "O" else both
                    self._off(old, shares)
                    self.out.append((old.account, "D", old.urn, shares, new.self_match))
                if new.self_match in "WD":
                    shares = new.open if new.self_match == "W" else both
                    new.open -= shares
                    self.out.append((new.account, "D", new.urn, shares, new.self_match))
                continue
            shares = min(new.open, old.open)
            self.matches += 1
            new.open -= shares
            new.executed += shares
            old.open -= shares
            old.executed += shares
            if old.open == 0:
                self.book.remove(old)
            if old.hidden:
                self.out.append(("F", "P", 0, "B", shares, old.price, self.matches))
            else:
                self.out.append(("F", "E", old.ref, shares, self.matches))
            if old.account >= 0:
                self.out.append(
                    (old.account, "E", old.urn, shares, old.price, "J" if old.hidden else "A", self.matches)
                )
            if new.account >= 0:
                self.out.append((new.account, "E", new.urn, shares, old.price, "R", self.matches))

    def _rest(self, order: Order) -> None:
        self.clock += 1
        order.when = self.clock
        self.book.append(order)
        if order.hidden:
            return
        kind = "F" if order.attribution else "A"
        row: tuple[object, ...] = ("F", kind, order.ref, "B" if order.buys else "S", order.open, order.price)
        self.out.append((*row, order.attribution) if order.attribution else row)

    def _arrive(self, order: Order, limit: int, immediate: bool) -> None:
        self._trade(order, limit)
        if order.open and immediate:
            self.out.append((order.account, "C", order.urn, order.open, "I"))
        elif order.open:
            self._rest(order)

    @staticmethod
    def _limit(order: Order, price: int) -> int:
        return price if price not in MARKETS else (1 << 40 if order.buys else 0)

    @staticmethod
    def _bad_price(price: int) -> bool:
        return price not in MARKETS and not (1 <= price <= MAX_PRICE and (price < 10_000 or price % 100 == 0))

    # ---- users ----

    def _find(self, account: int, urn: int) -> Order | None:
        return next((o for o in self.book if o.account == account and o.urn == urn), None)

    def enter(
        self, account: int, urn: int, side: str, quantity: int, symbol: int, price: int, tif: str, display: str
    ) -> None:
        if urn <= self.last[account]:
            return
        self.last[account] = urn
        reason = 0
        if self.disabled[account]:
            reason = 0x0C
        elif side not in "BSTE":
            reason = 0x09
        elif not 0 <= symbol < len(self.symbols):
            reason = 0x17
        elif self.halted[symbol]:
            reason = 0x07
        elif not 1 <= quantity <= 999_999:
            reason = 0x13
        elif self._bad_price(price):
            reason = 0x1D
        elif display not in "YNA":
            reason = 0x03
        elif tif not in "035":
            reason = 0x0F
        if reason:
            self.out.append((account, "J", urn, reason))
            return
        firm, mode = self.accounts[account]
        order = Order(
            self._ref(),
            account,
            urn,
            symbol,
            side,
            quantity,
            price,
            display == "N",
            firm if display == "A" else "",
            self_match=mode,
        )
        immediate, limit = tif == "3" or price in MARKETS, self._limit(order, price)
        dead = immediate and not self._contra(order, limit)
        self.out.append((account, "A", urn, side, quantity, price, order.ref, "D" if dead else "L"))
        if not dead:
            self._arrive(order, limit, immediate)

    def replace(self, account: int, orig: int, urn: int, quantity: int, price: int, tif: str, display: str) -> None:
        old = self._find(account, orig)
        if urn <= self.last[account] or old is None:
            return
        if self.disabled[account] or self.halted[old.symbol]:
            self.last[account] = urn
            self.out.append((account, "J", urn, 0x0C if self.disabled[account] else 0x07))
            return
        if not old.executed < quantity <= 999_999 or self._bad_price(price) or tif not in "035" or display not in "YNA":
            self._cancel(old, old.open, "U")
            return
        self.last[account] = urn
        self.book.remove(old)
        new = replace(old, ref=self._ref(), urn=urn, open=quantity - old.executed, price=price, hidden=display == "N")
        new.attribution = self.accounts[account][0] if display == "A" else ""
        immediate, limit = tif == "3" or price in MARKETS, self._limit(new, price)
        crossing = bool(self._contra(new, limit))
        dead = immediate and not crossing
        self.out.append((account, "U", orig, urn, new.open, price, new.ref, "D" if dead else "L"))
        if not old.hidden and not new.hidden and not immediate and not crossing and old.attribution == new.attribution:
            self._rest(new)
            self.out[-1] = ("F", "U", old.ref, new.ref, new.open, price)
            return
        if not old.hidden:
            self.out.append(("F", "D", old.ref))
        if not dead:
            self._arrive(new, limit, immediate)

    def cancel(self, account: int, urn: int, quantity: int) -> None:
        order = self._find(account, urn)
        if order is not None and (keep := max(quantity - order.executed, 0)) < order.open:
            self._cancel(order, order.open - keep, "U")

    def modify(self, account: int, urn: int, side: str, quantity: int) -> None:
        order = self._find(account, urn)
        if order is None or (side != order.side and "B" in (side, order.side)):
            return
        keep = max(quantity - order.executed, 0)
        if keep == 0:
            self._cancel(order, order.open, "U")
            return
        order.side = side
        if keep < order.open:
            self._off(order, order.open - keep)
        self.out.append((account, "M", urn, side, order.open))

    def mass_cancel(self, account: int, urn: int, symbol: int | None) -> None:
        if urn <= self.last[account]:
            return
        self.last[account] = urn
        self.out.append((account, "X", urn))
        mine = [o for o in self.book if o.account == account and symbol in (None, o.symbol)]
        for order in sorted(mine, key=lambda o: o.when):
            self._cancel(order, order.open, "U")

    # ---- background ----

    def background_add(self, symbol: int, side: str, shares: int, price: int, tif: str) -> None:
        if self.halted[symbol]:
            return
        order = Order(self._ref(), -1, 0, symbol, side, shares, price)
        self._trade(order, price)
        if order.open and tif != "3":
            self._rest(order)

    def background_cancel(self, ref: int, shares: int) -> None:
        order = next((o for o in self.book if o.ref == ref and o.account == -1), None)
        if order is not None:
            self._off(order, shares if 0 < shares < order.open else order.open)
