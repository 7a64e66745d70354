"""Properties of the codecs over random messages and random garbage: what decodes encodes back, the rest has a name."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_wire_vectors import OUCH_DTYPES, numpy_values, same
from wire_peer import BAD_LENGTH, TRUNCATED, UNKNOWN_TYPE, Peer, WireError

from fastpath.wire_layout import ITCH_DTYPES

COMMON = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TAGS = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20)), max_size=6)
OPTIONAL = {"in": b"XMQ", "out": b"CDBJPITMQ"}


def appended(tags: list[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([len(value) + 1, tag]) + value for tag, value in tags)


def mold_packet(session: bytes, sequence: int, messages: list[bytes], count: int | None = None) -> bytes:
    blocks = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
    return (
        session + sequence.to_bytes(8, "big") + (len(messages) if count is None else count).to_bytes(2, "big") + blocks
    )


@COMMON
@given(data=st.data())
def test_any_itch_message_round_trips(peer: Peer, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(ITCH_DTYPES)))
    dtype = ITCH_DTYPES[kind]
    raw = kind + data.draw(st.binary(min_size=dtype.itemsize - 1, max_size=dtype.itemsize - 1))
    decoded = peer.itch(raw)
    assert same(decoded.values, numpy_values(dtype, raw))
    assert decoded.encoded == raw


@COMMON
@given(data=st.data(), direction=st.sampled_from(["in", "out"]), tags=TAGS)
def test_any_ouch_message_round_trips(
    peer: Peer, data: st.DataObject, direction: str, tags: list[tuple[int, bytes]]
) -> None:
    dtypes = OUCH_DTYPES[direction]
    kind = data.draw(st.sampled_from(sorted(dtypes)))
    dtype = dtypes[kind]
    body = kind + data.draw(st.binary(min_size=dtype.itemsize - 1, max_size=dtype.itemsize - 1))
    elements = b"" if (direction, kind) == ("out", b"S") else appended(tags)
    bare = (direction, kind) == ("out", b"S") or (not elements and kind in OPTIONAL[direction])
    raw = body if bare else body + len(elements).to_bytes(2, "big") + elements
    decoded = peer.ouch(direction, raw)
    assert same(decoded.values, numpy_values(dtype, raw))
    assert (decoded.appendage, decoded.appendage_present, decoded.encoded) == (elements, not bare, raw)


@COMMON
@given(raw=st.binary(max_size=80))
def test_any_bytes_are_an_itch_message_or_a_named_error(peer: Peer, raw: bytes) -> None:
    try:
        assert peer.itch(raw).encoded == raw
    except WireError as error:
        known = raw[:1] in ITCH_DTYPES
        assert error.code == (BAD_LENGTH if known else UNKNOWN_TYPE if raw else TRUNCATED)


@COMMON
@given(data=st.data(), direction=st.sampled_from(["in", "out"]), rest=st.binary(max_size=90))
def test_any_bytes_are_an_ouch_message_or_a_named_error(
    peer: Peer, data: st.DataObject, direction: str, rest: bytes
) -> None:
    raw = data.draw(st.sampled_from([*sorted(OUCH_DTYPES[direction]), b"?"])) + rest
    try:
        decoded = peer.ouch(direction, raw)
    except WireError as error:
        assert error.code == (BAD_LENGTH if raw[:1] in OUCH_DTYPES[direction] else UNKNOWN_TYPE)
        return
    again = peer.ouch(direction, decoded.encoded)  # an older revision's form comes back in today's
    assert (again.values, again.appendage) == (decoded.values, decoded.appendage)


@COMMON
@given(
    packets=st.lists(st.tuples(st.sampled_from("+AJSUHZLRO?"), st.binary(max_size=60)), max_size=12),
    cut=st.integers(0, 2000),
)
def test_soup_streams_round_trip_at_any_cut(peer: Peer, packets: list[tuple[str, bytes]], cut: int) -> None:
    stream = b"".join((len(p) + 1).to_bytes(2, "big") + kind.encode() + p for kind, p in packets)
    cut = min(cut, len(stream))
    first, code, left = peer.soup(stream[:cut])
    assert code == 0
    second, code, left = peer.soup(stream[cut - left :])
    assert (first + second, code, left) == (packets, 0, 0)


@COMMON
@given(
    session=st.binary(min_size=10, max_size=10),
    sequence=st.integers(1, 2**64 - 1),
    messages=st.lists(st.binary(min_size=1, max_size=70), max_size=20),
    garbage=st.binary(min_size=1, max_size=4),
)
def test_mold_packets_round_trip(
    peer: Peer, session: bytes, sequence: int, messages: list[bytes], garbage: bytes
) -> None:
    packet = mold_packet(session, sequence, messages)
    assert peer.mold(packet) == (session, sequence, len(messages), messages, packet)
    for broken in (packet[:-1], packet + garbage):
        try:
            peer.mold(broken)
        except WireError as error:
            assert error.code in (TRUNCATED, BAD_LENGTH)
        else:
            raise AssertionError("a packet that its blocks do not tile was accepted")


@COMMON
@given(payload=st.binary(max_size=200), data=st.data())
def test_a_changed_byte_never_passes_the_checksums(peer: Peer, payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(peer.udp(payload))
    assert peer.net(bytes(frame)) == (17, 0xFFFF, 40000, 26477, payload)
    at = data.draw(st.integers(14, len(frame) - 1))
    new = data.draw(st.integers(0, 255))
    assume(frame[at] != new)
    frame[at] = new
    try:
        peer.net(bytes(frame))
    except WireError:
        return
    # Only a checksum that was wiped to "absent" could pass, and one byte cannot do that unless the other was 0 already.
    assert frame[40:42] == b"\0\0"


@COMMON
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_a_capture_file_or_a_named_error(peer: Peer, raw: bytes) -> None:
    for data in (raw, b"\xd4\xc3\xb2\xa1" + raw, b"\xa1\xb2\x3c\x4d" + bytes(15) + b"\0\0\0\1" + raw):
        try:
            records, code = peer.pcap(data)
        except WireError:
            continue
        assert code <= 0
        assert sum(16 + len(frame) for _, frame in records) <= len(data) - 24
