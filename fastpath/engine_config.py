"""What the core is opened with: dataclasses that mirror the C structures, nothing more.

Units are in the names (`_e4` = 1/10000 dollar, `_ns`, `_ms`, `_us`, `_bps`). A limit
of zero allows nothing. Files, defaults for people and their checks are elsewhere; the
core itself checks what it is given and says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

CARD_LIBRARY = Path(__file__).resolve().parent.parent / "build" / "device" / "card" / "libfpcard.so"
"""Where `python -m sim.device.build` leaves the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """One level of risk limits; firm, account and agent each have one and an order must pass all three."""

    max_order_notional_e4: int = 0
    max_gross_notional_e4: int = 0
    max_net_notional_e4: int = 0
    max_loss_e4: int = 0
    max_position: int = 0
    max_order_quantity: int = 0
    max_open_orders: int = 0
    orders_per_s: int = 0
    order_burst: int = 0
    collar_bps: int = 0
    fat_finger_bps: int = 0
    duplicate_window_ms: int = 0
    max_feed_silence_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfig:
    """An account that orders are placed for. name: at most 23 characters."""

    name: str
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentConfig:
    """Somebody who may trade for one account. Empty `symbols`: every symbol; `venue_mask` bit i: venue i."""

    name: str
    account: int = 0
    may_trade: bool = True
    may_short: bool = False
    venue_mask: int = 0xFF
    symbols: tuple[str, ...] = ()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueConfig:
    """A venue: feed lines A and B, re-request server, order session. An empty address: that part is absent."""

    name: str
    io: str = "socket"
    feed_group: tuple[str, str] = ("", "")
    feed_port: tuple[int, int] = (0, 0)
    feed_interface: str = "127.0.0.1"
    rerequest_host: str = ""
    rerequest_port: int = 0
    order_host: str = ""
    order_port: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    firm: str = ""
    midnight_ns: int = 0
    gap_wait_us: int = 2_000
    gap_retry_ms: int = 100
    gap_attempts: int = 20
    max_orders: int = 262_144
    taker_fee_e6: int = 0
    maker_rebate_e6: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Everything an engine is opened with.

    `run_dir` is made with mode 0700 (its parent must be there). `pub_endpoint` and
    `router_endpoint` of None stand for `engine.pub` and `engine.cmd` inside it; a
    `pub_endpoint` of "" means no bus. `libzmq_path` of None: the library that pyzmq brought.
    `card_library`: the card of venues whose io is "fpga"; None: the one that `make sim-device` leaves.
    `journal_dir` of "": no order side.
    """

    run_dir: str
    venues: tuple[VenueConfig, ...]
    accounts: tuple[AccountConfig, ...] = ()
    agents: tuple[AgentConfig, ...] = ()
    firm_limits: Limits = Limits()
    journal_dir: str = ""
    pub_endpoint: str | None = None
    router_endpoint: str | None = None
    libzmq_path: str | None = None
    card_library: str | None = None
    mode: str = "paper"
    durability: int = 0
    busy_poll: bool = False
    cpu_hot: int = -1
    cpu_bus: int = -1
    spin_us: int = 50
    event_ring: int = 65_536
    exec_ring: int = 8_192
    heartbeat_ms: int = 100
    conflate_ms: int = 50
    history_events: int = 262_144

    @property
    def card(self) -> str:
        """Path of the card's library in effect."""
        return str(CARD_LIBRARY) if self.card_library is None else self.card_library

    @property
    def pub(self) -> str:
        """The PUB endpoint in effect, "" when there is no bus."""
        return f"ipc://{self.run_dir}/engine.pub" if self.pub_endpoint is None else self.pub_endpoint

    @property
    def router(self) -> str:
        """The ROUTER endpoint in effect, "" when there is no bus."""
        if self.router_endpoint is not None:
            return self.router_endpoint
        return f"ipc://{self.run_dir}/engine.cmd" if self.pub else ""

    @property
    def operator(self) -> str:
        """The operator's ROUTER endpoint, which alone takes `release`."""
        return f"ipc://{self.run_dir}/engine.op" if self.pub else ""
