"""Our golden vectors: each field against the NumPy layouts (generated along another path), and byte for byte back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wire_peer import TRUNCATED, Peer, WireError

from fastpath.wire_layout import ITCH_DTYPES, OUCH_IN_DTYPES, OUCH_OUT_DTYPES

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
SPECS = GOLDEN.parent.parent.parent / "shared/specs"
ITCH = json.loads((GOLDEN / "itch50_vectors.json").read_text())
OUCH = json.loads((GOLDEN / "ouch50_vectors.json").read_text())
Dtypes = dict[bytes, np.dtype[np.void]]
OUCH_DTYPES: dict[str, Dtypes] = {"in": OUCH_IN_DTYPES, "out": OUCH_OUT_DTYPES}


def field_value(record: np.void, name: str, kind: np.dtype[Any], raw: bytes, offset: int) -> int | bytes:
    """A field as C gives it: characters and integers as numbers, wider text as bytes with its padding."""
    if kind.kind == "V":
        return int.from_bytes(record[name].tobytes(), "big")
    if kind.kind == "S":
        return raw[offset] if kind.itemsize == 1 else raw[offset : offset + kind.itemsize]
    return int(record[name])


def numpy_values(dtype: np.dtype[np.void], raw: bytes) -> list[int | bytes]:
    record = np.frombuffer(raw[: dtype.itemsize], dtype)[0]
    assert dtype.fields is not None and dtype.names is not None
    return [field_value(record, name, dtype.fields[name][0], raw, dtype.fields[name][1]) for name in dtype.names]


def same(got: list[int | bytes], want: list[int | bytes]) -> bool:
    """One-character text fields come as text or as a number, depending on the field's kind: compare their byte."""
    return [g[0] if isinstance(g, bytes) and len(g) == 1 else g for g in got] == want


@pytest.mark.parametrize("vector", ITCH, ids=lambda v: v["type"])
def test_itch_vector(peer: Peer, vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    assert len(raw) == vector["length"]
    decoded = peer.itch(raw)
    assert same(decoded.values, numpy_values(ITCH_DTYPES[vector["type"].encode()], raw))
    assert decoded.encoded == raw


@pytest.mark.parametrize("vector", OUCH, ids=lambda v: f"{v['direction']}-{v['type']}-{v['length']}")
def test_ouch_vector(peer: Peer, vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    assert len(raw) == vector["length"]
    dtype = OUCH_DTYPES[vector["direction"]][vector["type"].encode()]
    decoded = peer.ouch(vector["direction"], raw)
    assert same(decoded.values, numpy_values(dtype, raw))
    assert decoded.encoded == raw
    tail = raw[dtype.itemsize :]
    assert decoded.appendage_present == bool(tail)
    assert decoded.appendage == tail[2:]
    if "appendage" in vector["note"]:
        assert decoded.appendage.hex() == vector["note"].split()[1]


def test_vectors_cover_every_type_in_every_direction() -> None:
    assert {v["type"].encode() for v in ITCH} == set(ITCH_DTYPES)
    for direction, dtypes in OUCH_DTYPES.items():
        assert {v["type"].encode() for v in OUCH if v["direction"] == direction} == set(dtypes)
    assert (len(ITCH), len(OUCH)) == (23, 49)


@pytest.mark.parametrize(
    "name", ["itch50_vectors.json", "ouch50_vectors.json", "mold_itch_vectors.pcap", "ouch50_vectors.pcap"]
)
def test_golden_files_are_the_shared_ones(name: str) -> None:
    if not SPECS.is_dir():
        pytest.skip("no ../shared/specs beside this checkout; the golden copies stand alone")
    assert (GOLDEN / name).read_bytes() == (SPECS / name).read_bytes()


def test_mold_capture(peer: Peer) -> None:
    records, code = peer.pcap((GOLDEN / "mold_itch_vectors.pcap").read_bytes())
    assert code == 0
    payloads = []
    for _, frame in records:
        protocol, _, _, port, payload = peer.net(frame, offloaded=True)
        assert protocol == 17
        payloads.append((port, payload))
    data, heartbeat, end, request = (payload for _, payload in payloads)
    assert [port for port, _ in payloads] == [26477, 26477, 26477, 31000]
    for payload, want in ((data, 23), (heartbeat, 0), (end, 0xFFFF)):
        _, _, count, messages, encoded = peer.mold(payload)
        assert (count, encoded) == (want, payload)
        assert messages == ([bytes.fromhex(v["hex"]) for v in ITCH] if want == 23 else [])
    with pytest.raises(WireError) as refused:  # a request has a packet's header, and none of the messages it counts
        peer.mold(request)
    assert refused.value.code == TRUNCATED and len(request) == 20


def test_ouch_capture(peer: Peer) -> None:
    records, code = peer.pcap((GOLDEN / "ouch50_vectors.pcap").read_bytes())
    assert code == 0
    found = []
    for _, frame in records:
        protocol, _, source, _, payload = peer.net(frame, offloaded=True)
        assert protocol == 6
        packets, rest, left = peer.soup(payload)
        assert (len(packets), rest, left) == (1, 0, 0)
        kind, message = packets[0]
        direction = "in" if kind == "U" else "out"
        assert kind in "US" and (source == 8003) == (direction == "out")
        assert peer.ouch(direction, message).encoded == message
        found.append((direction, message.hex()))
    assert found == [(v["direction"], v["hex"]) for v in OUCH]
