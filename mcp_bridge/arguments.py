"""What a model may pass to each tool: strict models, no coercion, no unknown field, one unit per description.

An optional value that was not given is "" or 0; an explicit "", 0 or null is refused like any malformed value.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import RefusalError
from .money import MAX_PRICE_E4, parse_e4

MAX_ID = 2**64 - 1

# Character classes are spelled out: \d would admit every script's digits.
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9.+*=#^~$-]{1,8}$", description="e.g. AAPL")]
VenueName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,22}$", description="From list_venues")]
AccountName = Annotated[str, Field(description="Only your own")]
OrderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,36}$", description="Your id of the order")]
Shares = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$", description='Whole shares, e.g. "100"')]
Price = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,4})?$", description='US dollars, e.g. "12.34"'),
]
Routing = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_-]{0,22}$",
        description="lowest_fee, fastest_ack, best_price, or a venue name",
    ),
]
PageCursor = Annotated[str, Field(pattern=r"^[0-9]{1,20}$", description="next_page_cursor of the page before")]
ReasonText = Annotated[str, Field(pattern=r"^[ -~]{1,95}$", description="Why, for the audit")]
Side = Annotated[Literal["buy", "sell"], Field(description="Side")]
QuoteAge = Annotated[
    int,
    Field(ge=1, le=3_600_000, description="Oldest quote allowed, milliseconds"),
]


class Arguments(BaseModel):
    """Base of every tool's arguments."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def problems(self) -> list[tuple[str, str]]:
        """(field, problem) for rules between fields."""
        return []

    def content(self) -> dict[str, Any]:
        """What makes two uses of one client_order_id the same order: not why, and not how fresh the quote was.

        Prices are compared as numbers, so "12.5" and "12.50" are one price.
        """
        found = self.model_dump(exclude={"reason_text", "max_quote_age_ms", "account"})
        return {name: parse_e4(value) if name.endswith("_price") and value else value for name, value in found.items()}


class NoArguments(Arguments):
    pass


class FindInstrument(Arguments):
    query: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9.+*=#^~$-]{1,8}$", description="Beginning of the symbol, any case")
    ]
    max_results: Annotated[int, Field(ge=1, le=100, description="Most symbols to return")] = 20


class TopOfBook(Arguments):
    symbol: Symbol
    venue: VenueName = ""


class Depth(Arguments):
    symbol: Symbol
    venue: VenueName
    max_levels: Annotated[int, Field(ge=1, le=50, description="Price levels a side")] = 10


class RecentTrades(Arguments):
    symbol: Symbol
    venue: VenueName = ""
    max_trades: Annotated[int, Field(ge=1, le=100, description="Most trades to return")] = 20


class OrderStatus(Arguments):
    client_order_id: OrderId


class OpenOrders(Arguments):
    account: AccountName = ""
    symbol: Symbol = ""
    max_orders: Annotated[int, Field(ge=1, le=200, description="Most orders to return")] = 50
    page_cursor: PageCursor = ""

    def problems(self) -> list[tuple[str, str]]:
        return _cursor_problems(self.page_cursor)


class Positions(Arguments):
    account: AccountName = ""
    symbol: Symbol = ""


class Fills(Arguments):
    symbol: Symbol = ""
    max_fills: Annotated[int, Field(ge=1, le=200, description="Most fills to return, newest first")] = 50


class Order(Arguments):
    """What preview_order and submit_order share."""

    symbol: Symbol
    side: Side
    quantity: Shares
    order_type: Annotated[Literal["limit", "market"], Field(description="market: limited by the price collar")]
    limit_price: Price = ""
    time_in_force: Annotated[Literal["day", "ioc"], Field(description="ioc: fill at once, cancel the rest")] = "day"
    routing: Routing
    account: AccountName = ""
    max_quote_age_ms: QuoteAge = 0

    @property
    def price_e4(self) -> int:
        """Limit price in 1/10000 dollar, 0 for a market order."""
        return parse_e4(self.limit_price) if self.limit_price else 0

    def problems(self) -> list[tuple[str, str]]:
        return _limit_problems(self.order_type, self.limit_price)


class PreviewOrder(Order):
    pass


class SubmitOrder(Order):
    client_order_id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,36}$",
            description="One per intended order; the SAME after a lost answer",
        ),
    ]
    reason_text: ReasonText = ""


