"""The coverage reader and its gates, on a small file made by hand: what is counted, waived, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.coverage.gates import Waiver, judge, lcov, read_waivers, table
from sim.coverage.points import Point, Totals, parse, proof_lines

SOURCE = ["module toy;", "always @(posedge clk)", "if (a)", "x <= 1;", "else", "x <= 2;", "endmodule"]
HEAD = "# SystemC::Coverage-3\n"


def counter(kind: str, line: int, what: str, hits: int, lines: str = "", top: str = "a", file: str = "toy.v") -> str:
    """One counter as Verilator writes it."""
    keys = {"f": f"/here/{file}", "l": str(line), "n": "5", "t": kind, "page": f"v_{kind}/toy", "o": what, "h": top}
    keys |= {"S": lines} if lines else {}
    return "C '" + "".join(f"\x01{key}\x02{value}" for key, value in keys.items()) + f"' {hits}\n"


def both(else_hits: int = 0) -> str:
    """A file in which the `if` was taken."""
    return (
        HEAD
        + counter("line", 2, "block", 7, "2-3")
        + counter("branch", 3, "if", 7, "4")
        + counter("branch", 3, "else", else_hits, "6")
        + counter("toggle", 4, "x[0]:0->1", 3)
        + counter("toggle", 4, "x[0]:1->0", 0)
    )


def totals(*texts: str) -> Totals:
    found = Totals()
    for text in texts:
        found.add(parse(text), {"toy.v": {99}})
    return found


def test_counts_are_added_over_instances_and_files() -> None:
    text = HEAD + counter("line", 2, "block", 3, "2", "TOP.a") + counter("line", 2, "block", 4, "2", "TOP.b")
    found = totals(text, text)
    assert found.hits == {Point("toy.v", 2, 5, "line", "block", (2,)): 14}


def test_other_files_are_left_out() -> None:
    assert not totals(HEAD + counter("line", 2, "block", 3, file="bench.v")).hits


def test_lines_of_the_proofs_are_left_out() -> None:
    text = ["a", "`ifdef FORMAL", "b", "`ifdef YOSYS", "c", "`endif", "d", "`else", "e", "`endif", "`ifdef OTHER", "f"]
    assert proof_lines(text) == {2, 3, 4, 5, 6, 7}
    assert not totals(HEAD + counter("line", 99, "block", 3)).hits


@pytest.mark.parametrize(
    "text", ["", "hello", HEAD + "C 'x' many\n", HEAD + "C '\x01f' 3\n", HEAD + counter("line", 2, "b", 1, "2-x")]
)
def test_what_is_no_coverage_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"coverage\.dat|invalid literal"):
        list(parse(text))


def test_an_untaken_branch_and_its_line_are_told() -> None:
    verdict = judge(totals(both()), {"toy.v": SOURCE}, [], {})
    assert "toy.v:3: branch 'else' never taken: if (a)" in verdict.wrong
    assert "toy.v:6: line never run: x <= 2;" in verdict.wrong
    assert verdict.rows[0].branch == (1, 0, 2)
    assert verdict.rows[0].line == (3, 0, 4)
    assert any(line.startswith("toggle 50.0 %") for line in verdict.wrong)


def test_a_waiver_excuses_its_branch_and_the_lines_behind_it() -> None:
    waivers = [
        Waiver("toy.v", "branch", "if (a)", "else", "a is always 1 here"),
        Waiver("toy.v", "toggle", "x <= 1", "", "x"),
    ]
    verdict = judge(totals(both()), {"toy.v": SOURCE}, waivers, {})
    assert verdict.wrong == []
    assert verdict.rows[0].branch == (1, 1, 2)
    assert "| toy.v | 100.0 (1) | 100.0 (1) | - | 100.0 (1) |" in table(verdict)


def test_a_waiver_of_some_bits_leaves_the_others_open() -> None:
    text = both(1) + counter("toggle", 4, "x[10]:0->1", 0) + counter("toggle", 4, "x[1]:0->1", 0)
    waivers = [Waiver("toy.v", "toggle", "x <= 1", r"x\[\d\]:.*", "bits below ten never move")]
    assert judge(totals(text), {"toy.v": SOURCE}, waivers, {}).rows[0].toggle == (1, 2, 4)


def test_a_waiver_without_a_use_fails() -> None:
    waiver = Waiver("toy.v", "branch", "if (a)", "else", "a is always 1 here")
    verdict = judge(totals(both(else_hits=1)), {"toy.v": SOURCE}, [waiver], {})
    assert "waivers.json: toy.v 'if (a)' waives nothing any more" in verdict.wrong


def test_a_waiver_without_a_reason_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "waivers.json"
    path.write_text('{"waivers": [{"file": "toy.v", "kind": "line", "code": "x", "what": "", "reason": "?"}]}')
    with pytest.raises(ValueError, match="without a reason"):
        read_waivers(path)


def test_a_module_in_no_bench_and_a_bin_never_hit_fail() -> None:
    verdict = judge(totals(both(1)), {"toy.v": SOURCE, "lost.v": ["module lost;"]}, [], {"goal": {"a": 2, "b": 0}})
    assert "lost.v: in no bench" in verdict.wrong
    assert "goal: 1 of 2 never: b" in verdict.wrong
    assert verdict.functional == {"goal": (1, 2)}


def test_lcov_has_lines_and_branches() -> None:
    text = lcov(totals(both()), "hdl/rtl")
    assert "SF:hdl/rtl/toy.v\n" in text
    assert "DA:4,7\nDA:6,0\nLF:4\nLH:3\n" in text
    assert "BRF:2\nBRH:1\n" in text
