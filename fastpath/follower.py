"""How a subscriber keeps a bus stream whole: sequences, gaps, repair, restarts.

Sans-I/O: frames, answers and times go in; items for the user and requests to send
come out. `subscriber` gives it sockets, plain or asyncio; tests give it events.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from .bus_messages import Position, Replay, SnapshotAnswer, SnapshotBook, State
from .records import BUS_HEADER_DTYPE, EVENT_DTYPE, EXEC_DTYPE, FrameType, Reason

Records = npt.NDArray[np.void]
HEADER_BYTES = BUS_HEADER_DTYPE.itemsize
MAGIC = 0x5046
_HEADER = struct.Struct("<HBBHHIIQQQ")


@dataclass(frozen=True, slots=True)
class Frame:
    """Records of a stream, in order and without a hole before them. `records` is a view of the frame's bytes."""

    topic: str
    epoch: int
    seq: int
    time_ns: int
    records: Records


@dataclass(frozen=True, slots=True)
class Top:
    """The newest best bid and ask of a symbol; conflated, so sequences may skip. `record` is one event record."""

    topic: str
    epoch: int
    seq: int
    record: np.void


@dataclass(frozen=True, slots=True)
class Status:
    """The engine's state, as `EngineClient.state` answers it."""

    epoch: int
    seq: int
    state: State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything up to and including `seq`; forget what was known before. md topics have books, exec the rest."""

    topic: str
    epoch: int
    seq: int
    books: list[SnapshotBook]
    orders: Records
    positions: list[Position]


class RepairedBy(Enum):
    """How the records of a gap came after all."""

    REPLAY = "replay"
    SNAPSHOT = "snapshot"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Gap:
    """[first, last] did not come by themselves. The next item repairs it, unless `repaired_by` is NOTHING."""

    topic: str
    epoch: int
    first: int
    last: int
    repaired_by: RepairedBy


@dataclass(frozen=True, slots=True)
class EpochChange:
    """The engine was restarted; a Snapshot follows when repair is on."""

    topic: str
    old: int
    new: int


Item = Frame | Top | Status | Snapshot | Gap | EpochChange


@dataclass(slots=True)
class Header:
    """A frame's header, read without NumPy's cost for one record."""

    type: int
    count: int
    record_size: int
    epoch: int
    seq: int
    time_ns: int


def parse_header(frame: bytes) -> Header | None:
    """The header, or None when the bytes are no frame of version 1 or do not hold what it announces."""
    if len(frame) < HEADER_BYTES:
        return None
    magic, version, kind, count, size, _stream, epoch, seq, time_ns, _reserved = _HEADER.unpack_from(frame)
    body = len(frame) - HEADER_BYTES
    if magic != MAGIC or version != 1 or (size and body != size * count):
        return None
    return Header(kind, count, size, epoch, seq, time_ns)


@dataclass(slots=True)
class Ask:
    """A request that the socket's owner sends and whose answer it hands to `Follower.answer`."""

    topic: str
    op: str
    fields: dict[str, Any]
    not_before: float = 0.0


class _Mode(Enum):
    JOINING = 1  # waiting for a snapshot
    LIVE = 2
    REPAIRING = 3  # waiting for a replay


