"""The one configuration: a TOML file checked against these models, every default safe.

Safe means: loopback only, paper mode, small limits, no secret that opens anything
but the simulators on this machine. Nothing here opens a socket or a file but the TOML.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import tomli_w
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from fastpath.engine_config import CARD_LIBRARY

# The section [bridge] has its one definition where it is used; this file only composes.
from mcp_bridge.settings import BridgeSettings

NEW_YORK = ZoneInfo("America/New_York")


class ConfigError(Exception):
    """A configuration that cannot be used; the text names the file, the key, and what would be right."""


def _dollars_to_e4(text: object) -> Decimal:
    # Floats are refused: 0.1 in TOML is already not a tenth.
    if isinstance(text, Decimal):
        text = str(text)
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise ValueError('write dollar amounts as strings, for example "250.00"')
    if isinstance(text, str) and not re.fullmatch(r"\d{1,14}(\.\d{1,4})?", text):
        raise ValueError('must look like "250" or "250.0000" (at most four decimals)')
    return Decimal(text)


Dollars = Annotated[Decimal, BeforeValidator(_dollars_to_e4)]
Port = Annotated[int, Field(ge=0, le=65535)]


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,22}", text):
        raise ValueError("must be 1 to 23 of a-z 0-9 _ -, beginning with a letter")
    return text


Name = Annotated[str, AfterValidator(_name)]


def to_e4(amount: Decimal) -> int:
    """Dollars to integer 1/10000 dollars, exactly; the models admit no more than four decimals."""
    return int(amount * 10_000)


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsConfig(Model):
    """Risk limits of one level. An order must pass the firm's, the account's and the agent's."""

    max_order_notional: Dollars = Field(Decimal("25000"), description="dollars, one order")
    max_gross_notional: Dollars = Field(Decimal("100000"), description="dollars, positions plus open orders")
    max_net_notional: Dollars = Field(Decimal("100000"), description="dollars, longs minus shorts")
    max_loss: Dollars = Field(
        Decimal("1000"), description="dollars of realised loss that stop new orders until released"
    )
    max_position: int = Field(1_000, ge=0, le=2**62, description="shares a symbol, open orders on that side included")
    max_order_quantity: int = Field(500, ge=0, le=999_999, description="shares, one order")
    max_open_orders: int = Field(20, ge=0, le=2**31, description="orders")
    orders_per_s: int = Field(10, ge=0, le=2**31, description="enters and replaces a second; cancels are never refused")
    order_burst: int = Field(20, ge=0, le=2**31, description="orders that may come at once")
    collar_bps: int = Field(100, ge=0, le=10_000, description="basis points through the far side of the book")
    fat_finger_bps: int = Field(
        1_000, ge=0, le=100_000, description="basis points away from the last trade; before one, from the nearer quote"
    )
    duplicate_window_ms: int = Field(
        500, ge=0, le=3_600_000, description="milliseconds in which the same content from an agent is refused; 0 = off"
    )
    max_feed_silence_ms: int = Field(
        3_000, ge=1, le=3_600_000, description="milliseconds without any packet after which a quote is stale"
    )


FIRM_LIMITS = LimitsConfig(
    max_order_notional=Decimal("100000"),
    max_gross_notional=Decimal("1000000"),
    max_net_notional=Decimal("1000000"),
    max_loss=Decimal("10000"),
    max_position=10_000,
    max_order_quantity=5_000,
    max_open_orders=200,
    orders_per_s=200,
    order_burst=200,
    duplicate_window_ms=0,
)
ACCOUNT_LIMITS = LimitsConfig(
    max_order_notional=Decimal("50000"),
    max_gross_notional=Decimal("250000"),
    max_net_notional=Decimal("250000"),
    max_loss=Decimal("2500"),
    max_position=2_000,
    max_order_quantity=1_000,
    max_open_orders=50,
    orders_per_s=50,
    order_burst=50,
    duplicate_window_ms=0,
)


class AccountConfig(Model):
    name: Name
    limits: LimitsConfig = ACCOUNT_LIMITS


class AgentConfig(Model):
    name: Name
    account: Name
    may_trade: bool = True
    may_short: bool = False
    venues: list[Name] = Field(default=[], description="venues it may use; empty = all")
    symbols: list[str] = Field(default=[], max_length=64, description="symbols it may trade; empty = all")
    limits: LimitsConfig = LimitsConfig()


class FeedConfig(Model):
    """MoldUDP64 lines A and B and the re-request server."""

    group_a: str = Field(description="IPv4 multicast group, or a unicast address of this machine")
    port_a: Port
    group_b: str = Field("", description="empty = no second line")
    port_b: Port = 0
    interface: str = Field("127.0.0.1", description="IPv4 address of the interface that joins the groups")
    rerequest_host: str = Field("127.0.0.1", description="empty = gaps cannot be repaired")
    rerequest_port: Port = 0
    gap_wait_us: int = Field(
        2_000, ge=0, le=10_000_000, description="how long a hole may stay open before it is asked for"
    )
    gap_retry_ms: int = Field(100, ge=1, le=60_000)
    gap_attempts: int = Field(20, ge=0, le=10_000, description="unanswered requests before messages are declared lost")


