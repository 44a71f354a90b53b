"""Weights learned from questions whose answers are known: what ships is learned so, and a workspace refines it.

A question's candidates compete with each other (a softmax over their scores), so what is learned is what tells the
evidence from the rest of the same question, and an easy question teaches as little as a hopeless one. The weights
start from given ones and are drawn back to them by `strength`: few questions move them little.

Refining is guarded. A part of the workspace's own use is held out, by position and not by chance, and the refined
weights are taken only if they find more there than the shipped ones; otherwise the shipped ones stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.memory.features import NAMES
from mainstay.memory.ranking import Ranker

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Table = NDArray[numpy.float64]
    Weights = NDArray[numpy.float64]

STRENGTHS = (30.0, 100.0, 300.0)
USES_MIN = 40  # fewer say nothing about a part held out of them
HELD_OUT = 4  # every fourth use
_STEPS_MAX = 30
_K = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """A question's candidates, and which of them answered it.

    Attributes:
        table: A row of features for each candidate, in the order of `NAMES`.
        good: Which rows are evidence, or were used.
    """

    table: Table
    good: NDArray[numpy.bool_]


def judged(rows: Sequence[tuple[dict[str, float], bool]]) -> Judged:
    """From a log of recalls: what each hit's features were, and whether the task cited it."""
    import numpy

    table = numpy.array(
        [[features.get(name, 0.0) for name in NAMES] for features, _ in rows], dtype=numpy.float64
    )
    return Judged(table.reshape(len(rows), len(NAMES)), numpy.array([used for _, used in rows], dtype=bool))


def fitted(questions: Sequence[Judged], prior: Ranker, *, strength: float, name: str) -> Ranker:
    """The prior's weights, moved by what the questions say. The bias is set so that scores are probabilities."""
    import numpy

    telling = [one for one in questions if one.good.any() and not one.good.all()]
    start = numpy.array([prior.weights.get(feature, 0.0) for feature in NAMES])
    weights = _descend(telling, start, strength)
    rounded = {feature: round(float(weight), 3) for feature, weight in zip(NAMES, weights, strict=True)}
    return Ranker(name, rounded, bias=_bias(questions, rounded, prior.bias))


def refined(uses: Sequence[Judged], shipped: Ranker, *, name: str) -> Ranker:
    """Weights refined by a workspace's own use, oldest first, or the shipped ones where these do as well."""
    telling = [one for one in uses if one.good.any() and not one.good.all()]
    held_out, learned = (
        telling[HELD_OUT - 1 :: HELD_OUT],
        [one for place, one in enumerate(telling) if place % HELD_OUT != HELD_OUT - 1],
    )
    best, found = shipped, quality(held_out, shipped)
    if len(telling) < USES_MIN:
        return shipped
    for strength in STRENGTHS[::-1]:
        candidate = fitted(learned, shipped, strength=strength, name=name)
        reached = quality(held_out, candidate)
        if reached > found:
            best, found = candidate, reached
    return best


def quality(questions: Sequence[Judged], ranker: Ranker) -> float:
    """What refining is judged by: the share of good candidates among the first ten, and how early the first comes."""
    if not questions:
        return 0.0
    return sum(_found(one, ranker) for one in questions) / len(questions)


def _found(one: Judged, ranker: Ranker) -> float:
    import numpy

    order = numpy.argsort(-ranker.scores(one.table), kind="stable")
    good = one.good[order]
    first = int(numpy.argmax(good)) + 1
    return float(good[:_K].sum() / good.sum()) + 1 / first


def _descend(questions: Sequence[Judged], start: Weights, strength: float) -> Weights:
    """Newton's method with halved steps: convex, so that it ends in the one best place from wherever it starts."""
    import numpy

    weights, loss = start.copy(), _loss(questions, start, start, strength)
    for _ in range(_STEPS_MAX):
        slope = -strength * (weights - start)
        bend = numpy.eye(len(start)) * strength
        for one in questions:
            share = _softmax(one.table @ weights)
            slope += one.table.T @ (one.good / one.good.sum() - share)
            mean = one.table.T @ share
            bend += (one.table * share[:, None]).T @ one.table - numpy.outer(mean, mean)
        step, part = numpy.linalg.solve(bend, slope), 1.0
        while part > 1e-3 and _loss(questions, weights + part * step, start, strength) >= loss:
            part /= 2
        if part <= 1e-3:
            break
        weights = weights + part * step
        before, loss = loss, _loss(questions, weights, start, strength)
        if before - loss < 1e-9 * abs(before):
            break
    return weights


def _loss(questions: Sequence[Judged], weights: Weights, start: Weights, strength: float) -> float:
    import numpy

    total = 0.5 * strength * float((weights - start) @ (weights - start))
    for one in questions:
        scores = one.table @ weights
        top = float(scores.max())
        total += (
            top
            + float(numpy.log(numpy.exp(scores - top).sum()))
            - float(scores @ one.good) / int(one.good.sum())
        )
    return total


def _softmax(scores: Weights) -> Weights:
    import numpy

    raised: Weights = numpy.exp(scores - scores.max())
    share: Weights = raised / raised.sum()
    return share


def _bias(questions: Sequence[Judged], weights: dict[str, float], start: float) -> float:
    """Where the mean score equals the share of good candidates. By halving: the mean grows with the bias."""
    import numpy

    if not any(len(one.table) for one in questions):
        return start
    vector = numpy.array([weights[feature] for feature in NAMES])
    sums = numpy.concatenate([one.table @ vector for one in questions])
    wanted = float(numpy.concatenate([one.good for one in questions]).mean())
    low, high = -30.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        if float((1 / (1 + numpy.exp(-(sums + middle)))).mean()) < wanted:
            low = middle
        else:
            high = middle
    return round(low, 3)
