"""Damaged frames through software and card: quick runs of what the nightly does a million times."""

from __future__ import annotations

import pytest

from sim.device.hostile import DAMAGE, PLANTS, hostile

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
    rules = {rule["name"]: rule["frames"] for rule in found["rules"]}
    assert set(rules) == {"not_addressed", "short_message", "far_jump", "far_behind"}
    assert all(rules[name] > 20 for name in ("not_addressed", "short_message", "far_jump"))
    assert found["same_reason"] > 1000
    assert found["session_ends"] > 20 and found["refused_after_end"] == found["session_ends"]
    assert found["resyncs"] > 600, "streams begin again, most often at a small sequence"


@pytest.mark.parametrize("plant", PLANTS)
def test_a_judge_that_is_wrong_is_found_out(plant: str) -> None:
    """Expects a refusal that does not come, a frame taken that is refused, another reason: each stops the run."""
    wanted = {
        "refused": "the card took a frame that the software refuses",
        "taken": "the card refused a frame that the software takes",
        "reason": "the card refused a frame for another reason",
    }
    found = hostile({"frames": 200, "seed": 7, "plant": plant, "damage": "harmless,session"}, quiet=True)
    assert not found["alike"]
    assert found["reason"] == wanted[plant]
    assert "damaged frame (" in found["report"]


def test_a_card_that_stores_and_forwards_lets_nothing_of_a_bad_frame_out() -> None:
    found = hostile({"frames": 3000, "seed": 6}, safe=True, quiet=True)
    assert found["alike"], found.get("report", found)
    assert all(kind["messages_had_left"] == 0 for kind in found["damage"].values())
    assert sum(kind["told_bad"] for kind in found["damage"].values()) > 1000


def test_a_step_can_be_run_again_alone() -> None:
    found = hostile({"frames": 3, "first": 4711, "seed": 5, "damage": "cut"}, quiet=True)
    assert found["alike"]
    assert found["damage"]["cut"]["frames"] == 3
