"""What travels between the doors, the director, the loop and the performer: requests in, consequences out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mainstay.kernel.commands import Command
from mainstay.kernel.effects import Effect
from mainstay.kernel.plan import Priority
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.store import RowChange, StreamAppend

DIRECTOR = "director"


@dataclass(slots=True)
class Request:
    """A command on its way, with who sent it and what led to it. Blobs become durable with its events."""

    command: Command
    actor: str = DIRECTOR
    cause: int = 0  # position of the event that led here
    blobs: Mapping[Digest, bytes] = field(default_factory=dict)
    answer: Callable[[Answer], None] | None = None  # called once, after the commit
    follow: Sequence[Command] = ()  # decided directly after, in the same tick, if this led to any event


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: how many events it led to, and the position of the last."""

    events: int
    position: int
    detail: Json = field(default_factory=dict)


@swift
@dataclass(frozen=True, slots=True)
class Owed:
    """An effect to perform, and the position of the event that owes it."""

    effect: Effect
    cause: int
    priority: Priority = Priority.NORMAL


@dataclass(slots=True)
class Tick:
    """What one round of commands led to."""

    at: Instant
    batch: list[StreamAppend] = field(default_factory=list)
    changes: list[RowChange] = field(default_factory=list)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    effects: list[Owed] = field(default_factory=list)
    answers: list[tuple[Callable[[Answer], None], Answer]] = field(default_factory=list)
    events: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.events or self.changes or self.blobs)
