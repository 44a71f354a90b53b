"""Whether a value satisfies a JSON Schema: the part of it that typed output uses.

Enough for what pydantic writes of a model and for what people write by hand. A keyword that is not known here is the
caller's mistake and raises, because a rule that is silently not applied is worse than none. `format` and the words
that only describe are taken and not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mainstay.kernel.values import Json

PROBLEMS_MAX: Final = 10

_SILENT: Final = frozenset(
    (
        "title",
        "description",
        "default",
        "examples",
        "format",
        "deprecated",
        "readOnly",
        "$defs",
        "$schema",
        "$id",
    )
) | {"discriminator", "$comment"}
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def problems(value: Any, schema: Json) -> tuple[str, ...]:
    """What is wrong with the value, in words for whoever made it; empty if nothing is. Raises `ValueError`."""
    found: list[str] = []
    for one in _check(value, schema, schema, "the answer"):
        found.append(one)
        if len(found) == PROBLEMS_MAX:
            break
    return tuple(found)


def _check(value: Any, schema: Any, root: Json, at: str) -> Iterator[str]:
    if schema is True or schema == {}:
        return
    if schema is False:
        yield f"{at} must not be there"
        return
    for keyword, rule in schema.items():
        match keyword:
            case "$ref":
                yield from _check(value, _referred(rule, root), root, at)
            case "type":
                kinds = rule if isinstance(rule, list) else [rule]
                if not any(_is(value, kind) for kind in kinds):
                    yield f"{at} must be of type {' or '.join(kinds)}"
            case "enum":
                if value not in rule:
                    yield f"{at} must be one of {', '.join(map(repr, rule[:50]))}"
            case "const":
                if value != rule:
                    yield f"{at} must be {rule!r}"
            case "anyOf" | "oneOf":
                # A value that fits two is taken: what makes them differ is often only described.
                tries = [list(_check(value, one, root, at)) for one in rule]
                if all(tries):
                    yield min(tries, key=len)[0]
            case "allOf":
                for one in rule:
                    yield from _check(value, one, root, at)
            case "not":
                if not list(_check(value, rule, root, at)):
                    yield f"{at} must be something else"
            case _ if keyword in _OF_OBJECTS:
                if isinstance(value, dict):
                    yield from _object(value, schema, keyword, root, at)
            case _ if keyword in _OF_ARRAYS:
                if isinstance(value, list):
                    yield from _array(value, schema, keyword, root, at)
            case _ if keyword in _OF_PLAIN:
                yield from _plain(value, keyword, rule, at)
            case _ if keyword not in _SILENT:
                raise ValueError(f"the keyword {keyword!r} of the schema is not known")
            case _:
                pass


_OF_OBJECTS: Final = ("properties", "required", "additionalProperties", "minProperties", "maxProperties")
_OF_ARRAYS: Final = ("items", "prefixItems", "minItems", "maxItems", "uniqueItems")
_OF_PLAIN: Final = (
    *("minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
)


def _object(value: Json, schema: Json, keyword: str, root: Json, at: str) -> Iterator[str]:
    rule, known = schema[keyword], schema.get("properties", {})
    match keyword:
        case "properties":
            for name, inner in rule.items():
                if name in value:
                    yield from _check(value[name], inner, root, f"{at}.{name}")
        case "required":
            for name in rule:
                if name not in value:
                    yield f"{at} lacks {name!r}"
        case "additionalProperties":
            for name in value:
                if name not in known:
                    said = list(_check(value[name], rule, root, f"{at}.{name}"))
                    yield from (f"{at} has no key {name!r}",) if rule is False else said
        case "minProperties":
            if len(value) < rule:
                yield f"{at} must have at least {rule} keys"
        case _:
            if len(value) > rule:
                yield f"{at} must have at most {rule} keys"


def _array(value: list[Any], schema: Json, keyword: str, root: Json, at: str) -> Iterator[str]:
    rule, first = schema[keyword], len(schema.get("prefixItems", ()))
    match keyword:
        case "items":
            for place, one in enumerate(value[first:], first):
                yield from _check(one, rule, root, f"{at}[{place}]")
        case "prefixItems":
            for place, (one, inner) in enumerate(zip(value, rule, strict=False)):
                yield from _check(one, inner, root, f"{at}[{place}]")
        case "minItems":
            if len(value) < rule:
                yield f"{at} must have at least {rule} items"
        case "maxItems":
            if len(value) > rule:
                yield f"{at} must have at most {rule} items"
        case _:
            if rule and any(one in value[:place] for place, one in enumerate(value)):
                yield f"{at} must not have an item twice"


def _plain(value: Any, keyword: str, rule: Any, at: str) -> Iterator[str]:
    if isinstance(value, str):
        match keyword:
            case "minLength" if len(value) < rule:
                yield f"{at} must have at least {rule} characters"
            case "maxLength" if len(value) > rule:
                yield f"{at} must have at most {rule} characters"
            case "pattern" if re.search(rule, value) is None:
                yield f"{at} must match {rule}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        match keyword:
            case "minimum" if value < rule:
                yield f"{at} must be at least {rule}"
            case "maximum" if value > rule:
                yield f"{at} must be at most {rule}"
            case "exclusiveMinimum" if value <= rule:
                yield f"{at} must be more than {rule}"
            case "exclusiveMaximum" if value >= rule:
                yield f"{at} must be less than {rule}"
            case "multipleOf" if value % rule:
                yield f"{at} must be a multiple of {rule}"


def _is(value: Any, kind: str) -> bool:
    types = _TYPES.get(kind)
    if types is None:
        raise ValueError(f"the schema names a type {kind!r}, and there is none")
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, types)


def _referred(reference: str, root: Json) -> Any:
    """What a reference within the schema stands for."""
    found: Any = root
    if not reference.startswith("#/"):
        raise ValueError(f"the schema refers to {reference!r}, which lies outside of it")
    for part in reference[2:].split("/"):
        if not isinstance(found, dict) or part not in found:
            raise ValueError(f"the schema refers to {reference!r}, which is not there")
        found = found[part]
    return found
