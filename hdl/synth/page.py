"""Makes docs/reference/hdl-synthesis.md from results.json, which is all it knows. Never measures."""

from __future__ import annotations

from netlist import Json

LINE_RATE_MHZ = 156.25
WHOLE = "gw_top"
#: What the whole card is made of, each measured in the card's full size.
CARD_PARTS = ("feed_front", "norm_pace", "ord_table", "px_ladder", "bbo_unit", "ev_pack", "trade_core", "csr_axil")


def parameters(chosen: dict[str, int]) -> str:
    """Parameters as a short list, or a dash."""
    return ", ".join(f"{name} {value}" for name, value in chosen.items()) or "-"


def reaches(got: Json) -> bool:
    """Whether the ECP5 figures have the line rate on the median; no, where a seed was not routed."""
    return bool(got["median_mhz"] >= LINE_RATE_MHZ) and "failed" not in got


def fmax_row(name: str, block: Json) -> str:
    """One block's row of the ECP5 table."""
    got = block["ecp5"]
    if "error" in got:
        return f"| `{name}` | not measured: {got['error']} | | | | | | |"
    verdict = "yes" if reaches(got) else "**no**"
    spread = f"{got['lowest_mhz']:.1f} - {got['highest_mhz']:.1f} ({len(got['runs'])}"
    spread += f", {len(got['failed'])} not routed)" if "failed" in got else ")"
    return (f"| `{name}` | {got['median_mhz']:.1f} | {spread} | {verdict} | {got['lut']:,} | {got['ff']:,} | "
            f"{got['dp16kd']} | {got['mult']} |")


def median_path(block: Json) -> Json:
    """The critical path of the run that is the median."""
    found: Json = next(run for run in block["ecp5"]["runs"] if run["seed"] == block["ecp5"]["median_seed"])["critical"]
    return found


def path_row(name: str, block: Json) -> str:
    """One block's row of the table of critical paths."""
    path = median_path(block)
    through = ", ".join(path["through"]) or "-"
    spent = f"{path['clk_to_q_ns']:.2f} / {path['logic_ns']:.2f} / {path['routing_ns']:.2f}"
    return (f"| `{name}` | `{path['from']}` | `{path['to']}` ({path['to_pin']}) | {path['total_ns']:.2f} | {spent} | "
            f"{path['cells']} | {through} |")


def area_row(name: str, block: Json) -> str:
    """One block's row of the UltraScale+ table."""
    got = block["xcup"]
    if "error" in got:
        return f"| `{name}` | not measured: {got['error']} | | | | | | | |"
    levels = got["levels"]
    if "error" in levels:
        depth, path = "?", levels["error"]
    else:
        extra = "".join(f" + {levels[kind]} {kind}" for kind in ("carry", "dsp") if levels[kind])
        depth, path = f"{levels['lut']}{extra}", f"`{levels['start']}` to `{levels['end']}`"
    rams = got["ramb36"] + got["ramb18"] / 2
    return (f"| `{name}` | {got['lut']:,} | {got['lut_ram']:,} | {got['ff']:,} | {rams:g} | {got['uram']:,} | "
            f"{got['dsp']} | {depth} | {path} |")


def parts_note(blocks: dict[str, Json]) -> list[str]:
    """The parts' sum where the whole card was not mapped, and how it was got; nothing where it was."""
    if "error" not in blocks.get(WHOLE, {}).get("xcup", {"error": "never"}):
        return []
    there = [name for name in CARD_PARTS if "error" not in blocks.get(name, {}).get("xcup", {"error": "never"})]
    absent = [name for name in CARD_PARTS if name not in there]
    if not there:
        return []
    area = [blocks[name]["xcup"] for name in there]
    rams = sum(got["ramb36"] + got["ramb18"] / 2 for got in area)
    lines = [
        "",
        f"The whole card was not mapped in one piece. **Sum of its parts, each mapped alone** "
        f"({', '.join(f'`{name}`' for name in there)}): {sum(got['lut'] for got in area):,} LUT, "
        f"{sum(got['lut_ram'] for got in area):,} LUT RAM, {sum(got['ff'] for got in area):,} FF, {rams:g} RAMB36, "
        f"{sum(got['uram'] for got in area):,} URAM288, {sum(got['dsp'] for got in area)} DSP48.",
    ]
    if absent:
        lines[-1] += f" Missing in it: {', '.join(f'`{name}`' for name in absent)}."
    return lines


