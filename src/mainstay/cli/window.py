"""Moments as an operator types them: `7d` ago, or a day, or a day and a time on the operator's own clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

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


_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def later(until: str, length_text: str, *, now_us: int) -> int:
    """Microseconds of the moment that `--until` or `--for` means. Raises `CommandRefused`."""
    if bool(until) == bool(length_text):
        raise CommandRefused(
            "Say until when, or for how long." if not until else "Say --until or --for, not both.",
            remedy="Write --until 14:30, --until 2026-11-01T09:30 or --for 2h.",
        )
    if length_text:
        return now_us + length(length_text, option="--for")
    clock = _CLOCK.fullmatch(until.strip())
    if clock is not None:
        now = datetime.fromtimestamp(now_us / SECOND)
        at = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
        return int((at if at > now else at + timedelta(days=1)).timestamp() * SECOND)
    try:
        return int(datetime.fromisoformat(until.strip()).timestamp() * SECOND)
    except (ValueError, OverflowError, OSError):
        raise CommandRefused(
            f"--until {until[:40]!r} is no moment.",
            remedy="Write 14:30, a date such as 2026-11-01, or 2026-11-01T09:30.",
        ) from None
