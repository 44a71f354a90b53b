"""Which instants a schedule means, and which runs those that have come should start. No state and no clock.

A schedule speaks of the clock on a wall, and that clock is put forward and back. Two kinds of schedule are told
apart as Debian's cron does:

- Times of day (`30 2 * * *`, `0 9-17 * * *`: neither minute nor hour begins with a star) come once each. One that is
  left out when clocks go forward comes at the moment of the change; one that comes twice when they go back, the
  first time.
- Intervals (`*/15 * * * *`, `0 * * * *`) come whenever the wall shows them: never in the hour that is left out, and
  twice in the hour that is repeated, so that the distance between two stays what it was.

`cronsim` reads the fields and steps through days without a zone; what a zone does to them is decided here, since its
own stepping through zones skips times where a zone moves by half an hour (Lord Howe). croniter was looked at too: it
carries a second date library and ten times the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import assert_never

from cronsim import CronSim

from mainstay.kernel.plan import Missed, Schedule
from mainstay.kernel.values import DAY, SECOND, Instant, Json
from mainstay.workflows.calendar import find_zone

LATE_US = 60 * SECOND  # a time that came less than this ago was not missed: the director is just on its way
RUNS_MAX = 100  # so many runs at most make up for what was missed
COUNT_MAX = 10_000  # so many missed times are counted at most: a week of a schedule of every minute
_EPOCH = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Firing:
    """What has come of a schedule in a stretch of time: start these runs, and remember `due` as the last time seen.

    `runs` are the times that each start a run, oldest first; `missed` counts the times that came longer than the
    tolerance ago, `dropped` those of all times that start nothing. With no time at all `due` is where the stretch
    began. `capped` says that there were more times than were counted.
    """

    runs: tuple[Instant, ...]
    due: Instant
    missed: int
    dropped: int
    capped: bool = False


def next_due(schedule: Schedule, after: Instant) -> Instant:
    """The first time strictly after an instant. Raises `ValueError` where there is none within 50 years."""
    found = next(_times(schedule, after), None)
    if found is None:
        raise ValueError(f"the schedule {schedule.cron!r} never comes again")
    return found


def dues(schedule: Schedule, after: Instant, until: Instant, limit: int) -> tuple[Instant, ...]:
    """The times strictly after one instant up to and with another, oldest first, at most `limit`."""
    found: list[Instant] = []
    for due in islice(_times(schedule, after), limit):
        if due > until:
            break
        found.append(due)
    return tuple(found)


def firings(schedule: Schedule, after: Instant, until: Instant, tolerance_us: int = LATE_US) -> Firing:
    """What a schedule starts at `until`, having been looked at last at `after`.

    A time that came less than the tolerance ago is on time and starts its run whatever the policy. Of those that were
    missed `skip` starts none, `all` one each up to `RUNS_MAX`, the oldest dropped, and `once` one for all, due at the
    last; where that last one is on time, its run is the one.
    """
    found = dues(schedule, after, until, COUNT_MAX + 1)
    capped = len(found) > COUNT_MAX
    if capped:
        found = _newest(schedule, after, until)
    if not found:
        return Firing((), after, 0, 0)
    missed = tuple(due for due in found if due <= until - tolerance_us)
    on_time = found[len(missed) :]
    match schedule.missed:
        case Missed.SKIP:
            runs = on_time
        case Missed.ONCE:
            runs = on_time or missed[-1:]
        case Missed.ALL:
            runs = found[-RUNS_MAX:]
        case _:
            assert_never(schedule.missed)
    count = COUNT_MAX if capped else len(missed)
    return Firing(runs, found[-1], count, count + len(on_time) - len(runs), capped)


def _newest(schedule: Schedule, after: Instant, until: Instant) -> tuple[Instant, ...]:
    """The last `RUNS_MAX` times of a stretch that has more than that, and some before them."""
    last, span = _last_due(schedule, after, until), DAY
    while True:
        begin = Instant(max(after, last - span))
        found = tuple(takewhile(lambda due: due <= until, _times(schedule, begin)))
        if len(found) >= RUNS_MAX or begin == after:
            return found
        span *= 2


def _last_due(schedule: Schedule, after: Instant, until: Instant) -> Instant:
    """The last time up to and with `until`; there is one after `after`."""
    low, high = after, until  # a time comes in (low, until], none in (high, until]
    while high - low > 1:
        middle = Instant((low + high) // 2)
        low, high = (middle, high) if dues(schedule, middle, until, 1) else (low, middle)
    return high


def occasion(schedule: Schedule, due: Instant, missed: int = 0) -> Json:
    """The trigger of a run: the fields that `workflows.catalog.SCHEDULE_DUE` declares."""
    local = datetime.fromtimestamp(due // SECOND, find_zone(schedule.zone))
    return {"schedule": {"due": local.isoformat(), "missed": missed}}


def _times(schedule: Schedule, after: Instant) -> Iterator[Instant]:
    """The times strictly after an instant, in order, none twice."""
    zone = find_zone(schedule.zone)
    minute, hour, *_ = schedule.cron.split()
    if minute.startswith("*") or hour.startswith("*"):
        return _intervals(schedule.cron, zone, after)
    return _times_of_day(schedule.cron, zone, after)


def _times_of_day(cron: str, zone: tzinfo, after: Instant) -> Iterator[Instant]:
    last = after
    for shown in _shown(cron, _wall(after, zone)):
        instant = _instant(shown.replace(tzinfo=zone))
        if _wall(instant, zone) != shown:
            # Left out: read by the clock before the change, it is a moment after the change.
            instant = _change(zone, Instant(instant - DAY), instant)
        if instant > last:  # several that are left out come at one moment
            last = instant
            yield instant


def _intervals(cron: str, zone: tzinfo, after: Instant) -> Iterator[Instant]:
    """Between two changes of the clock a wall is a fixed distance from UTC, so go from change to change."""
    begin = after
    while True:
        offset = _offset(begin, zone)
        change: Instant | None = None
        looked = begin  # how far no change of the clock was found
        for shown in _shown(cron, _wall(begin, zone)):
            instant = Instant(_instant(shown.replace(tzinfo=UTC)) - offset)
            while change is None and looked < instant:
                ahead = Instant(looked + DAY)
                if _offset(ahead, zone) != offset:
                    change = _change(zone, looked, ahead)
                looked = ahead
            if change is not None and instant >= change:
                break
            yield instant
        if change is None:
            return  # nothing more comes
        # One microsecond before the change by the new clock, so that the change itself may be a time.
        shown_before = _wall(change, zone) - _MICROSECOND
        first = next(_shown(cron, shown_before), None)
        if first is not None and first == shown_before + _MICROSECOND:
            yield change
        begin = change


def _shown(cron: str, after: datetime) -> Iterator[datetime]:
    """What a wall without any zone shows at the times of a schedule, strictly after."""
    return iter(CronSim(cron, after))


def _change(zone: tzinfo, before: Instant, after: Instant) -> Instant:
    """The moment within a stretch at which the clock is changed."""
    offset = _offset(before, zone)
    low, high = before, after
    while high - low > 1:
        middle = Instant((low + high) // 2)
        low, high = (middle, high) if _offset(middle, zone) == offset else (low, middle)
    return high


def _offset(instant: Instant, zone: tzinfo) -> int:
    return (_wall(instant, zone) - _EPOCH) // _MICROSECOND - instant


def _wall(instant: Instant, zone: tzinfo) -> datetime:
    seconds, micros = divmod(instant, SECOND)
    return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None, microsecond=micros)


def _instant(shown: datetime) -> Instant:
    return Instant((shown - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND)
