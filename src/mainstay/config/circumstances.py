"""What a rule may look at, as a person writes it at a prompt: `recipient_known=false`, `time=18:30`, `price=2.00`.

The same names and spellings as in a policy file, so that what was tried can be written down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mainstay.config.policies import FIELDS, WEEKDAYS
from mainstay.kernel.circumstances import NAMES
from mainstay.kernel.contract import FieldType, Finality
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Json, parse_money
from mainstay.workflows.document import suggestion


@dataclass(frozen=True, slots=True)
class Supposed:
    """An act that nobody proposed, as far as it was described."""

    adapter: str = ""
    operation: str = ""
    finality: Finality | None = None
    price_micros: int | None = 0
    features: Json = field(default_factory=dict)
    counts: Json = field(default_factory=dict)


def suppose(given: Mapping[str, str]) -> Supposed:
    """The act that these words describe. Raises `CommandRefused` for a name or a value that no rule could have."""
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in FIELDS:
            raise CommandRefused(
                f"A rule cannot look at {name[:60]!r}.",
                remedy=suggestion(name, tuple(FIELDS)).capitalize() + ".",
            )
        try:
            found[name] = _value(name, text)
        except ValueError as error:
            raise CommandRefused(f"{name}={text[:60]} cannot be read.", why=f"{error}.") from None
    counts = {name: found.pop(name) for name in tuple(found) if name in NAMES}
    minute = found.pop("time", None)
    if minute is not None:
        counts |= {"minute": minute, "hour": minute // 60}
    elif "hour" in counts:
        counts["minute"] = counts["hour"] * 60
    if "amount" in found:
        found["amount_micros"] = found.pop("amount")
    finality = found.pop("finality", None)
    return Supposed(
        found.pop("adapter", ""),
        found.pop("operation", ""),
        Finality(finality) if finality is not None else None,
        found.pop("price", 0),
        found,
        counts,
    )


def _value(name: str, text: str) -> Any:
    match FIELDS[name]:
        case FieldType.BOOL:
            if text not in ("true", "false"):
                raise ValueError("it is true or false")
            return text == "true"
        case FieldType.INT if name == "weekday":
            if text not in WEEKDAYS:
                raise ValueError("it is one of " + ", ".join(WEEKDAYS))
            return WEEKDAYS.index(text)
        case FieldType.INT:
            return _number(int, text)
        case FieldType.NUMBER if name in ("price", "amount"):
            return None if text == "unknown" and name == "price" else int(parse_money(text))
        case FieldType.NUMBER if name == "time":
            hour, _, minute = text.partition(":")
            clock = _number(int, hour) * 60 + _number(int, minute)
            if not 0 <= clock < 24 * 60:
                raise ValueError("a day has 24 hours")
            return clock
        case FieldType.NUMBER:
            return _number(float, text)
        case FieldType.STRINGS:
            return [one.strip() for one in text.split(",") if one.strip()]
        case _ if name == "finality" and text not in list(Finality):
            raise ValueError("it is one of " + ", ".join(Finality))
        case _:
            return text


def _number(kind: type[int] | type[float], text: str) -> Any:
    try:
        number = kind(text)
    except ValueError:
        raise ValueError("it is a number") from None
    if number != number or len(text) > 30:
        raise ValueError("it is a number")
    return number
