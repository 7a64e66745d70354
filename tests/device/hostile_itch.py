"""Streams of ITCH messages for the card: every type, sound and broken, over a few symbols with few references.

The generator keeps the live orders so that most messages find theirs; it judges nothing. Prices stay within one window
of the card's ladder unless a test wants otherwise.
"""

from __future__ import annotations

import random
from pathlib import Path

from sim.rtl.models.itch import TYPES, build

PRICE_MAX_E4 = 1_999_999_900
PRICES_E4 = [1_000_000 + 100 * tick for tick in range(40)]


def binary_file(path: Path, messages: list[bytes]) -> Path:
    """Write a BinaryFILE."""
    path.write_bytes(b"".join(len(message).to_bytes(2, "big") + message for message in messages))
    return path


def sound_start(rng: random.Random, locates: list[int]) -> list[bytes]:
    """Directory and trading state of each symbol: half of them trade."""
    start = [build(rng, "S", locate=0, event_code=ord("O"))]
    for locate in locates:
        start.append(build(rng, "R", locate=locate))
        if locate % 2:
            start.append(build(rng, "H", locate=locate, trading_state=ord("T")))
    return start


def hostile(seed: int, count: int, locates: list[int], bad: float = 0.05, lengths: str = "") -> list[bytes]:
    """`count` messages, a share of `bad` wrong in itself or against the book; `lengths`: types that may be cut."""
    rng = random.Random(seed)
    live: dict[int, tuple[int, int]] = {}
    messages = sound_start(rng, locates)
    next_ref = 1

    def some_ref() -> int:
        return rng.choice(list(live)) if live and rng.random() > bad else rng.randrange(1 << 64)

    def shares(limit: int) -> int:
        return rng.randrange(limit + 2) if rng.random() < bad else rng.randrange(1, max(2, limit + 1))

    def price() -> int:
        return rng.choice([0, PRICE_MAX_E4 + 1, 0xFFFFFFFF]) if rng.random() < bad / 2 else rng.choice(PRICES_E4)

    while len(messages) < count:
        letter = rng.choices([*"AFECXDU", "?"], weights=[30, 3, 8, 6, 8, 22, 12, 11])[0]
        if letter == "?":
            letter = rng.choice([kind for kind in TYPES if kind not in "AFECXDU"])
        locate = 0 if letter in "SVW" else rng.choice(locates)
        ref = some_ref() if letter in "ECXDU" else next_ref
        if ref in live and letter in "ECXDU" and rng.random() > bad / 4:
            locate = live[ref][0]
        have = live.get(ref, (0, 100))[1]
        values = {"locate": locate, "order_ref": ref, "price_e4": price(), "execution_price_e4": price()}
        if letter in "AF" and live and rng.random() < bad / 4:
            values["order_ref"] = rng.choice(list(live))
        elif letter in "AF":
            next_ref += 1
            live[ref] = (locate, 100)
        amount = 100 if letter in "AF" else shares(have)
        if letter in "AFECXUP":
            values["shares"] = amount
        if letter in "EX" and ref in live:
            live[ref] = (live[ref][0], have - amount)
            if have <= amount:
                del live[ref]
        if letter in "DU":
            live.pop(ref, None)
        if letter == "U":
            values["new_order_ref"] = next_ref
            live[next_ref] = (locate, amount)
            next_ref += 1
        message = bytearray(build(rng, letter, **values))
        if letter in lengths and rng.random() < bad / 5:
            message = message[:-1] if len(message) > 12 else message + b"?"
        if rng.random() < bad / 10:
            message[0] = rng.choice(b"?zZ1")
        if letter in "AF" and rng.random() < bad / 5:
            message[19] = 0
        messages.append(bytes(message))
    return messages


def wide(seed: int, count: int, locates: list[int]) -> list[bytes]:
    """Sound messages whose prices jump about, over several windows of the card's ladder, few orders at a time.

    The first locate stays on the tick; the others rarely have an order off it."""
    rng = random.Random(seed)
    live: dict[int, int] = {}
    messages = sound_start(rng, locates)
    centre = {locate: 100_0000 for locate in locates}
    next_ref = 1
    while len(messages) < count:
        locate = rng.choice(locates)
        mine = [ref for ref, owner in live.items() if owner == locate]
        if rng.random() < 0.002:
            centre[locate] = rng.choice([5000, 9900, 1_0000, 30_0000, 100_0000, 160_0000, 500_0000])
        spread = rng.choice([20, 20, 200, 200, 1900, 2400, 4500])
        price = max(1, centre[locate] + 100 * rng.randrange(-spread, spread))
        if price >= 10000 and locate != locates[0] and rng.random() < 0.004:
            price += rng.randrange(1, 100)
        if mine and rng.random() < 0.2:
            ref = rng.choice(mine)
            del live[ref]
            live[next_ref] = locate
            values = {"locate": locate, "order_ref": ref, "new_order_ref": next_ref, "price_e4": price}
            messages.append(build(rng, "U", shares=rng.randrange(1, 900), **values))
            next_ref += 1
        elif mine and rng.random() < 0.1 + 0.1 * len(mine):
            ref = rng.choice(mine)
            del live[ref]
            messages.append(build(rng, "D", locate=locate, order_ref=ref))
        else:
            live[next_ref] = locate
            values = {"locate": locate, "order_ref": next_ref, "price_e4": price, "side": ord(rng.choice("BS"))}
            messages.append(build(rng, "A", shares=rng.randrange(1, 900), **values))
            next_ref += 1
    return messages
