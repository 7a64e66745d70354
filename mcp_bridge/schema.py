"""JSON schemas for tools/list: what pydantic generates, without what only costs tokens.

The input schema says exactly what arguments.py accepts; the output schema what results.py sends.
"""

from __future__ import annotations

from typing import Any

from .arguments import Arguments
from .results import Result

_NOISE = frozenset({"title", "$comment"})


def input_schema(model: type[Arguments]) -> dict[str, Any]:
    """The schema of a tool's arguments, refusing unknown ones."""
    schema: dict[str, Any] = _lean(model.model_json_schema(), keep_descriptions=True)
    schema.setdefault("properties", {})
    return schema


def output_schema(model: type[Result]) -> dict[str, Any]:
    """The schema of a tool's result. Objects are left open, so that a newer bridge may add fields.

    Every field is always present, yet none is listed as required and strings carry no type: each word of a schema
    costs every agent tokens in every conversation. What is sent is checked against the full model.
    """
    schema: dict[str, Any] = _lean(model.model_json_schema(mode="serialization"), keep_descriptions=False)
    parts = schema.get("$defs", {}).values()
    for part in parts:
        del part["type"]
    for part in (schema, *parts):
        # Most fields are strings or may be null: say only what is neither.
        for name, kind in part["properties"].items():
            if kind.get("type") == "string" or isinstance(kind.get("type"), list):
                part["properties"][name] = {}
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
