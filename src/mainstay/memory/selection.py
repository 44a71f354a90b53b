"""Which ranked units are handed over: a policy's limits, kept one after another.

Pure. It takes units best first and goes on after one that does not fit: a long text must not keep out the short one
behind it. Neighbours come last, for the best hits first, with what is left of the tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mainstay.memory.context import Dropped, DropReason, Hit
from mainstay.memory.policy import RetrievalPolicy
from mainstay.memory.tokens import estimate
from mainstay.memory.units import Unit

DROPPED_MAX = 20  # of those that no limit but the number of hits left out


@dataclass(frozen=True, slots=True)
class Ranked:
    """A unit with its score."""

    unit: Unit
    score: float
    features: Mapping[str, float]


Around = Callable[[Unit], Sequence[Unit]]  # the neighbours of a unit, nearest first


@dataclass(frozen=True, slots=True)
class Selected:
    """What passed, what did not, and whether the best was taken although it did not pass."""

    hits: tuple[Hit, ...]
    dropped: tuple[Dropped, ...]
    below: bool = False


def select(policy: RetrievalPolicy, ranked: Sequence[Ranked], around: Around) -> Selected:
    """Hits within all limits. `ranked` is best first."""
    hits: list[Hit] = []
    dropped: list[Dropped] = []
    per_source: Counter[str] = Counter()
    left = policy.token_max
    for one in ranked:
        tokens = estimate(one.unit.text)
        reason = _reason(
            policy, one, tokens, left=left, hits=len(hits), of_source=per_source[one.unit.source]
        )
        if reason is not None:
            dropped.append(Dropped(one.unit, one.score, one.features, reason, tokens))
            if len(hits) >= policy.hits_max and len(dropped) >= DROPPED_MAX:
                break
            continue
        left -= tokens
        per_source[one.unit.source] += 1
        hits.append(Hit(one.unit, len(hits) + 1, one.score, one.features, tokens))
    below = not hits and policy.otherwise == "best" and bool(ranked)
    if below:
        hits, dropped, left = _best(policy, ranked, dropped)
    return Selected(
        _with_neighbours(policy, hits, around, left), tuple(dropped[:DROPPED_MAX]), below and bool(hits)
    )


def _reason(
    policy: RetrievalPolicy, one: Ranked, tokens: int, *, left: int, hits: int, of_source: int
) -> DropReason | None:
    if one.score < policy.score_min:
        return "below the minimum"
    if hits >= policy.hits_max:
        return "too many hits"
    if policy.per_source_max and one.unit.source and of_source >= policy.per_source_max:
        return "too many of this source"
    return "no tokens left" if tokens > left else None


def _best(
    policy: RetrievalPolicy, ranked: Sequence[Ranked], dropped: list[Dropped]
) -> tuple[list[Hit], list[Dropped], int]:
    """The best that the tokens allow, although it is below the minimum."""
    for one in ranked:
        tokens = estimate(one.unit.text)
        if tokens <= policy.token_max and policy.hits_max:
            rest = [other for other in dropped if other.unit is not one.unit]
            return [Hit(one.unit, 1, one.score, one.features, tokens)], rest, policy.token_max - tokens
    return [], dropped, policy.token_max


def _with_neighbours(
    policy: RetrievalPolicy, hits: Sequence[Hit], around: Around, left: int
) -> tuple[Hit, ...]:
    if not policy.neighbours:
        return tuple(hits)
    given = {hit.unit.id for hit in hits}
    found: list[Hit] = []
    for hit in hits:
        found.append(hit)
        for unit in around(hit.unit):
            tokens = estimate(unit.text)
            if unit.id not in given and tokens <= left:
                given.add(unit.id)
                left -= tokens
                found.append(Hit(unit, hit.rank, hit.score, {}, tokens, neighbour_of=hit.unit.id))
    return tuple(found)
