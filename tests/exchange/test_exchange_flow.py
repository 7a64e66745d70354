"""The background flow: the same seed gives the same bytes, in every build; the market it makes is alive and bounded."""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from exchange_wire import Bench
from sim.exchange._native import ffi, lib

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


def test_the_feed_alone_rebuilds_the_book() -> None:
    """Orders kept only from the published messages are the orders the exchange has, level by level."""
    bench = Bench(SYMBOLS, [], flow_seed=5)
    lib.fp_lab_prime(bench.lab, 1000)
    orders: dict[int, list[int | str]] = {}  # reference: locate, side, price, shares

    def hear(m: bytes) -> None:
        kind, locate, ref = chr(m[0]), int.from_bytes(m[1:3], "big"), int.from_bytes(m[11:19], "big")
        if kind in "AF":
            assert ref not in orders
            price, shares = int.from_bytes(m[32:36], "big"), int.from_bytes(m[20:24], "big")
            orders[ref] = [locate, chr(m[19]), price, shares]
        elif kind in "EX":
            shares = int.from_bytes(m[19:23], "big")
            left = int(orders[ref][3]) - shares
            assert shares > 0 and left >= 0 and (kind == "E" or left > 0)
            orders[ref][3] = left
            if left == 0:
                del orders[ref]
        elif kind == "D":
            del orders[ref]
        elif kind == "U":
            old = orders.pop(ref)
            new = int.from_bytes(m[19:27], "big")
            assert new not in orders
            orders[new] = [old[0], old[1], int.from_bytes(m[31:35], "big"), int.from_bytes(m[27:31], "big")]

    for number in range(50):
        lib.fp_lab_flow(bench.lab, 300, 2000 + number, 0)
        for message in bench.feed():
            hear(message)
        for locate in (1, 2, 3):
            for side in "BS":
                levels: dict[int, list[int]] = {}
                for where, whose, price, shares in orders.values():
                    if (where, whose) == (locate, side):
                        level = levels.setdefault(int(price), [0, 0])
                        level[0] += int(shares)
                        level[1] += 1
                out = ffi.new("struct fp_match_level[500]")
                count = lib.fp_match_depth(lib.fp_lab_match(bench.lab), locate, side.encode(), out, 500)
                got = [(out[i].price_e4, out[i].shares, out[i].orders) for i in range(count)]
                assert got == [(p, *levels[p]) for p in sorted(levels, reverse=side == "B")]
