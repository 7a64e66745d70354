"""kill -9 of each process: what lives on, what comes back, and what is told of what does not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import msgspec
import pytest
import zmq
from house import (
    ACCOUNT,
    AGENTS,
    LIVE,
    ROOT,
    USER,
    WIDE,
    House,
    alive,
    eventually,
    make_market,
    simulated_venue,
    still_venue,
)
from reckoning import assert_agreed, exchange_positions, journal_fold, positions

from fastpath import bus_messages as m
from fastpath import calls
from fastpath.bus_messages import request
from fastpath.config import ExchangeConfig
from fastpath.follower import EpochChange, Frame, Snapshot
from fastpath.records import OrderState, Reason
from fastpath.subscriber import Subscriber
from sim.exchange import FeedLine, SymbolConfig
from sim.exchange.control import Exchange

pytestmark = pytest.mark.timeout(300)

SUBSCRIBER = """
import sys
from fastpath.subscriber import Subscriber
with Subscriber(sys.argv[1], sys.argv[2], ["md.alpha.full", "exec.desk", "status"]) as subscriber:
    for number, item in enumerate(subscriber):
        if number % 50 == 0:
            print(number, flush=True)
"""


@pytest.fixture(scope="module")
def quiet_house() -> Iterator[House]:
    """One whose orders and session must stay as they are."""
    with House(simulated_venue()) as house:
        house.start_engine()
        for number in range(3):
            house.rest(f"resting-{number}", price=f"{140 + number}.00")
        yield house


class TestBystanders:
    """The bridge and whoever reads the bus may die as they like."""

    def assert_untouched(self, house: House, before: dict[str, int]) -> None:
        """Engine, orders and session are as they were; the feed goes on."""
        exchange = house.exchanges["alpha"]
        assert house.engine is not None and alive(house.engine.process.pid)
        assert len(exchange.live_references(USER)) == 3
        assert [order.state for order in house.orders()] == [OrderState.LIVE] * 3
        heard = house.feed_stats("alpha")["messages"]
        eventually(lambda: house.feed_stats("alpha")["messages"] > heard, "the feed goes on")
        assert self.session(house) == before
        assert house.venue_state("alpha").orders.state == LIVE

    @staticmethod
    def session(house: House) -> dict[str, int]:
        engine, exchange = house.order_stats("alpha"), house.exchanges["alpha"].stats()
        return {
            **{name: engine[name] for name in ("connects", "logins", "disconnects", "enters", "cancels")},
            **{name: exchange[name] for name in ("port_connections", "port_logins", "port_disconnects")},
        }

    def test_the_bridge(self, quiet_house: House) -> None:
        before = self.session(quiet_house)
        for _ in range(2):
            bridge, _ = quiet_house.start_bridge()
            quiet_house.kill(bridge)
            self.assert_untouched(quiet_house, before)

    @pytest.mark.parametrize("how", ["reading", "stuck"])
    def test_a_subscriber(self, quiet_house: House, how: str) -> None:
        """One that reads, and one that has stopped reading for a while before it dies."""
        before = self.session(quiet_house)
        command = [sys.executable, "-c", SUBSCRIBER, quiet_house.endpoint("pub"), quiet_house.endpoint("cmd")]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as subscriber:
            try:
                assert subscriber.stdout is not None and subscriber.stdout.readline() == "0\n"
                if how == "stuck":
                    subscriber.send_signal(signal.SIGSTOP)
                    self.assert_untouched(quiet_house, before)
            finally:
                subscriber.kill()
        self.assert_untouched(quiet_house, before)


SYMBOLS = tuple(SymbolConfig(name, "150") for name in ("AAPL", "BETA", "CODA", "DELT", "ECHO", "FOXT", "GOLF"))


class TestEngine:
    """The journal and the venue's replay bring back every order and every share."""

    @pytest.fixture
    def house(self) -> Iterator[House]:
        with House(still_venue(symbols=SYMBOLS)) as house:
            for symbol in SYMBOLS:
                make_market(house.exchanges["alpha"], symbol.symbol)
            house.start_engine()
            yield house

    def test_every_order_and_share_comes_back(self, house: House) -> None:
        exchange = house.exchanges["alpha"]

        def fill(symbol: str, shares: int, price: str = "149.90") -> None:
            exchange.inject(symbol, "S", shares, price, immediate=True)

        resting = house.rest("resting", symbol="AAPL")
        house.rest("partly", symbol="BETA", price="149.90")
        house.rest("partly-more", symbol="CODA", price="149.90")
        house.rest("filled-meanwhile", symbol="DELT", price="149.90")
        house.rest("sold", symbol="GOLF", side="S", price="150.10")
        fill("BETA", 40)
        fill("CODA", 30)
        exchange.inject("GOLF", "B", 60, "150.10", immediate=True)
        house.rest("to-cancel", symbol="ECHO")
        house.rest("to-replace", symbol="FOXT")
        assert_agreed(house)
        epoch = house.stats()["epoch"]
        # From here on the exchange takes its time, so that these are under way when the engine dies.
        exchange.set_order_latency(1_500_000)
        received, answered = (len(told(USER)) for told in (exchange.received_messages, exchange.order_messages))
        assert house.cancel("to-cancel").outcome == "accepted"
        replaced = house.client.ask(
            calls.replace(
                account=ACCOUNT, agent=AGENTS[0], client_order_id="to-replace", new_client_order_id="replacement",
                quantity=70, price_e4=1_485_000,
            )
        )  # fmt: skip
        assert replaced.outcome == "accepted"
        assert house.submit("unanswered", symbol="AAPL", price="148.00").outcome == "accepted"
        eventually(lambda: len(exchange.received_messages(USER)) == received + 3, "they are at the exchange's door")
        assert len(exchange.order_messages(USER)) == answered
        assert house.engine is not None
        house.kill(house.engine)
        fill("CODA", 30)
        fill("DELT", 100)
        eventually(lambda: not exchange.logged_in(USER), "the exchange has noticed")
        exchange.set_order_latency(0)

        house.start_engine()
        assert house.stats()["epoch"] == epoch + 1
        assert_agreed(house)
        by_id = {order.client_order_id: order for order in house.orders()}
        assert len(by_id) == 9 and by_id["resting"].order_id == resting.order_id
        standing = {
            name: (OrderState(order.state).name, order.cum_shares, order.leaves) for name, order in by_id.items()
        }
        assert standing["resting"] == ("LIVE", 0, 100)
        assert standing["partly"] == ("LIVE", 40, 60)
        assert standing["partly-more"] == ("LIVE", 60, 40)
        assert standing["filled-meanwhile"] == ("FILLED", 100, 0)
        assert standing["sold"] == ("LIVE", 60, 40)
        assert house.positions() == {"BETA": 40, "CODA": 60, "DELT": 100, "GOLF": -60}
        # The exchange had received these three: the cancel was done, the replacement and the new order live.
        assert standing["to-cancel"][0] == "CANCELED"
        assert (standing["to-replace"][0], standing["replacement"]) == ("REPLACED", ("LIVE", 0, 70))
        assert standing["unanswered"] == ("LIVE", 0, 100)
        # An id that was used stays used.
        again = house.submit("unanswered", symbol="AAPL", price="148.00")
        assert again.outcome == "replayed" and again.order is not None
        assert again.order.order_id == by_id["unanswered"].order_id
        # It goes on: old orders can be replaced and cancelled, new ones placed and filled.
        for name in ("resting", "partly", "partly-more", "sold", "replacement", "unanswered"):
            assert house.cancel(name).outcome == "accepted"
            house.settled(name, OrderState.CANCELED)
        house.rest("new", symbol="BETA", price="149.90")
        fill("BETA", 100)
        house.settled("new", OrderState.FILLED)
        assert_agreed(house)
        assert exchange.live_references(USER) == []

    def test_a_subscriber_is_told_and_starts_over(self, house: House) -> None:
        """One that reads on through the engine's death: a new epoch, then everything that is."""
        house.rest("before")
        topics = ["exec.desk", "md.alpha.full"]
        with Subscriber(house.endpoint("pub"), house.endpoint("cmd"), topics) as subscriber:

            def next_of(kind: type, topic: str) -> Any:
                """Items up to the first of this kind and topic."""

                def look() -> Any:
                    item = subscriber.recv(0.1)
                    return item if isinstance(item, kind) and getattr(item, "topic", None) == topic else None

                return eventually(look, f"{kind.__name__} of {topic}")

            first = next_of(Snapshot, "exec.desk")
            assert house.engine is not None
            house.kill(house.engine)
            house.start_engine()
            changed = next_of(EpochChange, "exec.desk")
            assert (changed.old, changed.new) == (first.epoch, first.epoch + 1)
            again = next_of(Snapshot, "exec.desk")
            assert again.epoch == changed.new
            assert (
                again.orders["order_id"].tolist()
                == first.orders["order_id"].tolist()
                == [known(house, "before").order_id]
            )
            house.rest("after")
            assert known(house, "after").order_id in next_of(Frame, "exec.desk").records["order_id"].tolist()

    def test_what_never_reached_the_exchange_is_lost_and_not_sent_again(self, house: House) -> None:
        """The order is in the journal; the connection took none of its bytes."""
        exchange = house.exchanges["alpha"]
        exchange.cut_after(USER, in_bytes=0)
        reply = house.submit("into-the-void")
        assert reply.outcome == "accepted"
        assert house.engine is not None
        house.kill(house.engine)
        house.start_engine()
        assert house.settled("into-the-void").state == OrderState.LOST
        assert exchange.orders(USER) == [] and exchange.stats()["enters"] == 0
        assert house.submit("afterwards").outcome == "accepted"
        house.settled("afterwards", OrderState.LIVE)
        assert_agreed(house)

    def test_killed_at_random_points_of_a_session(self) -> None:
        """Twelve lives of one engine under two agents' commands, each ended in the middle of a burst."""
        rng = random.Random(20_260_101)
        with (
            House(
                simulated_venue("alpha", order_latency_us=2_000),
                simulated_venue("beta", seed=2, feed_a=FeedLine("239.192.77.3"), feed_b=FeedLine("239.192.77.4")),
            ) as house,
            closing(Script(house, rng)) as script,
        ):
            epochs, under_way = [], 0
            for life in range(12):
                engine = house.start_engine()
                assert_agreed(house)
                script.assert_ids_kept()
                epochs.append(house.stats()["epoch"])
                for _ in range(rng.randrange(1, 4)):
                    script.burst(rng.randrange(5, 20))
                    script.answers(0.05)
                # Venues that take their time, that are cut off in the middle of a message, or that are as always.
                for exchange in house.exchanges.values():
                    if life % 3 == 0:
                        exchange.set_order_latency(1_000_000)
                    elif life % 3 == 1:
                        exchange.cut_after(USER, in_bytes=rng.randrange(1, 200))
                script.burst(rng.randrange(5, 20))
                script.answers(rng.random() * 0.02)
                house.kill(engine)
                script.forget_unanswered()
                under_way += sum(answers_due(exchange) for exchange in house.exchanges.values())
                for exchange in house.exchanges.values():
                    eventually(partial(logged_out, exchange), "the exchange has noticed")
                    exchange.set_order_latency(2_000)
                    exchange.cut_after(USER)
            house.start_engine()
            assert_agreed(house)
            script.assert_ids_kept()
            assert epochs == sorted(set(epochs)) and len(epochs) == 12
            assert under_way > 0
            ends = Counter(OrderState(order.state).name for order in house.orders())
            assert min(ends[name] for name in ("LIVE", "FILLED", "CANCELED", "REPLACED", "LOST")) > 0, ends
            assert script.accepted > 100 and sum(map(abs, house.positions().values())) > 0
            reply = house.client.ask(calls.cancel_all(account=ACCOUNT, agent=AGENTS[0]))
            assert reply.outcome == "accepted"
            for exchange in house.exchanges.values():
                eventually(partial(empty, exchange), "every order is gone")
            assert_agreed(house)
            # Nothing rests that could still be executed: three accounts of the same day.
            told, trades = journal_fold(str(house.config.journal_path()), house.venues)
            assert positions(trades) == exchange_positions(house) == house.positions()
            assert sum(len(exchange.orders(USER)) for exchange in house.exchanges.values()) == len(told)


