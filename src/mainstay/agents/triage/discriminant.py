"""How far a message is from each class, measured by how messages of one class differ from each other.

Linear discriminant analysis: one covariance for all classes, drawn towards a multiple of the identity while there
are few examples. Taken anew every few examples; between that, the last one serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mainstay.agents.triage.examples import Examples, Floats

_GROWN, _GROWN_MIN = 1.04, 8
_PRIOR_ROWS = 100.0
_PRIOR_SPREAD = 0.5  # of a class: the mean squared distance to its middle, of vectors of length 1


class Discriminant:
    """Middles of the classes, and the precision they share."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self._sums: NDArray[numpy.float64] = numpy.zeros((0, dimensions))
        self._counts: NDArray[numpy.float64] = numpy.zeros(0)
        self._scatter: NDArray[numpy.float64] = numpy.zeros((dimensions, dimensions))
        self._rows = 0
        self._fitted_rows = 0
        self._precision: Floats = numpy.eye(dimensions, dtype=numpy.float32)
        self._linear: Floats = numpy.zeros((0, dimensions), dtype=numpy.float32)
        self._constant: Floats = numpy.zeros(0, dtype=numpy.float32)

    @property
    def counts(self) -> NDArray[numpy.float64]:
        """Examples of each class."""
        return self._counts

    def advance(self, examples: Examples, classes: int) -> bool:
        """Take in what is new; whether it was time to fit."""
        missing = classes - len(self._counts)
        if missing > 0:
            self._sums = numpy.vstack([self._sums, numpy.zeros((missing, self.dimensions))])
            self._counts = numpy.concatenate([self._counts, numpy.zeros(missing)])
        fresh = examples.vectors[self._rows :].astype(numpy.float64)
        if len(fresh):
            numbers = examples.classes[self._rows :]
            numpy.add.at(self._sums, numbers, fresh)
            numpy.add.at(self._counts, numbers, 1.0)
            self._scatter += fresh.T @ fresh
            self._rows = len(examples)
        grown = max(self._fitted_rows * _GROWN, self._fitted_rows + _GROWN_MIN)
        if len(self._linear) >= classes and self._rows < grown:
            return False
        self._fit()
        return True

    def _fit(self) -> None:
        counts = numpy.maximum(self._counts, 1.0)[:, None]
        middles = self._sums / counts
        within = self._scatter - (middles * counts).T @ middles
        within[numpy.diag_indices_from(within)] += _PRIOR_ROWS * _PRIOR_SPREAD / self.dimensions
        live = float(numpy.count_nonzero(self._counts))
        precision = numpy.linalg.inv(within) * max(1.0, self._rows - live + _PRIOR_ROWS)
        linear = middles @ precision
        self._precision = precision.astype(numpy.float32)
        self._linear = linear.astype(numpy.float32)
        self._constant = numpy.einsum("kd,kd->k", linear, middles).astype(numpy.float32)
        self._constant[self._counts == 0] = numpy.float32(1e6)
        self._fitted_rows = self._rows

    def distances(self, vector: Floats) -> Floats:
        """The squared distance to each class, per dimension."""
        own = float(vector @ (self._precision @ vector))
        return (own - 2.0 * (self._linear @ vector) + self._constant) / numpy.float32(self.dimensions)

    def state(self) -> tuple[dict[str, float], dict[str, Any]]:
        """Numbers and arrays, to be frozen."""
        arrays = {
            "sums": self._sums,
            "counts": self._counts,
            "scatter": self._scatter,
            "precision": self._precision,
            "linear": self._linear,
            "constant": self._constant,
        }
        return {"rows": float(self._rows), "fitted_rows": float(self._fitted_rows)}, arrays

    @classmethod
    def of(cls, numbers: Mapping[str, float], arrays: Mapping[str, Any]) -> Discriminant:
        """The same again."""
        made = cls(arrays["sums"].shape[1])
        made._sums, made._counts, made._scatter = arrays["sums"], arrays["counts"], arrays["scatter"]
        made._precision, made._linear = arrays["precision"], arrays["linear"]
        made._constant = arrays["constant"]
        made._rows, made._fitted_rows = int(numbers["rows"]), int(numbers["fitted_rows"])
        return made
