"""What speaks for a unit, as numbers: the features that ranking weighs.

Each is between -1 and 1 and is computed from the question, the unit and its neighbours alone; those that compare a
unit with the best one of the same question end in `_part`. A feature that cannot be computed (no vector, no time)
is 0, so that ranking goes on with the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mainstay.memory.index import MemoryIndex
from mainstay.memory.terms import raw_words, term
from mainstay.memory.view import View, WordScores, word_scores

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.memory.columns import Links
    from mainstay.memory.view import Scores
    from mainstay.models.base import Vectors

NAMES = (
    "words",  # BM25 of the unit, beside the best of this question
    "pair_words",  # the same of the unit with what stood before it
    "covered",  # the share of the question's rarity that the unit's words make up
    "vector",  # how alike question and unit are
    "vector_before",  # the same of the unit before
    "vector_after",  # and of the unit after
    "actor",  # the question names who said it; -1: names somebody else who speaks here
    "question",  # the unit asks
)
CANDIDATES_MAX = 300  # by each way of searching


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows worth ranking, and a column of numbers for each of `NAMES`."""

    rows: Links
    table: NDArray[numpy.float64]
    by_meaning: bool  # whether vectors took part


def candidates(index: MemoryIndex, view: View, cue: str, vector: Vectors | None) -> Candidates:
    """What could answer the cue. `vector` is the cue's; None: words alone."""
    import numpy

    words = word_scores(
        view, index.terms.known([term(word) for word in raw_words(cue)]), index.postings, index.befores
    )
    found = [_best(words.unit), _best(words.pair)]
    by_meaning = vector is not None and index.vectors is not None
    if by_meaning:
        assert index.vectors is not None
        assert vector is not None
        found.append(index.vectors.nearest(vector, view.allowed, CANDIDATES_MAX))
    rows = numpy.unique(numpy.concatenate(found))
    columns = [
        _beside_best(words.unit, rows),
        _beside_best(words.pair, rows),
        words.covered[rows],
        *_vectors(index, view, vector if by_meaning else None, rows),
        _actor(index, view, cue, rows),
        numpy.array([float(index.unit(int(row)).text.rstrip().endswith("?")) for row in rows]),
    ]
    return Candidates(
        rows, numpy.stack(columns, axis=1) if len(rows) else numpy.zeros((0, len(NAMES))), by_meaning
    )


def _best(scores: Scores) -> Links:
    import numpy

    rows = numpy.flatnonzero(scores > 0)
    if len(rows) <= CANDIDATES_MAX:
        return rows
    cut = numpy.partition(scores[rows], len(rows) - CANDIDATES_MAX)[len(rows) - CANDIDATES_MAX]
    best: Links = rows[scores[rows] >= cut]
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


def _actor(index: MemoryIndex, view: View, cue: str, rows: Links) -> Scores:
    import numpy

    asked = set(raw_words(cue)) | {term(word) for word in raw_words(cue)}
    actors = index.columns.column("actor")
    present = set(numpy.unique(actors[view.allowed]).tolist())
    named = [
        number
        for name, number in index.columns.names("actor").items()
        if name and number in present and not asked.isdisjoint(raw_words(name))
    ]
    if not named:
        return numpy.zeros(len(rows))
    said: Scores = numpy.where(numpy.isin(actors[rows], named), 1.0, numpy.where(actors[rows] > 0, -1.0, 0.0))
    return said


__all__ = ["CANDIDATES_MAX", "NAMES", "Candidates", "WordScores", "candidates"]
