"""Flags by what a text means: a linear reader over the sentence embedding, made from examples of our own.

Rules of this file: it only raises flags, and none that leaves a message without a draft, since it cannot say which
words it went by. It reads vectors of one embedder alone and is silent for any other. Its weights are made by
`scripts/make_flag_weights.py` from `data/flags/examples.tsv`; the same examples give the same weights. How right it
is on lines that it has not seen stands in docs/injection.md and is held by a test.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mainstay.agents.flags import Risk
from mainstay.data import flag_path

if TYPE_CHECKING:
    from mainstay.models.base import Embedder, Vectors

WEIGHTS = "weights.json"
_SAYS = {
    "money": "reads like a demand for money",
    "credentials": "reads like a request for access or secrets",
    "legal": "reads like a legal claim",
    "threat": "reads like a threat",
    "instruction": "reads like orders to a machine",
}


@dataclass(frozen=True, slots=True)
class FlagWeights:
    """One linear reader for each flag. `recipe` is that of the embedder whose vectors they read."""

    recipe: str
    flags: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    offsets: tuple[float, ...]
    thresholds: tuple[float, ...]  # the probability from which a flag is raised
    digest: str = ""  # of the examples

    def probabilities(self, vector: Sequence[float]) -> dict[str, float]:
        """How likely each flag is, by this reader alone."""
        return {
            flag: 1 / (1 + math.exp(-max(-30.0, min(30.0, offset + _dot(row, vector)))))
            for flag, row, offset in zip(self.flags, self.rows, self.offsets, strict=True)
        }

    def raised(self, vector: Sequence[float]) -> tuple[str, ...]:
        """The flags whose probability reaches their threshold."""
        likely = self.probabilities(vector)
        return tuple(
            flag for flag, least in zip(self.flags, self.thresholds, strict=True) if likely[flag] >= least
        )


class LearnedFlags:
    """A `FlagJudge` over an embedder. Silent where the weights were made for another one."""

    def __init__(self, embedder: Embedder, weights: FlagWeights | None = None) -> None:
        found = shipped_weights() if weights is None else weights
        self._embedder = embedder
        self._weights = found if found.recipe == embedder.recipe else None

    @property
    def recipe(self) -> str:
        """What its flags depend on; part of an agent's recipe."""
        return "learned flags off" if self._weights is None else f"learned flags {self._weights.digest[:12]}"

    def risks(self, text: str) -> tuple[Risk, ...]:
        """What the text is suspected of. The vector comes from the embedder's cache where it was read before."""
        return (
            ()
            if self._weights is None or not text.strip()
            else self.risks_of(self._embedder.embed([text])[0])
        )

    def risks_of(self, vector: Vectors) -> tuple[Risk, ...]:
        """The same for a vector that is at hand."""
        if self._weights is None:
            return ()
        return tuple(Risk(flag, _SAYS[flag]) for flag in self._weights.raised(vector.tolist()))


def shipped_weights() -> FlagWeights:
    """The weights of the package."""
    return weights_of(json.loads(flag_path(WEIGHTS).read_text("utf-8")))


def weights_of(given: Any) -> FlagWeights:
    """Weights from their JSON."""
    return FlagWeights(
        recipe=given["recipe"],
        flags=tuple(given["flags"]),
        rows=tuple(map(tuple, given["rows"])),
        offsets=tuple(given["offsets"]),
        thresholds=tuple(given["thresholds"]),
        digest=given["digest"],
    )


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(left * right for left, right in zip(one, other, strict=True))
