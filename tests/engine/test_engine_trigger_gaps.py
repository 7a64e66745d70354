"""Triggers and what a feed or a session leaves out, the same with and without a card: history that fills a gap meets
nothing, its end is looked at once, an outage of the order session ends nothing, numbers given twice are sent once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from market_feed import Feed, add, deleted, directory, trading, wait_until
from test_engine_orders import config_for, live, simulated_exchange, state_of
from test_engine_triggers import arm, armed, entered

from fastpath.client import EngineClient
from fastpath.core import Engine
from fastpath.records import OrderState
from sim.exchange.control import Exchange

pytestmark = pytest.mark.timeout(300)
OPENING = [
    directory(1, "AAPL"), trading(1, "AAPL"),
    add(1, 1, "B", 500, "AAPL", 999_000), add(1, 2, "S", 300, "AAPL", 1_001_000),
]  # fmt: skip
STOP = {"quantity": 10, "price_e4": 1_003_000, "condition": "ask_at_or_above", "trigger_e4": 1_002_000}


@pytest.fixture(params=["socket", "fpga"])
def library(request: pytest.FixtureRequest) -> str:
    """The card's library, or nothing: the software alone."""
    return str(request.getfixturevalue("card_library")) if request.param == "fpga" else ""


class Rig:
    """An engine that reads a feed made here and sends its orders to the simulated exchange."""

    def __init__(self, feed: Feed, venue: Exchange, engine: Engine, client: EngineClient, on_card: bool) -> None:
        self.feed, self.venue, self.engine, self.client, self.on_card = feed, venue, engine, client, on_card

    def arm(self, number: str, **changes: object) -> None:
        """Arm STOP, changed, on a feed that speaks."""
        self.feed.heartbeat()
        reply = arm(self.client, number, **{**STOP, **changes})
        assert (reply.outcome, reply.reason) == ("accepted", 0)

    def wait_armed(self, count: int) -> None:
        """Until the engine, or the card for it, watches that many."""
        if self.on_card:
            wait_until(lambda: self.engine.stats().feed[0].card_armed == count, f"{count} armed in the card")
        assert len(armed(self.client)) == count

    def fill_a_gap(self, lost: list[bytes]) -> None:
        """Messages that neither line brings; the next one opens the gap, and the re-request fills it."""
        before = self.engine.stats().feed[0].gaps_filled
        self.feed.send(lost, lines="")
        self.feed.send([add(1, 99, "B", 1, "AAPL", 990_000)])
        wait_until(lambda: self.engine.stats().feed[0].gaps_filled == before + 1, "the gap is filled")


@contextmanager
def rig(directory_: str, library: str) -> Iterator[Rig]:
    feed = Feed()
    try:
        with simulated_exchange() as venue:
            config = config_for(venue, directory_)
            own = feed.venue()
            watched = replace(
                config.venues[0], feed_group=own.feed_group, feed_port=own.feed_port, rerequest_host=own.rerequest_host,
                rerequest_port=own.rerequest_port, io="fpga" if library else "socket",
            )  # fmt: skip
            config = replace(config, venues=(watched,), card_library=library)
            with Engine(config) as engine, EngineClient(config.router) as client:
                feed.send(OPENING)
                live(client)
                yield Rig(feed, venue, engine, client, bool(library))
    finally:
        feed.close()


def test_what_fills_a_gap_is_the_past(library: str, run_dir: str) -> None:
    with rig(run_dir, library) as r:
        r.arm("x")
        r.wait_armed(1)
        r.fill_a_gap([deleted(1, 2), add(1, 4, "S", 300, "AAPL", 1_003_000), add(1, 5, "S", 300, "AAPL", 1_001_000)])
        r.wait_armed(1)  # and it is watched again
        assert (state_of(r.client, "x"), entered(r.venue)) == (OrderState.ARMED, 0)
        r.feed.send([deleted(1, 5), add(1, 6, "S", 300, "AAPL", 1_004_000)])
        wait_until(lambda: entered(r.venue) == 1, "it fires afterwards")


def test_what_holds_when_a_gap_closes_fires(library: str, run_dir: str) -> None:
    with rig(run_dir, library) as r:
        r.arm("met")
        r.arm("held", trigger_e4=1_000_000, quantity=11)
        r.wait_armed(2)
        r.fill_a_gap([deleted(1, 2), add(1, 4, "S", 300, "AAPL", 1_003_000)])
        wait_until(lambda: entered(r.venue) == 2, "both are sent")
        assert armed(r.client) == []


def test_two_that_one_packet_meets_are_both_sent(library: str, run_dir: str) -> None:
    """A market order is watched by the software, a limit order by the card: each would take the next number."""
    with rig(run_dir, library) as r:
        r.arm("market", price_e4=0, order_type="market")
        r.arm("limit", price_e4=1_006_000, trigger_e4=1_005_000)
        if r.on_card:
            wait_until(lambda: r.engine.stats().feed[0].card_armed == 1, "the limit order is in the card")
        asks = [add(1, 3, "S", 100, "AAPL", 1_003_000), add(1, 4, "S", 100, "AAPL", 1_005_000)]
        r.feed.send([*asks, deleted(1, 2), deleted(1, 3)])
        wait_until(lambda: entered(r.venue) == 2, "both are sent")
        numbers = [int.from_bytes(m[1:5], "big") for m in r.venue.received_messages("FPATH") if m[:1] == b"O"]
        assert numbers == [1, 2]
        states = {state_of(r.client, name) for name in ("market", "limit")}
        assert states.isdisjoint({OrderState.EXPIRED, OrderState.ARMED})


def test_a_session_that_comes_back_finds_its_triggers(library: str, run_dir: str) -> None:
    """Met while the order session is gone, and still met when it is there again: sent then, once."""
    with rig(run_dir, library) as r:
        r.arm("x")
        r.wait_armed(1)
        r.venue.disconnect("FPATH")
        wait_until(lambda: r.engine.stats().order[0].disconnects > 0, "the session is gone")
        r.feed.send([deleted(1, 2), add(1, 4, "S", 300, "AAPL", 1_003_000)])
        wait_until(lambda: entered(r.venue) == 1, "it is sent when the session is back")
        assert armed(r.client) == []
