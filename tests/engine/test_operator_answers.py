"""What an operator reads of an answer: done, refused, and done but not yet safe from a restart."""

from __future__ import annotations

import pytest

from fastpath.bus_messages import Reply
from fastpath.cli.operator_command import answer_line
from fastpath.config import ConfigError
from fastpath.records import Reason


def test_done_tells_how_many_orders_it_concerned() -> None:
    assert answer_line(Reply(id=1, ok=True, outcome="accepted", count=3)) == "done, 3 orders concerned"


def test_done_without_the_journal_says_what_a_restart_would_do() -> None:
    line = answer_line(Reply(id=1, ok=True, outcome="accepted", count=3, reason=Reason.JOURNAL_FAILED))
    assert line.startswith("done, 3 orders concerned")
    assert "journal" in line
    assert "restart" in line


def test_refused_is_an_error_with_its_reason() -> None:
    with pytest.raises(ConfigError, match="0x8012"):
        answer_line(Reply(id=1, ok=True, outcome="refused", reason=Reason.JOURNAL_FAILED))
