"""A few hundred random commands of two agents at two living venues; then everybody's books are put side by side.

Engine, exchanges, journal and execution stream must agree; limits are checked by an oracle of its own that walks the
journal and knows nothing of the engine's risk code.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
from house import ACCOUNT, AGENTS, READY_S, USER, WIDE, House, eventually, simulated_venue
from reckoning import (
    assert_agreed,
    comparable,
    engine_orders,
    exchange_orders,
    exchange_positions,
    journal_fold,
    positions,
)

from fastpath import calls
from fastpath.config import LimitsConfig
from fastpath.follower import Frame, Snapshot
from fastpath.journal import JournalReader, JournalType
from fastpath.records import ExecKind, OrderState, Reason
from fastpath.subscriber import Subscriber
from fastpath.wire_layout import OUCH_IN_DTYPES, OUCH_OUT_DTYPES
from sim.exchange import FeedLine

pytestmark = pytest.mark.timeout(240)
COMMANDS = 400
SYMBOLS = ("AAPL", "MSFT", "IBM")


def limits(position: int, quantity: int, open_orders: int, rate: int, burst: int, notional: str) -> LimitsConfig:
    return WIDE.model_copy(
        update={
            "max_position": position, "max_order_quantity": quantity, "max_open_orders": open_orders,
            "orders_per_s": rate, "order_burst": burst, "max_order_notional": Decimal(notional),
        }
    )  # fmt: skip


LIMITS = {
    "alice": limits(300, 120, 8, 50, 12, "15000"),
    "bob": limits(500, 200, 12, 60, 20, "25000"),
    "desk": limits(600, 200, 16, 80, 25, "25000"),
}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_session_reconciles(seed: int) -> None:
    rng = random.Random(seed)
    venues = (
        simulated_venue("alpha", messages_per_s=600, seed=seed, order_latency_us=500),
        simulated_venue(
            "beta",
            messages_per_s=600,
            seed=seed + 100,
            feed_a=FeedLine("239.192.77.3"),
            feed_b=FeedLine("239.192.77.4"),
        ),
    )
    agents = {name: LIMITS[name] for name in AGENTS}
    with House(*venues, account_limits=LIMITS["desk"], agent_limits=agents) as house:
        house.start_engine()
        with ExecutionLog(house) as log:
            session = Session(house, rng)
            for _ in range(COMMANDS):
                session.command()
                time.sleep(0.008)  # a pace at which the rate limits let most through
            session.hit_every_limit()
            for exchange in house.exchanges.values():
                exchange.set_rate(0)
            assert_agreed(house)
            log.wait_for(house)

            # Every order that was accepted is there once, at the exchange and in the engine, and nothing else is.
            orders = [order for order in house.orders() if order.state != OrderState.DENIED]
            assert {order.client_order_id for order in orders} == session.accepted
            assert len(orders) == len(session.accepted) == sum(len(x.orders(USER)) for x in house.exchanges.values())
            assert session.replayed > 0
            answered = {(order.venue, order.urn): order for order in orders}
            assert set(answered) == set(exchange_orders(house)), "nothing was lost on this day"

            # Positions are the sum of the fills, whoever adds them up.
            told, trades = journal_fold(str(house.config.journal_path()), house.venues)
            assert comparable(told) == comparable(engine_orders(house))
            assert positions(trades) == exchange_positions(house) == house.positions()
            assert log.positions() == house.positions()
            for venue, exchange in house.exchanges.items():
                filled: Counter[int] = Counter()
                for trade in exchange.executions(USER):
                    filled[trade.user_ref_num] += trade.quantity
                chains = {urn: executed_before(exchange.orders(USER), urn) for urn in filled}
                for urn, shares in filled.items():
                    assert answered[venue, urn].cum_shares == shares + chains[urn]

            # The stream's newest record of every order is the order.
            assert log.orders() == {o.order_id: (o.state, o.cum_shares, o.leaves, o.client_order_id) for o in orders}
            assert len(trades) == log.kinds[ExecKind.FILL] > 20
            assert log.kinds[ExecKind.REPLACED] > 10 and log.kinds[ExecKind.CANCELED] > 10

            by_urn = {(house.venues.index(order.venue), order.urn): order.agent for order in orders}
        assert_within_limits(str(house.config.journal_path()), by_urn)
        for reason in (Reason.MAX_QUANTITY, Reason.ORDER_NOTIONAL, Reason.MAX_OPEN_ORDERS, Reason.MAX_POSITION):
            assert session.refused[reason] > 0, reason.name
        assert session.refused[Reason.PORT_RATE] > 0
        assert set(session.refused) <= EXPECTED_REFUSALS, session.refused


EXPECTED_REFUSALS = {
    Reason.MAX_QUANTITY,
    Reason.ORDER_NOTIONAL,
    Reason.MAX_OPEN_ORDERS,
    Reason.MAX_POSITION,
    Reason.PORT_RATE,
    Reason.SELF_TRADE,
    Reason.ORDER_NOT_LIVE,
    Reason.REPLACE_IN_FLIGHT,
    Reason.REPLACE_NOT_ALLOWED,
    Reason.CANCEL_PENDING,
    Reason.IDEMPOTENCY_CONFLICT,
    Reason.UNKNOWN_ORDER,
    Reason.NOT_PERMITTED,
    Reason.QUANTITY,
    Reason.NO_REFERENCE_PRICE,
    Reason.MARKET_IMPACT,
    Reason.FAT_FINGER,
}


def executed_before(orders: list[Any], urn: int) -> int:
    """Shares that the orders which this one replaced had executed."""
    by_urn = {row.user_ref_num: row for row in orders}
    parent = by_urn[urn].replaces
    return by_urn[parent].executed if parent else 0


class Session:
    """Two agents' random commands, one after the other, and what was answered."""

    def __init__(self, house: House, rng: random.Random) -> None:
        self.house, self.rng = house, rng
        self.number = 0
        self.accepted: set[str] = set()
        self.refused: Counter[int] = Counter()
        self.replayed = 0
        self.last_submit: calls.Call[Any] | None = None

    def ask(self, call: calls.Call[Any], name: str = "") -> Any:
        reply = self.house.client.ask(call)
        assert reply.ok, reply
        if reply.outcome == "refused":
            self.refused[reply.reason] += 1
        elif reply.outcome == "accepted" and name:
            assert name not in self.accepted
            self.accepted.add(name)
        return reply

    def price(self, symbol: str, side: str, venue: str) -> int:
        """Through the market, at it, or behind it; whole cents."""
        top = next(row for row in self.house.ask(calls.top(symbol, venue)).tops)
        near, far = (top.bid_e4, top.ask_e4) if side == "B" else (top.ask_e4, top.bid_e4)
        base = far or near or 200_000
        away = self.rng.choice([-1_000, 0, 500, 2_000, 5_000])
        return max((base - away if side == "B" else base + away) // 100 * 100, 100)

    def submit(self, agent: str, **changes: Any) -> Any:
        rng = self.rng
        self.number += 1
        fields: dict[str, Any] = {
            "venue": rng.choice(self.house.venues),
            "symbol": rng.choice(SYMBOLS),
            "side": rng.choice("BS"),
            "quantity": rng.randrange(1, 150),
            "tif": rng.choice(["day", "day", "day", "ioc"]),
            **changes,
        }
        name = f"s-{self.number}"
        price_e4 = fields.pop("price_e4", 0) or self.price(fields["symbol"], fields["side"], fields["venue"])
        call = calls.submit(
            account=ACCOUNT, agent=agent, client_order_id=name, price_e4=price_e4, order_type="limit", **fields
        )  # fmt: skip
        reply = self.ask(call, name)
        if reply.outcome == "accepted":
            self.last_submit = call
        return reply

    def command(self) -> None:
        rng = self.rng
        agent, choice = rng.choice(AGENTS), rng.random()
        open_orders = self.house.orders(only_open=True)
        named = rng.choice(sorted(self.accepted)) if self.accepted else "none"
        if open_orders and rng.random() < 0.7:
            order = rng.choice(open_orders)
            agent, named = order.agent, order.client_order_id
        if choice < 0.15:
            self.ask(calls.cancel(account=ACCOUNT, agent=agent, client_order_id=named))
        elif choice < 0.35:
            self.number += 1
            if open_orders and rng.random() < 0.9:
                order = rng.choice(open_orders)
                agent, named = order.agent, order.client_order_id
                price_e4 = self.price(order.symbol, "B" if order.side == "B" else "S", order.venue)
            else:
                price_e4 = 1_500_000
            name = f"r-{self.number}"
            self.ask(
                calls.replace(
                    account=ACCOUNT, agent=agent, client_order_id=named, new_client_order_id=name,
                    quantity=rng.randrange(1, 150), price_e4=price_e4,
                ),
                name,
            )  # fmt: skip
        elif choice < 0.45 and self.last_submit is not None:
            again = self.ask(self.last_submit)
            assert again.outcome == "replayed" and again.order.client_order_id in self.accepted
            self.replayed += 1
        elif choice < 0.47:
            self.ask(calls.cancel_all(account=ACCOUNT, agent=agent))
        else:
            self.submit(agent)

    def hit_every_limit(self) -> None:
        """What the random part may have missed."""
        far = {"symbol": "IBM", "side": "B", "venue": "alpha", "tif": "day", "price_e4": 100_000}
        self.tokens(lambda: self.submit("alice", **far, quantity=121))
        self.tokens(lambda: self.submit("alice", **(far | {"symbol": "AAPL", "price_e4": 1_400_000}), quantity=110))
        self.cancel_everything()
        for symbol in SYMBOLS:
            top = self.house.ask(calls.top(symbol, "alpha")).tops[0]
            for side, price_e4 in (("B", top.bid_e4 * 2 // 3), ("S", top.ask_e4 * 4 // 3)):
                for quantity in (1, 2, 3):
                    order = far | {"symbol": symbol, "side": side, "quantity": quantity}
                    order["price_e4"] = price_e4 // 100 * 100
                    self.tokens(partial(self.submit, "alice", **order))
        self.cancel_everything()
        for number in range(8):
            self.tokens(partial(self.submit, "bob", **far, quantity=150 + number))
        self.cancel_everything()
        # Gone again at once, so that in the end nothing but the rate stands against the next one.
        brief = far | {"tif": "ioc", "quantity": 1}
        eventually(
            lambda: Reason.PORT_RATE in [self.submit("bob", **brief).reason for _ in range(100)], "the rate refuses"
        )

    def cancel_everything(self) -> None:
        for agent in AGENTS:
            self.ask(calls.cancel_all(account=ACCOUNT, agent=agent))
        eventually(lambda: not self.house.orders(only_open=True), "every order is gone")

    def tokens(self, submit: Any) -> None:
        """Submit again until it is not the rate that refuses."""
        eventually(lambda: submit().reason != Reason.PORT_RATE, "the rate allows it", 20.0)


class ExecutionLog:
    """A Subscriber of the account's execution stream in a thread of its own."""

    def __init__(self, house: House) -> None:
        self.newest: dict[int, np.void] = {}
        self.kinds: Counter[int] = Counter()
        self.seq = -1
        self._held: dict[str, int] = {}
        self._subscriber = Subscriber(house.endpoint("pub"), house.endpoint("cmd"), [f"exec.{ACCOUNT}"])
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> ExecutionLog:
        self._thread.start()
        eventually(lambda: self.seq >= 0, "the snapshot is there")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(READY_S)
        self._subscriber.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            item = self._subscriber.recv(0.1)
            if isinstance(item, Snapshot):
                self.seq = item.seq
            elif isinstance(item, Frame):
                for record in item.records:
                    if record["order_id"]:
                        self.newest[int(record["order_id"])] = record
                    self.kinds[int(record["kind"])] += 1
                    self._held[record["symbol"].decode().strip()] = int(record["position"])
                self.seq = item.seq + len(item.records) - 1

    def wait_for(self, house: House) -> None:
        def there() -> bool:
            streams = house.ask(calls.state()).streams
            return bool(next(stream.seq for stream in streams if stream.topic == f"exec.{ACCOUNT}") == self.seq)

        eventually(there, "the log has everything")

    def orders(self) -> dict[int, tuple[int, int, int, str]]:
        """Newest state by order id, orders that were never sent left out."""
        return {
            number: (
                int(row["state"]), int(row["cum_shares"]), int(row["leaves"]),
                row["client_order_id"].decode().rstrip("\0 "),
            )
            for number, row in self.newest.items()
            if row["state"] != OrderState.DENIED
        }  # fmt: skip

    def positions(self) -> dict[str, int]:
        return {symbol: shares for symbol, shares in self._held.items() if shares}


# ---- the limits' oracle ----


@dataclass
class Open:
    """An order that may still trade, by what the journal says."""

    agent: str
    symbol: str
    sign: int
    leaves: int
    pending: int = 0
    """Shares that a replacement under way would leave."""
    executed: int = 0
    """Shares of the chain that have traded: a Replace names the whole chain's shares, these among them."""


def fields_of(message: bytes, layouts: dict[bytes, np.dtype[np.void]]) -> np.void:
    layout = layouts[message[:1]]
    return np.frombuffer(message, layout, 1)[0]  # type: ignore[no-any-return]


def assert_within_limits(journal: str, agent_of: dict[tuple[int, int], str]) -> None:
    """Walk the journal. After every message that went out, nobody may be able to end beyond a limit."""
    orders: dict[tuple[int, int], Open] = {}
    replacing: dict[tuple[int, int], tuple[int, int]] = {}
    held: dict[str, Counter[str]] = defaultdict(Counter)
    tokens: dict[str, tuple[float, int]] = {}
    enters = 0

    def check(name: str, mine: list[Open]) -> None:
        limit = LIMITS[name]
        assert len(mine) <= limit.max_open_orders
        for symbol in SYMBOLS:
            for sign in (1, -1):
                worst = held[name][symbol] * sign + sum(
                    max(order.leaves, order.pending) for order in mine if (order.symbol, order.sign) == (symbol, sign)
                )
                assert worst <= limit.max_position, (name, symbol, sign, worst)

    def spend(name: str, time_ns: int) -> None:
        limit = LIMITS[name]
        before, then_ns = tokens.get(name, (float(limit.order_burst), time_ns))
        now = min(limit.order_burst, before + (time_ns - then_ns) / 1e9 * limit.orders_per_s) - 1
        assert now >= -1e-6, f"{name} sent more than its rate"
        tokens[name] = (now, time_ns)

    for entry in JournalReader(journal):
        venue = entry.venue
        if entry.type == JournalType.BYTES_OUT and entry.body[:1] in (b"O", b"U"):
            row = fields_of(entry.body, OUCH_IN_DTYPES)
            key, quantity = (venue, int(row["user_ref_num"])), int(row["quantity"])
            agent = agent_of[key]
            enters += 1
            if entry.body[:1] == b"O":
                sign = 1 if row["side"] == b"B" else -1
                orders[key] = Open(agent, row["symbol"].decode().strip(), sign, quantity)
                total = quantity
            else:
                parent = (venue, int(row["orig_user_ref_num"]))
                replacing[key] = parent
                total = quantity
                orders[parent].pending = max(quantity - orders[parent].executed, 0)
            for name in (agent, ACCOUNT):
                limit = LIMITS[name]
                assert total <= limit.max_order_quantity
                assert total * int(row["price_e4"]) <= limit.max_order_notional * 10_000
                spend(name, entry.time_ns)
            for name in (*AGENTS, ACCOUNT):
                check(name, [order for order in orders.values() if name in (order.agent, ACCOUNT)])
        elif entry.type == JournalType.SEQUENCED_IN:
            message = entry.body[8:]
            kind = message[:1]
            if kind in b"SQ":
                continue
            row = fields_of(message, OUCH_OUT_DTYPES)
            key = (venue, int(row["user_ref_num"]))
            if kind == b"U":
                parent = replacing.pop(key)
                old = orders.pop(parent)
                orders[key] = Open(old.agent, old.symbol, old.sign, int(row["quantity"]), 0, old.executed)
                if row["order_state"] == b"D":
                    del orders[key]
            elif kind == b"J":
                if key in replacing:
                    old = orders.get(replacing.pop(key))  # type: ignore[assignment]
                    if old is not None:
                        old.pending = 0
                else:
                    del orders[key]
            elif kind == b"A":
                orders[key].leaves = int(row["quantity"])
                if row["order_state"] == b"D":
                    del orders[key]
            elif kind in b"ECD":
                order = orders[key]
                taken = int(row["decrement_shares"] if kind == b"D" else row["quantity"])
                order.leaves -= taken
                if kind == b"E":
                    order.executed += taken
                    order.pending = max(order.pending - taken, 0)
                    for name in (order.agent, ACCOUNT):
                        held[name][order.symbol] += order.sign * taken
                if order.leaves == 0:
                    del orders[key]
    assert enters > 100
