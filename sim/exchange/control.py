"""Python's handle on one simulated venue: start, stop, command, ask.

All work is done by the venue's own native thread; calls here take its lock for a moment
and release the GIL. Nothing in this module runs per message.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from sim.exchange._native import ffi, lib
from sim.exchange.audit import OrderRecord, TradeRecord, fold, split_blocks
from sim.exchange.config import SELF_MATCH_CODES, VenueConfig, price_e4

NEVER = 2**64 - 1
_ERROR_TEXT_BYTES = 256
_FETCH_BYTES = 1 << 20
_MAX_DEPTH = 4096
_NEW_YORK = ZoneInfo("America/New_York")
_FORMS = {0: "", 1: "binaryfile", 2: "zero-prefix", 3: "bare"}


class ExchangeError(RuntimeError):
    """A venue could not be opened or a command was refused. `code` is the negative fp_error."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class LineFaults:
    """Faults of one feed line, drawn packet by packet from `seed`; chances are per mille, 1000 = always."""

    drop_per_mille: int = 0
    duplicate_per_mille: int = 0
    reorder_per_mille: int = 0
    delay_per_mille: int = 0
    delay_us: int = 0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Level:
    """Displayed shares and orders at one price (1/10000 dollar)."""

    price_e4: int
    shares: int
    orders: int


@dataclass(frozen=True, slots=True)
class Depth:
    """Displayed book of a symbol, best levels first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a started venue is reached, in the words of the engine's venue configuration."""

    name: str
    session: str
    feed_group: tuple[str, str]
    feed_port: tuple[int, int]
    feed_interface: str
    rerequest_host: str
    rerequest_port: int
    order_host: str
    order_port: int
    midnight_ns: int
    taker_fee_e6: int
    maker_rebate_e6: int


def new_york_midnight_ns(now: datetime | None = None) -> int:
    """UTC ns of the last New York midnight at or before `now` (aware; default: the present)."""
    local = (now or datetime.now(UTC)).astimezone(_NEW_YORK)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return int(midnight.timestamp()) * 1_000_000_000


def _padded(text: str, width: int) -> bytes:
    return text.encode("ascii").ljust(width)


def _counters(struct: Any) -> dict[str, int]:
    return {name: int(getattr(struct, name)) for name, _ in ffi.typeof(struct).fields}


