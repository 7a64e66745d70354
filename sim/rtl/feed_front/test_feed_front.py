"""The feed half end to end: frames in, norm bus out, exact in content, order and cycles; lines lose, lag and lie."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models import itch
from sim.rtl.models.feed import SESSION, Bench, Packet, packetise, traffic
from sim.rtl.models.packets import (
    BAD_CHECKSUM,
    BAD_FIELD,
    BAD_LENGTH,
    BAD_STATE,
    CORRUPT,
    END_OF_SESSION,
    NOT_SUPPORTED,
    OVERSIZED,
    TRUNCATED,
    WRONG_SESSION,
    judge_place,
)
from sim.rtl.models.streams import length, parameters

PARAMETERS = [{"LOCATE_BITS": 8, "HOLD_LOG2": 6}, {"LOCATE_BITS": 6, "HOLD_LOG2": 9, "STORE_FWD": 1}]

STORE_FWD = parameters().get("STORE_FWD", 0)
HOLD = 1 << parameters().get("HOLD_LOG2", 9)
LATENCY = 4
SYMBOLS = {0: 3, 1: 1023, 2: 0, 5: 77, 9: 500, 11: 11}


def check_content(bench: Bench, messages: dict[int, bytes], symbols: dict[int, int]) -> None:
    """Every message on the bus is the one of its sequence, sequences rise, cycles and symbols are right."""
    last = 0
    for norm in bench.messages():
        assert norm.seq > last, "not increasing"
        last = norm.seq
        expected = itch.norm_fields(messages[norm.seq])
        assert {name: norm.fields[name] for name in expected} == expected, messages[norm.seq]
        line = "ab"[norm.line_b]
        assert norm.rx_cycle == bench.arrived[line][norm.seq]
        symbol = symbols.get(norm.locate, -1)
        tracked = symbol >= 0 and norm.fault != itch.UNKNOWN_TYPE
        assert (norm.tracked, norm.symidx) == (int(tracked), symbol if tracked else 0)


def numbered(messages: list[bytes], first: int = 1) -> dict[int, bytes]:
    return {first + number: message for number, message in enumerate(messages)}


def check_latency(bench: Bench) -> None:
    """Minimum = maximum = 4 cycles from a message's last byte, on the line that brought it."""
    if STORE_FWD:
        return
    seen = {norm.cycle - norm.rx_cycle for norm in bench.messages()}
    assert seen == {LATENCY}, seen


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3, 0.7])
async def one_line(dut: Any, pause: float) -> None:
    """All types at all alignments on line A alone: content, order, 4 cycles, early hints."""
    bench = Bench(dut, pause)
    await bench.start()
    await bench.track(SYMBOLS)
    messages = traffic(bench.rng, 600)
    await bench.send("a", packetise(bench.rng, messages))
    await bench.cycles.wait(50)
    check_content(bench, numbered(messages), SYMBOLS)
    assert [norm.seq for norm in bench.messages()] == list(range(1, 601))
    check_latency(bench)
    assert [(norm.type, norm.shares, norm.line_b) for norm in bench.notices()] == [(itch.SESSION, 1, 0)]
    assert itch.SESSION in [norm.type for norm in bench.norm[:3]]  # a message that is there first goes first
    if not STORE_FWD:
        check_early(bench, pause)


def check_early(bench: Bench, pause: float) -> None:
    hints = iter(bench.early)
    ahead: dict[str, set[int]] = {}
    for norm in bench.messages():
        if chr(norm.type) in "AFECXDU" and norm.fault in (itch.SOUND, itch.BAD_FIELD):
            cycle, ref = next(hints)
            assert ref == norm.ref
            ahead.setdefault(chr(norm.type), set()).add(norm.cycle - cycle)
            if chr(norm.type) == "U":
                cycle, ref = next(hints)
                assert ref == norm.ref2
                ahead.setdefault("new", set()).add(norm.cycle - cycle)
    assert next(hints, None) is None
    assert min(min(cycles) for cycles in ahead.values()) >= 1
    if pause == 0.0:
        assert ahead["D"] == {1}
        assert ahead["X"] <= {1, 2}
        assert min(ahead["E"]) >= 2
        assert min(ahead["A"] | ahead["F"] | ahead["C"] | ahead["U"]) >= 3
        assert ahead["new"] == {2}
        bench.dut._log.info("cycles from early hint to norm_valid: %s", ahead)


