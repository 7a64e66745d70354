"""Message streams for the book's differential tests: real files, and random ones made hostile.

Readers return plain lists of message bytes; nothing here decodes more than a length.
"""

from __future__ import annotations

import random
import struct
from pathlib import Path

from naive_book import LENGTHS

SHARED = Path(__file__).resolve().parents[3] / "shared"


def read_binary_file(path: Path) -> list[bytes]:
    """BinaryFILE: u16 big-endian length, message."""
    data, messages, at = path.read_bytes(), [], 0
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        messages.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return messages


def read_raw_file(path: Path) -> list[bytes]:
    """Two bytes that say nothing, then a message whose type gives its length."""
    data, messages, at = path.read_bytes(), [], 0
    while at + 3 <= len(data):
        length = LENGTHS[chr(data[at + 2])]
        messages.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return messages


def udp_payloads(path: Path) -> list[bytes]:
    """UDP payloads of a classic pcap with Ethernet framing (802.1Q tags skipped), IPv4 only."""
    data, payloads = path.read_bytes(), []
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(data):
        captured = struct.unpack_from(order + "I", data, at + 8)[0]
        frame, at = data[at + 16 : at + 16 + captured], at + 16 + captured
        ip = 12
        while frame[ip : ip + 2] == b"\x81\x00":
            ip += 4
        if frame[ip : ip + 2] != b"\x08\x00" or frame[ip + 2 + 9 : ip + 2 + 10] != b"\x11":
            continue
        udp = ip + 2 + (frame[ip + 2] & 15) * 4
        length = int.from_bytes(frame[udp + 4 : udp + 6], "big")
        payloads.append(frame[udp + 8 : udp + length])
    return payloads


def mold_messages(payload: bytes) -> list[bytes]:
    """The message blocks of one MoldUDP64 packet."""
    messages, at = [], 20
    for _ in range(int.from_bytes(payload[18:20], "big")):
        length = int.from_bytes(payload[at : at + 2], "big")
        if at + 2 + length > len(payload):
            break
        messages.append(payload[at + 2 : at + 2 + length])
        at += 2 + length
    return messages


