"""What `mainstay memory search` shows of a hit, and which hits are worth showing."""

from __future__ import annotations

from mainstay.cli.memory_found import _because, _near, _score
from mainstay.memory.context import Hit
from mainstay.memory.ranking import BY_WORDS, shipped
from mainstay.memory.units import Unit


def hit(score: float, **features: float) -> Hit:
    return Hit(Unit("note@1", "text", "notes", "note"), 1, score, features, 1)


def test_a_small_score_still_says_something() -> None:
    assert _score(0.00321, {"vector": 0.6}) == "0.0032 (alike 0.60)"
    assert _score(0.914, {}) == "0.91"


def test_what_added_most_is_told_and_not_what_is_largest() -> None:
    features = {"opens": 1.0, "vector": 0.9}
    assert _because(features, shipped().name).startswith("vector +3.")
    assert _because(features, BY_WORDS.name) == "opens +0.50"  # where there are no vectors they add nothing


def test_the_tail_and_what_is_not_alike_are_left_out() -> None:
    best, near = hit(0.9, covered=0.8), hit(0.1, vector=0.4)
    assert _near([best, near, hit(0.02, covered=0.5), hit(0.5, vector=0.1)]) == [best, near]
    assert _near([hit(0.001, vector=0.1)]) == []
    alone = hit(0.0005, vector=0.6)
    assert _near([alone]) == [alone]