@cocotb.test()
async def every_type_at_every_alignment(dut: Any) -> None:
    """Coverage by construction: each of 23 types ends at each of 8 lanes, with and without a VLAN tag."""
    bench = Bench(dut)
    await bench.start()
    await bench.track(SYMBOLS)
    messages: list[bytes] = []
    packets: list[Packet] = []
    fillers = {itch.LENGTHS[letter] % 8: letter for letter in itch.TYPES}
    covered = set()
    for letter in itch.TYPES:
        for lane in range(8):
            for vlan in (None, 1):
                start = 62 + (4 if vlan else 0)
                body = [itch.build(bench.rng, letter, locate=bench.rng.randrange(16))]
                shift = (lane - (start + 2 + len(body[0]) - 1)) % 8
                chain = next(
                    [first, second] if second else [first] if first else []
                    for first in [None, *fillers]
                    for second in [None, *fillers]
                    if (first is not None or second is None)
                    and sum(2 + itch.LENGTHS[fillers[f]] for f in (first, second) if f is not None) % 8 == shift
                )
                body = [itch.build(bench.rng, fillers[f], locate=bench.rng.randrange(16)) for f in chain] + body
                packet = Packet(1 + len(messages), body, vlan=vlan)
                covered.add((letter, packet.last_bytes()[-1] % 8, vlan))
                packets.append(packet)
                messages += body
    assert len(covered) == 23 * 8 * 2
    await bench.send("a", packets)
    await bench.cycles.wait(20)
    check_content(bench, numbered(messages), SYMBOLS)
    assert [norm.seq for norm in bench.messages()] == list(range(1, len(messages) + 1))
    check_latency(bench)


@cocotb.test()
async def line_rate(dut: Any) -> None:
    """MTU-full packets without an idle cycle on both lines: deletes, adds, system events, and everything mixed."""
    bench = Bench(dut)
    await bench.start()
    await bench.track(SYMBOLS)
    messages: list[bytes] = []
    packets: list[Packet] = []
    for kinds in ("D", "A", "S", "SW", "DX", "UE", "".join(itch.TYPES)):
        for _ in range(length(3)):
            body: list[bytes] = []
            while True:
                message = itch.build(bench.rng, bench.rng.choice(kinds), locate=bench.rng.randrange(16))
                if 20 + sum(2 + len(other) for other in [*body, message]) > 1472:
                    break
                body.append(message)
            packets.append(Packet(1 + len(messages), body))
            messages += body
    copies: list[int] = []  # cycles in which line B's copy was counted
    bench.cycles.watch(lambda cycle: copies.append(cycle) if int(dut.stat_duplicate.value) & 2 else None)
    second = cocotb.start_soon(bench.send("b", packets))
    await bench.send("a", packets)
    await second
    await bench.cycles.wait(200)
    if not STORE_FWD:
        assert len(copies) == len(messages), "a copy in the same cycle is a duplicate as well"
    check_content(bench, numbered(messages), SYMBOLS)
    assert [norm.seq for norm in bench.messages()] == list(range(1, len(messages) + 1))
    check_latency(bench)
    assert len(bench.notices()) == 1
    assert all(norm.line_b == 0 for norm in bench.messages()), "equal arrival: line A wins"


async def two_lines(bench: Bench, packets: list[Packet], lost: dict[str, set[int]], lag: int) -> None:
    """Send the packets on both lines, each without those it loses, line B `lag` cycles later; then heartbeats."""
    last = packets[-1].sequence + len(packets[-1].messages)

    async def one(line: str) -> None:
        if lag > 0 if line == "b" else lag < 0:
            await bench.cycles.wait(abs(lag))
        await bench.send(line, [packet for number, packet in enumerate(packets) if number not in lost[line]])
        await bench.send(line, [Packet(last, count=0)])

    second = cocotb.start_soon(one("b"))
    await one("a")
    await second
    await bench.cycles.wait(4 * HOLD + 2200)


def check_complete(bench: Bench, total: int, gone: set[int]) -> None:
    """Every sequence either left or was told lost, exactly once, in order; only those in `gone` were lost."""
    at = 1
    lost: set[int] = set()
    for norm in bench.norm:
        if norm.type < 0x80:
            assert norm.seq == at
            at += 1
        elif norm.type == itch.GAP_LOST:
            assert norm.ref == at == norm.seq
            lost.update(range(at, at + norm.shares))
            at += norm.shares
    assert at == total + 1, (at, total)
    assert lost == gone, (sorted(lost)[:5], sorted(gone)[:5])


