"""Which modules are synthesized, with which parameters, and from which sources.

A module of hdl/rtl that is not named here is taken with its default parameters, unless another one instantiates it:
then it is measured inside that one.
Never runs a tool.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

HDL = Path(__file__).resolve().parent.parent
ROOT = HDL.parent
RTL = HDL / "rtl"
GENERATED = HDL / "spec" / "generated"
XCUP = HDL / "synth" / "xcup"

@dataclass(frozen=True)
class Block:
    """One measured configuration of one module.

    `ecp5` parameters make it fit 208 block RAMs of an ECP5-85F; `xcup` ones are the full size: 1,024 symbols and
    65,536 orders. What is not named keeps the module's default. `crowded`: too full of wires for nextpnr as it is
    (flow.PATIENT). `placer`: the electrostatic one, which leaves the whole card shorter wires than nextpnr's default
    "heap"; that only for what the other finds no end with, never for a better figure. `mapped_whole`: False when the
    page sums its parts' UltraScale+ area instead.
    """

    name: str
    module: str
    ecp5: dict[str, int] = field(default_factory=dict)
    xcup: dict[str, int] = field(default_factory=dict)
    note: str = ""
    crowded: bool = False
    placer: str = "static"
    mapped_whole: bool = True


ORDERS = {"TABLES": 4, "SLOTS": 4, "BUCKET_LOG2": 12}  # 65,536 orders
# Fewer ways and a smaller stash than on UltraScale+: their comparators are what an ECP5's router has no wires for.
ORDERS_ECP5 = {"SLOTS": 2, "BUCKET_LOG2": 10, "STASH_LOG2": 2}
ORDERS_NOTE = "ECP5: 8,192 orders in 8 ways, a stash of 4"
BOOK_ECP5 = {"SYM_LOG2": 3, "GROUPS_LOG2": 5, "SLOTS": 1, "BUCKET_LOG2": 10, "STASH_LOG2": 2}
BOOK_NOTE = "ECP5: 8 symbols, window of 2,048 ticks, 4,096 orders in 4 ways, a stash of 4"
# The whole card in a size that fits an ECP5-85F and leaves its router room.
CARD_ECP5 = {
    "SYM_LOG2": 3, "GROUPS_LOG2": 4, "SLOTS": 1, "BUCKET_LOG2": 9, "STASH_LOG2": 2, "LOCATE_BITS": 12, "HOLD_LOG2": 8,
    "PACE_LOG2": 8, "FIFO_LOG2": 8, "SLOTS_LOG2": 3, "DUP_LOG2": 2,
}  # fmt: skip
CARD_NOTE = (
    "the whole card; ECP5: 8 symbols, window of 1,024 ticks, 2,048 orders in 4 ways, a stash of 4, 4,096 locates, "
    "8 triggers, FIFOs of 256; "
    "UltraScale+: 1,024 symbols, window of 4,096 ticks, 65,536 orders, 65,536 locates, 16 triggers, FIFOs of 512"
)

CONFIGURED = (
    Block("axis_skid", "axis_skid"),
    Block("axis_fifo", "axis_fifo", placer="heap"),
    Block("eth_ip_udp_match", "eth_ip_udp_match"),
    Block("udp_checksum", "udp_checksum"),
    Block("mold_align", "mold_align"),
    Block("itch_norm", "itch_norm"),
    Block("line_hold", "line_hold"),
    Block("line_gate", "line_gate"),
    Block("line_arb", "line_arb"),
    Block("line_arb_store", "line_arb", {"STORE_FWD": 1}, {"STORE_FWD": 1}, "store-and-forward"),
    Block("sym_filter", "sym_filter"),
    Block("feed_line", "feed_line"),
    Block("feed_front", "feed_front"),
    Block("norm_pace", "norm_pace"),
    Block("ord_table", "ord_table", ORDERS_ECP5, ORDERS, ORDERS_NOTE, crowded=True),
    Block("ord_table_reg", "ord_table", ORDERS_ECP5 | {"RAM_REG": 1}, ORDERS | {"RAM_REG": 1},
          f"{ORDERS_NOTE}; a register behind the RAM", crowded=True),
    Block("px_ladder", "px_ladder", {"SYM_LOG2": 3}, {"SYM_LOG2": 10}, "ECP5: 8 symbols, window of 4,096 ticks"),
    Block("bbo_unit", "bbo_unit", {}, {"SYM_LOG2": 10}, "ECP5: 256 symbols"),
    Block("ev_pack", "ev_pack"),
    Block("book_core", "book_core", BOOK_ECP5, ORDERS | {"SYM_LOG2": 10}, BOOK_NOTE, crowded=True),
    Block("strat_trigger", "strat_trigger"),
    Block("risk_gate", "risk_gate", {}, {"SYM_LOG2": 10}, "ECP5: 256 symbols"),
    Block("ouch_enc", "ouch_enc"),
    Block("trade_core", "trade_core", {}, {"SYM_LOG2": 10}, "ECP5: 256 symbols"),
    Block("csr_axil", "csr_axil"),
    Block("gw_top", "gw_top", CARD_ECP5, ORDERS | {"SYM_LOG2": 10}, CARD_NOTE, crowded=True,
          mapped_whole=False),
)


def present() -> list[Block]:
    """Every block whose module has a file now: the configured ones, and before the whole card the rest by name."""
    modules = {path.stem: re.sub(r"//[^\n]*", "", path.read_text()) for path in RTL.glob("*.v")}
    parts = {name for name in modules for text in modules.values() if uses(text, name)}
    chosen = [block for block in CONFIGURED if block.module in modules]
    known = {block.module for block in CONFIGURED} | parts
    rest = [Block(name, name, note="default parameters") for name in sorted(modules.keys() - known)]
    return chosen[:-1] + rest + chosen[-1:]


def uses(text: str, name: str) -> bool:
    """Whether a module's text, without comments, instantiates the module of that name."""
    return bool(re.search(rf"^\s*{name}\s*(#\s*\(|[A-Za-z_]\w*\s*\()", text, re.MULTILINE))


