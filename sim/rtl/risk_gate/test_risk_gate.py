# ruff: noqa: S311 - reproducible test data, not cryptography
"""The gate against a reference that knows each check by itself: the reason bitmap, the cycles, what a pass uses up."""

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, RisingEdge

from sim.rtl.models.streams import Cycles

PARAMETERS = [{"SYM_LOG2": 3}, {"SYM_LOG2": 10, "DUP_LOG2": 2}]
KILL, DISABLED, QUANTITY, NOTIONAL, COLLAR, POSITION, RATE, DUPLICATE, STALE, HALTED, REFERENCE, ORDER, SESSION = range(
    13
)


@dataclass
class Limits:
    """A symbol's limits; all zero until the host sets them."""

    enable: int = 0
    quantity: int = 0
    notional: int = 0
    collar: int = 0
    room: list[int] = field(default_factory=lambda: [0, 0])


@dataclass
class Gate:
    """The reference; `tick` once a cycle."""

    known: int
    remembered: int
    kill: int = 0
    trade: int = 1
    session: int = 1
    all_stale: int = 0
    period: int = 0
    burst: int = 0
    window: int = 0
    tokens: int = 0
    phase: int = 1
    limits: dict[int, Limits] = field(default_factory=dict)
    passed: list[tuple[tuple[int, ...], int]] = field(default_factory=list)

    def tick(self, spent: bool) -> None:
        """One cycle of the token bucket."""
        refill = self.period != 0 and self.phase >= self.period
        self.phase = 1 if refill else self.phase + (self.period != 0)
        if self.tokens > self.burst:
            self.tokens = self.burst
        elif spent and not refill:
            self.tokens -= 1
        elif refill and not spent and self.tokens != self.burst:
            self.tokens += 1

    def judge(
        self, now: int, symidx: int, bid: int, ask: int, stale: int, halted: int, order: tuple[int, int, int, int]
    ) -> int:
        """The reasons against an order {valid, sell, quantity, price}."""
        valid, sell, quantity, price = order
        limit = self.limits.get(symidx, Limits())
        far = bid if sell else ask
        in_range = valid and 1 <= quantity <= 999_999 and 1 <= price <= 1_999_999_900
        price32 = price & 0xFFFFFFFF
        through = max(0, bid - price32) if sell else max(0, price32 - ask)
        recent = [o for o, when in self.passed[-self.remembered :] if (now - when) % (1 << 48) < self.window]
        checks = {
            KILL: self.kill, DISABLED: not (self.trade and limit.enable and symidx < self.known),
            QUANTITY: quantity > limit.quantity, NOTIONAL: quantity * price32 > limit.notional,
            COLLAR: through * 10000 > far * limit.collar, POSITION: quantity > limit.room[sell], RATE: not self.tokens,
            DUPLICATE: self.window and ((symidx, sell, quantity, price32) in recent or len(recent) == self.remembered),
            STALE: stale or self.all_stale, HALTED: halted, REFERENCE: far == 0, ORDER: not in_range, SESSION: not self.session,
        }  # fmt: skip
        return sum(1 << bit for bit, failed in checks.items() if failed)


