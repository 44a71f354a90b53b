"""The nearest examples, and how they vote: each by e to the power of its similarity over a temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from mainstay.agents.triage.examples import Examples, Floats, Numbers

NEIGHBOURS = 10
TEMPERATURE = 0.05


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest rows, nearest first, and what follows from them."""

    rows: Numbers
    similarities: Floats
    shares: Floats  # of each class, of all votes
    best: Floats  # similarity of the nearest example of each class; -1 where there is none
    right: float  # how often such neighbours had been judged rightly, weighed like their votes


def nearest(examples: Examples, vector: Floats, classes: int) -> Nearest:
    """The neighbours of a vector. There must be examples."""
    similarities = examples.vectors @ vector
    rows = numpy.argsort(-similarities, kind="stable")[:NEIGHBOURS].astype(numpy.int32)
    near = similarities[rows]
    weights = numpy.exp((near - near[0]) / TEMPERATURE)
    weights /= weights.sum()
    shares = numpy.zeros(classes, dtype=numpy.float32)
    numpy.add.at(shares, examples.classes[rows], weights)
    best = numpy.full(classes, -1.0, dtype=numpy.float32)
    numpy.maximum.at(best, examples.classes, similarities)
    return Nearest(rows, near, shares, best, float(weights @ examples.right[rows]))
