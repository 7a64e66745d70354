"""The C matching core against the naive one, message by message, on random flows."""

from __future__ import annotations

import random
import struct
from collections import Counter

import exchange_wire as wire
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_matcher import MARKETS, NaiveExchange
from sim.exchange._native import lib

SYMBOLS = ["ONE", "TWO", "THREE"]
ACCOUNTS = [("FRM0", "N"), ("FRM1", "W"), ("FRM2", "O"), ("FRM3", "D")]


def seen(stream: str, account: int, m: bytes) -> tuple[object, ...] | None:
    """An output of the C core in the naive core's words."""
    kind = chr(m[0])
    if stream == "F":
        if kind in "AF":
            ref, side, shares, _, price = struct.unpack(">QcI8sI", m[11:36])
            return ("F", kind, ref, side.decode(), shares, price) + ((m[36:40].decode(),) if kind == "F" else ())
        if kind == "E":
            return ("F", "E", *struct.unpack(">QIQ", m[11:31]))
        if kind == "X":
            return ("F", "X", *struct.unpack(">QI", m[11:23]))
        if kind == "D":
            return ("F", "D", *struct.unpack(">Q", m[11:19]))
        if kind == "U":
            return ("F", "U", *struct.unpack(">QQII", m[11:35]))
        if kind == "P":
            ref, side, shares, _, price, number = struct.unpack(">QcI8sIQ", m[11:44])
            return ("F", "P", ref, side.decode(), shares, price, number)
        return None
    if kind == "A":
        urn, side, quantity, _, price = struct.unpack(">IcI8sQ", m[9:34])
        return (account, "A", urn, side.decode(), quantity, price, int.from_bytes(m[36:44], "big"), chr(m[47]))
    if kind == "U":
        orig, urn, _, quantity, _, price = struct.unpack(">IIcI8sQ", m[9:38])
        return (account, "U", orig, urn, quantity, price, int.from_bytes(m[40:48], "big"), chr(m[51]))
    if kind == "C":
        urn, quantity, reason = struct.unpack(">IIc", m[9:18])
        return (account, "C", urn, quantity, reason.decode())
    if kind == "D":
        urn, shares = struct.unpack(">II", m[9:17])
        return (account, "D", urn, shares, chr(m[31]))
    if kind == "E":
        urn, quantity, price, flag, number = struct.unpack(">IIQcQ", m[9:34])
        return (account, "E", urn, quantity, price, flag.decode(), number)
    if kind == "J":
        urn, reason = struct.unpack(">IH", m[9:15])
        return (account, "J", urn, reason)
    if kind == "M":
        urn, side, quantity = struct.unpack(">IcI", m[9:18])
        return (account, "M", urn, side.decode(), quantity)
    if kind == "X":
        return (account, "X", int.from_bytes(m[9:13], "big"))
    raise AssertionError(m)


TOTALS: Counter[str] = Counter()


class Pair:
    """Both exchanges, fed the same."""

    def __init__(self) -> None:
        self.bench = wire.Bench(SYMBOLS, ACCOUNTS)
        self.naive = NaiveExchange(SYMBOLS, ACCOUNTS)
        self.steps = 0

    def agree(self) -> None:
        got = [seen(*output) for output in self.bench.take()]
        want = self.naive.take()
        assert [g for g in got if g is not None] == want, f"step {self.steps}"
        self.steps += 1

    def step(self, r: random.Random) -> None:
        account, symbol = r.randrange(len(ACCOUNTS)), r.randrange(len(SYMBOLS))
        price = 100_000 + 100 * r.randint(-6, 6)
        if r.random() < 0.04:
            price = r.choice([*MARKETS, 0, 0x7735939D, 100_001, 1])
        quantity = r.choice([0, 1_000_000]) if r.random() < 0.02 else r.randint(1, 400)
        tif, display = r.choice("000000000333356"), r.choice("YYYYYYYNNAAZ")
        urn = self.naive.last[account] + r.choice([1, 1, 1, 1, 2, 0])
        known = [o.urn for o in self.naive.book if o.account == account] or [urn]
        target = r.choice(known) if r.random() < 0.9 else r.randint(1, urn + 1)
        act = r.random()
        naive, bench = self.naive, self.bench
        if act < 0.35:
            side = r.choice("BBBSSTEX" if r.random() < 0.1 else "BBBSST")
            name = SYMBOLS[symbol] if r.random() > 0.02 else "NONE"
            bench.ouch(account, wire.enter(urn, side, quantity, name, price, tif, display))
            naive.enter(account, urn, side, quantity, symbol if name != "NONE" else -1, price, tif, display)
        elif act < 0.50:
            bench.ouch(account, wire.replace(target, urn, quantity, price, tif, display))
            naive.replace(account, target, urn, quantity, price, tif, display)
        elif act < 0.62:
            size = r.choice([0, r.randint(0, 400)])
            bench.ouch(account, wire.cancel(target, size))
            naive.cancel(account, target, size)
        elif act < 0.68:
            side, size = r.choice("BSTE"), r.randint(0, 400)
            bench.ouch(account, wire.modify(target, side, size))
            naive.modify(account, target, side, size)
        elif act < 0.70:
            every = r.random() < 0.5
            bench.ouch(account, wire.mass_cancel(urn, "", "" if every else SYMBOLS[symbol]))
            naive.mass_cancel(account, urn, None if every else symbol)
        elif act < 0.72:
            naive.halted[symbol] = not naive.halted[symbol] and r.random() < 0.2
            bench.apply(lib.FP_MATCH_TRADING, locate=symbol + 1, code="H" if naive.halted[symbol] else "T")
        elif act < 0.90:
            side, shares = r.choice("BS"), r.randint(1, 400)
            price = 100_000 + 100 * r.randint(-6, 6)
            bench.apply(
                lib.FP_MATCH_ADD, locate=symbol + 1, code=side, shares=shares, price_e4=price, time_in_force=tif
            )
            naive.background_add(symbol, side, shares, price, tif)
        else:
            refs = [o.ref for o in naive.book if o.account == -1] or [1]
            ref, shares = r.choice(refs), r.choice([0, r.randint(1, 300)])
            bench.apply(lib.FP_MATCH_CANCEL, ref=ref, shares=shares)
            naive.background_cancel(ref, shares)
        self.agree()


@pytest.mark.parametrize("seed", range(12))
def test_random_flow(seed: int) -> None:
    r, pair = random.Random(seed), Pair()
    for number in range(1200):
        pair.step(r)
        if number % 100 == 0:
            pair.bench.validate()
    stats = pair.bench.stats()
    TOTALS.update({name: stats[name] for name in ("executions", "self_matches", "replaces", "mass_cancels")})
    live = {o.ref for o in pair.naive.book}
    assert stats["live_orders"] == len(live)


def test_the_flows_were_not_empty() -> None:
    """What the flows above have been through together; they are seeded, so this never varies."""
    assert TOTALS["executions"] > 1000 and TOTALS["self_matches"] > 50
    assert TOTALS["replaces"] > 1000 and TOTALS["mass_cancels"] > 50


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_short_flow(r: random.Random, length: int) -> None:
    pair = Pair()
    for _ in range(length):
        pair.step(r)
    pair.bench.validate()
