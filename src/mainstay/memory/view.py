"""The part of an index that a question may see, as if there were nothing else.

Filters come first: word statistics, mean lengths and neighbours are those of the permitted units alone, so asking
with a filter finds exactly what an index of those units would find (a property in the tests), and nothing about the
others can be read from a score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mainstay.kernel.values import HOUR
from mainstay.memory.columns import Columns, thread_order

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.memory.columns import Links, Mask
    from mainstay.memory.postings import Postings
    from mainstay.memory.text_table import TextTable

    Scores: TypeAlias = NDArray[numpy.float64]

SATURATION, LENGTH_WEIGHT = 1.2, 0.6
SESSION_PAUSE = 4 * HOUR  # a longer silence begins a new session


@dataclass(frozen=True, slots=True)
class View:
    """Permitted rows, their neighbours among each other, and how long their texts are."""

    allowed: Mask
    before: Links  # row of the unit before in the thread; -1: none
    after: Links
    leads: Links  # like `after`, without those that say themselves what stood before them
    lengths: Scores  # words of each unit
    pair_lengths: Scores  # of unit and what stood before it
    near_lengths: Scores  # of unit, what stood before it, and the unit after it
    sessions: Links  # number of the stretch of a thread without a long pause; -1: in no thread
    opens: Mask  # the first unit of its session
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
    near: Scores  # BM25 of the unit with what stood before and after it
    covered: Scores  # the share of the question's rarity that the unit's words make up


def word_scores(view: View, terms: Sequence[int], postings: Postings, befores: Postings) -> WordScores:
    """By the words of the question, each counted once."""
    import numpy

    size = len(view.allowed)
    unit, pair, near, covered = (numpy.zeros(size) for _ in range(4))
    penalties = [
        _penalty(lengths, view.mean_length(lengths))
        for lengths in (view.lengths, view.pair_lengths, view.near_lengths)
    ]
    ideal = 0.0
    for term in dict.fromkeys(terms):
        rows, counts = postings.of(term)
        seen = view.allowed[rows]
        rows, counts = rows[seen], counts[seen]
        # The rarity is always that of units: a word is not less telling for being counted in several places.
        rarity = math.log(1 + (view.size - len(rows) + 0.5) / (len(rows) + 0.5))
        ideal += rarity
        covered[rows] += rarity
        unit[rows] += rarity * _saturated(counts, penalties[0][rows])
        said, said_counts = befores.of(term)
        seen = view.allowed[said]
        both, both_counts = _spread(rows, counts, view.leads, said[seen], said_counts[seen])
        pair[both] += rarity * _saturated(both_counts, penalties[1][both])
        all_, all_counts = _spread(rows, counts, view.before, both, both_counts, again=False)
        near[all_] += rarity * _saturated(all_counts, penalties[2][all_])
    return WordScores(unit, pair, near, covered / (ideal or 1.0))


def _saturated(counts: Scores, penalty: Scores) -> Scores:
    score: Scores = counts * (SATURATION + 1) / (counts + penalty)
    return score


def _spread(
    rows: Links, counts: Scores, links: Links, others: Links, other_counts: Scores, *, again: bool = True
) -> tuple[Links, Scores]:
    """Counts where they are (`again`), where the links lead, and those given besides, summed by row."""
    import numpy

    led = links[rows]
    leads = led >= 0
    all_rows = numpy.concatenate((*((rows,) if again else ()), led[leads], others))
    all_counts = numpy.concatenate((*((counts,) if again else ()), counts[leads], other_counts))
    found, places = numpy.unique(all_rows, return_inverse=True)
    return found, numpy.bincount(places, weights=all_counts, minlength=len(found)).astype(numpy.float64)


def _penalty(lengths: Scores, mean: float) -> Scores:
    penalty: Scores = SATURATION * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * lengths / mean)
    return penalty


def made_view(columns: Columns, allowed: Mask, texts: TextTable, ids: Iterable[str]) -> View:
    """The permitted rows as if there were nothing else."""
    import numpy

    order, same = thread_order(columns, allowed, ids)
    before = numpy.full(len(columns), -1, dtype=numpy.int64)
    after, sessions = before.copy(), before.copy()
    before[order[1:][same]] = order[:-1][same]
    after[order[:-1][same]] = order[1:][same]
    at = columns.column("at")[order]
    timed = (at[1:] > 0) & (at[:-1] > 0)
    paused = ~same | (timed & (numpy.abs(at[1:] - at[:-1]) > SESSION_PAUSE))
    numbers = numpy.concatenate((numpy.zeros(min(1, len(order)), dtype=numpy.int64), numpy.cumsum(paused)))
    sessions[order] = numbers
    opens = numpy.zeros(len(columns), dtype=bool)
    opens[order] = numpy.concatenate((numpy.ones(min(1, len(order)), dtype=bool), paused))
    own, said = texts.terms, texts.before_terms
    leads = numpy.where((after >= 0) & (said[after] > 0), -1, after)
    pair = own + said + numpy.where((before >= 0) & (said == 0), own[before], 0.0)
    near = pair + numpy.where(after >= 0, own[after], 0.0)
    return View(allowed, before, after, leads, own, pair, near, sessions, opens, int(allowed.sum()))
