"""Reading the exchange's ledger, and proving it: apply the recorded inputs again and compare every output.

The file's layout is described in ledger.h. Nothing here runs in a live venue.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.exchange._native import ffi, lib
from sim.exchange.config import SELF_MATCH_CODES, SymbolConfig

_HEAD = struct.Struct("<IcBHQ")
_INPUT = struct.Struct("<QIIHcc4s")
_OWN_NUMBERS = 1 << 40


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One record: stream H (header text), I (input), F (feed message) or O (order message of an account)."""

    stream: str
    kind: int
    account: int
    time_ns: int
    payload: bytes


def read_ledger(path: Path) -> Iterator[LedgerRecord]:
    """Records in order. A torn tail (the writer died) ends the reading without an error."""
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size <= len(data):
        length, stream, kind, account, time_ns = _HEAD.unpack_from(data, at)
        end = at + _HEAD.size + length
        if end > len(data):
            return
        yield LedgerRecord(stream.decode("ascii"), kind, account, time_ns, data[at + _HEAD.size : end])
        at = end


def open_lab(header: dict[str, Any]) -> Any:
    """Books as a ledger's header describes them, on the bench (see lab.h). MemoryError when they cannot be made."""
    symbols = ffi.new("struct fp_match_symbol[]", max(len(header["symbols"]), 1))
    for index, fields in enumerate(header["symbols"]):
        symbol = SymbolConfig(**fields)
        row = symbols[index]
        row.symbol, row.round_lot, row.locate = (
            symbol.symbol.encode().ljust(8),
            symbol.round_lot,
            header["first_locate"] + index,
        )
        row.market_category, row.tier = symbol.market_category.encode(), symbol.tier.encode()
    accounts = ffi.new("struct fp_match_account[]", max(len(header["accounts"]), 1))
    for index, account in enumerate(header["accounts"]):
        accounts[index].firm, accounts[index].self_match = (
            account["firm"].encode().ljust(4),
            SELF_MATCH_CODES[account["self_match"]],
        )
    first = _OWN_NUMBERS if header["replay"] else 1
    config = ffi.new(
        "struct fp_match_config *",
        {
            "symbols": symbols,
            "accounts": accounts,
            "max_orders": header["max_orders"],
            "max_levels": header["max_levels"],
            "symbol_count": len(header["symbols"]),
            "max_symbols": header["max_symbols"],
            "account_count": len(header["accounts"]),
            "first_ref": first,
            "first_match": first,
        },
    )
    lab = lib.fp_lab_open(config, ffi.NULL)
    if lab == ffi.NULL:
        raise MemoryError("the ledger's books cannot be opened")
    return ffi.gc(lab, lib.fp_lab_close)


def _outputs(lab: Any) -> list[tuple[str, int, bytes]]:
    out = ffi.new("uint8_t **")
    used = lib.fp_lab_take(lab, ffi.cast("const uint8_t **", out))
    data, at, found = bytes(ffi.buffer(out[0], used)) if used else b"", 0, []
    while at < len(data):
        length = int.from_bytes(data[at + 2 : at + 4], "little")
        found.append((chr(data[at]), data[at + 1], data[at + 4 : at + 4 + length]))
        at += 4 + length
    return found


def verify_ledger(path: Path) -> int:
    """Apply the inputs to fresh books and compare each output with the recorded one. Returns inputs applied.

    ValueError names the first record that differs.
    """
    lab: Any = None
    expected: list[tuple[str, int, bytes]] = []
    applied = 0
    for number, record in enumerate(read_ledger(path)):
        if record.stream == "H":
            lab, expected = open_lab(json.loads(record.payload)), []
        elif record.stream == "I":
            if expected:
                raise ValueError(f"record {number}: {len(expected)} outputs are missing before it")
            ref, shares, price, locate, code, tif, attribution = _INPUT.unpack_from(record.payload)
            message = ffi.new("uint8_t[]", record.payload[_INPUT.size :] or b"\0")
            native = ffi.new(
                "struct fp_match_input *",
                {
                    "time_ns": record.time_ns,
                    "ref": ref,
                    "bytes": message,
                    "length": len(record.payload) - _INPUT.size,
                    "shares": shares,
                    "price_e4": price,
                    "account": record.account,
                    "locate": locate,
                    "kind": record.kind,
                    "code": code,
                    "time_in_force": tif,
                    "attribution": attribution,
                },
            )
            lib.fp_lab_apply(lab, native)
            applied += 1
            expected = _outputs(lab)
        else:
            got = (record.stream, record.account, record.payload)
            if not expected or expected[0] != got:
                raise ValueError(f"record {number}: {got} differs from {expected[:1]}")
            expected.pop(0)
    return applied
