"""Checks of time: delays, deadlines, and schedules by the clock on a wall, over its changes too.

The times of a schedule are found here a second way, slowly: from the local days that a stretch of time touches, or
minute by minute. Both ways agree, or one of them is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from mainstay.kernel.events import (
    BudgetRefused,
    DeadlineSet,
    Event,
    PlanAccepted,
    RunDelayed,
    RunEvent,
    RunFailed,
    RunForked,
    RunStarted,
    ScheduleFired,
    StartDeferred,
    TaskFailed,
    TaskStarted,
    WorkflowRetired,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Missed, Schedule
from mainstay.kernel.state import RunState
from mainstay.kernel.values import DAY, MINUTE, SECOND, Instant
from mainstay.testing.checkers.books import Books
from mainstay.testing.checkers.promise import demand
from mainstay.testing.process import Process

LATE_US = MINUTE
WEEK = 8 * DAY  # every expression that is drawn comes at least once in it


class Waits:
    """Nothing starts before its time, and nothing after its deadline."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.runs_until: dict[RunId, Instant] = {}
        self.tasks_until: dict[tuple[RunId, int], Instant] = {}
        self.first_started: dict[tuple[RunId, int], Instant] = {}

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        paths = self.books.paths
        match event:
            case RunDelayed(until=until):
                self.runs_until[run] = until
                paths["run delayed"] += 1
            case PlanAccepted(plan=plan):
                begins = self.runs_until.get(run)
                demand(begins is None or at >= begins, "a run begins in its time", f"{run} at {at}")
                delayed = not plan.workflow.delay_us or begins is not None
                demand(delayed, "a run waits as long as its workflow says", run)
            case StartDeferred(task=task, scope="delay", wake_at=until):
                self.tasks_until[run, task] = until
                paths["task delayed"] += 1
            case StartDeferred(task=task) | BudgetRefused(task=task):
                if at >= self.tasks_until.get((run, task), at):
                    # Its time had come, whatever the clock says later.
                    self.tasks_until[run, task] = Instant(0)
            case DeadlineSet():
                paths["deadline set"] += 1
            case TaskStarted(task=task, attempt=attempt):
                self._started(run, before, task, attempt, at)
            case TaskFailed(reason=reason) if "deadline" in reason:
                paths["a task's deadline passed"] += 1
            case RunFailed(reason=reason) if "deadline" in reason:
                paths["a run's deadline passed"] += 1
            case _:
                pass

    def _started(self, run: RunId, before: RunState, task: int, attempt: int, at: Instant) -> None:
        until = self.tasks_until.get((run, task))
        where = f"task {task} of {run}"
        spec = before.spec(task)
        if attempt == 1 and before.task(task).attempt == 0:
            demand(until is None or at >= until, "a task begins in its time", where)
            demand(not spec.delay_us or until is not None, "a task waits as long as it says", where)
            demand(until is not None or at >= spec.not_before, "a task begins in its time", where)
        if spec.deadline_us is not None:
            latest = self.first_started.setdefault((run, task), at) + spec.deadline_us
            deadline = before.deadline(task) or latest
            # It is reckoned once, when the task could first have begun; a clock that is set back makes that look late.
            ends = deadline if self.books.set_back else min(latest, deadline)
            demand(at < ends, "nothing starts after its deadline", where)


