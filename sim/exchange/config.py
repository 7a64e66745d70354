"""What a simulated venue is: its symbols, users, ports, fees, speed. Plain data, validated on construction.

Prices are decimal strings or Decimals at this edge and integers of 1/10000 dollar behind
it. It opens nothing and holds no default user or password.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

#: Who gives way when two orders of one user would meet.
SelfMatch = Literal["allow", "cancel-oldest", "cancel-newest", "decrement"]
SELF_MATCH_CODES: Mapping[str, bytes] = {"allow": b"N", "cancel-oldest": b"O", "cancel-newest": b"W", "decrement": b"D"}


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def price_e4(price: str | Decimal) -> int:
    """Decimal dollars as an integer of 1/10000 dollar. ValueError when it is not exact or not positive."""
    try:
        scaled = Decimal(price) * 10000
    except InvalidOperation:
        raise ValueError(f"price {price!r} is not a decimal number") from None
    exact = scaled.is_finite() and scaled == scaled.to_integral_value() and scaled > 0
    _check(exact, f"price {price!r} must be positive, in 1/10000 dollar")
    return int(scaled)


@dataclass(frozen=True, slots=True)
class SymbolConfig:
    """One instrument. `price` (dollars, decimal string) is where the background flow starts."""

    symbol: str
    price: str
    round_lot: int = 100
    market_category: str = "Q"
    tier: str = "1"

    def __post_init__(self) -> None:
        ok = (
            1 <= len(self.symbol) <= 8
            and self.symbol.isascii()
            and self.symbol.isprintable()
            and " " not in self.symbol
        )
        _check(ok, f"symbol {self.symbol!r} must have 1 to 8 printable ASCII characters")
        price_e4(self.price)
        _check(1 <= self.round_lot <= 1_000_000, f"{self.symbol}: round_lot {self.round_lot} is out of range")
        _check(
            len(self.market_category) == 1 and len(self.tier) == 1,
            f"{self.symbol}: market_category and tier are letters",
        )

    @property
    def price_e4(self) -> int:
        """Start price, 1/10000 dollar."""
        return price_e4(self.price)


@dataclass(frozen=True, slots=True)
class UserConfig:
    """One order port user (and OUCH account). Names have 1 to 6 characters, passwords 1 to 10, without case."""

    username: str
    password: str = field(repr=False)
    firm: str = "FPTH"
    self_match: SelfMatch = "cancel-newest"
    cancel_on_disconnect: bool = False

    def __post_init__(self) -> None:
        for name, text, most in (
            ("username", self.username, 6),
            ("password", self.password, 10),
            ("firm", self.firm, 4),
        ):
            ok = 1 <= len(text) <= most and text.isascii() and text.isprintable() and " " not in text
            _check(ok, f"{name} must have 1 to {most} printable ASCII characters")
        _check(self.self_match in SELF_MATCH_CODES, f"self_match is none of {', '.join(SELF_MATCH_CODES)}")


@dataclass(frozen=True, slots=True)
class FeedLine:
    """Where one feed line goes: a multicast group or a host. `address` "" turns the line off; port 0 = any free one."""

    address: str
    port: int = 0

    def __post_init__(self) -> None:
        if self.address:
            ipaddress.IPv4Address(self.address)
        _check(0 <= self.port <= 65535, f"feed port {self.port} is out of range")


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded ITCH 5.0 day instead of own symbols and flow.

    `speed_e3`: 1000 = as recorded, 10000 = ten times faster, 0 = paced by the venue's
    `messages_per_s` (and when that is 0 too, as fast as it goes).
    """

    path: Path
    speed_e3: int = 1000

    def __post_init__(self) -> None:
        _check(0 <= self.speed_e3 <= 4_000_000_000, f"speed_e3 {self.speed_e3} is out of range")


DEFAULT_SYMBOLS: tuple[SymbolConfig, ...] = (
    SymbolConfig("AAPL", "231.40"),
    SymbolConfig("MSFT", "428.15"),
    SymbolConfig("NVDA", "135.60"),
    SymbolConfig("AMZN", "201.30"),
    SymbolConfig("TSLA", "251.05"),
    SymbolConfig("GOOGL", "176.25"),
    SymbolConfig("META", "563.70"),
    SymbolConfig("AMD", "148.90"),
    SymbolConfig("NFLX", "702.10"),
    SymbolConfig("CSCO", "57.80"),
    SymbolConfig("INTC", "24.35"),
    SymbolConfig("QQQ", "498.20", market_category="G"),
)


