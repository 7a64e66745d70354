"""Every tool in one table: what it is called, who may use it, how long it may take, and what it can break.

The table is the single place where a tool exists; the server, the guard, the docs and the lint test read it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from . import arguments, results
from .arguments import Arguments
from .call import Call, Reading, Write
from .engine.messages import ReplyAnswer
from .results import Result
from .tools import account, market, orders, risk, triggers

Risk = Literal["read", "increase", "reduce", "stop"]


def _never(_: ReplyAnswer) -> bool:
    return False


@dataclass(frozen=True)
class ToolSpec:
    """One tool. Times are milliseconds; `ttl_ms` 0 means never cached.

    `risk`: read changes nothing, increase can take a position on, reduce and stop only take risk away and are
    therefore neither rate limited nor stopped by a broken audit log. `idempotency` names the argument that makes a
    repeat the same act; "natural" means that repeating does no more than doing it once.
    `data` lists what is checked against the key: by the guard what the arguments name, by the tool what an order holds.
    """

    name: str
    title: str
    description: str
    toolset: str
    scope: str
    data: tuple[str, ...]
    timeout_ms: int
    ttl_ms: int
    risk: Risk
    idempotency: str
    arguments: type[Arguments]
    result: type[Result]
    read: Callable[[Call, Any], Awaitable[Reading]] | None = None
    plan: Callable[[Call, Any], Awaitable[Write]] | None = None
    conclude: Callable[[Call, Write, ReplyAnswer], Awaitable[Reading]] | None = None
    settles_refusal: Callable[[ReplyAnswer], bool] = _never
    verify_with: str | None = None

    def idempotency_key(self, given: Arguments) -> str:
        """The client order id that a write claims, '' for a naturally idempotent one."""
        return "" if self.idempotency in ("read", "natural") else str(getattr(given, self.idempotency))


TOOLS: tuple[ToolSpec, ...] = (
    ToolSpec(
        "find_instrument",
        "Find instruments",
        "Find tradable symbols by their beginning, with the venues that list them. Use before trading a symbol you "
        "have not seen here. Never guess a symbol.",
        "market", "md:read", ("symbol", "venue"), 1_000, 10_000, "read", "read",
        arguments.FindInstrument, results.Instruments, read=market.find_instrument,
    ),
    ToolSpec(
        "get_top_of_book",
        "Best bid and offer",
        "Best bid and ask of a symbol at each venue. Use for the current price; use get_order_book_depth for size "
        "beyond the best. Do not trade on a quote with is_stale true.",
        "market", "md:read", ("symbol", "venue"), 500, 50, "read", "read",
        arguments.TopOfBook, results.TopOfBook, read=market.get_top_of_book,
    ),
    ToolSpec(
        "get_order_book_depth",
        "Order book depth",
        "Price levels of one symbol at one venue, best first. Use to see how much trades at which price; for the best "
        "price alone get_top_of_book is cheaper. Ignore it when is_stale.",
        "market", "md:read", ("symbol", "venue"), 500, 50, "read", "read",
        arguments.Depth, results.Depth, read=market.get_order_book_depth,
    ),
    ToolSpec(
        "get_recent_trades",
        "Recent trades",
        "Latest trade prints of a symbol, newest first. Use to see where it trades; your own executions are in "
        "list_fills. The last print is not a price you can get.",
        "market", "md:read", ("symbol", "venue"), 500, 200, "read", "read",
        arguments.RecentTrades, results.Trades, read=market.get_recent_trades,
    ),
    ToolSpec(
        "list_venues",
        "List venues",
        "Venues with fees in dollars a share, measured order-to-ack time in microseconds, and session and feed state. "
        "open_orders counts armed triggers too. Use to choose a routing. Latencies are measured here, not promised.",
        "market", "md:read", ("venue",), 1_000, 200, "read", "read",
        arguments.NoArguments, results.Venues, read=market.list_venues,
    ),
    ToolSpec(
        "get_trading_state",
        "Trading state",
        "Whether trading is possible now: paper or live, kill switches, recovery, sessions. Use first, and after any "
        "refusal that names a kill switch or a venue.",
        "market", "md:read", ("venue",), 1_000, 0, "read", "read",
        arguments.NoArguments, results.TradingState, read=risk.get_trading_state,
    ),
    ToolSpec(
        "preview_order",
        "Preview an order",
        "Run every pre-trade check on an order without sending it: figures, limits, venue, estimated fee. Use before "
        "submit_order. A pass is an estimate, not a promise of a fill.",
        "orders", "orders:write", ("account", "symbol", "venue"), 1_000, 0, "read", "read",
        arguments.PreviewOrder, results.Preview, read=orders.preview_order,
    ),
    ToolSpec(
        "submit_order",
        "Submit an order",
        "Send one order. Use preview_order first. One client_order_id per intended order: if you saw no answer, call "
        "again with the SAME id and arguments, never a new id.",
        "orders", "orders:write", ("account", "symbol", "venue", "mode"), 5_000, 0, "increase", "client_order_id",
        arguments.SubmitOrder, results.OrderResult,
        plan=orders.plan_submit, conclude=orders.conclude_order, verify_with="get_order_status",
    ),
    ToolSpec(
        "replace_order",
        "Replace an order",
        "Change price or total quantity of an open order; it gets new_client_order_id. Not for a different symbol or "
        "side. After a lost answer repeat it with the SAME ids.",
        "orders", "orders:write", ("account", "symbol", "venue", "mode"), 5_000, 0, "increase", "new_client_order_id",
        arguments.ReplaceOrder, results.OrderResult,
        plan=orders.plan_replace, conclude=orders.conclude_order, verify_with="get_order_status",
    ),
    ToolSpec(
        "cancel_order",
        "Cancel an order",
        "Cancel what is left of one open order. Safe to repeat. It may fill before the cancel arrives: read state and "
        "filled_quantity in the answer.",
        "orders", "orders:write", ("account", "symbol", "venue"), 5_000, 0, "reduce", "natural",
        arguments.CancelOrder, results.OrderResult,
        plan=orders.plan_cancel, conclude=orders.conclude_cancel, settles_refusal=orders.already_ended,
        verify_with="get_order_status",
    ),
    ToolSpec(
        "cancel_all_orders",
        "Cancel all orders",
        "Cancel every open order of your account, or of one symbol, venue or side, and disarm every trigger, "
        "protective stops too. Use to get out quickly; to also stop new orders use engage_kill_switch. Safe to repeat.",
        "orders", "orders:write", ("account", "symbol", "venue"), 5_000, 0, "reduce", "natural",
        arguments.CancelAll, results.Cancelled,
        plan=orders.plan_cancel_all, conclude=orders.conclude_cancel_all, verify_with="list_open_orders",
    ),
    ToolSpec(
        "preview_trigger",
        "Preview a trigger",
        "Run every check on a triggered order at the prices it waits for, arming nothing; watch shows the quote now "
        "and whether the condition holds already. Use before arm_trigger. The checks run again when it fires.",
        "orders", "orders:write", ("account", "symbol", "venue"), 1_000, 0, "read", "read",
        arguments.PreviewTrigger, results.TriggerPreview, read=triggers.preview_trigger,
    ),
    ToolSpec(
        "arm_trigger",
        "Arm a trigger",
        "Leave an order, sent when the best bid or ask next changes, in size too, and meets the condition. Use for "
        "stops. One shot: refused then (halt, limit, stale quote), it is EXPIRED: arm anew. After a lost answer repeat "
        "with the SAME id.",
        "orders", "orders:write", ("account", "symbol", "venue", "mode"), 5_000, 0, "increase", "client_order_id",
        arguments.ArmTrigger, results.TriggerResult,
        plan=triggers.plan_arm, conclude=triggers.conclude_arm, verify_with="get_order_status",
    ),
    ToolSpec(
        "list_triggers",
        "Armed triggers",
        "Orders of your account that wait for their price, each with its quote. can_fire false: blocked_by "
        "tells why not. Use before arming more. Fired and ended ones are not here: ask get_order_status.",
        "orders", "account:read", ("account", "symbol", "venue"), 1_000, 0, "read", "read",
        arguments.Triggers, results.Triggers, read=triggers.list_triggers,
    ),
    ToolSpec(
        "disarm_trigger",
        "Disarm a trigger",
        "Take an armed order back. Safe to repeat. It may fire first: already_fired means that it is open at the "
        "venue, use cancel_order; already_ended: trigger_ended_by and state tell how.",
        "orders", "orders:write", ("account", "symbol", "venue"), 5_000, 0, "reduce", "natural",
        arguments.CancelOrder, results.OrderResult,
        plan=triggers.plan_disarm, conclude=orders.conclude_disarm, settles_refusal=orders.already_ended,
        verify_with="get_order_status",
    ),
    ToolSpec(
        "get_order_status",
        "Order status",
        "Did it land, and how far is it? Use after OUTCOME_UNKNOWN or a lost answer. NOT_RECEIVED is proof that the "
        "engine never took the id; UNPROVEN: ask again; NO_LONGER_HELD: it may have traded, ask a human.",
        "account", "account:read", ("account", "symbol", "venue"), 1_000, 0, "read", "read",
        arguments.OrderStatus, results.OrderStatusResult, read=account.get_order_status,
    ),
    ToolSpec(
        "list_open_orders",
        "Open orders",
        "Open orders of your account, in pages. Use to see what can still fill; ended orders are read one by one with "
        "get_order_status. Follow next_page_cursor to the end.",
        "account", "account:read", ("account", "symbol", "venue"), 1_000, 0, "read", "read",
        arguments.OpenOrders, results.OpenOrders, read=account.list_open_orders,
    ),
    ToolSpec(
        "list_positions",
        "Positions",
        "Positions of your account: shares (negative is short), cost and realised profit in dollars before fees. "
        "Open orders are not in it.",
        "account", "account:read", ("account", "symbol"), 1_000, 0, "read", "read",
        arguments.Positions, results.Positions, read=account.list_positions,
    ),
    ToolSpec(
        "list_fills",
        "Fills",
        "Executions of your account in this engine run, newest first. Use to see what traded at which price. complete "
        "false means that older fills exist.",
        "account", "account:read", ("account", "symbol", "venue"), 2_000, 0, "read", "read",
        arguments.Fills, results.Fills, read=account.list_fills,
    ),
    ToolSpec(
        "get_risk_limits",
        "Risk limits",
        "Limits of firm, account and agent; an order must pass all three. Use to size an order. Only the operator "
        "changes limits.",
        "account", "account:read", ("account",), 1_000, 0, "read", "read",
        arguments.NoArguments, results.RiskLimits, read=account.get_risk_limits,
    ),
    ToolSpec(
        "engage_kill_switch",
        "Engage the kill switch",
        "Stop new orders and cancel open ones for an agent, account, symbol, venue or the firm. Use when something is "
        "wrong. You cannot undo it: only a human operator releases it.",
        "risk", "kill:engage", ("account", "symbol", "venue"), 5_000, 0, "stop", "natural",
        arguments.KillSwitch, results.Killed,
        plan=risk.plan_kill, conclude=risk.conclude_kill, verify_with="get_trading_state",
    ),
)  # fmt: skip

BY_NAME: dict[str, ToolSpec] = {spec.name: spec for spec in TOOLS}
