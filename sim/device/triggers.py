"""Armed orders on the card against a naive model, at random: `python -m sim.device.triggers --scenarios 10000`.

A scenario arms one or two slots and then sends messages, disarms, kills, lets triggers expire, loses packets, resets the
book, in any order and at any distance in cycles, through the card's registers and lines alone. The model reads the records
that left and the cycles in which commands were given. A command takes some cycles to act; a record in that time may fall on
either side of it, every other may not. Checked: a slot fires at most once; in a record that meets its condition; in the
first one that must; never after a disarm, an expiry or a reset that came before; a kill, a stale or a halted symbol lets no
byte out; an order that passes leaves as its template's bytes with the next number. Prints the cycles from the last byte of
the message to the order's first byte, least and most, by the record's kind; an order that waits for another is left out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from fastpath.records import EventFlag, EventKind
from sim.device.build import VARIANTS, BuildError
from sim.device.card import LINE_A, Card, Line, Records
from sim.rtl.models.packets import Frame, mold_packet

LINE = Line(0xE9360C01, 26400)
SESSION = b"TRIGGERS01"
SYMBOLS, SLOTS = 8, 16
GAP_WAIT = 48
ACTS_WITHIN = 12  # cycles in which a command or an expiry may be before or after a record
ORDER_TAKES = 24  # cycles after an order in which the next one may wait: not measured
_HEAD, _ADD, _REF, _PART = Struct(">cHH6s"), Struct(">QcI8sI"), Struct(">Q"), Struct(">QI")
STOCK = b"TRIG    "
CENTRE, TICK = 1_000_000, 100
SIDES = {1: "bid", 2: "bid", 3: "ask", 4: "ask"}
KILL_REASON = 1


class DisagreementError(Exception):
    """The card did what the model says it must not; the text tells the scenario."""


@dataclass
class Seen:
    """A record that may fire something: the cycle of its message's last byte, of itself, and the BBO."""

    rx: int
    at: int
    symbol: int
    bid: int
    ask: int
    quiet: bool  # stale or halted: the gate refuses


@dataclass
class Armed:
    """What was asked for, and the cycles between which the command was given: so in `off` for what ends it."""

    slot: int
    symbol: int
    condition: int
    price: int
    expire: int
    given: tuple[int, int]
    off: list[tuple[int, int]] = field(default_factory=list)

    def met(self, seen: Seen) -> bool:
        """Does this record meet the condition?"""
        best = seen.bid if SIDES[self.condition] == "bid" else seen.ask
        if seen.symbol != self.symbol or not best:
            return False
        return best >= self.price if self.condition in (1, 3) else best <= self.price

    def may_fire(self, seen: Seen) -> bool:
        """Not certainly too early or too late."""
        late = any(seen.at > end + ACTS_WITHIN for _, end in self.off)
        late = late or (self.expire != 0 and seen.at > self.expire + ACTS_WITHIN)
        return seen.at >= self.given[0] - ACTS_WITHIN and not late

    def must_fire(self, seen: Seen) -> bool:
        """Certainly armed."""
        early = seen.at <= self.given[1] + ACTS_WITHIN
        ended = any(seen.at >= start - ACTS_WITHIN for start, _ in self.off)
        return not early and not ended and not (self.expire and seen.at >= self.expire - ACTS_WITHIN)


def template(slot: int, symbol: int) -> bytes:
    """An OUCH 5.0 Enter Order; the slot and the symbol are in its client reference."""
    side = b"BS"[slot & 1 : (slot & 1) + 1]
    return (
        b"O" + bytes(4) + side + (100).to_bytes(4, "big") + STOCK + CENTRE.to_bytes(8, "big") + b"0YPYN"
        + f"s{slot:02}y{symbol:02}".ljust(14).encode() + bytes(2)
    )  # fmt: skip


