"""The card as a Python object: frames in, records out as NumPy arrays. A thin skin over card.h; it knows no rule of the card.

Times are cycles of 6.4 ns, never wall time. Not thread-safe: one thread per card.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from fastpath.records import EVENT_DTYPE
from sim.device.build import VARIANTS, Variant, build

Records = NDArray[np.void]
LINE_A, LINE_B, BAD_FCS = 0, 1, 0x100
BATCH = 4096


class CardError(Exception):
    """A call was refused: `code` is the negative fp_error."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(f"{what} was refused ({code})")
        self.code = code


class _Config(ctypes.Structure):
    _fields_ = [
        ("address", ctypes.c_uint32 * 2), ("port", ctypes.c_uint16 * 2), ("session", ctypes.c_uint8 * 10),
        ("first_sequence", ctypes.c_uint64), ("gap_wait_cycles", ctypes.c_uint32), ("silence_cycles", ctypes.c_uint32),
        ("midnight_ns", ctypes.c_uint64), ("start_ns", ctypes.c_uint64), ("venue", ctypes.c_uint8),
        ("frame_gap_cycles", ctypes.c_uint8),
    ]  # fmt: skip


class _Trading(ctypes.Structure):
    _fields_ = [
        ("duplicate_cycles", ctypes.c_uint64), ("rate_period_cycles", ctypes.c_uint32), ("rate_burst", ctypes.c_uint16),
        ("kill", ctypes.c_uint8), ("enabled", ctypes.c_uint8), ("session", ctypes.c_uint8),
    ]  # fmt: skip


class _Limits(ctypes.Structure):
    _fields_ = [
        ("notional_e4", ctypes.c_uint64), ("quantity", ctypes.c_uint32), ("buy_room", ctypes.c_uint32),
        ("sell_room", ctypes.c_uint32), ("collar_bps", ctypes.c_uint16), ("enabled", ctypes.c_uint8),
    ]  # fmt: skip


class _Fire(ctypes.Structure):
    _fields_ = [
        ("rx_cycle", ctypes.c_uint64), ("out_cycle", ctypes.c_uint64), ("slot", ctypes.c_uint16),
        ("reasons", ctypes.c_uint16),
    ]  # fmt: skip


@dataclass(frozen=True)
class Line:
    """Destination of a feed line: IPv4 address as a number, UDP port. Address 0: the line is off."""

    address: int
    port: int


@dataclass(frozen=True)
class Fire:
    """A verdict of the gate. Cycles: last byte of the message, verdict. reasons 0: passed, its order left."""

    slot: int
    reasons: int
    rx_cycle: int
    out_cycle: int