class RandomStream:
    """Seeded messages over a few symbols and prices, every type, refs that mostly resolve.

    hostile: the share of messages that are then made wrong on purpose; adds: the weight
    of new orders, where 40 keeps their number about level.
    """

    def __init__(self, seed: int, hostile: float, locates: int = 4, prices: int = 40, adds: int = 40) -> None:
        self.random = random.Random(seed)
        self.hostile, self.locates, self.prices, self.adds = hostile, locates, prices, adds
        self.live: dict[int, tuple[int, int]] = {}  # ref: (locate, shares)
        self.next_ref, self.now = self.random.choice([1, 4000, 1 << 40]), 0

    def take(self, count: int) -> list[bytes]:
        return [self.one() for _ in range(count)]

    def head(self, kind: str, locate: int) -> bytearray:
        self.now += self.random.randrange(1000)
        message = bytearray(LENGTHS[kind])
        message[0] = ord(kind)
        message[1:3] = locate.to_bytes(2, "big")
        message[5:11] = self.now.to_bytes(6, "big")
        return message

    def new_ref(self) -> int:
        self.next_ref += self.random.choice([1, 1, 1, 2, 3, 700])
        return self.next_ref

    def price(self) -> int:
        return 1_000_000 + 100 * self.random.randrange(self.prices)

    def one(self) -> bytes:
        rng = self.random
        kind = rng.choices("AFECXDUPQBSRHYLVWKJhINO", [self.adds, 4, 6, 4, 8, 26, 12, 2, 1, *[1] * 14])[0]
        if kind in "ECXDU" and not self.live:
            kind = "A"
        locate = rng.randrange(1, self.locates + 1)
        if kind in "ECXDU":
            message = self.change(kind)
        else:
            message = self.head(kind, locate)
            price, match = self.price(), rng.getrandbits(40)
            if kind in "AF":
                ref, side = self.new_ref(), rng.choice([b"B", b"S"])
                shares = rng.choice([100, 1, rng.randrange(1, 1000), (1 << 32) - 1])
                struct.pack_into(">QcI8sI", message, 11, ref, side, shares, b"ACME    ", price)
                self.live[ref] = (locate, shares)
            elif kind == "P":
                struct.pack_into(">QcI8sIQ", message, 11, 0, b"B", rng.randrange(1, 500), b"ACME    ", price, match)
            elif kind == "Q":
                struct.pack_into(">Q8sIQc", message, 11, rng.choice([0, 5, 1 << 33]), b"ACME    ", price, match, b"O")
            else:
                message[11:] = rng.randbytes(len(message) - 11)
                if kind in "Hh":
                    message[19:21] = rng.choice([b"T ", b"T ", b"H ", b"QH", b"QT", b"QT", b"QT"])
        return self.spoil(message) if rng.random() < self.hostile else bytes(message)

    def change(self, kind: str) -> bytearray:
        rng = self.random
        ref = rng.choice(list(self.live)[-60:] if rng.random() < 0.8 else list(self.live))
        locate, shares = self.live[ref]
        message = self.head(kind, locate)
        message[11:19] = ref.to_bytes(8, "big")
        if kind == "U":
            new_ref, new_shares = self.new_ref(), rng.randrange(1, 1000)
            struct.pack_into(">QII", message, 19, new_ref, new_shares, self.price())
            del self.live[ref]
            self.live[new_ref] = (locate, new_shares)
            return message
        taken = shares if kind == "D" or rng.random() < 0.5 else rng.randrange(1, shares + 1)
        if kind != "D":
            struct.pack_into(">I", message, 19, taken)
        if kind in "EC":
            struct.pack_into(">Q", message, 23, rng.getrandbits(50))
        if kind == "C":
            struct.pack_into(">cI", message, 31, rng.choice([b"Y", b"N", b"\0"]), self.price())
        if taken == shares:
            del self.live[ref]
        else:
            self.live[ref] = (locate, shares - taken)
        return message

    def spoil(self, message: bytearray) -> bytes:
        """One thing wrong: a field at an edge, a reference out of place, a length, plain noise."""
        rng = self.random
        way = rng.randrange(9)
        if way == 0:
            return bytes(message[: rng.randrange(len(message))])
        if way == 1:
            return bytes(message) + rng.randbytes(rng.randrange(1, 20))
        if way == 2:
            return rng.randbytes(rng.randrange(60))
        if way == 3:  # a locate from anywhere
            message[1:3] = rng.choice([0, 1, 2, 65535, rng.getrandbits(16)]).to_bytes(2, "big")
        elif way == 4 and len(message) >= 19:  # a reference from anywhere, or one that is live
            refs = [0, 1 << 63, (1 << 64) - 1, rng.getrandbits(64)]
            refs += [self.next_ref + (1 << 20), max(0, self.next_ref - 9000)]
            refs += [rng.choice(list(self.live))] if self.live else []
            at = 19 if message[0] == ord("U") and rng.random() < 0.5 else 11
            message[at : at + 8] = rng.choice(refs).to_bytes(8, "big")
        elif way == 5 and len(message) >= 24:  # shares
            at = {"A": 20, "F": 20, "P": 20, "U": 27}.get(chr(message[0]), 19)
            message[at : at + 4] = rng.choice([0, 1, (1 << 32) - 1, rng.getrandbits(32)]).to_bytes(4, "big")
        elif way == 6 and len(message) >= 36:  # price
            at = 31 if message[0] == ord("U") else 32
            message[at : at + 4] = rng.choice([0, 1, 1_999_999_900, 1_999_999_901, (1 << 32) - 1]).to_bytes(4, "big")
        elif way == 7 and chr(message[0]) in "AFP":  # a side that is none
            message[19] = rng.choice(b"bs TE\0\xff")
        else:
            message[rng.randrange(len(message))] = rng.getrandbits(8)
        return bytes(message)