def ballast_note(routed: dict[str, Json]) -> list[str]:
    """Which blocks were placed with ballast, and what that is; nothing where none was."""
    held = [name for name, block in routed.items() if any("ballast" in told for told in block["tools"].values())]
    if not held:
        return []
    return [
        "",
        f"Placed with ballast: {', '.join(f'`{name}`' for name in held)}. On nearly every second LUT hangs another",
        "one, which keeps room for wires beside it while the placer packs, and is taken out before they are laid. It",
        "is in no figure.",
    ]


def placer_note(routed: dict[str, Json]) -> list[str]:
    """Which blocks nextpnr's default placer placed; nothing where none."""
    names = [f"`{name}`" for name, block in routed.items()
             if any("--placer heap" in told for told in block["tools"].values())]
    if not names:
        return []
    return ["", f"Placed by nextpnr's default placer, since the electrostatic one finds no end: {', '.join(names)}."]


def config_row(name: str, block: Json) -> str:
    """One block's row of the table of what was measured."""
    same = parameters(block["parameters"]["ecp5"]), parameters(block["parameters"]["xcup"])
    return f"| `{name}` | `{block['module']}` | {same[0]} | {same[1]} | {block['measured']} | `{block['sources']}` |"


def make(results: Json) -> str:
    """The whole page."""
    blocks: dict[str, Json] = results["blocks"]
    routed = {name: block for name, block in blocks.items() if "error" not in block["ecp5"]}
    missed = [name for name, block in routed.items() if not reaches(block["ecp5"])]
    tools = sorted({f"{tool} {version}" for block in blocks.values() for tool, version in block["tools"].items()})
    targets = sorted({block["ecp5"]["target_mhz"] for block in routed.values()})
    lines = [
        "# Synthesis results",
        "",
        "Generated by `hdl/synth/sweep.py` from `hdl/synth/results.json`; do not edit.",
        "",
        f"Tools: {', '.join(tools)}. The router was asked for {', '.join(f'{target:g}' for target in targets)} MHz.",
        "A row may be of older sources than the present ones: `hdl/synth/sweep.py --check` names those.",
        "",
        "## ECP5-85F speed 8: placed and routed",
        "",
        f"64 bits at {LINE_RATE_MHZ} MHz are 10 Gb/s. {len(routed) - len(missed)} of {len(routed)} routed blocks reach",
        "it on the median of their seeds"
        + (f"; these do not: {', '.join(f'`{name}`' for name in missed)}." if missed else "."),
        "",
        "Each block is routed alone, with one register on every input and output, so that paths through its ports",
        "count; those registers are not in the area. LUT counts 4-input LUTs including carry and LUT RAM; DP16KD is an",
        "18 Kbit RAM.",
        *placer_note(routed),
        *ballast_note(routed),
        "",
        "| block | Fmax MHz, median | lowest - highest (seeds) | 156.25 | LUT | FF | DP16KD | MULT18 |",
        "|---|---|---|---|---|---|---|---|",
        *(fmax_row(name, block) for name, block in blocks.items()),
        "",
        "### Critical path of the median run",
        "",
        "`in.x` and `out.x` are the registers around the block. Cells are logic cells on the path, the RTL lines those",
        "of the nets on it that still have a name.",
        "",
        "| block | from | to (pin) | ns | clock-to-out / logic / wires, ns | cells | RTL lines |",
        "|---|---|---|---|---|---|---|",
        *(path_row(name, block) for name, block in routed.items() if median_path(block)),
        "",
        "## UltraScale+: area as yosys maps it",
        "",
        "Nothing here was placed: yosys has neither delays nor a router for this family, so the depth in LUTs stands",
        "in for timing (longest path between registers, RAMs and ports; a carry block counts apart). A `ram_sdp` of",
        "4,096 words or more is counted as UltraRAM, ceil(width / 72) x words / 4,096, without the registers that long",
        "cascades need. RAMB36 counts a RAMB18 as a half. LUTs used as memory are not part of the LUT column.",
        "",
        "| block | LUT | LUT RAM | FF | RAMB36 | URAM288 | DSP48 | LUT levels | deepest path |",
        "|---|---|---|---|---|---|---|---|---|",
        *(area_row(name, block) for name, block in blocks.items()),
        *parts_note(blocks),
        "",
        "## What was measured",
        "",
        "Parameters that differ from the module's defaults; sources is a digest of the files that make the block.",
        "",
        "| block | module | ECP5 | UltraScale+ | date | sources |",
        "|---|---|---|---|---|---|",
        *(config_row(name, block) for name, block in blocks.items()),
    ]
    notes = [f"- `{name}`: {block['note']}." for name, block in blocks.items() if block["note"]]
    if notes:
        lines += ["", *notes]
    return "\n".join(lines) + "\n"
