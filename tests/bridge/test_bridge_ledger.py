"""The audit chain finds every kind of tampering; the file is ours alone; processes share it; settings are checked."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from bridge_desk import ORDER, ask, refuse
from fake_engine import FakeEngine
from mcp import Client

from mcp_bridge.bridge import Bridge
from mcp_bridge.ledger import AuditRow, Ledger, LedgerError
from mcp_bridge.settings import BridgeSettings, SettingsError, load_settings


def row(number: int = 0, **body: Any) -> AuditRow:
    return AuditRow("call", f"{number:032x}", "submit_order", "key", "agent", "desk", "", body or {"n": number})


def filled(place: Path, count: int = 10) -> Ledger:
    ledger = Ledger(place / "data")
    for number in range(count):
        ledger.append(row(number))
    return ledger


def tamper(ledger: Ledger, statement: str) -> None:
    """What somebody with the file in hand could do: drop the triggers, then write."""
    with sqlite3.connect(ledger.path) as db:
        db.execute("DROP TRIGGER IF EXISTS audit_no_update")
        db.execute("DROP TRIGGER IF EXISTS audit_no_delete")
        db.execute(statement)


def test_chain_verifies_and_survives_reopening(place: Path) -> None:
    ledger = filled(place)
    count, head, fault = ledger.verify()
    assert (count, fault) == (10, "")
    ledger.close()
    again = Ledger(place / "data")
    again.append(row(10))
    assert again.verify()[0] == 11
    assert again.verify()[1] != head
    assert again.rows(limit=2)[-1]["body"] == {"n": 10}
    assert again.rows(trace_id=f"{3:032x}")[0]["seq"] == 4


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit SET body = '{\"n\":99}' WHERE seq = 4", "row 4 was changed"),
        ("UPDATE audit SET time_ns = time_ns + 1 WHERE seq = 1", "row 1 was changed"),
        ("UPDATE audit SET agent = 'somebody' WHERE seq = 10", "row 10 was changed"),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 5", "row 5 was changed"),
        ("UPDATE audit SET prev_hash = zeroblob(32) WHERE seq = 5", "row 5 does not follow"),
        ("DELETE FROM audit WHERE seq = 6", "row 6 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit WHERE seq > 7", "rows 8 to 10 are missing from the end"),
        ("DELETE FROM audit", "rows 1 to 10 are missing from the end"),
        ("UPDATE audit SET seq = 11 WHERE seq = 10", "row 10 is missing"),
    ],
)
def test_tampering_is_found(place: Path, statement: str, found: str) -> None:
    ledger = filled(place)
    tamper(ledger, statement)
    assert ledger.verify()[2].startswith(found)


def test_tail_deletion_stays_visible_after_more_rows(place: Path) -> None:
    ledger = filled(place)
    tamper(ledger, "DELETE FROM audit WHERE seq = 10")
    ledger.append(row(11))
    assert ledger.verify()[2] == "row 10 is missing"


def test_rows_cannot_be_changed_through_sql(place: Path) -> None:
    ledger = filled(place)
    with sqlite3.connect(ledger.path) as db:
        for statement in ("UPDATE audit SET code = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


def test_file_belongs_to_us_alone(place: Path) -> None:
    ledger = filled(place)
    assert ledger.path.parent.stat().st_mode & 0o777 == 0o700
    for file in ledger.path.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_two_processes_share_one_chain(place: Path) -> None:
    first, second = Ledger(place / "data"), Ledger(place / "data")
    for number in range(20):
        (first if number % 2 else second).append(row(number))
    assert first.verify()[0] == 20
    assert second.verify()[2] == ""
    assert first.reserve(row(), "id", "d1", b"r").kind == "new"
    assert second.reserve(row(), "id", "d1", b"other").kind == "same"
    assert second.reserve(row(), "id", "d1", b"other").request == b"r"
    assert second.reserve(row(), "id", "d2", b"other").kind == "conflict"


def test_reservation_follows_its_outcome(place: Path) -> None:
    ledger = Ledger(place / "data")
    for status, kind in (("refused", "new"), ("not_sent", "new"), ("unknown", "same"), ("accepted", "same")):
        assert ledger.reserve(row(), status, "d", b"r").kind == "new"
        ledger.settle(row(), status, status)  # type: ignore[arg-type]
        assert ledger.reserve(row(), status, "d", b"r").kind == kind
    ledger.settle(row(), "accepted", "refused")
    held = ledger.held("desk", "accepted")
    assert held is not None
    assert held.status == "accepted"


def test_long_bodies_are_kept_as_digest_and_length(place: Path) -> None:
    ledger = Ledger(place / "data")
    ledger.append(row(1, text="x" * 100_000))
    kept = ledger.rows()[0]["body"]
    assert kept["bytes"] > 100_000
    assert len(kept["sha256"]) == 64
    assert ledger.verify()[2] == ""


def test_unusable_directory_is_told(place: Path) -> None:
    (place / "file").write_text("")
    with pytest.raises(LedgerError):
        Ledger(place / "file")
    ledger = filled(place)
    ledger.close()
    ledger.path.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError):
        Ledger(place / "data")


@pytest.mark.anyio
async def test_writes_and_refusals_leave_their_rows(client: Client, bridge: Bridge, engine: FakeEngine) -> None:
    answer = await ask(client, "submit_order", **ORDER, client_order_id="row-1")
    error = await refuse(client, "submit_order", **ORDER | {"quantity": "7"}, client_order_id="row-1")
    bad = await refuse(client, "submit_order", symbol="nope")
    await ask(client, "list_positions")
    rows = bridge.ledger.rows()
    assert [(r["phase"], r["trace_id"], r["code"]) for r in rows] == [
        ("call", answer["trace_id"], ""),
        ("outcome", answer["trace_id"], ""),
        ("refused", error["trace_id"], "IDEMPOTENCY_CONFLICT"),
        ("refused", bad["trace_id"], "INVALID_ARGUMENTS"),
    ]
    assert rows[0]["body"]["arguments"]["client_order_id"] == "row-1"
    assert rows[1]["body"]["order"]["order_id"] == answer["order"]["order_id"]
    assert rows[1]["body"]["status"] == "accepted"
    assert rows[0]["agent"] == "agent"
    assert bridge.ledger.verify()[2] == ""


@pytest.mark.anyio
async def test_a_storm_of_refusals_does_not_fill_the_log(client: Client, bridge: Bridge) -> None:
    for _ in range(60):
        await refuse(client, "submit_order", symbol="nope")
    assert len(bridge.ledger.rows(limit=1_000)) < 60


# ---- settings ----


def test_defaults_are_safe() -> None:
    settings = BridgeSettings()
    assert settings.host == "127.0.0.1"
    assert settings.allow_remote is False
    assert settings.allowed_hosts == settings.allowed_origins == []
    assert settings.stdio_key_id == ""
    for name, field in BridgeSettings.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "gateway.example", ""])
def test_listening_beyond_loopback_must_be_asked_for(host: str) -> None:
    with pytest.raises(ValueError, match="allow_remote"):
        BridgeSettings(host=host)
    assert BridgeSettings(host=host, allow_remote=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    assert BridgeSettings(host=host).host == host


def test_settings_come_from_the_one_file(place: Path) -> None:
    path = place / "f.toml"
    path.write_text(
        f'mode = "paper"\nstate_dir = "{place}/s"\n'
        f'[engine]\nrun_dir = "{place}/r"\n[bridge]\nport = 9\n[other]\nx = 1\n'
    )
    settings = load_settings(path, port=10)
    assert settings.port == 10
    assert settings.command_endpoint() == f"ipc://{place}/r/engine.cmd"
    assert settings.keys_path() == place / "s/keys.toml"
    assert settings.data_path() == place / "s/bridge"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[bridge]\nprot = 1\n", "bridge.prot: no such setting"),
        ("[bridge]\nport = 'x'\n", "bridge.port"),
        ("bridge = 5\n", "must be tables"),
        ("[bridge\n", "not valid TOML"),
        ("[bridge]\nhost = '0.0.0.0'\n", "allow_remote"),
    ],
)
def test_wrong_settings_are_told_by_key(place: Path, text: str, told: str) -> None:
    path = place / "f.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=told):
        load_settings(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(place / "missing.toml")
