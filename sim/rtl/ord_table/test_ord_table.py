# ruff: noqa: S311 - reproducible test data, not cryptography
"""The order table at its own ports: verdict and order of every message at the closest distances it must bear."""

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.book_msg import CODES, pack
from sim.rtl.models.order_table import OrderPlaces
from sim.rtl.models.streams import Cycles, parameters

PARAMETERS = [
    {"BUCKET_LOG2": 2},
    {"BUCKET_LOG2": 1, "TABLES": 2, "SLOTS": 2, "STASH_LOG2": 1},
    {"BUCKET_LOG2": 3, "TABLES": 4, "SLOTS": 2, "RAM_REG": 1},
    {"BUCKET_LOG2": 4, "SLOTS": 1, "STASH_LOG2": 2},  # the ways and the stash of the card on an ECP5
]
LETTERS = {"ADD": "A", "EXEC": "E", "CANCEL": "X", "DELETE": "D", "REPLACE": "U"}
DUPLICATE, BAD_FIELD = CODES["FP_E_DUPLICATE"], CODES["FP_E_BAD_FIELD"]


@dataclass
class Table:
    """The reference: live orders and their places."""

    places: OrderPlaces
    orders: dict[int, list[int]] = field(default_factory=dict)  # ref -> [symidx, side, price, shares]

    def apply(self, op: str, m: dict[str, int]) -> tuple[str, int, list[int] | None]:
        """Verdict, code and the resting order before the message."""
        order = self.orders.get(m["ref"])
        before = list(order) if order and op != "ADD" else None
        if op == "ADD":
            if order:
                return "CONTRA", DUPLICATE, None
            if not self.places.insert(m["ref"]):
                return "FULL", 0, None
            self.orders[m["ref"]] = [m["sym"], m["side"], m["price"], m["shares"]]
            return "OK", 0, None
        if order is None:
            return "UNKNOWN", 0, None
        if order[0] != m["sym"]:
            return "WRONG", 0, before
        if op == "REPLACE":
            if not m["shares"] or not 1 <= m["price"] <= CODES["FP_PRICE_MAX"]:
                return "CONTRA", BAD_FIELD, before
            if m["ref2"] in self.orders:
                return "CONTRA", DUPLICATE, before
            room = self.places.insert(m["ref2"])
            del self.orders[m["ref"]]
            self.places.remove(m["ref"])
            if not room:
                return "FULL", 0, before
            self.orders[m["ref2"]] = [order[0], order[1], m["price"], m["shares"]]
            return "OK", 0, before
        if op != "DELETE":
            if not m["shares"]:
                return "DROP", 0, before
            if m["shares"] > order[3]:
                return "CONTRA", BAD_FIELD, before
            order[3] -= m["shares"]
        if op == "DELETE" or not order[3]:
            del self.orders[m["ref"]]
            self.places.remove(m["ref"])
        return "OK", 0, before


@cocotb.test()
async def random_messages(dut: Any) -> None:
    """A handful of references, a table that overflows, messages two cycles apart and more."""
    rng = random.Random(cocotb.RANDOM_SEED)
    built = {"TABLES": 4, "SLOTS": 4, "BUCKET_LOG2": 12, "STASH_LOG2": 4, "RAM_REG": 0} | parameters()
    lead = built["RAM_REG"]
    cycles = Cycles(dut)
    dut.c_valid.value = dut.look_valid.value = 0
    await cycles.start()
    while dut.ready.value != 1:
        await RisingEdge(dut.clk)
    table = Table(OrderPlaces(built["TABLES"], built["SLOTS"], built["BUCKET_LOG2"], 1 << built["STASH_LOG2"]))
    room = (built["TABLES"] * built["SLOTS"] << built["BUCKET_LOG2"]) + (1 << built["STASH_LOG2"])
    refs = [rng.getrandbits(64) for _ in range(room + 30)]
    # plan: cycle -> what is on each input
    look: dict[int, int] = {}
    stage: dict[int, tuple[str, dict[str, int]]] = {}
    at = 20
    recent: list[int] = []
    filling = True
    for number in range(6000):
        if number % (6 * room) == 0:
            filling = not filling or number == 0
        weights = (60, 10, 10, 12, 20) if filling else (25, 15, 15, 40, 20)
        op = rng.choices(("ADD", "EXEC", "CANCEL", "DELETE", "REPLACE"), weights)[0]
        ref = rng.choice(recent[-6:]) if recent and rng.random() < 0.5 else rng.choice(refs)
        m = {
            "ref": ref, "ref2": rng.choice(refs), "sym": 5 if rng.random() < 0.97 else 6, "side": rng.getrandbits(1),
            "shares": rng.choice((1, 2, 3, 100, 0 if rng.random() < 0.1 else 1)), "price": rng.choice((1, 100, 1_999_999_900)),
            "type": ord(LETTERS[op]), "op": CODES[f"BOP_{op}"], "row": 1,
        }  # fmt: skip
        if op == "ADD":
            m["ref2"], m["shares"] = 0, max(1, m["shares"])
        reads: dict[int, int] = {}
        while True:
            at += rng.choice((2, 2, 2, 3, 4, 5)) if not reads else 1
            reads = {} if op == "ADD" else {at - 3 - lead: ref}
            if op in ("ADD", "REPLACE"):
                reads[at - 2 - lead] = ref if op == "ADD" else m["ref2"]
            if not any(cycle in look for cycle in reads):
                break
        look |= reads
        stage[at] = (op, m)
        recent.append(m["ref2"] if op == "REPLACE" else ref)
    seen: dict[str, int] = {}
    pending: tuple[str, dict[str, int]] | None = None
    for now in range(at + 3):
        dut.look_valid.value = int(now in look or rng.random() < 0.2)
        dut.look_ref.value = look[now] if now in look else rng.choice(refs)
        dut.c_valid.value = int(now in stage)
        dut.c_msg.value = pack(**stage[now][1]) if now in stage else rng.getrandbits(340)
        await FallingEdge(dut.clk)
        assert dut.v_valid.value == int(pending is not None)
        if pending is not None:
            op, m = pending
            verdict, code, order = table.apply(op, m)
            where = f"cycle {now} {op} {m}"
            assert int(dut.v_verdict.value) == CODES[f"BV_{verdict}"], (
                f"{where}: {dut.v_verdict.value}, expected {verdict}"
            )
            if verdict == "CONTRA":
                assert int(dut.v_code.value) == code, where
            if order is not None:
                have = [int(getattr(dut, f"v_{name}").value) for name in ("owner", "side", "price", "shares")]
                assert have == order, f"{where}: {have}, expected {order}"
            seen[verdict] = seen.get(verdict, 0) + 1
        pending = stage.get(now)
        await RisingEdge(dut.clk)
    for _ in range(8):
        await RisingEdge(dut.clk)
    assert int(dut.stat_live.value) == len(table.orders)
    assert int(dut.stat_stash.value) == table.places.in_stash
    dut._log.info("verdicts %s, %d orders left, %d in the stash", seen, len(table.orders), table.places.in_stash)
    assert set(seen) == {"OK", "UNKNOWN", "CONTRA", "WRONG", "DROP", "FULL"}


