"""Times as people name them in a question."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mainstay.governance.when import read_date, read_period
from mainstay.kernel.values import SECOND, Instant


def instant(text: str) -> Instant:
    return Instant(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND)


NOW = instant("2026-03-18T10:30:00")  # a Wednesday
NOW_OPEN = instant("2026-03-18T10:30:01")


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("what did we decide last week?", "2026-03-09", "2026-03-16"),
        ("What did we decide this week", "2026-03-16", "2026-03-23"),
        ("in October", "2025-10-01", "2025-11-01"),
        ("in February", "2026-02-01", "2026-03-01"),
        ("in December 2024", "2024-12-01", "2025-01-01"),
        ("last month", "2026-02-01", "2026-03-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("in 2025", "2025-01-01", "2026-01-01"),
        ("yesterday", "2026-03-17", "2026-03-18"),
        ("today", "2026-03-18", "2026-03-19"),
        ("on Monday", "2026-03-16", "2026-03-17"),
        ("last Wednesday", "2026-03-11", "2026-03-12"),
        ("on 2026-03-02", "2026-03-02", "2026-03-03"),
        ("before 2026-03-02", "1970-01-01", "2026-03-02"),
        ("two weeks ago", "2026-03-01", "2026-03-08"),
    ],
)
def test_a_time_is_read(question: str, since: str, until: str) -> None:
    period = read_period(question, NOW)
    assert period is not None
    assert (period.since, period.until) == (instant(since), instant(until))


@pytest.mark.parametrize("question", ["since Monday", "in the last 2 days", "since 2026-03-16"])
def test_an_open_time_goes_to_now(question: str) -> None:
    period = read_period(question, NOW)
    assert period is not None
    assert (period.since, period.until) == (instant("2026-03-16"), NOW_OPEN)


@pytest.mark.parametrize("question", ["", "may I ask?", "the new floor", "on 2026-13-45", "a week of work"])
def test_no_time_is_none(question: str) -> None:
    assert read_period(question, NOW) is None


@pytest.mark.parametrize(
    ("given", "day"),
    [
        ("2026-03-02", "2026-03-02"),
        ("yesterday", "2026-03-17"),
        ("7d", "2026-03-11"),
        ("monday", "2026-03-16"),
    ],
)
def test_a_day_of_an_option(given: str, day: str) -> None:
    assert read_date(given, NOW) == instant(day)


@pytest.mark.parametrize("given", ["", "soon", "2026-02-30", "12"])
def test_no_day(given: str) -> None:
    assert read_date(given, NOW) is None
