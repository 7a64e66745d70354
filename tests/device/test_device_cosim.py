"""Software book and card in lock-step: every type, broken messages, both lines, loss, what does not fit the card."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hostile_itch import binary_file, hostile, sound_start, wide

from sim.device.cosim import cosim, generated
from sim.rtl.models.itch import TYPES, build

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.timeout(900)]
DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
#: Kinds of records that a stream of all types leaves; P leaves T.
OTHERS = "".join(kind for kind in TYPES if kind not in "AFECXDU")
KINDS = {"T" if kind == "P" else kind for kind in TYPES}


def run(path: Path, **options: object) -> dict[str, Any]:
    found = cosim(path, options, quiet=True)
    assert not found["different"], found.get("report", found)
    assert found["equal"] == (found["symbols_excused"] == 0)
    for never in ("lost", "dropped_records", "broken"):
        assert found[never] == 0, never
    return found


def test_every_sound_type_is_equal(tmp_path: Path) -> None:
    found = run(binary_file(tmp_path / "sound", hostile(1, 6000, [1, 2, 3, 500, 65535], bad=0.0)), packet=0)
    assert set(found["kinds"]) >= KINDS
    assert found["compared"] > 6000
    assert found["partly"] == 0


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_hostile_messages_are_judged_alike(tmp_path: Path, seed: int) -> None:
    messages = hostile(seed, 8000, [1, 2, 3, 4, 5, 6, 7], lengths=OTHERS)
    found = run(binary_file(tmp_path / "bad", messages), packet=0, seed=seed)
    assert found["kinds"]["!"] > 20, "the stream should contradict the book"


def test_book_messages_of_a_wrong_length_make_the_symbol_stale(tmp_path: Path) -> None:
    run(binary_file(tmp_path / "cut", hostile(14, 2000, [1, 2], lengths="AFECXDU")), packet=0)


def test_untracked_symbols_leave_nothing(tmp_path: Path) -> None:
    path = binary_file(tmp_path / "some", hostile(5, 4000, list(range(1, 40)), bad=0.0))
    found = run(path, symbols="7,8", packet=0)
    assert 0 < found["applied"] < 1000


def test_a_generated_day_on_both_lines_with_loss() -> None:
    found = run(generated("generate:30000:7:300:3000"), lines="both", lag=60, packet=0, drop=150, checkpoint=10000)
    assert found["dropped_a"] > 50
    assert found["dropped_b"] > 50
    assert found["duplicates"] > 20000
    assert found["checkpoints"] >= 3


def test_one_message_in_a_packet_and_full_packets() -> None:
    path = generated("generate:8000:8:64:1000")
    assert run(path, packet=1)["frames"] == 8000
    assert run(path, packet=100, gap=0)["frames"] < 300


def test_a_lost_side_is_told_and_foretold(tmp_path: Path) -> None:
    rng = random.Random(9)
    messages = sound_start(rng, [1])
    side = ord("B")
    for ref, price in ((1, 100_0000), (2, 150_0000)):  # 5,000 ticks apart: the window slides off the first
        messages.append(build(rng, "A", locate=1, order_ref=ref, side=side, shares=10, price_e4=price))
    messages.append(build(rng, "D", locate=1, order_ref=2))
    messages.append(build(rng, "D", locate=1, order_ref=1))
    found = run(binary_file(tmp_path / "far", messages))
    assert found["sides_lost"] == 1
    assert found["partly"] == 2
    assert found["live_orders"] == 0
    assert found["lost_sides"] == [{"locate": 1, "side": "B", "message": 5, "cause": "emptied down to its floor"}]


@pytest.mark.parametrize("seed", [21, 22])
def test_prices_far_apart_and_off_the_tick_are_foretold(tmp_path: Path, seed: int) -> None:
    found = run(binary_file(tmp_path / "wide", wide(seed, 12000, list(range(1, 41)))), packet=0, seed=seed)
    assert found["sides_lost"] > 3
    assert found["evicted"] > 10
    assert found["far"] > 10
    assert found["partly"] > 10
    assert {lost["cause"] for lost in found["lost_sides"]} >= {"emptied down to its floor", "an order off the tick"}


def test_more_orders_than_the_table_holds_are_told() -> None:
    found = run(generated("generate:520000:10:256:65000"), messages=190000)
    assert found["table_full"] > 0
    assert found["excused_records"] > 0
    assert found["peak_orders"] <= 65536 + 16


@pytest.mark.parametrize(
    ("name", "at_least"),
    [("ritch/ex20101224.TEST_ITCH_50", 12000), ("nasdaq_20191230/12302019_filtered_500.itch", 500)],
)
def test_published_files_are_equal(name: str, at_least: int) -> None:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not on this machine")
    found = run(path)
    # Where orders are off the tick the card loses that side, and says so: its best alone is not compared then.
    lost = [side["cause"] for side in found["lost_sides"]]
    assert lost == ["an order off the tick"] * len(lost)
    assert bool(lost) == name.startswith("ritch")
    assert found["compared"] + (found["partly"] if lost else 0) >= at_least
    assert found["excused_records"] == 0


def test_captures_are_read() -> None:
    captures = sorted(DATA.glob("omi_nasdaq/Nasdaq.Equities.TotalView.Itch.v5.0/*.pcap"))
    if not captures:
        pytest.skip("no captures on this machine")
    assert sum(run(path)["messages"] for path in captures) > 40


def test_a_difference_stops_the_run_and_is_shown(tmp_path: Path) -> None:
    """The card is told another midnight than the software book: the first record must differ."""
    found = cosim(binary_file(tmp_path / "x", hostile(11, 50, [1], bad=0.0)), {"skew": 1}, quiet=True)
    assert not found["equal"]
    assert found["message"] == 0
    assert "venue_ns" in found["report"]
    assert "<--" in found["report"]
    assert "the card's last records" in found["report"]