class Exchange:
    """One venue. Use it as a context manager, plain or async; both start and stop the native thread.

    >>> async with Exchange(config) as venue:
    ...     venue.order_address, venue.rerequest_address, venue.feed_addresses

    Ports are bound when the object is made, so addresses are known before `start`.
    Every method may be called from any thread. ExchangeError when opening fails.
    """

    def __init__(self, config: VenueConfig, *, midnight_ns: int | None = None) -> None:
        self.config = config
        self.midnight_ns = new_york_midnight_ns() if midnight_ns is None else midnight_ns
        self.session = config.session or self._session_name()
        self._users = {user.username.upper(): index for index, user in enumerate(config.users)}
        text = ffi.new("char[]", _ERROR_TEXT_BYTES)
        out = ffi.new("struct fp_exchange **")
        native, keep = self._native_config()
        code = lib.fp_exchange_open(native, out, text)
        del keep
        if code < 0:
            raise ExchangeError(f"{config.name}: {ffi.string(text).decode(errors='replace')}", code)
        self._handle: Any = ffi.gc(out[0], lib.fp_exchange_close)

    def _session_name(self) -> str:
        day = datetime.fromtimestamp(self.midnight_ns // 1_000_000_000, _NEW_YORK)
        # seconds of the start tell two runs of one day apart: a client must not take one for the other
        second = int(time.time()) % 86400
        return f"{self.config.name[:1].upper()}{day:%j}{second:05d}"

    def _native_config(self) -> tuple[Any, list[Any]]:
        c = self.config
        symbols = ffi.new("struct fp_match_symbol[]", max(len(c.symbols), 1))
        for index, symbol in enumerate(c.symbols):
            row = symbols[index]
            row.symbol = _padded(symbol.symbol, 8)
            row.round_lot, row.start_price_e4, row.locate = symbol.round_lot, symbol.price_e4, c.first_locate + index
            row.market_category, row.tier = symbol.market_category.encode(), symbol.tier.encode()
        users = ffi.new("struct fp_exchange_user[]", len(c.users))
        for index, user in enumerate(c.users):
            users[index].username, users[index].password = user.username.encode(), user.password.encode()
            users[index].firm = _padded(user.firm, 4)
            users[index].self_match = SELF_MATCH_CODES[user.self_match]
            users[index].cancel_on_disconnect = user.cancel_on_disconnect
        header = ffi.new("char[]", self._ledger_header().encode())
        native = ffi.new("struct fp_exchange_config *")
        native.session = _padded(self.session, 10)
        native.feed_interface = c.feed_interface.encode()
        native.feed_group = [c.feed_a.address.encode(), c.feed_b.address.encode()]
        native.feed_port = [c.feed_a.port, c.feed_b.port]
        for key in (
            "rerequest_port",
            "order_port",
            "order_latency_us",
            "spin_us",
            "feed_heartbeat_ms",
            "end_of_session_ms",
            "rerequests_per_s",
            "login_timeout_ms",
            "idle_timeout_ms",
            "slow_consumer_ms",
            "out_buffer_bytes",
            "max_orders",
            "max_levels",
            "max_symbols",
            "kick_on_duplicate",
            "messages_per_s",
        ):
            setattr(native, key, getattr(c, key))
        native.rerequest_host, native.order_host = c.rerequest_host.encode(), c.order_host.encode()
        native.midnight_ns = self.midnight_ns
        native.feed_store_bytes, native.user_store_bytes = c.feed_store_mb << 20, c.user_store_mb << 20
        native.flow_on = c.flow and c.replay is None
        native.flow = {"seed": c.seed, "orders_per_symbol": c.orders_per_symbol, "drift_bps": c.drift_bps}
        if c.replay is not None:
            native.replay_path, native.replay_speed_e3 = str(c.replay.path).encode(), c.replay.speed_e3
        native.ledger_path = str(c.ledger_path).encode() if c.ledger_path else b""
        native.ledger_header = header
        native.symbols, native.symbol_count = symbols, len(c.symbols)
        native.users, native.user_count = users, len(c.users)
        return native, [symbols, users, header]

    def _ledger_header(self) -> str:
        """What is needed to apply the ledger's inputs again; no passwords."""
        c = self.config
        return json.dumps(
            {
                "venue": c.name,
                "session": self.session,
                "midnight_ns": self.midnight_ns,
                "first_locate": c.first_locate,
                "replay": c.replay is not None,
                "symbols": [] if c.replay is not None else [asdict(symbol) for symbol in c.symbols],
                "accounts": [{"firm": user.firm, "self_match": user.self_match} for user in c.users],
                "max_orders": c.max_orders,
                "max_levels": c.max_levels,
                "max_symbols": c.max_symbols,
            }
        )

    # ---- life ----

    def start(self) -> None:
        """Open the day and let the thread run. Once only."""
        self._done(lib.fp_exchange_start(self._handle), "start")

    def stop(self) -> None:
        """End the thread and close every socket without a word; questions are still answered. Safe to repeat."""
        lib.fp_exchange_stop(self._handle)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def end_of_session(self) -> None:
        """Close the market (orders are cancelled) and send End of Session to ports and feed.

        ExchangeError when it has ended before.
        """
        self._done(lib.fp_exchange_end(self._handle), "end_of_session")

    # ---- addresses ----

    @property
    def order_address(self) -> tuple[str, int]:
        """SoupBinTCP server."""
        return self.config.order_host, lib.fp_exchange_order_port(self._handle)

    @property
    def rerequest_address(self) -> tuple[str, int]:
        """MoldUDP64 re-request server."""
        return self.config.rerequest_host, lib.fp_exchange_rerequest_port(self._handle)

    @property
    def feed_addresses(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Group (or host) and port of lines A and B; ("", 0) for a line that is off."""
        a, b = self.config.feed_a.address, self.config.feed_b.address
        return (a, lib.fp_exchange_feed_port(self._handle, 0)), (b, lib.fp_exchange_feed_port(self._handle, 1))

    @property
    def endpoints(self) -> Endpoints:
        """All of it in one record."""
        (group_a, port_a), (group_b, port_b) = self.feed_addresses
        c = self.config
        return Endpoints(
            c.name,
            self.session,
            (group_a, group_b),
            (port_a, port_b),
            c.feed_interface,
            *self.rerequest_address,
            *self.order_address,
            self.midnight_ns,
            c.taker_fee_e6,
            c.maker_rebate_e6,
        )

    # ---- commands ----

    def halt(self, symbol: str, reason: str = "T1", state: Literal["H", "P", "Q"] = "H") -> None:
        """Stop trading in a symbol: new orders and replaces are rejected, cancels work.

        ExchangeError for an unknown symbol.
        """
        self._trading(symbol, state, reason)

    def resume(self, symbol: str) -> None:
        """Trade a symbol again (without an auction)."""
        self._trading(symbol, "T", "")

    def _trading(self, symbol: str, state: str, reason: str) -> None:
        code = lib.fp_exchange_trading(self._handle, _padded(symbol, 8), state.encode(), _padded(reason, 4))
        self._done(code, f"trading state of {symbol}")

    def set_line_faults(self, line: Literal["A", "B"], faults: LineFaults | None) -> None:
        """Switch faults of a feed line on; None = off."""
        native = ffi.new("struct fp_line_faults *", asdict(faults) if faults else {})
        self._done(lib.fp_exchange_faults(self._handle, "AB".index(line), native), f"faults of line {line}")

    def set_rerequest_faults(self, drop_per_mille: int, seed: int = 1) -> None:
        """Leave so many of 1,000 re-requests unanswered."""
        self._done(lib.fp_exchange_rerequest_faults(self._handle, drop_per_mille, seed), "re-request faults")

    def cut_after(self, user: str | None = None, *, in_bytes: int | None = None, out_bytes: int | None = None) -> None:
        """Cut an order connection after so many more bytes from (in) or to (out) the client; None = never.

        Of a user: its live connection, or its next one from the login on; user None: the
        next connection accepted, from its first byte on. With out_bytes=0 on a live
        connection the next answer (or heartbeat) is lost while what was received counts.
        """
        index = -1 if user is None else self._user(user)
        limits = [NEVER if count is None else count for count in (in_bytes, out_bytes)]
        self._done(lib.fp_exchange_cut(self._handle, index, *limits), "cut_after")

    def disconnect(self, user: str) -> None:
        """Close a user's connection now. ExchangeError when it has none."""
        self._done(lib.fp_exchange_drop(self._handle, self._user(user)), f"disconnect {user}")

    def set_rate(self, messages_per_s: int) -> None:
        """Change the background flow's rate; 0 holds it."""
        self._done(lib.fp_exchange_rate(self._handle, messages_per_s), "rate")

    def set_order_latency(self, order_latency_us: int) -> None:
        """Change the time between an order's last byte and its matching; orders never overtake each other."""
        self._done(lib.fp_exchange_latency(self._handle, order_latency_us), "latency")

    def inject(
        self,
        symbol: str,
        side: Literal["B", "S"],
        shares: int,
        price: str | Decimal,
        *,
        immediate: bool = False,
        attribution: str = "",
    ) -> int:
        """Enter one background order by hand. Returns its reference while it rests, 0 when nothing of it does."""
        native = self._record(lib.FP_MATCH_ADD, symbol)
        native.code, native.shares, native.price_e4 = side.encode(), shares, price_e4(price)
        native.time_in_force = b"3" if immediate else b"0"
        native.attribution = _padded(attribution, 4) if attribution else b"\0\0\0\0"
        rested = ffi.new("uint64_t *")
        self._done(lib.fp_exchange_inject(self._handle, native, rested), f"inject into {symbol}")
        return int(rested[0])

    def withdraw(self, reference: int, shares: int = 0) -> None:
        """Take shares off a background order; 0 = all. ExchangeError when it is not live."""
        native = ffi.new("struct fp_match_input *", {"kind": lib.FP_MATCH_CANCEL, "ref": reference, "shares": shares})
        self._done(lib.fp_exchange_inject(self._handle, native, ffi.NULL), f"withdraw {reference}")

    def _record(self, kind: int, symbol: str) -> Any:
        names = [s.symbol for s in self.config.symbols]
        if symbol not in names:
            raise ExchangeError(f"{self.config.name} has no symbol {symbol}", -12)
        return ffi.new(
            "struct fp_match_input *", {"kind": kind, "locate": self.config.first_locate + names.index(symbol)}
        )

    # ---- questions ----

    def stats(self) -> dict[str, int]:
        """Every counter by name: those of matching as they are called there, the others
        with `feed_`, `line_a_`, `line_b_`, `port_` or `venue_` before the name.
        """
        venue, match = ffi.new("struct fp_exchange_stats *"), ffi.new("struct fp_match_stats *")
        feed, ports = ffi.new("struct fp_feed_stats *"), ffi.new("struct fp_ports_stats *")
        lines = ffi.new("struct fp_line_stats[2]")
        lib.fp_exchange_stats(self._handle, venue, match, feed, ports, lines)
        out = _counters(match[0])
        for prefix, struct in (
            ("venue_", venue[0]),
            ("feed_", feed[0]),
            ("port_", ports[0]),
            ("line_a_", lines[0]),
            ("line_b_", lines[1]),
        ):
            out.update({prefix + name: value for name, value in _counters(struct).items()})
        return out

    @property
    def replay_form(self) -> str:
        """Form of the replayed file: "binaryfile", "zero-prefix", "bare", or "" without a replay."""
        return _FORMS[self.stats()["venue_replay_form"]]

    def depth(self, symbol: str, levels: int = 10) -> Depth:
        """Displayed book of a symbol. ExchangeError when it is unknown."""
        sides = []
        out = ffi.new("struct fp_match_level[]", _MAX_DEPTH)
        for side in (b"B", b"S"):
            count = lib.fp_exchange_depth(self._handle, _padded(symbol, 8), side, out, min(levels, _MAX_DEPTH))
            self._done(count, f"depth of {symbol}")
            sides.append(tuple(Level(out[i].price_e4, out[i].shares, out[i].orders) for i in range(count)))
        return Depth(sides[0], sides[1])

    def feed_messages(self, first_sequence: int = 1) -> list[bytes]:
        """Every ITCH message published from a sequence on."""
        return self._messages(-1, b"O", first_sequence)

    def order_messages(self, user: str, first_sequence: int = 1) -> list[bytes]:
        """Every OUCH message of the user's sequenced stream, sent or waiting."""
        return self._messages(self._user(user), b"O", first_sequence)

    def received_messages(self, user: str, first: int = 1) -> list[bytes]:
        """Every OUCH message received from the user, resends included."""
        return self._messages(self._user(user), b"I", first)

    def _messages(self, user: int, stream: bytes, sequence: int) -> list[bytes]:
        buffer, count = ffi.new("uint8_t[]", _FETCH_BYTES), ffi.new("uint64_t *")
        found: list[bytes] = []
        while True:
            used = lib.fp_exchange_messages(
                self._handle, user, stream, sequence + len(found), buffer, _FETCH_BYTES, count
            )
            self._done(used, "messages")
            if used == 0:
                return found
            found += split_blocks(bytes(ffi.buffer(buffer, used)))

    def orders(self, user: str) -> list[OrderRecord]:
        """Every order the exchange has answered for, in order, with its present state."""
        return fold(self.order_messages(user))[0]

    def executions(self, user: str) -> list[TradeRecord]:
        """Every execution told to the user, in order."""
        return fold(self.order_messages(user))[1]

    def live_references(self, user: str) -> list[int]:
        """Order reference numbers of the user's orders that rest in the books now, oldest first."""
        room = 1 << 16
        out = ffi.new("uint64_t[]", room)
        count = lib.fp_exchange_live_orders(self._handle, self._user(user), out, room)
        return [int(out[i]) for i in range(min(count, room))]

    def logged_in(self, user: str) -> bool:
        """Does the user have a live connection?"""
        return bool(lib.fp_exchange_logged_in(self._handle, self._user(user)) == 1)

    async def until(self, condition: Callable[[Exchange], bool], timeout_s: float = 10.0) -> None:
        """Wait until a condition on this venue holds. TimeoutError after `timeout_s`."""
        async with asyncio.timeout(timeout_s):
            # the condition looks at native memory: nobody could set an Event
            while not condition(self):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    # ---- inside ----

    def _user(self, name: str) -> int:
        try:
            return self._users[name.upper()]
        except KeyError:
            raise ExchangeError(f"{self.config.name} has no user {name}", -12) from None

    def _done(self, code: int, what: str) -> None:
        if code < 0:
            reasons = {
                -5: "value out of range",
                -7: "no room",
                -9: "system call failed",
                -11: "not now",
                -12: "not found",
            }
            raise ExchangeError(f"{self.config.name}: {what}: {reasons.get(code, f'error {code}')}", code)
