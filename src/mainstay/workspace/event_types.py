"""The types of events for who builds upon them: number, name, stream, fields, and an example from this ledger.

What is said of a type is its docstring and what is said of a field is the comment on its line, so that this, the
page `docs/events.md` and the code cannot disagree (`ledger.event_types`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

import msgspec

from mainstay.kernel.errors import NotFound
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.event_types import EventType, event_types
from mainstay.ledger.store import EventReader
from mainstay.workspace.looking_back import newest

BACK = 20_000  # events that are looked through for an example of a frequent type


@dataclass(frozen=True, slots=True)
class Example:
    """An event as its bytes stand in the ledger: what is personal in it is sealed."""

    position: int
    stream: str
    version: int
    schema: int
    at: Instant
    actor: str
    data: Json
    size_bytes: int


@dataclass(slots=True)
class EventTypes:
    """All types, and what this ledger has of them."""

    store: Callable[[], EventReader]

    def all(self) -> tuple[EventType, ...]:
        """Every type, by stream and number."""
        return event_types()

    def find(self, name: str) -> EventType:
        """One of them, as `run.started`, `run.started/1` or by number. Raises `NotFound`."""
        asked = name.partition("/")[0].lower()
        for one in event_types():
            if asked in (one.name.partition("/")[0], str(one.number)):
                return one
        raise NotFound(
            f"There is no type of event {name[:60]!r}.",
            why="No version of Mainstay up to this one writes such events.",
            remedy="The list of types has them all.",
        )

    def example(self, kind: EventType) -> Example | None:
        """The latest event of that type; of a frequent one, if it is among the newest of all."""
        one = newest(self.store(), kind.number, most=BACK)
        if one is None:
            return None
        return Example(
            one.position,
            one.stream,
            one.version,
            one.schema,
            one.at,
            one.actor,
            msgspec.json.decode(one.data),
            len(one.data),
        )


def plain(event: Any) -> Json:
    """An event's fields as JSON, without those that have their default."""
    shown: Json = {}
    for one in fields(event):
        value = getattr(event, one.name)
        if value != one.default:
            shown[one.name] = _plain(value)
    return shown


def _plain(value: Any) -> Any:
    match value:
        case Plan():
            return {"definition": value.digest, "workflow": value.workflow.name, "tasks": value.size}
        case Enum():
            return value.value
        case dict():
            return {str(name): _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value):
            return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
        case _:
            return value
