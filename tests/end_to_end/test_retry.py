"""A submit that is sent again with the same client_order_id is one order at the exchange, whatever was lost in between.

Every case counts what the exchange received and answered, not what engine or bridge believe.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from house import AGENTS, ROOT, USER, House, eventually, make_market, still_venue
from proxies import BusProxy, Direction, TcpProxy, Verdict

from fastpath.demo.agent import Agent, Answer, connect
from fastpath.demo.processes import Child
from mcp_bridge.identity.keys import KeyStore

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
SCOPES = ["md:read", "account:read", "orders:write"]
ORDER = {
    "symbol": "AAPL",
    "side": "buy",
    "quantity": "100",
    "order_type": "limit",
    "limit_price": "149.00",
    "time_in_force": "day",
    "routing": "alpha",
}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House(still_venue()) as house:
        make_market(house.exchanges["alpha"])
        house.start_engine()
        yield house


@pytest.fixture(scope="module")
def key(house: House) -> str:
    return KeyStore(house.directory / "keys.toml").add(AGENTS[0], "desk", scopes=SCOPES)[1]


@pytest.fixture(scope="module")
def bridge(house: House, key: str) -> str:
    """The URL of a bridge that lives as long as the house."""
    return house.start_bridge("lasting-bridge")[1]


class Count:
    """What the exchange received and answered since this was made."""

    def __init__(self, house: House) -> None:
        self.exchange = house.exchanges["alpha"]
        self.orders_before = len(self.exchange.orders(USER))
        self.enters_before = self.enters()

    def enters(self) -> int:
        return sum(message[:1] == b"O" for message in self.exchange.received_messages(USER))

    @property
    def orders(self) -> int:
        return len(self.exchange.orders(USER)) - self.orders_before

    def assert_one(self, house: House, client_order_id: str, *answers: Answer) -> None:
        """One Enter Order came, one order was made, and every answer told the same order."""
        held = house.settled(client_order_id)
        assert {answer["order"]["order_id"] for answer in answers} == {str(held.order_id)}
        assert house.exchange_order("alpha", held).state == "live"
        assert (self.orders, self.enters() - self.enters_before) == (1, 1)


@asynccontextmanager
async def agent_at(url: str, key: str) -> AsyncIterator[Agent]:
    async with asyncio.timeout(90), connect(url, key) as agent:
        yield agent


async def submit(url: str, key: str, client_order_id: str, **changes: str) -> Answer:
    async with agent_at(url, key) as agent:
        return await agent.ask("submit_order", **(ORDER | changes), client_order_id=client_order_id)


async def lost_submit(url: str, key: str, client_order_id: str) -> None:
    """A submit whose answer does not come: its error is the client library's own and of no interest."""
    with pytest.raises(Exception):  # noqa: B017
        await submit(url, key, client_order_id)


class Swallow:
    """Lets a request through and loses its answer; `lost` says that both have happened."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.sent, self.lost = False, False

    def __call__(self, direction: Direction, data: bytes) -> Verdict:
        if direction == "up":
            self.sent = self.sent or b"submit_order" in data
            return "pass"
        if self.sent:
            self.lost = True
            return self.verdict
        return "pass"


async def test_the_same_twice(house: House, bridge: str, key: str) -> None:
    count = Count(house)
    first, again = await submit(bridge, key, "twice"), await submit(bridge, key, "twice")
    assert (first["outcome"], again["outcome"]) == ("accepted", "replayed")
    other = await submit(bridge, key, "twice", quantity="200")
    assert not other.ok and other["code"] == "IDEMPOTENCY_CONFLICT"
    count.assert_one(house, "twice", first, again)


async def test_ten_at_once(house: House, bridge: str, key: str) -> None:
    count = Count(house)
    async with agent_at(bridge, key) as one, agent_at(bridge, key) as two:
        answers = await asyncio.gather(
            *(agent.ask("submit_order", **ORDER, client_order_id="at-once") for agent in [one, two] * 5)
        )
    assert sorted(answer["outcome"] for answer in answers) == ["accepted"] + ["replayed"] * 9
    count.assert_one(house, "at-once", *answers)


@pytest.mark.parametrize("over", ["same-bridge", "new-bridge"])
async def test_the_answer_is_lost_on_its_way(house: House, bridge: str, key: str, over: str) -> None:
    name = f"lost-{over}"
    count, swallow = Count(house), Swallow("cut")
    child, url = (None, bridge) if over == "same-bridge" else house.start_bridge()
    host, port = url.removeprefix("http://").removesuffix("/mcp").split(":")
    with TcpProxy((host, int(port)), swallow) as proxy:
        await lost_submit(url.replace(port, str(proxy.address[1])), key, name)
        assert swallow.lost
        eventually(lambda: count.orders, "the order is at the exchange")
        if child is not None:
            house.kill(child)
            child, url = house.start_bridge()
        again = await submit(url, key, name)
    assert again["outcome"] == "replayed"
    count.assert_one(house, name, again)
    if child is not None:
        house.kill(child)


AGENT_PROCESS = """
import asyncio, sys
from fastpath.demo.agent import connect
async def main(url, key, name, *order):
    async with connect(url, key) as agent:
        await agent.ask("submit_order", client_order_id=name, **dict(pair.split("=") for pair in order))
asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_client_is_killed_behind_its_request(house: House, bridge: str, key: str) -> None:
    count, swallow = Count(house), Swallow("hold")
    host, port = bridge.removeprefix("http://").removesuffix("/mcp").split(":")
    with TcpProxy((host, int(port)), swallow) as proxy:
        url = bridge.replace(port, str(proxy.address[1]))
        arguments = [url, key, "client-killed", *(f"{name}={value}" for name, value in ORDER.items())]
        client = await asyncio.create_subprocess_exec(sys.executable, "-c", AGENT_PROCESS, *arguments, cwd=ROOT)
        try:
            await asyncio.to_thread(eventually, lambda: swallow.sent, "the request has been sent")
        finally:
            client.kill()
            await client.wait()
        # Only then is the proxy closed: it tells of the request before it has passed it on.
        await asyncio.to_thread(eventually, lambda: count.orders, "the order is at the exchange")
    again = await submit(bridge, key, "client-killed")
    assert again["outcome"] == "replayed"
    count.assert_one(house, "client-killed", again)


async def test_the_bridge_is_killed_after_its_answer(house: House, key: str) -> None:
    count = Count(house)
    child, url = house.start_bridge()
    first = await submit(url, key, "restart")
    house.kill(child)
    child, url = house.start_bridge()
    again = await submit(url, key, "restart")
    assert (first["outcome"], again["outcome"]) == ("accepted", "replayed")
    count.assert_one(house, "restart", first, again)
    house.kill(child)


async def start_behind(house: House, place: Path) -> tuple[Child, str]:
    """A bridge that reaches the engine through a proxy in `place`; its ledger is the one of every bridge here."""
    child = house.children.start("bridge", "mcp_bridge", "serve", "--port", "0", "--run-dir", str(place))
    return child, await asyncio.to_thread(child.wait_ready, 60.0)


@pytest.mark.parametrize("moment", ["request-lost", "engine-frozen", "answer-lost"])
async def test_the_bridge_is_killed_between_reservation_and_answer(house: House, key: str, moment: str) -> None:
    """It has reserved the id, its request is under way; what became of it only the engine knows."""
    place = house.directory / moment
    place.mkdir()
    count, engine = Count(house), house.engine
    assert engine is not None

    def freeze() -> None:
        house.freeze(engine)

    keep: Literal["request", "answer"] = "request" if moment == "request-lost" else "answer"
    on_request = freeze if moment == "engine-frozen" else None
    with BusProxy(place / "engine.cmd", house.endpoint("cmd"), "submit", keep, on_request) as proxy:
        child, url = await start_behind(house, place)
        sending = asyncio.create_task(lost_submit(url, key, moment))
        try:
            waited_for = proxy.kept if moment == "answer-lost" else proxy.seen
            assert await asyncio.to_thread(waited_for.wait, 60.0)
            if moment == "answer-lost":
                eventually(lambda: count.orders, "the order is at the exchange")
            else:
                assert count.orders == 0
            house.kill(child)
        finally:
            house.thaw(engine)
        await sending
    if moment == "engine-frozen":
        eventually(lambda: count.orders, "the order is at the exchange")
    child, url = house.start_bridge()
    again = await submit(url, key, moment)
    assert again["outcome"] == ("accepted" if moment == "request-lost" else "replayed")
    count.assert_one(house, moment, again)
    house.kill(child)


async def test_the_engine_does_not_answer_in_time(house: House, key: str) -> None:
    place = house.directory / "late"
    place.mkdir()
    count = Count(house)
    with BusProxy(place / "engine.cmd", house.endpoint("cmd"), "submit", "answer") as proxy:
        child, url = await start_behind(house, place)
        async with agent_at(url, key) as agent:
            deadline: Any = {"fastpath/deadlineMs": 3_000}
            arguments = ORDER | {"client_order_id": "late"}
            unknown = await agent.client.call_tool("submit_order", arguments, meta=deadline)
            assert unknown.is_error and unknown.structured_content is not None
            assert unknown.structured_content["code"] == "OUTCOME_UNKNOWN"
            assert unknown.structured_content["verify_with"] == "get_order_status"
            assert proxy.kept.is_set()
            status = await agent.call("get_order_status", client_order_id="late")
            assert status["order"]["state"] == "LIVE"
        house.kill(child)
    child, url = house.start_bridge()
    again = await submit(url, key, "late")
    assert again["outcome"] == "replayed"
    count.assert_one(house, "late", again)
    house.kill(child)


async def test_the_engine_is_killed_after_its_answer(house: House, bridge: str, key: str) -> None:
    """The bridge lives on; the engine comes back from its journal and knows the id."""
    count = Count(house)
    first = await submit(bridge, key, "engine-killed")
    assert house.engine is not None
    house.kill(house.engine)
    down = await submit(bridge, key, "engine-killed")
    assert (down.ok, down["code"], down["outcome"]) == (False, "ENGINE_UNAVAILABLE", "accepted"), "the ledger knows"
    house.start_engine()
    again = await submit(bridge, key, "engine-killed")
    assert again["outcome"] == "replayed"
    count.assert_one(house, "engine-killed", first, again)