class PreviewTrigger(Arguments):
    symbol: Symbol
    side: Side
    quantity: Shares
    order_type: Annotated[Literal["limit", "market"], Field(description="Of the order sent")]
    limit_price: Price = ""
    venue: VenueName
    condition: Annotated[
        Literal["bid_at_or_above", "bid_at_or_below", "ask_at_or_above", "ask_at_or_below"],
        Field(description="The venue's best bid or ask against trigger_price"),
    ]
    trigger_price: Annotated[str, Field(pattern=r"^[0-9]{1,6}(\.[0-9]{1,4})?$", description="US dollars")]
    time_in_force: Annotated[Literal["day", "ioc"], Field(description="Of the order sent")] = "day"
    expire_after_s: Annotated[
        int, Field(ge=1, le=86_400, description="Ends it unsent, in seconds; default: with the engine's trading day")
    ] = 0

    @property
    def price_e4(self) -> int:
        """Limit price in 1/10000 dollar, 0 for a market order."""
        return parse_e4(self.limit_price) if self.limit_price else 0

    def problems(self) -> list[tuple[str, str]]:
        return _limit_problems(self.order_type, self.limit_price) + _price_problems("trigger_price", self.trigger_price)


class ArmTrigger(PreviewTrigger):
    client_order_id: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9._-]{1,36}$", description="As for submit_order"),
    ]
    reason_text: ReasonText = ""


class Triggers(Arguments):
    symbol: Symbol = ""
    max_triggers: Annotated[int, Field(ge=1, le=200, description="Most to return")] = 50
    page_cursor: PageCursor = ""

    def problems(self) -> list[tuple[str, str]]:
        return _cursor_problems(self.page_cursor)


class ReplaceOrder(Arguments):
    client_order_id: OrderId
    new_client_order_id: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,36}$",
            description="Of the new order; the SAME after a lost answer",
        ),
    ]
    new_quantity: Annotated[
        str,
        Field(pattern=r"^[1-9][0-9]{0,8}$", description="Total whole shares wanted, executed ones included"),
    ]
    new_limit_price: Price
    max_quote_age_ms: QuoteAge = 0
    reason_text: ReasonText = ""

    def problems(self) -> list[tuple[str, str]]:
        found = _price_problems("new_limit_price", self.new_limit_price)
        if self.new_client_order_id == self.client_order_id:
            found.append(("new_client_order_id", "must differ from client_order_id"))
        return found


class CancelOrder(Arguments):
    client_order_id: OrderId
    reason_text: ReasonText = ""


class CancelAll(Arguments):
    account: AccountName = ""
    symbol: Symbol = ""
    venue: VenueName = ""
    side: Annotated[Literal["buy", "sell", "both"], Field(description="Only this side")] = "both"
    reason_text: ReasonText


class KillSwitch(Arguments):
    scope: Annotated[
        Literal["agent", "account", "symbol", "venue", "firm"], Field(description="What to stop; firm is everything")
    ]
    target: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._+*=#^~$-]{1,23}$",
            description="Which one; default: your own",
        ),
    ] = ""
    reason_text: ReasonText

    def problems(self) -> list[tuple[str, str]]:
        if self.scope in ("symbol", "venue") and not self.target:
            return [("target", f"is required for scope {self.scope}")]
        if self.scope == "firm" and self.target:
            return [("target", "must be absent for scope firm")]
        return []


def _limit_problems(order_type: str, limit_price: str) -> list[tuple[str, str]]:
    if order_type == "market":
        return [("limit_price", "must be absent for a market order")] if limit_price else []
    if not limit_price:
        return [("limit_price", "is required for a limit order")]
    return _price_problems("limit_price", limit_price)


def _cursor_problems(cursor: str) -> list[tuple[str, str]]:
    return [("page_cursor", f"must be at most {MAX_ID}")] if int(cursor or "0") > MAX_ID else []


def _price_problems(field: str, price: str) -> list[tuple[str, str]]:
    if not 0 < parse_e4(price) <= MAX_PRICE_E4:
        return [(field, 'must be above "0" and at most "429496.7295"')]
    return []


def parse(model: type[Arguments], raw: dict[str, Any]) -> Arguments:
    """The arguments, checked.

    Raises:
        RefusalError: INVALID_ARGUMENTS with every field at fault, in words a model can act on.
    """
    try:
        arguments = model.model_validate(raw)
    except ValidationError as error:
        found = [
            (_printable(".".join(str(part) for part in item["loc"])) or "arguments", _problem(item, model))
            for item in error.errors(include_url=False, include_input=False)[:10]
        ]
    else:
        found = arguments.problems()
        if not found:
            return arguments
    raise RefusalError(
        "INVALID_ARGUMENTS",
        "; ".join(f"{name} {problem}" for name, problem in found),
        field_errors=[{"field": name, "problem": problem} for name, problem in found],
    )


def _problem(item: Any, model: type[Arguments]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return f"is not an argument of this tool; known: {', '.join(model.model_fields)}"
    if kind == "missing":
        return "is required"
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    if kind in ("string_type", "string_unicode"):
        return "must be a JSON string of valid Unicode"
    if kind == "int_type":
        return "must be a JSON integer"
    message: str = item["msg"]
    return message[0].lower() + message[1:160]


def _printable(text: str) -> str:
    """A name chosen by the caller, made safe to repeat."""
    return text.encode("ascii", "backslashreplace").decode("ascii")[:64].replace("\0", "\\x00")