class OrderEntryConfig(Model):
    """OUCH 5.0 over SoupBinTCP."""

    host: str = "127.0.0.1"
    port: Port
    username: str = Field(min_length=1, max_length=6)
    password: str = Field(
        "", max_length=10, description="empty = the random one in <state dir>/secrets, made on first use"
    )
    firm: str = Field("FPTH", max_length=4)


class VenueConfig(Model):
    name: Name
    title: str = ""
    io: Literal["socket", "fpga"] = Field(
        "socket",
        description="socket: decoded and kept in software; fpga: by the card, which also fires triggers",
    )
    feed: FeedConfig
    orders: OrderEntryConfig | None = Field(None, description="absent = market data only")
    taker_fee: str = Field("0.0030", pattern=r"^\d+(\.\d{1,6})?$", description="dollars a share; told to clients")
    maker_rebate: str = Field("0.0020", pattern=r"^\d+(\.\d{1,6})?$", description="dollars a share; told to clients")
    max_orders: int = Field(262_144, ge=1_024, le=2**30, description="live orders of the feed's book at once")


class EngineSettings(Model):
    run_dir: str = Field("", description="sockets and locks; empty = $XDG_RUNTIME_DIR/fastpath or /tmp/fastpath-<uid>")
    journal_dir: str = Field("", description="empty = <state dir>/journal/<day in New York>")
    durability: Literal["crash", "sync"] = Field(
        "crash",
        description="crash: survives the death of the process; sync: each order is on the disk before it is sent",
    )
    busy_poll: bool = Field(False, description="true: the hot thread never sleeps and wants a core of its own")
    spin_us: int = Field(50, ge=0, le=1_000_000, description="how long the hot thread looks for work before it sleeps")
    cpu_hot: int = Field(-1, ge=-1, le=1_023, description="core of the hot thread, -1 = not pinned")
    cpu_bus: int = Field(-1, ge=-1, le=1_023, description="core of the bus thread, -1 = not pinned")
    heartbeat_ms: int = Field(100, ge=10, le=60_000)
    conflate_ms: int = Field(
        50, ge=1, le=60_000, description="shortest time between two top-of-book frames of a symbol"
    )
    event_ring: int = Field(65_536, ge=1_024, le=2**24, description="slots, a power of two")
    exec_ring: int = Field(8_192, ge=256, le=2**20, description="slots, a power of two")
    card_library: str = Field("", description="of venues with io = fpga; empty = the one that `make sim-device` leaves")
    history_events: int = Field(
        262_144, ge=1_024, le=2**26, description="event records kept for replay, a power of two"
    )

    @model_validator(mode="after")
    def _powers_of_two(self) -> Self:
        for field in ("event_ring", "exec_ring", "history_events"):
            value = getattr(self, field)
            if value & (value - 1):
                raise ValueError(f"{field} = {value} is not a power of two; the next one is {1 << value.bit_length()}")
        return self


class ExchangeConfig(Model):
    """A simulated venue that `fastpath exchange NAME` runs; its ports are the venue's of the same name."""

    name: Name
    preset: Literal["tradesphere", "velocity"] = "tradesphere"
    seed: int = Field(1, ge=0, le=2**63 - 1)
    messages_per_s: int = Field(2_000, ge=0, le=1_000_000, description="background flow")
    replay_file: str = Field("", description="a real ITCH 5.0 file to replay instead of the background flow")
    replay_speed: float = Field(1.0, ge=0, description="1 = as it happened, 0 = as fast as possible")


def _simulated_venue(name: str, title: str, base_port: int, octet: int, taker: str, maker: str) -> VenueConfig:
    return VenueConfig(
        name=name,
        title=title,
        taker_fee=taker,
        maker_rebate=maker,
        feed=FeedConfig(
            group_a=f"239.192.{octet}.1",
            port_a=base_port,
            group_b=f"239.192.{octet}.2",
            port_b=base_port + 1,
            rerequest_port=base_port + 2,
        ),
        orders=OrderEntryConfig(port=base_port + 3, username="FPATH"),
    )


DEFAULT_VENUES = [
    _simulated_venue("tradesphere", "Tradesphere: lowest fees, slower", 26_400, 42, "0.0008", "0.0004"),
    _simulated_venue("velocity", "Velocity: fast, dearer", 26_410, 43, "0.0030", "0.0020"),
]