class Schedules:
    """Each time of a schedule comes at most once, and what was missed is made up for as the policy says."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.schedules: dict[str, Schedule] = {}
        self.seen: dict[str, Instant] = {}
        self.started: Counter[tuple[str, str]] = Counter()
        self.due_runs: dict[str, int] = {}  # runs that were announced and have not begun yet
        self.awaited: dict[str, Instant] = {}  # when each comes next

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        if isinstance(event, WorkflowRetired):
            self.awaited.pop(event.name, None)
        if not isinstance(event, ScheduleFired):
            return
        name, due = event.workflow, event.due
        since = self.seen.get(name)
        self.seen[name] = due
        schedule = self.schedules.get(name)
        if schedule is not None:
            self.awaited[name] = first_time(schedule, due)
        if since is None or schedule is None:
            return
        paths = self.books.paths
        demand(due > since, "a schedule goes forward", name)
        times = times_between(schedule, since, at)
        demand(
            bool(times) and due == times[-1], "a schedule fires at its times", f"{name}: {due}, {times[-3:]}"
        )
        missed = [one for one in times if one <= at - LATE_US]
        on_time = len(times) - len(missed)
        match schedule.missed:
            case Missed.SKIP:
                wanted = on_time
            case Missed.ONCE:
                wanted = on_time or min(1, len(missed))
            case Missed.ALL:
                wanted = min(100, len(times))
        demand(
            event.runs == wanted, "what a schedule missed is made up for as it says", f"{event}, not {wanted}"
        )
        self.due_runs[name] = self.due_runs.get(name, 0) + event.runs
        paths["schedule fired"] += 1
        paths[f"schedule missed: {schedule.missed}"] += bool(missed)
        zone = ZoneInfo(schedule.zone)
        paths["schedule over a change of the clock"] += _offset(zone, since) != _offset(zone, due)

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        if not isinstance(event, RunStarted | RunForked) or "schedule" not in after.head.trigger:
            return
        name, one = after.head.workflow, 1 if isinstance(event, RunStarted) else -1  # a fork is not due
        self.started[name, str(after.head.trigger["schedule"]["due"])] += one
        self.due_runs[name] = self.due_runs.get(name, 0) - one

    def are_awaited(self, process: Process) -> None:
        """After a commit: whoever performs has a timer for the next time of each schedule, or is about to look."""
        if not self.awaited or not process.performing:
            return
        # A time that is missed would be told as missed, by most policies without a trace: hence a look ahead.
        first = process.wakes_house_at()
        for name, at in self.awaited.items():
            demand(
                first is not None and first <= at,
                "the next time of a schedule is waited for",
                f"{name}: {at}, not {first}",
            )

    def one_run_each(self) -> None:
        """After a tick: no time has started two runs, forks aside."""
        for key, count in self.started.items():
            demand(count <= 1, "a time of a schedule starts one run", str(key))

    def all_began(self) -> None:
        """At the end: every run that a schedule was to start began."""
        for name, missing in self.due_runs.items():
            demand(missing == 0, "a schedule starts what it says", f"{name}: {missing} missing")


# --- the times of a schedule, a second way --------------------------------------------------------


def can_check(schedule: Schedule) -> bool:
    """Whether the second way knows this expression: every day of every month, in numbers."""
    minute, hour, day, month, weekday = schedule.cron.split()
    plain = all(set(part) <= set("0123456789*,-/") for part in (minute, hour, weekday))
    return plain and day == month == "*" and "7" not in weekday


def times_between(schedule: Schedule, after: Instant, until: Instant) -> list[Instant]:
    """Every time strictly after one instant up to and with another."""
    return sorted({one for one in _found(schedule, after, until) if after < one <= until})


def _found(schedule: Schedule, after: Instant, until: Instant) -> Iterator[Instant]:
    """The times of a stretch, and of the days at its ends; in their order where they come by the minute."""
    zone = ZoneInfo(schedule.zone)
    if _is_interval(schedule):
        return _by_the_minute(schedule.cron, zone, after, until)
    return _by_the_day(schedule.cron, zone, after, until)


def _is_interval(schedule: Schedule) -> bool:
    minute, hour, *_ = schedule.cron.split()
    return minute.startswith("*") or hour.startswith("*")


def first_time(schedule: Schedule, after: Instant) -> Instant:
    """The first time strictly after an instant."""
    until = Instant(after + WEEK)
    found = _found(schedule, after, until)
    return next(found) if _is_interval(schedule) else min(one for one in found if one > after)


def _by_the_minute(cron: str, zone: ZoneInfo, after: Instant, until: Instant) -> Iterator[Instant]:
    minutes, hours, days = _fields(cron)
    at = Instant((after // MINUTE + 1) * MINUTE)
    while at <= until:
        shown = datetime.fromtimestamp(at // SECOND, zone)
        if shown.minute in minutes and shown.hour in hours and shown.isoweekday() % 7 in days:
            yield at
        at = Instant(at + MINUTE)


def _by_the_day(cron: str, zone: ZoneInfo, after: Instant, until: Instant) -> Iterator[Instant]:
    minutes, hours, days = _fields(cron)
    day = datetime.fromtimestamp(after // SECOND, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until // SECOND, zone).date() + timedelta(days=1)
    while day <= last:
        for hour in sorted(hours) if day.isoweekday() % 7 in days else ():
            for minute in sorted(minutes):
                yield _instant_of(datetime(day.year, day.month, day.day, hour, minute), zone)
        day += timedelta(days=1)


def _instant_of(wall: datetime, zone: ZoneInfo) -> Instant:
    """When a wall shows this for the first time; where it never does, when it first shows something later."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return _micros(first)
    at = first - timedelta(hours=3)
    while at.astimezone(zone).replace(tzinfo=None) < wall:
        at += timedelta(minutes=1)
    return _micros(at)


def _micros(moment: datetime) -> Instant:
    return Instant(round(moment.timestamp()) * SECOND)


def _offset(zone: ZoneInfo, at: Instant) -> timedelta | None:
    return datetime.fromtimestamp(at // SECOND, zone).utcoffset()


@lru_cache
def _fields(cron: str) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """Minutes, hours and days of the week (0 is Sunday) of an expression as the simulation draws them."""
    minute, hour, _, _, day = cron.split()
    return _numbers(minute, 60), _numbers(hour, 24), _numbers(day, 7)


def _numbers(text: str, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first, last = (0, most - 1) if span == "*" else (int(low), int(high or low))
        found.update(range(first, last + 1, int(step or 1)))
    return frozenset(found)
