"""The deterministic wire fuzzer under the sanitizers; FASTPATH_FUZZ_INPUTS and FASTPATH_FUZZ_SEED widen a run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from wire_peer import ROOT, SANITIZED, compile_c

INPUTS = int(os.environ.get("FASTPATH_FUZZ_INPUTS", "250000"))
FIRST_SEED = int(os.environ.get("FASTPATH_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    binary = tmp_path_factory.mktemp("fuzz") / "fuzz_wire"
    compile_c(ROOT / "tests/c/fuzz_wire.c", binary, SANITIZED)
    return binary


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + 4))
def test_fuzzed_inputs_break_no_rule(fuzzer: Path, seed: int) -> None:
    ran = subprocess.run(
        [str(fuzzer), str(seed), str(INPUTS)], capture_output=True, text=True, check=False, timeout=280
    )
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-6000:]
    told = re.match(r"(\d+) inputs, (\d+) messages given, (\d+) gaps filled, (\d+) lost", ran.stdout)
    assert told and int(told[1]) == INPUTS
    assert all(int(told[i]) > INPUTS // 1000 for i in (2, 3, 4)), (
        f"the fuzzer no longer reaches the arbitrator's paths: {told[0]}"
    )
