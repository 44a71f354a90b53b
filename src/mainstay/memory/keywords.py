"""Keyword search: words, and how well a text answers a query by them (BM25).

The search that is always there: no model, no index on disk, no third-party package. Scores are divided by what a
text of mean length with every word of the query would reach, so they lie between 0 and 1 and can stand beside a
similarity; they are not a probability.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

WORD_MAX = 400  # words of a query that count; a longer one is a document

_SATURATION, _LENGTH_WEIGHT = 1.2, 0.6
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_STOP_WORDS = (
    "a about all also am an and any are as at be been but by can could did do does for from get had has have "
    "he her here hi hello him his how i if in is it its just like me my not now of on one or our out please "
    "she so some than thank thanks that the their them then there these they this to up us was we were what "
    "when which will with would you your dear regards best kind"
)
_STOP = frozenset(_STOP_WORDS.split())
# Enough to make "invoices" meet "invoice" and "logging" meet "log"; a real stemmer would gain little here.
_ENDINGS = ("ations", "ation", "ings", "ing", "edly", "ies", "ed", "es", "ly", "s", "e")


def words(text: str) -> tuple[str, ...]:
    """The words that carry meaning: folded to lower case, without stop words and common endings."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return tuple(_stem(word) for word in _WORD.findall(folded) if word not in _STOP)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


class KeywordIndex:
    """Texts by their words. Never changes once it is made."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(words(text)) for text in texts]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean_length = sum(self._lengths) / len(self._lengths) if any(self._lengths) else 1.0
        found_in: Counter[str] = Counter()
        for counts in self._counts:
            found_in.update(counts.keys())
        total = len(self._counts)
        self._rarity = {
            word: math.log(1 + (total - count + 0.5) / (count + 0.5)) for word, count in found_in.items()
        }
        self._unknown = math.log(1 + (total + 0.5) / 0.5)

    def scores(self, query: str) -> list[float]:
        """How well each text answers the query, from 0 to 1, in the order of the texts."""
        asked = tuple(dict.fromkeys(words(query)[:WORD_MAX]))
        best = sum(self._rarity.get(word, self._unknown) for word in asked)
        if not best:
            return [0.0] * len(self._counts)
        return [
            min(1.0, self._score(asked, counts, length) / best)
            for counts, length in zip(self._counts, self._lengths, strict=True)
        ]

    def _score(self, asked: tuple[str, ...], counts: Counter[str], length: int) -> float:
        penalty = _SATURATION * (1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * length / self._mean_length)
        total = 0.0
        for word in asked:
            count = counts.get(word, 0)
            if count:
                total += self._rarity[word] * count * (_SATURATION + 1) / (count + penalty)
        return total
