"""Tables of the demonstration: what an agent sees, drawn for people. They compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.columns import Columns
from rich.table import Table


def venues(rows: Sequence[dict[str, Any]]) -> Table:
    """list_venues, a row each."""
    table = Table(
        "venue", "taker fee", "maker rebate", "ack p50", "ack p99", "orders", "feed", box=None, padding=(0, 2)
    )
    for row in rows:
        table.add_row(
            row["venue"],
            f"${row['taker_fee_per_share']}",
            f"${row['maker_rebate_per_share']}",
            _microseconds(row["ack_p50_us"]),
            _microseconds(row["ack_p99_us"]),
            row["order_session"],
            row["feed"],
        )
    return table


def book(answer: dict[str, Any]) -> Table:
    """get_order_book_depth of one venue, asks above bids."""
    quote = answer["quote"]
    state = "[red]STALE[/]" if answer["is_stale"] else f"live, feed heard {answer['feed_age_ms']} ms ago"
    table = Table(
        "orders",
        "price",
        "shares",
        title=f"{answer['symbol']} on {quote['venue']}",
        caption=f"seq {quote['sequence']}, {state}",
        min_width=38,
    )
    for colour, levels in (("red", list(reversed(answer["asks"]))), ("green", answer["bids"])):
        for level in levels:
            table.add_row(str(level["orders"]), f"[{colour}]{level['price']}[/]", level["quantity"])
    return table


def books(answers: Sequence[dict[str, Any]]) -> Columns:
    """Books side by side."""
    return Columns([book(answer) for answer in answers], padding=(0, 4))


def order(row: dict[str, Any]) -> str:
    """One order in one line."""
    filled = ""
    if row["filled_quantity"] != "0":
        filled = f", {row['filled_quantity']} filled at {row['average_fill_price']}"
    head = f"[bold]{row['client_order_id']}[/]: {row['side']} {row['quantity']} {row['symbol']}"
    return f"{head} at {row['limit_price']} on {row['venue']}: [bold]{row['state']}[/]{filled}"


def checks(rows: Sequence[dict[str, Any]]) -> Table:
    """The pre-trade checks of a preview."""
    table = Table("check", "observed", "limit", "unit", "level", box=None, padding=(0, 2))
    for row in rows:
        colour = "green" if row["passed"] else "red"
        table.add_row(f"[{colour}]{row['check']}[/]", row["observed"], row["limit"], row["unit"], row["level"])
    return table


def positions(rows: Sequence[dict[str, Any]]) -> Table:
    """list_positions, a row each."""
    table = Table("symbol", "shares", "average price", "realised profit", box=None, padding=(0, 2))
    for row in rows:
        table.add_row(row["symbol"], row["quantity"], row["average_price"] or "-", row["realised_profit"])
    return table


def summary(messages: Sequence[tuple[str, str]], latencies: Sequence[tuple[str, int, float, float, float]]) -> Columns:
    """Counts, and latency percentiles in microseconds: (what, count, p50, p99, max)."""
    counts = Table("counted", "", title="messages", box=None, padding=(0, 2))
    for name, value in messages:
        counts.add_row(name, value)
    times = Table("measured", "count", "p50", "p99", "max", title="latency, microseconds", box=None, padding=(0, 2))
    for name, count, p50, p99, worst in latencies:
        times.add_row(name, f"{count:,}", f"{p50:,.1f}", f"{p99:,.1f}", f"{worst:,.1f}")
    return Columns([counts, times], padding=(0, 6))


def _microseconds(value: float | None) -> str:
    return "not measured yet" if value is None else f"{value:,.0f} us"