@cocotb.test()
@cocotb.parametrize(lag=[0, 1, 2, 7, 40, -3], pause=[0.0, 0.3])
async def losses_on_one_line_are_healed(dut: Any, lag: int, pause: float) -> None:
    """Each packet is lost on at most one line: everything leaves once, in order, and nothing is told lost."""
    bench = Bench(dut, pause)
    await bench.start()
    await bench.track(SYMBOLS)
    messages = traffic(bench.rng, 400)
    packets = packetise(bench.rng, messages, most=4)
    lost: dict[str, set[int]] = {"a": set(), "b": set()}
    for number in range(len(packets)):
        if bench.rng.random() < 0.3:  # in turns, so that no line runs ahead of the other by more than a hold
            lost["ab"[sum(map(len, lost.values())) % 2]].add(number)
    await two_lines(bench, packets, lost, lag)
    check_content(bench, numbered(messages), SYMBOLS)
    check_complete(bench, len(messages), set())


@cocotb.test()
@cocotb.parametrize(lag=[0, 3, 25])
async def losses_on_both_lines_are_told(dut: Any, lag: int) -> None:
    bench = Bench(dut)
    await bench.start()
    await bench.track(SYMBOLS)
    messages = traffic(bench.rng, 400)
    packets = packetise(bench.rng, messages, most=4)
    lost: dict[str, set[int]] = {"a": set(), "b": set()}
    for number in range(len(packets)):
        for line in "ab":
            if bench.rng.random() < 0.2:
                lost[line].add(number)
    lost["a"].add(len(packets) - 1)
    lost["b"].add(len(packets) - 1)  # the heartbeat tells
    await two_lines(bench, packets, lost, lag)
    gone = set()
    for number in lost["a"] & lost["b"]:
        gone.update(range(packets[number].sequence, packets[number].sequence + len(packets[number].messages)))
    check_content(bench, numbered(messages), SYMBOLS)
    check_complete(bench, len(messages), gone)


@cocotb.test()
async def a_hole_waits_its_time(dut: Any) -> None:
    """One line alone: a hole shown by a message or a heartbeat is given up after cfg_gap_wait cycles."""
    bench = Bench(dut)
    await bench.start(gap_wait=300)
    message = [itch.build(bench.rng, "D") for _ in range(40)]
    every = numbered(message)
    await bench.send("a", [Packet(1, message[:3]), Packet(6, message[5:7])])
    at = bench.arrived["a"][6]
    await bench.cycles.wait(250)
    assert len(bench.messages()) == 3
    assert dut.hole_open.value == 1
    await bench.cycles.wait(100)
    lost = [norm for norm in bench.notices() if norm.type == itch.GAP_LOST]
    assert [(norm.ref, norm.shares) for norm in lost] == [(4, 2)]
    if not STORE_FWD:
        assert lost[0].cycle - at in range(300, 330)  # the hole shows when its packet has ended well
    assert [norm.seq for norm in bench.messages()] == [1, 2, 3, 6, 7]
    await bench.send(
        "a", [Packet(4, message[3:5]), Packet(8, message[7:9]), Packet(13, count=0)]
    )  # too late, next, heartbeat
    await bench.cycles.wait(400)
    assert [(norm.ref, norm.shares) for norm in bench.notices() if norm.type == itch.GAP_LOST][1:] == [(10, 3)]
    await bench.send("a", [Packet(13, message[12:14])])
    await bench.cycles.wait(20)
    assert [norm.seq for norm in bench.messages()] == [1, 2, 3, 6, 7, 8, 9, 13, 14]
    check_content(bench, every, {})


@cocotb.test()
async def late_line_fills_the_hole(dut: Any) -> None:
    """Line A runs ahead of a hole; line B, far behind, supplies it in time: no loss told, held messages in order."""
    bench = Bench(dut)
    await bench.start()
    messages = traffic(bench.rng, 40, "DAX")
    packets = packetise(bench.rng, messages, most=3)
    await bench.send("a", packets[:2] + packets[3:])
    await bench.cycles.wait(500)
    done = packets[2].sequence - 1
    assert len(bench.messages()) == done
    await bench.send("b", packets)
    await bench.cycles.wait(100)
    check_complete(bench, 40, set())
    check_content(bench, numbered(messages), {})


