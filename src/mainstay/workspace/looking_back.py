"""The ledger from its end: the newest events first, a slice at a time, as far back as somebody is willing to look."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest
from mainstay.ledger.codec import Codec
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import EventReader, Position, RecordedEvent

SLICE_FIRST, SLICE = 128, 2_048  # who wants a page of them stops soon; who filters goes far
WIDE = 20_000  # positions that are looked at for a type in one go
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


@dataclass(slots=True)
class Back:
    """The newest events of some types, one after the other; `reached` is the position down to which was looked.

    What is not sealed is looked through by type alone, which is quick; sealed events are read one by one, and only a
    tenth as far.
    """

    store: SqliteReader
    types: Collection[int]
    before: int
    most: int
    reached: int = 0

    def __iter__(self) -> Iterator[RecordedEvent]:
        """From the one before `before` on; 0: from the last one."""
        head = int(self.store.head)
        end = min(self.before - 1, head) if self.before else head
        least, sealed = max(0, end - self.most), self.store.sealed.last()
        while end > max(least, sealed):
            start = max(least, sealed, end - WIDE)
            for position in self.store.positions(self.types, after=start, before=end + 1):
                self.reached = position
                yield self.store.read_all(after=Position(position - 1), limit=1)[0]
            end = self.reached = start
        for recorded in back(self.store, before=end + 1, most=min(end - least, self.most // 10)):
            self.reached = int(recorded.position)
            if recorded.type in self.types:
                yield recorded
        if end == 0 or self.reached == 1:
            self.reached = 0  # there is nothing before it
