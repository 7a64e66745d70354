"""Plain clients of the simulated exchange for its tests: OUCH bytes by struct, SoupBinTCP and
MoldUDP64 over blocking sockets, and the matching core on its bench.

Written from the protocol tables alone; it shares no codec with the simulator.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from sim.exchange._native import ffi, lib

from sim.exchange import FeedLine, SymbolConfig, UserConfig, VenueConfig

MARKET_E4 = 0x7FFFFFFF


def alpha(text: str, width: int) -> bytes:
    return text.encode().ljust(width)


def tag(number: int, value: bytes) -> bytes:
    return bytes([len(value) + 1, number]) + value


def enter(
    urn: int,
    side: str = "B",
    quantity: int = 100,
    symbol: str = "ONE",
    price_e4: int = 100_000,
    tif: str = "0",
    display: str = "Y",
    client_id: str = "order",
    tags: bytes = b"",
) -> bytes:
    fixed = struct.pack(
        ">cIcI8sQccccc14s",
        b"O",
        urn,
        side.encode(),
        quantity,
        alpha(symbol, 8),
        price_e4,
        tif.encode(),
        display.encode(),
        b"P",
        b"N",
        b"N",
        alpha(client_id, 14),
    )
    return fixed + struct.pack(">H", len(tags)) + tags


def replace(
    orig: int,
    urn: int,
    quantity: int,
    price_e4: int,
    tif: str = "0",
    display: str = "Y",
    client_id: str = "replaced",
    tags: bytes = b"",
) -> bytes:
    fixed = struct.pack(
        ">cIIIQccc14s", b"U", orig, urn, quantity, price_e4, tif.encode(), display.encode(), b"N", alpha(client_id, 14)
    )
    return fixed + struct.pack(">H", len(tags)) + tags


def cancel(urn: int, quantity: int = 0) -> bytes:
    return struct.pack(">cII", b"X", urn, quantity)


def modify(urn: int, side: str, quantity: int) -> bytes:
    return struct.pack(">cIcI", b"M", urn, side.encode(), quantity)


def mass_cancel(urn: int, firm: str = "", symbol: str = "") -> bytes:
    return struct.pack(">cI4s8sH", b"C", urn, alpha(firm, 4), alpha(symbol, 8), 0)


def account_query() -> bytes:
    return b"Q"


# ---- SoupBinTCP ----


def soup(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">H", len(payload) + 1) + kind + payload


def login_packet(user: str, password: str, session: str = "", sequence: int = 1) -> bytes:
    return soup(
        b"L", alpha(user, 6) + alpha(password, 10) + session.rjust(10).encode() + str(sequence).rjust(20).encode()
    )


class SoupClient:
    """One TCP connection; packets are (type, payload). Every read is bounded by a timeout."""

    def __init__(self, address: tuple[str, int], timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(address, timeout=timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.sent = b""
        self.received = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.sent += data

    def _fill(self) -> bool:
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            return False
        self.buffer += data
        self.received += data
        return bool(data)

    def packet(self) -> tuple[bytes, bytes] | None:
        """The next packet; None when the server has closed. TimeoutError when nothing comes."""
        while True:
            if len(self.buffer) >= 2:
                length = int.from_bytes(self.buffer[:2], "big")
                if len(self.buffer) >= 2 + length:
                    packet, self.buffer = self.buffer[2 : 2 + length], self.buffer[2 + length :]
                    return packet[:1], packet[1:]
            if not self._fill():
                return None

    def next(self, *, skip: bytes = b"H") -> tuple[bytes, bytes] | None:
        while (got := self.packet()) is not None and got[0] in skip:
            pass
        return got

    def login(self, user: str, password: str, session: str = "", sequence: int = 1) -> tuple[bytes, bytes] | None:
        """Send the request and return the answer (Debug packets are passed over)."""
        self.send(login_packet(user, password, session, sequence))
        return self.next(skip=b"H+")

    def ouch(self, message: bytes) -> None:
        self.send(soup(b"U", message))

    def messages(self, count: int) -> list[bytes]:
        """So many sequenced messages; AssertionError when something else comes."""
        found = []
        for _ in range(count):
            got = self.next()
            assert got is not None and got[0] == b"S", got
            found.append(got[1])
        return found

    def rest(self) -> list[tuple[bytes, bytes]]:
        """Everything until the server closes."""
        found = []
        while (got := self.packet()) is not None:
            found.append(got)
        return found

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> SoupClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# ---- MoldUDP64 ----


@dataclass
class Packet:
    session: bytes
    sequence: int
    count: int
    messages: list[bytes]
    raw: bytes


def parse_mold(raw: bytes) -> Packet:
    session, sequence, count = struct.unpack(">10sQH", raw[:20])
    messages, at = [], 20
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 2], "big")
        messages.append(raw[at + 2 : at + 2 + length])
        at += 2 + length
    assert at == len(raw), "blocks do not tile the packet"
    assert count in (0, 0xFFFF) or count == len(messages)
    return Packet(session, sequence, count, messages, raw)


def join(group: str, port: int, timeout_s: float = 10.0) -> socket.socket:
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    receiver.bind((group, port))
    receiver.setsockopt(
        socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
    )
    receiver.settimeout(timeout_s)
    return receiver


@dataclass
class Recovery:
    """Asks the re-request server for messages, as many datagrams as it takes."""

    address: tuple[str, int]
    session: bytes
    sent: list[bytes] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)

    def fetch(self, first: int, count: int, attempts: int = 50) -> list[bytes]:
        found: list[bytes] = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1.0)
            while len(found) < count and attempts:
                request = struct.pack(">10sQH", self.session, first + len(found), min(count - len(found), 60000))
                sock.sendto(request, self.address)
                self.sent.append(request)
                try:
                    raw = sock.recv(2048)
                except TimeoutError:
                    attempts -= 1
                    continue
                self.received.append(raw)
                packet = parse_mold(raw)
                assert packet.sequence == first + len(found) and 0 < packet.count <= count - len(found)
                found += packet.messages
        return found


# ---- the matching core on its bench ----


class Bench:
    """The C matching core without a network; outputs come back as (stream, account, bytes)."""

    def __init__(
        self,
        symbols: list[str],
        accounts: list[tuple[str, str]],
        *,
        flow_seed: int | None = None,
        max_orders: int = 5000,
        orders_per_symbol: int = 40,
        first_number: int = 1,
        max_symbols: int = 0,
    ) -> None:
        rows = ffi.new("struct fp_match_symbol[]", max(len(symbols), 1))
        for index, name in enumerate(symbols):
            rows[index].symbol, rows[index].locate = alpha(name, 8), index + 1
            rows[index].round_lot, rows[index].start_price_e4 = 100, 500_000 + 100_000 * index
        owners = ffi.new("struct fp_match_account[]", max(len(accounts), 1))
        for index, (firm, mode) in enumerate(accounts):
            owners[index].firm, owners[index].self_match = alpha(firm, 4), mode.encode()
        config = ffi.new(
            "struct fp_match_config *",
            {
                "symbols": rows,
                "accounts": owners,
                "max_orders": max_orders,
                "max_levels": max_orders,
                "symbol_count": len(symbols),
                "max_symbols": max(max_symbols, len(symbols), 1),
                "account_count": len(accounts),
                "first_ref": first_number,
                "first_match": first_number,
            },
        )
        flow: Any = ffi.NULL
        if flow_seed is not None:
            flow = ffi.new(
                "struct fp_flow_config *", {"seed": flow_seed, "orders_per_symbol": orders_per_symbol, "drift_bps": 30}
            )
        lab = lib.fp_lab_open(config, flow)
        assert lab != ffi.NULL
        self.lab = ffi.gc(lab, lib.fp_lab_close)
        for code in "OSQ":
            assert self.apply(lib.FP_MATCH_PHASE, code=code) == 0
        self.opening = self.take()

    def apply(self, kind: int, **fields: Any) -> int:
        message = fields.pop("message", None)
        keep = ffi.from_buffer(message) if message else ffi.NULL
        for name in ("code", "time_in_force"):
            if name in fields:
                fields[name] = fields[name].encode()
        record = ffi.new("struct fp_match_input *", {"kind": kind, "time_ns": 1_000, **fields})
        record.bytes, record.length = ffi.cast("const uint8_t *", keep), len(message or b"")
        return int(lib.fp_lab_apply(self.lab, record))

    def ouch(self, account: int, message: bytes) -> int:
        return self.apply(lib.FP_MATCH_OUCH, account=account, message=message)

    def take(self) -> list[tuple[str, int, bytes]]:
        out = ffi.new("uint8_t **")
        used = lib.fp_lab_take(self.lab, ffi.cast("const uint8_t **", out))
        assert used >= 0
        data, at, found = bytes(ffi.buffer(out[0], used)) if used else b"", 0, []
        while at < len(data):
            length = int.from_bytes(data[at + 2 : at + 4], "little")
            found.append((chr(data[at]), data[at + 1], data[at + 4 : at + 4 + length]))
            at += 4 + length
        return found

    def feed(self) -> list[bytes]:
        return [message for stream, _, message in self.take() if stream == "F"]

    def stats(self) -> dict[str, int]:
        native = ffi.new("struct fp_match_stats *")
        lib.fp_match_stats(lib.fp_lab_match(self.lab), native)
        return {name: int(getattr(native, name)) for name, _ in ffi.typeof(native[0]).fields}

    def validate(self) -> None:
        assert lib.fp_match_validate(lib.fp_lab_match(self.lab)) == 0


# ---- a still venue for network tests ----

ALICE = UserConfig("alice", "secret", firm="FRMA")
BOB = UserConfig("bob", "hunter", firm="FRMB")


def still_venue(**overrides: Any) -> VenueConfig:
    """Two symbols, two users, no background flow, short timers; fields overridden."""
    settings: dict[str, Any] = {
        "name": "still",
        "users": (ALICE, BOB),
        "symbols": (SymbolConfig("ONE", "10"), SymbolConfig("TWO", "20")),
        "session": "TESTDAY1",
        "flow": False,
        "messages_per_s": 0,
        "max_orders": 1000,
        "max_levels": 1000,
        "feed_store_mb": 16,
        "user_store_mb": 4,
        "feed_a": FeedLine("239.192.43.1"),
        "feed_b": FeedLine("239.192.43.2"),
    }
    return VenueConfig(**{**settings, **overrides})


def eventually(condition: Any, timeout_s: float = 10.0) -> None:
    """Wait until a condition holds; AssertionError after the timeout."""
    ends = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends, "the condition did not come true in time"
        time.sleep(0.01)
