"""Rows of features with what is known of them, in arrays that grow: what the gate learns from and looks back on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[numpy.float64]
    Truths = NDArray[numpy.bool_]

_FIRST = 256


class Records:
    """The last `most` rows, oldest first. A quarter more are held, so that dropping the oldest is rarely a copy."""

    def __init__(self, width: int, facts: int, most: int) -> None:
        self._most = most
        self._start = self._end = 0
        self._features: Doubles = numpy.zeros((_FIRST, width))
        self._facts: Truths = numpy.zeros((_FIRST, facts), dtype=numpy.bool_)

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def features(self) -> Doubles:
        """One row a record."""
        return self._features[self._start : self._end]

    @property
    def facts(self) -> Truths:
        """What is known of each, in the order in which it was given."""
        return self._facts[self._start : self._end]

    def add(self, features: tuple[float, ...] | Doubles, *facts: bool) -> None:
        """One more; the oldest goes where there are too many."""
        if self._end == len(self._features):
            self._move()
        self._features[self._end] = features
        self._facts[self._end] = facts
        self._end += 1
        self._start = max(self._start, self._end - self._most)

    def _move(self) -> None:
        size = max(_FIRST, min(2 * len(self), self._most + self._most // 4 + 1))
        features = numpy.zeros((size, self._features.shape[1]))
        facts = numpy.zeros((size, self._facts.shape[1]), dtype=numpy.bool_)
        features[: len(self)], facts[: len(self)] = self.features, self.facts
        self._features, self._facts = features, facts
        self._start, self._end = 0, self._end - self._start
