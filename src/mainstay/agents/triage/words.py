"""Vectors by words alone, for devices without the embedder: the same port, far less understanding.

Each word, and each three letters within it, adds to a few places that its hash picks. Texts that share words are
alike, texts that mean the same are not; so the gate, which learns what such vectors are worth, lets less pass.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from mainstay.memory.keywords import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mainstay.models.base import Vectors

DIMENSIONS = 256
READ_MAX = 4_000  # characters
_TRIGRAM_WEIGHT = 0.35
_PLACES = 2


class WordVectors:
    """An embedder that knows no meaning."""

    model_id = "words"
    dimensions = DIMENSIONS
    recipe = f"words 1 dimensions {DIMENSIONS} trigrams {_TRIGRAM_WEIGHT}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text."""
        import numpy

        rows = numpy.zeros((len(texts), DIMENSIONS), dtype=numpy.float64)
        rows[:, -1] = 0.1  # the same for all, so that no vector is zero
        for row, text in zip(rows, texts, strict=True):
            for part, weight in _parts(text[:READ_MAX]).items():
                for place, sign in _places(part):
                    row[place] += sign * weight
        rows /= numpy.linalg.norm(rows, axis=1, keepdims=True)
        made: Vectors = rows.astype(numpy.float32)
        return made


def _parts(text: str) -> dict[str, float]:
    parts: dict[str, float] = {}
    for word, count in Counter(words(text)).items():
        times = float(count) ** 0.5
        parts[word] = parts.get(word, 0.0) + times
        around = f"<{word}>"
        for start in range(len(around) - 2):
            three = "3" + around[start : start + 3]
            parts[three] = parts.get(three, 0.0) + _TRIGRAM_WEIGHT * times
    return parts


@lru_cache(maxsize=20_000)
def _places(part: str) -> tuple[tuple[int, int], ...]:
    digest = hashlib.blake2b(part.encode("utf-8", "surrogatepass"), digest_size=3 * _PLACES).digest()
    numbers = (int.from_bytes(digest[at : at + 3], "big") for at in range(0, 3 * _PLACES, 3))
    return tuple(((number >> 1) % (DIMENSIONS - 1), 1 if number & 1 else -1) for number in numbers)
