"""Worst streams at full rate on both lines: `python -m sim.device.line_rate`. Nothing may be lost, and every record be right.

Each stream is packed into MTU-full packets that follow one another without an idle cycle, closer than any wire brings them,
on both lines in the same cycles, and goes through the co-simulation of cosim.py: records and order tables are compared with
the software book, and the card's counters must show that nothing was lost, dropped, refused or held too long. Prints cycles
for each message; a message of 14 bytes with its length takes 1.75 cycles on the wire, a delete 2.625, an add 4.75.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from struct import Struct
from typing import Any

from sim.device.build import BuildError
from sim.device.cosim import cosim

_HEAD, _ADD = Struct(">HcHH6s"), Struct(">QcI8sI")
_REF, _TWO, _EXECUTED, _EXECUTED_AT, _REPLACE = (
    Struct(">Q"),
    Struct(">QI"),
    Struct(">QIQ"),
    Struct(">QIQcI"),
    Struct(">QQII"),
)
SYMBOLS, STOCK = 64, b"RATE    "
NEVER = ("lost", "dropped_records", "broken", "gaps", "hold_full", "refused", "unheld")


def message(kind: bytes, locate: int, number: int, body: bytes) -> bytes:
    """A BinaryFILE entry: length, type, locate, tracking, time."""
    return _HEAD.pack(11 + len(body), kind, locate, 0, number.to_bytes(6, "big")) + body


def add(locate: int, ref: int, side: bytes, shares: int, price_e4: int) -> bytes:
    """An add order."""
    return message(b"A", locate, ref, _ADD.pack(ref, side, shares, STOCK, price_e4))


def adds_and_deletes(_rng: random.Random) -> Iterator[bytes]:
    """40,000 adds, then their deletes, and again: over 64 symbols and 40 levels, the oldest first."""
    refs = count(1)
    while True:
        block = [(next(refs), 1 + i % SYMBOLS) for i in range(40000)]
        for ref, locate in block:
            yield add(locate, ref, b"BS"[ref & 1 : (ref & 1) + 1], 100, 1000000 + 100 * (ref % 40) + 100000 * (ref & 1))
        for ref, locate in block:
            yield message(b"D", locate, ref, _REF.pack(ref))


def shortest(_rng: random.Random) -> Iterator[bytes]:
    """System events, 12 bytes each: with their length the shortest blocks there are."""
    for number in count(1):
        yield message(b"S", 0, number, b"OSQMEC"[number % 6 : number % 6 + 1])


def one_level_after_another(_rng: random.Random) -> Iterator[bytes]:
    """One symbol: 3,000 levels of a bid, then the best one deleted, again and again: each delete searches the next best."""
    refs = count(1)
    while True:
        block = [next(refs) for _ in range(3000)]
        for level, ref in enumerate(block):
            yield add(1, ref, b"B", 100, 1000000 + 100 * level)
        for ref in reversed(block):
            yield message(b"D", 1, ref, _REF.pack(ref))


def one_order_replaced(_rng: random.Random) -> Iterator[bytes]:
    """One order that is replaced for ever, better and worse: each message needs what the one before it left."""
    yield add(1, 1, b"S", 100, 1000000)
    for ref in count(1):
        price = 1000000 + (100 * (ref % 7) if ref % 2 else -100 * (ref % 5))
        yield message(b"U", 1, ref, _REPLACE.pack(ref, ref + 1, 100 + ref % 50, price))


def short_lives(_rng: random.Random) -> Iterator[bytes]:
    """One symbol: add at the best, take a part, delete: the same order in consecutive messages, the best used up each time."""
    yield add(1, 1, b"B", 1000, 990000)
    for ref in count(2):
        yield add(1, ref, b"B", 300, 1000000)
        kind = ref % 4
        if kind == 0:
            yield message(b"X", 1, ref, _TWO.pack(ref, 100))
        elif kind == 1:
            yield message(b"E", 1, ref, _EXECUTED.pack(ref, 100, ref))
        elif kind == 2:
            yield message(b"C", 1, ref, _EXECUTED_AT.pack(ref, 100, ref, b"Y", 990000))
        yield message(b"D", 1, ref, _REF.pack(ref))


def mixture(rng: random.Random) -> Iterator[bytes]:
    """All of it at random over 4 symbols, few orders each, prices close together, shortest messages between."""
    refs = count(1)
    live: list[list[tuple[int, int]]] = [[] for _ in range(5)]
    while True:
        locate = rng.randrange(1, 5)
        mine = live[locate]
        draw = rng.random()
        if draw < 0.15:
            yield message(b"S", 0, 1, b"O")
        elif not mine or (len(mine) < 12 and draw < 0.4):
            ref, shares = next(refs), rng.randrange(1, 400)
            mine.append((ref, shares))
            yield add(locate, ref, rng.choice([b"B", b"S"]), shares, 1000000 + 100 * rng.randrange(12))
        else:
            at = rng.randrange(len(mine))
            ref, shares = mine[at]
            kind = rng.choice("DDDUUEXC")
            part = rng.randrange(1, shares + 1)
            if kind == "D":
                del mine[at]
                yield message(b"D", locate, ref, _REF.pack(ref))
                continue
            if kind == "U":
                new = next(refs)
                mine[at] = (new, part)
                yield message(b"U", locate, ref, _REPLACE.pack(ref, new, part, 1000000 + 100 * rng.randrange(12)))
                continue
            if part == shares:
                del mine[at]
            else:
                mine[at] = (ref, shares - part)
            if kind == "X":
                yield message(b"X", locate, ref, _TWO.pack(ref, part))
            elif kind == "E":
                yield message(b"E", locate, ref, _EXECUTED.pack(ref, part, ref))
            else:
                yield message(b"C", locate, ref, _EXECUTED_AT.pack(ref, part, ref, rng.choice([b"Y", b"N"]), 1000000))


STREAMS: dict[str, Callable[[random.Random], Iterator[bytes]]] = {
    "adds_and_deletes": adds_and_deletes,
    "shortest": shortest,
    "one_level_after_another": one_level_after_another,
    "one_order_replaced": one_order_replaced,
    "short_lives": short_lives,
    "mixture": mixture,
}


def write_stream(name: str, messages: int, path: Path, seed: int = 1) -> None:
    """A stream as a BinaryFILE, directory and trading state of its symbols first."""
    rng = random.Random(seed)  # noqa: S311 - a reproducible stream, not a secret
    stream = STREAMS[name](rng)
    with path.open("wb") as out:
        for locate in range(1, SYMBOLS + 1):
            out.write(
                message(b"R", locate, 0, STOCK + b"QN" + (100).to_bytes(4, "big") + b"NCZ PN NN" + bytes(4) + b"N")
            )
            out.write(message(b"H", locate, 0, STOCK + b"T     "))
        for _ in range(messages):
            out.write(next(stream))


def line_rate(name: str, messages: int, variant: str = "card", seed: int = 1) -> dict[str, Any]:
    """Run a stream. `held`: nothing was lost and every record was equal. Raises BuildError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream"
        write_stream(name, messages, path, seed)
        found = cosim(path, {"lines": "both", "gap": 0, "packet": 1000, "checkpoint": 1 << 40}, variant, quiet=True)
    if found["different"]:
        return {"held": False, **found}
    kept = {key: found[key] for key in ("messages", "frames", "cycles", "duplicates", "queued", "searched", *NEVER)}
    rates = {kind: round(of["cycles"] / of["messages"], 4) for kind, of in found["uniform_packets"].items()}
    held = found["equal"] and not any(found[key] for key in NEVER)
    held = held and found["duplicates"] >= found["messages"] - found["frames"]
    return {
        "held": held,
        "cycles_per_message": round(found["cycles"] / found["messages"], 4),
        "cycles_per_message_in_packets_of": rates,
        **kept,
    }


def main() -> int:
    """Command line: 0 held, 1 not, 2 could not run."""
    parser = argparse.ArgumentParser(description="Worst streams at full rate on both lines, compared record by record.")
    parser.add_argument("streams", nargs="*", metavar="STREAM", help=f"of {', '.join(STREAMS)}; default all")
    parser.add_argument("--messages", type=int, default=1_000_000, help="of each stream (default 1,000,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="take longer to build the card, and less to run it")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    try:
        for name in arguments.streams or STREAMS:
            if name not in STREAMS:
                raise BuildError(f"{name}: no such stream")
            print(f"{name} ...", file=sys.stderr, flush=True)
            found[name] = line_rate(name, arguments.messages, "fast" if arguments.fast else "card", arguments.seed)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1))
    return 0 if all(result["held"] for result in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
