"""The operator's clock: which weekday and minute of the day an instant is where they live."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from mainstay.kernel.values import SECOND, Instant
from mainstay.runtime.director import by_utc
from mainstay.workflows.calendar import find_zone

Calendar = Callable[[Instant], tuple[int, int]]  # weekday (0 is Monday), minute of the day


def calendar_of(zone: str) -> Calendar:
    """The clock of a time zone by name; UTC without one. Raises `ValueError` for a zone that there is not."""
    if not zone:
        return by_utc
    found = find_zone(zone)

    def there(now: Instant) -> tuple[int, int]:
        local = datetime.fromtimestamp(now // SECOND, found)
        return local.weekday(), local.hour * 60 + local.minute

    return there
