"""The reference page of the tools, written from the registry so that it cannot disagree with it."""

from __future__ import annotations

from typing import Any

from .errors import ERRORS
from .identity.principal import DEFAULT_SCOPES, SCOPES
from .registry import TOOLS, ToolSpec
from .schema import input_schema

_HEAD = """# MCP tools

Written by `fastpath-mcp tools --write docs/reference/mcp-tools.md`; do not edit.

Every argument is checked strictly: nothing is converted, unknown arguments are refused, prices and quantities are
decimal strings. Every answer comes twice, as structured content and as the same JSON in text.

## What every answer tells

| field | meaning |
|---|---|
| `source` | `engine`, or `cache` when the answer was read at most the tool's time to live ago |
| `source_sequence` | sequence of the newest record behind the answer, null when it has none |
| `as_of_utc_ns` | when the engine gave the answer, UTC nanoseconds as a string |
| `age_ms` | milliseconds since then |
| `feed_age_ms` | milliseconds since the venue's feed was last heard (the longest of several), null without one |
| `confidence` | 0 to 1, by the rule below |
| `is_stale` | true: do not treat it as the present state |
| `trading_mode` | `paper` or `live` |
| `trace_id` | finds the call in the audit log; taken from the caller's `traceparent` when it sends one |

Ages and `is_stale` inside rows (one venue's quote) are those of `as_of_utc_ns`; the answer's own are of this moment.

`confidence` is 1 from the live engine, falls to 0.7 at the end of a cached answer's time to live, is at most 0.3 and
falling with the silence for a stale answer, and 0 when the feed was never heard.

A caller may shorten a tool's timeout with `_meta["fastpath/deadlineMs"]` (integer milliseconds).

## Scopes

"""


_TRIGGERS = """
## Triggers

A trigger is one order and one shot. The engine looks at it when the best bid or ask of its symbol at its venue
changes, either side, in size alone too: if the condition holds then, the order goes out within that packet. A condition
that holds already when it is armed is met by the next such change (`preview_trigger` shows `watch.condition_holds`).

At that moment every check looks again, with the real quote. What is refused then is not sent, and the trigger is over:
state `EXPIRED` with the check's `reason`, `trigger_ended_by` `refused`. It is not tried again; arm anew with a new id.
Such refusals are: the symbol is halted (`HALTED`), the price is too far from the last trade (`FAT_FINGER`) or through
the far side (`MARKET_IMPACT`), there is nothing to value the order with, as for a market order when the far side is
empty (`NO_REFERENCE_PRICE`), a limit has been used up or changed since, the same order was just sent, the quote is
stale (`QUOTE_STALE`).

While a gap of the feed is open, and while the venue's order session is down or recovering, nothing fires and nothing
ends. When that is over each trigger is looked at once: what is met then fires, what was met only meanwhile does not.

| `watch` | meaning |
|---|---|
| `quote` | best bid and ask that the trigger looks at, with `feed_age_ms` and `is_stale`; null without one |
| `condition_holds` | whether the condition holds on it at this moment; null when the quote is not live |
| `can_fire` | false: if the condition were met now, the order would not go out |
| `blocked_by` | why not, and whether it waits or would end, as far as can be seen without the order's size and price |

| `trigger_ended_by` | how the trigger came to its end; null while it waits, and for an order that never was one |
|---|---|
| `fired` | its condition was met and it was sent; `state` tells what became of the order at the venue |
| `refused` | its condition was met and a check refused it; `reason` tells which |
| `disarmed` | taken back by `disarm_trigger`, `cancel_order` or `cancel_all_orders` |
| `expired` | `expires_utc_ns` passed |
| `killed` | a kill switch |

An armed trigger holds its reservation of the limits. A take-profit and a stop that sell the same holding reserve it
twice, so the second is refused (`SHORT_NOT_ALLOWED`) for an agent that may not sell short. Triggers survive a restart
of the engine and of the bridge and the end of the key that armed them; they end with the engine's trading day (its
journal). Arming counts in the message rate, and so does firing.
"""


def _argument_rows(spec: ToolSpec) -> list[str]:
    schema = input_schema(spec.arguments)
    required = set(schema.get("required", []))
    rows = []
    for name, kind in schema["properties"].items():
        rows.append(f"| `{name}` | {'yes' if name in required else 'no'} | {_kind(kind)} | {kind['description']} |")
    return rows


def _kind(kind: dict[str, Any]) -> str:
    default = f", default {kind['default']}" if "default" in kind else ""
    if "enum" in kind:
        return "one of " + ", ".join(f"`{value}`" for value in kind["enum"]) + default
    if kind["type"] == "integer":
        return f"integer {kind['minimum']} to {kind['maximum']}{default}"
    pattern = kind.get("pattern")
    return (f"string `{pattern}`".replace("|", "\\|") if pattern else "string") + default


def _tool(spec: ToolSpec) -> list[str]:
    fields = [name for name in spec.result.model_fields if name not in _PROVENANCE]
    cached = f"cached {spec.ttl_ms} ms" if spec.ttl_ms else "never cached"
    repeat = {
        "read": "reads only",
        "natural": "repeating does no more than doing it once",
    }.get(spec.idempotency, f"repeat with the same `{spec.idempotency}`: the same order")
    lines = [
        f"### `{spec.name}`",
        "",
        spec.description,
        "",
        f"Scope `{spec.scope}` · toolset {spec.toolset} · risk {spec.risk} · timeout {spec.timeout_ms} ms · {cached} "
        f"· {repeat} · checked against the key: {', '.join(spec.data)}",
        "",
    ]
    rows = _argument_rows(spec)
    if rows:
        lines += ["| argument | required | type | meaning |", "|---|---|---|---|", *rows, ""]
    lines += ["Answers with: " + ", ".join(f"`{name}`" for name in fields) + ".", ""]
    return lines


_PROVENANCE = frozenset(
    ("source", "source_sequence", "as_of_utc_ns", "age_ms", "feed_age_ms", "confidence", "is_stale", "trading_mode",
     "trace_id")
)  # fmt: skip


def tools_markdown() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip(), ""]
    lines += ["| scope | covers | on a new key |", "|---|---|---|"]
    lines += [f"| `{name}` | {text} | {'yes' if name in DEFAULT_SCOPES else 'no'} |" for name, text in SCOPES.items()]
    lines += ["", "A key sees only the tools of its scopes in `tools/list`.", "", "## Tools", ""]
    for spec in TOOLS:
        lines += _tool(spec)
    lines += [_TRIGGERS.strip(), ""]
    lines += [
        "## Refusals",
        "",
        "A refused call has `isError` true and `{code, category, message, retryable, outcome, trace_id}`, and where it",
        "helps `reason` (see [reason codes](reason-codes.md)), `retry_after_ms`, `verify_with`, `field_errors`,",
        "`limit`, `suggestions`, `order`. `outcome` says what became of a write: `not_sent` (nothing happened),",
        "`rejected` (the engine or the venue said no), `unknown` (ask `verify_with`), `accepted`.",
        "",
        "| code | category | retryable | meaning |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{code}` | {kind.category} | {'yes' if kind.retryable else 'no'} | {kind.meaning} |"
        for code, kind in ERRORS.items()
    ]
    return "\n".join(lines) + "\n"
