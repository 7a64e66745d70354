"""The arbitrator against a small world: two lossy lines, a re-request server, and an account of what was sent.

Whatever is lost, repeated, reordered, cut or corrupted, every message comes out
once and in order, or a GAP_LOST names it. Time is simulated; nothing waits.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_wire_properties import mold_packet
from wire_peer import Peer, Step, WireError

SESSION, OTHER_SESSION = b"DAY      1", b"DAY      2"
END = 0xFFFF
STEP_NS = 100_000
GAP_WAIT_NS, RETRY_NS = 300_000, 5_000_000
OPEN, FILLED, LOST, START, OVER = 1, 2, 3, 4, 5
COMMON = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def content(sequence: int) -> bytes:
    return b"message %d " % sequence + b"x" * (sequence % 23)


@dataclass
class World:
    """What the lines carry and how badly; all chances are per packet."""

    seed: int
    messages: int
    window: int
    attempts: int
    loss: float
    noise: float  # repeated, late, cut, corrupted or foreign packets
    server_loss: float
    server_answers: int  # messages it puts into one answer
    server_streams: bool  # answers with several datagrams instead of one
    forgotten: set[int] = field(default_factory=set)  # what the server does not have


@dataclass
class Account:
    """Checks everything that comes out, as it comes out."""

    next: int = 1
    open_at: int | None = None
    over: bool = False
    given: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    arrived: set[int] = field(default_factory=set)
    lost_after_arrival: list[int] = field(default_factory=list)

    def take(self, step: Step) -> None:
        for tag, first, second, data in step.out:
            assert not self.over, "something came after the end of the session"
            if tag == "m":
                assert first == self.next, f"message {first} where {self.next} was due"
                assert data == content(first)
                assert first in self.arrived
                self.given.append(first)
                self.next += 1
            else:
                self.notice(data[0], first, second)

    def notice(self, kind: int, sequence: int, count: int) -> None:
        if kind == OPEN:
            assert self.open_at is None and sequence == self.next and count > 0
            self.open_at = sequence
        elif kind == FILLED:
            assert self.open_at == sequence
            self.open_at = None
        elif kind == LOST:
            assert self.open_at is not None and sequence == self.next and count > 0
            self.lost += range(sequence, sequence + count)
            self.lost_after_arrival += [s for s in range(sequence, sequence + count) if s in self.arrived]
            self.next += count
            self.open_at = None
        elif kind == OVER:
            assert self.open_at is None and sequence == self.next
            self.over = True
        else:
            assert kind == START and self.next == 1 and not self.given


class Run:
    """One session from its first packet to its end."""

    def __init__(self, peer: Peer, world: World) -> None:
        self.peer, self.world, self.random, self.account = peer, world, random.Random(world.seed), Account()
        self.due: dict[int, list[tuple[int, bytes, tuple[int, int], bool]]] = defaultdict(list)
        self.requests = self.answers = self.sound = self.broken = 0

    def schedule_line(self, line: int) -> int:
        """Put one line's packets into the calendar; returns its last step."""
        pick, at, sequence = self.random, self.random.randint(0, 20), 1
        while sequence <= self.world.messages:
            count = min(pick.randint(1, 5), self.world.messages - sequence + 1)
            packet = mold_packet(SESSION, sequence, [content(s) for s in range(sequence, sequence + count)])
            covers = (sequence, sequence + count)
            at += pick.randint(0, 2)
            if pick.random() >= self.world.loss:
                late = pick.randint(1, 15) if pick.random() < self.world.noise else 0
                self.due[at + late].append((line, packet, covers, True))
            if pick.random() < self.world.noise:
                self.due[at + pick.randint(0, 15)].append((line, packet, covers, True))
            if pick.random() < self.world.noise:
                self.due[at].append((line, self.spoil(packet), covers, False))
            if pick.random() < 0.05:
                self.due[at].append((line, mold_packet(SESSION, sequence, []), (0, 0), True))
            sequence += count
        return at

    def spoil(self, packet: bytes) -> bytes:
        """Damage that the arbitrator itself must notice (the checksum sees the rest)."""
        how = self.random.randrange(6)
        count = int.from_bytes(packet[18:20], "big")
        if how == 0:
            return packet[: self.random.randrange(len(packet))]
        if how == 1:
            return packet + bytes(self.random.randint(1, 3))
        if how == 2:
            return packet[:18] + (count + 1).to_bytes(2, "big") + packet[20:]
        if how == 3:
            return packet[:18] + (count - 1).to_bytes(2, "big") + packet[20:]
        if how == 4:
            return OTHER_SESSION + packet[10:]
        return packet[:10] + bytes(8) + packet[18:]

    def through_the_wire(self, packet: bytes) -> None:
        """The same packet in a frame with one changed byte: the checksums must not let it reach the arbitrator."""
        frame = bytearray(self.peer.udp(packet))
        frame[self.random.randrange(14, len(frame))] ^= self.random.randint(1, 255)
        try:
            self.peer.net(bytes(frame))
        except WireError:
            return
        assert frame[40:42] == b"\0\0"  # only a checksum wiped to "absent" passes, and then nothing is claimed

    def push(self, line: int, now_ns: int, packet: bytes, covers: tuple[int, int], sound: bool) -> None:
        before = self.account.next
        if sound:
            self.account.arrived.update(range(*covers))
            self.sound += 1
        else:
            self.broken += 1
        step = self.peer.rx_push(line, now_ns, packet)
        if not sound:
            assert step.code < 0 and not step.out
        self.account.take(step)
        if line == 2:
            self.answers += self.account.next - before

    def serve(self, step: int, request: bytes) -> None:
        """The re-request server: at most one datagram for an answer, unless it streams; some answers get lost."""
        self.requests += 1
        session, sequence, count = (
            request[:10],
            int.from_bytes(request[10:18], "big"),
            int.from_bytes(request[18:], "big"),
        )
        assert session == SESSION and sequence == self.account.next and 1 <= count <= 65_534
        while count > 0:
            batch: list[bytes] = []
            first = sequence
            while count > 0 and len(batch) < self.world.server_answers:
                if sequence in self.world.forgotten or sequence > self.world.messages:
                    count = 0
                    break
                batch.append(content(sequence))
                sequence += 1
                count -= 1
            if batch and self.random.random() >= self.world.server_loss:
                answer = (2, mold_packet(SESSION, first, batch), (first, sequence), True)
                self.due[step + 1 + self.random.randint(0, 6)].append(answer)
            if not self.world.server_streams:
                return

    def play(self) -> Account:
        world, account = self.world, self.account
        self.peer.rx_open(SESSION, 1, GAP_WAIT_NS, RETRY_NS, world.attempts, world.window)
        last = max(self.schedule_line(0), self.schedule_line(1)) + 20
        end = mold_packet(SESSION, world.messages + 1, [], END)
        for step in range(last + 20_000):
            now_ns = step * STEP_NS
            for line, packet, covers, sound in self.due.pop(step, []):
                self.push(line, now_ns, packet, covers, sound)
                if self.random.random() < 0.02:
                    self.through_the_wire(packet)
            if step > last and step % 50 == 0:
                if account.over:
                    break
                self.push(step // 50 % 2, now_ns, end, (0, 0), True)
            tick = self.peer.rx_timer(now_ns)
            account.take(tick)
            if tick.request:
                self.serve(step, tick.request)
        self.check_the_books()
        return account

    def check_the_books(self) -> None:
        account, stats = self.account, self.peer.rx_stats()
        assert account.over, f"the session never ended; next is {account.next} of {self.world.messages}"
        assert sorted(account.given + account.lost) == list(range(1, self.world.messages + 1))
        assert stats["messages"] == len(account.given)
        assert stats["messages_lost"] == len(account.lost)
        assert stats["requests"] == self.requests
        assert stats["gaps_opened"] == stats["gaps_filled"] + stats["gaps_lost"]
        assert (stats["next_sequence"], stats["gap_open"], stats["session_state"]) == (self.world.messages + 1, 0, 2)
        assert stats["packets"] == self.sound + self.broken
        refused = ("bad_truncated", "bad_oversized", "bad_length", "bad_session", "bad_count")
        assert sum(stats[name] for name in refused) == self.broken


SEEDS = st.integers(0, 2**32 - 1)
MESSAGES, LOSS, NOISE = st.integers(1, 150), st.floats(0, 0.9), st.floats(0, 0.5)


@COMMON
@given(
    seed=SEEDS,
    messages=MESSAGES,
    loss=LOSS,
    noise=NOISE,
    size=st.integers(1, 30),
    streams=st.booleans(),
    window=st.sampled_from([1, 4, 256]),
)
def test_a_complete_server_leaves_nothing_missing(
    peer: Peer, seed: int, messages: int, loss: float, noise: float, size: int, streams: bool, window: int
) -> None:
    world = World(seed, messages, window, 3, loss, noise, 0.0, size, streams)
    account = Run(peer, world).play()
    assert account.given == list(range(1, messages + 1))


@COMMON
@given(
    seed=SEEDS,
    messages=MESSAGES,
    loss=LOSS,
    noise=NOISE,
    server_loss=st.floats(0, 1),
    forgotten=st.sets(st.integers(1, 150)),
    attempts=st.integers(0, 3),
    streams=st.booleans(),
)
def test_only_what_never_came_is_lost(
    peer: Peer,
    seed: int,
    messages: int,
    loss: float,
    noise: float,
    server_loss: float,
    forgotten: set[int],
    attempts: int,
    streams: bool,
) -> None:
    world = World(seed, messages, 512, attempts, loss, noise, server_loss, 7, streams, forgotten)
    account = Run(peer, world).play()
    if peer.rx_stats()["far_ahead"] == 0:
        assert account.lost_after_arrival == []


@COMMON
@given(
    seed=SEEDS,
    messages=MESSAGES,
    loss=LOSS,
    noise=NOISE,
    server_loss=st.floats(0, 1),
    window=st.sampled_from([1, 2, 8]),
    attempts=st.integers(0, 2),
)
def test_a_full_window_costs_no_order(
    peer: Peer, seed: int, messages: int, loss: float, noise: float, server_loss: float, window: int, attempts: int
) -> None:
    Run(peer, World(seed, messages, window, attempts, loss, noise, server_loss, 5, False)).play()


def test_a_late_joiner_recovers_the_day(peer: Peer) -> None:
    """First packet at 50,000: everything before it comes by request, while the feed goes on."""
    peer.rx_open(SESSION, 1, GAP_WAIT_NS, RETRY_NS, 3, 64)
    account, live, now_ns, waiting = Account(), 50_000, 0, b""
    account.arrived.update(range(1, 60_000))
    while account.next < live or live < 50_500:
        now_ns += STEP_NS
        if live < 50_500:
            account.take(peer.rx_push(live % 2, now_ns, mold_packet(SESSION, live, [content(live)])))
            live += 1
        if waiting:
            first, count = int.from_bytes(waiting[10:18], "big"), int.from_bytes(waiting[18:], "big")
            batch = [content(s) for s in range(first, min(first + count, first + 30, live))]
            account.take(peer.rx_push(2, now_ns, mold_packet(SESSION, first, batch)))
        tick = peer.rx_timer(now_ns)
        account.take(tick)
        waiting = tick.request
        assert now_ns < 5_000 * STEP_NS, "recovery does not get on"
    assert account.given == list(range(1, 50_500)) and not account.lost
    assert peer.rx_stats()["far_ahead"] > 0
