"""The part of an index that a question may see, as if there were nothing else.

Filters come first: word statistics, mean lengths and neighbours are those of the permitted units alone, so asking
with a filter finds exactly what an index of those units would find (a property in the tests), and nothing about the
others can be read from a score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.memory.columns import Links, Mask
    from mainstay.memory.postings import Postings

    Scores: TypeAlias = NDArray[numpy.float64]

SATURATION, LENGTH_WEIGHT = 1.2, 0.6


@dataclass(frozen=True, slots=True)
class View:
    """Permitted rows, their neighbours among each other, and how long their texts are."""

    allowed: Mask
    before: Links  # row of the unit before in the thread; -1: none
    after: Links
    leads: Links  # like `after`, without those that say themselves what stood before them
    lengths: Scores  # words of each unit
    pair_lengths: Scores  # of unit and what stood before it
    size: int

    def mean_length(self, lengths: Scores) -> float:
        """Of the permitted rows."""
        total = float(lengths[self.allowed].sum())
        return total / self.size if total else 1.0


@dataclass(frozen=True, slots=True)
class WordScores:
    """How well rows answer by words: each array has a number for every row of the index."""

    unit: Scores  # BM25 of the unit
    pair: Scores  # BM25 of the unit with what stood before it
    covered: Scores  # the share of the question's rarity that the unit's words make up
    rarest: Scores  # the rarity of the rarest word in common, as a share of the rarest possible
    ideal: float  # what a text of mean length with all words would reach


def word_scores(view: View, terms: Sequence[int], postings: Postings, befores: Postings) -> WordScores:
    """By the words of the question, each counted once."""
    import numpy

    rows_in_all = len(view.allowed)
    unit, pair = numpy.zeros(rows_in_all), numpy.zeros(rows_in_all)
    covered, rarest = numpy.zeros(rows_in_all), numpy.zeros(rows_in_all)
    unit_penalty = _penalty(view.lengths, view.mean_length(view.lengths))
    pair_penalty = _penalty(view.pair_lengths, view.mean_length(view.pair_lengths))
    unknown = _rarity(view.size, 0)
    ideal = 0.0
    for term in dict.fromkeys(terms):
        rows, counts = postings.of(term)
        seen = view.allowed[rows]
        rows, counts = rows[seen], counts[seen]
        rarity = _rarity(view.size, len(rows))
        ideal += rarity
        unit[rows] += rarity * counts * (SATURATION + 1) / (counts + unit_penalty[rows])
        covered[rows] += rarity
        rarest[rows] = numpy.maximum(rarest[rows], rarity / unknown)
        both, both_counts = _with_before(view, rows, counts, befores.of(term))
        # The rarity stays that of the unit: a word is not less telling for being counted in two places.
        pair[both] += rarity * both_counts * (SATURATION + 1) / (both_counts + pair_penalty[both])
    return WordScores(unit, pair, covered / (ideal or 1.0), rarest, ideal)


def _with_before(
    view: View, rows: Links, counts: Scores, befores: tuple[Links, Scores]
) -> tuple[Links, Scores]:
    import numpy

    next_rows = view.leads[rows]
    follows = next_rows >= 0
    said, said_counts = befores
    seen = view.allowed[said]
    all_rows = numpy.concatenate((rows, next_rows[follows], said[seen]))
    all_counts = numpy.concatenate((counts, counts[follows], said_counts[seen]))
    both, places = numpy.unique(all_rows, return_inverse=True)
    sums = numpy.zeros(len(both))
    numpy.add.at(sums, places, all_counts)
    return both, sums


def _rarity(size: int, count: int) -> float:
    return math.log(1 + (size - count + 0.5) / (count + 0.5))


def _penalty(lengths: Scores, mean: float) -> Scores:
    penalty: Scores = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * lengths / mean)
    return penalty
