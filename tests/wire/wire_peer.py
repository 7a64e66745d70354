"""The C wire codecs seen from Python: `peer.c` compiled with the sanitizers and driven line by line.

Everything the tests ask goes through one process; a sanitizer report ends it, and
the next answer then raises with the report. It decides nothing about right or wrong.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent
WIRE = ROOT / "fastpath/core/wire"
SOURCES = ("layout", "itch", "ouch", "mold", "mold_rx", "soup", "net", "pcap")
TRUNCATED, UNKNOWN_TYPE, BAD_LENGTH, BAD_FIELD = -1, -3, -4, -5  # enum fp_error
SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


def compile_c(main: Path, binary: Path, flags: list[str]) -> None:
    """Compile one C main with every wire source; raises with the compiler's words."""
    compiler = [*os.environ.get("CC", "gcc").split(), "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror"]
    sources = [str(main), *[str(WIRE / f"{name}.c") for name in SOURCES]]
    command = [*compiler, *flags, "-I", str(ROOT / "fastpath/core"), "-I", str(ROOT), *sources, "-o", str(binary)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-4000:]


def hexed(data: bytes) -> str:
    return data.hex() or "-"


def unhexed(text: str) -> bytes:
    return b"" if text == "-" else bytes.fromhex(text)


@dataclass
class Decoded:
    """One message as the C decoder read it: field values in table order, and the bytes of its re-encoding."""

    values: list[int | bytes]
    appendage_present: bool
    appendage: bytes
    encoded: bytes


@dataclass
class Step:
    """What one packet or one timer call brought out of the arbitrator."""

    code: int
    request: bytes
    out: list[tuple[str, int, int, bytes]]  # ("m", sequence, line, data) or ("n", sequence, count, kind byte)


class WireError(Exception):
    """A negative fp_error of the C side."""

    def __init__(self, code: int) -> None:
        super().__init__(f"fp_error {code}")
        self.code = code


class Peer:
    """One running `peer.c`."""

    def __init__(self, binary: Path) -> None:
        self.process = subprocess.Popen(
            [str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdin and self.process.stdout
        self._in: IO[str] = self.process.stdin
        self._out: IO[str] = self.process.stdout

    def close(self) -> None:
        self._in.close()
        assert self.process.wait(timeout=60) == 0, self.report()

    def report(self) -> str:
        assert self.process.stderr
        return self.process.stderr.read()[-4000:]

    def ask(self, line: str) -> str:
        self._in.write(line + "\n")
        self._in.flush()
        answer = self._out.readline().rstrip("\n")
        assert answer, self.report()
        if answer.startswith("error "):
            raise WireError(int(answer.split()[1]))
        assert answer.startswith("ok"), answer
        return answer[2:].lstrip(" ")

    def _message(self, command: str, data: bytes) -> Decoded:
        parts = self.ask(f"{command} {hexed(data)}").split(" | ")
        values: list[int | bytes] = [unhexed(word[1:]) if word[0] == "x" else int(word) for word in parts[0].split()]
        if len(parts) == 2:
            return Decoded(values, False, b"", unhexed(parts[1]))
        present, appendage = parts[1].split()
        return Decoded(values, present == "1", unhexed(appendage), unhexed(parts[2]))

    def itch(self, data: bytes) -> Decoded:
        return self._message("itch", data)

    def ouch(self, direction: str, data: bytes) -> Decoded:
        return self._message(f"ouch_{direction}", data)

    def soup(self, stream: bytes) -> tuple[list[tuple[str, bytes]], int, int]:
        """Packets (type, payload), the last return code, and the bytes left over."""
        packets, end = f" {self.ask(f'soup {hexed(stream)}')}".split(" | ")
        code, left = end.split()
        pairs = [word.split(":") for word in packets.split()]
        return (
            [(bytes.fromhex(kind).decode("latin-1"), unhexed(payload)) for kind, payload in pairs],
            int(code),
            int(left),
        )

    def net(self, frame: bytes, offloaded: bool = False) -> tuple[int, int, int, int, bytes]:
        """Protocol, VLAN id, source port, target port, payload."""
        words = self.ask(f"net{'_offloaded' if offloaded else ''} {hexed(frame)}").split()
        protocol, vlan, source, target = map(int, words[:4])
        return protocol, vlan, source, target, unhexed(words[4])

    def udp(self, payload: bytes) -> bytes:
        """A whole UDP frame around the payload."""
        return unhexed(self.ask(f"udp {hexed(payload)}").split("| ")[1])

    def pcap(self, data: bytes) -> tuple[list[tuple[int, bytes]], int]:
        """Records (time_ns, frame) and the code the file ended with."""
        records, code = f" {self.ask(f'pcap {hexed(data)}')}".split(" | ")
        split = [word.split(":") for word in records.split()]
        return [(int(time), unhexed(frame)) for time, _, frame in split], int(code)

    def mold(self, packet: bytes) -> tuple[bytes, int, int, list[bytes], bytes]:
        """Session, sequence, count, messages, and the packet encoded again."""
        words, encoded = self.ask(f"mold {hexed(packet)}").split(" | ")
        session, sequence, count, *messages = words.split()
        return bytes.fromhex(session), int(sequence), int(count), [unhexed(m) for m in messages], unhexed(encoded)

    def rx_open(self, session: bytes, first: int, wait_ns: int, retry_ns: int, attempts: int, window: int) -> None:
        assert self.ask(f"rx_open {session.hex()} {first} {wait_ns} {retry_ns} {attempts} {window}") == "0"

    @staticmethod
    def _events(words: list[str]) -> list[tuple[str, int, int, bytes]]:
        out: list[tuple[str, int, int, bytes]] = []
        for word in words:
            tag, a, b, c = word.split(":")
            out.append(("m", int(a), int(b), unhexed(c)) if tag == "m" else ("n", int(b), int(c), bytes([int(a)])))
        return out

    def rx_push(self, line: int, now_ns: int, packet: bytes) -> Step:
        code, *events = self.ask(f"rx_push {line} {now_ns} {hexed(packet)}").split()
        return Step(int(code), b"", self._events(events))

    def rx_timer(self, now_ns: int) -> Step:
        request, *events = self.ask(f"rx_timer {now_ns}").split()
        return Step(0, unhexed(request), self._events(events))

    def rx_stats(self) -> dict[str, int]:
        return {name: int(value) for name, value in (word.split("=") for word in self.ask("rx_stats").split())}
