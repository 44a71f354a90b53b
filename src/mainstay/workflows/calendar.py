"""Reading what workflows say of the calendar: cron expressions, names of time zones, instants.

Cron expressions have five fields, as Debian's cron reads them, and are parsed by `cronsim`. Which instants they
mean where clocks are put forward and back is said in `runtime.schedules`. Every refusal here is a `ValueError` of
one sentence, for the loader to place.
"""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from mainstay.kernel.values import Instant

_EPOCH_YEAR = datetime(2001, 1, 1)
_LENGTH_MAX = 120
_FIELDS = "minute, hour, day of the month, month, day of the week"
# Names that some systems have as files and others do not, or that count leap seconds.
_NO_ZONES = ("posix/", "right/", "localtime", "posixrules", "Factory", "SystemV/")


def check_cron(text: str) -> None:
    """Raise `ValueError` unless these are five cron fields that meet some day."""
    if len(text) > _LENGTH_MAX:
        raise ValueError(f"it is longer than {_LENGTH_MAX} characters")
    count = len(text.split())
    if count != 5:
        raise ValueError(f"it has {count} fields, and five are needed: {_FIELDS}")
    try:
        next(CronSim(text, _EPOCH_YEAR))
    except StopIteration:
        raise ValueError("no day ever meets it") from None
    except (CronSimError, ValueError, AssertionError) as error:
        said = str(error).removeprefix("Bad ").replace("-of-", " of the ")
        raise ValueError(f"the field {said} cannot be read" if said else "it cannot be read") from None


@lru_cache(maxsize=256)
def find_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises `ValueError`, with the nearest that there is."""
    if name and not name.startswith(_NO_ZONES) and name.isascii():
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            pass
    near = get_close_matches(name[:60], sorted(available_timezones()), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"there is no time zone {name[:60]!r}{hint}")


def parse_instant(text: str) -> Instant:
    """The instant of an ISO 8601 time with its offset from UTC. Raises `ValueError`."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:60]!r} is not a time such as 2026-12-24T08:00:00+01:00") from None
    if found.tzinfo is None:
        raise ValueError(f"{text[:60]!r} does not say how far its clock is from UTC")
    seconds = found.timestamp()
    if seconds <= 0:
        raise ValueError(f"{text[:60]!r} lies before 1970")
    return Instant(int(seconds) * 1_000_000 + found.microsecond)
