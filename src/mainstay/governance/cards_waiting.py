"""How many cards wait now, and how many were put off to later: one meaning of "waiting" for every door.

A card that was put off waits for its time and not for the operator; it is counted among those that wait once its time
has come, which no event tells.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.values import Instant
from mainstay.ledger.store import EventReader

_ALL = 100_000


def cards_waiting(store: EventReader, now: Instant) -> tuple[int, int]:
    """Cards that wait now; and those that were put off."""
    later = still_put_off(put_off_until(store), now)
    return unanswered(store) - later, later


def unanswered(store: EventReader) -> int:
    """Cards without an answer, whether put off or not."""
    return store.count("approvals", where={"status": "waiting"})


def put_off_until(store: EventReader) -> list[int]:
    """Until when cards without an answer were put off, the earliest first; some of it may be past."""
    rows = store.select("approvals", where={"status": "waiting"}, order="snoozed_until", after=0, limit=_ALL)
    return [until for row in rows if isinstance(until := row["snoozed_until"], int)]


def still_put_off(until: Sequence[int], now: Instant) -> int:
    """How many of these times lie ahead."""
    return sum(one > now for one in until)
