"""The configuration file: safe defaults, readable refusals, and a round trip through TOML."""

from __future__ import annotations

import ipaddress
import stat
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from fastpath.config import Config, ConfigError, LimitsConfig, load, new_york_midnight_ns, to_e4


def test_every_default_is_safe() -> None:
    config = Config()
    assert config.mode == "paper"
    assert config.bridge.host == "127.0.0.1"
    assert not config.bridge.allow_remote
    for venue in config.venues:
        assert ipaddress.ip_address(venue.feed.interface).is_loopback
        assert ipaddress.ip_address(venue.feed.group_a).is_multicast
        assert venue.orders is not None
        assert ipaddress.ip_address(venue.orders.host).is_loopback
        assert venue.orders.password == "", "no default secret"
    for agent in config.agents:
        assert not agent.may_short
    single, account, firm = LimitsConfig(), config.accounts[0].limits, config.firm_limits
    for field in (
        "max_order_notional",
        "max_gross_notional",
        "max_loss",
        "max_position",
        "max_order_quantity",
        "orders_per_s",
    ):
        assert getattr(single, field) <= getattr(account, field) <= getattr(firm, field), field


def test_toml_round_trip_is_exact() -> None:
    config = Config(firm_limits=LimitsConfig(max_loss=Decimal("0.0001")))
    again = Config.model_validate(tomllib.loads(config.to_toml()))
    assert again == config
    assert to_e4(again.firm_limits.max_loss) == 1


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fastpath.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mode = 'casino'", "mode: Input should be 'paper' or 'live'"),
        ("moed = 'paper'", "moed: no such setting"),
        ("mode = ", "not valid TOML"),
        ("[engine]\nevent_ring = 3000", "event_ring = 3000 is not a power of two; the next one is 4096"),
        ("[firm_limits]\nmax_loss = 0.1", "firm_limits.max_loss: write dollar amounts as strings"),
        ("[firm_limits]\nmax_loss = '1e5'", "firm_limits.max_loss: must look like"),
        ("[firm_limits]\nmax_loss = '1.23456'", "firm_limits.max_loss: must look like"),
        ("[[accounts]]\nname = 'Desk 1'", "accounts[0].name: must be 1 to 23 of"),
        ("[[accounts]]\nname = 'a'\n[[accounts]]\nname = 'a'", "accounts: the name 'a' is there twice"),
        (
            "[[agents]]\nname = 'x'\naccount = 'nobody'",
            "trades for account 'nobody', which is not configured; known: ['desk']",
        ),
        ("[[agents]]\nname = 'x'\naccount = 'desk'\nvenues = ['nyse']", "names venue 'nyse', which is not configured"),
        ("[[exchanges]]\nname = 'mars'", "exchanges: 'mars' has no venue of that name"),
        ("[[venues]]\nname = 'v'\n[venues.feed]\ngroup_a = '239.1.1.1'\nport_a = 70000", "venues[0].feed.port_a:"),
        ("accounts = []", "accounts:"),
    ],
)
def test_refusals_name_file_key_and_cause(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(path) in str(refused.value)
    assert expected in str(refused.value)


def test_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fastpath config show >"):
        load(tmp_path / "absent.toml")


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="known: tradesphere, velocity"):
        Config().venue("nyse")


def test_order_password_is_random_private_and_stable(tmp_path: Path) -> None:
    config = Config(state_dir=str(tmp_path / "one"))
    venue = config.venues[0]
    first = config.order_password(venue)
    assert config.order_password(venue) == first
    assert len(first) == 10
    path = tmp_path / "one/secrets" / venue.name
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert Config(state_dir=str(tmp_path / "two")).order_password(venue) != first


@pytest.mark.parametrize(
    ("now", "midnight"),
    [
        (datetime(2026, 1, 15, 4, 59, tzinfo=UTC), datetime(2026, 1, 14, 5, tzinfo=UTC)),
        (datetime(2026, 1, 15, 5, 0, tzinfo=UTC), datetime(2026, 1, 15, 5, tzinfo=UTC)),
        (datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 7, 1, 4, tzinfo=UTC)),
        # The day of the spring change begins in winter time.
        (datetime(2026, 3, 8, 18, 0, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)),
    ],
)
def test_new_york_midnight(now: datetime, midnight: datetime) -> None:
    assert new_york_midnight_ns(now) == int(midnight.timestamp()) * 1_000_000_000
