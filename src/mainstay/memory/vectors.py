"""The vectors of an index: one exact float32 row a unit, and their signs for a quick first look.

Up to `BITS_ABOVE` rows every similarity is computed. Above it the signs choose `RESCORED` rows, and only these are
computed: a third of the time. Which vectors are there is asked of `known`; a missing one is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.models.base import Vectors

BITS_ABOVE = 50_000
RESCORED = 1_000  # 500 found 88 of 100 among texts much alike, and took 0.3 ms less


class VectorTable:
    """Vectors by row. Grows by doubling; never shrinks."""

    def __init__(self, dimensions: int) -> None:
        import numpy

        self._matrix = numpy.zeros((0, dimensions), dtype=numpy.float32)
        self._bits = numpy.zeros(((dimensions + 63) // 64, 0), dtype=numpy.uint64)
        self.known = numpy.zeros(0, dtype=bool)

    @property
    def dimensions(self) -> int:
        return int(self._matrix.shape[1])

    def reserve(self, rows: int) -> None:
        """Room for so many rows."""
        import numpy

        have = len(self.known)
        if rows <= have:
            return
        size = max(rows, have + have // 2)
        matrix = numpy.zeros((size, self.dimensions), dtype=numpy.float32)
        matrix[:have] = self._matrix
        bits = numpy.zeros((len(self._bits), size), dtype=numpy.uint64)
        bits[:, :have] = self._bits
        known = numpy.zeros(size, dtype=bool)
        known[:have] = self.known
        self._matrix, self._bits, self.known = matrix, bits, known

    def put(self, rows: NDArray[numpy.int64], vectors: Vectors) -> None:
        """Keep these."""
        self._matrix[rows] = vectors
        self._bits[:, rows] = _signs(vectors).T
        self.known[rows] = True

    def rows(self, rows: Sequence[int]) -> Vectors:
        """Some vectors."""
        some: Vectors = self._matrix[list(rows)]
        return some

    def similar(self, query: Vectors, rows: NDArray[numpy.int64]) -> NDArray[numpy.float64]:
        """How alike these rows are to the query: exact, and the same whatever other rows are asked beside them."""
        import numpy

        return numpy.where(self.known[rows], _products(self._matrix[rows], query), 0.0).astype(numpy.float64)

    def nearest(
        self, query: Vectors, allowed: NDArray[numpy.bool_], limit: int, *, by_signs: bool | None = None
    ) -> NDArray[numpy.int64]:
        """The rows that are most alike, at least `limit` of them where there are so many; in no order.

        `by_signs` chooses the quick look or the exact one; None: as the number of rows has it.
        """
        import numpy

        size = len(allowed)
        rows = numpy.flatnonzero(allowed & self.known[:size])
        if len(rows) <= limit:
            return rows
        if by_signs if by_signs is not None else len(rows) > BITS_ABOVE:
            apart = self._apart(query, size)[rows]
            last = min(RESCORED, len(rows)) - 1
            cut = numpy.partition(apart, last)[last]
            rows = rows[apart <= cut]
            alike = _products(self._matrix[rows], query)
        elif len(rows) * 2 > size:
            alike = _products(self._matrix[:size], query)[rows]
        else:
            alike = _products(self._matrix[rows], query)
        cut = numpy.partition(alike, len(alike) - limit)[len(alike) - limit]
        near_rows: NDArray[numpy.int64] = rows[alike >= cut]
        return near_rows

    def _apart(self, query: Vectors, size: int) -> NDArray[numpy.uint16]:
        """In how many signs each row differs from the query."""
        import numpy

        apart = numpy.zeros(size, dtype=numpy.uint16)
        for word, asked in zip(self._bits, _signs(query[None, :])[0], strict=True):
            apart += numpy.bitwise_count(word[:size] ^ asked)
        return apart


def _products(matrix: Vectors, query: Vectors) -> Vectors:
    """One product a row. Not by BLAS: its last bits depend on where a row stands, and its threads cost more."""
    import numpy

    products: Vectors = numpy.einsum("ij,j->i", matrix, query)
    return products


def _signs(vectors: Vectors) -> NDArray[numpy.uint64]:
    import numpy

    packed = numpy.packbits(vectors > 0, axis=1)
    width = -packed.shape[1] % 8
    if width:
        packed = numpy.pad(packed, ((0, 0), (0, width)))
    signs: NDArray[numpy.uint64] = numpy.ascontiguousarray(packed).view(numpy.uint64)
    return signs
