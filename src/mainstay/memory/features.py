"""What speaks for a unit, as numbers: the features that ranking weighs.

Each is between -1 and 1 and is computed from the question, the unit and its neighbours alone; those that compare a
unit with the best one of the same question end in `_part`. A feature that cannot be computed (no vector, no time)
is 0, so that ranking goes on with the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.kernel.values import DAY
from mainstay.memory.cue import Cue
from mainstay.memory.index import MemoryIndex
from mainstay.memory.terms import raw_words
from mainstay.memory.view import View, word_scores

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.memory.columns import Links, Scores
    from mainstay.models.base import Vectors

NAMES = (
    "words",  # BM25 of the unit, beside the best of this question; names of speakers do not count as words
    "pair_words",  # the same of the unit with what stood before it
    "near_words",  # the same of the unit with what stood before and after it
    "covered",  # the share of the question's rarity that the unit's words make up
    "session_words",  # the best `pair_words` of its session
    "vector",  # how alike question and unit are
    "vector_before",  # the same of the unit before
    "vector_after",  # and of the unit after
    "actor",  # 1: the question names who said it; -1: it names somebody else who speaks here
    "date",  # 1: said in a time that the question names; less for some weeks after it
    "fits",  # the question asks when, or how many, and the unit has such a word
    "asks",  # the unit ends as a question
    "answers",  # the unit before it does
    "opens",  # the first of its session
    "length",  # from 0 to 1
    "of_self",  # the share of words that speak of the speaker
)
CANDIDATES_MAX = 300  # by each way of searching
_TOLD_WITHIN_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows worth ranking, and a column of numbers for each of `NAMES`."""

    rows: Links
    table: NDArray[numpy.float64]
    by_meaning: bool  # whether vectors took part


def candidates(index: MemoryIndex, view: View, cue: Cue, vector: Vectors | None) -> Candidates:
    """What could answer the cue. `vector` is the cue's; None: words alone."""
    import numpy

    speakers = _speakers(index, view)
    named = frozenset(number for number, words in speakers.items() if not words.isdisjoint(cue.names))
    names = frozenset().union(*(speakers[number] for number in named))
    terms = cue.terms(without=names) or cue.terms()
    words = word_scores(view, index.terms.known(terms), index.postings, index.befores)
    found = [_best(index, words.unit), _best(index, words.pair)]
    by_meaning = vector is not None and index.vectors is not None
    if vector is not None and index.vectors is not None:
        found.append(index.vectors.nearest(vector, view.allowed, CANDIDATES_MAX))
    rows = numpy.unique(numpy.concatenate(found))
    before = view.before[rows]
    columns = [
        _beside_best(words.unit, rows),
        _beside_best(words.pair, rows),
        _beside_best(words.near, rows),
        words.covered[rows],
        _of_session(view, words.pair, rows),
        *_vectors(index, view, vector, rows),
        _actor(index, named, len(speakers), rows),
        _date(index.columns.column("at")[rows], cue),
        _fits(index, cue, rows),
        index.texts.asks[rows],
        numpy.where(before >= 0, index.texts.asks[before], False),
        view.opens[rows],
        index.texts.length[rows],
        index.texts.of_self[rows],
    ]
    return Candidates(rows, numpy.stack(columns, axis=1).astype(numpy.float64), by_meaning)


def _best(index: MemoryIndex, scores: Scores) -> Links:
    """The rows with the highest scores; of equal ones at the end those remembered first."""
    import numpy

    rows = numpy.flatnonzero(scores > 0)
    if len(rows) <= CANDIDATES_MAX:
        return rows
    cut = numpy.partition(scores[rows], len(rows) - CANDIDATES_MAX)[len(rows) - CANDIDATES_MAX]
    above, level = rows[scores[rows] > cut], rows[scores[rows] == cut]
    oldest = numpy.argsort(index.columns.column("recorded")[level], kind="stable")
    best: Links = numpy.concatenate((above, level[oldest[: CANDIDATES_MAX - len(above)]]))
    return best


def _beside_best(scores: Scores, rows: Links) -> Scores:
    best = float(scores.max(initial=0.0))
    return scores[rows] / best if best else scores[rows]


def _vectors(index: MemoryIndex, view: View, vector: Vectors | None, rows: Links) -> list[Scores]:
    import numpy

    if vector is None or index.vectors is None:
        return [numpy.zeros(len(rows))] * 3
    table = index.vectors
    found = [table.similar(vector, rows)]
    for links in (view.before, view.after):
        near = links[rows]
        found.append(numpy.where(near >= 0, table.similar(vector, numpy.maximum(near, 0)), 0.0))
    return found


def _of_session(view: View, scores: Scores, rows: Links) -> Scores:
    import numpy

    best = float(scores.max(initial=0.0))
    if not best:
        return numpy.zeros(len(rows))
    hit = numpy.flatnonzero((scores > 0) & (view.sessions >= 0))
    by_session = numpy.zeros(int(view.sessions.max(initial=0)) + 1)
    numpy.maximum.at(by_session, view.sessions[hit], scores[hit])
    sessions = view.sessions[rows]
    part: Scores = numpy.where(sessions >= 0, by_session[sessions], scores[rows]) / best
    return part


def _speakers(index: MemoryIndex, view: View) -> dict[int, frozenset[str]]:
    """The names of those who speak in this view, by their numbers."""
    return {
        number: frozenset(raw_words(name))
        for name, number in index.columns.names("actor").items()
        if name and number in view.actors
    }


def _actor(index: MemoryIndex, named: frozenset[int], speakers: int, rows: Links) -> Scores:
    import numpy

    actors = index.columns.column("actor")[rows]
    if not named or len(named) == speakers:
        return numpy.zeros(len(rows))
    said: Scores = numpy.where(numpy.isin(actors, list(named)), 1.0, numpy.where(actors > 0, -1.0, 0.0))
    return said


def _date(at: Links, cue: Cue) -> Scores:
    """What happened is told then or soon after."""
    import numpy

    found = numpy.zeros(len(at))
    for span in cue.spans:
        late = numpy.maximum(0, at - span.end) / DAY
        near = numpy.where(at >= span.begin, numpy.exp(-late / _TOLD_WITHIN_DAYS), 0.0)
        found = numpy.maximum(found, near)
    if cue.months:
        months = at.astype("datetime64[us]").astype("datetime64[M]").astype(numpy.int64) % 12 + 1
        found = numpy.maximum(found, numpy.isin(months, list(cue.months)).astype(numpy.float64))
    dated: Scores = numpy.where(at > 0, found, 0.0)
    return dated


def _fits(index: MemoryIndex, cue: Cue, rows: Links) -> Scores:
    import numpy

    found = numpy.zeros(len(rows), dtype=bool)
    if cue.wants_time:
        found |= index.texts.has_time[rows]
    if cue.wants_number:
        found |= index.texts.has_number[rows]
    return found.astype(numpy.float64)
