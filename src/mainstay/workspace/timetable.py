"""When each schedule is due next, and what came of it so far, read from the ledger alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import Value

_ALL = 100_000
_COUNTED_MAX = 1_000  # times that came and were not seen to


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A workflow that starts by the calendar. Times are microseconds since 1970; None: never."""

    workflow: str
    cron: str
    zone: str
    missed_policy: str  # skip, once, all: what becomes of times that come while no director is at work
    next_at: Instant | None  # the first time from now on; it may never come again
    last_at: Instant | None  # the last time that was seen to
    overdue: int  # times that came since and were not seen to; a director sees to them when it starts
    runs: int  # started so far
    missed: int
    dropped: int
    paused: bool  # the workflow or the workspace: runs begin, and wait


def timetable(store: SqliteReader, plan_of: Callable[[Digest], Plan], *, now: Instant) -> list[Scheduled]:
    """Every workflow in force that has a schedule, the next one due first."""
    from mainstay.runtime.schedules import dues, next_due

    paused = {(row["scope"], row["name"]) for row in store.select("pauses", limit=_ALL)}
    found: list[Scheduled] = []
    for row in store.select("workflows", limit=_ALL):
        name = str(row["name"])
        on = plan_of(Digest(str(row["definition"]))).workflow.on
        if on is None or on.schedule is None:
            continue
        schedule = on.schedule
        fired = store.get("schedules", (name,)) or {}
        last = Instant(_number(fired["due"])) if fired else None
        try:
            coming: Instant | None = next_due(schedule, max(now, last or now))
        except ValueError:
            coming = None
        found.append(
            Scheduled(
                workflow=name,
                cron=schedule.cron,
                zone=schedule.zone,
                missed_policy=str(schedule.missed),
                next_at=coming,
                last_at=last,
                overdue=0 if last is None else len(dues(schedule, last, now, _COUNTED_MAX)),
                runs=_number(fired.get("runs")),
                missed=_number(fired.get("missed")),
                dropped=_number(fired.get("dropped")),
                paused=("workspace", "") in paused or ("workflow", name) in paused,
            )
        )
    return sorted(found, key=lambda one: (one.next_at is None, one.next_at or 0, one.workflow))


def _number(value: Value | object) -> int:
    return value if isinstance(value, int) else 0