@dataclass(frozen=True, slots=True)
class VenueConfig:
    """Everything one venue is started with. Times carry their unit in the name; ports of 0 are chosen at start.

    Fees are told to whoever asks; the simulator charges nothing.
    """

    name: str
    users: tuple[UserConfig, ...]
    symbols: tuple[SymbolConfig, ...] = DEFAULT_SYMBOLS
    #: ten characters at most; "" = made from the date and the name
    session: str = ""
    seed: int = 1
    #: locate of the first symbol; the others follow
    first_locate: int = 1
    #: background flow, messages a second; 0 = a still market (it is primed all the same unless `flow` is off)
    messages_per_s: int = 500
    flow: bool = True
    orders_per_symbol: int = 120
    drift_bps: int = 30
    replay: Replay | None = None
    order_latency_us: int = 0
    taker_fee_e6: int = 0
    maker_rebate_e6: int = 0
    feed_a: FeedLine = FeedLine("239.192.42.1")
    feed_b: FeedLine = FeedLine("239.192.42.2")
    feed_interface: str = "127.0.0.1"
    rerequest_host: str = "127.0.0.1"
    rerequest_port: int = 0
    order_host: str = "127.0.0.1"
    order_port: int = 0
    #: must be set for any address that is not this machine's own
    allow_remote: bool = False
    spin_us: int = 0
    feed_heartbeat_ms: int = 1000
    end_of_session_ms: int = 5000
    rerequests_per_s: int = 5000
    login_timeout_ms: int = 30_000
    idle_timeout_ms: int = 15_000
    slow_consumer_ms: int = 30_000
    out_buffer_bytes: int = 262_144
    feed_store_mb: int = 1024
    user_store_mb: int = 64
    max_orders: int = 200_000
    max_levels: int = 50_000
    max_symbols: int = 1024
    kick_on_duplicate: bool = False
    #: append-only record of all inputs and outputs; None = none
    ledger_path: Path | None = None

    def __post_init__(self) -> None:
        named = 1 <= len(self.name) <= 23 and self.name.isascii()
        _check(named, f"venue name {self.name!r} must have 1 to 23 ASCII characters")
        fits = len(self.session) <= 10 and self.session.isascii() and " " not in self.session
        _check(fits, f"session {self.session!r} has at most 10 characters, none of them a space")
        _check(1 <= len(self.users) <= 64, f"{self.name}: 1 to 64 users are needed, {len(self.users)} given")
        names = [user.username.upper() for user in self.users]
        _check(len(set(names)) == len(names), f"{self.name}: a username is there twice")
        symbols = [symbol.symbol for symbol in self.symbols]
        _check(len(set(symbols)) == len(symbols), f"{self.name}: a symbol is there twice")
        _check(bool(symbols) or self.replay is not None, f"{self.name}: no symbols")
        _check(len(symbols) <= self.max_symbols <= 16384, f"{self.name}: max_symbols must be {len(symbols)} to 16384")
        _check(1 <= self.first_locate <= 65536 - len(symbols), f"{self.name}: first_locate is out of range")
        bounds = {
            "seed": 2**64 - 1,
            "messages_per_s": 10_000_000,
            "order_latency_us": 60_000_000,
            "spin_us": 1_000_000,
            "drift_bps": 5000,
            "rerequests_per_s": 10_000_000,
            "taker_fee_e6": 2**32 - 1,
            "maker_rebate_e6": 2**32 - 1,
            "order_port": 65535,
            "rerequest_port": 65535,
        }
        for key, most in bounds.items():
            _check(
                0 <= getattr(self, key) <= most, f"{self.name}: {key} {getattr(self, key)} is not within 0 to {most}"
            )
        positive = {
            "feed_heartbeat_ms": 60_000,
            "end_of_session_ms": 3_600_000,
            "login_timeout_ms": 3_600_000,
            "idle_timeout_ms": 3_600_000,
            "slow_consumer_ms": 3_600_000,
            "feed_store_mb": 1 << 20,
            "user_store_mb": 1 << 16,
            "max_orders": 1 << 28,
            "max_levels": 1 << 28,
        }
        for key, most in positive.items():
            _check(
                1 <= getattr(self, key) <= most, f"{self.name}: {key} {getattr(self, key)} is not within 1 to {most}"
            )
        _check(8 <= self.orders_per_symbol <= 4096, f"{self.name}: orders_per_symbol is not within 8 to 4096")
        _check(
            1024 <= self.out_buffer_bytes <= 1 << 28, f"{self.name}: out_buffer_bytes is not within 1024 to {1 << 28}"
        )
        for key in ("feed_interface", "rerequest_host", "order_host"):
            self._check_address(key, getattr(self, key))
        for key in ("feed_a", "feed_b"):
            line: FeedLine = getattr(self, key)
            if line.address and not ipaddress.IPv4Address(line.address).is_multicast:
                self._check_address(key, line.address)

    def _check_address(self, key: str, address: str) -> None:
        try:
            parsed = ipaddress.IPv4Address(address)
        except ValueError:
            raise ValueError(f"{self.name}: {key} {address!r} is not an IPv4 address") from None
        local = parsed.is_loopback or self.allow_remote
        _check(local, f"{self.name}: {key} {address} is not this machine's own; set allow_remote to mean it")


