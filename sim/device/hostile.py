"""Damaged frames through software and card in lock-step: `python -m sim.device.hostile --frames 1000000`.

Each step damages a good frame (bits, cuts, lying lengths, counts, sessions, sequences, headers, noise), sends it, and then
the good one. The software's verdict is fp_net_parse's and the arbiter's window's (fp_mold_rx_push). What the software refuses the
card must refuse, for the same reason; what it takes the card must take. Exceptions are the named rules and pairs of reasons of
hostile_judge.c, counted in the findings; anything else stops the run. A card that cuts through must tell of each bad frame how
many messages had left, and those very messages must have; one that stores and forwards (--safe) lets none out.
hostile.c does the work; a step that fails is run again alone by --first STEP --frames 1 (the books are then empty, and the
stream begins at 1), or with a few steps before it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from sim.device.build import VARIANTS, BuildError, build
from sim.device.day import generated

#: What a frame may suffer, as hostile.h has it.
DAMAGE = [
    "flip", "fcs", "cut", "cut_sealed", "flip_sealed", "block", "count", "session", "sequence", "noise", "harmless",
    "headers", "tail", "content", "quiet", "short", "two",
]  # fmt: skip
#: What the judge may get wrong on purpose: that a frame is refused, that it is taken, what for.
PLANTS = ["refused", "taken", "reason"]
STREAM = "generate:500000"


def hostile(options: dict[str, object], safe: bool = False, fast: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Run the driver; its findings, `alike` first, `report` of a difference when quiet. Raises BuildError.

    Options: frames, first (step), seed, count (symbols tracked), damage (kinds, separated by commas), lengths (0 leaves
    out packets with a book message of a wrong length), plant (a fault of the judge, for tests: PLANTS).
    """
    name = ("fast-safe" if safe else "fast") if fast else ("safe" if safe else "card")
    program = build(VARIANTS[name], quiet=quiet).driver("hostile")
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    errors = subprocess.PIPE if quiet else None
    done = subprocess.run(
        [str(program), str(generated(STREAM)), f"safe={int(safe)}", *given],
        stdout=subprocess.PIPE, stderr=errors, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise BuildError(f"hostile could not run ({done.returncode}) {done.stderr or ''}".strip())
    found: dict[str, Any] = json.loads(done.stdout)
    if quiet and not found["alike"]:
        found["report"] = done.stderr
    return found


def main() -> int:
    """Command line: 0 alike, 1 different, 2 could not run."""
    parser = argparse.ArgumentParser(
        description="Damaged frames through the software's rules and the card in lock-step."
    )
    parser.add_argument("--frames", type=int, default=20000, help="damaged frames (default 20,000)")
    parser.add_argument("--first", type=int, help="begin with this step")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, help="symbols tracked, at most 256")
    parser.add_argument("--damage", help=f"kinds, separated by commas, of {', '.join(DAMAGE)}")
    parser.add_argument("--lengths", type=int, choices=[0, 1], help="0: no book messages of a wrong length")
    parser.add_argument("--plant", choices=PLANTS, help="plant a fault of the judge, to see that it is found")
    parser.add_argument("--safe", action="store_true", help="the card that stores and forwards")
    parser.add_argument("--fast", action="store_true", help="take longer to build the card, and less to run it")
    options = vars(parser.parse_args())
    safe, fast = options.pop("safe"), options.pop("fast")
    try:
        found = hostile(options, safe, fast)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, indent=1))
    return 0 if found["alike"] else 1


if __name__ == "__main__":
    sys.exit(main())
