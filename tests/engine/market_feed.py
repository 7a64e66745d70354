"""A small venue feed for tests, made of sockets and struct alone: MoldUDP64 lines A and B on
loopback multicast, a re-request server, and a random but valid ITCH day with its own
dictionary of orders to judge books by. It shares no code with the core.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable

from fastpath.engine_config import AccountConfig, AgentConfig, EngineConfig, VenueConfig

SESSION = b"TESTDAY001"


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def packet(sequence: int, messages: list[bytes], session: bytes = SESSION) -> bytes:
    body = b"".join(struct.pack(">H", len(m)) + m for m in messages)
    return session + struct.pack(">QH", sequence, len(messages)) + body


def head(kind: bytes, locate: int, time_ns: int) -> bytes:
    return kind + struct.pack(">HH", locate, 0) + time_ns.to_bytes(6, "big")


def directory(locate: int, symbol: str, time_ns: int = 1) -> bytes:
    tail = b"QN" + struct.pack(">I", 100) + b"NCZ PNN1N" + struct.pack(">I", 0) + b"N"
    return head(b"R", locate, time_ns) + symbol.ljust(8).encode() + tail


def trading(locate: int, symbol: str, state: bytes = b"T") -> bytes:
    return head(b"H", locate, 2) + symbol.ljust(8).encode() + state + b" " + b"    "


def add(locate: int, ref: int, side: str, shares: int, symbol: str, price_e4: int) -> bytes:
    stock = symbol.ljust(8).encode()
    return head(b"A", locate, 3) + struct.pack(">QcI8sI", ref, side.encode(), shares, stock, price_e4)


def executed(locate: int, ref: int, shares: int, match: int) -> bytes:
    return head(b"E", locate, 4) + struct.pack(">QIQ", ref, shares, match)


def canceled(locate: int, ref: int, shares: int) -> bytes:
    return head(b"X", locate, 5) + struct.pack(">QI", ref, shares)


def deleted(locate: int, ref: int) -> bytes:
    return head(b"D", locate, 6) + struct.pack(">Q", ref)


def replaced(locate: int, ref: int, new_ref: int, shares: int, price_e4: int) -> bytes:
    return head(b"U", locate, 7) + struct.pack(">QQII", ref, new_ref, shares, price_e4)


class Day:
    """Random valid messages, and the orders that are live after them."""

    def __init__(self, symbols: int = 5, seed: int = 1) -> None:
        self.random = random.Random(seed)
        self.symbols = {i + 1: f"SYM{i + 1}" for i in range(symbols)}
        self.orders: dict[int, list[int | str]] = {}  # ref -> locate, side, price, shares
        self._refs: list[int] = []
        self.next_ref = 1

    def opening(self) -> list[bytes]:
        found = []
        for locate, symbol in self.symbols.items():
            found += [directory(locate, symbol), trading(locate, symbol)]
        return found

    def message(self) -> bytes:
        pick, roll = self.random, self.random.random()
        while self._refs and roll > 0.45:
            i = pick.randrange(len(self._refs))
            ref = self._refs[i]
            if ref in self.orders:
                return self._change(ref, roll)
            self._refs[i] = self._refs[-1]
            self._refs.pop()
        locate = pick.choice(list(self.symbols))
        side = pick.choice("BS")
        price = 1_000_000 + (-100 if side == "B" else 100) * pick.randrange(1, 60)
        ref, shares = self.next_ref, pick.randrange(1, 500)
        self.next_ref += 1
        self.orders[ref] = [locate, side, price, shares]
        self._refs.append(ref)
        return add(locate, ref, side, shares, self.symbols[locate], price)

    def _change(self, ref: int, roll: float) -> bytes:
        locate, side, price, shares = self.orders[ref]
        assert isinstance(shares, int) and isinstance(locate, int) and isinstance(price, int)
        taken = self.random.randrange(1, shares + 1)
        if roll < 0.8:
            self.orders[ref][3] = shares - taken
            if taken == shares:
                del self.orders[ref]
            return executed(locate, ref, taken, self.next_ref) if roll < 0.65 else canceled(locate, ref, taken)
        del self.orders[ref]
        if roll < 0.92:
            return deleted(locate, ref)
        new, self.next_ref = self.next_ref, self.next_ref + 1
        self.orders[new] = [locate, side, price, taken]
        self._refs.append(new)
        return replaced(locate, ref, new, taken, price)

    def messages(self, count: int) -> list[bytes]:
        return [self.message() for _ in range(count)]

    def depth(self, locate: int) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        levels: dict[str, dict[int, list[int]]] = {"B": {}, "S": {}}
        for at, side, price, shares in self.orders.values():
            if at == locate:
                level = levels[str(side)].setdefault(int(price), [0, 0])
                level[0] += int(shares)
                level[1] += 1
        bids, asks = levels["B"], levels["S"]
        return (
            [(p, bids[p][0], bids[p][1]) for p in sorted(bids, reverse=True)],
            [(p, asks[p][0], asks[p][1]) for p in sorted(asks)],
        )


class Feed:
    """Sends packets on both lines, remembers every message, and answers re-requests when told to."""

    _octet = 0

    def __init__(self, *, rerequest: bool = True) -> None:
        Feed._octet = Feed._octet % 200 + 1
        self.groups = (f"239.192.{Feed._octet}.101", f"239.192.{Feed._octet}.102")
        self.ports = (free_port(), free_port())
        self.sent: list[bytes] = []
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        self._server: socket.socket | None = None
        self.requests = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if rerequest:
            self._server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._server.bind(("127.0.0.1", 0))
            self._server.settimeout(0.05)
            self._thread = threading.Thread(target=self._serve, daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        if self._server is not None:
            self._server.close()
        self._out.close()

    def _serve(self) -> None:
        assert self._server is not None
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError, ConnectionError):
                data, who = self._server.recvfrom(2048)
                first, count = struct.unpack_from(">QH", data, 10)
                self.requests += 1
                for start in range(first, first + count, 20):
                    messages = self.sent[start - 1 : min(start + 19, first + count - 1)]
                    if messages:
                        self._server.sendto(packet(start, messages), who)

    def raw(self, data: bytes, line: int = 0) -> None:
        self._out.sendto(data, (self.groups[line], self.ports[line]))

    def send(self, messages: Iterable[bytes], *, lines: str = "AB", batch: int = 20, pause_s: float = 0.0) -> None:
        """Next messages of the session, in packets of up to `batch`. `lines` "" loses them on both."""
        todo = list(messages)
        for i in range(0, len(todo), batch):
            part = todo[i : i + batch]
            data = packet(len(self.sent) + 1, part)
            self.sent += part
            for line in lines:
                self.raw(data, "AB".index(line))
            if pause_s:
                time.sleep(pause_s)

    def heartbeat(self, lines: str = "AB") -> None:
        for line in lines:
            self.raw(packet(len(self.sent) + 1, []), "AB".index(line))

    def end_of_session(self) -> None:
        for line in range(2):
            self.raw(SESSION + struct.pack(">QH", len(self.sent) + 1, 0xFFFF), line)

    def venue(self, name: str = "sim", **changes: object) -> VenueConfig:
        settings: dict[str, object] = {
            "name": name,
            "feed_group": self.groups,
            "feed_port": self.ports,
            "rerequest_host": "127.0.0.1" if self._server else "",
            "rerequest_port": self._server.getsockname()[1] if self._server else 0,
            "gap_wait_us": 1_000,
            "gap_retry_ms": 50,
            "max_orders": 16_384,
        }
        return VenueConfig(**(settings | changes))  # type: ignore[arg-type]


def engine_config(directory: str, *venues: VenueConfig, **changes: object) -> EngineConfig:
    settings: dict[str, object] = {
        "run_dir": directory,
        "venues": venues,
        "accounts": (AccountConfig(name="desk"), AccountConfig(name="other")),
        "agents": (AgentConfig(name="agent"),),
        "history_events": 16_384,
        "heartbeat_ms": 50,
        "spin_us": 0,
    }
    return EngineConfig(**(settings | changes))  # type: ignore[arg-type]


def wait_until(done: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what}"
        time.sleep(0.005)
