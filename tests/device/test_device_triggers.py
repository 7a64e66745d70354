"""Armed orders against the naive model: a few hundred of the nightly's ten thousand scenarios."""

from __future__ import annotations

import pytest

from sim.device.triggers import Armed, Seen, triggers

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.timeout(900)]


def test_random_scenarios_fire_as_the_model_says() -> None:
    found = triggers(400, seed=3)
    assert found["scenarios"] == 400
    assert found["fired"] > 80
    assert found["passed"] > 40
    assert found["refused"] > 10
    assert found["not_fired"] > 80
    assert found["lost"] > 5
    assert found["resets"] > 5
    assert found["record_to_first_order_byte_cycles"] == {"least": 5, "most": 5}
    assert found["by_message"]["A"][0] == 12, "an add: 7 to its record, 5 to the order's first byte"
    assert found["by_message"]["T"][0] == 13, "an execution"


def test_the_model_tells_what_may_and_what_must_fire() -> None:
    armed = Armed(slot=0, symbol=1, condition=4, price=100, expire=900, given=(100, 110), off=[(500, 510)])
    seen = [Seen(at - 7, at, 1, 90, 100, quiet=False) for at in (80, 105, 300, 505, 600)]
    assert [armed.may_fire(one) for one in seen] == [False, True, True, True, False]
    assert [armed.must_fire(one) for one in seen] == [False, False, True, False, False]
    assert armed.met(seen[0])
    assert not armed.met(Seen(0, 0, 2, 90, 100, quiet=False)), "another symbol"
    assert not armed.met(Seen(0, 0, 1, 90, 0, quiet=False)), "no ask at all is not an ask at or below"
