# ruff: noqa: S311 - reproducible test data, not cryptography
"""The best bid and offer at its own ports: rows, pending sides, late answers and stale marks against full-depth levels."""

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.book_msg import CODES, pack
from sim.rtl.models.streams import Cycles, length, parameters

PARAMETERS = [{"SYM_LOG2": 2}, {"SYM_LOG2": 3, "QTY_W": 34}]
OPS = ("ADD", "EXEC", "CANCEL", "DELETE", "REPLACE", "NOTE", "FAULT", "MARK")
TAKES = ("EXEC", "CANCEL", "DELETE", "REPLACE")
ANSWER = 7  # cycles from stage v to the ladder's answer in this bench, and more


@dataclass
class Symbol:
    """Levels of both sides, and what a row keeps; its prices lie at `base` and a little above."""

    base: int = 1000
    number: int = 50  # its locate
    levels: list[dict[int, int]] = field(default_factory=lambda: [{}, {}])
    stale: bool = False
    trading: bool = False
    halts: int = 0
    locate: int = 0
    count: list[int] = field(default_factory=lambda: [0, 0])
    known: list[tuple[int, int] | None] = field(default_factory=lambda: [(0, 0), (0, 0)])  # None: the ladder must tell
    answers: list[tuple[int, int, int, int, int]] = field(default_factory=list)  # cycle, side, count, price, shares

    def best(self, side: int) -> tuple[int, int]:
        """Price and shares, zeros when empty."""
        levels = self.levels[side]
        if not levels:
            return 0, 0
        price = min(levels) if side else max(levels)
        return price, levels[price]


