"""Reference model of the way from an Ethernet frame to MoldUDP64 messages, and builders of good and bad frames.

Written from the protocols, not from the RTL: `judge_frame` says what the match must let pass, `judge_packet` what the
aligner must cut out of it. It never simulates cycles.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

TRUNCATED, OVERSIZED, BAD_LENGTH, BAD_FIELD, WRONG_SESSION, BAD_STATE = 1, 2, 4, 5, 6, 11
CORRUPT, NOT_SUPPORTED, BAD_CHECKSUM = 14, 17, 18
END_OF_SESSION = 0xFFFF
MAX_PAYLOAD = 1472
SHORTEST = 12  # bytes: no message of ITCH 5.0 is shorter, and two shorter ones could end in one beat


def ones_sum(data: bytes) -> int:
    """One's-complement sum of big-endian halves, the last one padded with zero."""
    total: int = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) & 1)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def mold_packet(session: bytes, sequence: int, messages: list[bytes], count: int | None = None) -> bytes:
    """One MoldUDP64 packet; `count` overrides the header's (0xFFFF: end of session)."""
    header = struct.pack(">10sQH", session, sequence, len(messages) if count is None else count)
    return header + b"".join(struct.pack(">H", len(message)) + message for message in messages)


@dataclass(frozen=True)
class Frame:
    """An Ethernet frame around a UDP payload; every field can be made wrong on purpose."""

    payload: bytes
    address: int
    port: int
    vlan: int | None = None
    ethertype: int = 0x0800
    version: int = 4
    options: bytes = b""
    fragment: int = 0x4000
    protocol: int = 17
    source: int = 0x0A000001
    total_length: int | None = None
    udp_length: int | None = None
    udp_checksum: int | None = None  # None: the right one
    break_ip_checksum: bool = False
    padding: bytes = b""
    macs: bytes = field(default=bytes.fromhex("01005e36000a 020000000001"))

    def build(self) -> bytes:
        """The frame's bytes without FCS."""
        datagram = 8 + len(self.payload)
        length = datagram if self.udp_length is None else self.udp_length
        ihl = 5 + len(self.options) // 4
        total = ihl * 4 + datagram if self.total_length is None else self.total_length
        head = struct.pack(">BBHHHBB", self.version << 4 | ihl, 0, total, 7, self.fragment, 64, self.protocol)
        addresses = struct.pack(">II", self.source, self.address)
        checksum = 0xFFFF - ones_sum(head + bytes(2) + addresses + self.options)
        if self.break_ip_checksum:
            checksum ^= 0x0100
        ip = head + struct.pack(">H", checksum) + addresses + self.options
        udp = struct.pack(">HHH", 30000, self.port, length)
        if self.udp_checksum is None:
            right = 0xFFFF - ones_sum(addresses + struct.pack(">HH", 17, length) + udp + bytes(2) + self.payload)
            udp += struct.pack(">H", right or 0xFFFF)
        else:
            udp += struct.pack(">H", self.udp_checksum)
        tag = b"" if self.vlan is None else struct.pack(">HH", 0x8100, self.vlan)
        return self.macs + tag + struct.pack(">H", self.ethertype) + ip + udp + self.payload + self.padding

    def but(self, **changes: object) -> Frame:
        """The same frame with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class FrameVerdict:
    """What the match must say: ours, bad with a reason, the payload in the first case."""

    ours: bool
    reason: int = 0
    payload: bytes = b""
    start: int = 42  # where the payload begins in the frame


def judge_frame(frame: bytes, address: int, port: int, corrupt: bool = False) -> FrameVerdict:
    """Take a frame apart by the book. Frames too short to show their port are nobody's."""
    other = FrameVerdict(False)
    if len(frame) < 18:
        return other
    at = 14
    ethertype = int.from_bytes(frame[12:14], "big")
    if ethertype == 0x8100:
        ethertype = int.from_bytes(frame[16:18], "big")
        at = 18
    ip = frame[at:]
    if ethertype != 0x0800 or len(frame) < 41 or ip[0] >> 4 != 4 or ip[9] != 17:
        return other
    if int.from_bytes(ip[16:20], "big") != address:
        return other
    total = int.from_bytes(ip[2:4], "big")
    fragment = int.from_bytes(ip[6:8], "big") & 0x3FFF
    if ip[0] & 15 != 5 or fragment:
        return FrameVerdict(True, NOT_SUPPORTED)
    if len(ip) < 24:
        return other
    if int.from_bytes(ip[22:24], "big") != port:
        return other
    length = int.from_bytes(ip[24:26], "big")
    start = at + 28
    reason = 0
    payload = frame[start : start + max(length - 8, 0)]
    if len(frame) <= 56:  # ends before the verdict on lengths and checksum is used
        reason = TRUNCATED
    elif ones_sum(ip[:20]) != 0xFFFF:
        reason = BAD_CHECKSUM
    elif length + 20 != total or length < 8:
        reason = BAD_LENGTH
    elif length < 28:
        reason = TRUNCATED
    elif length - 8 > MAX_PAYLOAD:
        reason = OVERSIZED
    elif corrupt:
        reason = CORRUPT
    elif len(frame) < start + length - 8:
        reason = TRUNCATED
    elif int.from_bytes(ip[26:28], "big"):
        pseudo = ip[12:20] + struct.pack(">HH", 17, length)
        if ones_sum(pseudo + ip[20 : 20 + length]) != 0xFFFF:
            reason = BAD_CHECKSUM
    return FrameVerdict(True, reason, payload, start)


@dataclass(frozen=True)
class PacketVerdict:
    """What the aligner must cut out of a packet: messages with their sequences, and why the packet is bad (0: good)."""

    messages: list[tuple[int, bytes]]
    reason: int
    session: bytes = b""
    sequence: int = 0
    count: int = 0
    header: bool = False


def judge_packet(payload: bytes, cut: bool = False) -> PacketVerdict:
    """Read a MoldUDP64 packet until its first error. `cut`: the bytes end before the packet does."""
    if len(payload) < 20:
        return PacketVerdict([], TRUNCATED)
    session, sequence, count = struct.unpack(">10sQH", payload[:20])
    if sequence == 0:
        return PacketVerdict([], BAD_FIELD)
    messages: list[tuple[int, bytes]] = []
    at = 20
    reason = 0
    for number in range(0 if count == END_OF_SESSION else count):
        if at + 2 > len(payload):
            reason = TRUNCATED
            break
        length = int.from_bytes(payload[at : at + 2], "big")
        if length < SHORTEST:
            reason = BAD_LENGTH
            break
        if at + 2 + length > len(payload):
            reason = TRUNCATED
            break
        messages.append((sequence + number, payload[at + 2 : at + 2 + length]))
        at += 2 + length
    else:
        if at < len(payload):
            reason = BAD_LENGTH
        elif cut:
            reason = TRUNCATED
    return PacketVerdict(messages, reason, session, sequence, count, True)


def judge_place(sequence: int, count: int, expected: int, over: bool, far: int = 1 << 20) -> int:
    """Why a sound packet of our session has no place in the stream: a reason, or 0 when it has one.

    `over`: the end of the session had its turn. `far`: how many messages ahead are too many.
    """
    end = sequence if count == END_OF_SESSION else sequence + count
    if end >= 1 << 64 or sequence - expected >= far or expected - sequence > 1 << 62:
        return BAD_FIELD
    if count == END_OF_SESSION and sequence < expected:
        return BAD_FIELD
    return BAD_STATE if over and end > expected else 0
