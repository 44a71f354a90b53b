"""What a candidate is worth: a weighted sum of its features, as a number between 0 and 1.

Weights are data. The hand-set ones serve where nothing was learned. A sum of features with weights of one sign can be
read: each feature's part in a score is its weight times its value, and `memory why` shows just that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from mainstay.data import ranker_path
from mainstay.memory.features import NAMES

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Ranker:
    """Weights by feature; `name` says in the log of a recall which ranking it was.

    Attributes:
        bias: Added to the sum; moves the scores and never the order.
    """

    name: str
    weights: Mapping[str, float]
    bias: float = 0.0

    def scores(self, table: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """One score for each row of features, from 0 to 1."""
        import numpy

        # Summed in a fixed order, one feature after another: the same numbers whatever stands beside a row.
        total = numpy.full(len(table), self.bias)
        for place, name in enumerate(NAMES):
            total += self.weights.get(name, 0.0) * table[:, place]
        scores: NDArray[numpy.float64] = 1 / (1 + numpy.exp(-total))
        return scores

    def score(self, features: Mapping[str, float]) -> float:
        """The same of one candidate."""
        total = self.bias + sum(self.weights.get(name, 0.0) * features.get(name, 0.0) for name in NAMES)
        return 1 / (1 + math.exp(-total))


_WORDS = {"words": 1.0, "pair_words": 1.5, "near_words": 1.0, "covered": 1.5, "session_words": 2.0}
_VECTORS = {"vector": 4.0, "vector_before": 1.5, "vector_after": 1.0}
_SITUATION = {
    "actor": 0.8,
    "date": 2.5,
    "fits": 1.0,
    "asks": -1.0,
    "answers": 0.5,
    "opens": 0.5,
    "length": 1.5,
    "of_self": 0.5,
}
BY_WORDS = Ranker("words 1", {**_WORDS, **_SITUATION}, bias=-8.5)
"""Where there are no vectors."""
HAND_SET = Ranker("hand-set 1", {**_WORDS, **_VECTORS, **_SITUATION}, bias=-10.0)
"""What fitting starts from."""


@cache
def shipped() -> Ranker:
    """The weights that ship: the hand-set ones, moved by what our sample corpora say (scripts/fit_reranker.py)."""
    return ranker_of(ranker_path().read_bytes())


def ranker_of(content: bytes) -> Ranker:
    """The weights that a file says. Raises `ValueError` for what is no such file."""
    said = _decode(content)
    unknown = set(said.weights) - set(NAMES)
    if unknown:
        raise ValueError(f"no such feature: {', '.join(sorted(unknown))}")
    return Ranker(said.name, said.weights, said.bias)


class _File(msgspec.Struct):
    name: str
    weights: dict[str, float]
    bias: float


_decode = msgspec.json.Decoder(_File).decode
