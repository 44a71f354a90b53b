"""Times as people name them in a question: "last week", "in October", "since Monday", "on 2026-03-02".

Rules of this file: pure; everything in UTC, as the ledger shows it; weeks begin on Monday. A month without a year is
the last one that has begun. What is no time is left in the question.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mainstay.kernel.values import SECOND, Instant

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH = "|".join(_MONTHS)
_DAY = "|".join(_DAYS)
_DATE = r"(?P<date>\d{4}-\d{2}-\d{2})"
_FORMS = (
    (
        "days",
        re.compile(
            r"\b(?:in|during|over|within)? ?the (?:last|past) (?P<count>\d{1,3}) (?P<unit>day|week|month)s\b"
        ),
    ),
    ("days", re.compile(r"\b(?:last|past) (?P<count>\d{1,3}) (?P<unit>day|week|month)s\b")),
    ("ago", re.compile(r"\b(?P<count>\d{1,3}|a|an|one|two|three) (?P<unit>day|week|month)s? ago\b")),
    ("last", re.compile(r"\b(?:in |during )?(?P<which>last|this) (?P<unit>week|month|year)\b")),
    ("day", re.compile(r"\b(?P<name>today|yesterday)\b")),
    (
        "since",
        re.compile(
            rf"\b(?:since|after) (?:{_DATE}|last (?P<weekday1>{_DAY})|(?P<weekday>{_DAY})|(?P<month>{_MONTH}))\b"
        ),
    ),
    ("before", re.compile(rf"\b(?:before|until) (?:{_DATE}|(?P<month>{_MONTH}))\b")),
    ("date", re.compile(rf"\b(?:on )?{_DATE}\b")),
    ("weekday", re.compile(rf"\b(?:on |last )(?P<weekday>{_DAY})\b")),
    ("month", re.compile(rf"\b(?:in|during|of|last) (?P<month>{_MONTH})(?: (?P<year>\d{{4}}))?\b")),
    ("year", re.compile(r"\b(?:in|during) (?P<year>20\d{2})\b")),
)
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30}


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` up to and without `until`; `words` are those of the question that named it."""

    since: Instant
    until: Instant
    words: str = ""


def read_period(question: str, now: Instant) -> Period | None:
    """The time that a question names; None where it names none."""
    folded = " ".join(question.casefold().split())
    today = _midnight(datetime.fromtimestamp(now / SECOND, UTC))
    for kind, pattern in _FORMS:
        for match in pattern.finditer(folded):
            found = _span(kind, match.groupdict(), today, now)
            if found is not None:
                return Period(_instant(found[0]), _instant(found[1]), match[0].strip())
    return None


def read_date(text: str, now: Instant) -> Instant | None:
    """A date as an option gives it: `2026-03-02`, `yesterday`, `monday`, `7d`; None where it is none."""
    given = text.strip().casefold()
    days = re.fullmatch(r"(\d{1,4}) ?(d|w|days?|weeks?)", given)
    today = _midnight(datetime.fromtimestamp(now / SECOND, UTC))
    if days:
        return _instant(today - timedelta(days=int(days[1]) * (7 if days[2].startswith("w") else 1)))
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
        found = _date(given)
        return None if found is None else _instant(found)
    if given in _DAYS:
        return _instant(_weekday(given, today))
    return {"today": _instant(today), "yesterday": _instant(today - timedelta(days=1))}.get(given)


def _span(
    kind: str, said: dict[str, str | None], today: datetime, now: Instant
) -> tuple[datetime, datetime] | None:
    end = datetime.fromtimestamp(now / SECOND, UTC) + timedelta(seconds=1)
    day = timedelta(days=1)
    match kind:
        case "days":
            return today - timedelta(days=int(said["count"] or 0) * _UNIT_DAYS[said["unit"] or "day"]), end
        case "ago":
            count = _NUMBERS.get(said["count"] or "", 0) or int(said["count"] or 0)
            width = _UNIT_DAYS[said["unit"] or "day"]
            start = today - timedelta(days=count * width)
            return start - (width // 2) * day, start + (width // 2 + 1) * day
        case "last":
            return _last(said["which"] == "this", said["unit"] or "", today)
        case "day":
            start = today if said["name"] == "today" else today - day
            return start, start + day
        case "since":
            begin = _named(said, today)
            return None if begin is None else (begin, end)
        case "before":
            limit = _named(said, today)
            return None if limit is None else (datetime(1970, 1, 1, tzinfo=UTC), limit)
        case "date":
            on = _date(said["date"] or "")
            return None if on is None else (on, on + day)
        case "weekday":
            on_day = _weekday(said["weekday"] or "", today)
            return on_day, on_day + day
        case "month":
            first = _month(said["month"] or "", today, said["year"])
            return first, _next_month(first)
        case _:
            year = int(said["year"] or 0)
            return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)


def _last(this: bool, unit: str, today: datetime) -> tuple[datetime, datetime]:
    if unit == "week":
        monday = today - timedelta(days=today.weekday())
        start = monday if this else monday - timedelta(days=7)
        return start, start + timedelta(days=7)
    if unit == "month":
        first = today.replace(day=1)
        start = first if this else (first - timedelta(days=1)).replace(day=1)
        return start, _next_month(start)
    year = today.year if this else today.year - 1
    return datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)


def _named(said: dict[str, str | None], today: datetime) -> datetime | None:
    if said.get("date"):
        return _date(said["date"] or "")
    weekday = said.get("weekday") or said.get("weekday1")
    return _weekday(weekday, today) if weekday else _month(said.get("month") or "", today, None)


def _weekday(name: str, today: datetime) -> datetime:
    """The last such day before today."""
    return today - timedelta(days=(today.weekday() - _DAYS.index(name) - 1) % 7 + 1)


def _month(name: str, today: datetime, year: str | None) -> datetime:
    number = _MONTHS.index(name) + 1
    of_year = int(year) if year else today.year - (number > today.month)
    return datetime(of_year, number, 1, tzinfo=UTC)


def _next_month(first: datetime) -> datetime:
    return (first + timedelta(days=32)).replace(day=1)


def _date(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _instant(at: datetime) -> Instant:
    return Instant(int(at.timestamp()) * SECOND)
