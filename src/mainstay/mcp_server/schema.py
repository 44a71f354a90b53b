"""The part of JSON Schema in which our tools say what they take, and the check of it.

The protocol's library does not look at arguments, so this does, before a handler sees them. Rules of this file: pure,
total, and bounded: what is too large or too deep is told before it is walked. An object takes the properties that it
names and no others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mainstay.kernel.values import Json

ARGUMENT_BYTES_MAX = 400_000
DEPTH_MAX = 12
TOLD_MAX = 6
_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_CALLED = {"object": "an object", "array": "a list", "string": "a text", "integer": "a whole number"}


def closed(properties: Mapping[str, Json], *required: str) -> Json:
    """The schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def mistakes(schema: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    """What is wrong with a value, in words; nothing where it fits. At most `TOLD_MAX` of it."""
    if too_deep(value):
        return (f"it nests deeper than {DEPTH_MAX} levels",)
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except (ValueError, TypeError):
        return ("it holds a number that is none, or bytes that are no text",)
    if size > ARGUMENT_BYTES_MAX:
        return (f"it is larger than {ARGUMENT_BYTES_MAX:,} bytes",)
    found = []
    for one in _wrong(schema, value, ""):
        found.append(one)
        if len(found) == TOLD_MAX:
            break
    return tuple(found)


def too_deep(value: Any) -> bool:
    """Whether it nests deeper than anything here needs. Never recurses."""
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return any(isinstance(one, dict | list) for one in level)


def _wrong(schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    kind = schema.get("type")
    where = place or "it"
    if isinstance(kind, str):
        wanted = _KINDS[kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean"):
            yield f"{where} must be {_CALLED.get(kind, kind)}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} must be one of: {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        yield from _wrong_text(schema, value, where)
    elif isinstance(value, int | float):
        if value < schema.get("minimum", value):
            yield f"{where} must be at least {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"{where} must be at most {schema['maximum']}"
    elif isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            yield f"{where} may have at most {schema['maxItems']} items"
        for number, one in enumerate(value if "items" in schema else ()):
            yield from _wrong(schema["items"], one, f"{place}[{number}]")
    elif isinstance(value, dict):
        yield from _wrong_object(schema, value, place)


def _wrong_text(schema: Mapping[str, Any], value: str, where: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{where} may have at most {schema['maxLength']:,} characters"
    elif len(value) < schema.get("minLength", 0):
        yield f"{where} must not be empty"
    elif (
        "pattern" in schema
        and re.fullmatch(schema["pattern"].removeprefix("^").removesuffix("$"), value) is None
    ):
        yield f"{where} is not of the form that is asked for"


def _wrong_object(schema: Mapping[str, Any], value: Mapping[str, Any], place: str) -> Iterator[str]:
    known: Mapping[str, Any] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{_under(place, name)} is missing"
    for name, one in value.items():
        if name in known:
            yield from _wrong(known[name], one, _under(place, name))
        elif schema.get("additionalProperties") is False:
            yield f"{_under(place, name)} is not taken here"


def _under(place: str, name: str) -> str:
    shown = name if name.isprintable() and len(name) <= 60 else "a name that cannot be shown"
    return f"{place}.{shown}" if place else shown
