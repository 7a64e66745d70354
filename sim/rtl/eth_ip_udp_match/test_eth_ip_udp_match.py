# ruff: noqa: S311 - reproducible test data, not cryptography
"""Frame match against the reference: what passes, what is told bad and why, in how many cycles; nothing hangs it."""

import random
from dataclasses import dataclass

import cocotb
from cocotb.triggers import RisingEdge

from sim.rtl.models.packets import BAD_CHECKSUM, Frame, FrameVerdict, judge_frame, mold_packet
from sim.rtl.models.streams import Cycles, Source, to_beats

ADDRESS = 0xE9360C6F
PORT = 26477
STATS = ("frame", "match", "other", "bad")


@dataclass
class Out:
    """One frame as the match gave it."""

    data: bytes
    bad: bool
    reason: int
    cycles: list[int]
    checksum_bad: bool | None = None


class Monitor:
    """Collects the output frames, the checksum verdict four cycles after each, and the counters."""

    def __init__(self, cycles: Cycles) -> None:
        self.dut = cycles.dut
        self.frames: list[Out] = []
        self.current = b""
        self.beats: list[int] = []
        self.stats = dict.fromkeys(STATS, 0)
        self.pending: list[tuple[int, Out]] = []
        self.first = True
        cycles.watch(self.look)

    def look(self, cycle: int) -> None:
        dut = self.dut
        while self.pending and self.pending[0][0] == cycle:
            self.pending.pop(0)[1].checksum_bad = bool(dut.m_checksum_bad.value)
        if dut.rst.value == 1:
            return
        for name in STATS:
            self.stats[name] += int(getattr(dut, f"stat_{name}").value)
        if dut.m_axis_tvalid.value != 1:
            return
        keep = int(dut.m_axis_tkeep.value)
        lanes = [i for i in range(8) if keep >> i & 1]
        last = bool(dut.m_axis_tlast.value)
        if self.first and keep:
            assert keep & ~0xFC == 0
        elif not last:
            assert keep == 0xFF or (keep & (keep + 1)) == 0
        assert lanes == list(range(lanes[0], lanes[0] + len(lanes))) if lanes else True
        data = int(dut.m_axis_tdata.value).to_bytes(8, "little") if keep else bytes(8)
        self.current += bytes(data[i] for i in lanes)
        self.beats.append(cycle)
        self.first = False
        if last:
            out = Out(self.current, bool(dut.m_axis_tuser.value), int(dut.m_axis_reason.value), self.beats)
            self.frames.append(out)
            self.pending.append((cycle + 4, out))
            self.current = b""
            self.beats = []
            self.first = True


async def begin(dut, pause: float = 0.0) -> tuple[Cycles, Source, Monitor, random.Random]:
    rng = random.Random(cocotb.RANDOM_SEED)
    cycles = Cycles(dut)
    source = Source(cycles, "s_axis", rng, pause)
    source.last.value = source.user.value = source.keep.value = 0
    dut.cfg_enable.value = 1
    dut.cfg_address.value = ADDRESS
    dut.cfg_port.value = PORT
    monitor = Monitor(cycles)
    await cycles.start()
    return cycles, source, monitor, rng


def check(out: Out, verdict: FrameVerdict, name: str) -> None:
    late = verdict.reason == BAD_CHECKSUM and not out.bad  # the UDP checksum comes after the last beat
    assert out.bad == (verdict.reason != 0 and not late), (name, verdict.reason, out)
    assert out.reason == (0 if late else verdict.reason), (name, verdict.reason, out)
    if verdict.reason == 0 or late:
        assert out.data == verdict.payload, name
        assert out.checksum_bad == late, name
    elif len(verdict.payload) >= 20:
        assert verdict.payload.startswith(out.data), (name, verdict.payload, out.data)


def good(rng: random.Random, size: int | None = None) -> Frame:
    length = rng.choice([20, 21, 27, 28, 35, 64, 200]) if size is None else size
    return Frame(
        rng.randbytes(length),
        ADDRESS,
        PORT,
        vlan=rng.choice([None, 5]),
        source=rng.getrandbits(32),
        udp_checksum=rng.choice([None, None, 0]),
        padding=rng.choice([b"", b"", rng.randbytes(rng.randrange(1, 40))]),
    )


