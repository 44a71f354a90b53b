"""Which intent a text is nearest to: by meaning where there is an embedder, by words where there is none.

By meaning: the ten nearest examples vote with weights that fall off exponentially with their distance, and so does
the middle of each intent (its examples and its description); the two are averaged. Either alone was worse on
every corpus that we tried. By words: the same vote, over keyword scores.

Rules of this file: the same text gives the same guess; nothing here decides what may be done with it. A guess
always names the nearest intent; `known` says whether that is near enough to mean anything, by a rule of thumb. What
may be done without a person is not decided by it, nor by `confidence`, which is no probability until it has been
fitted to live decisions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from mainstay.agents.intents import Intent
from mainstay.agents.ways import GUESSES_BY_WORDS, KEYWORD_TEMPERATURE, NEIGHBOURS
from mainstay.memory.keywords import KeywordIndex, words

if TYPE_CHECKING:
    from mainstay.models.base import Embedder, Vectors

TEMPERATURE = 0.05  # of similarities; a neighbour 0.05 further away counts 1/e as much

# Below both of these a text belongs to none of the intents: far from all, and between several.
UNKNOWN_SIMILARITY, UNKNOWN_SHARE = 0.33, 0.35
FULL_SIMILARITY = 0.50  # from here on distance takes nothing from the confidence
KEYWORD_UNKNOWN_SHARE = 0.20
KEYWORD_CONFIDENCE_MAX = 0.60  # words were right six times in ten where meaning was right nearly nine times


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An example, and how near it is. `source` is how it is cited: `intent:login#3`, counted from 1."""

    source: str
    intent: str
    text: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Guess:
    """The nearest intent. `share` is its part of all votes, `margin` how far ahead of the next it is."""

    intent: str
    share: float
    margin: float
    similarity: float  # of the text to the intent's middle and to its nearest example, the mean of both
    known: bool
    confidence: float  # from 0 to 1
    runner_up: str
    neighbours: tuple[Neighbour, ...]  # nearest first; of all intents


class Classifier(Protocol):
    """Guesses intents."""

    @property
    def recipe(self) -> str:
        """What a guess depends on, apart from the intents."""
        ...

    def guess(self, text: str) -> Guess | None:
        """The nearest intent, or None where nothing is like the text at all."""
        ...


@dataclass(frozen=True, slots=True)
class _Example:
    source: str
    intent: int
    text: str


class MeaningClassifier:
    """By sentence embeddings. The examples are embedded at the first guess."""

    def __init__(self, intents: Sequence[Intent], embedder: Embedder) -> None:
        self._intents = tuple(intents)
        self._examples = _examples(intents)
        self._embedder = embedder
        self._lock = Lock()
        self._known: tuple[Vectors, Vectors] | None = None

    @property
    def recipe(self) -> str:
        return f"knn{NEIGHBOURS} t{TEMPERATURE} + prototypes, {self._embedder.recipe}"

    def guess(self, text: str) -> Guess | None:
        if not text.strip() or not self._intents:
            return None
        examples, middles = self._vectors()
        vector = self._embedder.embed([text])[0]
        near = [float(value) for value in examples @ vector]
        middle = [float(value) for value in middles @ vector]
        by_neighbours = _votes(self._examples, near, len(self._intents), TEMPERATURE)
        by_middle = _softmax(middle, TEMPERATURE)
        if not self._examples:
            by_neighbours = by_middle
        votes = [(one + other) / 2 for one, other in zip(by_neighbours, by_middle, strict=True)]
        similarity, share = _standing(self._examples, votes, near, middle)
        return _guess(
            self._intents,
            self._examples,
            votes,
            near,
            similarity=similarity,
            known=similarity >= UNKNOWN_SIMILARITY or share >= UNKNOWN_SHARE,
            confidence=share * min(1.0, max(0.0, similarity) / FULL_SIMILARITY),
        )

    def _vectors(self) -> tuple[Vectors, Vectors]:
        with self._lock:
            if self._known is None:
                self._known = self._embed()
            return self._known

    def _embed(self) -> tuple[Vectors, Vectors]:
        import numpy

        examples = self._embedder.embed([example.text for example in self._examples])
        middles = self._embedder.embed([_described(intent) for intent in self._intents])
        for number in range(len(self._intents)):
            rows = [row for row, example in enumerate(self._examples) if example.intent == number]
            if rows:
                middles[number] += examples[rows].mean(axis=0)
        lengths = numpy.linalg.norm(middles, axis=1, keepdims=True)
        return examples, middles / numpy.maximum(lengths, 1e-9)