@cocotb.test()
async def hold_overflow(dut: Any) -> None:
    """More messages ahead of a hole than the hold has room for: the hole is given up early, nothing else is lost."""
    bench = Bench(dut)
    await bench.start(gap_wait=1_000_000)
    messages = [itch.build(bench.rng, "S") for _ in range(3 * HOLD)]
    packets = packetise(bench.rng, messages, most=HOLD // 8)
    await bench.send("a", packets[:1] + packets[2:])
    await bench.cycles.wait(4 * HOLD)
    gone = set(range(packets[1].sequence, packets[1].sequence + len(packets[1].messages)))
    check_complete(bench, len(messages), gone)


@cocotb.test()
async def sessions(dut: Any) -> None:
    """A foreign session is refused and told; the end is told once, whoever says it, and a resync begins anew."""
    bench = Bench(dut)
    await bench.start(session=int.from_bytes(SESSION, "big"))
    message = [itch.build(bench.rng, "A") for _ in range(20)]
    other = b"SESSION 02"
    await bench.send("b", [Packet(1, message[:2], session=other), Packet(1, count=0, session=other)])
    await bench.cycles.wait(30)
    assert bench.messages() == []
    assert [(n.type, n.price, n.shares, n.ref, n.line_b) for n in bench.norm] == [
        (itch.FRAME_BAD, WRONG_SESSION, 0, 1, 1)
    ] * 2
    assert dut.session_known.value == 0
    bench.norm.clear()
    await bench.send("a", [Packet(1, message[:2]), Packet(3, count=0), Packet(3, count=END_OF_SESSION)])
    await bench.send("b", [Packet(1, message[:2]), Packet(3, count=END_OF_SESSION), Packet(3, count=END_OF_SESSION)])
    await bench.cycles.wait(30)
    assert [(n.type, n.shares) for n in bench.notices()] == [(itch.SESSION, 1), (itch.SESSION, 2)]
    assert len(bench.messages()) == 2
    assert int(dut.session.value).to_bytes(10, "big") == SESSION
    bench.norm.clear()
    dut.cfg_session.value = int.from_bytes(other, "big")
    dut.cmd_resync.value = 1
    await RisingEdge(dut.clk)
    dut.cmd_resync.value = 0
    bench.arrived["a"].clear()
    await bench.send("a", [Packet(1, message[2:5], session=other), Packet(4, count=END_OF_SESSION, session=other)])
    await bench.cycles.wait(30)
    assert [n.seq for n in bench.messages()] == [1, 2, 3]
    assert [(n.type, n.shares) for n in bench.notices()] == [(itch.SESSION, 1), (itch.SESSION, 2)]


@cocotb.test()
@cocotb.parametrize(teacher=["a", "b"], configured=[False, True])
async def either_line_teaches_the_session(dut: Any, teacher: str, configured: bool) -> None:
    """A session never seen before is learned from whichever line brings it first; the other line then follows it."""
    bench = Bench(dut)
    names = [bench.rng.randbytes(10) for _ in range(2)]
    await bench.start(session=int.from_bytes(names[0], "big") if configured else 0)
    message = [itch.build(bench.rng, "A") for _ in range(6)]
    follower = "b" if teacher == "a" else "a"
    await bench.send(teacher, [Packet(1, message[:2], session=names[0]), Packet(3, message[2:3], session=names[0])])
    await bench.cycles.wait(20)
    assert int(dut.session.value).to_bytes(10, "big") == names[0]
    await bench.send(follower, [Packet(4, message[3:5], session=names[0]), Packet(6, message[5:], session=names[1])])
    await bench.cycles.wait(20)
    assert [(n.seq, n.line_b) for n in bench.messages()] == [
        *((seq, int(teacher == "b")) for seq in (1, 2, 3)),
        *((seq, int(teacher == "a")) for seq in (4, 5)),
    ]
    refused = [(n.price, n.ref, n.line_b) for n in bench.notices() if n.type == itch.FRAME_BAD]
    assert refused == [(WRONG_SESSION, 6, int(teacher == "a"))]


async def try_place(bench: Bench, line: str, packet: Packet, expected: int, over: bool = False) -> int:
    """Send a packet that is old, next or refused: what leaves and what is told, against the rules; the next sequence."""
    bench.norm.clear()
    size = len(packet.messages)
    reason = judge_place(packet.sequence, size if packet.count is None else packet.count, expected, over)
    await bench.send(line, [packet])
    await bench.cycles.wait(40 + size)
    after = expected if reason else max(expected, packet.sequence + size)
    assert [n.seq for n in bench.messages()] == list(range(expected, after)), (expected, packet)
    told = [(n.price, n.ref, n.shares, n.line_b) for n in bench.notices() if n.type == itch.FRAME_BAD]
    assert told == ([(reason, packet.sequence, 0, int(line == "b"))] if reason else []), (expected, packet)
    assert not [n for n in bench.notices() if n.type == itch.GAP_LOST]
    assert int(bench.dut.expected_seq.value) == after
    return after


@cocotb.test()
@cocotb.parametrize(first=[1, 9, (1 << 62) - 2, (1 << 62) + 9, (1 << 63) - 3, (1 << 63) + 6, (1 << 64) - 40])
async def sequences_without_a_place(dut: Any, first: int) -> None:
    """Packets at the edges of 64 bits: none that reaches 2^64 or is half the numbers away is taken for old or next."""
    bench = Bench(dut)
    await bench.start(first_seq=first, gap_wait=1 << 20)
    message = [itch.build(bench.rng, "D") for _ in range(4)]
    at = await try_place(bench, "a", Packet(first, message[:2]), first)
    edges = [0, 1 << 20, 1 << 62, 3 << 62, 1 << 63]
    starts = {(at + edge + step) % (1 << 64) for edge in edges for step in range(-4, 4)}
    starts |= {(step - 1) % (1 << 64) for step in range(-4, 4)}
    for start in sorted(starts, key=lambda _: bench.rng.random()):
        for size, count in ((1, None), (4, None), (0, 0), (0, END_OF_SESSION)):
            rules = judge_place(start, count if count is not None else size, at, False)
            if start and (rules or (start <= at and count != END_OF_SESSION)):
                at = await try_place(bench, bench.rng.choice("ab"), Packet(start, message[:size], count), at)
    if first == (1 << 64) - 40:  # the last message that can be
        at = await try_place(bench, "a", Packet(at, [message[0]] * ((1 << 64) - 1 - at)), at)
        assert at == (1 << 64) - 1
        for size in (1, 3):
            assert await try_place(bench, "b", Packet(at, message[:size]), at) == at


@cocotb.test()
async def reaching_beyond_the_numbers_at_the_start(dut: Any) -> None:
    """Where no sequence is expected yet, a packet that reaches 2^64 is not where we start."""
    bench = Bench(dut)
    await bench.start(first_seq=0)
    message = [itch.build(bench.rng, "D") for _ in range(4)]
    await bench.send("a", [Packet((1 << 64) - 3, message)])
    await bench.cycles.wait(40)
    assert bench.messages() == [] and dut.synced.value == 0
    assert [(n.price, n.ref, n.shares) for n in bench.notices() if n.type == itch.FRAME_BAD] == [
        (BAD_FIELD, (1 << 64) - 3, 0)
    ]
    await bench.send("b", [Packet(5, message)])
    await bench.cycles.wait(40)
    assert [n.seq for n in bench.messages()] == [5, 6, 7, 8]


@cocotb.test()
async def nothing_after_the_end(dut: Any) -> None:
    """An end behind the sequence is none; after the end what is old is old, and what is new is refused, until a resync."""
    bench = Bench(dut)
    await bench.start()
    message = [itch.build(bench.rng, "A") for _ in range(8)]
    for line in "ab":
        at = await try_place(bench, line, Packet(1, message[:4]), 1)
        for start in (1, 3, 4):
            await try_place(bench, line, Packet(start, count=END_OF_SESSION), at)
        assert not [n for n in bench.notices() if n.type == itch.SESSION]
        await try_place(bench, line, Packet(at, count=END_OF_SESSION), at)
        assert [n.shares for n in bench.notices() if n.type == itch.SESSION] == [2]
        for other in "ab":
            for start in range(1, 9):
                for size, count in ((1, None), (3, None), (0, 0), (0, END_OF_SESSION)):
                    await try_place(bench, other, Packet(start, message[:size], count), at, over=True)
                    assert not [n for n in bench.notices() if n.type == itch.SESSION]
        dut.cmd_resync.value = 1
        await RisingEdge(dut.clk)
        dut.cmd_resync.value = 0
    await try_place(bench, "a", Packet(1, message), 1)


@cocotb.test()
async def an_end_that_was_overtaken(dut: Any) -> None:
    """An end that waits for a hole is told when its turn comes, though the other line goes on beyond it."""
    bench = Bench(dut)
    await bench.start(gap_wait=1 << 20)
    message = [itch.build(bench.rng, "A") for _ in range(8)]
    await bench.send("a", [Packet(1, message[:2]), Packet(5, count=END_OF_SESSION)])
    await bench.send("b", [Packet(3, message[2:8])])
    await bench.cycles.wait(40)
    assert [n.shares for n in bench.notices() if n.type == itch.SESSION] == [1, 2]
    seen = [n.seq for n in bench.messages()]
    assert seen == list(range(1, len(seen) + 1)) and len(seen) >= 4
    bad = [(n.price, n.ref, n.shares, n.line_b) for n in bench.notices() if n.type == itch.FRAME_BAD]
    if STORE_FWD:  # all of line B's were held when the end had its turn
        assert bad == [] and len(seen) == 8
    else:
        assert bad == [(BAD_STATE, 3, len(seen) - 2, 1)]


@cocotb.test()
async def joining_late(dut: Any) -> None:
    """cfg_first_seq 0 starts at the first sequence seen, from either line; 64-bit sequences work."""
    bench = Bench(dut)
    first = (1 << 63) - 9
    await bench.start(first_seq=0)
    message = [itch.build(bench.rng, "X") for _ in range(8)]
    await bench.send("b", [Packet(first, message[:4])])
    await bench.send("a", [Packet(first + 2, message[2:])])
    await bench.cycles.wait(30)
    assert [n.seq for n in bench.messages()] == list(range(first, first + 8))
    assert int(dut.expected_seq.value) == first + 8


@cocotb.test()
async def far_ahead(dut: Any) -> None:
    """A packet from a wild sequence is refused, marks the books once and does not move us."""
    bench = Bench(dut)
    await bench.start()
    message = [itch.build(bench.rng, "D") for _ in range(8)]
    wild = Packet(1 << 40, message[:2])
    await bench.send("a", [Packet(1, message[:2]), wild, wild, Packet(3, message[2:4]), wild])
    await bench.cycles.wait(30)
    assert [n.seq for n in bench.messages()] == [1, 2, 3, 4]
    bad = [(n.price, n.ref, n.shares) for n in bench.notices() if n.type == itch.FRAME_BAD]
    assert bad == [(BAD_FIELD, 1 << 40, 0)] * 3
    far = [(n.ref, n.shares) for n in bench.notices() if n.type == 0x80]
    assert far == [(3, 0xFFFFFFFF), (5, 0xFFFFFFFF)]


@cocotb.test()
async def refused_frames(dut: Any) -> None:
    """Each way to be bad: the reason, the messages that had left, and the good packet after it unhurt."""
    bench = Bench(dut)
    await bench.start()
    rng = bench.rng
    cases: list[tuple[dict[str, Any], int, int | None, int]] = [
        # packet fields, reason, messages that leave in cut-through (None: all), padding of the frame
        ({"corrupt": True}, CORRUPT, 2, 0),
        ({"corrupt": True}, CORRUPT, None, 9),
        ({"changes": {"udp_checksum": 0x1234}}, BAD_CHECKSUM, None, 0),
        ({"changes": {"break_ip_checksum": True}}, BAD_CHECKSUM, 0, 0),
        ({"changes": {"fragment": 0x2000}}, NOT_SUPPORTED, 0, 0),
        ({"changes": {"options": bytes(4)}}, NOT_SUPPORTED, 0, 0),
        ({"changes": {"udp_length": 77}}, BAD_LENGTH, 0, 0),
        ({"count": 2}, BAD_LENGTH, 2, 0),
        ({"count": 4}, TRUNCATED, None, 0),
        ({"count": 0}, BAD_LENGTH, 0, 0),
        ({"cut": 120}, TRUNCATED, 1, 0),
        ({"cut": 60}, TRUNCATED, 0, 0),
        ({"messages": [rng.randbytes(60)] * 30}, OVERSIZED, 0, 0),
        ({"messages": [itch.build(rng, "D"), rng.randbytes(11), rng.randbytes(20)]}, BAD_LENGTH, 1, 0),
    ]
    rng.shuffle(cases)
    at = 1
    seen = 0
    for fields, reason, leaving, padding in cases:
        bench.norm.clear()
        message = [itch.build(rng, "A") for _ in range(3)]
        bad = Packet(at, **({"messages": message, "padding": bytes(padding)} | fields))
        left = 0 if STORE_FWD else len(bad.messages) if leaving is None else leaving
        known = reason not in (NOT_SUPPORTED, OVERSIZED) and bad.cut != 60
        known = known and not {"break_ip_checksum", "udp_length"} & set(fields.get("changes", {}))
        await bench.send("b", [bad])
        fresh = itch.build(rng, "D")
        await bench.send("a", [Packet(at + left, [fresh])])
        await bench.cycles.wait(20)
        bad_seen = [n for n in bench.notices() if n.type == itch.FRAME_BAD]
        assert [(n.price, n.shares, n.line_b) for n in bad_seen] == [(reason, left, 1)], (fields, bad_seen)
        assert bad_seen[0].ref == (at if known else 0), fields
        assert [n.seq for n in bench.messages()] == [*range(at, at + left), at + left], fields
        assert bench.messages()[-1].ref == int.from_bytes(fresh[11:19], "big")
        at += left + 1
        seen += 1
    assert seen == len(cases)


@cocotb.test()
async def duplicates_in_a_bad_frame_do_no_harm(dut: Any) -> None:
    """A bad frame whose messages had all left from the other line counts none of them."""
    bench = Bench(dut)
    await bench.start()
    message = [itch.build(bench.rng, "A") for _ in range(6)]
    await bench.send("a", [Packet(1, message[:4])])
    await bench.send(
        "b",
        [
            Packet(1, message[:4], corrupt=True, padding=bytes(9)),
            Packet(3, message[2:], corrupt=True, padding=bytes(9)),
        ],
    )
    await bench.cycles.wait(20)
    bad = [(n.price, n.ref, n.shares) for n in bench.notices() if n.type == itch.FRAME_BAD]
    assert bad == [(CORRUPT, 1, 0), (CORRUPT, 3, 0 if STORE_FWD else 2)]
    assert [n.seq for n in bench.messages()] == list(range(1, 5 if STORE_FWD else 7))


def spoiled(rng: random.Random, packet: Packet) -> Packet:
    """A copy of a packet that some layer refuses, most often with another sequence than its own."""
    bad = Packet(packet.sequence, list(packet.messages), vlan=packet.vlan)
    if rng.random() < 0.8:
        bad.sequence = max(1, packet.sequence + rng.choice([-9, -2, -1, 1, 2, 3, 8, 40, 1 << 14, 1 << 18, 1 << 30]))
    kind = rng.randrange(6)
    if kind == 0:
        bad.corrupt = True
    elif kind == 1:
        bad.corrupt = True
        bad.padding = bytes(rng.randrange(9, 20))
    elif kind == 2:
        bad.changes = {"udp_checksum": rng.randrange(1, 0xFFFF)}
    elif kind == 3:
        bad.count = len(bad.messages) + rng.choice([-1, 1, 2])
        bad.count = bad.count or len(bad.messages) + 1
    elif kind == 4:
        bad.messages[-1] = bad.messages[-1][:11]
    else:
        bad.cut = rng.randrange(64, len(bad.frame("a")))
    return bad


@cocotb.test()
@cocotb.parametrize(lines=["a", "b", "ab"], first=[1, 0])
async def bad_frames_do_no_lasting_harm(dut: Any, lines: str, first: int) -> None:
    """Bad frames with any sequence between good ones: every message leaves once, at the next good frame at the latest.

    In cut-through a bad frame's messages can leave where they claim to be the next; each is counted in its notice.
    """
    bench = Bench(dut)
    await bench.start(first_seq=first, gap_wait=10_000_000)
    rng = bench.rng
    messages = traffic(rng, 300)
    every = numbered(messages)
    packets = packetise(rng, messages, most=6)

    async def send(line: str) -> None:
        for packet in packets:
            while rng.random() < 0.4:
                await bench.send(line, [spoiled(rng, packet)], gap=rng.choice([0, 0, 3]))
            await bench.send(line, [packet], gap=rng.choice([0, 0, 3, 20]))

    tasks = [cocotb.start_soon(send(line)) for line in lines]
    for task in tasks:
        await task
    await bench.cycles.wait(300)
    told = [norm for norm in bench.notices() if norm.type in (itch.GAP_LOST, 0x80)]
    assert told == [], [(norm.type, norm.ref, norm.shares) for norm in told]
    sequences = [norm.seq for norm in bench.messages()]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) >= len(messages)
    strange = 0
    for norm in bench.messages():
        expected = itch.norm_fields(every[norm.seq]) if norm.seq in every else {}
        strange += {name: norm.fields[name] for name in expected} != expected or not expected
    counted = sum(norm.shares for norm in bench.notices() if norm.type == itch.FRAME_BAD)
    assert strange <= counted
    if STORE_FWD:
        assert counted == 0