def variants(rng: random.Random) -> list[tuple[str, Frame]]:
    base = good(rng)
    size = len(base.payload)
    return [
        ("good", base),
        ("other address", base.but(address=ADDRESS ^ 1 << rng.randrange(32))),
        ("other port", base.but(port=PORT ^ 1 << rng.randrange(16))),
        ("ipv6", base.but(ethertype=0x86DD)),
        ("arp", base.but(ethertype=0x0806)),
        ("two tags", base.but(vlan=1, ethertype=0x8100)),
        ("version", base.but(version=rng.choice([0, 5, 6]))),
        ("tcp", base.but(protocol=6)),
        ("options", base.but(options=rng.randbytes(4))),
        ("first fragment", base.but(fragment=0x2000)),
        ("later fragment", base.but(fragment=1 << rng.randrange(13))),
        ("ip checksum", base.but(break_ip_checksum=True)),
        ("udp checksum", base.but(udp_checksum=rng.randrange(1, 0x10000))),
        ("udp length longer", base.but(udp_length=8 + size + rng.randrange(1, 30))),
        ("udp length shorter", base.but(udp_length=8 + size - rng.randrange(1, 15))),
        ("udp length tiny", base.but(udp_length=rng.randrange(8))),
        ("both lengths longer", base.but(padding=b"", udp_length=9 + size, total_length=29 + size)),
        ("both lengths shorter", base.but(udp_length=7 + size, total_length=27 + size)),
        ("no room for a header", Frame(rng.randbytes(rng.randrange(20)), ADDRESS, PORT, padding=bytes(20))),
        ("full packet", good(rng, 1472)),
        ("too large", good(rng, 1473 + rng.randrange(100))),
        ("not fragmented flag", base.but(fragment=0x0000)),
    ]


async def run(cycles: Cycles, source: Source, monitor: Monitor, frames: list[tuple[str, bytes, bool]]) -> None:
    """Send the frames back to back and compare everything that left."""
    before = dict(monitor.stats)
    monitor.frames.clear()
    beats = [beat for _, data, corrupt in frames for beat in to_beats(data, corrupt)]
    await source.send(beats)
    await cycles.wait(12)
    verdicts = [(name, judge_frame(data, ADDRESS, PORT, corrupt)) for name, data, corrupt in frames]
    ours = [(name, verdict) for name, verdict in verdicts if verdict.ours]
    assert len(monitor.frames) == len(ours), (len(monitor.frames), [name for name, _ in ours])
    for out, (name, verdict) in zip(monitor.frames, ours, strict=True):
        check(out, verdict, name)
    counted = {name: monitor.stats[name] - before[name] for name in STATS}
    assert counted["frame"] == len(frames)
    assert counted["other"] == len(frames) - len(ours)
    assert counted["bad"] == sum(out.bad for out in monitor.frames)


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.3, 0.7])
async def every_variant(dut, pause: float) -> None:
    cycles, source, monitor, rng = await begin(dut, pause)
    for _ in range(6):
        frames = [(name, frame.build(), False) for name, frame in variants(rng)]
        rng.shuffle(frames)
        await run(cycles, source, monitor, frames)


@cocotb.test()
async def corrupt_and_truncated(dut) -> None:
    """Every length a good frame can be cut to, with and without the MAC's bad mark, a good one after each."""
    cycles, source, monitor, rng = await begin(dut)
    for vlan in (None, 3):
        base = Frame(rng.randbytes(61), ADDRESS, PORT, vlan=vlan).build()
        frames = []
        for size in range(1, len(base) + 1):
            frames.append((f"cut {size}", base[:size], rng.random() < 0.5 and size > 56))
            frames.append(("good after", good(rng).build(), False))
        await run(cycles, source, monitor, frames)


@cocotb.test()
async def random_damage(dut) -> None:
    """Bits flipped anywhere: the verdict is the reference's, and the next frame is unhurt."""
    cycles, source, monitor, rng = await begin(dut)
    frames = []
    for number in range(600):
        data = bytearray(good(rng).build())
        if number % 2:
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(12, min(len(data), 64))] ^= 1 << rng.randrange(8)
            if rng.random() < 0.3:
                del data[rng.randrange(1, len(data)) :]
        frames.append((f"damaged {number}: {bytes(data).hex()}", bytes(data), False))
    await run(cycles, source, monitor, frames)


@cocotb.test()
async def one_cycle(dut) -> None:
    """The payload's first beat and each one after it leave exactly one cycle after they came, VLAN or not."""
    cycles, source, monitor, rng = await begin(dut, 0.3)
    for vlan in (None, 9):
        for size in (20, 26, 27, 34, 200):
            monitor.frames.clear()
            taken = await source.send(to_beats(Frame(rng.randbytes(size), ADDRESS, PORT, vlan=vlan).build()))
            await cycles.wait(4)
            assert monitor.frames[0].cycles == [cycle + 1 for cycle in taken[5:]]


@cocotb.test()
async def settings_and_reset(dut) -> None:
    cycles, source, monitor, rng = await begin(dut)
    frame = Frame(mold_packet(b"SESSION001", 1, []), ADDRESS, PORT).build()
    dut.cfg_enable.value = 0
    await source.send(to_beats(frame))
    await cycles.wait(3)
    assert monitor.frames == []
    assert monitor.stats["other"] == 1
    dut.cfg_enable.value = 1
    for cut in range(1, 8):  # reset in every state; the rest of that frame never comes
        await source.send((data, keep, 0, 0) for data, keep, _, _ in to_beats(frame)[:cut])
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        monitor.current = b""
        monitor.beats = []
        monitor.first = True
        await run(cycles, source, monitor, [("after reset", frame, False), ("and another", good(rng).build(), False)])