class Follower:
    """One `md.<venue>.full` or `exec.<account>` stream.

    `repair` False: nothing is asked for; gaps are told and the stream goes on. `start_live`: begin with
    whatever comes first instead of a snapshot. Frames that come while an answer is awaited are kept, at most
    `max_held`; beyond that a snapshot is taken anew.
    """

    def __init__(self, topic: str, *, repair: bool = True, start_live: bool = False, max_held: int = 4_096) -> None:
        self.topic = topic
        self.dtype = EVENT_DTYPE if topic.startswith("md.") else EXEC_DTYPE
        self.epoch = 0
        self.expected = 0
        """The next sequence to give out; 0 before the first."""
        self.bad_frames = 0
        self._repair = repair
        self._start_live = start_live or not repair
        self._max_held = max_held
        self._held: deque[Frame] = deque()
        self._mode = _Mode.LIVE if self._start_live else _Mode.JOINING
        self._ask: Ask | None = None
        self._gap_told = 0

    def start(self) -> list[Ask]:
        """What to send first; nothing when the stream is taken live."""
        return [] if self._start_live else [self._want_snapshot()]

    # ---- frames ----

    def frame(self, data: bytes) -> tuple[list[Item], list[Ask]]:
        """Take one published frame."""
        header = parse_header(data)
        items: list[Item] = []
        if header is None or (header.count and header.record_size != self.dtype.itemsize):
            self.bad_frames += 1
            return items, []
        if header.epoch != self.epoch:
            asks = self._new_epoch(header.epoch, items)
            if asks:
                self._keep(header, data)
                return items, asks
        if header.type == FrameType.HEARTBEAT:
            return items, self._heartbeat(header.seq, items)
        frame = self._frame_of(header, data)
        if self._mode is not _Mode.LIVE:
            return items, self._hold(frame)
        return items, self._take(frame, items)

    def _frame_of(self, header: Header, data: bytes) -> Frame:
        records = np.frombuffer(data, self.dtype, header.count, HEADER_BYTES)
        return Frame(self.topic, header.epoch, header.seq, header.time_ns, records)

    def _keep(self, header: Header, data: bytes) -> None:
        if header.type != FrameType.HEARTBEAT:
            self._held.append(self._frame_of(header, data))

    def _new_epoch(self, epoch: int, items: list[Item]) -> list[Ask]:
        old, self.epoch = self.epoch, epoch
        if old:
            items.append(EpochChange(self.topic, old, epoch))
        elif self._mode is _Mode.JOINING:
            return []  # the first frame: the snapshot is on its way already
        self.expected = self._gap_told = 0
        self._held.clear()
        if self._start_live and not (self._repair and old):
            return []
        return [self._want_snapshot()]

    def _heartbeat(self, last: int, items: list[Item]) -> list[Ask]:
        if self._mode is not _Mode.LIVE:
            return []
        if not self.expected:
            self.expected = last + 1
            return []
        return self._missing(last, items) if last >= self.expected else []

    def _hold(self, frame: Frame) -> list[Ask]:
        if len(self._held) < self._max_held:
            self._held.append(frame)
            return []
        self._held.clear()
        self._held.append(frame)
        return [self._want_snapshot()]

    def _take(self, frame: Frame, items: list[Item]) -> list[Ask]:
        """Give a frame out, or find that something before it is missing."""
        if not self.expected:
            self.expected = frame.seq
        if frame.seq > self.expected:
            asks = self._missing(frame.seq - 1, items)
            if asks:
                self._held.append(frame)
                return asks
        skip = self.expected - frame.seq
        if skip < len(frame.records):
            records = frame.records[skip:] if skip else frame.records
            items.append(Frame(self.topic, frame.epoch, self.expected, frame.time_ns, records))
            self.expected += len(records)
        return []

    def _missing(self, last: int, items: list[Item]) -> list[Ask]:
        if self._repair:
            self._mode = _Mode.REPAIRING
            self._ask = Ask(
                self.topic,
                "replay",
                {"topic": self.topic, "epoch": self.epoch, "from": self.expected, "to": last},
            )
            return [self._ask]
        items.append(Gap(self.topic, self.epoch, self.expected, last, RepairedBy.NOTHING))
        self.expected = last + 1
        return []

    def _want_snapshot(self, not_before: float = 0.0) -> Ask:
        self._mode = _Mode.JOINING
        self._ask = Ask(self.topic, "snapshot", {"topic": self.topic}, not_before)
        return self._ask

    # ---- answers ----

    def answer(self, ask: Ask, data: bytes, now: float) -> tuple[list[Item], list[Ask]]:
        """Take the answer to a request; answers to requests that are no longer wanted are passed over."""
        if ask is not self._ask:
            return [], []
        items: list[Item] = []
        if ask.op == "snapshot":
            return items, self._snapshot(msgspec.msgpack.decode(data, type=SnapshotAnswer), items, now)
        return items, self._replay(ask, msgspec.msgpack.decode(data, type=Replay), items, now)

    def _snapshot(self, answer: SnapshotAnswer, items: list[Item], now: float) -> list[Ask]:
        if not answer.ok:
            if answer.reason == Reason.RECOVERING:
                return [self._want_snapshot(now + 0.1)]
            raise LookupError(f"{self.topic}: {answer.error}")
        if answer.epoch != self.epoch:
            if self.epoch and answer.epoch < self.epoch:
                return [self._want_snapshot(now + 0.05)]  # the old engine's last word
            if self.epoch:
                items.append(EpochChange(self.topic, self.epoch, answer.epoch))
            self.epoch = answer.epoch
            self.expected = self._gap_told = 0
        if self.expected and answer.seq >= self.expected:
            items.append(Gap(self.topic, self.epoch, self.expected, answer.seq, RepairedBy.SNAPSHOT))
        orders = np.frombuffer(answer.orders, EXEC_DTYPE)
        items.append(Snapshot(self.topic, self.epoch, answer.seq, answer.books, orders, answer.positions))
        self.expected = answer.seq + 1
        return self._resume(items)

    def _replay(self, ask: Ask, answer: Replay, items: list[Item], now: float) -> list[Ask]:
        first, last = ask.fields["from"], ask.fields["to"]
        if not answer.ok or answer.first != first or not answer.count:
            # Restarted meanwhile, or the history no longer reaches back.
            return [self._want_snapshot(now)]
        records = np.frombuffer(answer.records, self.dtype)
        if first > self._gap_told or not self._gap_told:
            items.append(Gap(self.topic, self.epoch, first, last, RepairedBy.REPLAY))
            self._gap_told = last
        items.append(Frame(self.topic, self.epoch, first, answer.time_ns, records))
        self.expected += len(records)
        if self.expected <= last:
            return self._missing(last, items)
        return self._resume(items)

    def _resume(self, items: list[Item]) -> list[Ask]:
        self._mode = _Mode.LIVE
        self._ask = None
        while self._held:
            frame = self._held.popleft()
            if frame.epoch != self.epoch:
                continue
            asks = self._take(frame, items)
            if asks:
                # _take put the frame at the end; the order of what is held must stay.
                self._held.appendleft(self._held.pop())
                return asks
        return []
