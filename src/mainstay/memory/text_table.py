"""What a text is like, one number a row: how long it is, whether it asks, what kinds of word it has.

Computed once when a unit is added, so that ranking a question reads arrays and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from mainstay.memory.terms import NUMBER, TIME, Reading
from mainstay.memory.units import Unit

if TYPE_CHECKING:
    from mainstay.memory.columns import Mask, Scores

_LENGTH_FULL = 5.0  # the logarithm of 150 words: longer is not better


@lru_cache(maxsize=4096)
def _length(words: int) -> float:
    import numpy

    return min(1.0, float(numpy.log1p(words)) / _LENGTH_FULL)


class TextTable:
    """One row a unit; rows are only ever added."""

    def __init__(self) -> None:
        import numpy

        self._table = numpy.zeros((7, 0))

    def add(self, readings: Sequence[Reading], before_terms: Sequence[int], units: Sequence[Unit]) -> None:
        """The next rows."""
        import numpy

        rows = [
            (
                len(reading.terms),
                before,
                _length(reading.words),
                unit.text.rstrip().endswith("?"),
                bool(reading.marks & TIME),
                bool(reading.marks & NUMBER),
                reading.selves / max(1, reading.words),
            )
            for reading, before, unit in zip(readings, before_terms, units, strict=True)
        ]
        self._table = numpy.concatenate((self._table, numpy.array(rows, dtype=numpy.float64).T), axis=1)

    @property
    def terms(self) -> Scores:
        """How many words that carry meaning."""
        return self._column(0)

    @property
    def before_terms(self) -> Scores:
        """The same of what the unit says stood before it."""
        return self._column(1)

    @property
    def length(self) -> Scores:
        """From 0 for an empty text to 1 for a long one."""
        return self._column(2)

    @property
    def asks(self) -> Mask:
        """Whether it ends as a question."""
        return self._column(3) > 0

    @property
    def has_time(self) -> Mask:
        """Whether a word speaks of a time."""
        return self._column(4) > 0

    @property
    def has_number(self) -> Mask:
        """Whether a word is a number."""
        return self._column(5) > 0

    @property
    def of_self(self) -> Scores:
        """The share of words that speak of the speaker."""
        return self._column(6)

    def _column(self, place: int) -> Scores:
        column: Scores = self._table[place]
        return column
