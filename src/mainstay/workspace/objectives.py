"""Objectives of a workspace: the watcher beside the director, and the same for whoever asks.

The watcher looks every minute, and first of all when the director comes up: what was recorded before a downtime counts
then. It only says what it sees; that a miss is recorded once and lets what went by itself ask again is decided by the
director. Nothing that goes wrong here stops the work.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mainstay.config.objectives import ObjectiveSettings
from mainstay.governance.objectives import Count, Reading
from mainstay.governance.operator_time import OperatorTime, operator_time
from mainstay.governance.samples import Objectives, Tally, open_breaches, readings
from mainstay.kernel.commands import BreachObjective, MeetObjective
from mainstay.kernel.errors import MainstayError, NotFound
from mainstay.kernel.values import Instant
from mainstay.ledger.store import EventReader
from mainstay.runtime.clock import Clock
from mainstay.runtime.tick import Request

log = logging.getLogger("mainstay")

LOOK_EVERY_S = 60.0
_MISSED_MAX = 10_000


def objectives_of(settings: ObjectiveSettings, workflows: Collection[str]) -> Objectives:
    """What is asked of each of these workflows."""
    return {name: settings.of(name) for name in sorted(workflows)}


class ObjectivesWatch:
    """Looks at the objectives of one director's workflows, and tells it what is missed and what is met again."""

    def __init__(
        self,
        store: EventReader,
        settings: ObjectiveSettings,
        workflows: Callable[[], Collection[str]],
        clock: Clock,
        send: Callable[[Request], None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._workflows = workflows
        self._clock = clock
        self._send = send
        self._tally = Tally({})
        self.readings: tuple[Reading, ...] = ()  # of the last look

    async def run(self) -> None:
        """Look every minute until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.count)  # the first time, three days are read
                self.tell()
            except MainstayError as error:
                log.warning("objectives could not be looked at", extra={"error": type(error).__name__})
            await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """One look."""
        self.count()
        self.tell()

    def count(self) -> None:
        """Count what was recorded since the last look."""
        wanted = objectives_of(self._settings, self._workflows())
        if wanted != self._tally.objectives:
            self._tally = Tally(wanted)
        now = self._clock.now()
        self._tally.catch_up(self._store, now)
        self.readings = self._tally.readings(now)

    def tell(self) -> None:
        """Say what is missed, what is met again, and what nobody asks of a workflow any more."""
        missed = {(str(row["workflow"]), str(row["objective"])) for row in open_breaches(self._store)}
        for reading in self.readings:
            place = (reading.workflow, str(reading.objective.kind))
            breach = reading.breach
            if breach is not None and place not in missed:
                counts = (breach.bad, breach.total, breach.burn_milli)
                self._send(Request(BreachObjective(*place, breach.window, *counts)))
            elif reading.met and place in missed:
                self._send(Request(MeetObjective(*place)))
            missed.discard(place)
        for workflow, objective in sorted(missed):
            self._send(Request(MeetObjective(workflow, objective)))


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """How an objective stands, and since when it is missed."""

    reading: Reading
    missed_since: int | None  # as the director has it on record

    @property
    def state(self) -> str:
        """In one word: missed, burning (not on record yet), recovering, met, or quiet (nothing happened)."""
        if self.missed_since is not None:
            return "recovering" if self.reading.breach is None else "missed"
        if self.reading.breach is not None:
            return "burning"
        return "met" if self.reading.of_budget.total or self.reading.of_budget.bad else "quiet"


@dataclass(frozen=True, slots=True)
class Course:
    """How an objective stands and how it came to that: the window of its budget in parts, oldest first."""

    state: ObjectiveState
    parts: tuple[Count, ...]
    written: int | None  # the line of mainstay.toml that asks for it; None: what is asked of every workflow


class Slo:
    """Objectives, for whoever reads: no director is needed."""

    def __init__(
        self,
        store: Callable[[], EventReader],
        settings: Callable[[], ObjectiveSettings],
        clock: Clock,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._tally = Tally({})

    def courses(self, *, parts: int = 24) -> tuple[Course, ...]:
        """Every objective now, and its last three days. Counts are kept: the next look reads what is new since."""
        store, settings, now = self._store(), self._settings(), self._clock.now()
        names = [str(row["name"]) for row in store.select("workflows", limit=_MISSED_MAX)]
        wanted = objectives_of(settings, names)
        if wanted != self._tally.objectives:
            self._tally = Tally(wanted)
        self._tally.catch_up(store, now)
        missed = _missed(store)
        return tuple(
            Course(
                ObjectiveState(one, missed.get((one.workflow, str(one.objective.kind)))),
                self._tally.course(one.workflow, one.objective.kind, now, parts=parts),
                settings.lines.get(one.workflow),
            )
            for one in self._tally.readings(now)
        )

    def show(self, workflow: str = "", *, at: Instant | None = None) -> tuple[ObjectiveState, ...]:
        """How every objective, or those of one workflow, stand now or at that time. Raises `NotFound`."""
        store = self._store()
        names = [str(row["name"]) for row in store.select("workflows", limit=_MISSED_MAX)]
        if workflow and workflow not in names:
            raise NotFound(
                f"There is no workflow {workflow!r}.",
                why="Only a workflow that is in force has objectives.",
                remedy=f"Name one of these: {', '.join(sorted(names))}."
                if names
                else "Run `mainstay up` first.",
                workflow=workflow,
            )
        wanted = objectives_of(self._settings(), [workflow] if workflow else names)
        missed = _missed(store)
        found = readings(store, wanted, self._clock.now() if at is None else at)
        return tuple(
            ObjectiveState(one, missed.get((one.workflow, str(one.objective.kind)))) for one in found
        )

    def minutes(self, workflow: str = "", *, weeks: int = 4) -> tuple[OperatorTime, ...]:
        """What the workflows took of the operator's own time, by week."""
        found = operator_time(self._store(), self._clock.now(), weeks=weeks)
        return tuple(one for one in found if workflow in ("", one.workflow))


def _missed(store: EventReader) -> dict[tuple[str, str], int]:
    """Since when each objective that is missed is."""
    return {(row["workflow"], row["objective"]): row["breached_at"] for row in open_breaches(store)}
