"""Wireshark's own dissectors read what the simulator sends on UDP and TCP, field by field, without a malformed mark.

The bytes are recorded at the clients' sockets and put into a capture file here, because
capturing on a live interface would need privileges.
"""

from __future__ import annotations

import re
import shutil
import socket
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path

import exchange_wire as wire
import pytest

from sim.exchange import Exchange

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

CLIENT, SERVER = ("127.0.0.1", 40000), ("127.0.0.1", 9000)
# its OUCH dissector knows version 4 only and takes some messages of version 5 for its own
TSHARK = ("tshark", "-n", "--disable-protocol", "ouch")
ETHERNET = bytes(12) + b"\x08\x00"


class Capture:
    """A classic pcap of made-up frames around real payloads."""

    def __init__(self) -> None:
        self.records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
        self.sequence = {CLIENT: 1000, SERVER: 2000}

    def _frame(self, protocol: int, source: str, target: str, body: bytes) -> None:
        header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), len(self.records), 0, 64, protocol, 0,
                             socket.inet_aton(source), socket.inet_aton(target))  # fmt: skip
        frame = ETHERNET + header + body
        self.records.append(struct.pack("<IIII", len(self.records), 0, len(frame), len(frame)) + frame)

    def udp(self, target: tuple[str, int], payload: bytes, source: tuple[str, int] = ("127.0.0.1", 5000)) -> None:
        head = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0)
        self._frame(17, source[0], target[0], head + payload)

    def tcp(self, source: tuple[str, int], target: tuple[str, int], payload: bytes) -> None:
        for at in range(0, len(payload), 1400):
            part = payload[at : at + 1400]
            head = struct.pack(
                ">HHIIBBHHH",
                source[1],
                target[1],
                self.sequence[source],
                self.sequence[target],
                5 << 4,
                0x18,
                65535,
                0,
                0,
            )
            self._frame(6, source[0], target[0], head + part)
            self.sequence[source] += len(part)

    def fields(self, path: Path, decode: str, *names: str, only: str = "") -> list[list[str]]:
        """Rows of fields; each cell is what tshark prints, several values joined by commas."""
        path.write_bytes(b"".join(self.records))
        command = [*TSHARK, "-r", str(path), "-d", decode, "-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]
        for name in names:
            command += ["-e", name]
        command += ["-Y", only] if only else []
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
        # this version prints single characters in quotes, others do not
        return [[cell.strip("'") for cell in line.split("|")] for line in ran.stdout.splitlines()]

    def text(self, path: Path, decode: str, protocol: str) -> str:
        command = [*TSHARK, "-r", str(path), "-d", decode, "-O", protocol]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout

    def malformed(self, path: Path, decode: str) -> list[list[str]]:
        return self.fields(path, decode, "frame.number", only="_ws.malformed || _ws.expert.severity >= 0x00600000")


def test_moldudp64(tmp_path: Path) -> None:
    venue = Exchange(wire.still_venue(flow=True, messages_per_s=2000, feed_heartbeat_ms=50, end_of_session_ms=150))
    capture, packets = Capture(), []
    with ExitStack() as stack:
        receivers = [stack.enter_context(wire.join(*address, timeout_s=0.5)) for address in venue.feed_addresses]
        stack.enter_context(venue)
        wire.eventually(lambda: venue.stats()["venue_feed_next_sequence"] > 600)
        venue.set_rate(0)
        recovery = wire.Recovery(venue.rerequest_address, b"TESTDAY1  ")
        recovery.fetch(1, 60)
        wire.eventually(lambda: venue.stats()["feed_heartbeats"] >= 2)
        venue.end_of_session()
        for receiver, address in zip(receivers, venue.feed_addresses, strict=True):
            while True:
                try:
                    raw = receiver.recv(2048)
                except TimeoutError:
                    break
                capture.udp((address[0], 26400), raw)
                packets.append(wire.parse_mold(raw))
        for raw in recovery.received:
            capture.udp(("127.0.0.1", 26400), raw)
            packets.append(wire.parse_mold(raw))
    decode, path = "udp.port==26400,moldudp64", tmp_path / "feed.pcap"
    assert capture.malformed(path, decode) == []
    names = ("moldudp64.session", "moldudp64.sequence", "moldudp64.count", "moldudp64.msglen", "moldudp64.msgdata")
    rows = capture.fields(path, decode, *names, "udp.payload")
    assert len(rows) == len(packets) > 20
    kinds = set()
    for row, packet in zip(rows, packets, strict=True):
        session, sequence, count, lengths, data, payload = row
        assert bytes.fromhex(payload.replace(":", "")) == packet.raw
        assert session.strip() == "TESTDAY1" and int(sequence.split(",")[0], 0) == packet.sequence
        assert int(count, 0) == packet.count
        kinds.add("end" if packet.count == 0xFFFF else "data" if packet.count else "heartbeat")
        assert [int(n, 0) for n in lengths.split(",") if n] == [len(m) for m in packet.messages]
        if data:
            assert [bytes.fromhex(m.replace(":", "")) for m in data.split(",")] == packet.messages
    assert kinds == {"data", "heartbeat", "end"}


def test_soupbintcp(tmp_path: Path) -> None:
    capture = Capture()
    wanted: list[str] = []
    with Exchange(wire.still_venue()) as venue:
        venue.inject("ONE", "S", 100, "10.00")

        def conversation(*steps: bytes, rejected: bool = False) -> None:
            """Packets one by one, so that the capture shows them in the order they were said."""
            with wire.SoupClient(venue.order_address) as client:
                for step in steps:
                    client.send(step)
                    client.packet()
                if not rejected:
                    venue.end_of_session()
                client.rest()
            for source, target, data in ((CLIENT, SERVER, client.sent), (SERVER, CLIENT, client.received)):
                at = 0
                while at < len(data):
                    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
                    wanted.append(chr(data[at + 2]))
                    capture.tcp(source, target, data[at:end])
                    at = end

        conversation(wire.login_packet("alice", "wrong"), rejected=True)
        conversation(
            wire.login_packet("alice", "secret"),
            wire.soup(b"R"),
            wire.soup(b"+", b"hello"),
            *(
                wire.soup(b"U", m)
                for m in (wire.enter(1, quantity=150), wire.replace(1, 2, 300, 99_900), wire.cancel(2, 200))
            ),
        )
    decode, path = f"tcp.port=={SERVER[1]},soupbintcp", tmp_path / "orders.pcap"
    assert capture.malformed(path, decode) == []
    names = ("packet_type", "packet_length", "session", "reject_code", "username", "message")
    rows = capture.fields(path, decode, *(f"soupbintcp.{name}" for name in names), "tcp.payload", only="soupbintcp")
    assert [row[0] for row in rows] == wanted
    assert {"L", "J", "A", "S", "U", "R", "+", "Z"} <= set(wanted)
    for kind, length, session, code, user, message, payload in rows:
        data = bytes.fromhex(payload.replace(":", ""))
        assert int(length, 0) == len(data) - 2
        assert kind not in "SU" or bytes.fromhex(message.replace(":", "")) == data[3:]
        assert kind != "A" or session.strip() == "TESTDAY1"
        assert code == ("A" if kind == "J" else "")
        assert kind != "L" or user.strip() == "alice"
    # sequence numbers are only in the dissector's text, counted by it from the login on
    text = capture.text(path, decode, "soupbintcp")
    assert re.findall(r"Next sequence number: (\S+)", text) == ["1"]
    assert re.findall(r"^\s+Sequence number: (\S+)", text, re.M) == [str(n + 1) for n in range(wanted.count("S"))]
