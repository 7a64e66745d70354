"""The `fastpath` command: each sub-command in a module of its own, errors as one readable line.

It parses and prints; the work is done by the modules that it calls.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.markup import escape

from fastpath.cli import (
    config_command,
    cosim_command,
    demo_command,
    doctor_command,
    engine_command,
    exchange_command,
    journal_command,
    operator_command,
)
from fastpath.config import ConfigError
from fastpath.core import EngineError

app = typer.Typer(
    name="fastpath",
    help="Low-latency market-data and order gateway: ITCH in, OUCH out, agents over MCP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo_command.demo)
app.command("engine")(engine_command.engine)
app.command("exchange")(exchange_command.exchange)
app.command("bridge")(engine_command.bridge)
app.command("cosim")(cosim_command.cosim)
app.command("doctor")(doctor_command.doctor)
app.add_typer(config_command.app, name="config")
app.add_typer(journal_command.app, name="journal")
app.command("status")(operator_command.status)
app.command("watch")(operator_command.watch)
app.command("kill")(operator_command.kill)
app.command("release")(operator_command.release)


def main() -> None:
    """Run the command; a failure is one line with its cause and remedy, and exit code 1."""
    try:
        app()
    except (ConfigError, EngineError, OSError, RuntimeError) as error:
        Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
