"""The background flow: the same seed gives the same bytes, in every build; the market it makes is alive and bounded."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from exchange_wire import Bench
from sim.exchange._native import lib

ROOT = Path(__file__).resolve().parents[2]
SYMBOLS = ["ONE", "TWO", "THREE"]
STEPS = 20_000
BUILDS = {
    "plain": ["-O2"],
    "sanitized": ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}


def blocks(messages: list[bytes]) -> bytes:
    return b"".join(len(m).to_bytes(2, "big") + m for m in messages)


def bench_stream(seed: int, steps: int) -> bytes:
    bench = Bench(SYMBOLS, [], flow_seed=seed)
    lib.fp_lab_prime(bench.lab, 1000)
    lib.fp_lab_flow(bench.lab, steps, 2000, 1000)
    bench.validate()
    return blocks([message for _, _, message in bench.opening] + bench.feed())


def test_same_seed_same_bytes() -> None:
    first, again, other = bench_stream(7, STEPS), bench_stream(7, STEPS), bench_stream(8, STEPS)
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(again).hexdigest()
    assert hashlib.sha256(first).hexdigest() != hashlib.sha256(other).hexdigest()
    assert len(first) > STEPS * 15


@pytest.mark.parametrize("build", BUILDS)
def test_every_build_gives_the_same_bytes(build: str, tmp_path: Path) -> None:
    sources = [f"sim/exchange/{n}.c" for n in ("lab", "flow", "tape", "matching", "entry", "rerun", "emit", "ladder")]
    sources += [f"fastpath/core/wire/{n}.c" for n in ("layout", "itch", "ouch")]
    binary = tmp_path / "flow_stream"
    command = [
        "gcc",
        "-std=c11",
        "-D_GNU_SOURCE",
        "-Wall",
        "-Wextra",
        "-Werror",
        *BUILDS[build],
        "-I",
        ".",
        "-I",
        "fastpath/core",
    ]
    subprocess.run(
        [*command, "tests/exchange/flow_stream.c", *sources, "-o", str(binary)], check=True, cwd=ROOT, timeout=200
    )
    ran = subprocess.run([str(binary), "7", str(STEPS)], check=True, capture_output=True, timeout=200)
    assert hashlib.sha256(ran.stdout).hexdigest() == hashlib.sha256(bench_stream(7, STEPS)).hexdigest()


def test_market_is_alive_and_bounded() -> None:
    bench = Bench(SYMBOLS, [], flow_seed=3, orders_per_symbol=40)
    lib.fp_lab_prime(bench.lab, 1000)
    kinds: Counter[str] = Counter()
    both_sided = looks = 0
    for number in range(100):
        lib.fp_lab_flow(bench.lab, 1000, 2000 + number, 0)
        kinds.update(chr(message[0]) for message in bench.feed())
        assert bench.stats()["live_orders"] <= len(SYMBOLS) * (2 * 40 + 2)
        for locate in (1, 2, 3):
            bid, ask = (lib.fp_match_best(lib.fp_lab_match(bench.lab), locate, side) for side in (b"B", b"S"))
            assert bid == 0 or ask == 0 or bid < ask
            looks += 1
            both_sided += bool(bid and ask)
    assert both_sided > looks * 0.95
    assert set("AFEXDU") <= set(kinds) and kinds["E"] > sum(kinds.values()) * 0.02
    # what was added has gone again, but for what rests
    assert kinds["A"] + kinds["F"] > 20_000
    assert bench.stats()["background_refused"] == bench.stats()["table_full"] == 0


def test_a_halted_market_stands_still() -> None:
    bench = Bench(SYMBOLS, [], flow_seed=3)
    lib.fp_lab_prime(bench.lab, 1000)
    bench.take()
    for locate in (1, 2, 3):
        bench.apply(lib.FP_MATCH_TRADING, locate=locate, code="H")
    lib.fp_lab_flow(bench.lab, 2000, 2000, 0)
    # only cancels go on, and they end when the books are empty
    assert {message[:1] for message in bench.feed()} <= {b"H", b"X", b"D"}
    bench.validate()