@cocotb.test()
async def a_bad_teacher_is_forgotten(dut: Any) -> None:
    """The session of a first packet that turns out bad is not ours."""
    bench = Bench(dut)
    await bench.start()
    message = [itch.build(bench.rng, "A") for _ in range(3)]
    await bench.send("a", [Packet(1, message[:1], session=b"GARBAGE   ", corrupt=True, padding=bytes(9))])
    await bench.cycles.wait(8)
    assert dut.session_known.value == 0
    await bench.send("a", [Packet(1, message)])
    await bench.cycles.wait(20)
    assert int(dut.session.value).to_bytes(10, "big") == SESSION
    assert [n.seq for n in bench.messages()] == [1, 2, 3]


@cocotb.test()
async def silent_lines(dut: Any) -> None:
    """A line without a good packet for cfg_silence cycles is down and is not waited for; a good packet brings it up."""
    bench = Bench(dut)
    await bench.start(silence=200, gap_wait=100_000)
    message = [itch.build(bench.rng, "D") for _ in range(9)]
    for number in range(8):
        await bench.send("a", [Packet(number + 1, [message[number]])])
        await bench.cycles.wait(60)
    assert [(n.type, n.line_b) for n in bench.notices()] == [(itch.SESSION, 0), (itch.LINE_DOWN, 1)]
    assert int(dut.line_down.value) == 2
    await bench.send("a", [Packet(12, [message[0]])])  # a hole, and nobody to wait for
    await bench.cycles.wait(20)
    assert [(n.ref, n.shares) for n in bench.notices() if n.type == itch.GAP_LOST] == [(9, 3)]
    bench.norm.clear()
    await bench.send("b", [Packet(13, count=0)])
    await bench.cycles.wait(20)
    assert [(n.type, n.line_b) for n in bench.notices()] == [(itch.LINE_UP, 1)]


