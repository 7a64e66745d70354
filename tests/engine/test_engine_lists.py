"""What an engine's lists hold, and since when its journal knows orders: over the bus, with a real engine."""

from __future__ import annotations

from pathlib import Path

from test_engine_orders import config_for, exchange, live, submit  # noqa: F401
from test_engine_triggers import arm

from fastpath import calls
from fastpath.client import EngineClient
from fastpath.core import Engine
from sim.exchange.control import Exchange


def test_refused_orders_take_no_place_in_the_lists(exchange: Exchange, run_dir: str) -> None:  # noqa: F811
    config = config_for(exchange, run_dir)
    with Engine(config) as engine, EngineClient(config.router) as client:
        live(client)
        for number in range(5):
            assert submit(client, f"no-{number}", quantity=1_000_000).outcome == "refused"
        assert arm(client, "yes").outcome == "accepted"
        orders = client.ask(calls.orders("desk", only_open=False))
        assert ([row.client_order_id for row in orders.orders], orders.complete) == (["yes"], True)
        triggers = client.ask(calls.triggers("desk"))
        assert ([row.order.client_order_id for row in triggers.triggers], triggers.complete) == (["yes"], True)
        assert client.ask(calls.snapshot("exec.desk")).complete is True
        assert client.ask(calls.state()).orders_unlisted == 0
        stats = client.ask(calls.stats()).stats
        assert (stats["orders_forgotten"], stats["orders_unlisted"], stats["positions_unlisted"]) == (0, 0, 0)
        assert engine.stats().orders_unlisted == 0


def test_a_journal_tells_since_when_it_knows_orders(exchange: Exchange, run_dir: str, tmp_path: Path) -> None:  # noqa: F811
    begun = []
    for journal in ("first", "first", "second"):
        config = config_for(exchange, run_dir, journal_dir=str(tmp_path / journal))
        with Engine(config) as engine, EngineClient(config.router) as client:
            hello = client.ask(calls.hello())
            assert engine.stats().journal_begin_ns == hello.journal_begin_ns
            assert 0 < hello.journal_begin_ns <= hello.start_ns
            begun.append((hello.journal_begin_ns, hello.start_ns))
    first, again, second = begun
    # The same journal began when its first record was written; the first run tells the moment before.
    assert first[0] <= again[0] <= first[1]
    assert second[0] > again[1]
