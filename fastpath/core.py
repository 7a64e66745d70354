"""The engine from Python: open, start, ask, command, stop.

The engine's threads are C's own and never take the interpreter's lock; Python only
starts them and reads what they show. Records travel over the bus (`subscriber`), not
through here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import Any, Self

import numpy as np

from fastpath._core import ffi as _ffi
from fastpath._core import lib as _lib

from .engine_config import EngineConfig, Limits
from .libzmq import find_libzmq
from .records import EXEC_DTYPE, Error

ERROR_TEXT_MAX = 256


class EngineError(Exception):
    """The core refused or failed. `code` is one of `records.Error`; the text names cause and remedy."""

    def __init__(self, code: int, text: str) -> None:
        try:
            name = Error(code).name
        except ValueError:
            name = str(code)
        super().__init__(f"{text} [{name}]" if text else name)
        self.code = code


def version() -> str:
    """The core's version."""
    return str(_ffi.string(_lib.fp_version()).decode())


# ---- statistics ----


@dataclass(frozen=True, slots=True)
class Latency:
    """A distribution of durations in ns, from histograms that read at most 1.6 % high."""

    count: int
    min_ns: int
    max_ns: int
    mean_ns: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    p999_ns: int


@dataclass(frozen=True, slots=True)
class FeedStats:
    """A venue's feed; counts since start, `next_sequence` and times as they are."""

    packets: tuple[int, ...]
    bytes: tuple[int, ...]
    messages: int
    duplicates: int
    heartbeats: int
    end_of_session: int
    gaps_opened: int
    gaps_filled: int
    gaps_lost: int
    messages_lost: int
    messages_recovered: int
    rerequests: int
    drop_kernel: int
    bad_truncated: int
    bad_oversized: int
    bad_length: int
    bad_session: int
    bad_count: int
    far_ahead: int
    unknown_type: int
    wrong_length: int
    unknown_ref: int
    duplicate_ref: int
    bad_shares: int
    unknown_locate: int
    bad_side: int
    table_full: int
    crossed: int
    next_sequence: int
    last_rx_ns: int
    line_last_rx_ns: tuple[int, ...]
    card_cycles: int
    card_armed: int
    card_fired: int
    card_refused: int
    card_late: int
    gap_open: int
    stale: int
    session_state: int
    session: str


@dataclass(frozen=True, slots=True)
class OrderStats:
    """A venue's order session; counts since start, `next_urn`, `open_orders` and states as they are."""

    connects: int
    logins: int
    login_rejects: int
    disconnects: int
    end_of_session: int
    bytes_in: int
    bytes_out: int
    sequenced_in: int
    unsequenced_out: int
    heartbeats_in: int
    heartbeats_out: int
    soup_bad_length: int
    soup_unknown_type: int
    ouch_unknown_type: int
    ouch_bad_length: int
    ouch_unknown_urn: int
    anomalies: int
    enters: int
    replaces: int
    cancels: int
    mass_cancels: int
    accepted: int
    rejected: int
    fills: int
    canceled: int
    replaced: int
    broken: int
    late_fills: int
    denied: int
    in_doubt: int
    lost: int
    unjournaled: int
    next_sequence: int
    next_urn: int
    open_orders: int
    session_state: int
    session: str


@dataclass(frozen=True, slots=True)
class EngineStats:
    """The whole engine; counts since start. `feed`, `order` and `order_to_ack` are by venue."""

    start_ns: int
    now_ns: int
    epoch: int
    recovering: int
    kill_firm: int
    kill_venues: int
    loops: int
    sleeps: int
    events: int
    execs: int
    ring_full_events: int
    ring_full_execs: int
    bus_frames: int
    bus_bytes: int
    bus_send_errors: int
    bus_commands: int
    bus_bad_requests: int
    bus_replays: int
    orders_forgotten: int
    orders_unlisted: int
    positions_unlisted: int
    journal_records: int
    journal_bytes: int
    journal_segments: int
    journal_begin_ns: int
    wire_to_event: Latency
    event_to_bus: Latency
    decision: Latency
    order_to_ack: tuple[Latency, ...]
    feed: tuple[FeedStats, ...]
    order: tuple[OrderStats, ...]


