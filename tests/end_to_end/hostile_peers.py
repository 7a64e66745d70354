"""Peers that a running engine meets and should not trust: a venue's order port, and a re-request server that lies.

They say what a test tells them to, byte for byte, and judge nothing but that the engine logs in and hangs up.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from house import PASSWORD, USER, House, eventually

Address = tuple[str, int]


class Relay:
    """Stands where the re-request server is; `lies` are sent before every true answer."""

    def __init__(self, server: Address) -> None:
        self.lies: list[bytes] = []
        self.told = 0
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self._back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._back.connect(server)
        self._back.settimeout(0.2)
        self._front.settimeout(0.1)
        self.address: Address = self._front.getsockname()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._front.close()
        self._back.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wanted, client = self._front.recvfrom(65_536)
            except TimeoutError:
                continue
            for lie in self.lies:
                self._front.sendto(lie, client)
                self.told += 1
            self._back.send(wanted)
            try:
                self._front.sendto(self._back.recv(65_536), client)
            except TimeoutError:
                continue


def order_port(house: House, name: str) -> int:
    orders = house.config.venue(name).orders
    assert orders is not None
    return orders.port


def soup(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">H", len(payload) + 1) + kind + payload


def accepted(session: str = "EVIL1", sequence: int = 1) -> bytes:
    return soup(b"A", session.rjust(10).encode() + str(sequence).rjust(20).encode())


def executed(urn: int, shares: int = 100, price_e4: int = 100_000, match: int = 1) -> bytes:
    return struct.pack(">cQIIQcQH", b"E", 1, urn, shares, price_e4, b"R", match, 0)


def canceled(urn: int, shares: int = 100) -> bytes:
    return struct.pack(">cQIIcH", b"C", 1, urn, shares, b"U", 0)


def next_number(number: int = 1) -> bytes:
    return struct.pack(">cQIH", b"Q", 1, number, 0)


class Connection:
    """One connection that the engine has made to the evil venue."""

    def __init__(self, end: socket.socket) -> None:
        self.end, self.buffer = end, b""
        end.settimeout(30.0)

    def send(self, *packets: bytes) -> None:
        with contextlib.suppress(OSError):  # the engine may hang up in the middle
            self.end.sendall(b"".join(packets))

    def packet(self) -> tuple[bytes, bytes] | None:
        """The next packet that the engine sends; None when it has closed."""
        while len(self.buffer) < 2 or len(self.buffer) < 2 + int.from_bytes(self.buffer[:2], "big"):
            try:
                data = self.end.recv(65_536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.buffer += data
        size = 2 + int.from_bytes(self.buffer[:2], "big")
        packet, self.buffer = self.buffer[:size], self.buffer[size:]
        return packet[2:3], packet[3:]

    def expect(self, kind: bytes) -> bytes:
        """Packets up to the first of this type; its payload."""
        while (got := self.packet()) is not None:
            if got[0] == kind:
                return got[1]
        raise AssertionError(f"closed before a packet {kind!r}")

    def closed(self) -> None:
        """Wait until the engine has hung up."""
        while self.packet() is not None:
            pass


class EvilVenue:
    """The order port of a venue that the engine trusts no further than the protocol."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.name = house, name
        self._listener = socket.create_server(("127.0.0.1", order_port(house, name)))
        self._listener.settimeout(30.0)
        self._open: list[socket.socket] = []

    def __enter__(self) -> EvilVenue:
        return self

    def __exit__(self, *_: object) -> None:
        for end in (*self._open, self._listener):
            end.close()

    def connection(self) -> Connection:
        end, _ = self._listener.accept()
        self._open.append(end)
        return Connection(end)

    def login(self) -> Connection:
        """A connection up to the engine's login request."""
        connection = self.connection()
        payload = connection.expect(b"L")
        assert payload[:16] == USER.encode().ljust(6) + PASSWORD.encode().ljust(10)
        return connection

    def stats(self) -> dict[str, Any]:
        return self.house.order_stats(self.name)

    def grows(self, action: Callable[[], None], **by: int) -> None:
        """After the action these counters have grown by just so much."""
        before = self.stats()
        action()
        wanted = {name: before[name] + more for name, more in by.items()}
        eventually(lambda: {name: self.stats()[name] for name in by} == wanted, f"{wanted} of {before}", 20.0)


def attack(venue: EvilVenue, *packets: bytes) -> Callable[[], None]:
    """At the login, these bytes; the engine hangs up."""

    def run() -> None:
        connection = venue.login()
        connection.send(*packets)
        connection.closed()

    return run
