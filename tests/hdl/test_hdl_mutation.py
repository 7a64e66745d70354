"""The mutator on a toy module: which places it changes and which not, and that the same seed picks the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HDL = Path(__file__).resolve().parents[2] / "hdl"
sys.path.insert(0, str(HDL / "mutation"))

from judge import Result, earlier, page  # noqa: E402
from mutants import quota, shuffled, sites, tokens  # noqa: E402

TOY = """// a == b here is a comment
`include "x.vh"
module toy #(parameter WIDTH = 4'd4) (
    input  wire [WIDTH-1:0] a,
    output reg  q
);
    localparam [3:0] LIMIT = 4'd9;
    wire [7:0] sum;
    assign sum = a[3:0] + 8'hff;
    genvar i;
    generate
        for (i = 0; i < 4; i = i + 1) begin : row
            if (i == 0) begin : first
                assign w[i] = !a;
            end
        end
    endgenerate
    always @(posedge clk) begin
        if (a <= LIMIT && ready)
            q <= b <= c ? 1'b0 : ~d;
        else if (a >= 4'd15)
            q <= m ^ (n | o);
    end
`ifdef FORMAL
    always @* assert(a == b);
`ifdef YOSYS
    always @* assume(a != b);
`endif
`else
    assign seen = x - 1'b1;
`endif
    function [3:0] twice;
        input [3:0] v;
        twice = v + v;
    endfunction
endmodule
"""


def changes() -> list[tuple[str, str]]:
    return [(mutant.old, mutant.new) for mutant in sites(TOY, "toy.v")]


def test_every_kind_of_place_is_found_and_no_other() -> None:
    assert changes() == [
        ("+", "-"), ("8'hff", "8'hfe"),
        ("!", ""),
        ("(a <= LIMIT && ready)", "(!(a <= LIMIT && ready))"), ("<=", "<"), ("&&", "||"),
        ("<=", "<"), ("?", "|| 1'b1 ?"), ("1'b0", "1'b1"), ("~", ""),
        ("(a >= 4'd15)", "(!(a >= 4'd15))"), (">=", ">"), ("4'd15", "4'd14"),
        ("^", "|"), ("|", "&"),
        ("-", "+"), ("1'b1", "1'b0"),
    ]  # fmt: skip


def test_a_mutant_changes_its_own_place_only() -> None:
    for mutant in sites(TOY, "toy.v"):
        after = mutant.apply(TOY)
        assert after != TOY
        assert after[: mutant.offset] == TOY[: mutant.offset]
        assert after[mutant.offset + len(mutant.new) :] == TOY[mutant.offset + len(mutant.old) :]
        assert mutant.code == TOY.splitlines()[mutant.line - 1].strip()


def test_keys_are_unique_and_stay_when_lines_are_added() -> None:
    keys = [mutant.key for mutant in sites(TOY, "toy.v")]
    assert len(set(keys)) == len(keys)
    assert [mutant.key for mutant in sites("// new\n" + TOY, "toy.v")] == keys


def test_the_seed_decides_the_order() -> None:
    found = sites(TOY, "toy.v")
    assert shuffled(found, 1) == shuffled(list(reversed(found)), 1)
    assert shuffled(found, 1) != shuffled(found, 2)
    assert sorted(mutant.key for mutant in shuffled(found, 1)) == sorted(mutant.key for mutant in found)


@pytest.mark.parametrize(("count", "wanted"), [(0, 0), (1, 1), (7, 1), (100, 10)])
def test_quota(count: int, wanted: int) -> None:
    assert quota(count, 10) == wanted


def test_what_is_not_verilog_is_refused() -> None:
    with pytest.raises(ValueError, match="not Verilog"):
        tokens("module x; \\ endmodule")


@pytest.mark.parametrize("path", sorted((HDL / "rtl").glob("*.v")), ids=lambda path: path.name)
def test_every_module_has_sites(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for mutant in sites(text, path.name):
        mutant.apply(text)


def result(key: str, fate: str, file: str = "toy.v") -> Result:
    return Result(key, file, 7, "q <= a;", "+", "-", "arithmetic", fate, "toy", 1.0, "stamp")


def test_earlier_results_fill_what_is_not_judged_anew() -> None:
    known = [result("b", "killed"), result("a", "survived"), result("c", "not built"), result("d", "killed", "x.v")]
    by_key = {entry.key: entry for entry in known}
    assert [entry.key for entry in earlier(by_key, {}, "toy.v", 9)] == ["a", "b"]
    assert [entry.key for entry in earlier(by_key, {"a": by_key["a"]}, "toy.v", 9)] == ["b"]
    assert [entry.key for entry in earlier(by_key, {}, "toy.v", 1)] == ["a"]


def test_the_page_tells_what_is_older_and_what_has_no_reason() -> None:
    text = page([result("a", "survived"), result("b", "killed")], {}, 3, {"a"})
    assert "**1 of 2 killed (50.0 %)**" in text
    assert "3 more are chosen and not judged yet" in text
    assert "1 were judged on an earlier state of the module or of its bench." in text
    assert "| `toy.v` | 2 | 1 | 1 | an earlier state: 1 |" in text
    assert "**not explained**" in text
    assert "earlier" not in page([result("b", "killed")], {}, 0, set())
