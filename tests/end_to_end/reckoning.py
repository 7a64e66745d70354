"""Who says what about orders and shares: the engine, the exchanges, the journal, each asked for itself and compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from house import USER, House, eventually

from fastpath.journal import JournalReader, JournalType
from fastpath.records import OrderState
from sim.exchange.audit import OrderRecord, TradeRecord, fold
from sim.exchange.control import Exchange

STATES = {
    "live": OrderState.LIVE,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "rejected": OrderState.REJECTED,
    "replaced": OrderState.REPLACED,
}


class Standing(NamedTuple):
    """Where an order stands, by anybody's account. Prices in 1/10000 dollar."""

    symbol: str
    side: str
    price_e4: int
    executed: int
    leaves: int
    state: str


def of_record(row: OrderRecord) -> Standing:
    return Standing(row.symbol, row.side, row.price_e4, row.executed, row.leaves, row.state)


def exchange_orders(house: House) -> dict[tuple[str, int], Standing]:
    """Every order that an exchange has answered for, by venue and user reference number."""
    return {
        (name, row.user_ref_num): of_record(row)
        for name, exchange in house.exchanges.items()
        for row in exchange.orders(USER)
    }


def exchange_positions(house: House) -> dict[str, int]:
    """Shares by symbol as the sum of every execution, zeros left out."""
    return positions(trade for exchange in house.exchanges.values() for trade in exchange.executions(USER))


def positions(trades: Iterable[TradeRecord]) -> dict[str, int]:
    held: Counter[str] = Counter()
    for trade in trades:
        held[trade.symbol] += trade.quantity if trade.side == "B" else -trade.quantity
    return {symbol: shares for symbol, shares in held.items() if shares}


def engine_orders(house: House) -> dict[tuple[str, int], Standing]:
    """Every order that the engine has ever sent and believes received; refused and lost ones never were orders."""
    names = {number: name for name, number in STATES.items()}
    found = {}
    for order in house.orders():
        if order.state in (OrderState.DENIED, OrderState.LOST):
            continue
        # An order still without an answer stands under no name an exchange knows.
        state = names.get(OrderState(order.state), OrderState(order.state).name)
        leaves = order.leaves if state == "live" else 0
        found[order.venue, order.urn] = Standing(
            order.symbol, order.side, order.price_e4, order.cum_shares, leaves, state
        )  # fmt: skip
    return found


def comparable(orders: dict[tuple[str, int], Standing]) -> dict[tuple[str, int], Standing]:
    """A rejected order is told by its number alone: an exchange repeats none of its terms."""
    rejected = Standing("", "", 0, 0, 0, "rejected")
    short = {"T": "S", "E": "S"}
    return {
        key: rejected if row.state == "rejected" else row._replace(side=short.get(row.side, row.side))
        for key, row in orders.items()
    }


def assert_agreed(house: House) -> None:
    """Engine and exchanges say the same of every order and every share, once answers under way have come.

    A living market may execute an order between two questions: what two processes say is compared until it holds.
    """

    def agreed() -> bool:
        return comparable(engine_orders(house)) == comparable(exchange_orders(house))

    try:
        eventually(agreed, "", 20.0)
    except AssertionError:
        mine, theirs = comparable(engine_orders(house)), comparable(exchange_orders(house))
        different = {key: (mine.get(key), theirs.get(key)) for key in mine | theirs if mine.get(key) != theirs.get(key)}
        raise AssertionError(f"(venue, number): (engine, exchange): {different}") from None
    eventually(lambda: house.positions() == exchange_positions(house), "the same positions", 20.0)
    for name, exchange in house.exchanges.items():
        assert_tells_its_book(exchange)
        assert_nothing_sent_twice(exchange.received_messages(USER))
        assert exchange.stats()["benign_resends"] == 0, name


def assert_tells_its_book(exchange: Exchange) -> None:
    """The orders that live by the exchange's messages rest in its books: read while its messages stood still."""
    for _ in range(1000):
        told = live_by_messages(exchange)
        resting = set(exchange.live_references(USER))
        if told == live_by_messages(exchange):
            assert told == resting, "the exchange's stream says what its book holds"
            return
    raise AssertionError("the exchange's messages never stood still")


def live_by_messages(exchange: Exchange) -> set[int]:
    """References of the orders that live by what the exchange has told."""
    return {row.order_reference_number for row in exchange.orders(USER) if row.state == "live"}


def assert_nothing_sent_twice(received: list[bytes]) -> None:
    """Every Enter and Replace that an exchange received has a number of its own."""
    numbers: Counter[int] = Counter()
    for message in received:
        if message[:1] == b"O":
            numbers[int.from_bytes(message[1:5], "big")] += 1
        elif message[:1] == b"U":
            numbers[int.from_bytes(message[5:9], "big")] += 1
    assert [number for number, times in numbers.items() if times > 1] == []


def journal_fold(directory: str, venues: list[str]) -> tuple[dict[tuple[str, int], Standing], list[TradeRecord]]:
    """Orders and executions as anybody can read them out of the journal: what the venues said, in its order."""
    messages: dict[int, list[bytes]] = defaultdict(list)
    for entry in JournalReader(directory):
        if entry.type == JournalType.SEQUENCED_IN:
            assert int.from_bytes(entry.body[:8], "little") == len(messages[entry.venue]) + 1
            messages[entry.venue].append(entry.body[8:])
    found: dict[tuple[str, int], Standing] = {}
    trades: list[TradeRecord] = []
    for venue, said in messages.items():
        orders, executions = fold(said)
        found |= {(venues[venue], row.user_ref_num): of_record(row) for row in orders}
        trades += executions
    return found, trades
