"""Functional coverage: which situations the benches have brought about, seen at the ports of the designs under test.

`attach` finds the watcher for a design by its top's name, so a bench needs nothing but to use streams.Cycles. Hits are
written to the file that FASTPATH_FUNCTIONAL names when the simulation ends; goals are met only by what came out of a
design, never by what was sent in. It drives nothing and judges nothing: the benches do.
"""

from __future__ import annotations

import atexit
import json
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge
from cocotb_coverage.coverage import CoverCross, CoverPoint, coverage_db, coverage_section

from sim.rtl.models import itch
from sim.rtl.models.book_msg import CODES, SLICES
from sim.rtl.models.order_table import OrderPlaces
from sim.rtl.models.streams import Cycles, parameters

#: cocotb-coverage's decorators, with the type that they keep.
goal: Callable[..., Callable[[Callable[..., None]], Callable[..., None]]] = coverage_section

LINES = ["a", "b"]
BOOK_LETTERS = list("AFECXDU")
TABLE_OPS = ["ADD", "EXEC", "CANCEL", "DELETE", "REPLACE"]
FRAME_REASONS = ["TRUNCATED", "OVERSIZED", "BAD_LENGTH", "BAD_FIELD", "WRONG_SESSION", "CORRUPT", "NOT_SUPPORTED"]
FRAME_REASONS += ["BAD_CHECKSUM"]
FRAME_CODES = dict(zip((1, 2, 4, 5, 6, 14, 17, 18), FRAME_REASONS, strict=True))
ARBITRATION = ["in order", "duplicate", "ahead", "both ahead", "gap lost", "same cycle"]
#: Verdicts that an operation of the order table can have.
VERDICTS = {
    "ADD": ["OK", "CONTRA", "FULL"],
    "EXEC": ["OK", "UNKNOWN", "CONTRA", "DROP", "WRONG"],
    "CANCEL": ["OK", "UNKNOWN", "CONTRA", "DROP", "WRONG"],
    "DELETE": ["OK", "UNKNOWN", "WRONG"],
    "REPLACE": ["OK", "UNKNOWN", "CONTRA", "FULL", "WRONG"],
}
RISK = ["KILL", "DISABLED", "QUANTITY", "NOTIONAL", "COLLAR", "POSITION", "RATE", "DUPLICATE", "STALE", "HALTED"]
RISK += ["REFERENCE", "ORDER", "SESSION"]


# The goals. Each `sample_*` function counts one situation.
@goal(
    CoverPoint("feed.type", vname="letter", bins=itch.TYPES),
    CoverPoint("feed.lane", vname="lane", bins=list(range(8))),
    CoverCross("feed.type_at_lane", items=["feed.type", "feed.lane"]),
)
def sample_message(letter: str, lane: int) -> None:
    """A message of a type left the feed half; its last byte came in this byte lane."""


@goal(
    CoverPoint("feed.case", vname="case", bins=ARBITRATION),
    CoverPoint("feed.line", vname="line", bins=LINES),
    CoverCross("feed.arbitration_of_line", items=["feed.case", "feed.line"]),
)
def sample_arbitration(case: str, line: str) -> None:
    """What the arbiter did, and the line it did it to or for."""


@goal(
    CoverPoint("feed.reason", vname="reason", bins=FRAME_REASONS),
    CoverPoint("feed.bad_line", vname="line", bins=LINES),
    CoverCross("feed.bad_frame_of_line", items=["feed.reason", "feed.bad_line"]),
)
def sample_bad_frame(reason: str, line: str) -> None:
    """A refused frame was told."""


@goal(
    CoverPoint("book.distance", vname="distance", bins=list(range(5))),
    CoverPoint("book.first", vname="first", bins=BOOK_LETTERS),
    CoverPoint("book.second", vname="second", bins=BOOK_LETTERS),
    CoverCross("book.same_symbol_pair", items=["book.distance", "book.first", "book.second"]),
)
def sample_pair(distance: int, first: str, second: str) -> None:
    """Two messages of one symbol with `distance` others between them."""


@goal(
    CoverPoint("table.level", vname="level", bins=["empty", "part", "full", "stash full"]),
    CoverPoint("table.op", vname="op", bins=TABLE_OPS),
    CoverCross("table.level_at_op", items=["table.level", "table.op"]),
)
def sample_occupancy(level: str, op: str) -> None:
    """How full the buckets of the operation's reference were: none used, some, all, all and the stash."""


