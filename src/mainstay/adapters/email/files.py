"""What the file-based sources share: when history ends, how much one pull may hold, the wait for a change.

A mailbox that is connected "now" or from a date on brings older mail too, marked as history: it becomes
memory and never starts a run.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import mktime_tz, parsedate_tz
from typing import Literal

from mainstay.adapters.base import Item
from mainstay.kernel.values import SECOND, Instant

# above it only the header is read; what the large providers let through lies below
MESSAGE_BYTES_MAX = 35_000_000
BATCH_BYTES_MAX = 64_000_000  # of one pull, so that a thousand large mails never lie in memory at once
HEADER_BYTES_MAX = 256_000
POLL_S = 1.0

Start = Literal["now", "all"] | date

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_DATE = re.compile(rb"^date:[ \t]*([^\r\n]{1,100})", re.IGNORECASE | re.MULTILINE)


def system_now() -> Instant:
    """The time of this machine."""
    return Instant(time.time_ns() // 1000)


def parse_start(text: str | date) -> Start:
    """`now`, `all`, or a date such as 2026-01-31. Raises `ValueError` for anything else."""
    if isinstance(text, date):
        return text
    if text == "now":
        return "now"
    if text == "all":
        return "all"
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f'{text!r} is neither "now" nor "all" nor a date such as 2026-01-31') from None


def instant_of(day: date) -> Instant:
    """Its beginning, UTC."""
    return Instant(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND)


def header_of(raw: bytes) -> bytes:
    """The header, bounded, with the empty line that ends it."""
    window = raw[:HEADER_BYTES_MAX]
    end = _HEADER_END.search(window)
    return window[: end.end()] if end else window + b"\n\n"


def date_of(raw: bytes) -> Instant | None:
    """When the mail says it was written, if it says so."""
    found = _DATE.search(header_of(raw))
    return parse_date(found.group(1).decode("ascii", "replace")) if found else None


def parse_date(text: str) -> Instant | None:
    """A date in one of the forms of mail, or None."""
    try:
        parts = parsedate_tz(text)
        seconds = mktime_tz(parts) if parts is not None else -1
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return Instant(int(seconds) * SECOND) if 0 <= seconds < 4_102_444_800 else None


@dataclass(slots=True)
class Batch:
    """The items of one pull, within its bounds."""

    limit: int
    items: list[Item]
    size: int = 0

    @property
    def full(self) -> bool:
        """Nothing more may be added."""
        return len(self.items) >= self.limit or self.size >= BATCH_BYTES_MAX

    def add(self, item: Item) -> None:
        """Take one more."""
        self.items.append(item)
        self.size += len(item.raw)


async def wait_for_change(look: Callable[[], object], timeout_s: float, *, poll_s: float = POLL_S) -> None:
    """Return when what `look` sees has changed, or after `timeout_s`. It looks in a thread: the disk may be
    slow."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    before = await asyncio.to_thread(look)
    while (left := deadline - loop.time()) > 0:
        await asyncio.sleep(min(poll_s, left))
        if await asyncio.to_thread(look) != before:
            return