class Bench:
    """Drives the gate, one cycle at a time, with the reference beside it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.cycles = Cycles(dut)
        self.now = 5000
        self.gate = Gate(0, 0)

    async def start(self, known: int, remembered: int) -> None:
        dut = self.dut
        self.gate = Gate(known, remembered)
        for name in (
            "cfg_kill", "cfg_trade", "cfg_session", "cfg_all_stale", "cfg_rate_period", "cfg_rate_burst", "cfg_dup_window",
            "limit_write", "fire_valid", "send_ready", "look_direct", "look_symidx", "look_bid", "look_ask", "fire_slot",
        ):  # fmt: skip
            getattr(dut, name).value = 0
        await self.cycles.start()
        while dut.ready.value != 1:
            await RisingEdge(dut.clk)
        await self.configure(kill=0, trade=1, session=1, all_stale=0, period=0, burst=0, window=0)
        dut.send_ready.value = 1
        await self.step(2)

    async def configure(self, **settings: int) -> None:
        names = {"period": "cfg_rate_period", "burst": "cfg_rate_burst", "window": "cfg_dup_window"}
        for name, value in settings.items():
            setattr(self.gate, name, value)
            getattr(self.dut, names.get(name, f"cfg_{name}")).value = value
        await self.step(1)

    async def step(self, cycles: int = 1, spent: bool = False) -> None:
        for _ in range(cycles):
            self.dut.now.value = self.now
            await RisingEdge(self.dut.clk)
            self.gate.tick(spent)
            self.now += 1

    async def limit(self, symidx: int, limits: Limits) -> None:
        dut = self.dut
        if symidx < self.gate.known:
            self.gate.limits[symidx] = limits
        dut.limit_write.value, dut.limit_symidx.value, dut.limit_enable.value = 1, symidx, limits.enable
        dut.limit_quantity.value, dut.limit_notional.value, dut.limit_collar.value = (
            limits.quantity,
            limits.notional,
            limits.collar,
        )
        dut.limit_buy_room.value, dut.limit_sell_room.value = limits.room
        await self.step()
        dut.limit_write.value = 0
        await self.step(2)  # until it is read

    async def order(
        self, symidx: int, bid: int, ask: int, stale: int, halted: int, order: tuple[int, int, int, int]
    ) -> int:
        """Send one order in, at once or after a wait; returns the reasons, after comparing them with the reference's."""
        dut = self.dut
        slot = self.rng.randrange(16)
        direct = self.rng.random() < 0.5
        if direct:
            dut.look_symidx.value, dut.look_bid.value, dut.look_ask.value = symidx % self.gate.known, bid, ask
            await self.step()
            dut.look_symidx.value, dut.look_bid.value, dut.look_ask.value = 0, self.rng.getrandbits(32), 7
            dut.look_direct.value = 1
            await self.step()
            dut.look_direct.value = 0
        dut.fire_valid.value, dut.fire_slot.value, dut.fire_symidx.value = 1, slot, symidx
        dut.fire_bid.value, dut.fire_ask.value, dut.fire_stale.value, dut.fire_halted.value = bid, ask, stale, halted
        dut.order_valid.value, dut.order_sell.value, dut.order_quantity.value, dut.order_price.value = order
        dut.order_notional.value, dut.order_scaled.value = notional_and_scaled(order)
        for wait in range(3):
            await FallingEdge(dut.clk)
            assert dut.fire_ready.value == int(direct or wait == 2), f"direct {direct}, cycle {wait} of the offer"
            if dut.fire_ready.value == 1:
                break
            await self.step()
        want = self.gate.judge(self.now, symidx, bid, ask, stale, halted, order)
        await self.step()  # taken
        dut.fire_valid.value = 0
        dut.order_quantity.value, dut.fire_bid.value, dut.fire_slot.value = self.rng.getrandbits(32), 1, slot ^ 1
        dut.order_scaled.value = self.rng.getrandbits(40)
        await FallingEdge(dut.clk)
        assert dut.fire_ready.value == 0 and dut.busy.value == 1
        await self.step()
        await FallingEdge(dut.clk)
        assert (int(dut.pass_valid.value), int(dut.reject_valid.value)) == (int(want == 0), int(want != 0)), (
            f"reasons {want:#x}"
        )
        have = int(dut.out_reasons.value)
        assert have == want, f"reasons {have:#x}, expected {want:#x} for {order} at {bid}/{ask} of {symidx}"
        assert dut.out_slot.value == slot
        await self.step(spent=want == 0)
        if not want:
            sell, quantity, price = order[1:]
            self.gate.limits[symidx].room[sell] -= quantity
            self.gate.passed.append(((symidx, sell, quantity, price), self.now - 1))
        await self.step(4)
        return want


def notional_and_scaled(order: tuple[int, int, int, int]) -> tuple[int, int]:
    """What the encoder has multiplied: quantity x price and price x 10,000, of the price's low 32 bits."""
    _, _, quantity, price = order
    return quantity * (price & 0xFFFFFFFF), (price & 0xFFFFFFFF) * 10000


def wide_open() -> Limits:
    return Limits(1, 999_999, 1 << 60, 5000, [1 << 31, 1 << 31])


def size(dut: Any) -> tuple[int, int]:
    from sim.rtl.models.streams import parameters  # noqa: PLC0415 - read when the simulator runs

    built = {"SYM_LOG2": 8, "DUP_LOG2": 3} | parameters()
    del dut
    return 1 << built["SYM_LOG2"], 1 << built["DUP_LOG2"]


@cocotb.test()
async def closed_after_reset(dut: Any) -> None:
    """Nothing configured: the order fails all that can fail."""
    bench = Bench(dut)
    await bench.start(*size(dut))
    reasons = await bench.order(1, 999_900, 1_000_000, 0, 0, (1, 0, 100, 1_000_000))
    assert reasons == 1 << DISABLED | 1 << QUANTITY | 1 << NOTIONAL | 1 << POSITION | 1 << RATE


