"""The messages that triage knows: their vectors with a constant beside them, their intents, and how they fared.

Rules of this file: rows are only added, in the order of learning, so that ties by row are ties by age. No text is
kept. `right` says whether the message was judged rightly before it was learned; a written example counts as half.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[numpy.float32]
    Numbers = NDArray[numpy.int32]

_FIRST = 256
UNTRIED = 0.5


class Examples:
    """Grows without copying at every row."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.ids: list[str] = []
        self._rows: Floats = numpy.zeros((_FIRST, dimensions + 1), dtype=numpy.float32)
        self._classes: Numbers = numpy.zeros(_FIRST, dtype=numpy.int32)
        self._right: Floats = numpy.zeros(_FIRST, dtype=numpy.float32)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rows(self) -> Floats:
        """One row an example: its vector, then 1."""
        return self._rows[: len(self.ids)]

    @property
    def vectors(self) -> Floats:
        """The rows without the constant."""
        return self._rows[: len(self.ids), : self.dimensions]

    @property
    def classes(self) -> Numbers:
        """The number of each one's intent."""
        return self._classes[: len(self.ids)]

    @property
    def right(self) -> Floats:
        """1 where it had been judged rightly, 0 where not, a half where it was never judged."""
        return self._right[: len(self.ids)]

    def add(self, id: str, vector: Floats, number: int, right: float = UNTRIED) -> None:
        """One more example."""
        place = len(self.ids)
        if place == len(self._rows):
            self._grow()
        self._rows[place, : self.dimensions] = vector
        self._rows[place, self.dimensions] = 1.0
        self._classes[place] = number
        self._right[place] = right
        self.ids.append(id)

    def _grow(self) -> None:
        size = 2 * len(self._rows)
        for name in ("_rows", "_classes", "_right"):
            old = getattr(self, name)
            new = numpy.zeros((size, *old.shape[1:]), dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    @classmethod
    def of(cls, ids: list[str], rows: Floats, classes: Numbers, right: Floats) -> Examples:
        """The same examples again, from what was kept."""
        made = cls(rows.shape[1] - 1)
        made.ids = list(ids)
        made._rows, made._classes, made._right = rows.copy(), classes.copy(), right.copy()
        if not ids:
            made._grow_from_nothing()
        return made

    def _grow_from_nothing(self) -> None:
        self._rows = numpy.zeros((_FIRST, self.dimensions + 1), dtype=numpy.float32)
        self._classes = numpy.zeros(_FIRST, dtype=numpy.int32)
        self._right = numpy.zeros(_FIRST, dtype=numpy.float32)
