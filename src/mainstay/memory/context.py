"""What a recall hands over: hits with what spoke for them, what was dropped and why, and what it all weighs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from mainstay.memory.units import Unit

DropReason: TypeAlias = Literal[
    "below the minimum", "too many hits", "too many of this source", "no tokens left"
]


@dataclass(frozen=True, slots=True)
class Hit:
    """A unit that is handed over.

    Attributes:
        rank: From 1, best first; a neighbour has the rank of the hit that it stands beside.
        score: What ranking says, from 0 to 1.
        features: What spoke for it, by name; empty for a neighbour.
        neighbour_of: The id of the hit that it was added for; empty for a hit.
    """

    unit: Unit
    rank: int
    score: float
    features: Mapping[str, float]
    tokens: int
    neighbour_of: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A unit that was found and is not handed over."""

    unit: Unit
    score: float
    features: Mapping[str, float]
    reason: DropReason
    tokens: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a task is given, and what it is not.

    Attributes:
        policy: The policy's name.
        version: And its version.
        ranker: Which weights ranked.
        hits: Best first, each followed by its neighbours.
        dropped: What was found besides, best first, as far as it is worth telling.
        tokens: What all hits weigh together.
        digest: Equal for equal answers.
        by_meaning: Whether vectors took part; words alone otherwise.
        missing: How many units had no vector when this was asked.
        below: Nothing passed, and the best was handed over all the same.
        ask: Nothing passed, and the policy says that a person should be asked.
    """

    policy: str
    version: str
    ranker: str
    hits: tuple[Hit, ...]
    dropped: tuple[Dropped, ...]
    tokens: int
    digest: str
    by_meaning: bool = False
    missing: int = 0
    below: bool = False
    ask: bool = False


def digest_of(parts: Sequence[str], hits: Iterable[Hit]) -> str:
    """A hash of who answered and of what: ids, ranks, and scores to six places."""
    said = [[hit.unit.id, hit.rank, round(hit.score, 6), hit.neighbour_of] for hit in hits]
    return hashlib.sha256(msgspec.json.encode([list(parts), said])).hexdigest()
