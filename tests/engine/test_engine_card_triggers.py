"""Triggers in the card: the stories of test_engine_triggers hold with io = fpga, the card fires them, and what leaves
for the venue is to the byte what the software path sends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import test_engine_triggers as triggers
from market_feed import wait_until
from test_engine_orders import config_for, exchange, live, simulated_exchange, state_of, submit  # noqa: F401
from test_engine_triggers import arm, armed, disarm, entered, raise_the_ask

from fastpath import calls
from fastpath.client import EngineClient
from fastpath.core import Engine, FeedStats
from fastpath.engine_config import EngineConfig
from fastpath.records import OrderState, Reason
from sim.exchange.control import Exchange

pytestmark = pytest.mark.timeout(600)
STORIES = [
    triggers.test_fires_once_in_the_packet_that_meets_the_condition,
    triggers.test_disarm_against_fire_has_one_winner,
    triggers.test_expiry_kill_and_cancel_end_it_unsent,
    triggers.test_an_armed_order_survives_a_killed_engine,
    triggers.test_a_frozen_engine_never_sends_an_old_order,
]


def on_card(config: EngineConfig, library: str) -> EngineConfig:
    return replace(config, card_library=library, venues=tuple(replace(v, io="fpga") for v in config.venues))


@pytest.fixture
def card_config(card_library: str) -> Callable[..., EngineConfig]:
    def make(venue: Exchange, run_dir: str, **changes: object) -> EngineConfig:
        return on_card(config_for(venue, run_dir, **changes), card_library)

    return make


def feed_of(engine: Engine) -> FeedStats:
    return engine.stats().feed[0]


def in_card(engine: Engine, count: int) -> None:
    wait_until(lambda: feed_of(engine).card_armed == count, f"{count} armed in the card")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.removeprefix("test_"))
def test_the_stories_are_the_same(
    story: Callable[[Exchange, str], None],
    card_config: Callable[..., EngineConfig],
    exchange: Exchange,  # noqa: F811
    run_dir: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triggers, "config_for", card_config)
    story(exchange, run_dir)


def test_the_card_fires_and_the_order_is_filled(
    card_config: Callable[..., EngineConfig],
    exchange: Exchange,  # noqa: F811
    run_dir: str,
) -> None:
    config = card_config(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        assert arm(client, "hard").outcome == "accepted"
        in_card(engine, 1)
        raise_the_ask(exchange)
        wait_until(lambda: state_of(client, "hard") == OrderState.FILLED, "filled")
        in_card(engine, 0)
        wait_for_fires(engine, 1)
        stats = feed_of(engine)
        assert (stats.card_fired, stats.card_refused, stats.card_late, entered(exchange)) == (1, 0, 0, 1)
        assert stats.card_cycles > 0
        # The engine's own orders and the card's share one row of numbers.
        assert submit(client, "soft").outcome == "accepted"
        assert arm(client, "again", trigger_e4=1_006_000).outcome == "accepted"
        in_card(engine, 1)
        exchange.inject("AAPL", "B", 400, "100.50", immediate=True)
        exchange.inject("AAPL", "S", 400, "100.60")
        wait_until(lambda: state_of(client, "again") == OrderState.FILLED, "filled as well")
        numbers = [m[1:5] for m in exchange.received_messages("FPATH") if m[:1] == b"O"]
        assert [int.from_bytes(n, "big") for n in numbers] == [1, 2, 3]


def wait_for_fires(engine: Engine, count: int) -> None:
    wait_until(lambda: feed_of(engine).card_fired == count, "the card's count")


def scenario(client: EngineClient, venue: Exchange, wait_armed: Callable[[int], None]) -> list[bytes]:
    """Buys and a short sale, conditions of both sides, an order of the engine in between; the Enter Orders sent."""
    assert arm(client, "s1", side="B", quantity=7, price_e4=1_010_000).outcome == "accepted"
    wait_armed(1)
    assert submit(client, "s2", quantity=3).outcome == "accepted"
    assert arm(client, "s3", side="S", quantity=9, price_e4=1_020_000).outcome == "accepted"
    wait_armed(2)
    raise_the_ask(venue)
    wait_until(lambda: armed(client) == [], "both fired")
    wait_until(lambda: state_of(client, "s1") == OrderState.FILLED, "the buy is filled")
    assert arm(client, "s4", tif="ioc", condition="bid_at_or_below", trigger_e4=1_005_000).outcome == "accepted"
    wait_armed(1)
    venue.inject("AAPL", "B", 50, "99.97")
    wait_until(lambda: armed(client) == [], "the third fired")
    time.sleep(0.2)
    return [m for m in venue.received_messages("FPATH") if m[:1] == b"O"]


def test_the_bytes_are_those_of_the_software_path(card_library: str, tmp_path: Path) -> None:
    sent: dict[str, list[bytes]] = {}
    for io in ("socket", "fpga"):
        with simulated_exchange() as venue:
            config = config_for(venue, str(tmp_path / io / "run"))
            Path(config.run_dir).parent.mkdir()
            config = on_card(config, card_library) if io == "fpga" else config
            with Engine(config) as engine, EngineClient(config.router) as client:
                live(client)

                def wait_armed(count: int, engine: Engine = engine, io: str = io) -> None:
                    in_card(engine, count if io == "fpga" else 0)

                sent[io] = scenario(client, venue, wait_armed)
                wait_for_fires(engine, 3 if io == "fpga" else 0)
    assert len(sent["fpga"]) == 4
    assert sent["fpga"] == sent["socket"]


def test_more_than_the_card_holds_all_fire_once(
    card_config: Callable[..., EngineConfig],
    exchange: Exchange,  # noqa: F811
    run_dir: str,
) -> None:
    config = card_config(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        names = [f"many-{number:02}" for number in range(24)]
        for number, name in enumerate(names):
            assert arm(client, name, quantity=1 + number).outcome == "accepted"
        in_card(engine, 16)
        # An early one goes: the next in line takes its place, and the order of arming stays the order of firing.
        assert disarm(client, names[3]).outcome == "accepted"
        in_card(engine, 16)
        raise_the_ask(exchange)
        wait_until(lambda: armed(client) == [], "all fired")
        wait_until(lambda: entered(exchange) == 23, "all entered")
        quantities = [int.from_bytes(m[6:10], "big") for m in exchange.received_messages("FPATH") if m[:1] == b"O"]
        assert sorted(quantities) == [n + 1 for n in range(24) if n != 3]
        assert [q for q in quantities if q <= 17] == [n + 1 for n in range(17) if n != 3]
        wait_for_fires(engine, 16)
        assert feed_of(engine).card_late == 0


def test_what_the_card_cannot_carry_is_fired_here(
    card_config: Callable[..., EngineConfig],
    exchange: Exchange,  # noqa: F811
    run_dir: str,
) -> None:
    config = card_config(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        # A market order's price is known only when it fires.
        assert arm(client, "market", order_type="market", price_e4=0).outcome == "accepted"
        time.sleep(0.1)
        assert feed_of(engine).card_armed == 0
        raise_the_ask(exchange)
        wait_until(lambda: state_of(client, "market") == OrderState.FILLED, "filled")
        assert (feed_of(engine).card_fired, entered(exchange)) == (0, 1)


def test_a_kill_switch_empties_the_card(
    card_config: Callable[..., EngineConfig],
    exchange: Exchange,  # noqa: F811
    run_dir: str,
) -> None:
    config = card_config(exchange, run_dir)
    with (
        Engine(config) as engine, EngineClient(config.router) as client, EngineClient(config.operator) as operator,
    ):  # fmt: skip
        live(client)
        assert arm(client, "one").outcome == "accepted"
        in_card(engine, 1)
        assert client.ask(calls.kill(agent="agent", scope="firm", reason_text="drill")).count == 1
        in_card(engine, 0)
        raise_the_ask(exchange)
        time.sleep(0.2)
        assert (state_of(client, "one"), entered(exchange)) == (OrderState.EXPIRED, 0)
        assert arm(client, "two").reason == Reason.KILL_SWITCH
        assert operator.ask(calls.release(operator="me", scope="firm", reason_text="over")).ok
        exchange.inject("AAPL", "S", 10, "100.01")
        assert arm(client, "three").outcome == "accepted"
        in_card(engine, 1)
        exchange.inject("AAPL", "B", 10, "100.01", immediate=True)
        wait_until(lambda: state_of(client, "three") == OrderState.FILLED, "after the release it fires")
        assert entered(exchange) == 1


def test_a_missing_or_foreign_library_is_one_clear_line(run_dir: str, exchange: Exchange) -> None:  # noqa: F811
    plain: Any = config_for(exchange, run_dir)
    for library, text in (
        ("/nowhere/libfpcard.so", "make sim-device"),
        ("libm.so.6", "not a card's library"),
        ("", "engine.card_library"),
    ):
        with pytest.raises(Exception, match=text) as raised:
            Engine(on_card(plain, library))
        assert "\n" not in str(raised.value)
