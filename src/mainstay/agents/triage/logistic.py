"""A small logistic regression that knows how little it has seen.

Fitted by Newton's method with a normal prior on the weights of standardised features; its answers are moderated by
the spread of its weights (D. MacKay, "The evidence framework applied to classification networks", 1992), so with few
cases they lie nearer to a half.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[numpy.float64]

MODERATION = 0.2
LAPSE, LAPSE_CASES = 0.0025, 60.0  # expected beforehand, and as if seen in so many cases
PRIOR = 1.0  # precision of a weight
_STEPS = 4
_PRIOR_BIAS = 0.05


class Logistic:
    """P(true | features)."""

    def __init__(self, expected: Sequence[float]) -> None:
        """`expected` are the weights of the features, not standardised, before any case is seen."""
        self._expected: Doubles = numpy.array(expected, dtype=numpy.float64)
        width = len(expected)
        self.lapse = LAPSE
        self.middle: Doubles = numpy.zeros(width)
        self.spread: Doubles = numpy.ones(width)
        self.weights: Doubles = numpy.append(self._expected, 0.0)
        self.covariance: Doubles = numpy.eye(width + 1)

    def fit(self, cases: Doubles, truths: Doubles, importance: Doubles) -> None:
        """From all cases anew, beginning where the last fit ended."""
        total = float(importance.sum())
        middle = (importance @ cases).astype(numpy.float64) / total
        variance = (importance @ numpy.square(cases - middle)) / total
        self._restate(middle, numpy.sqrt(variance.astype(numpy.float64)) + 1e-3)
        rows = self._rows(cases)
        prior = numpy.full(rows.shape[1], PRIOR)
        prior[-1] = _PRIOR_BIAS
        expected = numpy.append(self._expected * self.spread, 0.0)
        for _ in range(_STEPS):
            weight = self._shared_out(rows, truths, importance)
            share = 1.0 / (1.0 + numpy.exp(-numpy.clip(rows @ self.weights, -30.0, 30.0)))
            slope = rows.T @ (weight * (truths - share)) - prior * (self.weights - expected)
            bend = (rows * (weight * share * (1.0 - share))[:, None]).T @ rows
            bend[numpy.diag_indices_from(bend)] += prior
            self.covariance = numpy.linalg.inv(bend).astype(numpy.float64)
            step = self.covariance @ slope
            length = float(numpy.abs(step).max())
            self.weights = self.weights + step * min(1.0, 2.0 / max(length, 1e-12))
            if length < 1e-4:
                return

    def _shared_out(self, rows: Doubles, truths: Doubles, importance: Doubles) -> Doubles:
        """What is left of each case when lapses have had their part of the false ones."""
        share = 1.0 / (1.0 + numpy.exp(-numpy.clip(rows @ self.weights, -30.0, 30.0)))
        lapsed = (1.0 - truths) * self.lapse / (1.0 - (1.0 - self.lapse) * share)
        found, all_of_them = float(importance @ lapsed), float(importance.sum())
        self.lapse = (LAPSE * LAPSE_CASES + found) / (LAPSE_CASES + all_of_them)
        kept: Doubles = importance * (1.0 - lapsed)
        return kept

    def _restate(self, middle: Doubles, spread: Doubles) -> None:
        """The same answers under another standardisation."""
        plain = self.weights[:-1] / self.spread
        constant = float(self.weights[-1] - plain @ self.middle)
        self.middle, self.spread = middle, spread
        self.weights = numpy.append(plain * spread, constant + float(plain @ middle))

    def _rows(self, cases: Doubles) -> Doubles:
        scaled = numpy.clip((cases - self.middle) / self.spread, -6.0, 6.0)
        return numpy.hstack([scaled, numpy.ones((len(cases), 1))])

    def shares(self, cases: Doubles) -> Doubles:
        """The moderated probability of each case."""
        rows = self._rows(cases)
        scores = rows @ self.weights
        doubt = numpy.einsum("nf,fg,ng->n", rows, self.covariance, rows)
        scores /= numpy.sqrt(1.0 + MODERATION * math.pi * doubt / 8.0)
        shares: Doubles = 1.0 / (1.0 + numpy.exp(-numpy.clip(scores, -30.0, 30.0)))
        return shares * (1.0 - self.lapse)

    def arrays(self) -> dict[str, Doubles]:
        """To be frozen."""
        return {
            "middle": self.middle,
            "spread": self.spread,
            "weights": self.weights,
            "covariance": self.covariance,
            "lapse": numpy.array([self.lapse]),
        }

    @classmethod
    def of(cls, expected: Sequence[float], arrays: Mapping[str, Doubles]) -> Logistic:
        """The same again."""
        made = cls(expected)
        made.middle, made.spread = arrays["middle"], arrays["spread"]
        made.weights, made.covariance = arrays["weights"], arrays["covariance"]
        made.lapse = float(arrays["lapse"][0])
        return made
