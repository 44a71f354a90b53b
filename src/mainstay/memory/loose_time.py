"""Times as people and programs write them, read as far as they can be.

Tolerant on purpose: it reads files of others, where a time that cannot be read is no reason to stop. What is written
without a zone is taken for UTC; what cannot be read is 0, "nobody knows". A day before a month or after it is told by
the month's name only: 03/04/2025 is read as no time at all rather than as the wrong one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from mainstay.kernel.values import Instant
from mainstay.memory.terms import MONTHS

_SHORT = {name[:3]: number for number, name in enumerate(MONTHS, 1)}
_NAME = "|".join(_SHORT)
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?({_NAME})[a-z]*\.?,?\s+(\d{{4}})\b")
_MONTH_FIRST = re.compile(rf"\b({_NAME})[a-z]*\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b")
_MONTH_ONLY = re.compile(rf"\b({_NAME})[a-z]*\.?,?\s+(\d{{4}})\b")
_NUMERIC = re.compile(r"\b(\d{4})[-/](\d{1,2})[-/](\d{1,2})\b")
_CLOCK = re.compile(
    r"\b(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*([ap])\.?m\b|\b(\d{1,2}):(\d{2})(?::(\d{2}))?\b"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Plain numbers are told apart by their size: seconds until the year 5138, milliseconds, microseconds.
_SECONDS_MAX, _MILLIS_MAX = 1e11, 1e14


def read_time(value: Any) -> Instant:
    """The time that a value means; 0 where it means none that can be read."""
    if isinstance(value, bool) or value is None:
        return Instant(0)
    if isinstance(value, int | float):
        return _of_number(float(value))
    if not isinstance(value, str):
        return Instant(0)
    text = value.strip().casefold()
    if re.fullmatch(r"\d{9,17}(?:\.\d+)?", text):
        return _of_number(float(text))
    try:
        return _instant(datetime.fromisoformat(text.upper().replace("Z", "+00:00")))
    except ValueError:
        return _of_words(text)


def _of_number(number: float) -> Instant:
    if not 0 < number < 1e17:
        return Instant(0)
    factor = 1e6 if number < _SECONDS_MAX else 1e3 if number < _MILLIS_MAX else 1
    return Instant(round(number * factor))


def _of_words(text: str) -> Instant:
    day = _date(text)
    if day is None:
        return Instant(0)
    try:
        return _instant(datetime(*day, *_clock(text), tzinfo=UTC))
    except ValueError:
        return Instant(0)


def _date(text: str) -> tuple[int, int, int] | None:
    if match := _DAY_FIRST.search(text):
        return int(match[3]), _SHORT[match[2]], int(match[1])
    if match := _MONTH_FIRST.search(text):
        return int(match[3]), _SHORT[match[1]], int(match[2])
    if match := _NUMERIC.search(text):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _MONTH_ONLY.search(text):
        return int(match[2]), _SHORT[match[1]], 1
    return None


def _clock(text: str) -> tuple[int, int, int]:
    match = _CLOCK.search(text)
    if match is None:
        return 0, 0, 0
    if match[4]:
        hour = int(match[1]) % 12 + (12 if match[4] == "p" else 0)
        return hour, int(match[2] or 0), int(match[3] or 0)
    return int(match[5]), int(match[6]), int(match[7] or 0)


def _instant(when: datetime) -> Instant:
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return Instant(max(0, int((aware - _EPOCH) / timedelta(microseconds=1))))
