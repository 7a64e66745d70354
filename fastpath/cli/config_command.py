"""`fastpath config`: show the effective configuration, check a file, list every setting. Writes no file."""

from __future__ import annotations

import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from fastpath.config import Config, load

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="TOML file; default: $FASTPATH_CONFIG, else the built-in safe defaults"),
]


class Io(StrEnum):
    """How the venues' packets are taken."""

    SOCKET = "socket"
    FPGA = "fpga"


IoOption = Annotated[
    Io | None,
    typer.Option(
        "--io",
        help="Instead of each venue's io: socket (software decoder and book) or fpga (the card: both, and triggers)",
    ),
]

app = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)


@app.command("show")
def show(config: ConfigOption = None, io: IoOption = None) -> None:
    """Print the effective configuration as TOML, every default included."""
    typer.echo(load(config).with_io(io.value if io else None).to_toml(), nl=False)


@app.command("check")
def check(config: Annotated[Path, typer.Argument(help="TOML file to check")]) -> None:
    """Check a file; exit 1 with one line for each thing that is wrong."""
    loaded = load(config)
    typer.echo(
        f"{config}: ok: mode {loaded.mode}, {len(loaded.venues)} venues, {len(loaded.accounts)} accounts, "
        f"{len(loaded.agents)} agents"
    )


@app.command("explain")
def explain() -> None:
    """List every setting with its type, default and meaning."""
    table = Table("setting", "type", "default", "meaning", show_lines=False)
    for row in settings(Config, ""):
        table.add_row(*row)
    Console().print(table)


def settings(model: type[BaseModel], prefix: str) -> list[tuple[str, str, str, str]]:
    """Rows of (key, type, default, meaning) for a model and the models inside it."""
    rows = []
    for name, field in model.model_fields.items():
        inner = _inner_model(field.annotation)
        many = typing.get_origin(field.annotation) is list
        if inner is not None:
            rows += settings(inner, f"{prefix}{name}{'[]' if many else ''}.")
            continue
        kind = getattr(field.annotation, "__name__", str(field.annotation)).replace("typing.", "")
        default = "required" if field.is_required() else repr(field.get_default(call_default_factory=True))
        rows.append((f"{prefix}{name}", kind, default, field.description or ""))
    return rows


def _inner_model(annotation: object) -> type[BaseModel] | None:
    candidates: tuple[object, ...] = (annotation,)
    if typing.get_origin(annotation) in (list, types.UnionType, typing.Union):
        candidates = typing.get_args(annotation)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
