"""The journal from Python, for tools and audits: every record from the first, its chain checked on the way.

It only reads. The engine writes the journal, and recovers from it, in C.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from fastpath._core import ffi as _ffi
from fastpath._core import lib as _lib

from .core import ERROR_TEXT_MAX, EngineError


class JournalType(IntEnum):
    """Kinds of journal records."""

    START = 1
    COMMAND = 2
    DECISION = 3
    BYTES_OUT = 4
    SEQUENCED_IN = 5
    SESSION = 6
    LIMITS = 7
    KILL = 8
    RESOLVED = 9
    TRIGGER = 10
    STOP = 11


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One record of the journal; `body` as it lies on the disk."""

    seq: int
    time_ns: int
    type: int
    venue: int
    body: bytes


class JournalReader:
    """Iterates over a journal directory from its first record, checking the chain as it goes.

    Raises:
        EngineError: the directory cannot be read, or (while iterating) the chain is broken.
    """

    def __init__(self, directory: str) -> None:
        out = _ffi.new("struct fp_journal_reader **")
        text = _ffi.new("char[]", ERROR_TEXT_MAX)
        failed = _lib.fp_journal_open_reader(out, directory.encode(), text)
        if failed:
            raise EngineError(failed, _ffi.string(text).decode("utf-8", "replace"))
        self._handle = _ffi.gc(out[0], _lib.fp_journal_close_reader)

    def __iter__(self) -> Iterator[JournalEntry]:
        entry = _ffi.new("struct fp_journal_entry *")
        while (what := _lib.fp_journal_next(self._handle, entry)) == 1:
            body = bytes(_ffi.buffer(entry.body, entry.length)) if entry.length else b""
            yield JournalEntry(entry.seq, entry.time_ns, entry.type, entry.venue, body)
        if what < 0:
            raise EngineError(what, "the journal's chain is broken here")
