"""Every type of event described from its own source: what it says, its fields and what each of them means.

What is said of an event is its docstring; what is said of a field is the comment on its line. `docs/events.md` is made
from the same (`scripts/make_event_docs.py`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any

from mainstay.kernel.events import NUMBERS, Event
from mainstay.ledger.codec import event_name
from mainstay.ledger.upcasters import UPCASTERS, schema_of


@dataclass(frozen=True, slots=True)
class StreamKind:
    """Streams of one sort, and the numbers of the events that they hold."""

    name: str  # "run:ID"
    numbers: Collection[int]
    about: str


@dataclass(frozen=True, slots=True)
class EventField:
    """One field. `default` is how it would be written in code; empty: it must be given."""

    name: str
    type: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event."""

    number: int
    name: str  # "run.started/1"
    kind: str  # "RunStarted"
    stream: str  # "run:ID"
    meaning: str
    fields: tuple[EventField, ...]


STREAMS = (
    StreamKind("run:ID", (*range(1, 40), *range(70, 80), 85, 86), "One run of a workflow."),
    StreamKind("inbox:MAILBOX", range(40, 50), "What came in from one source."),
    StreamKind("workspace", range(50, 70), "The workspace itself."),
    StreamKind("memory", range(80, 85), "What is remembered, and what was learned."),
    StreamKind("autonomy", range(90, 94), "What may happen by itself, and on which evidence."),
    StreamKind("governance", range(94, 120), "Who may look and decide; what was signed, trusted, forgotten."),
)


# What a field means in every event that says nothing else of it.
COMMON = {
    "act": "which operation, as the workflow names it: email.reply",
    "action": "the effect, rendered whole",
    "actor": "who decided it",
    "approval": "the id of the card",
    "attempt": "which one of its task, from 1",
    "cost": "what it cost, in millionths of a dollar",
    "definition": "the digest of the workflow's definition",
    "digest": "of exactly this effect",
    "evidence": "what it relied on, by name and version",
    "expires_at": "when silence ends it",
    "failure": "in which way it failed",
    "hold": "what is held for it at most, in millionths of a dollar",
    "input_tokens": "read by a language model",
    "inspector": "the number of the inspecting task",
    "mailbox": "which one, as the settings name it",
    "name": "as its file has it",
    "open_us": "how long the card was open",
    "output": "what it gave; texts are references to sealed blobs",
    "output_tokens": "written by a language model",
    "plan": "the digest of the definition that is followed",
    "rationale": "why, in plain words",
    "reason": "why, as it was said",
    "reason_sealed": "why, as a person typed it, sealed",
    "retry_at": "when the next attempt is due",
    "rule": "which rule of the policy decided",
    "run": "its id",
    "subject": "whose personal values these are, by keyed hash",
    "task": "its number in the run",
    "tasks": "their numbers in the run",
    "thread": "keyed hash of the thread's root",
    "until": "when that ends",
    "version": "its number",
    "wake_at": "when a clock tries again",
    "withdrawn": "the card, or cards, that no longer wait",
    "workflow": "its name",
}


@cache
def event_types() -> tuple[EventType, ...]:
    """All of them, stream by stream."""
    return tuple(
        _described(number, NUMBERS[number], stream.name)
        for stream in STREAMS
        for number in stream.numbers
        if number in NUMBERS
    )


def _described(number: int, kind: type[Event], stream: str) -> EventType:
    meanings = dict(_comments(kind))
    return EventType(
        number,
        event_name(number, schema_of(number, UPCASTERS)),
        kind.__name__,
        stream,
        inspect.cleandoc(kind.__doc__ or ""),
        tuple(
            EventField(
                one.name,
                str(one.type),
                _default(one),
                meanings.get(one.name) or COMMON.get(one.name, ""),
            )
            for one in fields(kind)
        ),
    )


def _default(one: Field[Any]) -> str:
    if one.default is not MISSING:
        return repr(one.default)
    return repr(one.default_factory()) if one.default_factory is not MISSING else ""


def _comments(kind: type[Event]) -> list[tuple[str, str]]:
    return re.findall(r"^    (\w+): [^#\n]*#\s*(.+)$", inspect.getsource(kind), re.MULTILINE)
