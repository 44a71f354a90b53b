"""Multinomial logistic regression that is never finished and never in the way.

It minimises `C * cross-entropy + |W|^2 / 2` over all examples by Newton-like steps under a fixed bound of the
curvature (D. Böhning, "Multinomial logistic regression algorithm", 1992: X'X / 2 bounds the Hessian of every class
from above, so a step by its inverse never overshoots), made faster by momentum that restarts where the loss rises
(Y. Nesterov, 1983; B. O'Donoghue and E. Candès, 2015). `advance` does a bounded number of multiplications: a pass
over the examples that does not fit is continued by the next call. No learning rate, nothing drawn at random.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mainstay.agents.triage.examples import Examples, Floats

C = 30.0
STEPS_MAX = 3  # of one call, however few examples there are
_GROWN = 1.04  # the curvature is taken anew when there are so many times as many examples
_MOMENTUM_MAX = 0.95
_INVERSE_SHARE = 4  # taking the curvature costs time as well: so much smaller is the slice that follows it


class Regression:
    """Weights, and the pass that is under way."""

    def __init__(self, width: int, inverse_regularisation: float = C) -> None:
        self.c = inverse_regularisation
        self.weights: Floats = numpy.zeros((0, width), dtype=numpy.float32)
        self._before = self.weights
        self._ahead = self.weights
        self._gradient = self.weights
        self._scatter: NDArray[numpy.float64] = numpy.zeros((width, width))
        self._curvature: Floats = numpy.eye(width, dtype=numpy.float32) * inverse_regularisation
        self._curvature_rows = 0
        self._rows = 0  # in the scatter
        self._place = 0  # in the pass
        self._end = 0  # of the pass
        self._loss = 0.0
        self._loss_before = sys.float_info.max
        self._momentum = 1

    def scores(self, row: Floats) -> Floats:
        """The logit of each class for one row."""
        return self.weights @ row

    def advance(self, examples: Examples, classes: int, multiplications_max: int) -> None:
        """Go on fitting, for a bounded time."""
        self.widen(classes)
        self._scatter_in(examples)
        share = max(1, multiplications_max // max(1, 4 * self.weights.size))
        for _ in range(STEPS_MAX):
            if self._place == 0 and self._begin(len(examples)):
                share = max(1, share // _INVERSE_SHARE)
            if self._end == 0:
                return
            count = min(share, self._end - self._place)
            self._add_gradient(examples, count)
            share -= count
            if self._place == self._end:
                self._step()
            if share <= 0:
                return

    def widen(self, classes: int) -> None:
        """Know so many classes."""
        missing = classes - len(self.weights)
        if missing <= 0:
            return
        for name in ("weights", "_before", "_ahead", "_gradient"):
            old = getattr(self, name)
            setattr(
                self, name, numpy.vstack([old, numpy.zeros((missing, old.shape[1]), dtype=numpy.float32)])
            )

    def _scatter_in(self, examples: Examples) -> None:
        fresh = examples.rows[self._rows :].astype(numpy.float64)
        if len(fresh):
            self._scatter += fresh.T @ fresh
            self._rows = len(examples)

    def _begin(self, rows: int) -> bool:
        """Begin a pass; whether the curvature was taken anew for it."""
        taken = rows > self._curvature_rows * _GROWN
        if taken:
            bound = 0.5 * self._scatter
            bound[numpy.diag_indices_from(bound)] += 1.0 / self.c
            self._curvature = numpy.linalg.inv(bound).astype(numpy.float32)
            self._curvature_rows = rows
        ahead = min(_MOMENTUM_MAX, (self._momentum - 1) / (self._momentum + 2))
        self._ahead = self.weights + numpy.float32(ahead) * (self.weights - self._before)
        self._gradient = self._ahead * numpy.float32(-1.0 / self.c)
        self._end, self._loss = rows, 0.0
        return taken

    def _add_gradient(self, examples: Examples, count: int) -> None:
        part = slice(self._place, self._place + count)
        rows, classes = examples.rows[part], examples.classes[part]
        odds = rows @ self._ahead.T
        odds -= odds.max(axis=1, keepdims=True)
        numpy.exp(odds, out=odds)
        odds /= odds.sum(axis=1, keepdims=True)
        each = numpy.arange(count)
        self._loss -= float(numpy.log(numpy.maximum(odds[each, classes], 1e-12)).sum())
        odds *= -1.0
        odds[each, classes] += 1.0
        self._gradient += odds.T @ rows
        self._place += count

    def _step(self) -> None:
        mean = self._loss / self._end
        self._momentum = 1 if mean > self._loss_before * 1.0001 else self._momentum + 1
        self._loss_before = mean
        self._before = self.weights
        self.weights = self._ahead + self._gradient @ self._curvature
        self._place = self._end = 0

    def state(self) -> tuple[dict[str, float], dict[str, Any]]:
        """Numbers and arrays, to be frozen in the middle of a pass."""
        loss = [self._loss, self._loss_before]
        numbers = [self._curvature_rows, self._rows, self._place, self._end, self._momentum]
        names = ("curvature_rows", "rows", "place", "end", "momentum", "loss", "loss_before")
        arrays = {
            "weights": self.weights,
            "before": self._before,
            "ahead": self._ahead,
            "gradient": self._gradient,
            "scatter": self._scatter,
            "curvature": self._curvature,
        }
        return dict(zip(names, (*map(float, numbers), *loss), strict=True)), arrays

    @classmethod
    def of(cls, numbers: Mapping[str, float], arrays: Mapping[str, Any]) -> Regression:
        """The same again."""
        made = cls(arrays["weights"].shape[1])
        made.weights, made._before = arrays["weights"], arrays["before"]
        made._ahead, made._gradient = arrays["ahead"], arrays["gradient"]
        made._scatter, made._curvature = arrays["scatter"], arrays["curvature"]
        made._curvature_rows, made._rows = int(numbers["curvature_rows"]), int(numbers["rows"])
        made._place, made._end = int(numbers["place"]), int(numbers["end"])
        made._momentum = int(numbers["momentum"])
        made._loss, made._loss_before = numbers["loss"], numbers["loss_before"]
        return made
