"""Who listens to a history: the raw log for developers, and the same told in plain words for operators.

A listener hears every durable event with the run's state after it, and asides: what happened outside of the ledger
(a crash, a call, an effect that took place).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mainstay.governance.narration import say
from mainstay.governance.words import moment, short_run
from mainstay.kernel.events import (
    CursorAdvanced,
    DirectorStarted,
    Event,
    OperatorNotified,
    PlanAccepted,
    RunStarted,
    WorkflowRegistered,
)
from mainstay.kernel.ids import RunId, run_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import RecordedEvent

_UNTOLD = (CursorAdvanced, DirectorStarted, OperatorNotified, PlanAccepted, WorkflowRegistered)
_SEALED = re.compile(r"sealed:\S+")
_ASIDES = {
    "boot": "A director starts",
    "crash": "The process crashes: {}",
    "disk failed": "The disk fails, and the process with it",
    "disk full": "The disk is full: what was decided waits",
    "asleep": "The process falls asleep, and another one takes its place",
    "stop": "The director stops as it should",
    "restore": "The machine is lost; a new one begins with a backup, under the kill switch",
    "visit": "A command decides under the lock: no director is at work",
    "call": "{} is called",
    "happened": "It takes effect at {}",
}


class Listener(Protocol):
    """Hears a history."""

    def event(self, recorded: RecordedEvent, event: Event, after: RunState | None) -> None:
        """Something became durable; `after` is the state of its run."""
        ...

    def aside(self, at: Instant, kind: str, detail: str) -> None:
        """Something happened that the ledger cannot know."""
        ...


@dataclass(slots=True)
class RawStory:
    """Every event as it is."""

    lines: list[str] = field(default_factory=list)

    def event(self, recorded: RecordedEvent, event: Event, after: RunState | None) -> None:
        """See `Listener.event`."""
        self.lines.append(f"{recorded.position:5d}  {recorded.stream[:16]:16s} {event}")

    def aside(self, at: Instant, kind: str, detail: str) -> None:
        """See `Listener.aside`."""
        self.lines.append(f"       ~ {kind} {detail}".rstrip())


@dataclass(slots=True)
class PlainStory:
    """The same in sentences; runs are numbered, and what only keeps the house in order is left out."""

    open_text: Callable[[str], str]
    lines: list[str] = field(default_factory=list)
    numbers: dict[RunId, int] = field(default_factory=dict)

    def event(self, recorded: RecordedEvent, event: Event, after: RunState | None) -> None:
        """See `Listener.event`."""
        if isinstance(event, RunStarted):
            self.numbers[event.run] = len(self.numbers) + 1
        if isinstance(event, _UNTOLD):
            return
        text = self._with_numbers(say(event, self.open_text))
        self._line(recorded.at, self._about(recorded, event, after), self._opened(text))

    def aside(self, at: Instant, kind: str, detail: str) -> None:
        """See `Listener.aside`."""
        self._line(at, "*", _ASIDES[kind].format(detail))

    def _about(self, recorded: RecordedEvent, event: Event, after: RunState | None) -> str:
        if after is None:
            return ""
        number = getattr(event, "task", None)
        known = isinstance(number, int) and after.plan is not None and after.exists(number)
        task = f", {after.name(number)}" if known and number is not None else ""
        return f"run {self.numbers.get(run_of(recorded.stream), 0)}{task}"

    def _with_numbers(self, text: str) -> str:
        for run, number in self.numbers.items():
            text = text.replace(f"run {short_run(run)}", f"run {number}")
        return text

    def _opened(self, text: str) -> str:
        return _SEALED.sub(lambda found: self.open_text(found[0]), text)

    def _line(self, at: Instant, about: str, text: str) -> None:
        self.lines.append(
            f"{moment(at)}  {about + ': ' if about not in ('', '*') else '* ' * bool(about)}{text}."
        )
