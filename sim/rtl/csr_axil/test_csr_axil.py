# ruff: noqa: S311 - reproducible test data, not cryptography
"""The register file against its map: every address, reset value, width, strobe, command, counter and answer."""

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from fastpath.registers import ACCESS, FIELDS, Access, Register
from sim.rtl.models.streams import Cycles

OKAY, SLVERR = 0, 2
#: Read-only registers that show what is on an input, and its value in these tests.
SHOWN = {
    Register.ORDERS_LIVE: ("orders_live", 77), Register.ORDERS_PEAK: ("orders_peak", 99), Register.STASH_LEVEL: ("stash_level", 3),
    Register.ARMED: ("armed", 0x8001), Register.FIRED: ("fired", 0x4002), Register.EXPIRED: ("expired", 0x2004),
    Register.DISARMED: ("disarmed", 0x1008), Register.NEXT_URN: ("next_urn", 0xDEADBEEF), Register.STATUS: ("status", 0xA5),
}  # fmt: skip


class Bus:
    """An AXI4-Lite master that pauses at random."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.pause = 0.3
        self.seen: list[tuple[str, int]] = []

    async def start(self) -> None:
        dut = self.dut
        for name in ("awvalid", "wvalid", "bready", "arvalid", "rready"):
            getattr(dut, f"s_axil_{name}").value = 0
        for name in (
            "pass_valid",
            "reject_valid",
            "out_slot",
            "out_reasons",
            "ev_valid",
            "ev_latency",
            "count",
            "expected_seq",
            "mark_waits",
        ):
            getattr(dut, name).value = 0
        for name, value in SHOWN.values():
            getattr(dut, name).value = value
        await self.cycles.start()
        self.cycles.watch(self.look)
        await RisingEdge(dut.clk)

    def look(self, cycle: int) -> None:
        del cycle
        for register, access in ACCESS.items():
            if access.kind in ("wo", "rwv") and getattr(self.dut, f"do_{register.name.lower()}").value == 1:
                self.seen.append((register.name, int(self.dut.wdata.value)))

    async def channel(self, name: str, **fields: int) -> None:
        dut = self.dut
        await RisingEdge(dut.clk)
        while self.rng.random() < self.pause:
            await RisingEdge(dut.clk)
        for field, value in fields.items():
            getattr(dut, f"s_axil_{field}").value = value
        getattr(dut, f"s_axil_{name}valid").value = 1
        while True:
            await FallingEdge(dut.clk)
            taken = getattr(dut, f"s_axil_{name}ready").value == 1
            await RisingEdge(dut.clk)
            if taken:
                break
        getattr(dut, f"s_axil_{name}valid").value = 0

    async def answer(self, name: str) -> tuple[int, int]:
        dut = self.dut
        await RisingEdge(dut.clk)
        while self.rng.random() < self.pause:
            await RisingEdge(dut.clk)
        getattr(dut, f"s_axil_{name}ready").value = 1
        for _ in range(50):
            await FallingEdge(dut.clk)
            if getattr(dut, f"s_axil_{name}valid").value == 1:
                got = (int(getattr(dut, f"s_axil_{name}resp").value), int(dut.s_axil_rdata.value) if name == "r" else 0)
                await RisingEdge(dut.clk)
                getattr(dut, f"s_axil_{name}ready").value = 0
                return got
            await RisingEdge(dut.clk)
        raise AssertionError("no answer")

    async def write(self, address: int, data: int, strobe: int = 15) -> int:
        parts = [
            cocotb.start_soon(self.channel("aw", awaddr=address)),
            cocotb.start_soon(self.channel("w", wdata=data, wstrb=strobe)),
        ]
        response, _ = await self.answer("b")
        for part in parts:
            await part
        return response

    async def read(self, address: int) -> tuple[int, int]:
        asked = cocotb.start_soon(self.channel("ar", araddr=address))
        got = await self.answer("r")
        await asked
        return got


def is_kept(access: Access) -> bool:
    return access.kind == "rw"


@cocotb.test()
async def whole_map(dut: Any) -> None:
    """Every address of the 4 KiB: what is there answers with its reset value, what is not answers SLVERR."""
    bus = Bus(dut)
    await bus.start()
    bus.pause = 0.0
    for address in range(0, 4096, 4):
        response, value = await bus.read(address)
        if address not in [int(r) for r in Register]:
            assert (response, value) == (SLVERR, 0), hex(address)
            continue
        register = Register(address)
        access = ACCESS[register]
        assert response == OKAY
        if register in SHOWN:
            assert value == SHOWN[register][1], register.name
        elif register not in (Register.BUILD, Register.CAPS, Register.CYCLE_LO, Register.CYCLE_HI):
            assert value == access.reset, register.name
    assert await bus.write(0x800, 1) == SLVERR


@cocotb.test()
async def writes(dut: Any) -> None:
    """Registers keep what is written, within their width and byte by byte, and nothing else moves; the rest refuses."""
    bus = Bus(dut)
    await bus.start()
    held = {register: access.reset for register, access in ACCESS.items() if is_kept(access)}
    for _ in range(400):
        register = bus.rng.choice(list(Register))
        access = ACCESS[register]
        data, strobe = bus.rng.getrandbits(32), bus.rng.choice((15, 15, bus.rng.randrange(16)))
        before = len(bus.seen)
        response = await bus.write(register, data, strobe)
        await RisingEdge(dut.clk)
        await FallingEdge(dut.clk)
        if is_kept(access):
            mask = sum(0xFF << 8 * lane for lane in range(4) if strobe >> lane & 1)
            held[register] = (held[register] & ~mask | data & mask) & ((1 << access.width) - 1)
            assert response == OKAY, f"{register.name} {data:#x} {strobe}"
            assert int(getattr(dut, register.name.lower()).value) == held[register], register.name
        elif access.kind == "ro" or strobe != 15:
            assert response == SLVERR
        else:
            assert response == OKAY, f"{register.name} {data:#x} {strobe}"
            assert bus.seen[before:] == [(register.name, data)]
            continue
        assert len(bus.seen) == before
    for register, value in held.items():
        assert await bus.read(register) == (OKAY, value), register.name
        assert int(getattr(dut, register.name.lower()).value) == value


@cocotb.test()
async def counters(dut: Any) -> None:
    """Each bit of `count` is its own counter; latency statistics; halves that belong together."""
    bus = Bus(dut)
    await bus.start()
    names = [register for register in Register if register.name.startswith("COUNT_")]
    assert len(names) == len(dut.count)
    totals = [0] * len(names)
    latencies = []
    for _ in range(300):
        bits = bus.rng.getrandbits(len(names))
        dut.count.value = bits
        took = bus.rng.choice((5, 6, 7, 8, 14, 20, 21, 22, 65535))
        dut.ev_valid.value, dut.ev_latency.value = 1, took
        latencies.append(took)
        totals = [total + (bits >> i & 1) for i, total in enumerate(totals)]
        await RisingEdge(dut.clk)
    dut.count.value, dut.ev_valid.value = 0, 0
    for register, total in zip(names, totals, strict=True):
        assert await bus.read(register) == (OKAY, total), register.name
    assert await bus.read(Register.LATENCY_MIN) == (OKAY, min(latencies))
    assert await bus.read(Register.LATENCY_MAX) == (OKAY, max(latencies))
    assert await bus.read(Register.LATENCY_COUNT) == (OKAY, len(latencies))
    low = (await bus.read(Register.LATENCY_SUM_LO))[1]
    assert low | (await bus.read(Register.LATENCY_SUM_HI))[1] << 32 == sum(latencies)
    for index in range(16):
        want = sum(min(max(took, 6), 21) - 6 == index for took in latencies)
        assert (await bus.read(Register[f"LATENCY_BIN_{index}"]))[1] == want
    dut.expected_seq.value = 0x1234567890ABCDEF
    assert (await bus.read(Register.EXPECTED_SEQ_LO))[1] == 0x90ABCDEF
    dut.expected_seq.value = 0
    assert (await bus.read(Register.EXPECTED_SEQ_HI))[1] == 0x12345678
    first = (await bus.read(Register.CYCLE_LO))[1]
    assert 0 < (await bus.read(Register.CYCLE_LO))[1] - first < 200


@cocotb.test()
async def counting_without_a_pause(dut: Any) -> None:
    """Counters that count in every cycle, or in runs as long as the lap in which their sums are taken, lose nothing."""
    bus = Bus(dut)
    await bus.start()
    names = [register for register in Register if register.name.startswith("COUNT_")]
    totals = [0] * len(names)
    runs = [0] * len(names)
    for cycle in range(400):
        for i in range(len(names)):
            if runs[i] == 0 and bus.rng.random() < 0.1:
                runs[i] = bus.rng.choice((15, 16, 17, 32, 33))
        bits = (1 << len(names)) - 1 if cycle < 100 else sum(1 << i for i, run in enumerate(runs) if run)
        runs = [max(run - 1, 0) for run in runs]
        dut.count.value = bits
        totals = [total + (bits >> i & 1) for i, total in enumerate(totals)]
        await RisingEdge(dut.clk)
    dut.count.value = 0
    for register, total in zip(names, totals, strict=True):
        assert await bus.read(register) == (OKAY, total), register.name


@cocotb.test()
async def a_mark_while_one_waits(dut: Any) -> None:
    """It is refused and raises nothing; every other command goes on."""
    bus = Bus(dut)
    await bus.start()
    dut.mark_waits.value = 1
    for register, access in ACCESS.items():
        if access.kind in ("wo", "rwv"):
            assert await bus.write(register, 3) == (SLVERR if register == Register.MARK else OKAY), register.name
            await RisingEdge(dut.clk)
            await FallingEdge(dut.clk)
    assert Register.MARK.name not in [name for name, _ in bus.seen] and len(bus.seen) == 7
    dut.mark_waits.value = 0
    assert await bus.write(Register.MARK, 5) == OKAY
    await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    assert bus.seen[-1] == (Register.MARK.name, 5)


@cocotb.test()
async def a_verdict_as_the_slot_is_armed_again(dut: Any) -> None:
    """A verdict in the cycle in which its slot's armed bit rises is shown, whichever it is."""
    bus = Bus(dut)
    await bus.start()
    for register, verdict in ((Register.SENT, dut.pass_valid), (Register.REFUSED, dut.reject_valid)):
        dut.armed.value = 0
        await bus.cycles.wait(3)
        dut.armed.value, verdict.value, dut.out_slot.value, dut.out_reasons.value = 1 << 5, 1, 5, 0
        await RisingEdge(dut.clk)
        verdict.value = 0
        other = Register.REFUSED if register == Register.SENT else Register.SENT
        assert await bus.read(register) == (OKAY, 1 << 5) and await bus.read(other) == (OKAY, 0)


