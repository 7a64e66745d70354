"""Days of ITCH for long runs: the benchmark generator's, and the same with every other message type strewn in.

The generator makes what moves a book; the rest of ITCH 5.0 (crosses, halts, announcements, auctions, breaks ...) is put
between its messages, one in 25, for random symbols at the time of its neighbour. Files are made once, in build/device.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from sim.device.build import BUILD, GENERATOR, BuildError, compiler, run

POOL, EVERY = 4000, 25
VENUE_WIDE = b"SVW"


def generated(text: str) -> Path:
    """The file of `generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]` or `everything:...`. Raises BuildError."""
    kind, *numbers = text.split(":")
    if not numbers or len(numbers) > 4 or not all(number.isdigit() for number in numbers):
        raise BuildError(f"{text}: it should read {kind}:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]")
    messages, seed, symbols, peak = [*numbers, *["", "1", "256", "40000"][len(numbers) :]]
    BUILD.mkdir(parents=True, exist_ok=True)
    program = BUILD / "generate"
    if not program.exists() or program.stat().st_mtime < GENERATOR.stat().st_mtime:
        command = [compiler("gcc")[-1], "-O2", "-std=c11", "-D_GNU_SOURCE", str(GENERATOR), "-lm", "-o", str(program)]
        run(command, BUILD)
    path = BUILD / f"day-{messages}-{seed}-{symbols}-{peak}.itch"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        run([str(program), str(part), messages, seed, symbols, peak], BUILD)
        part.rename(path)
    if kind != "everything":
        return path
    full = path.with_name(f"everything-{path.stem[4:]}.itch")
    if not full.exists():
        part = full.with_suffix(f".{os.getpid()}")
        strew(path, part, int(seed), int(symbols))
        part.rename(full)
    return full


def strew(source: Path, target: Path, seed: int, symbols: int) -> None:
    """Copy a BinaryFILE with the other types between its messages."""
    from sim.rtl.models.itch import TYPES, build  # noqa: PLC0415 - the benches' models need not be there otherwise

    rng = random.Random(seed)  # noqa: S311 - a reproducible stream, not a secret
    others = [kind for kind in TYPES if kind not in "AFECXDUR"]
    pool = [build(rng, rng.choice(others)) for _ in range(POOL)]
    data = source.read_bytes()
    at = number = 0
    with target.open("wb", buffering=1 << 20) as out:
        while at < len(data):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            out.write(data[at:end])
            number += 1
            if number % EVERY == 0:
                other = pool[rng.randrange(POOL)]
                locate = 0 if other[0] in VENUE_WIDE else rng.randrange(1, symbols + 1)
                out.write(
                    len(other).to_bytes(2, "big") + other[:1] + locate.to_bytes(2, "big") + other[3:5]
                    + data[at + 7 : at + 13] + other[11:]
                )  # fmt: skip
            at = end
