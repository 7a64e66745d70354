"""Classic pcap files around bytes that were really sent, every header and checksum sound, and tshark to read them.

Capturing on an interface needs privileges; bytes recorded at the sockets do not.
"""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path

Address = tuple[str, int]
MTU_PAYLOAD = 1_460
SYN, FIN, PUSH, ACK = 0x02, 0x01, 0x08, 0x10


def checksum(data: bytes) -> int:
    """The Internet checksum: ones' complement of the ones' complement sum of 16-bit words."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Capture:
    """Frames in the order in which they are added. Times are UTC ns and only shown, never sorted by."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._identification = 0

    def _add(self, protocol: int, source: Address, target: Address, segment: bytes, at: int, time_ns: int) -> None:
        """`at`: where the segment's checksum goes."""
        ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        sum_ = checksum(ends + struct.pack(">BBH", 0, protocol, len(segment)) + segment)
        # A UDP checksum of 0 would say that there is none.
        segment = segment[:at] + struct.pack(">H", sum_ or 0xFFFF) + segment[at + 2 :]
        self._identification = self._identification + 1 & 0xFFFF
        head = (
            struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), self._identification, 0x4000, 64, protocol, 0) + ends
        )
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        frame = bytes.fromhex("020000000002020000000001") + b"\x08\x00" + head + segment
        stamp = struct.pack("<IIII", time_ns // 1_000_000_000, time_ns // 1_000 % 1_000_000, len(frame), len(frame))
        self._frames.append(stamp + frame)

    def udp(self, source: Address, target: Address, payload: bytes, time_ns: int) -> None:
        """One datagram."""
        head = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0)
        self._add(17, source, target, head + payload, 6, time_ns)

    def write(self, path: Path) -> Path:
        """The file: little-endian, microseconds, Ethernet."""
        path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1) + b"".join(self._frames))
        return path


class TcpStream:
    """One connection in a capture: the handshake when made, then data, then `close`."""

    def __init__(self, capture: Capture, client: Address, server: Address, time_ns: int) -> None:
        self._capture = capture
        self._ends = {"up": (client, server), "down": (server, client)}
        self._next = {"up": 0x1000_0000, "down": 0x2000_0000}
        self._segment("up", b"", SYN, time_ns)
        self._segment("down", b"", SYN | ACK, time_ns)
        self._segment("up", b"", ACK, time_ns)

    def _segment(self, direction: str, payload: bytes, flags: int, time_ns: int) -> None:
        source, target = self._ends[direction]
        other = "down" if direction == "up" else "up"
        acknowledged = self._next[other] if flags & ACK else 0
        head = struct.pack(
            ">HHIIBBHHH", source[1], target[1], self._next[direction], acknowledged, 0x50, flags, 65_535, 0, 0
        )
        self._capture._add(6, source, target, head + payload, 16, time_ns)
        self._next[direction] += len(payload) + bool(flags & (SYN | FIN))

    def send(self, direction: str, data: bytes, time_ns: int) -> None:
        """Bytes of one direction ("up": from the client), in segments."""
        for at in range(0, len(data), MTU_PAYLOAD):
            self._segment(direction, data[at : at + MTU_PAYLOAD], PUSH | ACK, time_ns)

    def close(self, time_ns: int) -> None:
        self._segment("up", b"", FIN | ACK, time_ns)
        self._segment("down", b"", FIN | ACK, time_ns)
        self._segment("up", b"", ACK, time_ns)


class Tshark:
    """Debian's tshark over one capture, its protocols by port, every checksum verified."""

    def __init__(self, path: Path, *decode_as: str) -> None:
        self._command = ["tshark", "-n", "-r", str(path)]
        for rule in decode_as:
            self._command += ["-d", rule]
        # Its OUCH dissector speaks 4.2 only and takes some messages of 5.0 for its own.
        self._command += ["--disable-protocol", "ouch"]
        for protocol in ("ip", "udp", "tcp"):
            self._command += ["-o", f"{protocol}.check_checksum:TRUE"]

    def rows(self, only: str, *names: str) -> list[list[str]]:
        """Fields of the packets that a display filter chooses; a field that is there several times is joined by ";"."""
        command = [*self._command, "-Y", only, "-T", "fields", "-E", "separator=|", "-E", "aggregator=;"]
        for name in names:
            command += ["-e", name]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        return [line.split("|") for line in ran.stdout.splitlines()]

    def text(self, protocol: str) -> str:
        """Every packet in words, one protocol in full."""
        command = [*self._command, "-O", protocol, "-Y", protocol]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    def faults(self) -> list[list[str]]:
        """Every packet that tshark finds malformed, or whose checksums are wrong, or that it warns of."""
        bad = "_ws.malformed || _ws.expert.severity >= 0x00600000"
        sums = " || ".join(f"{protocol}.checksum.status == 0" for protocol in ("ip", "udp", "tcp"))
        return self.rows(f"{bad} || {sums}", "frame.number", "_ws.col.Protocol", "_ws.expert.message")
