"""`fastpath demo`: the whole loop on this machine, told as a story. It parses; fastpath.demo does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fastpath.cli.config_command import ConfigOption
from fastpath.config import ConfigError, load


def demo(
    config: ConfigOption = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave everything running and print how to connect an agent")
    ] = False,
    save_svg: Annotated[Path | None, typer.Option(help="Write what was shown to this SVG file")] = None,
) -> None:
    """Two exchanges, the engine, the bridge and an agent that trades through them; exit 0 when all of it held."""
    try:
        from fastpath.demo.run import run  # noqa: PLC0415 (needs the bridge's packages)
    except ImportError as error:
        raise ConfigError(
            f"the demonstration needs the MCP bridge: pip install 'fastpath[bridge]' ({error})"
        ) from error
    console = Console(record=save_svg is not None, width=118 if save_svg else None, highlight=False)
    run(console, load(config), stay=stay)
    if save_svg is not None:
        console.save_svg(str(save_svg), title="make demo")
