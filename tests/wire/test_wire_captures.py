"""Real traffic that nobody here wrote: our protocols decode whole, every other feed is refused by name.

The files lie beside the checkout (`../shared/data`) and are never part of it; without them these tests skip.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from wire_peer import BAD_FIELD, BAD_LENGTH, ROOT, UNKNOWN_TYPE, Peer, WireError

DATA = ROOT.parent / "shared/data"
FEEDS = DATA / "omi_nasdaq"
needs_data = pytest.mark.skipif(
    not FEEDS.is_dir(), reason="real captures absent: no ../shared/data/omi_nasdaq beside this checkout"
)
BAD_CHECKSUM = -18
#: Captures whose owner blanked addresses, checksums, MoldUDP64 session and sequence.
BLANKED = (
    "Nasdaq.Equities.TotalView.Itch.v5.0.20230822",
    "Nasdaq.Equities.Bbo.Itch.v2.1.20241105",
    "Nasdaq.Equities.NlsPlus.Itch.4.0.20241105",
)


def captures(prefix: str) -> list[Path]:
    return sorted(FEEDS.glob(f"{prefix}/*.pcap"))


def frames(peer: Peer, path: Path) -> list[bytes]:
    records, code = peer.pcap(path.read_bytes())
    assert code == 0 and records
    assert all(time_ns > 0 for time_ns, _ in records)
    return [frame for _, frame in records]


def mold_payload(peer: Peer, path: Path, frame: bytes) -> bytes:
    """The MoldUDP64 packet of a frame; a blanked one is refused first as it is, then read with sequence 1."""
    if path.parent.name not in BLANKED:
        return peer.net(frame)[4]
    with pytest.raises(WireError) as refused:
        peer.net(frame)
    assert refused.value.code == BAD_CHECKSUM
    payload = peer.net(frame, offloaded=True)[4]
    with pytest.raises(WireError) as refused:
        peer.mold(payload)
    assert refused.value.code == BAD_FIELD
    return payload[:10] + (1).to_bytes(8, "big") + payload[18:]


def itch_outcomes(peer: Peer, path: Path) -> Counter[str]:
    seen: Counter[str] = Counter()
    for frame in frames(peer, path):
        payload = mold_payload(peer, path, frame)
        _, _, count, messages, encoded = peer.mold(payload)
        assert encoded == payload and len(messages) == count
        seen["packets"] += 1
        for message in messages:
            try:
                assert peer.itch(message).encoded == message
                seen[chr(message[0])] += 1
            except WireError as error:
                seen[f"refused {error.code}"] += 1
    return seen


@needs_data
@pytest.mark.parametrize(
    "path", captures("Nasdaq.Equities.TotalView.Itch.*"), ids=lambda p: f"{p.parent.name[-8:]}-{p.stem}"
)
def test_totalview_decodes_whole(peer: Peer, path: Path) -> None:
    seen = itch_outcomes(peer, path)
    assert sum(seen.values()) > seen["packets"], "no message in the capture"
    assert not [name for name in seen if name.startswith("refused")], seen


@needs_data
def test_totalview_covers_what_was_captured(peer: Peer) -> None:
    seen: Counter[str] = Counter()
    for path in captures("Nasdaq.Equities.TotalView.Itch.*"):
        seen += itch_outcomes(peer, path)
    assert set(seen) - {"packets"} == set("SHYLJAFECXDUPQI")
    assert seen["packets"] == 80


@needs_data
def test_the_full_datagram_goes_through_the_arbitrator(peer: Peer) -> None:
    packets = [
        peer.net(frame)[4]
        for frame in frames(peer, FEEDS / "Nasdaq.Equities.TotalView.Itch.v5.0/Multiple.Packets.pcap")
    ]
    session, sequence, count, messages, _ = peer.mold(packets[1])
    assert (session, count, len(packets[1])) == (b"000010059B", 38, 1472)
    peer.rx_open(bytes(10), sequence, 1000, 1000, 1, 4)
    out = peer.rx_push(0, 5, packets[1]).out + peer.rx_push(1, 6, packets[1]).out
    assert out == [("n", sequence, 0, b"\x04")] + [("m", sequence + i, 0, m) for i, m in enumerate(messages)]
    assert peer.rx_push(0, 7, packets[0]).code == 0  # an older packet of the same session
    assert peer.rx_stats()["duplicates"] == 39


@needs_data
@pytest.mark.parametrize("path", captures("Nasdaq.Nsm.Ouch.v5.0"), ids=lambda p: p.stem)
def test_ouch_decodes_whole(peer: Peer, path: Path) -> None:
    for frame in frames(peer, path):
        protocol, _, source, target, stream = peer.net(frame)  # every checksum of the production frames holds
        assert protocol == 6 and {source, target} & {8001, 8003}
        packets, code, left = peer.soup(stream)
        assert packets and (code, left) == (0, 0)
        for kind, message in packets:
            assert kind in "USRH"
            if kind in "US":
                assert peer.ouch("in" if kind == "U" else "out", message).encoded == message
            else:
                assert message == b""


@needs_data
def test_production_enter_order_fields(peer: Peer) -> None:
    frame = frames(peer, FEEDS / "Nasdaq.Nsm.Ouch.v5.0/EnterOrderMessage.pcap")[0]
    _, message = peer.soup(peer.net(frame)[4])[0][0]
    decoded = peer.ouch("in", message)
    assert decoded.values[0] == ord("O")
    assert decoded.appendage == b"\x05\x02LIME"


OTHER_FEEDS = [
    path
    for prefix in ("Ise.*", "Nasdaq.Equities.Bbo.*", "Nasdaq.Equities.NlsPlus.*", "Uqdf.*")
    for path in captures(prefix)
]


@needs_data
@pytest.mark.parametrize("path", OTHER_FEEDS, ids=lambda p: f"{p.parent.name.split('.')[-4]}-{p.stem}")
def test_other_feeds_are_refused_cleanly(peer: Peer, path: Path) -> None:
    seen = itch_outcomes(peer, path)
    refused = seen[f"refused {UNKNOWN_TYPE}"] + seen[f"refused {BAD_LENGTH}"]
    assert sum(seen.values()) == seen["packets"] + refused, f"{seen}: a foreign message was taken for ITCH 5.0"
    assert refused >= 1 or path.stem == "Heartbeat"


@pytest.mark.skipif(
    not (DATA / "nasdaq_20191230").is_dir(), reason="no ../shared/data/nasdaq_20191230 beside this checkout"
)
def test_real_itch_file_encodes_back(peer: Peer) -> None:
    data = (DATA / "nasdaq_20191230/12302019_filtered_500.itch").read_bytes()
    at, seen = 0, Counter[str]()
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        message = data[at + 2 : at + 2 + length]
        assert peer.itch(message).encoded == message
        seen[chr(message[0])] += 1
        at += 2 + length
    assert seen == {"A": 495, "D": 4, "U": 1}


@pytest.mark.skipif(not (DATA / "ritch").is_dir(), reason="no ../shared/data/ritch beside this checkout")
def test_raw_itch_file_encodes_back(peer: Peer) -> None:
    """Its two bytes before each message are zero, not a length: the type alone tells where a message ends."""
    from fastpath.wire_layout import ITCH_DTYPES

    data = (DATA / "ritch/ex20101224.TEST_ITCH_50").read_bytes()
    at, count = 0, 0
    while at < len(data):
        assert data[at : at + 2] == b"\0\0"
        message = data[at + 2 : at + 2 + ITCH_DTYPES[data[at + 2 : at + 3]].itemsize]
        assert peer.itch(message).encoded == message
        at += 2 + len(message)
        count += 1
    assert count == 12012