@cocotb.test()
async def a_shorter_silence(dut: Any) -> None:
    """cfg_silence lowered below what the lines have been silent for acts at once."""
    bench = Bench(dut)
    await bench.start(silence=100_000)
    await bench.cycles.wait(500)
    assert int(dut.line_down.value) == 0
    dut.cfg_silence.value = 200
    await bench.cycles.wait(10)
    assert int(dut.line_down.value) == 3
    assert [(n.type, n.line_b) for n in bench.notices()] == [(itch.LINE_DOWN, 0), (itch.LINE_DOWN, 1)]


@cocotb.test()
async def a_resync_within_a_frame(dut: Any) -> None:
    """A resync in any beat of a sound frame, and behind it: the frame is not told bad, a bad one is."""
    bench = Bench(dut)
    await bench.start()
    message = [itch.build(bench.rng, "A"), itch.build(bench.rng, "D")]
    size = (len(Packet(1, message).frame("a")) + 7) // 8
    for at in range(size + 12):
        for corrupt in (False, True):
            bench.norm.clear()
            sending = cocotb.start_soon(bench.send("a", [Packet(1, message, corrupt=corrupt)]))
            for _ in range(at):
                await RisingEdge(dut.clk)
            dut.cmd_resync.value = 1
            await RisingEdge(dut.clk)
            dut.cmd_resync.value = 0
            await sending
            await bench.cycles.wait(30)
            bad = [n.price for n in bench.notices() if n.type == itch.FRAME_BAD]
            assert bad in ([[CORRUPT], []] if corrupt else [[]]), (at, bad)
            assert not corrupt or at > size or bad == [CORRUPT]
            dut.cmd_resync.value = 1
            await RisingEdge(dut.clk)
            dut.cmd_resync.value = 0
            bench.norm.clear()
            await bench.send("a", [Packet(1, message)])
            await bench.cycles.wait(30)
            assert [n.seq for n in bench.messages()] == [1, 2]
            assert [n.type for n in bench.notices()] == [itch.SESSION]


@cocotb.test()
async def resets_anywhere(dut: Any) -> None:
    """A reset in any beat of a frame, then a fresh start."""
    bench = Bench(dut)
    await bench.start()
    rng: random.Random = bench.rng
    frame = Packet(1, [itch.build(rng, "A"), itch.build(rng, "D")])
    size = (len(frame.frame("a")) + 7) // 8
    for cut in range(1, size):
        broken = Packet(1, frame.messages, cut=8 * cut)
        source = bench.source["a"]
        data = broken.frame("a")
        await source.send((int.from_bytes(data[i : i + 8], "little"), 255, 0, 0) for i in range(0, len(data), 8))
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        bench.norm.clear()
        bench.arrived["a"].clear()
        await bench.send("a", [frame])
        await bench.cycles.wait(30)
        assert [n.seq for n in bench.messages()] == [1, 2]
        assert [n.type for n in bench.notices()] == [itch.SESSION]
        check_latency(bench)
