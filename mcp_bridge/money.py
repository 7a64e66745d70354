"""Decimal strings at the edge, integers inside: prices in 1/10000 dollar, shares as whole numbers.

Nothing here rounds silently and no float ever holds a price.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

MAX_PRICE_E4 = 2**32 - 1


def parse_e4(text: str) -> int:
    """'12.5' -> 125000. The text must already match the price pattern (digits, at most four decimals).

    Raises:
        ValueError: more than four decimals, or no such number.
    """
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (fraction.isdigit() or not _) and len(fraction) <= 4):
        raise ValueError(f"not a price: {text[:32]!r}")
    return int(whole) * 10_000 + int(fraction.ljust(4, "0"))


def format_e4(value: int) -> str:
    """125000 -> '12.50'; at least two decimals, as many more as are needed, exact."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    fraction = f"{value % 10_000:04d}".rstrip("0").ljust(2, "0")
    return f"{sign}{value // 10_000}.{fraction}"


def format_e6(value: int) -> str:
    """Millionths of a dollar (fees) as a decimal string, exact: 800 -> '0.0008'."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    fraction = f"{value % 1_000_000:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}{value // 1_000_000}.{fraction}"


def price_or_none(value_e4: int) -> str | None:
    """A quoted price, where the engine writes 0 for 'there is none'."""
    return format_e4(value_e4) if value_e4 else None


def average_e4(notional_e4: int, shares: int) -> str | None:
    """Average price to a millionth of a dollar, rounded half to even (the exact figure is notional / shares)."""
    if not shares:
        return None
    exact = Decimal(notional_e4) / Decimal(10_000) / Decimal(shares)
    return f"{exact.quantize(Decimal('0.000001'), rounding=ROUND_HALF_EVEN)}"
