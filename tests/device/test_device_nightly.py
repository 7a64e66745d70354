"""What the long runs' page says of what could not run: it is named, and never as passed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.device import nightly
from sim.device.build import BuildError


def test_missing_files_are_named_and_have_not_passed(tmp_path: Path) -> None:
    found = nightly.files(1.0, tmp_path)
    assert found["passed"] is None
    assert set(found["not_run"]) == set(nightly.FILES)
    page = nightly.page({"files": {**found, "seconds": 0.0}})
    for pattern in nightly.FILES:
        assert f"| files: {pattern} | not run: no such file on this machine | not run |  |" in page


def test_one_missing_pattern_of_three_does_not_go_unnoticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ritch").mkdir()
    (tmp_path / "ritch" / "a.TEST_ITCH_50").touch()
    one = {"equal": True, "messages": 1, "records": 2, "checkpoints": 1, "dropped_a": 0, "dropped_b": 0, "partly": 0}
    monkeypatch.setattr(nightly, "cosim", lambda *_: one)
    found = nightly.files(1.0, tmp_path)
    assert found["passed"] is None
    assert set(found["not_run"]) == set(nightly.FILES[1:])
    assert [verdict for _, _, verdict in nightly.rows("files", found)] == [True, None, None]
    monkeypatch.setattr(nightly, "cosim", lambda *_: {**one, "equal": False})
    assert nightly.files(1.0, tmp_path)["passed"] is False


def test_a_step_without_findings_is_on_the_page_as_not_run() -> None:
    page = nightly.page({})
    for step in nightly.STEPS:
        assert f"| {step} | not run: no findings of this step | not run |  |" in page


def test_a_step_that_cannot_run_takes_its_old_findings_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_scale: float) -> dict[str, object]:
        raise BuildError("no such tool")

    out = tmp_path / "nightly.json"
    out.write_text(json.dumps({"day": {"passed": True, "seconds": 1.0}}))
    monkeypatch.setitem(nightly.STEPS, "day", cannot)
    monkeypatch.setattr("sys.argv", ["nightly", "day", "--out", str(out)])
    assert nightly.main() == 2
    found = json.loads(out.read_text())
    assert found["day"]["passed"] is None
    assert found["day"]["not_run"] == {"day": "no such tool"}
