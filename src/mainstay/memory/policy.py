"""What a task may recall, and for how much: a retrieval policy is data.

A policy narrows first (spaces, kinds, filters), then limits what is handed over (hits, tokens, a share per source,
a minimum score). It never asks for more than there is: a policy that finds nothing says what is to be done then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mainstay.kernel.values import Json

# What happens when nothing passes: hand over nothing; hand over the best one, marked as below the minimum; or hand
# over nothing and say that a person should be asked.
Otherwise: TypeAlias = Literal["nothing", "best", "ask"]


@dataclass(frozen=True, slots=True)
class Recency:
    """How much newer units are preferred: at most `weight` of the score, half of it after `half_life_days`."""

    half_life_days: float
    weight: float = 0.1


@dataclass(frozen=True, slots=True)
class RetrievalPolicy:
    """What a task may recall.

    Attributes:
        spaces: Where it may look; empty: everywhere.
        kinds: What it may find; empty: everything.
        filters: Fields of a unit that have to equal these; a list means any of them.
        hits_max: How many hits at most, without their neighbours.
        token_max: What all texts together may weigh, neighbours included.
        per_source_max: How many hits one source may have; 0: no limit.
        score_min: What a hit must reach, from 0 to 1.
        recency: How much newer units are preferred; None: not at all.
        neighbours: How many units before and after a hit are added, as far as tokens are left.
        otherwise: What happens when nothing passes.
    """

    name: str
    version: str = "1"
    spaces: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    filters: Json = field(default_factory=dict)
    hits_max: int = 10
    token_max: int = 2_000
    per_source_max: int = 0
    score_min: float = 0.0
    recency: Recency | None = None
    neighbours: int = 0
    otherwise: Otherwise = "nothing"
