"""Moments as an operator types them: `7d` ago, or a day, or a day and a time on the operator's own clock."""

from __future__ import annotations

import re
from datetime import datetime

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, parse_duration

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}


def moment(text: str, *, now_us: int, option: str) -> int:
    """Microseconds of the moment that is meant. Raises `CommandRefused`, naming the option."""
    ago = _AGO.fullmatch(text.strip().lower())
    if ago is not None:
        return max(0, now_us - int(ago[1]) * _UNITS[ago[2]])
    try:
        return int(datetime.fromisoformat(text.strip()).timestamp() * SECOND)
    except (ValueError, OverflowError, OSError):
        raise CommandRefused(
            f"{option} {text[:40]!r} is no moment.",
            why="It is neither a length of time nor a date.",
            remedy="Write 7d, 12h or 2w for so long ago, or a date such as 2026-11-01 or 2026-11-01T09:30.",
        ) from None


def length(text: str, *, option: str) -> int:
    """Microseconds of a length of time, `30d` or `P30D`. Raises `CommandRefused`, naming the option."""
    plain = _AGO.fullmatch(text.strip().lower())
    try:
        found = int(plain[1]) * _UNITS[plain[2]] if plain is not None else parse_duration(text.strip())
    except ValueError:
        found = 0
    if found <= 0:
        raise CommandRefused(
            f"{option} {text[:40]!r} is no length of time.", remedy="Write 30d, 12h or 2w, or P30D."
        )
    return found
