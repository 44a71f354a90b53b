"""The counts that objectives are read from, by the minute, kept up with the views.

A `Tally` is filled from the last three days once and then read on from the last whole minute, so that a look each
minute costs what happened in it, however long the ledger is. Times that are not recorded yet are not counted: what
never comes shows when its run fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mainstay.governance.objectives import BUDGET_US, WINDOWS, Count, Kind, Objective, Reading, read
from mainstay.kernel.state import RUN
from mainstay.kernel.values import MINUTE, Instant, Json
from mainstay.ledger.store import EventReader, Value

ROWS_MAX = 1_000_000
BREACHES_MAX = 10_000
Objectives = Mapping[str, tuple[Objective, ...]]  # by workflow
Minutes = dict[int, list[int]]  # by the minute: bad, and all


@dataclass(slots=True)
class Tally:
    """What happened of late, by workflow and kind of objective."""

    objectives: Objectives
    _minutes: dict[tuple[str, Kind], Minutes] = field(default_factory=dict)
    _read_to: int = 0  # whole minutes before this one are counted for good

    def catch_up(self, store: EventReader, now: Instant) -> None:
        """Count what was recorded since the last look; what has fallen out of the budget's window is forgotten."""
        this, oldest = now // MINUTE, (now - BUDGET_US) // MINUTE
        if this < self._read_to:  # the clock was set back
            self._read_to = 0
        since = max(self._read_to, oldest)
        for minutes in self._minutes.values():
            for minute in [one for one in minutes if one >= since or one < oldest]:
                del minutes[minute]
        self._count_ends(store, since)
        self._count_latencies(store, since * MINUTE)
        self._count_mistakes(store, since * MINUTE)
        self._read_to = this

    def readings(self, now: Instant) -> tuple[Reading, ...]:
        """How every objective stands."""
        return tuple(
            read(workflow, one, self._windows(self._minutes.get((workflow, one.kind), {}), now))
            for workflow, objectives in self.objectives.items()
            for one in objectives
        )

    @staticmethod
    def _windows(minutes: Minutes, now: Instant) -> dict[str, Count]:
        return {name: _counted(minutes, now - length_us, now) for name, length_us in WINDOWS.items()}

    def course(self, workflow: str, kind: Kind, now: Instant, *, parts: int) -> tuple[Count, ...]:
        """The window of the budget in so many parts, oldest first."""
        minutes, length_us = self._minutes.get((workflow, kind), {}), BUDGET_US // parts
        began = now - BUDGET_US
        return tuple(
            _counted(minutes, began + length_us * part, began + length_us * (part + 1))
            for part in range(parts)
        )

    def _add(self, workflow: Value, kind: Kind, minute: int, bad: int, total: int) -> None:
        count = self._minutes.setdefault((str(workflow), kind), {}).setdefault(minute, [0, 0])
        count[0] += bad
        count[1] += total

    def _count_ends(self, store: EventReader, since: int) -> None:
        for row in store.select("ended", order="minute", after=since - 1, limit=ROWS_MAX):
            well, badly = _number(row["succeeded"]), _number(row["failed"])
            self._add(row["workflow"], Kind.SUCCESS, _number(row["minute"]), badly, well + badly)

    def _count_latencies(self, store: EventReader, since: int) -> None:
        within = {
            (workflow, one.kind): one.within_us
            for workflow, objectives in self.objectives.items()
            for one in objectives
            if one.within_us
        }
        for row in store.select("samples", order="proposed_at", after=since - 1, limit=ROWS_MAX):
            limit = within.get((str(row["workflow"]), Kind.PROPOSAL))
            proposed_at = _number(row["proposed_at"])
            if limit is not None:
                late = _waited(store, row, limit) > limit
                self._add(row["workflow"], Kind.PROPOSAL, proposed_at // MINUTE, late, 1)
        for row in store.select("samples", order="done_at", after=since - 1, limit=ROWS_MAX):
            done_at, decided_at = _number(row["done_at"]), row["decided_at"]
            self._add(row["workflow"], Kind.EXACTNESS, done_at // MINUTE, 0, 1)
            limit = within.get((str(row["workflow"]), Kind.EFFECT))
            if limit is not None and decided_at is not None:
                late = done_at - _number(decided_at) > limit
                self._add(row["workflow"], Kind.EFFECT, done_at // MINUTE, late, 1)

    def _count_mistakes(self, store: EventReader, since: int) -> None:
        for row in store.select("mistakes", order="at", after=since - 1, limit=ROWS_MAX):
            self._add(row["workflow"], Kind.EXACTNESS, _number(row["at"]) // MINUTE, 1, 0)


def _counted(minutes: Minutes, after_us: int, until_us: int) -> Count:
    """What happened in the minutes after the one time and up to that of the other; the shorter way of finding it."""
    after, last = after_us // MINUTE, until_us // MINUTE
    if last - after < len(minutes):
        within = [minutes[minute] for minute in range(after + 1, last + 1) if minute in minutes]
    else:
        within = [count for minute, count in minutes.items() if after < minute <= last]
    return Count(sum(one[0] for one in within), sum(one[1] for one in within))


def readings(store: EventReader, objectives: Objectives, now: Instant) -> tuple[Reading, ...]:
    """How every objective stands, by one look at the last three days."""
    tally = Tally(objectives)
    tally.catch_up(store, now)
    return tally.readings(now)


def open_breaches(store: EventReader) -> list[Json]:
    """The objectives that are missed, as rows of the view `objectives`."""
    return store.select("objectives", where={"met_at": None}, limit=BREACHES_MAX)


def _waited(store: EventReader, row: Mapping[str, Value], limit: int) -> int:
    """How long the proposal took: what waited in line or was paused could go only from a later moment on."""
    proposed_at, began_at = _number(row["proposed_at"]), _number(row["began_at"])
    if proposed_at - began_at > limit:
        of_run = store.get("samples", (row["run"], RUN))
        could_go = _number(of_run["began_at"]) if of_run is not None else 0
        if could_go <= proposed_at:
            began_at = max(began_at, could_go)
    return proposed_at - began_at


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0
