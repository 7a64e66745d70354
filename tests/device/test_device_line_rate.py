"""The worst streams at full rate on both lines, short: the nightly sends a million messages of each."""

from __future__ import annotations

import pytest

from sim.device.line_rate import STREAMS, line_rate

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.timeout(900)]
#: Cycles that a message with its length takes on the wire, and the share of a packet's headers.
WIRE = {"D": 21 / 8, "A": 38 / 8, "S": 14 / 8, "U": 37 / 8}


@pytest.mark.parametrize("name", list(STREAMS))
def test_nothing_is_lost_and_every_record_is_right(name: str) -> None:
    found = line_rate(name, 90000 if name == "adds_and_deletes" else 12000)
    assert found["held"], found.get("report", found)
    for kind, cycles in found["cycles_per_message_in_packets_of"].items():
        assert WIRE[kind] < cycles < WIRE[kind] * 1.09, "the lines have no gap between frames"
