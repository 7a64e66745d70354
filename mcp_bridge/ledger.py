"""The bridge's memory of what it was asked: an append-only, hash-chained audit log and the idempotency table.

One SQLite file (WAL, mode 0600), shared safely by several bridge processes on one machine. A row is written
before a write is sent, and another when its outcome is known. Nothing here talks to the engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Status = Literal["open", "accepted", "refused", "not_sent", "unknown"]

GENESIS = b"\0" * 32
MAX_BODY = 8_192
"""Bytes of a row's body kept verbatim; a longer one is kept as its digest, length and beginning."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS audit(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, phase TEXT NOT NULL, trace_id TEXT NOT NULL,
    tool TEXT NOT NULL, key_id TEXT NOT NULL, agent TEXT NOT NULL, account TEXT NOT NULL, code TEXT NOT NULL,
    body TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TABLE IF NOT EXISTS reservation(
    account TEXT NOT NULL, client_order_id TEXT NOT NULL, digest TEXT NOT NULL, request BLOB NOT NULL,
    status TEXT NOT NULL, trace_id TEXT NOT NULL, time_ns INTEGER NOT NULL,
    PRIMARY KEY(account, client_order_id)) STRICT, WITHOUT ROWID;
"""


class LedgerError(Exception):
    """The ledger cannot be opened or written."""


@dataclass(frozen=True)
class AuditRow:
    """What one audit row says. phase: call (about to be sent), outcome, refused, or auth."""

    phase: str
    trace_id: str
    tool: str
    key_id: str
    agent: str
    account: str
    code: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Held:
    """One row of the idempotency table; time_ns is when its first use began, UTC."""

    digest: str
    request: bytes
    status: Status
    time_ns: int


@dataclass(frozen=True)
class Reservation:
    """What the table held before this call: kind new, same or conflict; request is the stored write."""

    kind: Literal["new", "same", "conflict"]
    request: bytes
    status: Status
    time_ns: int


class Ledger:
    """The open ledger. Every method raises LedgerError when the file cannot be written or read."""

    def __init__(self, directory: Path, durability: str = "crash", clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = directory / "bridge.sqlite"
        self._clock_ns = clock_ns
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Created by us first, so that SQLite's files inherit 0600 and never exist with more.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            self.path.chmod(0o600)
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=2.0, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={'FULL' if durability == 'sync' else 'NORMAL'}")
            self._db.executescript(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{self.path}: {error}") from error

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error

    # ---- audit ----

    def append(self, row: AuditRow) -> int:
        """Add one row to the chain; returns its sequence number."""
        with self._transaction() as db:
            return self._append(db, row)

    def _append(self, db: sqlite3.Connection, row: AuditRow) -> int:
        last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        # AUTOINCREMENT never goes back, so a gap in seq is a missing row, not a reused number.
        issued = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
        seq = (issued[0] if issued else 0) + 1
        previous = last[1] if last else GENESIS
        values = (
            seq, self._clock_ns(), row.phase, row.trace_id, row.tool, row.key_id, row.agent, row.account, row.code,
            _body_text(row.body),
        )  # fmt: skip
        db.execute(
            "INSERT INTO audit VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*values, previous, _hash(previous, values))
        )
        return seq

    def rows(self, *, limit: int = 100, trace_id: str | None = None, client_order_id: str | None = None) -> list[Any]:
        """The newest rows, oldest of them first, as dictionaries with the body parsed."""
        where, values = "", []
        if trace_id:
            where, values = "WHERE trace_id = ?", [trace_id]
        elif client_order_id:
            where, values = "WHERE instr(body, ?) > 0", [json.dumps(client_order_id)]
        names = "seq, time_ns, phase, trace_id, tool, key_id, agent, account, code, body, hash"
        try:
            found = self._db.execute(
                f"SELECT {names} FROM audit {where} ORDER BY seq DESC LIMIT ?",  # noqa: S608 (no text of others in it)
                (*values, limit),
            ).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error
        result = []
        for row in reversed(found):
            item = dict(zip(names.split(", "), row, strict=True))
            item["body"], item["hash"] = json.loads(item["body"]), item["hash"].hex()
            result.append(item)
        return result

    def verify(self) -> tuple[int, str, str]:
        """Walk the whole chain. Returns (rows, head hash, first fault or '')."""
        previous, expected, count = GENESIS, 1, 0
        try:
            for *values, prev_hash, row_hash in self._db.execute("SELECT * FROM audit ORDER BY seq"):
                seq = values[0]
                if seq != expected:
                    return count, previous.hex(), f"row {expected} is missing"
                if prev_hash != previous:
                    return count, previous.hex(), f"row {seq} does not follow the row before it"
                if row_hash != _hash(previous, tuple(values)):
                    return count, previous.hex(), f"row {seq} was changed after it was written"
                previous, expected, count = row_hash, seq + 1, count + 1
            issued = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error
        if issued and issued[0] != expected - 1:
            return count, previous.hex(), f"rows {expected} to {issued[0]} are missing from the end"
        return count, previous.hex(), ""

    # ---- idempotency ----

    def reserve(self, row: AuditRow, client_order_id: str, digest: str, request: bytes) -> Reservation:
        """Claim (account, client_order_id) for a write and write its audit row, in one transaction.

        new: the id was free, or its last use was refused or never sent. same: the id holds the same content
        (`request` is then the stored one, to be sent again as it was). conflict: other content; nothing is written.
        """
        now = self._clock_ns()
        with self._transaction() as db:
            held = db.execute(
                "SELECT digest, request, status, time_ns FROM reservation WHERE account = ? AND client_order_id = ?",
                (row.account, client_order_id),
            ).fetchone()
            if held is not None and held[2] not in ("refused", "not_sent"):
                if held[0] != digest:
                    return Reservation("conflict", b"", held[2], held[3])
                self._append(db, row)
                return Reservation("same", held[1], held[2], held[3])
            self._append(db, row)
            db.execute(
                "INSERT OR REPLACE INTO reservation VALUES(?, ?, ?, ?, 'open', ?, ?)",
                (row.account, client_order_id, digest, request, row.trace_id, now),
            )
            return Reservation("new", request, "open", now)

    def settle(self, row: AuditRow, client_order_id: str, status: Status) -> None:
        """Write the outcome row and the reservation's new status.

        What was accepted once stays accepted, and what may have been sent is not called unsent again.
        """
        with self._transaction() as db:
            self._append(db, row)
            db.execute(
                "UPDATE reservation SET status = ?1 WHERE account = ?2 AND client_order_id = ?3 "
                "AND status != 'accepted' AND NOT (status = 'unknown' AND ?1 = 'not_sent')",
                (status, row.account, client_order_id),
            )

    def held(self, account: str, client_order_id: str) -> Held | None:
        """The id's last use through this bridge, None when there was none."""
        try:
            found = self._db.execute(
                "SELECT digest, request, status, time_ns FROM reservation WHERE account = ? AND client_order_id = ?",
                (account, client_order_id),
            ).fetchone()
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error
        return Held(*found) if found else None


def _body_text(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    if len(text) <= MAX_BODY:
        return text
    short = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text), "begins": text[:1_024]}
    return json.dumps(short, sort_keys=True, separators=(",", ":"))


def _hash(previous: bytes, values: tuple[Any, ...]) -> bytes:
    return hashlib.sha256(previous + json.dumps(values, separators=(",", ":")).encode()).digest()
