"""What the agent does in the demonstration, step by step, told as it happens.

Every step checks what it claims: a claim that does not hold raises StoryError and the demonstration fails.
"""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.live import Live

from fastpath.demo import tables
from fastpath.demo.agent import Agent, Answer

SYMBOL_PREFIX = "AAP"
LEVELS = 5
WATCH_S = 3.0
DONE_STATES = ("FILLED", "CANCELED", "REJECTED", "DENIED", "REPLACED", "LOST", "EXPIRED")


class StoryError(RuntimeError):
    """Something that the story tells did not happen."""


class Story:
    """One agent's session, from looking around to a kill switch."""

    def __init__(self, agent: Agent, console: Console, run: str, *, fastest: str | None = "velocity") -> None:
        """fastest: the venue that must be measured so; None where the machine's pace may hide the difference."""
        self.agent = agent
        self.console = console
        self.fastest = fastest
        self.run = run  # makes the client order ids of this run its own
        self.step_number = 0
        self.symbol = ""
        self.venues: dict[str, dict[str, Any]] = {}

    async def tell(self) -> None:
        """Every step in order."""
        await self.look_around()
        await self.watch_books()
        await self.preview()
        await self.buy_cheap()
        await self.buy_fast()
        await self.rest_replace_cancel()
        await self.retry()
        await self.fire_a_trigger()
        await self.hit_a_limit()
        await self.look_at_positions()
        await self.pull_the_plug()

    def step(self, title: str) -> None:
        self.step_number += 1
        self.console.print()
        self.console.rule(f"[bold]{self.step_number}. {title}", align="left", style="dim")

    def say(self, text: str) -> None:
        self.console.print(text)

    def expect(self, held: bool, claim: str) -> None:
        if not held:
            raise StoryError(f"step {self.step_number}: {claim}")

    def quoted(self, answer: Answer) -> str:
        return f"[dim]({answer.tool}, {answer.elapsed_ms:.1f} ms)[/]"

    # ---- the steps ----

    async def look_around(self) -> None:
        self.step("The agent looks around")
        names = await self.agent.tools()
        state = await self.agent.call("get_trading_state")
        self.say(f"{len(names)} tools; trading mode [bold]{state['trading_mode']}[/] {self.quoted(state)}")
        self.expect(state["trading_mode"] == "paper", "the demonstration trades on paper")
        answer = await self.agent.call("list_venues")
        self.venues = {row["venue"]: row for row in answer["venues"]}
        self.say(f"venues {self.quoted(answer)}")
        self.console.print(tables.venues(answer["venues"]))
        found = await self.agent.call("find_instrument", query=SYMBOL_PREFIX)
        self.expect(bool(found["instruments"]), f"an instrument begins with {SYMBOL_PREFIX}")
        self.symbol = found["instruments"][0]["symbol"]
        where = ", ".join(venue["venue"] for venue in found["instruments"][0]["venues"])
        self.say(f'"{SYMBOL_PREFIX}" is [bold]{self.symbol}[/], announced by {where} {self.quoted(found)}')

    async def watch_books(self) -> None:
        self.step(f"It reads the book of {self.symbol} at both venues")
        end = time.monotonic() + WATCH_S
        first: dict[str, int] = {}
        answers: list[dict[str, Any]] = []
        with Live(console=self.console, refresh_per_second=8) as live:
            while time.monotonic() < end:
                answers = [await self.depth(venue) for venue in self.venues]
                for answer in answers:
                    first.setdefault(answer["quote"]["venue"], int(answer["quote"]["sequence"]))
                live.update(tables.books(answers))
                await asyncio.sleep(0.1)
        for answer in answers:
            self.expect(not answer["is_stale"], f"the book at {answer['quote']['venue']} is live")
            moved = int(answer["quote"]["sequence"]) > first[answer["quote"]["venue"]]
            self.expect(moved, f"the book at {answer['quote']['venue']} moves")

    async def depth(self, venue: str) -> dict[str, Any]:
        return (await self.agent.call("get_order_book_depth", symbol=self.symbol, venue=venue, max_levels=LEVELS)).data

    async def marketable(self, venue: str, quantity: str) -> dict[str, str]:
        """A buy a little through the best ask: it trades now, within the collar."""
        ask = Decimal((await self.depth(venue))["asks"][0]["price"])
        return {
            "symbol": self.symbol,
            "side": "buy",
            "quantity": quantity,
            "order_type": "limit",
            "limit_price": f"{(ask * Decimal('1.002')).quantize(Decimal('0.01'))}",
            "time_in_force": "ioc",
        }

    async def preview(self) -> None:
        self.step("It asks what would happen, before anything does")
        order = await self.marketable(next(iter(self.venues)), "100")
        answer = await self.agent.call("preview_order", **order, routing="lowest_fee")
        self.say(f"{answer['venue']}: {answer['routing_reason']} {self.quoted(answer)}")
        self.say(f"notional ${answer['estimated_notional']}, fee ${answer['estimated_fee']} as {answer['fee_basis']}")
        self.console.print(tables.checks(answer["checks"]))
        self.expect(answer["would_be_accepted"], f"the preview passes ({answer['refusal']})")

    async def buy(self, routing: str, suffix: str, quantity: str) -> dict[str, Any]:
        order = await self.marketable(next(iter(self.venues)), quantity)
        sent = await self.agent.call("submit_order", client_order_id=f"{self.run}-{suffix}", **order, routing=routing)
        venue = sent["order"]["venue"]
        self.say(f"{routing} chose [bold]{venue}[/]: {sent['routing_reason']} {self.quoted(sent)}")
        final = await self.settled(f"{self.run}-{suffix}")
        self.say(tables.order(final))
        self.expect(final["filled_quantity"] != "0", f"the order at {venue} traded")
        return final

    async def settled(self, client_order_id: str) -> dict[str, Any]:
        """The order once it has ended; bounded polling of get_order_status."""
        for _ in range(200):
            status = await self.agent.call("get_order_status", client_order_id=client_order_id)
            order: dict[str, Any] | None = status["order"]
            if order is not None and order["state"] in DONE_STATES:
                return order
            await asyncio.sleep(0.05)
        raise StoryError(f"{client_order_id} did not end within 10 seconds: {status.data}")

    async def buy_cheap(self) -> None:
        self.step("It buys through the venue with the lowest fee")
        order = await self.buy("lowest_fee", "cheap", "100")
        self.expect(order["venue"] == "tradesphere", "the lowest fee is tradesphere's")

    async def buy_fast(self) -> None:
        self.step("It buys through the venue that answers fastest")
        for number in range(5):
            # Both venues need a measured acknowledgement before one of them can be called the fastest.
            for venue in self.venues:
                bid = Decimal((await self.depth(venue))["bids"][-1]["price"])
                await self.rest(venue, f"warm-{number}-{venue}", f"{bid:.2f}", str(10 + number))
        await self.agent.call("cancel_all_orders", reason_text="the venues' round trips are measured now")
        order = await self.buy("fastest_ack", "fast", "50")
        self.expect(self.fastest in (None, order["venue"]), f"the fastest venue is {self.fastest}")
        fills = await self.agent.call("list_fills", symbol=self.symbol)
        self.say(f"fills so far {self.quoted(fills)}")
        for fill in fills["fills"]:
            traded = f"{fill['side']} {fill['quantity']} at {fill['price']}"
            self.say(f"  {traded} on {fill['venue']}, match {fill['match_number']}")

    async def rest(self, venue: str, suffix: str, price: str, quantity: str) -> Answer:
        return await self.agent.call(
            "submit_order",
            client_order_id=f"{self.run}-{suffix}",
            symbol=self.symbol,
            side="buy",
            quantity=quantity,
            order_type="limit",
            limit_price=price,
            time_in_force="day",
            routing=venue,
        )

    async def rest_replace_cancel(self) -> None:
        self.step("It rests an order in the book, replaces it and cancels it")
        price = Decimal((await self.depth("tradesphere"))["bids"][0]["price"]) * Decimal("0.996")
        first = await self.rest("tradesphere", "rest", f"{price:.2f}", "40")
        self.say(tables.order(first["order"]) + f" {self.quoted(first)}")
        replaced = await self.agent.call(
            "replace_order",
            client_order_id=f"{self.run}-rest",
            new_client_order_id=f"{self.run}-rest-2",
            new_quantity="60",
            new_limit_price=f"{price - Decimal('0.05'):.2f}",
        )
        self.say(tables.order(replaced["order"]) + f" {self.quoted(replaced)}")
        listed = await self.agent.call("list_open_orders")
        self.say(f"{len(listed['orders'])} open {self.quoted(listed)}")
        cancelled = await self.agent.call("cancel_order", client_order_id=f"{self.run}-rest-2")
        final = await self.settled(f"{self.run}-rest-2")
        self.say(tables.order(final) + f" {self.quoted(cancelled)}")
        self.expect(final["state"] == "CANCELED", "the replaced order is cancelled")

    async def retry(self) -> None:
        self.step("It did not see the answer, and sends the same order again")
        price = Decimal((await self.depth("velocity"))["bids"][0]["price"]) * Decimal("0.997")
        arguments = (f"{price:.2f}", "30")
        first = await self.rest("velocity", "once", *arguments)
        again = await self.rest("velocity", "once", *arguments)
        self.say(f"first:  outcome {first['outcome']}, order id {first['order']['order_id']}")
        self.say(f"again:  outcome {again['outcome']}, order id {again['order']['order_id']} {self.quoted(again)}")
        self.expect(again["outcome"] == "replayed", "the second submit is a replay")
        self.expect(first["order"]["order_id"] == again["order"]["order_id"], "it is the same order")
        listed = await self.agent.call("list_open_orders")
        self.expect(len(listed["orders"]) == 1, "there is one order, not two")
        await self.agent.call("cancel_order", client_order_id=f"{self.run}-once")

    async def fire_a_trigger(self) -> None:
        self.step("It arms a trigger; the fast path fires it")
        ask = Decimal((await self.depth("velocity"))["asks"][0]["price"])
        armed = await self.agent.call(
            "arm_trigger",
            client_order_id=f"{self.run}-trigger",
            symbol=self.symbol,
            venue="velocity",
            side="buy",
            quantity="10",
            order_type="limit",
            limit_price=f"{ask * Decimal('1.004'):.2f}",
            time_in_force="ioc",
            condition="ask_at_or_below",
            trigger_price=f"{ask * Decimal('1.002'):.2f}",
        )
        self.say(tables.order(armed["order"]) + f" {self.quoted(armed)}")
        final = await self.settled(f"{self.run}-trigger")
        self.say(tables.order(final))
        self.expect(final["state"] == "FILLED", "the next packet that met the condition sent it, and it traded")

    async def hit_a_limit(self) -> None:
        self.step("It asks for too much")
        order = await self.marketable("tradesphere", "501")
        refused = await self.agent.ask(
            "submit_order", client_order_id=f"{self.run}-big", **order, routing="tradesphere"
        )
        self.expect(not refused.ok, "an order above the limit is refused")
        self.say(f"[red]{refused['code']}[/]: {refused['message']} {self.quoted(refused)}")
        if limit := refused.data.get("limit"):
            self.say(f"limit: {limit}")
        far = {**order, "quantity": "10", "limit_price": f"{Decimal(order['limit_price']) * 2:.2f}"}
        refused = await self.agent.ask("submit_order", client_order_id=f"{self.run}-far", **far, routing="tradesphere")
        self.expect(not refused.ok, "a price far through the market is refused")
        self.say(f"[red]{refused['code']}[/]: {refused['message']} {self.quoted(refused)}")

    async def look_at_positions(self) -> None:
        self.step("It looks at what it holds")
        answer = await self.agent.call("list_positions")
        self.say(f"account {answer['account']} {self.quoted(answer)}")
        self.console.print(tables.positions(answer["positions"]))
        held = next(row for row in answer["positions"] if row["symbol"] == self.symbol)
        self.expect(int(held["quantity"]) > 0, "the shares that were bought are there")

    async def pull_the_plug(self) -> None:
        self.step("It pulls the plug on itself; only a human can put it back")
        killed = await self.agent.call("engage_kill_switch", scope="agent", reason_text="end of the demonstration")
        self.say(f"kill switch engaged for scope {killed['scope']}; {killed['release']} {self.quoted(killed)}")
        order = await self.marketable("tradesphere", "10")
        refused = await self.agent.ask(
            "submit_order", client_order_id=f"{self.run}-dead", **order, routing="tradesphere"
        )
        self.expect(
            not refused.ok and refused["code"] == "KILL_SWITCH_ENGAGED", "no order passes an engaged kill switch"
        )
        self.say(f"[red]{refused['code']}[/]: {refused['message']} {self.quoted(refused)}")
