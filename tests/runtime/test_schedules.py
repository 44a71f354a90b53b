"""Schedules: which instants they mean where clocks are changed, and what starts for those that were missed."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.kernel.plan import Missed, Schedule
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant
from mainstay.runtime.schedules import COUNT_MAX, RUNS_MAX, dues, firings, next_due, occasion

BERLIN, NEW_YORK, LORD_HOWE, TOKYO = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"


def at(text: str) -> Instant:
    """An instant of ISO text; without an offset it is UTC."""
    found = datetime.fromisoformat(text)
    seconds = found.timestamp() if found.tzinfo else found.replace(tzinfo=ZoneInfo("UTC")).timestamp()
    return Instant(int(seconds) * SECOND)


def shown(cron: str, zone: str, begin: str, end: str) -> list[str]:
    """What the wall shows at the times of a stretch (which begins and ends at UTC times), with offsets."""
    found = dues(Schedule(cron, zone), at(begin), at(end), 1_000)
    return [datetime.fromtimestamp(due // SECOND, ZoneInfo(zone)).isoformat()[5:] for due in found]


# --- changes of the clock ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "zone", "begin", "end", "expected"),
    [
        # Berlin goes from 02:00 to 03:00 on 2026-03-29 (01:00 UTC): what is left out comes at the change, once.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28",
            "2026-03-31",
            ["03-28T02:30:00+01:00", "03-29T03:00:00+02:00", "03-30T02:30:00+02:00"],
        ),
        ("0,20,40 2 29 * *", BERLIN, "2026-03-28", "2026-03-31", ["03-29T03:00:00+02:00"]),
        (
            "0,30 2,3 29 * *",
            BERLIN,
            "2026-03-28",
            "2026-03-31",
            ["03-29T03:00:00+02:00", "03-29T03:30:00+02:00"],
        ),
        (
            "*/30 * * * *",
            BERLIN,
            "2026-03-29T00:00",
            "2026-03-29T01:30",
            ["03-29T01:30:00+01:00", "03-29T03:00:00+02:00", "03-29T03:30:00+02:00"],
        ),
        ("*/30 2 * * *", BERLIN, "2026-03-28T12:00", "2026-03-29T12:00", []),
        # Back from 03:00 to 02:00 on 2026-10-25 (01:00 UTC): a time of day comes the first time only.
        (
            "30 2 * * *",
            BERLIN,
            "2026-10-24T12:00",
            "2026-10-26T12:00",
            ["10-25T02:30:00+02:00", "10-26T02:30:00+01:00"],
        ),
        ("30 2 25 * *", BERLIN, "2026-10-25T00:45", "2026-10-26T12:00", []),
        (
            "30 * * * *",
            BERLIN,
            "2026-10-25T00:00",
            "2026-10-25T02:00",
            ["10-25T02:30:00+02:00", "10-25T02:30:00+01:00"],
        ),
        (
            "*/20 2 * * *",
            BERLIN,
            "2026-10-24T12:00",
            "2026-10-25T12:00",
            [
                "10-25T02:00:00+02:00",
                "10-25T02:20:00+02:00",
                "10-25T02:40:00+02:00",
                "10-25T02:00:00+01:00",
                "10-25T02:20:00+01:00",
                "10-25T02:40:00+01:00",
            ],
        ),
        ("30 2 8 3 *", NEW_YORK, "2026-03-08", "2026-03-09", ["03-08T03:00:00-04:00"]),
        ("30 1 1 11 *", NEW_YORK, "2026-11-01", "2026-11-02", ["11-01T01:30:00-04:00"]),
        (
            "0 */2 1 11 *",
            NEW_YORK,
            "2026-11-01T00:00",
            "2026-11-01T10:00",
            ["11-01T00:00:00-04:00", "11-01T02:00:00-05:00", "11-01T04:00:00-05:00"],
        ),
        # Lord Howe moves by half an hour: 02:00 to 02:30 on 2026-10-04, 02:00 back to 01:30 on 2026-04-05.
        ("15 2 4 10 *", LORD_HOWE, "2026-10-03", "2026-10-04", ["10-04T02:30:00+11:00"]),
        (
            "*/10 3 4 10 *",
            LORD_HOWE,
            "2026-10-03",
            "2026-10-04",
            [f"10-04T03:{m}0:00+11:00" for m in range(6)],
        ),
        (
            "*/10 */2 5 4 *",
            LORD_HOWE,
            "2026-04-04T15:00",
            "2026-04-04T16:00",
            [f"04-05T02:{m}0:00+10:30" for m in range(4)],
        ),
        ("45 1 5 4 *", LORD_HOWE, "2026-04-04", "2026-04-05", ["04-05T01:45:00+11:00"]),
        (
            "45 * 5 4 *",
            LORD_HOWE,
            "2026-04-04T14:00",
            "2026-04-04T16:00",
            ["04-05T01:45:00+11:00", "04-05T01:45:00+10:30"],
        ),
        # A day without midnight, and a whole day that was left out.
        (
            "0 0 * * *",
            "Africa/Cairo",
            "2026-04-23T12:00",
            "2026-04-25T12:00",
            ["04-24T01:00:00+03:00", "04-25T00:00:00+03:00"],
        ),
        (
            "0 12 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00",
            "2012-01-01T12:00",
            ["12-29T12:00:00-10:00", "12-31T00:00:00+14:00", "12-31T12:00:00+14:00", "01-01T12:00:00+14:00"],
        ),
        (
            "30 2 * * *",
            TOKYO,
            "2026-03-28",
            "2026-03-31",
            [f"03-{day}T02:30:00+09:00" for day in (29, 30, 31)],
        ),
        # Leap days, and weekdays with days of the month.
        ("0 12 29 2 *", "UTC", "2026-01-01", "2033-01-01", ["02-29T12:00:00+00:00"] * 2),
        (
            "0 9 * * MON-FRI",
            BERLIN,
            "2026-11-20T12:00",
            "2026-11-24T12:00",
            ["11-23T09:00:00+01:00", "11-24T09:00:00+01:00"],
        ),
        ("0 9 L * *", "UTC", "2028-02-01", "2028-04-01", ["02-29T09:00:00+00:00", "03-31T09:00:00+00:00"]),
    ],
)
def test_the_times_of_a_schedule(cron: str, zone: str, begin: str, end: str, expected: list[str]) -> None:
    assert shown(cron, zone, begin, end) == expected


def test_a_leap_day_that_a_century_leaves_out() -> None:
    assert next_due(Schedule("0 0 29 2 *"), at("2096-03-01")) == at("2104-02-29")


def test_what_never_comes_says_so() -> None:
    with pytest.raises(ValueError, match="never comes"):
        next_due(Schedule("0 9 */30 2 MON#5"), at("2026-01-01"))


def test_strictly_after_and_up_to() -> None:
    schedule, nine = Schedule("0 9 * * *"), at("2026-05-05T09:00")
    assert next_due(schedule, Instant(nine - 1)) == nine
    assert next_due(schedule, nine) == nine + DAY
    assert dues(schedule, nine, Instant(nine + DAY), 9) == (nine + DAY,)
    assert dues(schedule, nine, Instant(nine + DAY - 1), 9) == ()
    assert dues(schedule, nine, Instant(nine + 9 * DAY), 2) == (nine + DAY, nine + 2 * DAY)


crons = st.sampled_from(
    [
        *("* * * * *", "*/7 * * * *", "30 * * * *", "0 */2 * * *", "*/10 2 * * *", "15,45 */3 * * SUN"),
        *("30 2 * * *", "0,20,40 1-3 * * *", "0 0 * * *", "59 23 * * *", "0 3 29 * *", "5 2 * 3,10 SUN#L"),
    ]
).map(lambda cron: cron.replace("SUN#L", "0L"))
zones = st.sampled_from(
    [BERLIN, NEW_YORK, LORD_HOWE, TOKYO, "UTC", "Africa/Cairo", "America/St_Johns", "Antarctica/Troll"]
)
# Near the changes of 2026 in all of these, to the second.
moments = st.builds(
    lambda day, second: Instant(at(day) + second * SECOND),
    st.sampled_from(
        [
            "2026-03-08",
            "2026-03-28",
            "2026-03-29",
            "2026-04-04",
            "2026-04-23",
            "2026-10-03",
            "2026-10-25",
            "2026-10-29",
            "2026-11-01",
            "2026-07-01",
        ]
    ),
    st.integers(-DAY // SECOND, 2 * DAY // SECOND),
)


@settings(deadline=None)
@given(
    cron=crons, zone=zones, begin=moments, lengths=st.lists(st.integers(1, 12 * HOUR), min_size=1, max_size=5)
)
def test_adjoining_stretches_have_the_times_of_the_whole(
    cron: str, zone: str, begin: Instant, lengths: list[int]
) -> None:
    schedule, parts, edge = Schedule(cron, zone), [], begin
    for length in lengths:
        end = Instant(edge + length)
        parts += dues(schedule, edge, end, 10_000)
        edge = end
    whole = dues(schedule, begin, edge, 10_000)
    assert tuple(parts) == whole
    assert all(one < other for one, other in pairwise(whole))
    assert all(begin < one <= edge for one in whole)
    assert whole[:1] == (() if next_due(schedule, begin) > edge else (next_due(schedule, begin),))


@settings(deadline=None, max_examples=60)
@given(
    zone=zones,
    begin=moments,
    minutes=st.sampled_from([1, 5, 7, 10, 30]),
    hours=st.sampled_from([1, 2, 3, 5]),
)
def test_an_interval_comes_whenever_the_wall_shows_it(
    zone: str, begin: Instant, minutes: int, hours: int
) -> None:
    place, first = ZoneInfo(zone), begin // MINUTE + 1
    walls = ((minute, datetime.fromtimestamp(minute * 60, place)) for minute in range(first, first + 12 * 60))
    expected = [m * MINUTE for m, wall in walls if wall.minute % minutes == 0 and wall.hour % hours == 0]
    until = Instant((first + 12 * 60) * MINUTE - 1)
    assert list(dues(Schedule(f"*/{minutes} */{hours} * * *", zone), begin, until, 1_000)) == expected


@settings(deadline=None, max_examples=60)
@given(zone=zones, begin=moments, hour=st.integers(0, 23), minute=st.integers(0, 59))
def test_a_time_of_day_comes_once_a_day(zone: str, begin: Instant, hour: int, minute: int) -> None:
    place = ZoneInfo(zone)
    found = dues(Schedule(f"{minute} {hour} * * *", zone), begin, Instant(begin + 9 * DAY), 100)
    days = [datetime.fromtimestamp(due // SECOND, place).date() for due in found]
    assert all(other - one == timedelta(days=1) for one, other in pairwise(days))
    assert len(days) in (8, 9, 10)


# --- what was missed -----------------------------------------------------------------------------------------------

HOURLY = "0 * * * *"
NOON = at("2026-05-05T12:00")


def test_a_time_that_has_just_come_is_not_missed() -> None:
    for missed in Missed:
        found = firings(Schedule(HOURLY, missed=missed), Instant(NOON - MINUTE), Instant(NOON + 59 * SECOND))
        assert (found.runs, found.due, found.missed, found.dropped) == ((NOON,), NOON, 0, 0)


def test_nothing_came() -> None:
    found = firings(Schedule(HOURLY), NOON, Instant(NOON + 59 * MINUTE))
    assert (found.runs, found.due, found.missed, found.dropped) == ((), NOON, 0, 0)


@pytest.mark.parametrize(
    ("missed", "runs", "dropped"),
    [(Missed.SKIP, [], 3), (Missed.ONCE, [3], 2), (Missed.ALL, [1, 2, 3], 0)],
)
def test_missed_times_by_policy(missed: Missed, runs: list[int], dropped: int) -> None:
    until = Instant(NOON + 3 * HOUR + 10 * MINUTE)
    found = firings(Schedule(HOURLY, missed=missed), NOON, until)
    assert found.runs == tuple(NOON + hour * HOUR for hour in runs)
    assert (found.due, found.missed, found.dropped) == (NOON + 3 * HOUR, 3, dropped)


@pytest.mark.parametrize(
    ("missed", "runs", "dropped"),
    [(Missed.SKIP, [3], 2), (Missed.ONCE, [3], 2), (Missed.ALL, [1, 2, 3], 0)],
)
def test_missed_times_and_one_on_time(missed: Missed, runs: list[int], dropped: int) -> None:
    found = firings(Schedule(HOURLY, missed=missed), NOON, Instant(NOON + 3 * HOUR + SECOND))
    assert found.runs == tuple(NOON + hour * HOUR for hour in runs)
    assert (found.missed, found.dropped) == (2, dropped)


def test_to_make_up_for_all_has_a_bound() -> None:
    until = Instant(NOON + 300 * HOUR + 10 * MINUTE)
    found = firings(Schedule(HOURLY, missed=Missed.ALL), NOON, until)
    assert len(found.runs) == RUNS_MAX
    assert found.runs[-1] == found.due == NOON + 300 * HOUR
    assert (found.missed, found.dropped, found.capped) == (300, 200, False)


@pytest.mark.parametrize(("cron", "days"), [("*/15 * * * *", 2), ("0 */2 * * *", 10)])
def test_of_too_many_to_count_the_newest_start(cron: str, days: int) -> None:
    begin = Instant(NOON - 3_000 * DAY)
    found = firings(Schedule(cron, BERLIN, Missed.ALL), begin, NOON)
    newest = dues(Schedule(cron, BERLIN), Instant(NOON - days * DAY), NOON, 1_000)
    assert (found.runs, found.capped) == (newest[-RUNS_MAX:], True)


@pytest.mark.parametrize("missed", Missed)
def test_a_month_of_minutes_is_counted_up_to_a_bound(missed: Missed) -> None:
    # Every minute of January, looked at in May.
    schedule = Schedule("* * * 1 *", missed=missed)
    found = firings(schedule, at("2026-01-01"), NOON)
    assert found.due == at("2026-01-31T23:59")
    assert (found.missed, found.capped) == (COUNT_MAX, True)
    assert len(found.runs) == {Missed.SKIP: 0, Missed.ONCE: 1, Missed.ALL: RUNS_MAX}[missed]
    assert found.dropped == COUNT_MAX - len(found.runs)
    assert set(found.runs) <= {found.due - minute * MINUTE for minute in range(RUNS_MAX)}


@settings(deadline=None)
@given(begin=moments, missed=st.sampled_from(Missed), lengths=st.lists(st.integers(1, 2 * HOUR), max_size=6))
def test_looked_at_often_enough_every_time_starts_one_run(
    begin: Instant, missed: Missed, lengths: list[int]
) -> None:
    schedule, seen, now, runs = Schedule("*/20 * * * *", BERLIN, missed), begin, begin, []
    for step in lengths:
        for _ in range(step // (30 * SECOND)):
            now = Instant(now + 30 * SECOND)
            found = firings(schedule, seen, now)
            seen, runs = found.due, [*runs, *found.runs]
    assert tuple(runs) == dues(schedule, begin, now, 1_000)


def test_the_occasion_of_a_run_is_told_by_the_clock_of_its_place() -> None:
    due = at("2026-07-01T07:00")
    assert occasion(Schedule("0 9 * * *", BERLIN), due, 2) == {
        "schedule": {"due": "2026-07-01T09:00:00+02:00", "missed": 2}
    }