class WordClassifier:
    """By words alone: for devices without the embedder. Less sure of itself, and rightly so."""

    recipe = GUESSES_BY_WORDS

    def __init__(self, intents: Sequence[Intent]) -> None:
        self._intents = tuple(intents)
        self._examples = _examples(intents)
        self._near = KeywordIndex([example.text for example in self._examples])
        self._middle = KeywordIndex([" ".join((_described(one), *one.examples)) for one in intents])

    def guess(self, text: str) -> Guess | None:
        if not self._intents or not words(text):
            return None
        near, middle = self._near.scores(text), self._middle.scores(text)
        if max(middle) <= 0:
            return None
        by_neighbours = _votes(self._examples, near, len(self._intents), KEYWORD_TEMPERATURE)
        by_middle = _softmax(middle, KEYWORD_TEMPERATURE)
        votes = [
            0.3 * one + 0.7 * other if self._examples else other
            for one, other in zip(by_neighbours, by_middle, strict=True)
        ]
        similarity, share = _standing(self._examples, votes, near, middle)
        return _guess(
            self._intents,
            self._examples,
            votes,
            near,
            similarity=similarity,
            known=share >= KEYWORD_UNKNOWN_SHARE,
            confidence=share * KEYWORD_CONFIDENCE_MAX,
        )


def _examples(intents: Sequence[Intent]) -> tuple[_Example, ...]:
    return tuple(
        _Example(f"intent:{intent.id}#{place}", number, text)
        for number, intent in enumerate(intents)
        for place, text in enumerate(intent.examples, 1)
    )


def _described(intent: Intent) -> str:
    return f"{intent.name}. {intent.description}"


def _votes(examples: Sequence[_Example], near: Sequence[float], size: int, temperature: float) -> list[float]:
    votes = [0.0] * size
    nearest = sorted(range(len(examples)), key=lambda row: (-near[row], row))[:NEIGHBOURS]
    weights = _softmax([near[row] for row in nearest], temperature)
    for row, weight in zip(nearest, weights, strict=True):
        votes[examples[row].intent] += weight
    return votes


def _softmax(values: Sequence[float], temperature: float) -> list[float]:
    if not values:
        return []
    best = max(values)
    weights = [math.exp((value - best) / temperature) for value in values]
    total = sum(weights)
    return [weight / total for weight in weights]


def _standing(
    examples: Sequence[_Example], votes: Sequence[float], near: Sequence[float], middle: Sequence[float]
) -> tuple[float, float]:
    """Similarity and share of the intent with the most votes."""
    first = max(range(len(votes)), key=lambda number: (votes[number], -number))
    own = [near[row] for row, example in enumerate(examples) if example.intent == first]
    return (max(own, default=middle[first]) + middle[first]) / 2, votes[first]


def _guess(
    intents: Sequence[Intent],
    examples: Sequence[_Example],
    votes: Sequence[float],
    near: Sequence[float],
    *,
    similarity: float,
    known: bool,
    confidence: float,
) -> Guess:
    order = sorted(range(len(intents)), key=lambda number: (-votes[number], number))
    first, second = order[0], order[1] if len(order) > 1 else None
    nearest = sorted(range(len(examples)), key=lambda row: (-near[row], row))[:NEIGHBOURS]
    return Guess(
        intent=intents[first].id,
        share=votes[first],
        margin=votes[first] - (0.0 if second is None else votes[second]),
        similarity=similarity,
        known=known,
        confidence=min(1.0, max(0.0, confidence)),
        runner_up="" if second is None else intents[second].id,
        neighbours=tuple(
            Neighbour(examples[row].source, intents[examples[row].intent].id, examples[row].text, near[row])
            for row in nearest
        ),
    )