class Config(Model):
    """Everything a Fastpath installation is told; see `fastpath config show`."""

    mode: Literal["paper", "live"] = Field("paper", description="live is only ever set by hand, in the file")
    state_dir: str = Field(
        "", description="journal, keys, audit; empty = $XDG_STATE_HOME/fastpath or ~/.local/state/fastpath"
    )
    engine: EngineSettings = EngineSettings()
    bridge: BridgeSettings = BridgeSettings()
    firm_limits: LimitsConfig = FIRM_LIMITS
    accounts: list[AccountConfig] = Field(default=[AccountConfig(name="desk")], min_length=1, max_length=64)
    agents: list[AgentConfig] = Field(default=[AgentConfig(name="agent", account="desk")], max_length=256)
    venues: list[VenueConfig] = Field(default=DEFAULT_VENUES, min_length=1, max_length=8)
    exchanges: list[ExchangeConfig] = Field(
        default=[
            ExchangeConfig(name="tradesphere", preset="tradesphere", seed=1),
            ExchangeConfig(name="velocity", preset="velocity", seed=2),
        ],
        max_length=8,
    )

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for what in ("accounts", "agents", "venues", "exchanges"):
            names = [item.name for item in getattr(self, what)]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{what}: the name '{name}' is there twice")
        accounts = {a.name for a in self.accounts}
        venues = {v.name for v in self.venues}
        for agent in self.agents:
            if agent.account not in accounts:
                raise ValueError(
                    f"agents: '{agent.name}' trades for account '{agent.account}', which is not configured; "
                    f"known: {sorted(accounts)}"
                )
            for venue in agent.venues:
                if venue not in venues:
                    raise ValueError(
                        f"agents: '{agent.name}' names venue '{venue}', which is not configured; "
                        f"known: {sorted(venues)}"
                    )
        for exchange in self.exchanges:
            if exchange.name not in venues:
                raise ValueError(
                    f"exchanges: '{exchange.name}' has no venue of that name to take its ports from; "
                    f"known: {sorted(venues)}"
                )
        return self

    # ---- places ----

    def state_path(self) -> Path:
        if self.state_dir:
            return Path(self.state_dir).expanduser()
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
        return Path(base) / "fastpath"

    def run_path(self) -> Path:
        if self.engine.run_dir:
            return Path(self.engine.run_dir).expanduser()
        base = os.environ.get("XDG_RUNTIME_DIR")
        return Path(base) / "fastpath" if base else Path(tempfile.gettempdir()) / f"fastpath-{os.getuid()}"

    def journal_path(self) -> Path:
        """The journal's directory: one a trading day, since a venue's session and its numbers last a day."""
        if self.engine.journal_dir:
            return Path(self.engine.journal_dir).expanduser()
        return self.state_path() / "journal" / f"{datetime.now(NEW_YORK):%Y-%m-%d}"

    def order_password(self, venue: VenueConfig) -> str:
        """The venue's password: the configured one, or a random one kept in a file that only we can read.

        There is no default secret: engine and simulator on this machine share the file.
        """
        if venue.orders is None:
            raise ConfigError(f"venue '{venue.name}' has no order entry")
        if venue.orders.password:
            return venue.orders.password
        directory = self.state_path() / "secrets"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / venue.name
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(5))
        except FileExistsError:
            pass
        return path.read_text().strip()

    def with_io(self, io: Literal["socket", "fpga"] | None) -> Config:
        """The same with every venue's io changed; None changes nothing."""
        if io is None:
            return self
        return self.model_copy(update={"venues": [venue.model_copy(update={"io": io}) for venue in self.venues]})

    def card_path(self) -> Path:
        """The card's library that venues with io = fpga use."""
        return Path(self.engine.card_library).expanduser() if self.engine.card_library else CARD_LIBRARY

    def uses_card(self) -> bool:
        """Whether any venue's feed goes through the card."""
        return any(venue.io == "fpga" for venue in self.venues)

    def venue(self, name: str) -> VenueConfig:
        """The venue of that name; ConfigError with the known names otherwise."""
        for venue in self.venues:
            if venue.name == name:
                return venue
        raise ConfigError(f"no venue '{name}' is configured; known: {', '.join(v.name for v in self.venues)}")

    def exchange(self, name: str) -> ExchangeConfig:
        """The simulated exchange of that name; ConfigError with the known names otherwise."""
        for exchange in self.exchanges:
            if exchange.name == name:
                return exchange
        raise ConfigError(f"no exchange '{name}' is configured; known: {', '.join(e.name for e in self.exchanges)}")

    def to_toml(self) -> str:
        """The effective configuration; reading it back gives an equal one."""
        return tomli_w.dumps(_plain(self.model_dump(exclude_none=True)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Decimal) else value


def load(path: Path | None) -> Config:
    """Read a TOML file, or the defaults when path is None and $FASTPATH_CONFIG is unset.

    Raises:
        ConfigError: one line for each thing that is wrong, with its key.
    """
    if path is None:
        named = os.environ.get("FASTPATH_CONFIG")
        if not named:
            return Config()
        path = Path(named)
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: no such file; `fastpath config show > {path}` writes one with every default"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_readable(path, item) for item in error.errors())) from error


def _readable(path: Path, item: Any) -> str:
    key = ""
    for part in item["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "no such setting; `fastpath config show` lists every one"
    given = f" (given: {item['input']!r})" if item["type"] not in ("extra_forbidden", "missing", "value_error") else ""
    return f"{path}: {key or 'file'}: {message}{given}"


def new_york_midnight_ns(now: datetime | None = None) -> int:
    """UTC ns of today's New York midnight, from which ITCH and OUCH timestamps count."""
    local = (now or datetime.now(UTC)).astimezone(NEW_YORK)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) * 1_000_000_000