class Bench:
    """One message every two cycles or more, the verdict in the cycle after it, answers of a ladder in this bench."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.width = ({"QTY_W": 36} | parameters())["QTY_W"]
        self.symbols = self.fresh()
        self.busy = 0  # the next cycle in which the ladder can answer
        self.slow = self.quick = 0
        self.told: tuple[Symbol, int, int, int, int] | None = (
            None  # the answer being written: it is known one cycle later
        )
        self.after: tuple[int, int] | None = None

    def fresh(self) -> list[Symbol]:
        """Symbols with empty books, their prices and locates anywhere."""
        bases = [
            self.rng.choice((1000, self.rng.randint(1, (1 << 32) - 6))) for _ in range(1 << parameters()["SYM_LOG2"])
        ]
        return [
            Symbol(base, locate)
            for base, locate in zip(bases, self.rng.sample(range(1 << 16), len(bases)), strict=True)
        ]

    async def start(self) -> None:
        """Reset, and wait until the rows are cleared."""
        dut = self.dut
        for name in ("next_symidx", "c_valid", "c_msg", "c_price", "c_shares", "c_side", "v_verdict", "v_owner", "late_write",
                     "late_symidx", "late_side", "late_price", "late_shares", "late_count", "late_lost"):  # fmt: skip
            getattr(dut, name).value = 0
        await self.cycles.start()
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)

    def answer(self) -> None:
        """What the ladder says in the coming cycle: the oldest answer that is due."""
        dut, now = self.dut, self.cycles.now + 1
        if self.told is not None:
            symbol, side, count, price, shares = self.told
            if symbol.known[side] is None and count == symbol.count[side]:
                symbol.known[side] = (price, shares)
            self.told = None
        dut.late_write.value = 0
        due = [(at[0], number) for number, s in enumerate(self.symbols) for at in s.answers[:1] if at[0] <= now]
        if not due:
            return
        number = min(due)[1]
        symbol = self.symbols[number]
        _, side, count, price, shares = symbol.answers.pop(0)
        dut.late_write.value, dut.late_symidx.value, dut.late_side.value = 1, number, side
        dut.late_price.value, dut.late_shares.value, dut.late_count.value = price, shares, count
        self.told = (symbol, side, count, price, shares)

    async def tick(self) -> None:
        """Into the next cycle."""
        await RisingEdge(self.dut.clk)
        self.dut.c_valid.value = 0
        self.answer()

    def draw(self, symbol: Symbol) -> dict[str, Any]:
        """An operation that the levels allow."""
        rng = self.rng
        op = rng.choices(OPS, (30, 8, 8, 20, 14, 4, 1, 1))[0]
        side = rng.getrandbits(1)
        levels = symbol.levels[side]
        if op in TAKES and not levels:
            op = "ADD"
        m: dict[str, Any] = {
            "op": op,
            "side": side,
            "price": symbol.base + rng.randrange(6),
            "shares": rng.choice((1, 5, 7)),
        }
        if rng.random() < 0.04:
            m["shares"] = rng.choice(((1 << 32) - 1, rng.randint(1, (1 << 32) - 1)))
        if levels.get(m["price"], 0) + m["shares"] >= 1 << self.width:
            m["shares"] = 1
        if op in TAKES:
            price = symbol.best(side)[0] if rng.random() < 0.6 else rng.choice(list(levels))
            most = min(levels[price], (1 << 32) - 1)
            m["order"] = (price, most if rng.random() < 0.5 else rng.randint(1, most))
            if op in ("EXEC", "CANCEL"):
                m["shares"] = m["order"][1] if rng.random() < 0.5 else rng.randint(1, m["order"][1])
            if rng.random() < 0.2:
                m["price"] = price
        m["verdict"] = "OK"
        if op in ("ADD", *TAKES) and rng.random() < 0.1:
            m["verdict"] = rng.choice(["CONTRA", "UNKNOWN", "WRONG", *["FULL"] * (op in ("ADD", "REPLACE"))])
        if op == "FAULT":
            m["verdict"] = "CONTRA"
        if op == "MARK":
            m["clear"] = rng.random() < 0.7
        return m

    async def one(self) -> None:
        """A message through stages c and v, everything it shows compared."""
        dut, rng = self.dut, self.rng
        number = rng.randrange(len(self.symbols))
        symbol = self.symbols[number]
        m = self.draw(symbol)
        op, side, verdict = m["op"], m["side"], m["verdict"]
        halts = [("h", rng.choice(b"QBXK") << 8 | code) for code in b"HTT"]
        kind, aux = rng.choice([("H", ord("T")), ("H", ord("P")), *halts, ("R", 0)])
        order: tuple[int, int] = m.get("order", (rng.getrandbits(31), rng.getrandbits(32)))
        locate = symbol.number
        dut.next_symidx.value = number
        known = [symbol.known[0], symbol.known[1]]
        await self.tick()
        message = {
            "op": CODES[f"BOP_{op}"], "side": side, "price": m["price"], "shares": m["shares"], "sym": number, "row": 1,
            "locate": locate, "type": ord(kind if op == "NOTE" else "A"), "aux": aux if op == "NOTE" else 0,
            "code": 5 if op == "MARK" and not m["clear"] else 0,
        }  # fmt: skip
        dut.next_symidx.value = rng.randrange(len(self.symbols))
        dut.c_valid.value, dut.c_msg.value = 1, pack(**message)
        dut.c_price.value, dut.c_shares.value, dut.c_side.value = (*order, side)
        await self.tick()
        owner = rng.choice([i for i in range(len(self.symbols)) if i != number])
        dut.v_verdict.value, dut.v_owner.value = CODES[f"BV_{verdict}"], owner
        dut.next_symidx.value = rng.randrange(len(self.symbols))
        wanted = self.after = self.expect(symbol, m, order, known)
        await FallingEdge(dut.clk)
        self.compare(symbol, m, wanted, known, owner if verdict == "WRONG" else None)
        self.settle(symbol, m, kind, aux, locate)
        if verdict == "WRONG":
            self.symbols[owner].stale = True

    def expect(
        self, symbol: Symbol, m: dict[str, Any], order: tuple[int, int], known: list[tuple[int, int] | None]
    ) -> tuple[int, int] | None:
        """Applies the change; the best of the side after it, None when only the ladder can know."""
        op, side, verdict = m["op"], int(m["side"]), m["verdict"]
        takes = op in TAKES and verdict in ("OK", "FULL")
        adds = op in ("ADD", "REPLACE") and verdict == "OK"
        levels, before = symbol.levels[side], known[side]
        if takes:
            amount = order[1] if op in ("DELETE", "REPLACE") else m["shares"]
            levels[order[0]] -= amount
            if not levels[order[0]]:
                del levels[order[0]]
        if adds:
            levels[m["price"]] = levels.get(m["price"], 0) + m["shares"]
        if not (takes or adds):
            return before
        symbol.count[side] = (symbol.count[side] + 1) % 16
        at = max(self.busy, self.cycles.now + 1 + ANSWER + self.rng.randrange(4))
        self.busy = at + 2
        symbol.answers.append((at, side, symbol.count[side], *symbol.best(side)))
        if before is None:
            return None
        after = symbol.best(side)
        gone = takes and order[0] == before[0] and order[0] not in levels
        better = adds and (not before[0] or (m["price"] < before[0] if side else m["price"] > before[0]))
        joins_wide = adds and m["price"] == before[0] and before[1] >> 33 == (1 << (self.width - 33)) - 1
        if joins_wide or (gone and not better and not (adds and m["price"] == before[0])):
            return None
        return after

    def compare(
        self, symbol: Symbol, m: dict[str, Any], wanted: Any, known: list[tuple[int, int] | None], owner: int | None
    ) -> None:
        """Everything that stage v shows."""
        dut, side = self.dut, m["side"]
        changes = m["op"] in ("ADD", *TAKES) and m["verdict"] in ("OK", "FULL")
        full = m["verdict"] == "FULL"
        assert dut.v_stale.value == int(symbol.stale), m
        assert dut.v_slow_not.value == int(None in known), m
        for name, have in (("bid", known[0]), ("ask", known[1])):
            if have is not None:
                assert (
                    int(getattr(dut, f"v_{name}_before").value),
                    int(getattr(dut, f"v_{name}_shares_before").value),
                ) == have
        if owner is not None:
            assert int(dut.v_owner_locate.value) == self.symbols[owner].locate
            assert int(dut.v_owner_halted.value) == int(
                not self.symbols[owner].trading or bool(self.symbols[owner].halts)
            )
        if not changes or (full and m["op"] == "ADD"):
            return
        slow = dut.v_slow_full if full else dut.v_slow_ok
        assert slow.value == int(wanted is None or known[1 - side] is None), m
        if wanted is not None and known[side] is not None:
            self.quick += 1
            end = "full" if full else "ok"
            best = getattr(dut, f"v_best_{end}"), getattr(dut, f"v_best_shares_{end}")
            assert (int(best[0].value), int(best[1].value)) == wanted, (m, known)
            changed = dut.v_changed_full if full else dut.v_changed
            assert changed.value == int(wanted != known[side]), (m, known, wanted)
            assert int(dut.v_count.value) == symbol.count[side]
        self.slow += wanted is None

    def settle(self, symbol: Symbol, m: dict[str, Any], kind: str, aux: int, locate: int) -> None:
        """What the row keeps from here on."""
        op, side, verdict = m["op"], m["side"], m["verdict"]
        if op in ("ADD", *TAKES) and (verdict == "OK" or (verdict == "FULL" and op != "ADD")):
            symbol.known[side] = self.after
        if op == "MARK":
            symbol.stale = not m["clear"]
        elif verdict in ("CONTRA", "WRONG", "FULL") or (verdict == "UNKNOWN" and op == "REPLACE"):
            symbol.stale = True
        if op != "MARK":
            symbol.locate = locate
        if op == "NOTE" and kind == "H":
            symbol.trading = aux == ord("T")
        elif op == "NOTE" and kind == "h":
            bit = {"Q": 1, "B": 2, "X": 4}.get(chr(aux >> 8), 8)
            symbol.halts = symbol.halts & ~bit if aux & 0xFF == ord("T") else symbol.halts | bit
        assert int(self.dut.v_halted.value) == int(not symbol.trading or bool(symbol.halts))


@cocotb.test()
async def random_messages(dut: Any) -> None:
    """Messages two cycles apart and more; the rows after a reset are empty, halted and not stale."""
    bench = Bench(dut)
    await bench.start()
    for _ in range(4):
        for _ in range(length(1500)):
            await bench.one()
            for _ in range(bench.rng.choice((0, 0, 0, 1, 2, 12))):
                await bench.tick()
        dut._log.info("%d messages with a best known at once, %d that need the ladder", bench.quick, bench.slow)
        assert bench.quick > bench.slow > 50
        dut.late_write.value = 0
        dut.rst.value = 1
        await RisingEdge(dut.clk)
        dut.rst.value = 0
        bench.symbols = bench.fresh()
        bench.told = None
        await RisingEdge(dut.clk)
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
