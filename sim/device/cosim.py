"""Software book and card in lock-step over a file: `python -m sim.device.cosim FILE`.

FILE is a BinaryFILE, raw ITCH messages, or a pcap of MoldUDP64; or `generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]` for a
generated day, `everything:...` for one with every message type. Every record is compared byte for byte but rx_ns and aux; the first difference stops the run and is shown
with its message, both records field by field, the card's last 100 records and a waveform of the window. `equal` is true when every record of every
symbol was as foretold; what the card's finite price window and order table change in them, and how it is told, is in
compare.h, and `lost_sides` lists each such side with its cause. Python only builds and starts the driver; it compares nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.device.build import BUILD, VARIANTS, BuildError, Variant, build
from sim.device.day import generated

__all__ = ["cosim", "generated"]
WINDOW_CYCLES = 3000  # that a waveform shows before a difference


def cosim(
    path: Path,
    options: dict[str, object],
    variant: str | Variant = "card",
    quiet: bool = False,
    waveform: bool | None = None,
) -> dict[str, Any]:
    """Run the driver; its findings. Raises BuildError when it cannot be built or cannot run.

    `different`: a difference stopped the run; `report` shows it when quiet. `equal`: none did, and no symbol was left out
    because the card's order table was full (`symbols_excused`). With `waveform` (default: when not quiet) a run that found
    a difference is made again, up to it, on a card that writes its last cycles: `waveform` is then the path of the FST, or
    `no_waveform` says why there is none.

    Options: messages, checkpoint, seed, count (symbols, at most 256, the busiest), symbols (names or locates), packet
    (messages in one, 0: random), lines (a, b, both), lag (B behind A, cycles, at most, random), gap (idle cycles between
    frames), drop (frames of one line in a thousand that are lost; lines both), skew (plants a difference, for tests).
    """
    card = VARIANTS[variant] if isinstance(variant, str) else variant
    found, report = _run(build(card, quiet=quiet), path, options, quiet)
    if found["different"]:
        if quiet:
            found["report"] = report
        if waveform if waveform is not None else not quiet:
            _add_waveform(found, card, path, options)
    return found


def _run(card: Variant, path: Path, options: dict[str, object], quiet: bool) -> tuple[dict[str, Any], str]:
    command = [
        str(card.driver("cosim")),
        str(path),
        *(f"{name}={value}" for name, value in options.items() if value is not None),
    ]
    errors = subprocess.PIPE if quiet else None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    if done.returncode not in (0, 1):
        raise BuildError(f"cosim could not run ({done.returncode}) {done.stderr or ''}".strip())
    return json.loads(done.stdout), done.stderr or ""


def _add_waveform(found: dict[str, Any], card: Variant, path: Path, options: dict[str, object]) -> None:
    """The same run on the traced card: it is deterministic, so it differs again in the same cycle."""
    traced = card if card.trace else replace(card, name=f"{card.name}-traced", trace=True, quick=True, profile=False)
    wave = BUILD / f"difference-{traced.name}-{found['message']}.fst"
    window = {"wave": wave, "wave_from": max(0, found["cycle"] - WINDOW_CYCLES)}
    try:
        again, _ = _run(build(traced, quiet=True), path, {**options, **window}, quiet=True)
    except BuildError as error:
        found["no_waveform"] = str(error)
        return
    if again.get("cycle") != found["cycle"]:
        found["no_waveform"] = "the traced card does not differ in that cycle"
        return
    found["waveform"] = str(wave)


def main() -> int:
    """Command line: 0 equal, 1 different, 2 could not run."""
    parser = argparse.ArgumentParser(description="Software book and card in lock-step over a file of ITCH messages.")
    parser.add_argument(
        "file", help="BinaryFILE, raw ITCH, pcap, or generate: or everything:MESSAGES[:SEED[:SYMBOLS[:PEAK]]]"
    )
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
        path = generated(file) if file.startswith(("generate:", "everything:")) else Path(file)
        if not path.is_file():
            raise BuildError(f"{path}: no such file")
        found = cosim(path, arguments, variant)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1))
    if found["different"]:
        return 1
    verdict = "equal" if found["equal"] else f"equal but for {found['symbols_excused']} symbols that lost orders"
    print(
        f"{verdict}: {found['messages']:,} messages, {found['compared']:,} records, {found['cycles']:,} cycles;"
        f" {found['cycles_per_s'] / 1e6:.2f} M cycles/s, {found['messages_per_s'] / 1e3:.0f} k messages/s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