def _read(kind: type[Any], data: Any) -> Any:
    """A C structure's members into the dataclass of the same member names."""
    values: list[Any] = []
    for field in dataclasses.fields(kind):
        value = getattr(data, field.name)
        if field.type == "str":
            value = _ffi.string(value).decode("ascii", "replace").strip()
        elif field.type == "tuple[int, ...]":
            value = tuple(value)
        values.append(value)
    return kind(*values)


# ---- commands ----


class CommandKind(IntEnum):
    """What a command asks for."""

    PREVIEW = 1
    SUBMIT = 2
    REPLACE = 3
    CANCEL = 4
    CANCEL_ALL = 5
    KILL = 6
    RELEASE = 7
    PREVIEW_REPLACE = 8
    ARM = 16
    DISARM = 17
    PREVIEW_TRIGGER = 18


class Outcome(IntEnum):
    """What became of a command."""

    REFUSED = 0
    ACCEPTED = 1
    REPLAYED = 2
    UNKNOWN = 3


class KillScope(IntEnum):
    """How far a kill switch reaches."""

    FIRM = 0
    VENUE = 1
    ACCOUNT = 2
    AGENT = 3
    SYMBOL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command for the in-process door; indices are those of the configuration.

    `quantity` in shares (replace: total wanted, executions included), `price_e4` 0 for a market
    order, `side` "B", "S" or "" (cancel_all: both), `tif` "0" day or "3" IOC, `symbol` "" = every
    symbol (cancel_all), `venue` 0xFF = all venues (cancel_all, kill).
    """

    kind: CommandKind
    account: int = 0
    agent: int = 0
    venue: int = 0xFF
    symbol: str = ""
    side: str = ""
    quantity: int = 0
    price_e4: int = 0
    market: bool = False
    tif: str = "0"
    client_order_id: str = ""
    new_client_order_id: str = ""
    order_id: int = 0
    max_quote_age_ms: int = 0
    kill_scope: KillScope = KillScope.FIRM
    reason_text: str = ""
    expire_ns: int = 0
    trigger_e4: int = 0
    condition: int = 0
    deadline_ns: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """One risk check of a reply, with its figures in the check's own unit."""

    reason: int
    passed: bool
    observed: int
    limit: int
    unit: int
    level: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command. `order` is one record of `records.EXEC_DTYPE`; its state is 0 when there is none."""

    outcome: Outcome
    reason: int
    engine_ns: int
    effective_price_e4: int
    count: int
    bid_e4: int
    bid_shares: int
    ask_e4: int
    ask_shares: int
    quote_venue_ns: int
    quote_rx_ns: int
    order: np.void
    checks: tuple[Check, ...]


def _padded(text: str, width: int) -> bytes:
    raw = text.encode("ascii")
    if len(raw) > width:
        raise ValueError(f"{text!r} is longer than {width} characters")
    return raw.ljust(width)


def _set_text(target: Any, text: str, what: str) -> None:
    raw = text.encode()
    if len(raw) >= len(target):
        raise EngineError(Error.BAD_CONFIG, f"{what} {text!r} is longer than {len(target) - 1} bytes")
    _ffi.memmove(target, raw, len(raw))


def _set_limits(target: Any, limits: Limits) -> None:
    for field in dataclasses.fields(limits):
        value = getattr(limits, field.name)
        try:
            setattr(target, field.name, value)
        except OverflowError as error:
            raise EngineError(Error.BAD_CONFIG, f"limit {field.name} = {value} is out of range") from error


_VENUE_NUMBERS = (
    "rerequest_port", "order_port", "midnight_ns", "gap_wait_us", "gap_retry_ms", "gap_attempts", "max_orders",
    "taker_fee_e6", "maker_rebate_e6",
)  # fmt: skip
_VENUE_TEXTS = ("name", "io", "feed_interface", "rerequest_host", "order_host", "username", "password")
_ENGINE_NUMBERS = (
    "durability", "busy_poll", "cpu_hot", "cpu_bus", "spin_us", "event_ring", "exec_ring", "heartbeat_ms",
    "conflate_ms", "history_events",
)  # fmt: skip


_COMMAND_NUMBERS = (
    "order_id", "quantity", "price_e4", "max_quote_age_ms", "account", "agent", "venue", "expire_ns", "trigger_e4",
    "condition", "deadline_ns",
)  # fmt: skip


def _c_config(config: EngineConfig) -> Any:
    for what, count, most in (
        ("venues", len(config.venues), 8),
        ("accounts", len(config.accounts), 64),
        ("agents", len(config.agents), 256),
    ):
        if count > most:
            raise EngineError(Error.BAD_CONFIG, f"at most {most} {what}, not {count}")
    c = _ffi.new("struct fp_engine_config *")
    texts = {
        "run_dir": config.run_dir,
        "journal_dir": config.journal_dir,
        "pub_endpoint": config.pub,
        "router_endpoint": config.router,
        "mode": config.mode,
    }
    if any(venue.io == "fpga" for venue in config.venues):
        texts["card_library"] = config.card
    if config.pub:
        texts["libzmq_path"] = find_libzmq() if config.libzmq_path is None else config.libzmq_path
    for name, text in texts.items():
        _set_text(getattr(c, name), text, name)
    for name in _ENGINE_NUMBERS:
        setattr(c, name, int(getattr(config, name)))
    _set_limits(c.firm_limits, config.firm_limits)
    c.venue_count, c.account_count, c.agent_count = len(config.venues), len(config.accounts), len(config.agents)
    for target, venue in zip(c.venues, config.venues, strict=False):
        for name in _VENUE_TEXTS:
            _set_text(getattr(target, name), getattr(venue, name), f"venue {venue.name}: {name}")
        for name in _VENUE_NUMBERS:
            setattr(target, name, getattr(venue, name))
        for line in range(2):
            _set_text(target.feed_group[line], venue.feed_group[line], f"venue {venue.name}: feed_group")
            target.feed_port[line] = venue.feed_port[line]
        _ffi.memmove(target.firm, _padded(venue.firm, 4), 4)
    for target, account in zip(c.accounts, config.accounts, strict=False):
        _set_text(target.name, account.name, "account")
        _set_limits(target.limits, account.limits)
    for target, agent in zip(c.agents, config.agents, strict=False):
        _set_text(target.name, agent.name, "agent")
        _set_limits(target.limits, agent.limits)
        target.account, target.may_trade, target.may_short = agent.account, agent.may_trade, agent.may_short
        target.venue_mask, target.symbol_count = agent.venue_mask, len(agent.symbols)
        if len(agent.symbols) > len(target.symbols):
            raise EngineError(Error.BAD_CONFIG, f"agent {agent.name}: at most {len(target.symbols)} symbols")
        for i, symbol in enumerate(agent.symbols):
            _ffi.memmove(target.symbols[i], _padded(symbol, 8), 8)
    return c


# ---- the engine ----


class Engine:
    """One engine in this process. Opening it takes sockets, memory and the journal; starting it, threads.

    As a context manager it is started on entry and closed on exit. Not thread-safe, but the
    core's threads run on their own whatever Python does.

    Raises:
        EngineError: it cannot be opened; the text names cause and remedy.
    """

    def __init__(self, config: EngineConfig) -> None:
        self.config = config
        self._handle: Any = None
        try:
            c_config = _c_config(config)
        except (ValueError, OverflowError, FileNotFoundError) as error:
            raise EngineError(Error.BAD_CONFIG, str(error)) from error
        out = _ffi.new("struct fp_engine **")
        text = _ffi.new("char[]", ERROR_TEXT_MAX)
        failed = _lib.fp_engine_open(out, c_config, text)
        if failed:
            raise EngineError(failed, _ffi.string(text).decode("utf-8", "replace"))
        self._handle = out[0]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _open_handle(self) -> Any:
        if self._handle is None:
            raise EngineError(Error.BAD_STATE, "the engine is closed")
        return self._handle

    def start(self) -> None:
        """Start the threads. An engine runs once: after stop() open a new one."""
        failed = _lib.fp_engine_start(self._open_handle())
        if failed:
            raise EngineError(
                failed, "the engine cannot be started again" if failed == Error.BAD_STATE else "no threads"
            )

    def stop(self) -> None:
        """Log out of the venues and join the threads. Open orders stay at the venue. Idempotent."""
        _lib.fp_engine_stop(self._open_handle())

    def close(self) -> None:
        """Stop and release everything. Idempotent."""
        if self._handle is not None:
            _lib.fp_engine_close(self._handle)
            self._handle = None

    def stats(self) -> EngineStats:
        """Counters, latencies and levels; at most some 10 ms old."""
        s = _ffi.new("struct fp_engine_stats *")
        _lib.fp_engine_stats(self._open_handle(), s)
        values: dict[str, Any] = {}
        count = len(self.config.venues)
        for field in dataclasses.fields(EngineStats):
            member = getattr(s, field.name)
            if field.type == "Latency":
                values[field.name] = _read(Latency, member)
            elif field.name in ("order_to_ack", "feed", "order"):
                kind = {"order_to_ack": Latency, "feed": FeedStats, "order": OrderStats}[field.name]
                values[field.name] = tuple(_read(kind, member[i]) for i in range(count))
            else:
                values[field.name] = member
        return EngineStats(**values)

    def check_health(self) -> None:
        """Return while every thread runs and the journal can be written.

        Raises:
            EngineError: what is wrong.
        """
        text = _ffi.new("char[]", ERROR_TEXT_MAX)
        failed = _lib.fp_engine_health(self._open_handle(), text)
        if failed:
            raise EngineError(failed, _ffi.string(text).decode("utf-8", "replace"))

    def command(self, command: Command, timeout_ms: int = 1_000) -> Reply:
        """Give one command by the in-process door. `Outcome.UNKNOWN`: no answer in time; ask for the order's status.

        Raises:
            EngineError: the engine does not run, or too many commands wait.
            ValueError: a text too long, or not ASCII.
        """
        c = _ffi.new("struct fp_command *")
        for name in _COMMAND_NUMBERS:
            setattr(c, name, getattr(command, name))
        c.kind, c.kill_scope, c.order_type = int(command.kind), int(command.kill_scope), int(command.market)
        c.side = command.side.encode("ascii") or b"\0"
        c.tif = command.tif.encode("ascii")
        if command.symbol:
            _ffi.memmove(c.symbol, _padded(command.symbol, 8), 8)
        for name in ("client_order_id", "new_client_order_id", "reason_text"):
            _set_text(getattr(c, name), getattr(command, name), name)
        r = _ffi.new("struct fp_reply *")
        failed = _lib.fp_engine_command(self._open_handle(), c, r, timeout_ms)
        if failed:
            raise EngineError(
                failed, "the engine does not run" if failed == Error.BAD_STATE else "too many commands wait"
            )
        checks = tuple(
            Check(k.reason, bool(k.passed), k.observed, k.limit, k.unit, k.level) for k in r.checks[0 : r.check_count]
        )
        order = np.frombuffer(bytes(_ffi.buffer(_ffi.addressof(r, "order"))), EXEC_DTYPE)[0]
        return Reply(
            Outcome(r.outcome), r.reason, r.engine_ns, r.effective_price_e4, r.count, r.bid_e4, r.bid_shares,
            r.ask_e4, r.ask_shares, r.quote_venue_ns, r.quote_rx_ns, order, checks,
        )  # fmt: skip
