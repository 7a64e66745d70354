"""A whole paper market in this process: two simulated exchanges and a real engine, reached over the real bus.

For tests and stdio demonstrations. Nothing is imitated: the exchanges speak MoldUDP64 and SoupBinTCP on loopback
ports chosen by the system, and what comes back comes through BusEngine. It leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .bus_engine import BusEngine
from .messages import Request, State, StateAnswer
from .port import AnswerT, NoAnswerError, NotSentError

READY_TIMEOUT_S = 20.0
SESSION_LIVE = 4
VENUES = ("tradesphere", "velocity")

LIMITS = {
    "max_order_notional_e4": 250_000_000,
    "max_gross_notional_e4": 1_000_000_000,
    "max_net_notional_e4": 1_000_000_000,
    "max_loss_e4": 10_000_000,
    "max_position": 1_000,
    "max_order_quantity": 500,
    "max_open_orders": 20,
    "orders_per_s": 10,
    "order_burst": 20,
    "collar_bps": 100,
    "fat_finger_bps": 1_000,
    "duplicate_window_ms": 0,
    "max_feed_silence_ms": 3_000,
}
"""The same at every level: 25,000 dollars and 500 shares an order, 100,000 dollars gross."""


class PaperEngine:
    """An EnginePort that brings its own engine and exchanges.

    `agents`: (agent, account) pairs that may trade; of two with one agent the later counts. `directory` holds
    sockets and journal while it lives; `exchanges` gives tests the venues' own view, by name.
    """

    def __init__(self, agents: Iterable[tuple[str, str]] = (("agent", "desk"),), seed: int = 1) -> None:
        self._agents = list(dict(agents).items())
        self._seed = seed
        self.directory = Path(tempfile.mkdtemp(prefix="fpp"))
        self.exchanges: dict[str, Any] = {}
        self.engine: Any = None
        self._bus: BusEngine | None = None

    @property
    def epoch(self) -> int:
        return self._bus.epoch if self._bus else 0

    async def start(self) -> None:
        """Start exchanges and engine and wait until orders can be sent.

        Raises:
            OSError: they do not come up.
        """
        try:
            await asyncio.to_thread(self._open)
            self._bus = BusEngine(f"ipc://{self.directory}/engine.cmd")
            await self._bus.start()
            await self._until_ready(self._bus)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._bus is not None:
            await self._bus.close()
            self._bus = None
        await asyncio.to_thread(self._close)

    async def ask(self, request: Request, answer: type[AnswerT], timeout_s: float) -> AnswerT:
        if self._bus is None:
            raise NotSentError("the paper engine is closed")
        return await self._bus.ask(request, answer, timeout_s)

    # ---- the market ----

    def _open(self) -> None:
        # Imported here: the bridge proper knows the bus and nothing of these.
        from fastpath.core import Engine  # noqa: PLC0415
        from fastpath.engine_config import AccountConfig, AgentConfig, EngineConfig, Limits, VenueConfig  # noqa: PLC0415
        from sim.exchange import Exchange, FeedLine, UserConfig, preset  # noqa: PLC0415

        limits = Limits(**LIMITS)
        venues = []
        for index, name in enumerate(VENUES):
            password = secrets.token_hex(5)
            lines = {f"feed_{line}": FeedLine(f"239.192.{60 + index}.{number}") for number, line in enumerate("ab", 1)}
            config = preset(name, (UserConfig("FPATH", password),), seed=self._seed + index, feed_store_mb=64, **lines)
            exchange = Exchange(config)
            self.exchanges[name] = exchange
            exchange.start()
            where = exchange.endpoints
            venues.append(
                VenueConfig(
                    name=name,
                    feed_group=where.feed_group,
                    feed_port=where.feed_port,
                    feed_interface=where.feed_interface,
                    rerequest_host=where.rerequest_host,
                    rerequest_port=where.rerequest_port,
                    order_host=where.order_host,
                    order_port=where.order_port,
                    username="FPATH",
                    password=password,
                    firm="FPTH",
                    midnight_ns=where.midnight_ns,
                    taker_fee_e6=where.taker_fee_e6,
                    maker_rebate_e6=where.maker_rebate_e6,
                    max_orders=65_536,
                )
            )
        accounts = list(dict.fromkeys(account for _, account in self._agents))
        journal = self.directory / "journal"
        journal.mkdir(mode=0o700)
        self.engine = Engine(
            EngineConfig(
                run_dir=str(self.directory),
                journal_dir=str(journal),
                venues=tuple(venues),
                accounts=tuple(AccountConfig(name=name, limits=limits) for name in accounts),
                agents=tuple(
                    AgentConfig(name=agent, account=accounts.index(account), may_short=True, limits=limits)
                    for agent, account in self._agents
                ),
                firm_limits=limits,
                history_events=65_536,
            )
        )
        self.engine.start()

    async def _until_ready(self, bus: BusEngine) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + READY_TIMEOUT_S
        while loop.time() < until:
            with contextlib.suppress(NotSentError, NoAnswerError):
                state = await bus.ask(State(), StateAnswer, 1.0)
                found = [venue for venue in state.venues if venue.orders.state == SESSION_LIVE]
                heard = [venue for venue in found if not venue.feed.stale]
                if len(heard) == len(VENUES) and not state.recovering:
                    return
            await asyncio.sleep(0.02)
        raise OSError(f"the paper engine was not ready within {READY_TIMEOUT_S:.0f} s")

    def _close(self) -> None:
        if self.engine is not None:
            self.engine.close()
            self.engine = None
        for exchange in self.exchanges.values():
            exchange.stop()
        self.exchanges.clear()
        shutil.rmtree(self.directory, ignore_errors=True)
