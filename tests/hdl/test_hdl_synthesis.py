"""What synthesis does to a mapped netlist before the placer has it: nothing of it may reach the routed design.

Runs no synthesis: that takes minutes to hours (`make hdl-synth`).
"""

from __future__ import annotations

import copy
import json

import pytest
from netlist import Json, ballast, without_ballast

LUTS = 10


def mapped() -> Json:
    """LUT 0 to 9, each behind the one before it, and a register behind the last whose output has no name."""
    cells: Json = {
        f"lut{place}": {
            "hide_name": 0, "type": "LUT4", "parameters": {"INIT": f"{0x5555:016b}"}, "attributes": {},
            "port_directions": {"A": "input", "Z": "output"}, "connections": {"A": [2 + place], "Z": [3 + place]},
        }
        for place in range(LUTS)
    }  # fmt: skip
    cells["out.last"] = {
        "hide_name": 0, "type": "TRELLIS_FF", "parameters": {}, "attributes": {},
        "port_directions": {"DI": "input", "Q": "output"}, "connections": {"DI": [2 + LUTS], "Q": [3 + LUTS]},
    }  # fmt: skip
    netnames = {f"net{bit}": {"hide_name": 0, "bits": [bit], "attributes": {}} for bit in range(2, 3 + LUTS)}
    return {"modules": {"top": {"attributes": {}, "ports": {}, "cells": cells, "netnames": netnames}}}


@pytest.mark.parametrize("number", [0, 1, 4, LUTS])
def test_ballast_hangs_on_as_many_luts_and_drives_nothing_of_the_design(number: int) -> None:
    before = mapped()
    loaded = copy.deepcopy(before)
    ballast(loaded, "top", number)
    cells = loaded["modules"]["top"]["cells"]
    added = [cell for name, cell in cells.items() if name not in before["modules"]["top"]["cells"]]
    assert {cell["type"] for cell in added} <= {"LUT4"}
    held = [cell["connections"]["A"][0] for cell in added]
    assert len(set(held)) == number, "one on each at most"
    assert set(held) <= {3 + place for place in range(LUTS)}, "on the output of a LUT"
    driven = [bit for cell in cells.values() for port, bits in cell["connections"].items()
              if cell["port_directions"][port] == "output" for bit in bits]
    assert len(driven) == len(set(driven)) == LUTS + 1 + number, "a net with two drivers"
    assert {name: cell for name, cell in cells.items() if name in before["modules"]["top"]["cells"]} == \
        before["modules"]["top"]["cells"]


def test_what_nextpnr_wrote_loses_its_ballast_and_nothing_else() -> None:
    design = mapped()
    ballast(design, "top", 4)
    assert design != mapped()
    assert without_ballast(design) == 4
    assert json.dumps(design) == json.dumps(mapped())
