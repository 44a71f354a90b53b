"""What a request lacks or has too much of, in the words of the house: where it is, and what was expected there.

The words are ours and not those of the library that looks at requests: a pattern says nothing to whoever reads it, and
they would change with its version. What was sent is not repeated; the names that would have been taken are told.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

NAME_MAX = 80
NAMES_MAX = 40
_HEX = "hexadecimal digits, as an id has them"
_TEXT = "a text without a NUL in it"
_ACT = "an act, as `email.reply` is one"
_PLAIN_NAME = "a name of letters, digits, dots, dashes and underscores, which begins with a letter or a digit"
_SMALL_NAME = "a name of small letters, digits, dashes and underscores, 40 characters at most"
# What each pattern of the API means (a test holds them together).
PATTERNS = {
    r"^[!-~]{8,200}$": "8 to 200 visible characters without blanks",
    r"^[0-9a-f]{4,64}$": f"4 to 64 {_HEX}",
    r"^([0-9a-f]{4,64})?$": f"4 to 64 {_HEX}",
    r"^[0-9a-f]{8,64}$": f"8 to 64 {_HEX}",
    r"^[0-9a-f]{32}$": f"32 {_HEX}",
    r"^[0-9a-f]{64}$": "a digest, whole: 64 hexadecimal digits",
    r"^([0-9a-f]{4,64}|files)?$": f"`files`, or 4 to 64 {_HEX}",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": _PLAIN_NAME,
    r"^[A-Za-z0-9][A-Za-z0-9._:-]*$": _PLAIN_NAME,
    r"^[a-z][a-z0-9_-]{0,39}$": _SMALL_NAME,
    r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$": _ACT,
    r"^[A-Za-z0-9_-]*$": "a cursor as it was given",
    r"^[a-z_.*/0-9]*$": "a type of event, as `run.started`",
    r"^[ -~]*$": "visible ASCII characters",
    r"^[ -~]*[!-~][ -~]*$": "visible ASCII characters",
    r"^[^\u0000]*$": _TEXT,
    r"^[^\u0000]+$": _TEXT,
}
_PLACES = {"header": "the header", "path": "the address", "query": "the query", "body": "the body"}
_KINDS = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "an object",
    "list": "a list",
    "model": "an object",
}


def place(where: Sequence[object]) -> str:
    """Where it is, as a path for a program: `body.cards.0.digest`."""
    return ".".join(map(_part, where))


def told_place(where: Sequence[object]) -> str:
    """The same for a reader: `cards.0.digest` in the body."""
    first, *rest = where or ("body",)
    about = _PLACES.get(str(first), str(first))
    if not rest:
        return about[0].upper() + about[1:]
    name = ".".join(map(_part, rest))
    return f"The header {name}" if first == "header" else f"`{name}` in {about}"


def wanted(one: Mapping[str, Any], body: Any = None) -> str:
    """What was expected there. `body` is the type that the operation takes."""
    kind, context = str(one["type"]), one.get("ctx") or {}
    match kind:
        case "missing":
            return "it is needed, and was not sent"
        case "extra_forbidden":
            known = _names(body, one["loc"][1:-1])
            return "there is no such field." + (
                f" It knows: {', '.join(known)}" if known else " It knows none"
            )
        case "string_pattern_mismatch":
            return f"it wants {PATTERNS.get(str(context.get('pattern')), 'another form')}"
        case "string_too_long":
            return f"at most {context['max_length']:,} characters are taken"
        case "string_too_short":
            return "it must not be empty" if context["min_length"] == 1 else _least(context, "characters")
        case "too_long":
            return f"at most {context['max_length']:,} entries are taken"
        case "too_short":
            return "it must not be empty" if context["min_length"] == 1 else _least(context, "entries")
        case "literal_error" | "enum":
            return f"it wants one of {str(context['expected']).replace(' or ', ', ')}"
        case "greater_than_equal":
            return f"it wants at least {context['ge']:,}"
        case "less_than_equal":
            return f"it wants at most {context['le']:,}"
        case "value_error":
            return str(context.get("error", "it wants another value"))[:200]
        case _:
            return f"it wants {_KINDS.get(kind.partition('_')[0], 'another value')}"


def _least(context: Mapping[str, Any], of: str) -> str:
    return f"it wants at least {context['min_length']:,} {of}"


def _part(part: object) -> str:
    text = str(part)
    return text if text.isprintable() and len(text) <= NAME_MAX else "?"


def _names(of: Any, where: Sequence[object]) -> list[str]:
    """The fields that are known at a place of a type."""
    found = _model(of)
    for part in where:
        if found is None:
            return []
        if isinstance(part, str) and part in found.model_fields:
            found = _model(found.model_fields[part].annotation)
    return [] if found is None else list(found.model_fields)[:NAMES_MAX]


def _model(of: Any) -> type[BaseModel] | None:
    """The model in a type: itself, or what a list of it or a union with it holds."""
    if isinstance(of, type) and issubclass(of, BaseModel):
        return of
    if get_origin(of) in (Annotated, Union, types.UnionType, list, tuple):
        return next(filter(None, map(_model, get_args(of))), None)
    return None
