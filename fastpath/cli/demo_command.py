"""`fastpath demo`: the whole loop on this machine, told as a story. It parses; fastpath.demo does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fastpath.cli.config_command import ConfigOption, IoOption
from fastpath.config import Config, ConfigError, load


def demo(
    config: ConfigOption = None,
    io: IoOption = None,
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
    loaded = load(config).with_io(io.value if io else None)
    if loaded.uses_card():
        build_card(loaded)
    run(console, loaded, stay=stay)
    if save_svg is not None:
        console.save_svg(str(save_svg), title="make demo")


def build_card(config: Config) -> None:
    """See that the card is there and up to date, telling its progress. ConfigError when it cannot be built."""
    if config.engine.card_library:
        return  # somebody's own: the engine says what is wrong with it
    from sim.device.build import BuildError, build  # noqa: PLC0415 (its tools need not be installed otherwise)

    try:
        build()
    except BuildError as error:
        raise ConfigError(f"the card cannot be built: {error}") from error
