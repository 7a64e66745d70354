"""`fastpath cosim`: the software book and the card in lock-step over a recorded or generated day.

The comparison is sim.device's; here its options have names and its findings are told.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fastpath.config import ConfigError

COULD_NOT_RUN = 2
GENERATED = ("generate:", "everything:")


class Lines(StrEnum):
    """Feed lines that carry the packets."""

    A = "a"
    B = "b"
    BOTH = "both"


def cosim(
    file: Annotated[
        str,
        typer.Argument(
            help="BinaryFILE (u16 length + message), raw ITCH 5.0, a pcap of MoldUDP64, or "
            "generate:MESSAGES[:SEED[:SYMBOLS[:PEAK]]] for a generated day (everything:... with every message type)"
        ),
    ],
    messages: Annotated[int | None, typer.Option(help="Stop after so many", min=1)] = None,
    symbols: Annotated[
        str | None, typer.Option(help="Names or locates, separated by commas; default: the busiest")
    ] = None,
    count: Annotated[int | None, typer.Option(help="How many of the busiest symbols", min=1, max=256)] = None,
    checkpoint: Annotated[
        int | None, typer.Option(help="Messages between two comparisons of the order tables", min=1)
    ] = None,
    packet: Annotated[int | None, typer.Option(help="Messages in a packet at most; 0: random", min=0, max=105)] = None,
    lines: Annotated[Lines | None, typer.Option(help="Lines that are fed; default a")] = None,
    lag: Annotated[int | None, typer.Option(help="Both lines: B up to so many cycles before or after A", min=0)] = None,
    gap: Annotated[
        int | None, typer.Option(help="Idle cycles between frames; default 3, the wire's", min=0, max=255)
    ] = None,
    drop: Annotated[
        int | None, typer.Option(help="Both lines: of a thousand frames so many are lost on one", min=0, max=1000)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of --lag, --drop and --packet 0", min=0)] = None,
) -> None:
    """Run both over FILE and compare every record; stop at the first difference and show it.

    Exit code 0: all equal. 1: they differ (the message and its bytes, both records field by field, the card's last 100
    records and the path of a waveform of the window). 2: it could not run.
    """
    try:
        from sim.device.build import BuildError  # noqa: PLC0415 (needs the tools that build the card)
        from sim.device.cosim import cosim as run  # noqa: PLC0415
        from sim.device.cosim import generated  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"co-simulation needs the project's source tree ({error})") from error
    options: dict[str, object] = {
        "messages": messages, "symbols": symbols, "count": count, "checkpoint": checkpoint, "packet": packet,
        "lines": lines.value if lines else None, "lag": lag, "gap": gap, "drop": drop, "seed": seed,
    }  # fmt: skip
    try:
        path = generated(file) if file.startswith(GENERATED) else Path(file)
        if not path.is_file():
            raise BuildError(f"{path}: no such file")
        found = run(path, options)
    except BuildError as error:
        Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {error}", soft_wrap=True)
        raise typer.Exit(COULD_NOT_RUN) from error
    tell(found)
    raise typer.Exit(1 if found["different"] else 0)


def tell(found: dict[str, Any]) -> None:
    """The findings, one to a line; lists and maps as they are."""
    console = Console(highlight=False)
    for name, value in found.items():
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        console.print(f"{name.replace('_', ' '):24} {shown}", soft_wrap=True, markup=False)
    if found["different"]:
        console.print("[bold red]they differ[/]")
    elif found["equal"]:
        console.print("[green]equal[/]")
    else:
        console.print(
            f"[yellow]equal but for {found['symbols_excused']} symbols that lost orders and were told stale[/]"
        )
