"""Software book and card in lock-step over a file: `python -m sim.device.cosim FILE`.

FILE is a BinaryFILE, raw ITCH messages, or a pcap of MoldUDP64; or `generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]` for a
generated day. Every record is compared byte for byte but rx_ns and aux; the first difference stops the run and is shown
with its message, both records field by field and the card's last 100 records. What may differ by design, and how it is
told, is in compare.h. Python only builds and starts the driver; it compares nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sim.device.build import BUILD, ROOT, VARIANTS, BuildError, build, compiler, run

GENERATOR = ROOT / "bench" / "stream" / "generate.c"


def generated(text: str) -> Path:
    """The file of `generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]`, made once. Raises BuildError."""
    numbers = text.split(":")[1:]
    if not numbers or len(numbers) > 4 or not all(number.isdigit() for number in numbers):
        raise BuildError(f"{text}: it should read generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]")
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
    return path


def cosim(path: Path, options: dict[str, object], variant: str = "card", quiet: bool = False) -> dict[str, Any]:
    """Run the driver; its findings, `equal` first. Raises BuildError when it cannot be built or cannot run.

    Options: messages, checkpoint, seed, count (symbols, at most 256, the busiest), symbols (names or locates), packet
    (messages in one, 0: random), lines (a, b, both), lag (B behind A, cycles, at most, random), gap (idle cycles between
    frames), drop (frames of one line in a thousand that are lost; lines both), skew (plants a difference, for tests).
    """
    program = build(VARIANTS[variant], quiet=quiet).cosim
    command = [str(program), str(path), *(f"{name}={value}" for name, value in options.items() if value is not None)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise BuildError(f"cosim could not run ({done.returncode}) {done.stderr or ''}".strip())
    found: dict[str, Any] = json.loads(done.stdout)
    if quiet and not found["equal"]:
        found["report"] = done.stderr
    return found


def main() -> int:
    """Command line: 0 equal, 1 different, 2 could not run."""
    parser = argparse.ArgumentParser(description="Software book and card in lock-step over a file of ITCH messages.")
    parser.add_argument("file", help="BinaryFILE, raw ITCH, pcap, or generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]")
    parser.add_argument("--messages", type=int, help="stop after so many")
    parser.add_argument("--symbols", help="names or locates, separated by commas; default: the 256 busiest")
    parser.add_argument("--count", type=int, help="how many of the busiest symbols")
    parser.add_argument("--checkpoint", type=int, help="messages between two comparisons of the order tables")
    parser.add_argument("--packet", type=int, help="messages in a packet at most; 0: random")
    parser.add_argument("--lines", choices=["a", "b", "both"], help="lines that are fed; default a")
    parser.add_argument("--lag", type=int, help="both lines: B's frames up to so many cycles before or after A's")
    parser.add_argument("--gap", type=int, help="idle cycles between frames; default 3, the wire's")
    parser.add_argument("--drop", type=int, help="both lines: of a thousand frames so many are lost on one of them")
    parser.add_argument("--seed", type=int, help="of lag, drop and packet 0")
    parser.add_argument("--variant", choices=list(VARIANTS), default="card")
    arguments = vars(parser.parse_args())
    file, variant = arguments.pop("file"), arguments.pop("variant")
    try:
        path = generated(file) if file.startswith("generate:") else Path(file)
        if not path.is_file():
            raise BuildError(f"{path}: no such file")
        found = cosim(path, arguments, variant)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1))
    if not found["equal"]:
        return 1
    print(
        f"equal: {found['messages']:,} messages, {found['compared']:,} records, {found['cycles']:,} cycles;"
        f" {found['cycles_per_s'] / 1e6:.2f} M cycles/s, {found['messages_per_s'] / 1e3:.0f} k messages/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
