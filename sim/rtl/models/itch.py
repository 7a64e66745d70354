"""Reference model of ITCH 5.0 on the norm bus, and a generator of messages, driven by hdl/spec/itch50.json alone.

`norm_fields` says what the bus must carry for one message; it never looks at the RTL and keeps no book.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

SPEC = json.loads((Path(__file__).resolve().parents[3] / "hdl" / "spec" / "itch50.json").read_text(encoding="utf-8"))
MESSAGES: dict[str, dict[str, Any]] = {message["type"]: message for message in SPEC["messages"]}
LENGTHS: dict[str, int] = {letter: message["length"] for letter, message in MESSAGES.items()}
TYPES = list(LENGTHS)

SOUND, UNKNOWN_TYPE, BAD_LENGTH, BAD_FIELD = range(4)
GAP_LOST, FRAME_BAD, SESSION, LINE_DOWN, LINE_UP = 0x82, 0x84, 0x85, 0x86, 0x87

#: norm field -> the message fields that fill it, whichever the type has.
SOURCES = {
    "ref2": ("new_order_ref", "match_number"),
    "shares": ("shares",),
    "price": ("price_e4", "execution_price_e4", "cross_price_e4"),
}
AUX = {
    "S": ["event_code"],
    "W": ["breached_level"],
    "H": ["trading_state"],
    "Y": ["reg_sho_action"],
    "Q": ["cross_type"],
}
AUX["h"] = ["market_code", "action"]


def field(message: bytes, name: str) -> int | None:
    """One field of a message as a big-endian number, None when its type has no such field."""
    for entry in MESSAGES[chr(message[0])]["fields"]:
        if entry["name"] == name:
            return int.from_bytes(message[entry["offset"] : entry["offset"] + entry["width"]], "big")
    return None


def build(rng: random.Random, letter: str, **values: int) -> bytes:
    """A message of a type with random bytes, sound in the fields the hardware judges; `values` set fields by name."""
    message = bytearray(rng.randbytes(LENGTHS[letter]))
    message[0] = ord(letter)
    choices = {"side": "BS", "printable": "YN", "event_code": "OSQMEC", "trading_state": "HPQT"}
    for entry in MESSAGES[letter]["fields"]:
        name, at, width = entry["name"], entry["offset"], entry["width"]
        if name in values:
            message[at : at + width] = values[name].to_bytes(width, "big")
        elif name in choices:
            message[at] = ord(rng.choice(choices[name]))
        elif letter == "Q" and name == "shares" and rng.random() < 0.7:
            message[at : at + 4] = bytes(4)
    return bytes(message)


def fault_of(message: bytes) -> int:
    """The fault code of a message as it stands on the wire."""
    letter = chr(message[0])
    if letter not in LENGTHS:
        return UNKNOWN_TYPE
    if len(message) != LENGTHS[letter]:
        return BAD_LENGTH
    if letter in "AFP" and message[19:20] not in (b"B", b"S"):
        return BAD_FIELD
    return SOUND


def norm_fields(message: bytes) -> dict[str, int]:
    """The norm bus for one message, without sequence, line, cycle and symbol; a faulty one has type, locate, fault."""
    letter = chr(message[0])
    fault = fault_of(message)
    norm = {"type": message[0], "fault": fault, "locate": int.from_bytes(message[1:3], "big")}
    if fault:
        return norm | ({"type": 0, "aux": message[0]} if fault == UNKNOWN_TYPE else {})
    norm["timestamp"] = int.from_bytes(message[5:11], "big")
    norm["ref"] = int.from_bytes(message[11:19], "big") if len(message) >= 19 else 0
    for name, sources in SOURCES.items():
        found = [value for source in sources if (value := field(message, source)) is not None]
        norm[name] = found[0] if found and not (letter == "B" and name == "ref2") else 0
    norm["overflow"] = int(norm["shares"] >= 1 << 32)
    norm["shares"] = min(norm["shares"], (1 << 32) - 1)
    norm["side"] = int(letter in "AFP" and field(message, "side") == ord("S"))
    norm["printable"] = int(letter != "C" or field(message, "printable") == ord("Y"))
    norm["aux"] = 0
    for name in AUX.get(letter, []):
        norm["aux"] = norm["aux"] << 8 | (field(message, name) or 0)
    return norm
