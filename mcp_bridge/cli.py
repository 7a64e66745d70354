"""The `fastpath-mcp` command: serve over HTTP or stdio, manage keys, read and verify the audit log, list the tools.

It prints a key once, when it is made. On stdio nothing but MCP goes to stdout.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from .bridge import Bridge
from .docs import tools_markdown
from .engine.port import EnginePort
from .identity.keys import KeyFileError, KeyStore, read_keys
from .identity.principal import SCOPES
from .ledger import Ledger, LedgerError
from .registry import TOOLS
from .server import build_server, serving
from .settings import BridgeSettings, SettingsError, load_settings

app = typer.Typer(
    name="fastpath-mcp", help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
keys_app = typer.Typer(help="API keys.", no_args_is_help=True)
audit_app = typer.Typer(help="The audit log.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")

Config = Annotated[
    Path | None, typer.Option("--config", help="Fastpath TOML; default: $FASTPATH_CONFIG, else every default.")
]
Paper = Annotated[bool, typer.Option("--paper", help="Run a paper engine and its exchanges inside this process.")]


def _fail(message: object) -> typer.Exit:
    typer.echo(f"fastpath-mcp: {message}", err=True)
    return typer.Exit(2)


def _settings(config: Path | None, **overrides: Any) -> BridgeSettings:
    try:
        return load_settings(config, **overrides)
    except SettingsError as error:
        raise _fail(error) from error


def _with_engine(settings: BridgeSettings, paper: bool) -> tuple[BridgeSettings, EnginePort | None]:
    """The settings and engine of a run; a paper market brings its own ledger, which ends with it as its orders do."""
    if not paper:
        return settings, None
    from .engine.paper_engine import PaperEngine  # noqa: PLC0415 (pulls in the engine and the simulator)

    path = settings.keys_path()
    records = read_keys(path).values() if path.exists() else ()
    engine = PaperEngine([("agent", "desk"), *((record.agent, record.account) for record in records)])
    return settings.model_copy(update={"data_dir": str(engine.directory / "bridge")}), engine


def _run(main: Coroutine[Any, Any, None]) -> None:
    # To stderr: on stdio, stdout belongs to MCP.
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        uvloop.run(main)
    except (OSError, LedgerError) as error:
        raise _fail(error) from error


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 = any free one.")] = None,
    run_dir: Annotated[str | None, typer.Option(help="Directory of the engine's sockets.")] = None,
    paper: Paper = False,
) -> None:
    """Serve agents over streamable HTTP until SIGINT or SIGTERM. Prints `ready <url>` once it listens."""
    settings = _settings(config, host=host, port=port, run_dir=run_dir)
    _run(_serve(*_with_engine(settings, paper)))


async def _serve(settings: BridgeSettings, engine: EnginePort | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Bridge(settings, engine) as bridge, serving(bridge) as url:
        typer.echo(f"ready {url}")
        if not settings.keys_path().exists():
            typer.echo(
                f"no key in {settings.keys_path()} yet: fastpath-mcp keys add --agent ... --account ...", err=True
            )
        await stop.wait()


@app.command()
def stdio(
    config: Config = None,
    key_id: Annotated[str | None, typer.Option(help="Whose rights: the id of a key (see `keys list`).")] = None,
    run_dir: Annotated[str | None, typer.Option(help="Directory of the engine's sockets.")] = None,
    paper: Paper = False,
) -> None:
    """Serve one agent on stdin and stdout, with the rights of one key."""
    settings = _settings(config, stdio_key_id=key_id, run_dir=run_dir)
    if not settings.stdio_key_id:
        raise _fail("stdio needs --key-id (or stdio_key_id in the [bridge] section); see `fastpath-mcp keys list`")
    if KeyStore(settings.keys_path()).principal(settings.stdio_key_id) is None:
        raise _fail(f"{settings.keys_path()}: no active key {settings.stdio_key_id!r}")
    _run(_stdio(*_with_engine(settings, paper)))


async def _stdio(settings: BridgeSettings, engine: EnginePort | None) -> None:
    async with Bridge(settings, engine) as bridge:
        await build_server(bridge, settings.stdio_key_id).run_stdio_async()


@keys_app.command("add")
def keys_add(
    agent: Annotated[str, typer.Option(help="Agent name, as in the engine's configuration.")],
    account: Annotated[str, typer.Option(help="The one account it may act for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"Repeatable; default: read only. Known: {', '.join(SCOPES)}."),
    ] = None,
    symbol: Annotated[list[str] | None, typer.Option(help="Symbol or glob, repeatable; default: all.")] = None,
    venue: Annotated[list[str] | None, typer.Option(help="Venue or glob, repeatable; default: all.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it expires.")] = 90,
    allow_live: Annotated[bool, typer.Option("--allow-live", help="May trade on a live engine.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the key alone.")] = False,
    config: Config = None,
) -> None:
    """Make a key and print it: the only time it can be seen."""
    store = KeyStore(_settings(config).keys_path())
    try:
        key_id, key = store.add(
            agent, account, scopes=scope, symbols=symbol, venues=venue, allow_live=allow_live, valid_days=days
        )
    except (KeyFileError, OSError) as error:
        raise _fail(error) from error
    if not quiet:
        typer.echo(f"key id {key_id}, valid {days} days, in {store.path}. Shown once, stored only as a hash:", err=True)
    typer.echo(key)


@keys_app.command("list")
def keys_list(config: Config = None) -> None:
    """Keys with their rights and state; never the keys themselves."""
    path = _settings(config).keys_path()
    try:
        records = read_keys(path) if path.exists() else {}
    except KeyFileError as error:
        raise _fail(error) from error
    now = datetime.now(UTC)
    for key_id, record in records.items():
        until = record.expires_at.isoformat() if record.expires_at else "never"
        typer.echo(
            f"{key_id}  {record.status(now):8} agent={record.agent} account={record.account} "
            f"scopes={','.join(record.scopes)} symbols={','.join(record.symbols)} venues={','.join(record.venues)} "
            f"live={'yes' if record.allow_live else 'no'} expires={until}"
        )
    if not records:
        typer.echo(f"no key in {path}", err=True)


@keys_app.command("revoke")
def keys_revoke(key_id: str, config: Config = None) -> None:
    """Revoke a key; a running bridge refuses it from the next call on. What it has ordered and armed stays."""
    path = _settings(config).keys_path()
    try:
        KeyStore(path).revoke(key_id)
        agent = read_keys(path)[key_id].agent
    except (KeyFileError, OSError) as error:
        raise _fail(error) from error
    typer.echo(f"revoked {key_id}")
    typer.echo(
        f"Its open orders and armed triggers stay, and a trigger still fires. To end those of its agent: fastpath kill "
        f'--scope agent --target {agent} --reason "key revoked" (fastpath release lets the agent trade again), or '
        "cancel_all_orders with another key of the account",
        err=True,
    )


def _open_ledger(config: Path | None) -> Ledger:
    directory = _settings(config).data_path()
    if not (directory / "bridge.sqlite").exists():
        raise _fail(f"no audit log in {directory}")
    try:
        return Ledger(directory)
    except LedgerError as error:
        raise _fail(error) from error


@audit_app.command("show")
def audit_show(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Newest rows.")] = 50,
    trace_id: Annotated[str | None, typer.Option(help="Only this trace.")] = None,
    client_order_id: Annotated[str | None, typer.Option(help="Only rows that name this order.")] = None,
    config: Config = None,
) -> None:
    """Rows of the audit log, one JSON object a line."""
    ledger = _open_ledger(config)
    for row in ledger.rows(limit=limit, trace_id=trace_id, client_order_id=client_order_id):
        typer.echo(json.dumps(row))
    ledger.close()


@audit_app.command("verify")
def audit_verify(config: Config = None) -> None:
    """Recompute the whole hash chain; exit 1 at the first row that is missing or was changed."""
    ledger = _open_ledger(config)
    count, head, fault = ledger.verify()
    ledger.close()
    typer.echo(f"{count} rows, head {head}")
    if fault:
        typer.echo(f"BROKEN: {fault}", err=True)
        raise typer.Exit(1)


@app.command()
def tools(
    write: Annotated[Path | None, typer.Option(help="Write the reference page to this file.")] = None,
    check: Annotated[Path | None, typer.Option(help="Exit 1 when this file is not the reference page.")] = None,
) -> None:
    """List the tools, or write or check their reference page."""
    if write is not None:
        write.write_text(tools_markdown())
    elif check is not None:
        if check.read_text() != tools_markdown():
            raise _fail(f"{check} is out of date; run: fastpath-mcp tools --write {check}")
    else:
        for spec in TOOLS:
            typer.echo(f"{spec.name:22} {spec.scope:13} {spec.risk:8} {spec.description}")


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