@goal(
    CoverPoint(
        "table.verdict_of_op",
        vname="verdict_of_op",
        bins=[f"{op} {verdict}" for op, verdicts in VERDICTS.items() for verdict in verdicts],
    )
)
def sample_verdict(verdict_of_op: str) -> None:
    """What the order table said."""


@goal(
    CoverPoint("risk.reason", vname="reason", bins=RISK),
    CoverPoint("risk.alone", vname="alone", bins=["alone", "with others"]),
    CoverCross("risk.reason_alone", items=["risk.reason", "risk.alone"]),
)
def sample_reject(reason: str, alone: str) -> None:
    """A reason for which an order was refused, and whether it was the only one."""


@goal(CoverPoint("risk.passed", vname="passed", bins=["passed"]))
def sample_pass(passed: str) -> None:
    """An order passed."""


@goal(
    CoverPoint("trigger.condition", vname="condition", bins=[1, 2, 3, 4]),
    CoverPoint("trigger.outcome", vname="outcome", bins=["fired", "expired", "disarmed", "armed again"]),
    CoverCross("trigger.outcome_of_condition", items=["trigger.condition", "trigger.outcome"]),
)
def sample_trigger(condition: int, outcome: str) -> None:
    """How a trigger left its armed state, or that it was armed a second time."""


@goal(CoverPoint("trigger.refused", vname="why", bins=["condition below", "condition above", "price", "armed"]))
def sample_refused_arm(why: str) -> None:
    """An arming that changed nothing, and why."""


#: What must be reached entirely; the points above them only name their axes.
GOALS = ["feed.type_at_lane", "feed.arbitration_of_line", "feed.bad_frame_of_line", "book.same_symbol_pair"]
GOALS += ["table.level_at_op", "table.verdict_of_op", "risk.reason_alone", "risk.passed"]
GOALS += ["trigger.outcome_of_condition", "trigger.refused"]


def on(signal: Any) -> bool:
    """Whether a one-bit signal is 1; an unknown is not."""
    return bool(signal.value == 1)