@cocotb.test()
async def verdicts(dut: Any) -> None:
    """A slot's verdict stays until the slot is armed again; a refused template write is told once."""
    bus = Bus(dut)
    await bus.start()
    dut.armed.value = 0
    await RisingEdge(dut.clk)
    for slot, reasons in ((3, 0), (7, 0x1002)):
        dut.pass_valid.value, dut.reject_valid.value = int(not reasons), int(bool(reasons))
        dut.out_slot.value, dut.out_reasons.value = slot, reasons
        await RisingEdge(dut.clk)
    dut.pass_valid.value, dut.reject_valid.value = 0, 0
    assert (await bus.read(Register.SENT))[1] == 1 << 3 and (await bus.read(Register.REFUSED))[1] == 1 << 7
    await bus.write(Register.REASON_SLOT, 7)
    assert (await bus.read(Register.REASONS))[1] == 0x1002
    assert FIELDS[Register.REASONS]["SESSION"].lsb == 12
    dut.armed.value = 1 << 7
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    assert (await bus.read(Register.REASONS))[1] == 0 and (await bus.read(Register.REFUSED))[1] == 0
    dut.status.value = 0x100
    await RisingEdge(dut.clk)
    dut.status.value = 0
    assert (await bus.read(Register.STATUS))[1] == 0x100
    assert (await bus.read(Register.STATUS))[1] == 0