class Card:
    """One card. Raises BuildError when it cannot be built, CardError when a call is refused."""

    def __init__(
        self,
        line_a: Line,
        line_b: Line | None = None,
        *,
        session: bytes = b"",
        first_sequence: int = 1,
        gap_wait_cycles: int = 15625,
        silence_cycles: int = 0,
        midnight_ns: int = 0,
        start_ns: int = 0,
        venue: int = 0,
        frame_gap_cycles: int = 3,
        variant: Variant = VARIANTS["card"],
    ) -> None:
        self._card = ctypes.c_void_p()
        self._lib = _load(build(variant, quiet=True).library)
        second = line_b or Line(0, 0)
        config = _Config(
            address=(line_a.address, second.address), port=(line_a.port, second.port),
            session=tuple(session.ljust(10, b"\0")), first_sequence=first_sequence, gap_wait_cycles=gap_wait_cycles,
            silence_cycles=silence_cycles, midnight_ns=midnight_ns, start_ns=start_ns, venue=venue,
            frame_gap_cycles=frame_gap_cycles,
        )  # fmt: skip
        self._check("open", self._lib.fp_card_open(ctypes.byref(config), ctypes.byref(self._card)))
        self._records = np.zeros(BATCH, EVENT_DTYPE)
        self._pointer = self._records.ctypes.data_as(ctypes.c_void_p)

    def close(self) -> None:
        """Give the card's memory back; twice is fine."""
        if self._card:
            self._lib.fp_card_close(self._card)
            self._card = ctypes.c_void_p()

    def __enter__(self) -> Card:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _check(what: str, result: int) -> int:
        if result < 0:
            raise CardError(what, result)
        return result

    def _taken(self, what: str, count: int) -> Records:
        parts = [self._records[: self._check(what, count)].copy()]
        while count == BATCH:
            count = self._check(what, self._lib.fp_card_idle(self._card, 0, self._pointer, BATCH))
            parts.append(self._records[:count].copy())
        return np.concatenate(parts)

    def push(self, line: int, frame: bytes) -> Records:
        """One frame, Ethernet header first, no FCS, on LINE_A or LINE_B (| BAD_FCS); what the card gave meanwhile."""
        count = self._lib.fp_card_push(self._card, line, frame, len(frame), self._pointer, BATCH)
        return self._taken("frame", count)

    def push_both(self, frame_a: bytes, frame_b: bytes, lag_cycles: int = 0) -> Records:
        """A frame on each line, B's first beat lag_cycles after A's; empty bytes leave a line idle."""
        count = self._lib.fp_card_push_both(
            self._card, frame_a, len(frame_a), frame_b, len(frame_b), lag_cycles, self._pointer, BATCH
        )
        return self._taken("frames", count)

    def idle(self, cycles: int = 256) -> Records:
        """Let cycles go by."""
        return self._taken("idle", self._lib.fp_card_idle(self._card, cycles, self._pointer, BATCH))

    @property
    def cycles(self) -> int:
        """Cycles since reset."""
        return int(self._lib.fp_card_cycles(self._card))

    @property
    def time_ns(self) -> int:
        """start_ns + cycles x 6.4 ns."""
        return int(self._lib.fp_card_time_ns(self._card))

    def read(self, address: int) -> int:
        """A register (fastpath.registers)."""
        value = ctypes.c_uint32()
        self._check(f"read of register {address:#x}", self._lib.fp_card_read(self._card, address, ctypes.byref(value)))
        return value.value

    def write(self, address: int, value: int) -> None:
        """Write a register."""
        self._check(f"write of register {address:#x}", self._lib.fp_card_write(self._card, address, value))

    def track(self, symbols: Iterable[tuple[int, int]]) -> None:
        """(locate, symbol index) pairs into the symbol table; index -1 takes a locate out."""
        for locate, index in symbols:
            self._check("symbol", self._lib.fp_card_symbol(self._card, locate, index))

    def mark(self, index: int, code: int) -> None:
        """Set (code: positive error) or clear (0) a symbol's stale mark."""
        self._check("mark", self._lib.fp_card_mark(self._card, index, code))

    def clear_stale(self) -> None:
        """End the state in which every book is stale."""
        self._check("clear", self._lib.fp_card_clear_stale(self._card))

    def reset_book(self) -> None:
        """Forget every order, level and mark; record numbers begin at 1 again."""
        self._check("reset", self._lib.fp_card_reset_book(self._card))

    def resync(self, first_sequence: int = 0) -> None:
        """Forget the feed's position, start again at a sequence (0: the first one seen)."""
        self._check("resync", self._lib.fp_card_resync(self._card, first_sequence))

    def set_trading(
        self,
        *,
        kill: bool = False,
        enabled: bool = True,
        session: bool = True,
        rate_period_cycles: int = 1,
        rate_burst: int = 1,
        duplicate_cycles: int = 0,
    ) -> None:
        """The switches and paces of the gate."""
        trading = _Trading(duplicate_cycles, rate_period_cycles, rate_burst, kill, enabled, session)
        self._check("trading", self._lib.fp_card_set_trading(self._card, ctypes.byref(trading)))

    def set_limits(
        self,
        index: int,
        *,
        quantity: int,
        notional_e4: int,
        collar_bps: int,
        buy_room: int,
        sell_room: int,
        enabled: bool = True,
    ) -> None:
        """A symbol's limits: of one order, and the shares that may still be bought and sold."""
        limits = _Limits(notional_e4, quantity, buy_room, sell_room, collar_bps, enabled)
        self._check("limits", self._lib.fp_card_set_limits(self._card, index, ctypes.byref(limits)))

    def set_template(self, slot: int, message: bytes) -> None:
        """A slot's OUCH 5.0 Enter Order, 47..61 bytes; its order number is put in by the card."""
        self._check("template", self._lib.fp_card_set_template(self._card, slot, message, len(message)))

    def set_order_number(self, following: int) -> None:
        """The next order's number."""
        self._check("order number", self._lib.fp_card_order_number(self._card, following))

    def arm(self, slot: int, index: int, condition: int, price_e4: int, expire_cycle: int = 0) -> None:
        """Arm a slot: 1 bid at or above, 2 bid at or below, 3 ask at or above, 4 ask at or below."""
        self._check("arm", self._lib.fp_card_arm(self._card, slot, index, condition, price_e4, expire_cycle))

    def disarm(self, slot: int) -> None:
        """Disarm a slot."""
        self._check("disarm", self._lib.fp_card_disarm(self._card, slot))

    def order_bytes(self) -> bytes:
        """SoupBinTCP bytes that left since the last call."""
        out = (ctypes.c_uint8 * 65536)()
        return bytes(out[: self._check("orders", self._lib.fp_card_order_bytes(self._card, out, len(out)))])

    def fires(self) -> list[Fire]:
        """The gate's verdicts since the last call."""
        out = (_Fire * 1024)()
        count = self._check("fires", self._lib.fp_card_fires(self._card, out, len(out)))
        return [Fire(fire.slot, fire.reasons, fire.rx_cycle, fire.out_cycle) for fire in out[:count]]


def _load(path: Path) -> ctypes.CDLL:
    """The library with its signatures."""
    lib = ctypes.CDLL(str(path))
    card, pointer, number, text = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    u8, u16, u32, u64, size = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t
    signatures: dict[str, list[type]] = {
        "fp_card_open": [pointer, pointer],
        "fp_card_push": [card, number, text, size, pointer, number],
        "fp_card_push_both": [card, text, size, text, size, number, pointer, number],
        "fp_card_idle": [card, u64, pointer, number],
        "fp_card_write": [card, u32, u32],
        "fp_card_read": [card, u32, pointer],
        "fp_card_symbol": [card, u16, number],
        "fp_card_resync": [card, u64],
        "fp_card_mark": [card, number, u8],
        "fp_card_clear_stale": [card],
        "fp_card_reset_book": [card],
        "fp_card_set_trading": [card, pointer],
        "fp_card_set_limits": [card, number, pointer],
        "fp_card_set_template": [card, number, text, size],
        "fp_card_order_number": [card, u32],
        "fp_card_arm": [card, number, number, number, u32, u64],
        "fp_card_disarm": [card, number],
        "fp_card_order_bytes": [card, pointer, number],
        "fp_card_fires": [card, pointer, number],
    }
    for name, types in signatures.items():
        function = getattr(lib, name)
        function.argtypes, function.restype = types, number
    lib.fp_card_close.argtypes, lib.fp_card_close.restype = [card], None
    for name in ("fp_card_cycles", "fp_card_time_ns"):
        getattr(lib, name).argtypes, getattr(lib, name).restype = [card], u64
    return lib
