"""Which unit has which word how often: arrays by term, with a tail for what came last.

Rows are never renumbered here. What was removed stays until the index is packed, and is left out by whoever asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Rows: TypeAlias = NDArray[numpy.int64]
    Counts: TypeAlias = NDArray[numpy.float64]

# Merging sorts everything once more: a fifth of a second at 100,000 short texts.
_TAIL_ROWS_MAX = 4_096


class Postings:
    """Rows and counts by term number."""

    def __init__(self) -> None:
        import numpy

        self._terms = numpy.zeros(0, dtype=numpy.int64)
        self._rows = numpy.zeros(0, dtype=numpy.int64)
        self._counts = numpy.zeros(0, dtype=numpy.float64)
        self._starts = numpy.zeros(1, dtype=numpy.int64)
        self._tail: dict[int, list[tuple[int, int]]] = {}
        self._tail_rows = 0

    def add(self, rows: Sequence[int], texts: Sequence[Sequence[int]]) -> None:
        """Rows, each with the numbers of all its words."""
        if len(rows) >= _TAIL_ROWS_MAX:
            self._add_sorted(rows, texts)
            return
        for row, terms in zip(rows, texts, strict=True):
            for term, count in Counter(terms).items():
                self._tail.setdefault(term, []).append((row, count))
        self._tail_rows += len(rows)
        if self._tail_rows >= _TAIL_ROWS_MAX:
            self.merge()

    def _add_sorted(self, rows: Sequence[int], texts: Sequence[Sequence[int]]) -> None:
        import numpy

        sizes = numpy.fromiter((len(terms) for terms in texts), dtype=numpy.int64, count=len(texts))
        flat = numpy.fromiter(
            (term for terms in texts for term in terms), dtype=numpy.int64, count=int(sizes.sum())
        )
        owners = numpy.repeat(numpy.asarray(rows, dtype=numpy.int64), sizes)
        width = int(owners.max(initial=0)) + 1
        keys, counts = numpy.unique(flat * width + owners, return_counts=True)
        self._take_in(keys // width, keys % width, counts.astype(numpy.float64))

    def merge(self) -> None:
        """Put the tail among the rest."""
        import numpy

        flat = [(term, row, count) for term, rows in self._tail.items() for row, count in rows]
        self._tail, self._tail_rows = {}, 0
        if flat:
            terms, rows, counts = (numpy.array(column) for column in zip(*flat, strict=True))
            self._take_in(terms.astype(numpy.int64), rows.astype(numpy.int64), counts.astype(numpy.float64))

    def of(self, term: int) -> tuple[Rows, Counts]:
        """The rows that have this term, and how often."""
        import numpy

        rows, counts = self._rows[:0], self._counts[:0]
        if 0 <= term < len(self._starts) - 1:
            part = slice(int(self._starts[term]), int(self._starts[term + 1]))
            rows, counts = self._rows[part], self._counts[part]
        late = self._tail.get(term)
        if not late:
            return rows, counts
        late_rows = numpy.array([row for row, _ in late], dtype=numpy.int64)
        late_counts = numpy.array([count for _, count in late], dtype=numpy.float64)
        return numpy.concatenate((rows, late_rows)), numpy.concatenate((counts, late_counts))

    def _take_in(self, terms: Rows, rows: Rows, counts: Counts) -> None:
        import numpy

        self._terms = numpy.concatenate((self._terms, terms))
        order = numpy.argsort(self._terms, kind="stable")
        self._terms = self._terms[order]
        self._rows = numpy.concatenate((self._rows, rows))[order]
        self._counts = numpy.concatenate((self._counts, counts))[order]
        highest = int(self._terms[-1]) if len(self._terms) else -1
        self._starts = numpy.searchsorted(self._terms, numpy.arange(highest + 2))