async def one(dut: Any, op: str, m: dict[str, int], lead: int) -> int:
    """One message by itself, looked up as late as it may be; returns its verdict."""
    reads = {} if op == "ADD" else {0: m["ref"]}
    if op in ("ADD", "REPLACE"):
        reads[1] = m["ref"] if op == "ADD" else m["ref2"]
    for now in range(4 + lead):
        dut.look_valid.value = int(now in reads)
        dut.look_ref.value = reads.get(now, 0)
        dut.c_valid.value = int(now == 3 + lead)
        dut.c_msg.value = pack(**m) if now == 3 + lead else 0
        await RisingEdge(dut.clk)
    dut.c_valid.value = 0
    await FallingEdge(dut.clk)
    assert dut.v_valid.value == 1
    verdict = int(dut.v_verdict.value)
    await RisingEdge(dut.clk)
    return verdict


@cocotb.test()
async def fills_up(dut: Any) -> None:
    """From empty to beyond the stash: each order that does not fit is told; emptied again; a reset with messages on their way."""
    rng = random.Random(cocotb.RANDOM_SEED)
    built = {"TABLES": 4, "SLOTS": 4, "BUCKET_LOG2": 12, "STASH_LOG2": 4, "RAM_REG": 0} | parameters()
    lead = built["RAM_REG"]
    stash = 1 << built["STASH_LOG2"]
    cycles = Cycles(dut)
    dut.c_valid.value = dut.look_valid.value = 0
    await cycles.start()
    for _ in range(2):
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        table = Table(OrderPlaces(built["TABLES"], built["SLOTS"], built["BUCKET_LOG2"], stash))
        told = in_stash = 0
        plain = {"sym": 5, "row": 1, "side": 0, "shares": 7, "price": 100}
        while told < 3 * stash:
            m = plain | {"ref": rng.getrandbits(64), "type": ord("A"), "op": CODES["BOP_ADD"]}
            wanted = table.apply("ADD", m)[0]
            assert await one(dut, "ADD", m, lead) == CODES[f"BV_{wanted}"]
            told += wanted == "FULL"
            in_stash = max(in_stash, table.places.in_stash)
        await cycles.wait(6)
        assert in_stash == stash, "the stash was never full"
        assert int(dut.stat_stash.value) == stash
        assert int(dut.stat_live.value) == int(dut.stat_peak.value) == len(table.orders)
        live = list(table.orders)
        for ref in live:
            m = plain | {"ref": ref, "type": ord("D"), "op": CODES["BOP_DELETE"]}
            table.apply("DELETE", m)
            assert await one(dut, "DELETE", m, lead) == CODES["BV_OK"]
        await cycles.wait(6)
        assert int(dut.stat_live.value) == int(dut.stat_stash.value) == 0
        for ref in live[:8]:
            m = plain | {"ref": ref, "type": ord("A"), "op": CODES["BOP_ADD"]}
            assert await one(dut, "ADD", m, lead) == CODES["BV_OK"]
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        await RisingEdge(dut.clk)
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        assert int(dut.stat_live.value) == int(dut.stat_peak.value) == int(dut.stat_stash.value) == 0
        for ref in live[:8]:
            m = plain | {"ref": ref, "type": ord("D"), "op": CODES["BOP_DELETE"]}
            assert await one(dut, "DELETE", m, lead) == CODES["BV_UNKNOWN"]
