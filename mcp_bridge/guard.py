"""The one pipeline that every tool call walks, in this order and with no way around it:

deadline, principal, tool scope, arguments, data scope, rate, then for reads cache and engine, for writes
idempotency reservation and audit row, engine, outcome row; last provenance and result.
It never retries a write and keeps no session.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import re
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec
from mcp_types import CallToolResult, TextContent

from fastpath.records import Reason

from .arguments import Arguments, parse
from .bridge import Bridge
from .call import Call, Reading, Write, refused
from .engine import messages
from .engine.messages import OrderAnswer, ReplyAnswer
from .engine.port import NoAnswerError, NotSentError
from .errors import RefusalError, code_for_reason, reason_text
from .identity.principal import Principal, current_key_id
from .ledger import AuditRow, Held, LedgerError, Status
from .registry import ToolSpec
from .results import age_ms, limit_of, order_view

logger = logging.getLogger(__name__)

DEADLINE_META = "fastpath/deadlineMs"
"""Key of a request's _meta: milliseconds the caller still has. It can only shorten a tool's own timeout."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


class Guard:
    """The pipeline of one bridge. `fixed_key_id` is the identity of every caller on stdio."""

    def __init__(self, bridge: Bridge, fixed_key_id: str = "") -> None:
        self._bridge = bridge
        self._fixed_key_id = fixed_key_id
        self._suppressed = 0

    def principal(self) -> Principal | None:
        """Who is calling, with the rights the key has at this moment."""
        key_id = current_key_id.get() or self._fixed_key_id
        return self._bridge.keys.principal(key_id) if key_id else None

    def may_use(self, spec: ToolSpec, principal: Principal | None) -> bool:
        return principal is not None and spec.scope in principal.scopes

    async def call(self, spec: ToolSpec, raw: dict[str, Any], meta: Mapping[str, Any]) -> CallToolResult:
        """Walk one call through the pipeline. Every refusal comes back as a result with is_error."""
        trace_id = trace_of(meta)
        principal: Principal | None = None
        try:
            timeout_s = self._timeout_s(spec, meta)
            principal = self.principal()
            if principal is None:
                raise RefusalError("UNAUTHENTICATED", "this call comes with no valid key; ask the operator for one")
            if not self.may_use(spec, principal):
                raise RefusalError(
                    "FORBIDDEN_TOOL", f"{spec.name} needs the scope {spec.scope}, which this key does not have"
                )
            arguments = parse(spec.arguments, raw)
            account = self._data_scope(spec, arguments, principal)
            self._rate(spec, principal)
            deadline = asyncio.get_running_loop().time() + timeout_s
            call = Call(self._bridge, principal, account, trace_id, deadline)
            if spec.read is not None:
                return await self._read(spec, call, arguments)
            return await self._write(spec, call, arguments)
        except RefusalError as fault:
            self._record_refusal(spec.name, trace_id, principal, raw, fault)
            return error_result(fault, trace_id)
        except Exception:
            # The boundary: whatever went wrong, the model gets a code and the operator gets the traceback.
            logger.exception("Tool %s failed, trace %s", spec.name, trace_id)
            broken = RefusalError("INTERNAL", "the bridge failed; see its log", verify_with=spec.verify_with)
            broken.outcome = "not_sent" if spec.read is not None else "unknown"
            return error_result(broken, trace_id)

    def unknown_tool(self, name: str, raw: dict[str, Any], meta: Mapping[str, Any], known: list[str]) -> CallToolResult:
        """The answer to a call of a tool that does not exist."""
        trace_id = trace_of(meta)
        safe = name.encode("ascii", "backslashreplace").decode("ascii")[:64]
        fault = RefusalError("UNKNOWN_TOOL", f"no tool is named {safe!r}", suggestions=known)
        self._record_refusal(safe, trace_id, self.principal(), raw, fault)
        return error_result(fault, trace_id)

    # ---- before the engine ----

    def _timeout_s(self, spec: ToolSpec, meta: Mapping[str, Any]) -> float:
        settings = self._bridge.settings
        ceiling = settings.read_timeout_ms if spec.read is not None else settings.write_timeout_ms
        timeout_ms = min(spec.timeout_ms, ceiling)
        wanted = meta.get(DEADLINE_META)
        if wanted is not None:
            if isinstance(wanted, bool) or not isinstance(wanted, int):
                raise RefusalError("INVALID_ARGUMENTS", f"_meta {DEADLINE_META} must be an integer of milliseconds")
            if wanted <= 0:
                raise RefusalError("DEADLINE_EXCEEDED", "the caller's deadline had passed before the call began")
            timeout_ms = min(timeout_ms, wanted)
        return timeout_ms / 1000

    def _data_scope(self, spec: ToolSpec, arguments: Arguments, principal: Principal) -> str:
        """Check what the call names against the key; returns the account it acts for."""
        named = {what: str(getattr(arguments, what, "")) for what in spec.data}
        if named.get("account", "") not in ("", principal.account):
            raise RefusalError("FORBIDDEN_DATA", "this key may act for its own account only")
        if named.get("symbol") and not principal.may_symbol(named["symbol"]):
            raise RefusalError("FORBIDDEN_DATA", f"this key may not use the symbol {named['symbol']}")
        if named.get("venue") and not principal.may_venue(named["venue"]):
            raise RefusalError("FORBIDDEN_DATA", f"this key may not use the venue {named['venue']}")
        return principal.account

    def _rate(self, spec: ToolSpec, principal: Principal) -> None:
        # What takes risk away is never held up by a limit on calls.
        if spec.risk in ("reduce", "stop"):
            return
        for window in ("calls", "orders") if spec.risk == "increase" else ("calls",):
            wait_ms = self._bridge.limiter.hit(window, principal.key_id)
            if wait_ms is not None:
                allowed = self._bridge.limiter.allowed(window)
                raise RefusalError(
                    "RATE_LIMITED",
                    f"more than {allowed} {window} a second with this key",
                    retry_after_ms=wait_ms,
                    limit={"name": f"{window}_per_s", "allowed": str(allowed), "unit": "count"},
                )

    # ---- reads ----

    async def _read(self, spec: ToolSpec, call: Call, arguments: Arguments) -> CallToolResult:
        assert spec.read is not None
        read = spec.read
        if spec.ttl_ms:
            # The key holds what the caller may see, so nobody reads another's filtered answer.
            key = (spec.name, arguments, call.principal.symbols, call.principal.venues)
            try:
                async with asyncio.timeout_at(call.deadline):
                    reading, age_s = await self._bridge.remembered(
                        key, spec.ttl_ms / 1000, lambda: read(call, arguments)
                    )
            except TimeoutError as error:
                raise RefusalError("DEADLINE_EXCEEDED", "the engine did not answer in time") from error
        else:
            reading, age_s = await read(call, arguments), 0.0
        return await self._success(spec, call, reading, age_s)

    # ---- writes ----

    async def _write(self, spec: ToolSpec, call: Call, arguments: Arguments) -> CallToolResult:
        # Once the write has left, its outcome is recorded even if the caller goes away.
        task = asyncio.ensure_future(self._perform(spec, call, arguments))
        self._bridge.track(task)
        return await asyncio.shield(task)

    async def _perform(self, spec: ToolSpec, call: Call, arguments: Arguments) -> CallToolResult:
        assert spec.plan is not None and spec.conclude is not None
        key = spec.idempotency_key(arguments)
        digest = digest_of(spec.name, call, arguments)
        held = self._held(call, key, digest) if key else None
        try:
            await self._mode(spec, call)
            if held is not None and held.status == "accepted":
                return await self._accepted_before(spec, call, arguments, key)
            if held is not None and held.time_ns < await call.journal_begin_ns():
                # Whether it was accepted is not to be found out any more; sent again it could be a second order.
                raise _not_held_any_more(key, "sent without an answer")
            write = await spec.plan(call, arguments) if held is None else Write(messages.STORED.decode(held.request))
        except RefusalError as fault:
            if held is not None and fault.outcome == "not_sent":  # this attempt; an earlier one was or may have been
                fault.outcome = "accepted" if held.status == "accepted" else "unknown"
                fault.verify_with = spec.verify_with
            raise
        row = self._call_row(spec, call, arguments)
        repeat = False
        if key:
            try:
                claim = self._bridge.ledger.reserve(row, key, digest, messages.encode(write.request))
            except LedgerError as error:
                raise RefusalError("AUDIT_UNAVAILABLE", str(error)) from error
            if claim.kind == "conflict":
                raise _conflict(key)
            if claim.kind == "same":  # perhaps claimed meanwhile by an equal call: its request is the one
                repeat, write = True, Write(messages.STORED.decode(claim.request), write.note)
        else:
            self._append(spec, row)
        answer = await self._send(spec, call, write, key, repeat)
        return await self._conclude(spec, call, write, answer)

    async def _mode(self, spec: ToolSpec, call: Call) -> None:
        if "mode" not in spec.data:
            return
        mode = (await call.hello()).mode
        if mode != "paper" and not call.principal.allow_live:
            raise RefusalError("FORBIDDEN_DATA", f"the engine trades {mode or 'in an unknown mode'}; this key may not")

    def _held(self, call: Call, key: str, digest: str) -> Held | None:
        """The id's earlier use, if it still claims the id: a repeat is sent as it was, even if routing now differed."""
        try:
            held = self._bridge.ledger.held(call.account, key)
        except LedgerError as error:
            raise RefusalError("AUDIT_UNAVAILABLE", str(error)) from error
        if held is None or held.status in ("refused", "not_sent"):
            return None
        if held.digest != digest:
            raise _conflict(key)
        return held

    async def _accepted_before(self, spec: ToolSpec, call: Call, arguments: Arguments, key: str) -> CallToolResult:
        """A repeat of a write that was accepted: the order as it is now, and never a second one.

        The engine is asked, not told: if it has lost its journal, sending again could make a second order.
        """
        self._append(spec, self._call_row(spec, call, arguments))
        request = messages.OrderStatus(account=call.account, client_order_id=key)
        found = await call.ask(request, OrderAnswer, allow=(Reason.UNKNOWN_ORDER,))
        if not found.ok or found.order is None:
            raise _not_held_any_more(key, "accepted")
        call.must_see(found.order)
        answer = ReplyAnswer(ok=True, epoch=found.epoch, time_ns=found.time_ns, outcome="replayed", order=found.order)
        return await self._conclude(spec, call, Write(request), answer)

    async def _send(self, spec: ToolSpec, call: Call, write: Write, key: str, repeat: bool) -> ReplyAnswer:
        """Send a write once and record what became of it. `repeat`: an earlier attempt of this id has no outcome."""
        status: Status
        try:
            remaining_s = call.remaining_s()
            if remaining_s <= 0:
                raise NotSentError("the time for this call was used up before the write")
            if isinstance(write.request, messages.Submit | messages.Replace | messages.ArmTrigger):
                # When the caller has given up, an engine that stood still must not carry it out.
                write.request.deadline_ns = call.now_ns() + int(remaining_s * 1_000_000_000)
            answer = await self._bridge.engine.ask(write.request, ReplyAnswer, remaining_s)
        except NotSentError as error:
            # This attempt was not sent; an earlier one may have been, and then the id stays claimed.
            status = "unknown" if repeat else "not_sent"
            self._settle(spec, call, key, status, "ENGINE_UNAVAILABLE", {"error": str(error)})
            raise RefusalError(
                "ENGINE_UNAVAILABLE",
                f"{error}; nothing was sent" + ("; an earlier attempt may have been" if repeat else ""),
                outcome="unknown" if repeat else "not_sent",
                verify_with=spec.verify_with if repeat else None,
                retry_after_ms=500,
                recorded=True,
            ) from error
        except NoAnswerError as error:
            fault = _unknown(spec, key, str(error))
            self._settle(spec, call, key, "unknown", fault.code, {"error": str(error)})
            fault.recorded = True
            raise fault from error
        body = {
            "outcome": answer.outcome,
            "reason": answer.reason,
            "epoch": answer.epoch,
            "engine_ns": answer.engine_ns,
            "order": order_view(answer.order).model_dump() if answer.order else None,
            "checks_failed": [msgspec.to_builtins(check) for check in answer.checks if not check.passed],
        }
        known = answer.ok and answer.outcome in ("accepted", "replayed")
        status = "accepted" if known else "refused"
        if repeat and answer.reason == Reason.RECOVERING:
            status = "unknown"  # the engine cannot yet tell whether it holds the first attempt
        if answer.reason == Reason.TIMEOUT or (answer.ok and answer.outcome not in ("accepted", "replayed", "refused")):
            status = "unknown"
        self._settle(spec, call, key, status, "" if known else code_for_reason(answer.reason), body)
        if status == "unknown":
            why = (
                "the engine is recovering" if answer.reason == Reason.RECOVERING else "the engine had no answer in time"
            )
            fault = _unknown(spec, key, why)
            fault.recorded = True
            raise fault
        return answer

    async def _conclude(self, spec: ToolSpec, call: Call, write: Write, answer: ReplyAnswer) -> CallToolResult:
        assert spec.conclude is not None
        if not answer.ok:
            fault = refused(answer.reason, answer.error)
            fault.recorded = True
            raise fault
        try:
            if answer.outcome == "refused" and not spec.settles_refusal(answer):
                raise await self._explained(call, write, answer)
            reading = await spec.conclude(call, write, answer)
            return await self._success(spec, call, reading, 0.0)
        except RefusalError:
            raise
        except Exception as error:
            logger.exception("Tool %s failed after the engine had answered, trace %s", spec.name, call.trace_id)
            raise RefusalError(
                "INTERNAL",
                "the engine answered, but the bridge failed to tell what",
                outcome="unknown",
                verify_with=spec.verify_with,
            ) from error

    async def _explained(self, call: Call, write: Write, answer: ReplyAnswer) -> RefusalError:
        """The engine's refusal with its figures, and with names to try instead."""
        code, limit = code_for_reason(answer.reason), limit_of(answer.checks, answer.reason)
        message = f"refused by the engine: {reason_text(answer.reason)}"
        if limit is not None:
            message += (
                f": {limit['observed']} against {limit['allowed']} {limit['unit']} ({limit['level'] or 'engine'})"
            )
        fault = RefusalError(code, message, outcome="rejected", reason=answer.reason, limit=limit)
        if code == "UNKNOWN_SYMBOL" and isinstance(write.request, messages.OrderRequest):
            with contextlib.suppress(RefusalError):  # a refusal without suggestions is still the refusal
                fault.suggestions = await call.suggest_symbols(write.request.symbol)
        if code == "TABLE_FULL":
            fault.message += (
                ". Calling again does not help: disarm triggers that are no longer needed (list_triggers), and when "
                "none is armed tell the operator, who starts the engine on a new journal"
            )
        if code == "RATE_LIMITED":
            fault.retry_after_ms = 1_000
        if answer.order is not None and answer.order.order_id:
            fault.order = order_view(answer.order).model_dump()
        fault.recorded = True
        return fault

    # ---- rows ----

    def _call_row(self, spec: ToolSpec, call: Call, arguments: Arguments) -> AuditRow:
        return self._row("call", spec, call, "", {"arguments": arguments.model_dump(exclude_defaults=True)})

    def _row(self, phase: str, spec: ToolSpec, call: Call, code: str, body: dict[str, Any]) -> AuditRow:
        who = call.principal
        return AuditRow(phase, call.trace_id, spec.name, who.key_id, who.agent, call.account, code, body)

    def _append(self, spec: ToolSpec, row: AuditRow) -> None:
        try:
            self._bridge.ledger.append(row)
        except LedgerError as error:
            # New risk needs its row; cancels and kills are never blocked, least of all by a full disk.
            if spec.risk == "increase":
                raise RefusalError("AUDIT_UNAVAILABLE", str(error)) from error
            logger.error("audit row lost: %s: %s", row, error)

    def _settle(self, spec: ToolSpec, call: Call, key: str, status: Status, code: str, body: dict[str, Any]) -> None:
        row = self._row("outcome", spec, call, code, {"status": status, **body})
        try:
            if key:
                self._bridge.ledger.settle(row, key, status)
            else:
                self._bridge.ledger.append(row)
        except LedgerError as error:
            # The write has happened: its answer must reach the caller. The reservation stays open, so a repeat
            # goes to the engine, which knows.
            logger.error("outcome row lost: %s: %s", row, error)

    def _record_refusal(
        self, tool: str, trace_id: str, principal: Principal | None, raw: dict[str, Any], fault: RefusalError
    ) -> None:
        if fault.recorded:
            return
        key_id = principal.key_id if principal else ""
        if self._bridge.limiter.hit("refusals", key_id) is not None:
            self._suppressed += 1
            return
        body: dict[str, Any] = {"arguments": raw, "message": fault.message}
        if self._suppressed:
            body["refusals_not_recorded_before"], self._suppressed = self._suppressed, 0
        row = AuditRow(
            "refused", trace_id, tool, key_id, principal.agent if principal else "",
            principal.account if principal else "", fault.code, body,
        )  # fmt: skip
        try:
            self._bridge.ledger.append(row)
        except LedgerError as error:
            logger.error("audit row lost: %s: %s", row, error)

    # ---- after the engine ----

    async def _success(self, spec: ToolSpec, call: Call, reading: Reading, age_s: float) -> CallToolResult:
        try:
            mode = (await call.hello()).mode
        except RefusalError:
            mode = ""  # what was found out stands, even if the engine has gone since
        now_ns = call.now_ns()
        feed_age = None if reading.feed_heard_ns is None else age_ms(reading.feed_heard_ns, now_ns)
        stale_after = self._bridge.settings.stale_after_ms
        silent = reading.feed_heard_ns is not None and (feed_age is None or feed_age > stale_after)
        stale = reading.stale or silent
        result = spec.result.model_validate(
            {
                "source": "cache" if age_s > 0 else "engine",
                "source_sequence": reading.sequence or None,
                "as_of_utc_ns": str(reading.as_of_ns),
                "age_ms": age_ms(reading.as_of_ns, now_ns) or 0,
                "feed_age_ms": feed_age,
                "confidence": confidence(stale, reading.feed_heard_ns, feed_age, stale_after, age_s, spec.ttl_ms),
                "is_stale": stale,
                "trading_mode": mode if mode in ("paper", "live") else "unknown",
                "trace_id": call.trace_id,
                **reading.fields,
            }
        )
        content = result.model_dump(mode="json")
        return CallToolResult(content=[TextContent(type="text", text=_text(content))], structured_content=content)


