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
# What is expected of each before anything was seen: about what came of streams of several kinds, rounded. Live
# decisions soon outweigh it.
_EXPECTED = {"score": 0.2, "margin": 2.5, "share": -0.5, "regression": 0.5, "ahead": 4.0, "agreement": 0.5}
EXPECTED = tuple(_EXPECTED.get(name, 0.0) for name in NAMES)
_LOGIT_MAX = 7.0
_DISTANCE_MAX = 9.0
_CLOSEST = 5


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the classifiers say of a vector, before anybody judges how sure that is."""

    odds: Floats  # of each class, the weighted mean of the three votes
    by_regression: Floats
    near: Nearest
    distances: Floats
    closeness: Floats  # votes by distance
    first: int
    second: int


def features_of(opinion: Opinion, count: float, past: float, unknown: int) -> tuple[float, ...]:
    """The features in the order of `NAMES`. There are two classes at least, one of them for unknown messages.

    `count` is how many examples the intent has, `past` how often it was named rightly.
    """
    first, near = opinion.first, opinion.near
    odds = opinion.odds
    others = numpy.delete(near.best, first)
    agreement = sum(
        int(numpy.argmax(one)) == first for one in (opinion.by_regression, near.shares, -opinion.distances)
    )
    return (
        logit(float(odds[first])),
        float(odds[first] - odds[opinion.second]),
        float(near.shares[first]),
        logit(float(opinion.by_regression[first])),
        float(near.best[first]),
        float(near.best[first] - others.max()),
        float(near.similarities[0]),
        agreement / 3.0,
        math.log1p(count),
        float(min(opinion.distances[first], _DISTANCE_MAX)),
        logit(float(odds[unknown])),
        near.right,
        float(near.similarities[:_CLOSEST].mean()),
        logit(past),
        logit(float(opinion.closeness[first])),
    )


def logit(share: float) -> float:
    """The logarithm of the odds, bounded."""
    bounded = min(max(share, 1e-4), 1.0 - 1e-4)
    return min(max(math.log(bounded / (1.0 - bounded)), -_LOGIT_MAX), _LOGIT_MAX)
