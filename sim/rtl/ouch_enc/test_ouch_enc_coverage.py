"""The host's writes to templates in any cycle: which are refused, and which templates are whole in the end."""

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import length
from sim.rtl.ouch_enc.test_ouch_enc import Bench, enter_order

SIMULATORS = ["verilator"]
SHORTEST, LONGEST = 47, 61


@dataclass
class Template:
    """What the reference knows of a slot."""

    words: list[int] = field(default_factory=lambda: [0] * 8)
    sealed: bool = False

    def order(self) -> tuple[bool, int, int, int]:
        """Whether it is one to send; sell, quantity, price."""
        data = b"".join(word.to_bytes(8, "little") for word in self.words)
        kind, side, quantity, price = struct.unpack(">c4xcI8xQ", data[:26])
        whole = self.sealed and kind == b"O" and side in b"BSTE"
        return whole, int(side != b"B"), quantity, price


@dataclass
class Write:
    """One cycle's commands: (slot, word, data) to load, (slot, length) to seal."""

    load: tuple[int, int, int] | None = None
    seal: tuple[int, int] | None = None


@cocotb.test()
async def writes_at_any_time(dut: Any) -> None:
    """Loads and seals in bursts, slots offered or looked at meanwhile: refused exactly then; a write unseals its slot."""
    bench = Bench(dut)
    rng = bench.rng
    await bench.start()
    templates = [Template() for _ in range(16)]
    refused = good = 0
    rounds = length(60)
    for _ in range(rounds):
        busy = rng.sample(range(16), 3)  # a few slots, so that writes meet
        history: list[tuple[Write, set[int]]] = []
        messages = {slot: enter_order(rng, rng.randbytes(rng.randrange(15)))[0] for slot in busy}
        if rng.random() < 0.3:
            messages[busy[0]] = b"U" + messages[busy[0]][1:]
        for cycle in range(60):
            quiet = cycle >= 52
            write = Write()
            if not quiet and (cycle < 30 or rng.random() < 0.2):
                # First each slot's words in order, then any.
                slot, word = (busy[cycle // 8], cycle % 8) if cycle < 24 else (rng.choice(busy), rng.randrange(8))
                padded = messages[slot].ljust(64, b"\0")
                write.load = (slot, word, int.from_bytes(padded[8 * word : 8 * word + 8], "little"))
            if not quiet and cycle >= 22 and rng.random() < 0.4:
                slot = rng.choice(busy)
                write.seal = (slot, rng.choice((len(messages[slot]), 61, 62, 46, 47)))
            offered: set[int] = set()
            held = not quiet and cycle >= 24 and rng.random() < 0.15
            looked = not quiet and cycle >= 24 and rng.random() < 0.15
            dut.offer_valid.value, dut.offer_slot.value = int(held), rng.choice(busy)
            dut.gate_busy.value, dut.send_slot.value = int(looked), rng.choice(busy)
            dut.load_valid.value, dut.seal_valid.value = int(write.load is not None), int(write.seal is not None)
            if write.load is not None:
                dut.load_slot.value, dut.load_word.value, dut.load_data.value = write.load
            if write.seal is not None:
                dut.seal_slot.value, dut.seal_length.value = write.seal
            await FallingEdge(dut.clk)
            offered |= {int(dut.offer_slot.value)} if held else set()
            offered |= {int(dut.send_slot.value)} if looked else set()
            history.append((write, offered))
            told = int(dut.load_refused.value)
            if cycle >= 2:
                before = history[-3][0]
                slots = {entry[0] for entry in (before.load, before.seal) if entry is not None}
                assert told == int(bool(slots & history[-2][1])), f"cycle {cycle}"
                refused += told
            await RisingEdge(dut.clk)
        for (write, _), (_, offered) in pairwise(history):
            if write.seal is not None and write.seal[0] not in offered:
                templates[write.seal[0]].sealed = SHORTEST <= write.seal[1] <= LONGEST
            if write.load is not None and write.load[0] not in offered:
                template = templates[write.load[0]]
                template.words[write.load[1]] = write.load[2]
                template.sealed = False
        for slot in busy:
            template = templates[slot]
            found = await bench.look_at(slot)
            whole, sell, quantity, price = template.order()
            assert found == whole, f"slot {slot}"
            if whole:
                good += 1
                assert (int(dut.order_sell.value), int(dut.order_quantity.value)) == (sell, quantity)
                assert int(dut.order_price.value) == price
                assert int(dut.order_notional.value) == quantity * (price & 0xFFFFFFFF)
                assert int(dut.order_scaled.value) == (price & 0xFFFFFFFF) * 10000
            dut.offer_valid.value = 0
            await RisingEdge(dut.clk)
    dut._log.info("%d refused, %d whole", refused, good)
    assert refused > rounds // 3 and good > rounds // 3