#: What tells the two venues of the demo apart: fees against speed.
_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "tradesphere": {
        "seed": 11,
        "first_locate": 1,
        "messages_per_s": 400,
        "order_latency_us": 300,
        "taker_fee_e6": 500,
        "maker_rebate_e6": 200,
        "feed_a": FeedLine("239.192.42.1"),
        "feed_b": FeedLine("239.192.42.2"),
    },
    "velocity": {
        "seed": 12,
        "first_locate": 101,
        "messages_per_s": 600,
        "order_latency_us": 15,
        "taker_fee_e6": 3000,
        "maker_rebate_e6": 2000,
        "feed_a": FeedLine("239.192.42.3"),
        "feed_b": FeedLine("239.192.42.4"),
    },
}


def preset(name: str, users: tuple[UserConfig, ...], **overrides: Any) -> VenueConfig:
    """The venue `tradesphere` (lowest fees, slower) or `velocity` (dearer, fast), with fields overridden.

    ValueError for other names.
    """
    if name not in _PRESETS:
        raise ValueError(f"no preset {name!r}; there are {', '.join(_PRESETS)}")
    return VenueConfig(**{"name": name, "users": users, **_PRESETS[name], **overrides})


def preset_names() -> tuple[str, ...]:
    """Names `preset` knows."""
    return tuple(_PRESETS)


def _venue(table: dict[str, Any], where: str) -> VenueConfig:
    table = dict(table)
    known = {f.name for f in fields(VenueConfig)} | {"preset"}
    unknown = set(table) - known
    _check(not unknown, f"{where}: unknown setting {', '.join(sorted(unknown))}")
    try:
        users = tuple(UserConfig(**user) for user in table.pop("users", ()))
        if "symbols" in table:
            table["symbols"] = tuple(SymbolConfig(**symbol) for symbol in table["symbols"])
        for key in ("feed_a", "feed_b"):
            if key in table:
                table[key] = FeedLine(**table[key])
        if "replay" in table:
            table["replay"] = Replay(**{**table["replay"], "path": Path(table["replay"]["path"])})
        if "ledger_path" in table:
            table["ledger_path"] = Path(table["ledger_path"])
        base = table.pop("preset", None)
        return preset(base, users, **table) if base else VenueConfig(users=users, **table)
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def load_venues(path: Path) -> tuple[VenueConfig, ...]:
    """Read `[[venue]]` tables from a TOML file. It holds passwords, so nobody else may read it.

    ValueError with the place and the reason for anything unknown or out of range, and for a
    file that group or others can read.
    """
    _check(path.stat().st_mode & 0o077 == 0, f"{path} holds passwords: make it readable by its owner only (chmod 600)")
    try:
        data = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    tables = data.pop("venue", [])
    _check(not data, f"{path}: unknown {', '.join(sorted(data))}; venues are [[venue]] tables")
    _check(bool(tables), f"{path}: no [[venue]]")
    return tuple(_venue(table, f"{path}: venue {number}") for number, table in enumerate(tables, 1))
