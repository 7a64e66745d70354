"""A test double for the engine: a ROUTER that speaks docs/reference/bus.md and can be told to misbehave.

It is written from the page, not from the bridge's own messages, and refuses any key that the page does not name.
End-to-end tests use the real engine; this one exists to lose answers, go stale and come back with a new epoch.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import zmq
import zmq.asyncio

from fastpath.records import EXEC_DTYPE, ExecKind, OrderState, Reason

ORDER = {
    "account", "agent", "venue", "symbol", "side", "quantity", "order_type", "price_e4", "tif", "client_order_id",
}  # fmt: skip
SAYS = {"max_quote_age_ms", "reason_text"}
SENT = SAYS | {"deadline_ns"}
TRIGGER = ORDER | {"condition", "trigger_e4"}
KEYS: dict[str, tuple[set[str], set[str]]] = {
    "hello": (set(), set()),
    "state": (set(), set()),
    "instruments": (set(), {"venue", "query", "offset", "max"}),
    "top": ({"symbol"}, {"venue"}),
    "depth": ({"symbol", "venue", "levels"}, set()),
    "trades": ({"symbol", "max"}, {"venue"}),
    "replay": ({"topic", "epoch", "from", "to"}, set()),
    "order": ({"account", "client_order_id"}, set()),
    "orders": ({"account", "open", "max"}, {"symbol", "after"}),
    "positions": ({"account"}, set()),
    "limits": ({"account"}, {"agent"}),
    "preview": (ORDER, SAYS),
    "submit": (ORDER, SENT),
    "replace": (
        {"account", "agent", "client_order_id", "new_client_order_id", "quantity", "price_e4"}, SENT,
    ),
    "cancel": ({"account", "agent", "client_order_id"}, {"reason_text"}),
    "cancel_all": ({"account", "agent"}, {"symbol", "venue", "side", "reason_text"}),
    "kill": ({"agent", "scope", "reason_text"}, {"target"}),
    "preview_trigger": (TRIGGER, SAYS | {"expire_ns"}),
    "arm_trigger": (TRIGGER, SENT | {"expire_ns"}),
    "disarm_trigger": ({"account", "agent", "client_order_id"}, {"reason_text"}),
    "triggers": ({"account", "max"}, {"symbol", "after"}),
}  # fmt: skip

FEES = {"tradesphere": (800, 400, 90_000), "velocity": (3_000, 2_000, 12_000)}
"""taker fee, maker rebate in millionths of a dollar; median ack in ns."""

TOPS = {
    ("AAPL", "tradesphere"): (1_500_000, 300, 1_500_200, 200),
    ("AAPL", "velocity"): (1_500_000, 100, 1_500_100, 400),
    ("AAL", "velocity"): (120_000, 100, 120_100, 100),
    ("MSFT", "tradesphere"): (4_000_000, 100, 4_000_500, 100),
}

LIMITS = {
    "max_order_notional_e4": 250_000_000, "max_gross_notional_e4": 1_000_000_000, "max_net_notional_e4": 1_000_000_000,
    "max_loss_e4": 10_000_000, "max_position": 1_000, "max_order_quantity": 500, "max_open_orders": 20,
    "orders_per_s": 10, "order_burst": 20, "collar_bps": 100, "fat_finger_bps": 1_000, "duplicate_window_ms": 500,
    "max_feed_silence_ms": 3_000,
}  # fmt: skip


@dataclass
class FakeEngine:
    """The double and its knobs. `lose`: operations that are carried out but not answered. `ignore`: neither."""

    endpoint: str
    mode: str = "paper"
    epoch: int = 1
    stale: bool = False
    gap_open: bool = False
    trading_state: str = "T"
    complete: bool = True
    unwritten: bool = False
    journal_begin_ns: int = 1
    silence_ms: int = 5
    session: int = 4
    lose: set[str] = field(default_factory=set)
    ignore: set[str] = field(default_factory=set)
    garbage: dict[str, bytes] = field(default_factory=dict)
    refuse: dict[str, tuple[int, list[dict[str, Any]]]] = field(default_factory=dict)
    state_after_submit: int = OrderState.LIVE
    orders: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    contents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    killed: dict[str, list[str]] = field(default_factory=dict)
    firm_killed: bool = False
    requests: list[dict[str, Any]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    malformed: list[str] = field(default_factory=list)

    # ---- life ----

    async def __aenter__(self) -> FakeEngine:
        self._context = zmq.asyncio.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(self.endpoint)
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._socket.close(0)
        self._context.term()

    def count(self, op: str) -> int:
        """Requests of that kind that arrived."""
        return sum(request["op"] == op for request in self.requests)

    async def _serve(self) -> None:
        while True:
            identity, frame = await self._socket.recv_multipart()
            request = msgspec.msgpack.decode(frame)
            self.requests.append(request)
            op = request["op"]
            if op in self.ignore:
                continue
            answer = self._answer(op, request)
            if op in self.lose:
                continue
            body = {
                "v": 1, "id": request["id"], "ok": True, "reason": 0, "error": "", "epoch": self.epoch,
                "time_ns": time.time_ns(), "new_field_of_a_newer_engine": {"x": 1},
            } | answer  # fmt: skip
            payload = self.garbage.get(op) or msgspec.msgpack.encode(body)
            await self._socket.send_multipart([identity, payload])

    def _answer(self, op: str, request: dict[str, Any]) -> dict[str, Any]:
        given = set(request) - {"v", "id", "op"}
        needs, takes = KEYS[op]
        if needs - given or given - needs - takes or request["v"] != 1:
            self.malformed.append(f"{op}: missing {needs - given}, unknown {given - needs - takes}")
            return {"ok": False, "reason": int(Reason.MALFORMED), "error": "wrong keys"}
        if op in self.refuse:
            reason, checks = self.refuse[op]
            return self._reply("refused", None, reason=reason, checks=checks)
        answer: dict[str, Any] = getattr(self, f"_{op}")(request)
        return answer

    # ---- reads ----

    def _heard(self) -> int:
        return time.time_ns() - self.silence_ms * 1_000_000

    def _hello(self, _: dict[str, Any]) -> dict[str, Any]:
        venues = [
            {"name": name, "taker_fee_e6": taker, "maker_rebate_e6": maker, "orders": True}
            for name, (taker, maker, _) in FEES.items()
        ]
        return {
            "version": "0", "mode": self.mode, "start_ns": 1, "journal_begin_ns": self.journal_begin_ns,
            "venues": venues, "accounts": [], "agents": [],
        }  # fmt: skip

    def _state(self, _: dict[str, Any]) -> dict[str, Any]:
        venues = [
            {
                "name": name,
                "feed": {"state": 1, "stale": self.stale, "gap_open": self.gap_open, "feed_heard_ns": self._heard()},
                "orders": {
                    "state": self.session, "next_urn": 1, "open_orders": 0, "ack_p50_ns": ack,
                    "ack_p99_ns": ack * 3, "acks": 10,
                },
            }
            for name, (_, _, ack) in FEES.items()
        ]  # fmt: skip
        kill = {"firm": self.firm_killed, "venues": [], "accounts": [], "agents": [], "symbols": []}
        streams = [{"topic": "exec.desk", "stream": 1, "seq": len(self.fills)}]
        return {
            "mode": self.mode, "recovering": False, "kill": kill | self.killed, "durability": "crash",
            "venues": venues, "streams": streams, "orders_unlisted": 0 if self.complete else 1,
        }  # fmt: skip

    def _instruments(self, request: dict[str, Any]) -> dict[str, Any]:
        names = [
            {"symbol": s, "venue": v, "locate": 1, "round_lot": 100, "trading_state": "T", "reg_sho": "0"}
            for s, v in TOPS
            if s.startswith(request.get("query", "").upper())
        ]
        offset = request.get("offset", 0)
        return {"total": len(names), "instruments": names[offset : offset + request.get("max", 500)]}

    def _row(self, symbol: str, venue: str) -> dict[str, Any]:
        bid, bid_shares, ask, ask_shares = TOPS[symbol, venue]
        return {
            "venue": venue, "bid_e4": bid, "bid_shares": bid_shares, "ask_e4": ask, "ask_shares": ask_shares,
            "last_price_e4": bid, "last_shares": 10, "last_ns": 1, "seq": 77, "venue_ns": time.time_ns(),
            "rx_ns": time.time_ns(), "feed_heard_ns": self._heard(), "stale": self.stale,
            "trading_state": self.trading_state,
        }  # fmt: skip

    def _top(self, request: dict[str, Any]) -> dict[str, Any]:
        rows = [self._row(s, v) for s, v in TOPS if s == request["symbol"] and request.get("venue", v) == v]
        if not rows:
            return {"ok": False, "reason": int(Reason.UNKNOWN_SYMBOL_YET), "error": "unknown symbol"}
        return {"tops": rows}

    def _depth(self, request: dict[str, Any]) -> dict[str, Any]:
        if (request["symbol"], request["venue"]) not in TOPS:
            return {"ok": False, "reason": int(Reason.UNKNOWN_SYMBOL_YET), "error": "unknown symbol"}
        row = self._row(request["symbol"], request["venue"])
        bids = [[row["bid_e4"] - 100 * i, 100 + i, 1] for i in range(request["levels"])]
        return row | {"bids": bids, "asks": [[row["ask_e4"], row["ask_shares"], 2]]}

    def _trades(self, request: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {
                "venue": "velocity", "price_e4": 1_500_000 + i, "shares": 10 + i, "resting_side": "S",
                "match_number": 2**60 + i, "venue_ns": 5, "rx_ns": 6, "seq": 70 - i,
            }
            for i in range(request["max"])
        ]  # fmt: skip
        return {"trades": rows}

    def _order(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self.orders.get((request["account"], request["client_order_id"]))
        if found is None:
            return {"ok": False, "reason": int(Reason.UNKNOWN_ORDER), "error": "never seen"}
        return {"order": found}

    def _orders(self, request: dict[str, Any]) -> dict[str, Any]:
        rows = [
            order
            for (account, _), order in sorted(self.orders.items(), key=lambda item: item[1]["order_id"])
            if account == request["account"] and order["order_id"] > request.get("after", 0)
            and (not request["open"] or order["state"] == OrderState.LIVE)
            and request.get("symbol", order["symbol"]) == order["symbol"]
        ]  # fmt: skip
        return {"orders": rows[: request["max"]], "more": len(rows) > request["max"], "complete": self.complete}

    def _positions(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "positions": [
                {
                    "symbol": "AAPL", "position": -30, "open_cost_e4": -45_000_100, "realised_e4": -12_345,
                    "bought": 10, "sold": 40,
                },
                {
                    "symbol": "MSFT", "position": 0, "open_cost_e4": 0, "realised_e4": 5, "bought": 1, "sold": 1,
                },
            ]
        }  # fmt: skip

    def _limits(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"firm": LIMITS, "account": LIMITS, "agent": LIMITS | {"max_order_quantity": 100}}

    def _replay(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request["topic"] == "exec.desk"
        first, last = request["from"], min(request["to"], len(self.fills))
        records = np.zeros(max(0, last - first + 1), dtype=EXEC_DTYPE)
        for i, seq in enumerate(range(first, last + 1)):
            records[i]["seq"] = seq
            for name, value in self.fills[seq - 1].items():
                records[i][name] = value
        return {"first": first, "count": len(records), "records": records.tobytes(), "oldest": 1}

    def add_exec(self, kind: ExecKind, **fields: Any) -> None:
        """One record of the account's stream."""
        self.fills.append({"kind": int(kind), "side": b"B", "symbol": b"AAPL    ", "venue": 1} | fields)

    # ---- writes ----

    def _reply(self, outcome: str, order: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        return {
            "outcome": outcome, "reason": 0, "order": order, "effective_price_e4": 0, "count": 0,
            "quote": {
                "bid_e4": 1_500_000, "bid_shares": 100, "ask_e4": 1_500_100, "ask_shares": 100, "venue_ns": 1,
                "rx_ns": 2,
            },
            "engine_ns": time.time_ns(), "checks": [],
        } | ({"reason": int(Reason.JOURNAL_FAILED)} if self.unwritten else {}) | more  # fmt: skip

    def _preview(self, request: dict[str, Any]) -> dict[str, Any]:
        passed = request["quantity"] <= 500
        checks = [
            {"reason": 49, "passed": passed, "observed": request["quantity"], "limit": 500, "unit": 1, "level": 3},
            {"reason": 48, "passed": True, "observed": 15_000_000, "limit": 250_000_000, "unit": 2, "level": 3},
        ]
        return self._reply(
            "accepted" if passed else "refused", None, reason=0 if passed else 49, checks=checks,
            effective_price_e4=request["price_e4"] or 1_515_000,
        )  # fmt: skip

    def _claim(self, key: tuple[str, str], content: dict[str, Any]) -> dict[str, Any] | None:
        if key in self.contents:
            if self.contents[key] != content:
                return self._reply("refused", None, reason=int(Reason.IDEMPOTENCY_CONFLICT))
            return self._reply("replayed", self.orders[key])
        return None

    def _make(self, key: tuple[str, str], content: dict[str, Any], **fields: Any) -> dict[str, Any]:
        number = len(self.orders) + 1
        self.contents[key] = content
        self.orders[key] = {
            "seq": number, "time_ns": time.time_ns(), "venue_ns": 0, "order_id": (self.epoch << 48) + number,
            "parent_id": 0, "exchange_ref": 0, "cum_notional_e4": 0, "position": 0, "price_e4": 0, "quantity": 0,
            "last_price_e4": 0, "last_shares": 0, "cum_shares": 0, "leaves": 0, "account": key[0], "agent": "agent",
            "reason": 0, "venue": "velocity", "kind": 2, "side": "B", "state": int(self.state_after_submit),
            "flags": 8, "tif": "day", "symbol": "AAPL", "client_order_id": key[1],
        } | fields  # fmt: skip
        return self.orders[key]

    def _submit(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["account"], request["client_order_id"]
        content = {
            k: v for k, v in request.items() if k not in ("id", "max_quote_age_ms", "reason_text", "deadline_ns")
        }
        if (answer := self._claim(key, content)) is not None:
            return answer
        if self.firm_killed:
            return self._reply("refused", None, reason=int(Reason.KILL_SWITCH))
        order = self._make(
            key, content, venue=request["venue"], symbol=request["symbol"], side=request["side"],
            quantity=request["quantity"], leaves=request["quantity"], price_e4=request["price_e4"],
            tif=request["tif"],
        )  # fmt: skip
        return self._reply("accepted", dict(order, state=int(OrderState.SENT)))

    def _replace(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["account"], request["new_client_order_id"]
        content = {k: v for k, v in request.items() if k not in ("id", "deadline_ns")}
        if (answer := self._claim(key, content)) is not None:
            return answer
        old = self.orders.get((request["account"], request["client_order_id"]))
        if old is None:
            return self._reply("refused", None, reason=int(Reason.UNKNOWN_ORDER))
        if old["state"] != OrderState.LIVE:
            return self._reply("refused", old, reason=int(Reason.ORDER_NOT_LIVE))
        old["state"] = int(OrderState.REPLACED)
        order = self._make(
            key, content, parent_id=old["order_id"], symbol=old["symbol"], side=old["side"],
            quantity=request["quantity"], leaves=request["quantity"], price_e4=request["price_e4"],
        )  # fmt: skip
        return self._reply("accepted", order)

    def _preview_trigger(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._preview(request)

    def _arm_trigger(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["account"], request["client_order_id"]
        content = {
            k: v for k, v in request.items() if k not in ("id", "max_quote_age_ms", "reason_text", "deadline_ns")
        }
        if (answer := self._claim(key, content)) is not None:
            return answer
        order = self._make(
            key, content, venue=request["venue"], symbol=request["symbol"], side=request["side"],
            quantity=request["quantity"], leaves=request["quantity"], price_e4=request["price_e4"],
            tif=request["tif"], state=int(OrderState.ARMED), kind=int(ExecKind.TRIGGER_ARMED),
            condition=request["condition"], trigger_e4=request["trigger_e4"],
        )  # fmt: skip
        return self._reply("accepted", order)

    def _disarm_trigger(self, request: dict[str, Any]) -> dict[str, Any]:
        order = self.orders.get((request["account"], request["client_order_id"]))
        if order is None:
            return self._reply("refused", None, reason=int(Reason.UNKNOWN_ORDER))
        if order["state"] not in (OrderState.ARMED, OrderState.EXPIRED):
            return self._reply("refused", order, reason=int(Reason.ORDER_NOT_LIVE))
        order["state"], order["leaves"] = int(OrderState.EXPIRED), 0
        return self._reply("accepted", order)

    def _triggers(self, request: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {"expire_ns": self.contents[key].get("expire_ns", 0), "order": order}
            for key, order in self.orders.items()
            if order["state"] == OrderState.ARMED and request.get("symbol", order["symbol"]) == order["symbol"]
            and order["order_id"] > request.get("after", 0)
        ]  # fmt: skip
        return {"triggers": rows[: request["max"]], "more": len(rows) > request["max"], "complete": self.complete}

    def _cancel(self, request: dict[str, Any]) -> dict[str, Any]:
        order = self.orders.get((request["account"], request["client_order_id"]))
        if order is None:
            return self._reply("refused", None, reason=int(Reason.UNKNOWN_ORDER))
        if order["state"] != OrderState.LIVE:
            return self._reply("refused", order, reason=int(Reason.ORDER_NOT_LIVE))
        order["state"], order["leaves"] = int(OrderState.CANCELED), 0
        return self._reply("accepted", order)

    def _cancel_all(self, request: dict[str, Any]) -> dict[str, Any]:
        live = [
            order
            for (account, _), order in self.orders.items()
            if account == request["account"] and order["state"] == OrderState.LIVE
            and request.get("symbol", order["symbol"]) == order["symbol"]
        ]  # fmt: skip
        for order in live:
            order["state"] = int(OrderState.CANCELED)
        return self._reply("accepted", None, count=len(live))

    def _kill(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["scope"] == "firm":
            self.firm_killed = True
        else:
            self.killed.setdefault(f"{request['scope']}s", []).append(request["target"])
        return self._reply("accepted", None, count=len(self.orders))