def sources(module: str) -> list[Path]:
    """The module's file and those of all that it instantiates, found by name; KeyError when a file is missing."""
    files = {path.stem: path for path in RTL.glob("*.v")}
    todo, found = [module], {module: files[module]}
    while todo:
        text = re.sub(r"//[^\n]*", "", found[todo.pop()].read_text())
        for name, path in files.items():
            if name not in found and uses(text, name):
                found[name] = path
                todo.append(name)
    return [found[name] for name in sorted(found)]


def snapshot(block: Block, folder: Path) -> tuple[list[str], str]:
    """Copy what the block is made of into `folder`, emptied but for placements; return the .v names and a digest.

    The tools run in a sandbox that sees relative paths only, and the RTL may change while they run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if ".placed." not in path.name:
            path.unlink()
    modules = sources(block.module)
    headers = included(modules)
    for path in [*modules, *headers]:
        shutil.copyfile(path, folder / path.name)
    for path in XCUP.glob("*.v"):
        shutil.copyfile(path, folder / f"xcup_{path.name}")
    names = [path.name for path in modules]
    return names, digest([folder / name for name in [*names, *(path.name for path in headers)]])


def included(modules: list[Path]) -> list[Path]:
    """The headers that modules name, those of formal checks left out."""
    used = "".join(path.read_text() for path in modules)
    return [path for path in sorted([*RTL.glob("*.vh"), *GENERATED.glob("*.vh")]) if f'"{path.name}"' in used]


def digest(paths: list[Path]) -> str:
    """Sixteen hex digits of the names and bytes of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:16]


def digest_now(block: Block) -> str:
    """The digest that `snapshot` would give now, without copying anything."""
    modules = sources(block.module)
    return digest([*modules, *included(modules)])