class Range:
    """One card, and the scenarios on it."""

    def __init__(self, card: Card, seed: int) -> None:
        self.card, self.seed = card, seed
        self.sequence = self.next_ref = 1
        self.live: dict[int, tuple[int, int]] = {}  # reference -> symbol, shares
        self.seen: list[Seen] = []
        self.kills: list[tuple[int, int, bool]] = []
        self.number = 1
        self.latency: dict[str, list[int]] = {}
        self.gate: list[int] = []
        self.counts = {
            "scenarios": 0,
            "armed": 0,
            "fired": 0,
            "passed": 0,
            "refused": 0,
            "not_fired": 0,
            "either": 0,
            "lost": 0,
            "resets": 0,
        }
        self.kinds: dict[int, str] = {}
        card.track((symbol + 1, symbol) for symbol in range(SYMBOLS))
        card.set_trading(rate_period_cycles=1, rate_burst=100)
        for symbol in range(SYMBOLS):
            card.set_limits(
                symbol, quantity=1000, notional_e4=1 << 40, collar_bps=5000, buy_room=1 << 31, sell_room=1 << 31
            )
        card.set_order_number(self.number)
        self.open_market()
        self.card.idle()

    def message(self, kind: bytes, symbol: int, body: bytes) -> bytes:
        return _HEAD.pack(kind, symbol + 1, 0, bytes(6)) + body

    def take(self, records: Records) -> None:
        """Keep the records that may fire something."""
        for record in records:
            flags = int(record["flags"])
            rx = -(-int(record["rx_ns"]) * 5 // 32)
            if flags & EventFlag.BBO_CHANGED and int(record["kind"]) < 0x80:
                quiet = bool(flags & (EventFlag.STALE | EventFlag.HALTED))
                self.kinds[rx] = chr(int(record["kind"]))
                self.seen.append(
                    Seen(
                        rx,
                        rx + int(record["aux"]),
                        int(record["locate"]) - 1,
                        int(record["bid_e4"]),
                        int(record["ask_e4"]),
                        quiet,
                    )
                )
            if int(record["kind"]) == EventKind.GAP_LOST:
                self.counts["lost"] += 1

    def send(self, messages: list[bytes]) -> None:
        """One packet."""
        frame = Frame(mold_packet(SESSION, self.sequence, messages), LINE.address, LINE.port).build()
        self.sequence += len(messages)
        self.take(self.card.push(LINE_A, frame))

    def idle(self, cycles: int) -> None:
        self.take(self.card.idle(cycles))

    def open_market(self) -> None:
        """Every symbol trades."""
        self.send([self.message(b"H", symbol, STOCK + b"T     ") for symbol in range(SYMBOLS)])

    def some_messages(self, rng: random.Random, symbols: list[int]) -> list[bytes]:
        """Adds, parts taken, deletes near the centre."""
        messages = []
        for _ in range(rng.randrange(1, 5)):
            mine = [ref for ref, (symbol, _) in self.live.items() if symbol in symbols]
            if not mine or rng.random() < 0.55:
                symbol, ref = rng.choice(symbols), self.next_ref
                self.next_ref += 1
                side = rng.choice([b"B", b"S"])
                away = rng.randrange(-2, 8) * TICK
                price = CENTRE - away if side == b"B" else CENTRE + away
                self.live[ref] = (symbol, 100)
                messages.append(self.message(b"A", symbol, _ADD.pack(ref, side, 100, STOCK, price)))
                continue
            ref = rng.choice(mine)
            symbol, shares = self.live[ref]
            if shares > 10 and rng.random() < 0.4:
                self.live[ref] = (symbol, shares - 10)
                kind, body = rng.choice([(b"X", _PART.pack(ref, 10)), (b"E", _PART.pack(ref, 10) + _REF.pack(ref))])
                messages.append(self.message(kind, symbol, body))
            else:
                del self.live[ref]
                messages.append(self.message(b"D", symbol, _REF.pack(ref)))
        return messages

    def clear(self) -> None:
        """Take every order out."""
        refs = list(self.live.items())
        for at in range(0, len(refs), 40):
            self.send([self.message(b"D", symbol, _REF.pack(ref)) for ref, (symbol, _) in refs[at : at + 40]])
        self.live.clear()

    def kill(self, on: bool) -> None:
        """The kill switch."""
        before = self.card.cycles
        self.card.set_trading(kill=on, rate_period_cycles=1, rate_burst=100)
        self.kills.append((before, self.card.cycles, on))

    def killed(self, at: int) -> bool | None:
        """On, off, or either."""
        state = False
        for before, after, on in self.kills:
            if at > after + ACTS_WITHIN:
                state = on
            elif at >= before - ACTS_WITHIN and on != state:
                return None
        return state

    def arm(self, rng: random.Random, slot: int, symbols: list[int]) -> Armed:
        """Arm a slot with a condition that the messages to come may meet."""
        symbol, condition = rng.choice(symbols), rng.randrange(1, 5)
        price = CENTRE + rng.randrange(-6, 7) * TICK
        expire = self.card.cycles + rng.randrange(40, 400) if rng.random() < 0.3 else 0
        self.card.set_template(slot, template(slot, symbol))
        before = self.card.cycles
        self.card.arm(slot, symbol, condition, price, expire)
        self.counts["armed"] += 1
        return Armed(slot, symbol, condition, price, expire, (before, self.card.cycles))

    def steps(self, rng: random.Random, symbols: list[int], slots: list[int]) -> list[Armed]:
        """The scenario itself."""
        armed: list[Armed] = []
        waiting = list(slots)
        for _ in range(rng.randrange(3, 10)):
            draw = rng.random()
            if waiting and draw < 0.4:
                armed.append(self.arm(rng, waiting.pop(), symbols))
            elif draw < 0.75:
                self.send(self.some_messages(rng, symbols))
            elif draw < 0.82 and armed:
                of = rng.choice(armed)
                before = self.card.cycles
                self.card.disarm(of.slot)
                of.off.append((before, self.card.cycles))
            elif draw < 0.87:
                self.kill(rng.random() < 0.5)
            elif draw < 0.89:
                self.sequence += rng.randrange(1, 4)  # lost: told when the next packet has waited
                self.send([self.message(b"H", symbols[0], STOCK + b"T     ")])
                self.idle(rng.choice([0, GAP_WAIT, 3 * GAP_WAIT]))
            elif draw < 0.90:
                self.idle(4 * GAP_WAIT)
                self.card.clear_stale()
            elif draw < 0.905:
                before = self.card.cycles
                self.card.reset_book()
                self.take(self.card.idle(16))
                self.counts["resets"] += 1
                self.live.clear()
                self.open_market()
            self.idle(rng.choice([0, 0, 1, 2, 3, 5, 8, 13, 40]))
        return armed

    def scenario(self, index: int) -> None:
        """One scenario; raises DisagreementError."""
        rng = random.Random(self.seed * 1_000_003 + index)  # noqa: S311 - reproducible scenarios, not a secret
        symbols = rng.sample(range(SYMBOLS), rng.choice([1, 1, 2]))
        slots = rng.sample(range(SLOTS), rng.choice([1, 1, 2]))
        self.seen.clear()
        self.kinds.clear()
        del self.kills[:-1]
        armed = self.steps(rng, symbols, slots)
        self.idle(4 * GAP_WAIT)
        self.judge(index, armed)
        if self.kills and self.kills[-1][2]:
            self.kill(on=False)
        for slot in slots:
            self.card.disarm(slot)
        self.card.clear_stale()
        self.clear()
        self.idle(64)
        if self.card.fires() or self.card.order_bytes():
            raise DisagreementError(f"scenario {index}: something fired after its end")
        self.counts["scenarios"] += 1

    def judge(self, index: int, armed: Iterable[Armed]) -> None:
        """The verdicts and bytes that left, against what may and what must have."""
        fires = self.card.fires()
        passed = []
        for of in armed:
            mine = [fire for fire in fires if fire.slot == of.slot]
            if len(mine) > 1:
                raise DisagreementError(f"scenario {index}: slot {of.slot} fired {len(mine)} times: {mine}")
            allowed: list[Seen] = []
            must = False
            for seen in self.seen:
                if of.met(seen) and of.may_fire(seen):
                    allowed.append(seen)
                    if of.must_fire(seen):
                        must = True
                        break
            if not mine:
                if must:
                    raise DisagreementError(f"scenario {index}: {of} did not fire in {allowed[-1]}")
                self.counts["not_fired"] += 1
                self.counts["either"] += bool(allowed)
                continue
            fire = mine[0]
            cause = next((seen for seen in allowed if seen.rx == fire.rx_cycle), None)
            if not cause:
                raise DisagreementError(
                    f"scenario {index}: {of} fired as {fire}, allowed {allowed}, records {self.seen}"
                )
            self.counts["fired"] += 1
            killed = self.killed(fire.out_cycle)
            if fire.reasons == 0:
                if killed or cause.quiet:
                    raise DisagreementError(f"scenario {index}: {of} passed though it must not: {fire}, {cause}")
                passed.append(fire)
                self.counts["passed"] += 1
                if not any(0 <= fire.out_cycle - other.out_cycle < ORDER_TAKES for other in fires if other is not fire):
                    self.latency.setdefault(self.kinds[cause.rx], []).append(fire.out_cycle + 1 - fire.rx_cycle)
                    self.gate.append(fire.out_cycle + 1 - cause.at)
            else:
                self.counts["refused"] += 1
                if killed and not fire.reasons & KILL_REASON:
                    raise DisagreementError(f"scenario {index}: {fire} does not tell the kill switch")
                if killed is False and not cause.quiet and cause.bid and cause.ask:
                    raise DisagreementError(f"scenario {index}: {of} was refused without need: {fire}, {cause}")
        if {fire.slot for fire in fires} - {of.slot for of in armed}:
            raise DisagreementError(f"scenario {index}: a slot fired that was not armed: {fires}")
        expected = b""
        symbols = {of.slot: of.symbol for of in armed}
        for fire in sorted(passed, key=lambda fire: fire.out_cycle):
            order = template(fire.slot, symbols[fire.slot])
            body = order[:1] + self.number.to_bytes(4, "big") + order[5:]
            expected += (len(body) + 1).to_bytes(2, "big") + b"U" + body
            self.number += 1
        if self.card.order_bytes() != expected:
            raise DisagreementError(f"scenario {index}: other bytes left than {expected.hex()}")


def triggers(
    scenarios: int, seed: int = 1, first: int = 0, variant: str = "card", progress: bool = False
) -> dict[str, Any]:
    """Run scenarios; counts and cycles. Raises DisagreementError, BuildError."""
    told = time.monotonic()
    with Card(LINE, session=SESSION, gap_wait_cycles=GAP_WAIT, frame_gap_cycles=0, variant=VARIANTS[variant]) as card:
        area = Range(card, seed)
        for index in range(first, first + scenarios):
            area.scenario(index)
            if progress and time.monotonic() - told > 5:
                told = time.monotonic()
                print(f"{index + 1 - first:8} scenarios, {area.counts['fired']} fired", file=sys.stderr, flush=True)
        cycles = card.cycles
    every = [value for values in area.latency.values() for value in values]
    return {
        **area.counts,
        "last_byte_to_first_order_byte_cycles": {"least": min(every), "most": max(every)} if every else None,
        "by_message": {kind: [min(values), max(values)] for kind, values in sorted(area.latency.items())},
        "record_to_first_order_byte_cycles": {"least": min(area.gate), "most": max(area.gate)} if area.gate else None,
        "cycles": cycles,
        "seed": seed,
    }


def main() -> int:
    """Command line: 0 as the model says, 1 not, 2 could not run."""
    parser = argparse.ArgumentParser(description="Random scenarios of armed orders on the card against a naive model.")
    parser.add_argument("--scenarios", type=int, default=10000)
    parser.add_argument("--first", type=int, default=0, help="number of the first scenario")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="take longer to build the card, and less to run it")
    arguments = parser.parse_args()
    try:
        found = triggers(
            arguments.scenarios, arguments.seed, arguments.first, "fast" if arguments.fast else "card", progress=True
        )
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    except DisagreementError as error:
        print(json.dumps({"agreed": False, "why": str(error)}, indent=1))
        return 1
    print(json.dumps({"agreed": True, **found}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
