"""The part of an index that a question may see, as if there were nothing else.

Filters come first: word statistics, mean lengths and neighbours are those of the permitted units alone, so asking
with a filter finds exactly what an index of those units would find (a property in the tests), and nothing about the
others can be read from a score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.kernel.values import HOUR
from mainstay.memory.columns import Columns, thread_order

if TYPE_CHECKING:
    from mainstay.memory.columns import Links, Mask, Scores
    from mainstay.memory.postings import Postings
    from mainstay.memory.text_table import TextTable

SATURATION, LENGTH_WEIGHT = 1.2, 0.6
SESSION_PAUSE = 4 * HOUR  # a longer silence begins a new session


@dataclass(frozen=True, slots=True)
class View:
    """Permitted rows, their neighbours among each other, and how their length tells on word scores.

    Attributes:
        before: The row of the unit before in the thread; -1: none.
        leads: Like `after`, without those units that say themselves what stood before them.
        unit_penalty: Of each unit's length; `pair_penalty` with what stood before it, `near_penalty` also with
            what comes after it.
        sessions: The number of the stretch of a thread without a long pause; -1: in no thread.
        opens: The first unit of its session.
        actors: The numbers of those who speak.
        size: How many rows are permitted.
    """

    allowed: Mask
    before: Links
    after: Links
    leads: Links
    unit_penalty: Scores
    pair_penalty: Scores
    near_penalty: Scores
    sessions: Links
    opens: Mask
    actors: frozenset[int]
    size: int


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
    unit, pair, near, covered, counted = (numpy.zeros(size) for _ in range(5))
    ideal = 0.0
    for term in dict.fromkeys(terms):
        rows, counts = _seen(view, postings.of(term))
        # The rarity is always that of units: a word is not less telling for being counted in several places.
        rarity = math.log(1 + (view.size - len(rows) + 0.5) / (len(rows) + 0.5))
        ideal += rarity
        covered[rows] += rarity
        unit[rows] += rarity * _saturated(counts, view.unit_penalty[rows])
        led, led_counts = _led(view.leads, rows, counts)
        said, said_counts = _seen(view, befores.of(term))
        followed, followed_counts = _led(view.before, rows, counts)
        # `counted` gathers one array after another, none of which names a row twice, and is cleared behind us. A row
        # may stand in several of them: it is then read and written with one value as often.
        counted[rows] += counts
        counted[led] += led_counts
        counted[said] += said_counts
        touched = numpy.concatenate((rows, led, said))
        pair[touched] += rarity * _saturated(counted[touched], view.pair_penalty[touched])
        counted[followed] += followed_counts
        touched = numpy.concatenate((touched, followed))
        near[touched] += rarity * _saturated(counted[touched], view.near_penalty[touched])
        counted[touched] = 0.0
    return WordScores(unit, pair, near, covered / (ideal or 1.0))


def _seen(view: View, found: tuple[Links, Scores]) -> tuple[Links, Scores]:
    rows, counts = found
    seen = view.allowed[rows]
    return rows[seen], counts[seen]


def _led(links: Links, rows: Links, counts: Scores) -> tuple[Links, Scores]:
    """Where the links lead, with the counts of where they come from. No two rows lead to one."""
    led = links[rows]
    there = led >= 0
    return led[there], counts[there]


def _saturated(counts: Scores, penalty: Scores) -> Scores:
    score: Scores = counts * (SATURATION + 1) / (counts + penalty)
    return score


def _penalty(lengths: Scores, allowed: Mask) -> Scores:
    total, size = float(lengths[allowed].sum()), int(allowed.sum())
    mean = total / size if total else 1.0
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
    actors = frozenset(numpy.unique(columns.column("actor")[allowed]).tolist())
    return View(
        allowed=allowed,
        before=before,
        after=after,
        leads=leads,
        unit_penalty=_penalty(own, allowed),
        pair_penalty=_penalty(pair, allowed),
        near_penalty=_penalty(near, allowed),
        sessions=sessions,
        opens=opens,
        actors=actors,
        size=int(allowed.sum()),
    )
