"""New values for fields of a run that is forked, as a person writes them: `annotate.intent=refund`.

A value that is JSON is taken as that, anything else as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mainstay.kernel.errors import CommandRefused


def read_changes(lines: Iterable[str]) -> dict[str, Any]:
    """The value of each field. Raises `CommandRefused` for what is no FIELD=VALUE, or names a field twice."""
    found: dict[str, Any] = {}
    for line in lines:
        name, text = field_and_text(line)
        if name in found:
            raise CommandRefused(f"{name} is set twice.", remedy="Set each field once.")
        found[name] = value_of(name, text)
    return found


def field_and_text(line: str) -> tuple[str, str]:
    """The two sides of FIELD=VALUE. Raises `CommandRefused` where there are not two."""
    name, equals, text = line.partition("=")
    name = name.strip()
    if not equals or not name:
        raise CommandRefused(
            f"{line[:60]!r} is no change.",
            why="It has no field, an equals sign and a value.",
            remedy="Write FIELD=VALUE, for instance annotate.intent=refund.",
        )
    return name, text


def value_of(name: str, text: str) -> Any:
    """JSON where it is JSON, else text. Raises `CommandRefused` for what begins like JSON and is none."""
    if text.lstrip()[:1] in ("{", "[", '"'):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CommandRefused(
                f"The value of {name} begins like JSON and is none.",
                why=str(error),
                remedy="Mend it, or begin the text with another character.",
            ) from error
    try:
        return json.loads(text)
    except ValueError:
        return text
