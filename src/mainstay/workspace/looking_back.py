"""The ledger from its end: the newest events first, a slice at a time, as far back as somebody is willing to look.

Of the rarer types a view says where they stand: those are looked up, and there is no end to how far back.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mainstay.kernel.events import NUMBER_OF
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import current
from mainstay.ledger.projections.event_places import FREQUENT, TABLE, EventPlaces
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import EventReader, Position, RecordedEvent, Value

SLICE_FIRST, SLICE = 128, 2_048  # who wants a page of them stops soon; who filters goes far
WIDE = 20_000  # positions that are looked at for a type in one go
FAR = 200_000  # positions that are looked through for one page
_NO_PLANS: dict[Digest, Plan] = {}
PLACES_FIRST = 64  # of one type, for one look into the view
_SCANNED = frozenset(NUMBER_OF[one] for one in FREQUENT)
PLAIN = Codec(_NO_PLANS.__getitem__)  # of events that name no plan


def back(store: EventReader, *, before: int = 0, most: int) -> Iterator[RecordedEvent]:
    """At most so many events, newest first, from the one before this position on; 0: from the last one."""
    end = min(before - 1, int(store.head)) if before else int(store.head)
    least, size = max(0, end - most), SLICE_FIRST
    while end > least:
        start = max(least, end - size)
        yield from reversed(store.read_all(after=Position(start), limit=end - start))
        end, size = start, min(SLICE, 2 * size)


def newest(store: EventReader, type: int, *, most: int) -> RecordedEvent | None:
    """The latest event of a type. Of a frequent one, it is looked for among the newest events of all."""
    if _noted(store, (type,)):
        return next((_at(store, one) for one in _places(store, type, store.head + 1)), None)
    return next((one for one in back(store, most=most) if one.type == type), None)


@dataclass(slots=True)
class Back:
    """The newest events of some types, one after the other; `reached` is the position down to which was looked.

    Rarer types are looked up, and no look is too far for that. Of the others what is not sealed is looked through by
    type alone, which is quick; sealed events are read one by one, and only a tenth as far.
    """

    store: SqliteReader
    types: Collection[int]
    before: int
    most: int | None = None  # positions to look back over; None: as far as is quick
    reached: int = 0

    def __iter__(self) -> Iterator[RecordedEvent]:
        """From the one before `before` on; 0: from the last one."""
        head = int(self.store.head)
        end = min(self.before - 1, head) if self.before else head
        if _noted(self.store, self.types):
            return self._looked_up(end, 0 if self.most is None else max(0, end - self.most))
        return self._looked(end, FAR if self.most is None else self.most)

    def _looked_up(self, end: int, least: int) -> Iterator[RecordedEvent]:
        places = heapq.merge(*(_places(self.store, one, end + 1) for one in self.types), reverse=True)
        here = next(places, 0)
        while here > least:
            before = next(places, 0)
            self.reached = here if before else 0
            yield _at(self.store, here)
            here = before
        self.reached = least if here else 0

    def _looked(self, end: int, most: int) -> Iterator[RecordedEvent]:
        least, sealed = max(0, end - most), self.store.sealed.last()
        while end > max(least, sealed):
            start = max(least, sealed, end - WIDE)
            for position in self.store.positions(self.types, after=start, before=end + 1):
                self.reached = position
                yield _at(self.store, position)
            end = self.reached = start
        for recorded in back(self.store, before=end + 1, most=min(end - least, most // 10)):
            self.reached = int(recorded.position)
            if recorded.type in self.types:
                yield recorded
        if end == 0 or self.reached == 1:
            self.reached = 0  # there is nothing before it


def _noted(store: EventReader, types: Collection[int]) -> bool:
    """Whether the view knows all of these. That of an older Mainstay, or one that is just being made, does not."""
    return _SCANNED.isdisjoint(types) and current(store, EventPlaces())


def _places(store: EventReader, type: int, before: int) -> Iterator[int]:
    after: Value = before
    size = PLACES_FIRST
    while rows := store.select(
        TABLE, where={"type": type}, order="position", descending=True, after=after, limit=size
    ):
        yield from (int(str(row["position"])) for row in rows)
        if len(rows) < size:
            return
        after, size = rows[-1]["position"], SLICE


def _at(store: EventReader, position: int) -> RecordedEvent:
    return store.read_all(after=Position(position - 1), limit=1)[0]