def logged_out(exchange: Exchange) -> bool:
    return not exchange.logged_in(USER)


def empty(exchange: Exchange) -> bool:
    return not exchange.live_references(USER)


def known(house: House, client_order_id: str) -> m.Order:
    """The order, which must be known to the engine."""
    order = house.order(client_order_id)
    assert order is not None, client_order_id
    return order


def answers_due(exchange: Exchange) -> int:
    """Orders that the exchange has received and not yet answered."""
    asked = sum(message[:1] in (b"O", b"U") for message in exchange.received_messages(USER))
    return asked - sum(message[:1] in (b"A", b"J", b"U") for message in exchange.order_messages(USER))


class Script:
    """Commands of two agents, fired without waiting, so that a kill finds some of them at every stage."""

    def __init__(self, house: House, rng: random.Random) -> None:
        self.house, self.rng = house, rng
        self.number = 0
        self.accepted = 0
        self.order_ids: dict[str, int] = {}
        """Engine order id of every submit that was answered with one."""
        self.prices: dict[str, int] = {}
        """1/10000 dollar, of every submit: a replace goes not far from there, or risk would refuse most of them."""
        self.waiting: dict[int, str] = {}
        self.context = zmq.Context()
        self.socket = self._dealer()

    def _dealer(self) -> zmq.Socket[bytes]:
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.connect(self.house.endpoint("cmd"))
        return socket

    def burst(self, count: int) -> None:
        if not self.socket.poll(30_000, zmq.POLLOUT):
            raise AssertionError("the engine takes no command")
        for _ in range(count):
            self.number += 1
            call = self.command()
            name = str(call.fields.get("client_order_id", "")) if call.op == "submit" else ""
            self.waiting[self.number] = name
            if name:
                self.prices[name] = call.fields["price_e4"]
            self.socket.send(request(self.number, call.op, call.fields))

    def command(self) -> calls.Call[Any]:
        rng = self.rng
        agent, choice = rng.choice(AGENTS), rng.random()
        named = rng.choice(list(self.order_ids)) if self.order_ids else "none"
        if choice < 0.15:
            return calls.cancel(account=ACCOUNT, agent=agent, client_order_id=named)
        if choice < 0.35:
            near_e4 = self.prices.get(named, 1_500_000) + rng.randrange(-50, 51) * 100
            return calls.replace(
                account=ACCOUNT, agent=agent, client_order_id=named, new_client_order_id=f"r-{self.number}",
                quantity=rng.randrange(1, 300), price_e4=near_e4,
            )  # fmt: skip
        side = rng.choice("BS")
        symbol, middle = rng.choice([("AAPL", 15_000), ("MSFT", 4_000), ("IBM", 2_000)])
        away = rng.choice([-30, 5, 50, 100])
        cents = middle - away if side == "B" else middle + away
        return calls.submit(
            account=ACCOUNT, agent=agent, venue=rng.choice(self.house.venues), symbol=symbol, side=side,
            quantity=rng.randrange(1, 200), client_order_id=f"s-{self.number}", price_e4=cents * 100,
            order_type="limit", tif=rng.choice(["day", "day", "ioc"]),
        )  # fmt: skip

    def answers(self, seconds: float) -> None:
        """Take the answers that come within this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.socket.poll(round(left * 1_000)):
            answer = msgspec.msgpack.decode(self.socket.recv())
            name = self.waiting.pop(answer["id"], "")
            if answer["ok"] and answer["outcome"] == "accepted" and name:
                self.accepted += 1
                self.order_ids[name] = answer["order"]["order_id"]

    def close(self) -> None:
        self.socket.close(0)
        self.context.term()

    def forget_unanswered(self) -> None:
        self.answers(0.0)
        self.waiting.clear()
        self.socket.close(0)
        self.socket = self._dealer()

    def assert_ids_kept(self) -> None:
        """Whatever was once accepted is there, under the same id; no client order id is there twice."""
        orders = self.house.orders()
        known = {order.client_order_id: order.order_id for order in orders}
        assert len(known) == len(orders)
        assert {name: known.get(name) for name in self.order_ids} == self.order_ids


class TestExchange:
    """A venue that dies takes only itself along."""

    def test_it_is_told_and_refused(self) -> None:
        limits = WIDE.model_copy(update={"max_feed_silence_ms": 2_000})
        outside = ExchangeConfig(name="omega", preset="velocity", seed=9, messages_per_s=200)
        with House(simulated_venue(), limits=limits, outside=(outside,)) as house:
            omega = house.start_exchange("omega")
            house.start_engine()
            top = house.ask(calls.top("AAPL", "omega")).tops[0]
            price = f"{(top.bid_e4 - 20_000) // 10_000}.00"
            order = house.rest("there", venue="omega", price=price)
            good: Any = dict(venue="omega", price=price, symbol="AAPL", side="B", quantity=10)
            assert house.submit("before", **good).outcome == "accepted"
            house.settled("before", OrderState.LIVE)
            house.kill(omega)
            eventually(lambda: house.venue_state("omega").orders.state in (0, 1), "the session is down")
            refused = house.submit("after", **good)
            assert (refused.outcome, refused.reason) == ("refused", Reason.SESSION_DOWN)

            def stale() -> bool:
                preview = house.ask(
                    calls.preview(
                        account=ACCOUNT, agent=AGENTS[0], venue="omega", symbol="AAPL", side="B", quantity=10,
                        client_order_id="look", price_e4=int(float(price)) * 10_000, order_type="limit",
                    )
                )  # fmt: skip
                return Reason.QUOTE_STALE in [check.reason for check in preview.checks if not check.passed]

            eventually(stale, "the quotes are stale", 30.0)
            cancel = house.cancel("there")
            assert (cancel.outcome, cancel.reason) == ("accepted", 0), "cancels are never refused by risk"
            assert known(house, "there").order_id == order.order_id
            # The other venue is not concerned.
            assert house.is_live("alpha")
            house.rest("elsewhere", price="140.00")
            assert house.order_stats("alpha")["disconnects"] == 0
            # It comes back with another session: the engine is told so at its login and sends nothing into it.
            omega = house.start_exchange("omega")
            eventually(lambda: house.order_stats("omega")["login_rejects"] >= 1, "the old session is refused")
            refused = house.submit("back", **good)
            assert refused.outcome == "refused" and refused.reason in (Reason.SESSION_DOWN, Reason.RECOVERING)
            assert house.engine is not None and alive(house.engine.process.pid)
