"""Damaged frames through software and card: quick runs of what the nightly does a million times."""

from __future__ import annotations

import pytest

from sim.device.hostile import DAMAGE, hostile

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.timeout(900)]


def test_every_damage_is_judged_alike_and_the_next_good_frame_is_taken() -> None:
    found = hostile({"frames": 6000, "seed": 5}, quiet=True)
    assert found["alike"], found.get("report", found)
    assert set(found["damage"]) == set(DAMAGE)
    assert all(kind["frames"] > 200 for kind in found["damage"].values())
    assert found["good_frames"] == 6000
    assert found["damage"]["harmless"]["taken"] == found["damage"]["harmless"]["frames"]
    assert found["damage"]["session"]["taken"] == 0
    assert found["damage"]["fcs"]["messages_had_left"] > 50, "a card that cuts through tells of it"
    assert found["holes_given_up"] > 10


def test_a_card_that_stores_and_forwards_lets_nothing_of_a_bad_frame_out() -> None:
    found = hostile({"frames": 3000, "seed": 6}, safe=True, quiet=True)
    assert found["alike"], found.get("report", found)
    assert all(kind["messages_had_left"] == 0 for kind in found["damage"].values())
    assert sum(kind["told_bad"] for kind in found["damage"].values()) > 1000


def test_a_step_can_be_run_again_alone() -> None:
    found = hostile({"frames": 3, "first": 4711, "seed": 5, "damage": "cut"}, quiet=True)
    assert found["alike"]
    assert found["damage"]["cut"]["frames"] == 3
