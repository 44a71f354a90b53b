"""The operator's clock: which weekday and minute of the day an instant is where they live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mainstay.kernel.values import DAY, MINUTE, SECOND, Instant
from mainstay.workflows.calendar import find_zone

Calendar = Callable[[Instant], tuple[int, int]]  # weekday (0 is Monday), minute of the day


def by_utc(now: Instant) -> tuple[int, int]:
    """Weekday and minute of the day where nobody said where the operator lives; 1970-01-01 was a Thursday."""
    return (now // DAY + 3) % 7, now % DAY // MINUTE


def calendar_of(zone: str) -> Calendar:
    """The clock of a time zone by name; UTC without one. Raises `ValueError` for a zone that there is not."""
    if not zone:
        return by_utc
    found = find_zone(zone)

    def there(now: Instant) -> tuple[int, int]:
        local = datetime.fromtimestamp(now // SECOND, found)
        return local.weekday(), local.hour * 60 + local.minute

    return there
