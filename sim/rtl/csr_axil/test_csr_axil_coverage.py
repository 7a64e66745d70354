"""The register file with values of full width: what is shown, verdicts of every slot, latencies of every size."""

from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from fastpath.registers import ACCESS, Register
from sim.rtl.csr_axil.test_csr_axil import SHOWN, Bus
from sim.rtl.models.streams import length

SIMULATORS = ["verilator"]


@cocotb.test()
async def shows_any_value(dut: Any) -> None:
    """Each register that shows an input shows all of its bits, whatever they are."""
    bus = Bus(dut)
    await bus.start()
    shown = [entry for entry in SHOWN.items() if entry[0] not in (Register.STATUS, Register.ARMED)]
    for _ in range(12):
        values = {name: bus.rng.getrandbits(len(getattr(dut, name))) for _, (name, _) in shown}
        sequence = bus.rng.getrandbits(64)
        for name, value in values.items():
            getattr(dut, name).value = value
        dut.expected_seq.value = sequence
        for register, (name, _) in shown:
            assert (await bus.read(register))[1] == values[name], register.name
        low = (await bus.read(Register.EXPECTED_SEQ_LO))[1]
        dut.expected_seq.value = bus.rng.getrandbits(64)
        assert (await bus.read(Register.EXPECTED_SEQ_HI))[1] << 32 | low == sequence


@cocotb.test()
async def verdicts_of_every_slot(dut: Any) -> None:
    """Random verdicts, re-arming in between: a slot keeps the last one since it was armed, with all its reasons."""
    bus = Bus(dut)
    await bus.start()
    bus.pause = 0.0
    slots = len(dut.armed)
    armed = 0
    dut.armed.value = 0
    for _ in range(4):
        await RisingEdge(dut.clk)
    sent, refused, reasons = 0, 0, [0] * slots
    for _ in range(length(60)):
        slot = bus.rng.randrange(slots)
        armed |= 1 << slot
        dut.armed.value = armed
        for _ in range(6):
            await RisingEdge(dut.clk)
        sent, refused, reasons[slot] = sent & ~(1 << slot), refused & ~(1 << slot), 0
        armed &= ~(1 << slot)
        dut.armed.value = armed
        why = bus.rng.choice((0, bus.rng.getrandbits(13)))
        dut.pass_valid.value, dut.reject_valid.value = int(not why), int(bool(why))
        dut.out_slot.value, dut.out_reasons.value = slot, why
        await RisingEdge(dut.clk)
        dut.pass_valid.value, dut.reject_valid.value = 0, 0
        sent |= (not why) << slot
        refused |= bool(why) << slot
        reasons[slot] = why
        for _ in range(6):
            await RisingEdge(dut.clk)
        assert (await bus.read(Register.SENT))[1] == sent
        assert (await bus.read(Register.REFUSED))[1] == refused
        await bus.write(Register.REASON_SLOT, slot)
        assert (await bus.read(Register.REASONS))[1] == why
    for slot, why in enumerate(reasons):
        await bus.write(Register.REASON_SLOT, slot)
        assert (await bus.read(Register.REASONS))[1] == why


@cocotb.test()
async def latencies_of_any_size(dut: Any) -> None:
    """Random latencies in every cycle: least, most, number, sum and each bin, exactly."""
    bus = Bus(dut)
    await bus.start()
    told = []
    for _ in range(length(600)):
        valid, took = bus.rng.random() < 0.8, bus.rng.getrandbits(bus.rng.choice((3, 5, 16, 16)))
        dut.ev_valid.value, dut.ev_latency.value = int(valid), took
        if valid:
            told.append(took)
        await RisingEdge(dut.clk)
    dut.ev_valid.value = 0
    for _ in range(8):
        await RisingEdge(dut.clk)
    assert (await bus.read(Register.LATENCY_MIN))[1] == min(told)
    assert (await bus.read(Register.LATENCY_MAX))[1] == max(told)
    assert (await bus.read(Register.LATENCY_COUNT))[1] == len(told)
    low = (await bus.read(Register.LATENCY_SUM_LO))[1]
    assert low | (await bus.read(Register.LATENCY_SUM_HI))[1] << 32 == sum(told)
    for index in range(16):
        want = sum(min(max(took, 6), 21) - 6 == index for took in told)
        assert (await bus.read(Register[f"LATENCY_BIN_{index}"]))[1] == want


@cocotb.test()
async def every_strobe(dut: Any) -> None:
    """Each register that keeps its value, with each of the 16 strobes: the bytes named change and no other."""
    bus = Bus(dut)
    await bus.start()
    bus.pause = 0.0
    for register, access in ACCESS.items():
        if access.kind != "rw":
            continue
        held = access.reset
        for strobe in bus.rng.sample(range(16), 16):
            data = bus.rng.getrandbits(32)
            mask = sum(0xFF << 8 * lane for lane in range(4) if strobe >> lane & 1)
            held = (held & ~mask | data & mask) & ((1 << access.width) - 1)
            await bus.write(register, data, strobe)
        assert (await bus.read(register))[1] == held, register.name


@cocotb.test()
async def numbers_far_up(dut: Any) -> None:
    """From any value each counter, bin and sum goes on by what is told, in all of its bits, and over its end to 0."""
    bus = Bus(dut)
    await bus.start()
    bus.pause = 0.0
    names = [register for register in Register if register.name.startswith("COUNT_")]
    bins = [Register[f"LATENCY_BIN_{index}"] for index in range(16)]
    for round_ in range(5):
        ends = round_ == 0  # this time all of them are at their ends

        def any_value(bits: int, ends: bool = ends) -> int:
            return (1 << bits) - 1 if ends else bus.rng.getrandbits(bits)

        counts, spread = [any_value(32) for _ in names], [any_value(32) for _ in bins]
        number, total = any_value(32), any_value(64)
        for _ in range(20):  # nothing is on its way into a total, and none is blank any more
            await RisingEdge(dut.clk)
        for _ in range(2):  # again: one of them is written back from what was fetched before
            for index, value in enumerate(counts):
                dut.counter.banks[index // 16].bank.total[index % 16].value = value
            for index, value in enumerate(spread):
                dut.counter.bars.total[index].value = value
            await RisingEdge(dut.clk)
        dut.counter.latency_count.value, dut.counter.latency_sum.value = number, total
        await RisingEdge(dut.clk)
        for register, value in zip(names + bins, counts + spread, strict=True):
            assert (await bus.read(register))[1] == value, register.name
        dut.count.value = (1 << len(names)) - 1
        await RisingEdge(dut.clk)
        dut.count.value = 0
        for index in range(16):
            dut.ev_valid.value, dut.ev_latency.value = 1, 6 + index
            await RisingEdge(dut.clk)
        dut.ev_valid.value = 0
        for _ in range(6):
            await RisingEdge(dut.clk)
        for register, value in zip(names + bins, counts + spread, strict=True):
            assert (await bus.read(register))[1] == (value + 1) % (1 << 32), register.name
        assert (await bus.read(Register.LATENCY_COUNT))[1] == (number + 16) % (1 << 32)
        low = (await bus.read(Register.LATENCY_SUM_LO))[1]
        high = (await bus.read(Register.LATENCY_SUM_HI))[1]
        assert high << 32 | low == (total + sum(range(6, 22))) % (1 << 64)
