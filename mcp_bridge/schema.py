"""JSON schemas for tools/list: what pydantic generates, without what only costs tokens.

The input schema says exactly what arguments.py accepts; the output schema what results.py sends.
"""

from __future__ import annotations

from typing import Any

from .arguments import Arguments
from .results import OrderStatusResult, Preview, Result, TopOfBook, Triggers, Venues

_NOISE = frozenset({"title", "$comment"})
SCALARS = frozenset({"string", "integer", "number", "boolean"})
SPELLED_OUT: dict[str, type[Result]] = {
    "OrderView": OrderStatusResult, "QuoteView": TopOfBook, "VenueView": Venues, "CheckView": Preview,
    "WatchView": Triggers,
}  # fmt: skip
"""Rows that several tools answer with, and the result whose schema lists their fields."""
UNLISTED = ("source_sequence", "age_ms", "feed_age_ms")
"""Sent with every answer and explained on the reference page; is_stale and confidence say what follows from them."""


def input_schema(model: type[Arguments]) -> dict[str, Any]:
    """The schema of a tool's arguments, refusing unknown ones."""
    schema: dict[str, Any] = _lean(model.model_json_schema(), keep_descriptions=True)
    schema.setdefault("properties", {})
    return schema


def output_schema(model: type[Result]) -> dict[str, Any]:
    """The schema of a tool's result. Objects are left open, so that a newer bridge may add fields.

    Every field is always present, yet none is listed as required and scalars carry no type: each word of a schema
    costs every agent tokens in every conversation. For the same reason a row's fields are spelled out by one tool
    alone (SPELLED_OUT). What is sent is checked against the full model.
    """
    schema: dict[str, Any] = _lean(model.model_json_schema(mode="serialization"), keep_descriptions=False)
    parts = schema.get("$defs", {})
    for name in UNLISTED:
        del schema["properties"][name]
    told = [name for name in parts if SPELLED_OUT.get(name, model) is not model]
    for name in told:
        del parts[name]
    for part in parts.values():
        del part["type"]
    for part in (schema, *parts.values()):
        for name, kind in part["properties"].items():
            target = kind.get("items", kind)
            if any(arm.get("$ref", "").rpartition("/")[2] in told for arm in (target, *target.get("anyOf", ()))):
                target.clear()
            if isinstance(kind.get("type"), list) or kind.get("type") in SCALARS or name in Result.model_fields:
                part["properties"][name] = {}
    if not parts:
        schema.pop("$defs", None)
    return schema


def _lean(node: Any, *, keep_descriptions: bool, named: bool = False) -> Any:  # JSON in, JSON out: any type
    """Drop titles, empty defaults and (for outputs) prose; write `T or null` as one type list.

    `named` says that the keys of this object are names of properties, not keywords of JSON Schema.
    """
    if isinstance(node, list):
        return [_lean(item, keep_descriptions=keep_descriptions) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if not named:
            if key in _NOISE or (key == "description" and (not keep_descriptions or "properties" in node)):
                continue
            # A default that would not be accepted when passed means 'absent'.
            if key == "default" and value in ("", 0, None):
                continue
            if key in ("additionalProperties", "required") and not keep_descriptions:
                continue
            if key == "type" and "enum" in node:
                continue
        result[key] = _lean(
            value, keep_descriptions=keep_descriptions, named=not named and key in ("properties", "$defs")
        )
    arms = result.get("anyOf")
    if not named and isinstance(arms, list) and len(arms) == 2 and {"type": "null"} in arms:
        other = next(arm for arm in arms if arm != {"type": "null"})
        if set(other) == {"type"}:
            del result["anyOf"]
            result["type"] = [other["type"], "null"]
    return result
