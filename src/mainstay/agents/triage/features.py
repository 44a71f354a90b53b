"""What the gate looks at: numbers that tell a right answer from a wrong one, whatever the intents are about.

They say nothing of the message's words, so they may stand in the ledger. Their order is part of the recipe.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from mainstay.agents.triage.examples import Floats
    from mainstay.agents.triage.neighbours import Nearest

VERSION = 1
NAMES = (
    "score",
    "margin",
    "share",
    "regression",
    "same",
    "ahead",
    "nearest",
    "agreement",
    "count",
    "distance",
    "unknown",
    "local",
    "middle",
    "past",
    "closeness",
)
_LOGIT_MAX = 7.0


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the classifiers say of a vector, before anybody judges how sure that is."""

    odds: Floats  # of each class, the mean of both
    by_regression: Floats
    near: Nearest
    distances: Floats
    closeness: Floats
    first: int
    second: int


def features_of(opinion: Opinion, count: float, past: float, unknown: int) -> tuple[float, ...]:
    """The features in the order of `NAMES`. `past` is how often this intent was named rightly."""
    first, near = opinion.first, opinion.near
    odds = opinion.odds
    others = numpy.delete(near.best, first)
    agreement = sum(
        int(numpy.argmax(one)) == first for one in (opinion.by_regression, near.shares, -opinion.distances)
    )
    known = numpy.delete(opinion.distances, unknown)
    return (
        (
            logit(float(odds[first])),
            float(odds[first] - odds[opinion.second]),
            float(near.shares[first]),
            logit(float(opinion.by_regression[first])),
            float(near.best[first]),
            float(near.best[first] - others.max()) if len(others) else float(near.best[first]),
            float(near.similarities[0]),
            agreement / 3.0,
            math.log1p(count),
            float(min(opinion.distances[first], 9.0)),
            logit(float(odds[unknown])),
            near.right,
            float(near.similarities[: min(5, len(near.similarities))].mean()),
            logit(past),
            logit(float(opinion.closeness[first])),
        )
        if len(known)
        else (0.0,) * len(NAMES)
    )


def logit(share: float) -> float:
    """The logarithm of the odds, bounded."""
    bounded = min(max(share, 1e-4), 1.0 - 1e-4)
    return min(max(math.log(bounded / (1.0 - bounded)), -_LOGIT_MAX), _LOGIT_MAX)
