"""Which venue an order goes to, and why in one sentence. Pure: figures in, a choice out; it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass

from .money import format_e4, format_e6

POLICIES = ("lowest_fee", "fastest_ack", "best_price")


@dataclass(frozen=True)
class Candidate:
    """A venue as routing sees it. `excluded` is why it cannot take the order, '' when it can."""

    venue: str
    taker_fee_e6: int
    maker_rebate_e6: int
    ack_p50_ns: int
    bid_e4: int
    ask_e4: int
    excluded: str = ""


def takes(side: str, price_e4: int, bid_e4: int, ask_e4: int) -> bool:
    """Whether an order would trade at once; price 0 is a market order."""
    far_e4 = ask_e4 if side == "buy" else bid_e4
    if not far_e4:
        return price_e4 == 0
    return price_e4 == 0 or (price_e4 >= far_e4 if side == "buy" else price_e4 <= far_e4)


def cost_e6(candidate: Candidate, side: str, price_e4: int) -> int:
    """Fee a share in millionths of a dollar: the taker's fee, or minus the maker's rebate."""
    taking = takes(side, price_e4, candidate.bid_e4, candidate.ask_e4)
    return candidate.taker_fee_e6 if taking else -candidate.maker_rebate_e6


def choose(policy: str, candidates: list[Candidate], side: str, price_e4: int) -> tuple[Candidate | None, str]:
    """The venue for an order by policy, with the sentence that says why; None when no venue can take it.

    lowest_fee compares what a share would cost there; fastest_ack the measured median acknowledgement, unmeasured
    venues last; best_price the far side of the book, unquoted venues last. Ties go to the lower fee, then the name.
    """
    usable = [c for c in candidates if not c.excluded]
    left_out = "; ".join(f"{c.venue} cannot: {c.excluded}" for c in candidates if c.excluded)
    if not usable:
        return None, left_out or "no venue takes orders"

    def fee(candidate: Candidate) -> int:
        return cost_e6(candidate, side, price_e4)

    if policy == "lowest_fee":
        chosen = min(usable, key=lambda c: (fee(c), c.venue))
        figures = {c.venue: f"{format_e6(fee(c))} a share" for c in usable}
    elif policy == "fastest_ack":
        chosen = min(usable, key=lambda c: (c.ack_p50_ns == 0, c.ack_p50_ns, fee(c), c.venue))
        figures = {c.venue: f"{c.ack_p50_ns / 1000:.1f} us" if c.ack_p50_ns else "unmeasured" for c in usable}
    else:
        far = {c.venue: c.ask_e4 if side == "buy" else c.bid_e4 for c in usable}
        sign = 1 if side == "buy" else -1
        chosen = min(usable, key=lambda c: (far[c.venue] == 0, sign * far[c.venue], fee(c), c.venue))
        figures = {name: format_e4(price) if price else "no quote" for name, price in far.items()}
    others = ", ".join(f"{name} {figure}" for name, figure in figures.items() if name != chosen.venue)
    sentence = f"{policy}: {chosen.venue} {figures[chosen.venue]}"
    return chosen, "; ".join(part for part in (sentence + (f" against {others}" if others else ""), left_out) if part)