class Frames:
    """Reassembles the frames of one line from its beats, and where and when each message's last byte came."""

    def __init__(self, dut: Any, line: str) -> None:
        self.valid = getattr(dut, f"s_axis_{line}_tvalid")
        self.data = getattr(dut, f"s_axis_{line}_tdata")
        self.keep = getattr(dut, f"s_axis_{line}_tkeep")
        self.last = getattr(dut, f"s_axis_{line}_tlast")
        self.bytes = bytearray()
        self.cycles: list[int] = []

    def look(self, cycle: int) -> list[tuple[int, str, int, int]]:
        """One cycle; at a frame's end its messages: sequence, type, lane and cycle of the last byte."""
        if not on(self.valid):
            return []
        self.bytes += int(self.data.value).to_bytes(8, "little")[: int(self.keep.value).bit_count()]
        self.cycles.append(cycle)
        if not on(self.last):
            return []
        frame, cycles, self.bytes, self.cycles = bytes(self.bytes), self.cycles, bytearray(), []
        at = 46 if frame[12:14] == b"\x81\x00" else 42
        if len(frame) < at + 20:
            return []
        sequence = int.from_bytes(frame[at + 10 : at + 18], "big")
        count = int.from_bytes(frame[at + 18 : at + 20], "big")
        at += 20
        found: list[tuple[int, str, int, int]] = []
        while len(found) < count and at + 2 < len(frame):
            size = int.from_bytes(frame[at : at + 2], "big")
            end = at + 1 + size
            if not 12 <= size <= 63 or end >= len(frame):
                break
            found.append((sequence + len(found), chr(frame[at + 2]), end % 8, cycles[end // 8]))
            at = end + 1
        return found


class Feed:
    """The feed half: from the beats of both lines to the norm bus."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        self.frames = {line: Frames(self.dut, line) for line in LINES}
        self.forget()
        cycles.watch(self.look)

    def forget(self) -> None:
        """A reset, or a new start."""
        self.ended: dict[tuple[str, int], tuple[str, int]] = {}  # line, sequence -> type, lane
        self.ended_at: dict[tuple[str, int], int] = {}  # line, cycle -> sequence
        self.left: dict[int, str] = {}  # sequence -> line that brought it
        self.waiting: set[str] = set()  # cases whose line is that of the next message
        self.held = {"a": 0, "b": 0}

    def look(self, cycle: int) -> None:
        """One cycle."""
        dut = self.dut
        if on(dut.rst) or on(dut.cmd_resync):
            self.forget()
            self.frames = {line: Frames(dut, line) for line in LINES}
            return
        held = {"a": int(dut.hold_level_a.value), "b": int(dut.hold_level_b.value)}
        duplicates = int(dut.stat_duplicate.value)
        for bit, (line, other) in enumerate((("a", "b"), ("b", "a"))):
            if held[line] and not self.held[line] and not held[other]:
                sample_arbitration("ahead", line)
            if duplicates >> bit & 1:
                sample_arbitration("duplicate", line)
        if held["a"] and held["b"]:
            self.waiting.add("both ahead")
        self.held = held
        if on(dut.norm_valid):
            self.leaves(held)
        for line in LINES:
            for seq, letter, lane, when in self.frames[line].look(cycle):
                self.ended[line, seq] = (letter, lane)
                self.ended_at[line, when] = seq
                self.join(line, seq)
                self.together(when)

    def leaves(self, held: dict[str, int]) -> None:
        """A message or notice on the norm bus."""
        dut = self.dut
        kind, line = int(dut.norm_type.value), LINES[int(dut.norm_line_b.value)]
        if kind == itch.GAP_LOST:
            self.waiting.add("gap lost")
        elif kind == itch.FRAME_BAD:
            sample_bad_frame(FRAME_CODES.get(int(dut.norm_price.value), "?"), line)
        if kind >= 0x80:
            return
        if not held["a"] and not held["b"]:
            sample_arbitration("in order", line)
        for case in self.waiting:
            sample_arbitration(case, line)
        self.waiting.clear()
        seq = int(dut.norm_seq.value)
        self.left[seq] = line
        self.join(line, seq)

    def join(self, line: str, seq: int) -> None:
        """Count a message of which both the beats and the norm bus have been seen."""
        if self.left.get(seq) == line and (line, seq) in self.ended:
            sample_message(*self.ended.pop((line, seq)))

    def together(self, when: int) -> None:
        """Both lines ended a message in the same cycle, and one of the two left."""
        if ("a", when) in self.ended_at and ("b", when) in self.ended_at:
            for line in LINES:
                if self.left.get(self.ended_at[line, when]) == line:
                    sample_arbitration("same cycle", line)


class Pairs:
    """The book: which messages of one symbol follow each other how closely, on the packed norm bus of its bench."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        self.recent: deque[tuple[str, int]] = deque(maxlen=5)
        cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        """One cycle; the places are those of events.Norm.pack."""
        del cycle
        norm = self.dut.norm.value
        if norm[len(norm) - 1] != 1:
            return
        bits = int(norm)
        letter, fault, tracked, symidx = chr(bits >> 321 & 0xFF), bits >> 319 & 3, bits >> 254 & 1, bits >> 244 & 0x3FF
        sound = bool(tracked and not fault and letter in BOOK_LETTERS)
        if sound:
            for distance, (first, other) in enumerate(reversed(self.recent)):
                if other == symidx:
                    sample_pair(distance, first, letter)
        self.recent.append((letter, symidx) if sound else ("", -1))


class Table:
    """The order table: how full the buckets were, by the places its verdicts imply."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        built = {"TABLES": 4, "SLOTS": 4, "BUCKET_LOG2": 12, "STASH_LOG2": 4} | parameters()
        self.tables, self.slots = built["TABLES"], built["SLOTS"]
        self.stash = 1 << built["STASH_LOG2"]
        self.places = OrderPlaces(built["TABLES"], built["SLOTS"], built["BUCKET_LOG2"], self.stash)
        self.left: dict[int, int] = {}  # reference -> shares
        self.pending: dict[str, int] | None = None
        self.names = {value: name[4:] for name, value in CODES.items() if name.startswith("BOP_")}
        self.verdicts = {value: name[3:] for name, value in CODES.items() if name.startswith("BV_")}
        cycles.watch(self.look)

    def level(self, ref: int) -> str:
        """How full the buckets of a reference are."""
        loads = [self.places.used.get(at, 0) for at in self.places.buckets(ref)]
        if not any(loads):
            return "empty"
        if any(load < self.slots for load in loads):
            return "part"
        return "full" if self.places.in_stash < self.stash else "stash full"

    def look(self, cycle: int) -> None:
        """One cycle: the verdict of the message before, then the message in stage c."""
        del cycle
        dut = self.dut
        if self.pending is not None and on(dut.v_valid):
            self.judge(self.pending, self.verdicts.get(int(dut.v_verdict.value), "?"))
        self.pending = None
        if on(dut.c_valid):
            message = int(dut.c_msg.value)
            names = ("OP", "REF", "REF2", "SHARES")
            self.pending = {name: message >> SLICES[name][0] & ((1 << SLICES[name][1]) - 1) for name in names}

    def judge(self, m: dict[str, int], verdict: str) -> None:
        """Count, then keep the places as the verdict says."""
        op = self.names.get(m["OP"], "?")
        if op not in TABLE_OPS:
            return
        ref = m["REF"]
        new = m["REF2"] if op == "REPLACE" else ref
        sample_occupancy(self.level(new), op)
        sample_verdict(f"{op} {verdict}")
        if op == "REPLACE" and verdict in ("OK", "FULL"):
            if verdict == "OK":
                self.places.insert(new)
                self.left[new] = m["SHARES"]
            self.drop(ref)
        elif verdict == "OK" and op == "ADD":
            self.places.insert(ref)
            self.left[ref] = m["SHARES"]
        elif verdict == "OK":
            self.left[ref] = 0 if op == "DELETE" else self.left.get(ref, 0) - m["SHARES"]
            if self.left[ref] <= 0:
                self.drop(ref)

    def drop(self, ref: int) -> None:
        """An order is gone."""
        if ref in self.places.place:
            self.places.remove(ref)
        self.left.pop(ref, None)


class Risk:
    """The gate's verdicts."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        """One cycle."""
        del cycle
        if on(self.dut.pass_valid):
            sample_pass("passed")
        if on(self.dut.reject_valid):
            reasons = int(self.dut.out_reasons.value)
            for bit, reason in enumerate(RISK):
                if reasons >> bit & 1:
                    sample_reject(reason, "alone" if reasons == 1 << bit else "with others")


class Triggers:
    """The slots: what became of each that was armed, and which commands changed nothing."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        self.armed = 0
        self.condition: dict[int, int] = {}
        self.asked: tuple[int, int, int] | None = None  # slot, condition, price of the command at the last edge
        self.arming: tuple[int, int, int] | None = None  # of the one before, which acts at the last edge
        cycles.watch(self.look)
        cocotb.start_soon(self.commands())

    async def commands(self) -> None:
        """Note what the command inputs are at each edge, whenever the bench changes them."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            self.arming, self.asked = self.asked, None
            if on(dut.cmd_valid) and on(dut.cmd_arm):
                self.asked = int(dut.cmd_slot.value), int(dut.cmd_condition.value), int(dut.cmd_price.value)

    def look(self, cycle: int) -> None:
        """Half a cycle after the edge: what the command has done."""
        del cycle
        dut = self.dut
        if on(dut.rst):
            self.armed, self.arming, self.asked = 0, None, None
            return
        armed = int(dut.armed.value)
        if self.arming is not None:
            self.judge(armed, *self.arming)
        for outcome in ("fired", "expired", "disarmed"):  # of those that were armed before
            now = int(getattr(dut, outcome).value)
            for slot, condition in self.condition.items():
                if self.armed >> slot & 1 and not armed >> slot & 1 and now >> slot & 1:
                    sample_trigger(condition, outcome)
        self.armed = armed

    def judge(self, armed: int, slot: int, condition: int, price: int) -> None:
        """What an arming did."""
        before, after = self.armed >> slot & 1, armed >> slot & 1
        if not before and after:
            if slot in self.condition:
                sample_trigger(condition, "armed again")
            self.condition[slot] = condition
        elif not before and condition < 1:
            sample_refused_arm("condition below")
        elif not before and condition > 4:
            sample_refused_arm("condition above")
        elif not before and not price:
            sample_refused_arm("price")
        elif before and after and price and 1 <= condition <= 4:
            sample_refused_arm("armed")


WATCHERS: dict[str, Callable[[Cycles], object]] = {
    "feed_front": Feed,
    "book_core_bench": Pairs,
    "ord_table": Table,
    "risk_gate": Risk,
    "strat_trigger": Triggers,
}
_watched: list[object] = []


def hits() -> dict[str, dict[str, int]]:
    """The hits of every goal so far, by bin."""
    return {name: {str(bin_): count for bin_, count in coverage_db[name].detailed_coverage.items()} for name in GOALS}


def save(path: Path) -> None:
    """Write the hits."""
    path.write_text(json.dumps(hits()), encoding="utf-8")


def attach(cycles: Cycles) -> None:
    """Watch a design if there is a watcher for it; the hits are written when the simulation's interpreter ends."""
    watcher = WATCHERS.get(str(cycles.dut._name))
    if watcher is None:
        return
    if not _watched:
        atexit.register(save, Path(os.environ["FASTPATH_FUNCTIONAL"]))
    _watched.append(watcher(cycles))
