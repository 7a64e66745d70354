"""Nasdaq's own Python client (nasdaq-protocols) against the simulator.

It logs in, trades, is cut, logs in again and gets the same again.
"""

from __future__ import annotations

import asyncio

import exchange_wire as wire
import pytest
from nasdaq_protocols import soup

from sim.exchange import Exchange


class Account:
    """A logged-in client that keeps what it receives."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.closed = asyncio.Event()
        self.session: soup.SoupClientSession

    async def on_message(self, message: soup.SoupMessage) -> None:
        if isinstance(message, soup.SequencedData):
            self.messages.append(message.data)

    async def on_close(self) -> None:
        self.closed.set()

    async def login(self, venue: Exchange, sequence: int = 1, user: str = "alice", password: str = "secret") -> Account:
        self.session = await soup.connect_async(
            venue.order_address,
            user,
            password,
            sequence=sequence,
            on_msg_coro=self.on_message,
            on_close_coro=self.on_close,
            client_heartbeat_interval=1,
            server_heartbeat_interval=5,
        )
        return self

    async def expect(self, count: int) -> list[bytes]:
        async with asyncio.timeout(10):
            while len(self.messages) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.messages


async def trade_cut_and_return() -> None:
    async with Exchange(wire.still_venue()) as venue:
        venue.inject("ONE", "S", 100, "10.00")
        first = await Account().login(venue)
        for message in (
            wire.enter(1, "B", 150, client_id="one"),
            wire.replace(1, 2, 400, 99_900, client_id="two"),
            wire.cancel(2, 200),
            wire.enter(3, "B", 10, "NOSUCH", client_id="three"),
        ):
            first.session.send_unseq_data(message)
        # day starts, accepted, executed, replaced, cancelled, rejected
        before = list(await first.expect(6))
        assert [m[:1] for m in before] == [b"S", b"A", b"E", b"U", b"C", b"J"]
        venue.disconnect("alice")
        async with asyncio.timeout(10):
            await first.closed.wait()
        await venue.until(lambda v: not v.logged_in("alice"))

        again = await Account().login(venue)
        assert await again.expect(6) == before
        await again.session.close()
        await venue.until(lambda v: not v.logged_in("alice"))

        later = await Account().login(venue, sequence=4)
        assert await later.expect(3) == before[3:]
        later.session.send_unseq_data(wire.enter(3, "B", 10, client_id="three"))  # already used: a benign resend
        later.session.send_unseq_data(wire.enter(4, "B", 10, client_id="four"))
        assert (await later.expect(4))[3][:1] == b"A"
        assert [o.client_order_id for o in venue.orders("alice")] == ["one", "two", "three", "four"]
        venue.end_of_session()
        # its reader stops at End of Session without telling; the messages before it must all be there
        assert [m[:1] for m in (await later.expect(7))[4:]] == [b"C", b"C", b"S"]
        await venue.until(lambda v: not v.logged_in("alice"))


async def refused() -> None:
    async with Exchange(wire.still_venue()) as venue:
        for user, password, reason in (("alice", "wrong", "NOT_AUTHORIZED"), ("nobody", "secret", "NOT_AUTHORIZED")):
            with pytest.raises(ConnectionRefusedError, match=reason):
                await Account().login(venue, user=user, password=password)
        live = await Account().login(venue)
        with pytest.raises(ConnectionRefusedError):
            await Account().login(venue)
        await live.session.close()


async def heartbeats() -> None:
    async with Exchange(wire.still_venue(idle_timeout_ms=2500)) as venue:
        account = await Account().login(venue)
        await asyncio.sleep(3.2)
        assert venue.logged_in("alice") and not account.closed.is_set()
        stats = venue.stats()
        assert stats["port_heartbeats_in"] >= 2 and stats["port_heartbeats_out"] >= 2
        account.session.logout()
        await venue.until(lambda v: not v.logged_in("alice"))


def test_trades_is_cut_and_gets_the_same_again() -> None:
    asyncio.run(trade_cut_and_return())


def test_refused_logins_are_understood() -> None:
    asyncio.run(refused())


def test_heartbeats_keep_the_session() -> None:
    asyncio.run(heartbeats())
