"""The ledger from its end: the newest events first, a slice at a time, as far back as somebody is willing to look."""

from __future__ import annotations

from collections.abc import Iterator

from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest
from mainstay.ledger.codec import Codec
from mainstay.ledger.store import EventReader, Position, RecordedEvent

SLICE_FIRST, SLICE = 128, 2_048  # who wants a page of them stops soon; who filters goes far
_NO_PLANS: dict[Digest, Plan] = {}
PLAIN = Codec(_NO_PLANS.__getitem__)  # of events that name no plan


def back(store: EventReader, *, before: int = 0, most: int) -> Iterator[RecordedEvent]:
    """At most so many events, newest first, from the one before this position on; 0: from the last one."""
    end = min(before - 1, int(store.head)) if before else int(store.head)
    least, size = max(0, end - most), SLICE_FIRST
    while end > least:
        start = max(least, end - size)
        yield from reversed(store.read_all(after=Position(start), limit=end - start))
        end, size = start, min(SLICE, 2 * size)
