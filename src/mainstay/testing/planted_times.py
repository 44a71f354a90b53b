"""Planted bugs in schedules, delays, deadlines, and in what is remembered of directors that ended untimely.

See `testing.planted`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from mainstay.kernel.events import DirectorStarted
from mainstay.kernel.house import House
from mainstay.kernel.plan import Missed, Schedule
from mainstay.kernel.state import Phase, TaskState, is_deferred
from mainstay.kernel.values import Instant
from mainstay.runtime import schedules
from mainstay.runtime.director import Director
from mainstay.runtime.recovering import to_recover
from mainstay.runtime.tick import Request
from mainstay.runtime.waiting import Waiting
from mainstay.testing.planting import Planted
from mainstay.testing.process import Parts
from mainstay.workflows.calendar import find_zone

_real_firings = schedules.firings


class _FiringsForgottenAtBoot(Director):
    def acquire(self) -> None:
        super().acquire()
        self.house.fired.clear()


def _always_intervals(schedule: Schedule, after: Instant) -> Iterator[Instant]:
    return schedules._intervals(schedule.cron, find_zone(schedule.zone), after)


def _without_gaps(cron: str, zone: tzinfo, after: Instant) -> Iterator[Instant]:
    for shown in schedules._shown(cron, schedules._wall(after, zone)):
        instant = schedules._instant(shown.replace(tzinfo=zone))
        if schedules._wall(instant, zone) == shown and instant > after:
            yield instant


def _missed_forgotten(schedule: Schedule, *given: Any, **named: Any) -> schedules.Firing:
    return _real_firings(replace(schedule, missed=Missed.SKIP), *given, **named)


def _also_delayed(task: TaskState) -> bool:
    return task.phase is Phase.DELAYED or is_deferred(task)


def _crash_loop_not_noticed(*given: Any, unclean: int, **named: Any) -> list[Request]:
    return to_recover(*given, unclean=min(unclean, 1), **named)


def _never_untimely(self: House, epoch: int, version: str) -> DirectorStarted:
    return DirectorStarted(epoch, version, 0)


def _empty_lines_too(self: Waiting) -> tuple[str, ...]:
    return tuple(self._lines)


_SCHEDULES = "mainstay.runtime.schedules"

PLANTED_TIMES: tuple[Planted, ...] = (
    Planted("what a schedule fired is forgotten at boot", lambda: Parts(director=_FiringsForgottenAtBoot)),
    Planted("an hour that comes twice fires twice", patches=((_SCHEDULES, "_times", _always_intervals),)),
    Planted("a time that is left out never comes", patches=((_SCHEDULES, "_times_of_day", _without_gaps),)),
    Planted(
        "what a schedule missed is forgotten",
        patches=(("mainstay.runtime.inbox", "firings", _missed_forgotten),),
    ),
    Planted(
        "a task that is resumed does not wait its time",
        patches=(("mainstay.kernel.waking", "is_deferred", _also_delayed),),
    ),
    Planted(
        "a deadline is not looked at",
        patches=(("mainstay.kernel.going", "_too_late", lambda draft, number, deadline_us: False),),
    ),
    Planted(
        "a crash loop is not noticed",
        patches=(("mainstay.runtime.director", "to_recover", _crash_loop_not_noticed),),
    ),
    Planted(
        "untimely ends are not counted",
        patches=(("mainstay.kernel.house", "House.started", _never_untimely),),
    ),
    Planted(
        "an empty line looks like room",
        patches=(("mainstay.runtime.waiting", "Waiting.scopes", _empty_lines_too),),
    ),
)
