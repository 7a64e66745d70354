"""A venue's configuration, the file it may come from, opening errors and the command."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import exchange_wire as wire
import pytest

from sim.exchange import Exchange, ExchangeError, FeedLine, SymbolConfig, UserConfig, VenueConfig, load_venues, preset
from sim.exchange.control import new_york_midnight_ns

ROOT = Path(__file__).resolve().parents[2]
FILE = """
[[venue]]
preset = "tradesphere"
seed = 5
users = [{ username = "agent", password = "pw" }]

[[venue]]
name = "other"
order_latency_us = 20
feed_a = { address = "239.192.44.1", port = 30001 }
symbols = [{ symbol = "AAPL", price = "231.40" }]
[[venue.users]]
username = "agent"
password = "pw"
self_match = "decrement"
"""


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_presets_differ_in_fees_and_speed() -> None:
    cheap, fast = (preset(name, (wire.ALICE,)) for name in ("tradesphere", "velocity"))
    assert cheap.taker_fee_e6 < fast.taker_fee_e6 and cheap.order_latency_us > fast.order_latency_us
    assert len({cheap.feed_a, cheap.feed_b, fast.feed_a, fast.feed_b}) == 4
    assert len(cheap.symbols) >= 10 and cheap.symbols[0].price_e4 == 2_314_000
    with pytest.raises(ValueError, match="no preset"):
        preset("nowhere", (wire.ALICE,))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"users": ()}, "1 to 64 users"),
        ({"users": (wire.ALICE, UserConfig("ALICE", "x"))}, "twice"),
        ({"symbols": (SymbolConfig("A", "1"), SymbolConfig("A", "2"))}, "twice"),
        ({"symbols": ()}, "no symbols"),
        ({"order_host": "0.0.0.0"}, "allow_remote"),
        ({"rerequest_host": "example"}, "not an IPv4 address"),
        ({"feed_a": FeedLine("10.1.2.3")}, "allow_remote"),
        ({"messages_per_s": -1}, "messages_per_s"),
        ({"seed": 2**64}, "seed"),
        ({"idle_timeout_ms": 0}, "idle_timeout_ms"),
        ({"orders_per_symbol": 1}, "orders_per_symbol"),
        ({"session": "elevenchars"}, "session"),
        ({"name": ""}, "name"),
        ({"first_locate": 65535}, "first_locate"),
    ],
)
def test_venue_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wire.still_venue(**fields)


@pytest.mark.parametrize("price", ["0", "-1", "1.00001", "ten", "NaN", "Infinity"])
def test_prices_are_exact(price: str) -> None:
    with pytest.raises(ValueError, match="price"):
        SymbolConfig("A", price)


@pytest.mark.parametrize(
    ("username", "password"), [("", "x"), ("toolong", "x"), ("ok", ""), ("ok", "elevenchars"), ("a b", "x")]
)
def test_users_fit_the_protocol(username: str, password: str) -> None:
    with pytest.raises(ValueError, match="must have 1 to"):
        UserConfig(username, password)


def test_passwords_are_not_printed() -> None:
    assert "secret" not in repr(wire.still_venue())


def test_venues_from_a_file(tmp_path: Path) -> None:
    first, second = load_venues(private(tmp_path / "v.toml", FILE))
    assert (first.name, first.seed, first.taker_fee_e6) == ("tradesphere", 5, 500)
    assert second.feed_a == FeedLine("239.192.44.1", 30001) and second.users[0].self_match == "decrement"
    assert second.symbols == (SymbolConfig("AAPL", "231.40"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\[\\[venue\\]\\]"),
        ("x = 1\n" + FILE, "unknown x"),
        ("[[venue]]\nname = 'a'\nspeeed = 1\n", "venue 1: unknown setting speeed"),
        ("[[venue]]\npreset = 'a'\n", "venue 1: no preset"),
        ("[[venue]]\nname = 'a'\nusers = [{ username = 'a' }]\n", "venue 1: .*password"),
        ("[[venue", "v.toml"),
    ],
)
def test_bad_files_are_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_venues(private(tmp_path / "v.toml", text))


def test_a_file_others_can_read_is_refused(tmp_path: Path) -> None:
    path = private(tmp_path / "v.toml", FILE)
    path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        load_venues(path)


def test_new_york_midnight() -> None:
    # summer and winter, just before and after midnight there
    for utc, want in (
        (datetime(2025, 7, 1, 3, 59, tzinfo=UTC), datetime(2025, 6, 30, 4, tzinfo=UTC)),
        (datetime(2025, 7, 1, 4, 0, tzinfo=UTC), datetime(2025, 7, 1, 4, tzinfo=UTC)),
        (datetime(2025, 1, 2, 12, 0, tzinfo=UTC), datetime(2025, 1, 2, 5, tzinfo=UTC)),
        (datetime(2025, 11, 2, 12, 0, tzinfo=UTC), datetime(2025, 11, 2, 4, tzinfo=UTC)),  # the clocks went back at 2
    ):
        assert new_york_midnight_ns(utc) == int(want.timestamp()) * 10**9


def test_taken_ports_are_named() -> None:
    with Exchange(wire.still_venue()) as venue:
        with pytest.raises(ExchangeError, match=r"order ports on 127\.0\.0\.1.*in use"):
            Exchange(wire.still_venue(order_port=venue.order_address[1]))
        with pytest.raises(ExchangeError, match=r"re-request server.*in use"):
            Exchange(wire.still_venue(rerequest_port=venue.rerequest_address[1]))


def test_commands_that_cannot_be() -> None:
    with Exchange(wire.still_venue()) as venue:
        for call in (
            lambda: venue.halt("NOSUCH"),
            lambda: venue.depth("NOSUCH"),
            lambda: venue.orders("nobody"),
            lambda: venue.disconnect("alice"),
            lambda: venue.withdraw(999),
            lambda: venue.inject("ONE", "B", 0, "1.00"),
            venue.start,
        ):
            with pytest.raises(ExchangeError):
                call()
        venue.end_of_session()
        for call in (venue.end_of_session, lambda: venue.halt("ONE"), lambda: venue.inject("ONE", "B", 1, "1.00")):
            with pytest.raises(ExchangeError, match="not now"):
                call()
    venue.stop()
    assert venue.stats()["venue_ended"] == 1 and len(venue.feed_messages()) == 10
    with pytest.raises(ConnectionRefusedError), wire.SoupClient(venue.order_address):
        pass


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sim.exchange", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_runs_until_interrupted() -> None:
    with command("--venue", "velocity", "--json", "--rate", "100") as process:
        try:
            assert process.stdout is not None
            (venue,) = json.loads(process.stdout.readline())
            (user,) = venue["users"]
            assert len(user["password"]) == 10
            with wire.SoupClient((venue["order_host"], venue["order_port"])) as client:
                assert client.login(user["username"], user["password"]) is not None
                client.messages(1)
                process.send_signal(signal.SIGTERM)
                assert client.rest()[-1][0] == b"Z"
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_the_command_runs_a_file_and_explains_errors(tmp_path: Path) -> None:
    path = private(tmp_path / "v.toml", FILE)
    with command("--config", str(path), "--duration", "0.3", "--status", "0.1") as process:
        out, _ = process.communicate(timeout=60)
    assert (
        process.returncode == 0 and "tradesphere: session" in out and "other: session" in out and "ITCH messages" in out
    )
    path.chmod(0o644)
    with command("--config", str(path)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and "chmod 600" in err
    with command("--order-port", "5", "--venue", "velocity", "--venue", "tradesphere") as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "one venue" in err


def test_sessions_of_two_runs_differ_from_the_configured_one() -> None:
    config = wire.still_venue(session="")
    venue = Exchange(config)
    assert 1 <= len(venue.session) <= 10 and venue.endpoints.session == venue.session
    assert isinstance(config, VenueConfig)
    with socket.socket() as probe:  # bound but not started: connections wait, nothing answers
        probe.settimeout(5)
        probe.connect(venue.order_address)