@cocotb.test()
async def each_check_alone(dut: Any) -> None:
    """A good order passes; with one thing wrong at a time, exactly that bit comes; at the limit itself it passes."""
    bench = Bench(dut)
    await bench.start(*size(dut))
    good = (1, 0, 100, 1_000_000)
    await bench.configure(period=1, burst=50)
    await bench.step(60)

    async def expect(bit: int | None, order: tuple[int, int, int, int] = good, bid: int = 999_900, ask: int = 1_000_000,
                     stale: int = 0, halted: int = 0, limits: Limits | None = None, **settings: int) -> None:  # fmt: skip
        await bench.limit(2, limits or wide_open())
        before = {name: getattr(bench.gate, name) for name in settings}
        await bench.configure(**settings)
        reasons = await bench.order(2, bid, ask, stale, halted, order)
        assert reasons == (0 if bit is None else 1 << bit), f"{reasons:#x}"
        await bench.configure(**before)

    await expect(None)
    await expect(KILL, kill=1)
    await expect(DISABLED, trade=0)
    await expect(DISABLED, limits=Limits(0, 999_999, 1 << 60, 5000, [1 << 31, 1 << 31]))
    await expect(SESSION, session=0)
    await expect(STALE, stale=1)
    await expect(STALE, all_stale=1)
    await expect(HALTED, halted=1)
    await expect(REFERENCE, order=(1, 1, 100, 1_000_000), bid=0)
    await expect(QUANTITY, limits=Limits(1, 99, 1 << 60, 5000, [1 << 31, 1 << 31]))
    await expect(None, limits=Limits(1, 100, 1 << 60, 5000, [1 << 31, 1 << 31]))
    await expect(NOTIONAL, limits=Limits(1, 100, 99_999_999, 5000, [1 << 31, 1 << 31]))
    await expect(None, limits=Limits(1, 100, 100_000_000, 5000, [1 << 31, 1 << 31]))
    await expect(POSITION, limits=Limits(1, 100, 1 << 60, 5000, [99, 1 << 31]))
    await expect(None, limits=Limits(1, 100, 1 << 60, 5000, [100, 0]))
    await expect(POSITION, order=(1, 1, 100, 999_900), limits=Limits(1, 100, 1 << 60, 5000, [1000, 99]))
    await expect(None, order=(1, 0, 100, 1_010_000), limits=Limits(1, 100, 1 << 60, 100, [1000, 0]))
    await expect(COLLAR, order=(1, 0, 100, 1_010_100), limits=Limits(1, 100, 1 << 60, 100, [1000, 0]))
    await expect(None, order=(1, 1, 100, 990_000), bid=1_000_000, limits=Limits(1, 100, 1 << 60, 100, [0, 1000]))
    await expect(COLLAR, order=(1, 1, 100, 989_900), bid=1_000_000, limits=Limits(1, 100, 1 << 60, 100, [0, 1000]))
    await expect(None, order=(1, 0, 100, 900_000), limits=Limits(1, 100, 1 << 60, 0, [1000, 0]))
    await expect(ORDER, order=(0, 0, 100, 1_000_000))
    await expect(ORDER, order=(1, 0, 0, 1_000_000))
    await expect(None, order=(1, 0, 999_999, 1_000_000))
    await expect(ORDER, order=(1, 0, 100, 1 << 32 | 1_000_000))
    await expect(RATE, period=0, burst=0)
    await bench.step(60)
    # the very same order twice within the window, and again after it
    await bench.configure(window=200)
    bench.gate.passed.clear()
    await bench.step(300)
    await bench.limit(2, wide_open())
    assert await bench.order(2, 999_900, 1_000_000, 0, 0, good) == 0
    assert await bench.order(2, 999_900, 1_000_000, 0, 0, good) == 1 << DUPLICATE
    assert await bench.order(2, 999_900, 1_000_000, 0, 0, (1, 0, 101, 1_000_000)) == 0
    await bench.step(200)
    assert await bench.order(2, 999_900, 1_000_000, 0, 0, good) == 0
    for i in range(bench.gate.remembered - 1):
        assert await bench.order(2, 999_900, 1_000_000, 0, 0, (1, 0, 200 + i, 1_000_000)) == 0
    assert await bench.order(2, 999_900, 1_000_000, 0, 0, (1, 0, 300, 1_000_000)) == 1 << DUPLICATE


@cocotb.test()
async def kill_at_the_last_moment(dut: Any) -> None:
    """The kill switch thrown while an order is looked at stops it."""
    bench = Bench(dut)
    await bench.start(*size(dut))
    await bench.configure(period=1, burst=5)
    await bench.step(20)
    await bench.limit(1, wide_open())
    for delay in (0, 1):
        dut.fire_valid.value, dut.fire_symidx.value, dut.fire_bid.value, dut.fire_ask.value = 1, 1, 99, 100
        dut.fire_stale.value, dut.fire_halted.value, dut.fire_slot.value = 0, 0, 0
        order = (1, 0, 10, 100)
        dut.order_valid.value, dut.order_sell.value, dut.order_quantity.value, dut.order_price.value = order
        dut.order_notional.value, dut.order_scaled.value = notional_and_scaled(order)
        await bench.step(2)
        if not delay:
            dut.cfg_kill.value = 1
        await bench.step()
        dut.fire_valid.value, dut.cfg_kill.value = 0, 1
        await bench.step()
        await FallingEdge(dut.clk)
        assert dut.pass_valid.value == 0 and dut.reject_valid.value == 1 and int(dut.out_reasons.value) == 1
        dut.cfg_kill.value = 0
        await bench.step(3)


