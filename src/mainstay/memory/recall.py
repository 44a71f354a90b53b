"""Finding again what was remembered: by meaning where there is an embedder, by words where there is none.

Rules of this file: it filters first and scores exactly; ties are broken by id, so the same memory gives the
same hits. What a record is made of, and which records there are, is decided elsewhere; this only looks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mainstay.kernel.errors import Unavailable
from mainstay.kernel.values import DAY, Instant, Json
from mainstay.memory.context import Context, digest_of
from mainstay.memory.cue import read_cue
from mainstay.memory.features import NAMES, Candidates, candidates
from mainstay.memory.index import MemoryIndex, may_send
from mainstay.memory.plain_index import PlainIndex
from mainstay.memory.policy import Recency, RetrievalPolicy
from mainstay.memory.ranking import BY_WORDS, Ranker, shipped
from mainstay.memory.selection import Ranked, Selected, select
from mainstay.memory.units import Unit

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from mainstay.memory.view import View
    from mainstay.models.base import Vectors

CUE_CHAR_MAX = 8_000  # a longer cue is a document; its beginning says what it is about
# A selection that passes over many (a share per source, few tokens left) looks this far down and no further.
RANKED_MIN, RANKED_A_HIT = 100, 5


def recall(
    policy: RetrievalPolicy,
    cue: str,
    index: MemoryIndex | PlainIndex,
    *,
    now: Instant,
    as_of: int | None = None,
    filters: Json | None = None,
    ranker: Ranker | None = None,
    refined: Ranker | None = None,
    vector: Vectors | None = None,
    data_class: str = "",
) -> Context:
    """The units that answer the cue best within the policy's limits, and what was left out and why.

    `filters` narrow further than the policy's own; of one name both have to hold. `as_of` asks what was believed at
    that position. `ranker` ranks whatever there is; `refined` takes the place of the weights that ship, where vectors
    take part: these are what it was learned from. `vector` is the cue's, where somebody has it already; without one the
    index's embedder makes it.
    """
    cue = cue[:CUE_CHAR_MAX]
    if isinstance(index, PlainIndex):
        return _by_plain_words(policy, cue, index, now=now, as_of=as_of, filters=filters or {})
    sendable = may_send(index.embedder, data_class)
    if (
        vector is None
        and sendable
        and index.embedder is not None
        and index.vectors is not None
        and cue.strip()
    ):
        # An embedder that is reached by a network may be down: then it goes by words, and `by_meaning` says so.
        with contextlib.suppress(Unavailable):
            vector = index.embedder.embed([cue])[0]
    with index.lock:
        allowed = index.permitted(
            now=now, as_of=as_of, spaces=policy.spaces, kinds=policy.kinds, filters=policy.filters
        )
        if filters:
            allowed &= index.permitted(now=now, as_of=as_of, filters=filters)
        view = index.view(allowed)
        found = candidates(index, view, read_cue(cue, now), vector)
        ranker = ranker or ((refined or shipped()) if found.by_meaning else BY_WORDS)
        ranked = _ranked(policy, index, found, ranker, now)
        selected = select(policy, ranked, lambda unit: _around(index, view, unit, policy.neighbours))
        missing = index.missing
    return _context(policy, ranker, selected, by_meaning=found.by_meaning, missing=missing)


def _by_plain_words(
    policy: RetrievalPolicy, cue: str, index: PlainIndex, *, now: Instant, as_of: int | None, filters: Json
) -> Context:
    with index.lock:
        found, threads = index.candidates(
            read_cue(cue, now),
            now=now,
            as_of=as_of,
            spaces=policy.spaces,
            kinds=policy.kinds,
            filters=(policy.filters, filters),
        )
    ranked = []
    for unit, features in found:
        score = BY_WORDS.score(features)
        if policy.recency is not None:
            fresh = features["fresh"] = _freshness(policy.recency, unit.at, now)
            score *= 1 - policy.recency.weight + policy.recency.weight * fresh
        ranked.append(Ranked(unit, score, features))
    ranked.sort(key=lambda one: (-one.score, one.unit.id))
    selected = select(
        policy, ranked, lambda unit: _beside(threads.get(unit.thread, ()), unit, policy.neighbours)
    )
    return _context(policy, BY_WORDS, selected, by_meaning=False, missing=0)


def _beside(thread: Sequence[Unit], unit: Unit, count: int) -> list[Unit]:
    if unit not in thread:
        return []
    place = thread.index(unit)
    found: list[Unit] = []
    for step in range(1, count + 1):
        found += [thread[near] for near in (place - step, place + step) if 0 <= near < len(thread)]
    return found


def _context(
    policy: RetrievalPolicy, ranker: Ranker, selected: Selected, *, by_meaning: bool, missing: int
) -> Context:
    return Context(
        policy=policy.name,
        version=policy.version,
        ranker=ranker.name,
        hits=selected.hits,
        dropped=selected.dropped,
        tokens=sum(hit.tokens for hit in selected.hits),
        digest=digest_of((policy.name, policy.version, ranker.name), selected.hits),
        by_meaning=by_meaning,
        missing=missing,
        below=selected.below,
        ask=policy.otherwise == "ask" and not selected.hits,
    )


def _ranked(
    policy: RetrievalPolicy, index: MemoryIndex, found: Candidates, ranker: Ranker, now: Instant
) -> list[Ranked]:
    """The candidates best first, ties by id, as many as a selection can need."""
    import numpy

    scores = ranker.scores(found.table)
    fresh = _fresh(policy, index, found, now)
    if policy.recency is not None:
        scores = scores * (1 - policy.recency.weight + policy.recency.weight * fresh)
    limit = max(RANKED_MIN, RANKED_A_HIT * policy.hits_max)
    places = numpy.arange(len(scores))
    if len(scores) > limit:
        cut = numpy.partition(scores, len(scores) - limit)[len(scores) - limit]
        places = numpy.flatnonzero(scores >= cut)
    ranked = []
    for place in places.tolist():
        features = dict(zip(NAMES, found.table[place].tolist(), strict=True))
        if policy.recency is not None:
            features["fresh"] = float(fresh[place])
        ranked.append(Ranked(index.unit(int(found.rows[place])), float(scores[place]), features))
    return sorted(ranked, key=lambda one: (-one.score, one.unit.id))


def _fresh(
    policy: RetrievalPolicy, index: MemoryIndex, found: Candidates, now: Instant
) -> NDArray[numpy.float64]:
    """How new each candidate is, from 1 for now to 0. What has no time counts as old."""
    import numpy

    at = index.columns.column("at")[found.rows]
    if policy.recency is None:
        return numpy.zeros(len(at))
    ages_days = numpy.maximum(0, now - at) / DAY
    fresh: NDArray[numpy.float64] = numpy.where(
        at > 0, 0.5 ** (ages_days / policy.recency.half_life_days), 0.0
    )
    return fresh


def _freshness(recency: Recency, at: Instant, now: Instant) -> float:
    return float(0.5 ** (max(0, now - at) / DAY / recency.half_life_days)) if at else 0.0


def _around(index: MemoryIndex, view: View, unit: Unit, count: int) -> list[Unit]:
    """The permitted neighbours of a unit in its thread, nearest first, those before it first."""
    row = index.row(unit.id)
    found: list[Unit] = []
    before, after = row, row
    for _ in range(count):
        before = int(view.before[before]) if before >= 0 else -1
        after = int(view.after[after]) if after >= 0 else -1
        found += [index.unit(near) for near in (before, after) if near >= 0]
    return found
