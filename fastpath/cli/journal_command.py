"""`fastpath journal`: read an engine's journal without the engine. It never writes to it."""

from __future__ import annotations

import fcntl
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from fastpath.cli.config_command import ConfigOption
from fastpath.config import ConfigError, load
from fastpath.core import EngineError
from fastpath.journal import JournalEntry, JournalReader, JournalType
from fastpath.wire_layout import OUCH_IN_DTYPES, OUCH_OUT_DTYPES

app = typer.Typer(help="Read the journal: what came in, what was decided, what went out.", no_args_is_help=True)
Directory = Annotated[Path | None, typer.Option("--dir", help="Journal directory; default: the configuration's")]


def _directory(given: Path | None, config: Path | None) -> str:
    path = given or load(config).journal_path()
    if not path.is_dir():
        raise ConfigError(f"{path}: no journal there; --dir names another")
    return str(path)


@app.command("verify")
def verify(directory: Directory = None, config: ConfigOption = None) -> None:
    """Walk the whole hash chain; exit 1 where it is broken."""
    path = _directory(directory, config)
    counts: Counter[str] = Counter()
    last = 0
    try:
        for entry in JournalReader(path):
            counts[type_name(entry.type)] += 1
            last = entry.seq
    except EngineError as error:
        typer.echo(f"{path}: BROKEN after record {last}: {error}", err=True)
        raise typer.Exit(1) from error
    kinds = ", ".join(f"{count} {name.lower()}" for name, count in sorted(counts.items()))
    typer.echo(f"{path}: {sum(counts.values())} records, chain whole to record {last}: {kinds}")


@app.command("show")
def show(
    directory: Directory = None,
    config: ConfigOption = None,
    first: Annotated[int, typer.Option(min=1, help="First record")] = 1,
    limit: Annotated[int, typer.Option(min=1, help="At most so many records")] = 1_000_000,
) -> None:
    """Print records, one JSON object a line, OUCH messages decoded."""
    for entry in JournalReader(_directory(directory, config)):
        if entry.seq < first:
            continue
        if limit == 0:
            break
        limit -= 1
        typer.echo(json.dumps(describe(entry)))


@app.command("retire")
def retire(directory: Directory = None, config: ConfigOption = None) -> None:
    """Put the journal aside, so that the engine starts a new one.

    For a venue that began a new session: its old numbers mean nothing there, and the login is refused. The engine
    must be stopped; positions are not carried over.
    """
    path = Path(_directory(directory, config))
    with (path / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{path}: an engine writes this journal; stop it first") from None
        aside = path.with_name(f"{path.name}.retired-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
        path.rename(aside)
    typer.echo(f"{path} is now {aside}")


def type_name(number: int) -> str:
    """The name of a record type, its number when this version does not know it."""
    try:
        return JournalType(number).name
    except ValueError:
        return f"TYPE_{number}"


def describe(entry: JournalEntry) -> dict[str, Any]:
    """A record as plain data; what is not an OUCH message stays hexadecimal."""
    row: dict[str, Any] = {
        "seq": entry.seq,
        "time": datetime.fromtimestamp(entry.time_ns / 1e9, UTC).isoformat(timespec="microseconds"),
        "time_ns": entry.time_ns,
        "type": type_name(entry.type),
        "venue": entry.venue,
    }
    if entry.type == JournalType.BYTES_OUT:
        return row | {"ouch": ouch(entry.body, OUCH_IN_DTYPES)}
    if entry.type == JournalType.SEQUENCED_IN:
        return row | {
            "sequence": int.from_bytes(entry.body[:8], "little"),
            "ouch": ouch(entry.body[8:], OUCH_OUT_DTYPES),
        }
    return row | {"body": entry.body.hex()}


def ouch(message: bytes, layouts: dict[bytes, np.dtype[np.void]]) -> dict[str, Any]:
    """An OUCH message by field name; the appendage stays hexadecimal."""
    layout = layouts.get(message[:1])
    if layout is None or len(message) < layout.itemsize:
        return {"undecoded": message.hex()}
    record = np.frombuffer(message, layout, 1)[0]
    fields: dict[str, Any] = {}
    for name in layout.names or ():
        value = record[name]
        fields[name] = value.decode("ascii", "replace").rstrip() if isinstance(value, bytes) else int(value)
    if len(message) > layout.itemsize:
        fields["appendage"] = message[layout.itemsize :].hex()
    return fields