@cocotb.test()
async def the_hosts_room_is_the_newer(dut: Any) -> None:
    """The host's limits for the symbol, written in any cycle around an order: the order's shares never come on top."""
    bench = Bench(dut)
    await bench.start(*size(dut))
    await bench.configure(period=1, burst=50)
    await bench.step(60)
    order = (1, 0, 100, 1_000_000)
    for when in range(8):
        for symidx in (1, 2):  # of the order, or the next one's: then the port is shared
            await bench.limit(1, Limits(1, 999_999, 1 << 60, 5000, [150, 150]))
            await bench.limit(2, Limits(1, 999_999, 1 << 60, 5000, [150, 150]))
            await bench.step(4)
            dut.fire_valid.value, dut.fire_symidx.value, dut.fire_bid.value, dut.fire_ask.value = 1, 1, 999_900, 1_000_000
            dut.fire_stale.value, dut.fire_halted.value, dut.fire_slot.value = 0, 0, 3
            dut.order_valid.value, dut.order_sell.value, dut.order_quantity.value, dut.order_price.value = order
            dut.order_notional.value, dut.order_scaled.value = notional_and_scaled(order)
            passed = room = 0
            for cycle in range(14):
                dut.limit_write.value, dut.limit_symidx.value = int(cycle == when), symidx
                dut.limit_buy_room.value = 1000
                await FallingEdge(dut.clk)
                taken = dut.fire_ready.value == 1 and dut.fire_valid.value == 1
                passed += int(dut.pass_valid.value)
                await bench.step(spent=dut.pass_valid.value == 1)
                if taken:
                    dut.fire_valid.value = 0
                    # The card's write acts one cycle after it came.
                    room = 50 if symidx == 2 else 900 if when + 1 < cycle else 1000
            dut.limit_write.value = 0
            assert passed == 1
            bench.gate.limits[1].room[0], bench.gate.limits[2].room[0] = room, 1000 if symidx == 2 else 150
            bench.gate.passed.clear()
            for at, left in ((1, room), (2, bench.gate.limits[2].room[0])):
                too_many = (1, 0, left + 1, 1_000_000)
                assert await bench.order(at, 999_900, 1_000_000, 0, 0, too_many) == 1 << POSITION, (when, symidx, at)
                assert await bench.order(at, 999_900, 1_000_000, 0, 0, (1, 0, left, 1_000_000)) == 0, (when, symidx, at)


@cocotb.test()
async def random_orders(dut: Any) -> None:
    """Anything against anything."""
    bench = Bench(dut)
    await bench.start(*size(dut))
    rng = bench.rng
    passes = 0
    seen = 0
    for _ in range(2500):
        if rng.random() < 0.2:
            symidx = rng.randrange(min(4, bench.gate.known)) if rng.random() < 0.9 else 1000
            room = [rng.choice((0, 100, 5000, 1 << 31)), rng.choice((0, 100, 5000, 1 << 31))]
            await bench.limit(
                symidx,
                Limits(
                    int(rng.random() < 0.9),
                    rng.choice((0, 100, 999_999)),
                    rng.choice((0, 10**8, 10**12)),
                    rng.choice((0, 50, 10000, 65535)),
                    room,
                ),
            )
        if rng.random() < 0.1:
            await bench.configure(
                kill=int(rng.random() < 0.05), trade=int(rng.random() < 0.95), session=int(rng.random() < 0.95),
                all_stale=int(rng.random() < 0.05), period=rng.choice((0, 1, 7, 30)), burst=rng.choice((0, 1, 3, 100)),
                window=rng.choice((0, 40, 3000)),
            )  # fmt: skip
        if rng.random() < 0.3:
            await bench.step(rng.randrange(40))
        price = rng.choice((0, 100, 990_000, 1_000_000, 1_005_000, 1_999_999_900, 2_000_000_000))
        order = (
            int(rng.random() < 0.97),
            rng.getrandbits(1),
            rng.choice((0, 1, 100, 101, 1000, 999_999, 1_000_000)),
            price,
        )
        bid, ask = rng.choice((0, 990_000, 1_000_000)), rng.choice((0, 1_000_000, 1_000_100))
        symidx = rng.randrange(min(4, bench.gate.known)) if rng.random() < 0.97 else 1020
        reasons = await bench.order(symidx, bid, ask, int(rng.random() < 0.05), int(rng.random() < 0.05), order)
        passes += not reasons
        seen |= reasons
    dut._log.info("%d passed, reasons seen %#x", passes, seen)
    assert passes > 20 and seen == (1 << 13) - 1