def confidence(
    stale: bool, heard_ns: int | None, feed_age_ms: int | None, stale_after_ms: int, age_s: float, ttl_ms: int
) -> float:
    """How far to trust an answer, 0 to 1, by rule and not by guess.

    1 from the live engine; from the cache falling to 0.7 at the end of its time to live; stale at most 0.3, falling
    as the silence of the feed grows; 0 when the feed was never heard.
    """
    if stale:
        if heard_ns == 0:
            return 0.0
        return round(0.3 * min(1.0, stale_after_ms / feed_age_ms), 3) if feed_age_ms else 0.3
    return round(max(0.0, 1.0 - 0.3 * age_s / (ttl_ms / 1000)), 3) if age_s > 0 and ttl_ms else 1.0


def trace_of(meta: Mapping[str, Any]) -> str:
    """The caller's W3C trace id when it sent a valid one, else a new one."""
    given = meta.get("traceparent")
    match = _TRACEPARENT.fullmatch(given) if isinstance(given, str) else None
    return match.group(1) if match and set(match.group(1)) != {"0"} else secrets.token_hex(16)


def digest_of(tool: str, call: Call, arguments: Arguments) -> str:
    """What must be equal for two uses of one client_order_id to be the same order."""
    content = [tool, call.account, call.principal.agent, arguments.content()]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def error_result(fault: RefusalError, trace_id: str) -> CallToolResult:
    content = fault.to_content(trace_id)
    return CallToolResult(
        content=[TextContent(type="text", text=_text(content))], structured_content=content, is_error=True
    )


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


def _conflict(key: str) -> RefusalError:
    return RefusalError(
        "IDEMPOTENCY_CONFLICT",
        f"{key} was used before with other arguments; the first use stands. For another order use another id",
        verify_with="get_order_status",
    )


def _not_held_any_more(key: str, what: str) -> RefusalError:
    return RefusalError(
        "IDEMPOTENCY_CONFLICT",
        f"{key} was {what} earlier, but the engine's present journal does not have it. It may have traded: do not send "
        "it again under a new id before a person has looked",
        verify_with="get_order_status",
    )


def _unknown(spec: ToolSpec, key: str, why: str) -> RefusalError:
    again = f"or repeat this call with the SAME id {key}" if key else "or repeat this call"
    verify = spec.verify_with or "get_trading_state"
    return RefusalError(
        "OUTCOME_UNKNOWN",
        f"sent, but not answered ({why}); ask {verify}, {again}",
        outcome="unknown",
        verify_with=verify,
    )
