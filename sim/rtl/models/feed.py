# ruff: noqa: S311 - reproducible test data, not cryptography
"""A bench around feed_front or a design with the same ports: drives frames on lines A and B, records the norm bus.

It turns messages into packets and frames and keeps the cycle of every message's last byte; the tests judge.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models import itch
from sim.rtl.models.packets import Frame, mold_packet
from sim.rtl.models.streams import Beat, Cycles, Source, to_beats

SESSION = b"SESSION 01"
ADDRESS = {"a": 0xE9360C6F, "b": 0xE9360D70}
PORT = {"a": 26477, "b": 26478}
NORM = ["type", "fault", "seq", "timestamp", "locate", "tracked", "symidx", "ref", "ref2", "side", "shares", "price"]
NORM += ["printable", "overflow", "aux", "line_b", "rx_cycle"]


@dataclass
class Norm:
    """One cycle of the norm bus with norm_valid."""

    cycle: int
    fields: dict[str, int]

    def __getattr__(self, name: str) -> int:
        return self.fields[name]


@dataclass
class Packet:
    """One MoldUDP64 packet to send: its messages, or a heartbeat or end (count 0 or 0xFFFF)."""

    sequence: int
    messages: list[bytes] = field(default_factory=list)
    count: int | None = None
    session: bytes = SESSION
    corrupt: bool = False  # the MAC's bad mark
    changes: dict[str, object] = field(default_factory=dict)  # of the frame's fields
    vlan: int | None = None
    padding: bytes = b""
    cut: int | None = None  # keep only so many bytes of the frame

    def frame(self, line: str) -> bytes:
        """The frame's bytes on a line."""
        payload = mold_packet(self.session, self.sequence, self.messages, self.count)
        frame = Frame(payload, ADDRESS[line], PORT[line], vlan=self.vlan, padding=self.padding)
        return frame.but(**self.changes).build()[: self.cut]

    def last_bytes(self) -> list[int]:
        """For each message the index of its last byte in the frame."""
        at = 42 + 20 + (4 if self.vlan is not None else 0)
        ends = []
        for message in self.messages:
            at += 2 + len(message)
            ends.append(at - 1)
        return ends


class Bench:
    """Clock, two line drivers and the monitor of the norm bus."""

    def __init__(self, dut: Any, pause: float = 0.0) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.source = {line: Source(self.cycles, f"s_axis_{line}", self.rng, pause) for line in "ab"}
        self.norm: list[Norm] = []
        self.early: list[tuple[int, int]] = []
        self.arrived: dict[str, dict[int, int]] = {"a": {}, "b": {}}  # line -> sequence -> cycle of the last byte
        self.cycles.watch(self.look)

    async def start(self, **settings: int) -> None:
        """Reset with the usual settings; `settings` replaces some by name (without cfg_)."""
        dut = self.dut
        values = {"first_seq": 1, "session": 0, "gap_wait": 2000, "silence": 0} | settings
        for name, value in values.items():
            getattr(dut, f"cfg_{name}").value = value
        for line in "ab":
            getattr(dut, f"cfg_{line}_enable").value = 1
            getattr(dut, f"cfg_{line}_address").value = ADDRESS[line]
            getattr(dut, f"cfg_{line}_port").value = PORT[line]
            for signal in ("tlast", "tuser", "tkeep"):
                getattr(dut, f"s_axis_{line}_{signal}").value = 0
        dut.cmd_resync.value = 0
        dut.filter_write_valid.value = 0
        dut.cycle.value = 0
        await self.cycles.start()
        cocotb.start_soon(self.count())

    async def count(self) -> None:
        """The free-running cycle counter: during cycle n it shows n."""
        while True:
            self.dut.cycle.value = (self.cycles.now + 1) & 0xFFFFFFFF
            await RisingEdge(self.dut.clk)

    def look(self, cycle: int) -> None:
        dut = self.dut
        if dut.rst.value == 1:
            return
        if dut.norm_valid.value == 1:
            self.norm.append(Norm(cycle, {name: int(getattr(dut, f"norm_{name}").value) for name in NORM}))
        if dut.early_valid.value == 1:
            self.early.append((cycle, int(dut.early_ref.value)))

    async def track(self, symbols: dict[int, int]) -> None:
        """Write locate -> symbol index into the filter, when it is ready."""
        dut = self.dut
        while dut.filter_ready.value != 1:
            await RisingEdge(dut.clk)
        for locate, index in symbols.items():
            dut.filter_write_valid.value = 1
            dut.filter_write_locate.value = locate
            dut.filter_write_tracked.value = int(index >= 0)
            dut.filter_write_symidx.value = max(index, 0)
            await RisingEdge(dut.clk)
        dut.filter_write_valid.value = 0

    async def send(self, line: str, packets: list[Packet], gap: int = 0) -> None:
        """Send packets on a line with `gap` idle cycles between them; notes when each message's last byte is there."""
        for packet in packets:
            beats: list[Beat] = to_beats(packet.frame(line), packet.corrupt)
            taken = await self.source[line].send(beats)
            for number, end in enumerate(packet.last_bytes()):
                if end // 8 < len(taken):
                    self.arrived[line].setdefault(packet.sequence + number, taken[end // 8])
            await self.cycles.wait(gap) if gap else None

    def messages(self) -> list[Norm]:
        """What left, without notices."""
        return [norm for norm in self.norm if norm.type < 0x80]

    def notices(self) -> list[Norm]:
        """The notices that left."""
        return [norm for norm in self.norm if norm.type >= 0x80]


def packetise(rng: random.Random, messages: list[bytes], first: int = 1, most: int = 12) -> list[Packet]:
    """Cut messages into packets of 1 to `most`, some tagged, some padded."""
    packets = []
    at = 0
    while at < len(messages):
        size = rng.randrange(1, most + 1)
        packets.append(
            Packet(
                first + at,
                messages[at : at + size],
                vlan=rng.choice([None, None, 7]),
                padding=rng.choice([b"", b"", rng.randbytes(rng.randrange(1, 12))]),
            )
        )
        at += size
    return packets


def traffic(rng: random.Random, count: int, kinds: str = "".join(itch.TYPES), locates: int = 16) -> list[bytes]:
    """Random messages of some types over a few locates."""
    return [itch.build(rng, rng.choice(kinds), locate=rng.randrange(locates)) for _ in range(count)]
