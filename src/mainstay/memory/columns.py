"""What filters and neighbours look at, as arrays: one number a row for places, times and positions.

Names are numbered as they come; the numbers mean nothing outside. Nothing here is computed from a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from mainstay.kernel.values import Instant
from mainstay.memory.units import Unit

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Mask: TypeAlias = NDArray[numpy.bool_]
    Links: TypeAlias = NDArray[numpy.int64]
    Scores: TypeAlias = NDArray[numpy.float64]

PLACES = ("space", "kind", "thread", "actor", "source")
_NUMBERS = (
    *("recorded", "superseded", "retracted", "valid_from", "valid_to", "expires_at", "at"),
    *PLACES,
    "alive",
)


class Columns:
    """One column a property, one row a unit."""

    def __init__(self) -> None:
        import numpy

        self._table = numpy.zeros((len(_NUMBERS), 0), dtype=numpy.int64)
        self._size = 0
        self._numbers: dict[str, dict[str, int]] = {name: {"": 0} for name in PLACES}

    def __len__(self) -> int:
        return self._size

    def column(self, name: str) -> Links:
        """The values of one property, by row."""
        values: Links = self._table[_NUMBERS.index(name), : self._size]
        return values

    def names(self, property_: str) -> dict[str, int]:
        """The numbers of all names of a property."""
        return self._numbers[property_]

    def put(self, row: int, unit: Unit) -> None:
        """Set a row that is there."""
        self._table[:, row] = self._numbers_of(unit)

    def add(self, units: Sequence[Unit]) -> None:
        """The next rows."""
        import numpy

        first, self._size = self._size, self._size + len(units)
        if self._size > self._table.shape[1]:
            wider = numpy.zeros(
                (len(_NUMBERS), max(64, self._size, self._table.shape[1] * 2)), dtype=numpy.int64
            )
            wider[:, :first] = self._table[:, :first]
            self._table = wider
        if units:
            rows = [self._numbers_of(unit) for unit in units]
            self._table[:, first : self._size] = numpy.array(rows, dtype=numpy.int64).T

    def _numbers_of(self, unit: Unit) -> tuple[int, ...]:
        space, kind, thread, actor, source = self._numbers.values()
        return (
            unit.recorded, unit.superseded, unit.retracted, unit.valid_from, unit.valid_to, unit.expires_at, unit.at,
            space.setdefault(unit.space, len(space)),
            kind.setdefault(unit.kind, len(kind)),
            thread.setdefault(unit.thread, len(thread)),
            actor.setdefault(unit.actor, len(actor)),
            source.setdefault(unit.source, len(source)),
            1,
        )  # fmt: skip

    def bury(self, row: int) -> None:
        """This row is of no unit any more."""
        self._table[_NUMBERS.index("alive"), row] = 0

    def believed(self, as_of: int | None) -> Mask:
        """The rows that were remembered and not yet replaced or taken back at this position; None: today."""
        superseded, retracted = self.column("superseded"), self.column("retracted")
        if as_of is None:
            believed: Mask = (superseded == 0) & (retracted == 0)
        else:
            believed = self.column("recorded") <= as_of
            for ended in (superseded, retracted):
                believed &= (ended == 0) | (ended > as_of)
        believed &= self.column("alive") == 1
        return believed

    def in_force(self, now: Instant) -> Mask:
        """The rows that hold now, and whose time to live has not ended."""
        mask: Mask = self.column("valid_from") <= now
        for name in ("valid_to", "expires_at"):
            ends = self.column(name)
            mask &= (ends == 0) | (ends > now)
        return mask

    def among(self, property_: str, names: Iterable[str]) -> Mask:
        """The rows whose property has one of these names."""
        import numpy

        known = self._numbers[property_]
        wanted = [known[name] for name in names if name in known]
        mask: Mask = numpy.isin(self.column(property_), wanted)
        return mask


def thread_order(columns: Columns, allowed: Mask, ids: Iterable[str]) -> tuple[Links, Mask]:
    """The permitted rows that are in threads, in order, and whether each is in the thread of the one before it.

    The second has one element less than the first.
    """
    import numpy

    rows = numpy.flatnonzero(allowed & (columns.column("thread") != 0))
    threads, recorded = columns.column("thread")[rows], columns.column("recorded")[rows]
    order = numpy.lexsort((recorded, threads))
    rows, threads, recorded = rows[order], threads[order], recorded[order]
    same = threads[1:] == threads[:-1]
    if bool(numpy.any(same & (recorded[1:] == recorded[:-1]))):
        # Recorded in one event: ids decide, so that the order in which units were added cannot show.
        named = numpy.array(list(ids), dtype=object)
        rank = numpy.argsort(numpy.argsort(named[rows].astype(str), kind="stable"), kind="stable")
        rows = rows[numpy.lexsort((rank, recorded, threads))]
    return rows, same
