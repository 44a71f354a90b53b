"""Short texts by the hundred thousand, plainly invented, and vectors for them without embedding each.

Some thousand texts are embedded for real. Every other text joins two of them, and its vector is the sum of theirs,
shortened to length 1: about what the model would say of the joined text, at no cost. Questions are texts of their own
and always embedded for real.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

from mainstay.kernel.values import HOUR, MINUTE, Instant
from mainstay.memory.units import Unit

if TYPE_CHECKING:
    from mainstay.models.base import Vectors

DISTINCT = 2_000
_WHO = (
    *(
        "The courier",
        "A neighbour",
        "Our landlord",
        "The caterer",
        "A new customer",
        "The printer",
        "My colleague",
    ),
    *("The florist", "An apprentice", "The baker"),
)
_DID = (
    *(
        "called about",
        "asked for",
        "cancelled",
        "paid for",
        "complained about",
        "praised",
        "delivered",
        "forgot",
    ),
    *("moved", "confirmed"),
)
_WHAT = (
    *("the invoice", "a wooden table", "the spring order", "two keys", "the broken lamp", "a box of tea"),
    *("the summer party", "the contract", "a parking space", "the blue curtains", "the meeting room"),
    *("a wedding cake", "the heating", "a refund", "the guest list", "the oven"),
)
_WHEN = (
    *(
        "on Monday",
        "last week",
        "before lunch",
        "in a hurry",
        "without a word",
        "after the holidays",
        "by letter",
    ),
    *("at noon", "in person"),
)
_AND = (
    *(
        "and wants an answer",
        "so we wait",
        "which was a surprise",
        "and left a note",
        "but nothing was signed",
    ),
    *("as agreed", "and says thanks"),
)


def sentences(count: int, seed: int) -> list[str]:
    """So many texts, no two alike."""
    random = Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        number = random.randint(1, 9_999)
        parts = (*(random.choice(one) for one in (_WHO, _DID, _WHAT, _WHEN, _AND)), f"number {number}.")
        found[" ".join(parts)] = None
    return list(found)


def units(count: int, distinct: list[str]) -> Iterator[tuple[Unit, tuple[int, int]]]:
    """Units in threads of twelve, and of which two texts each is made."""
    random = Random(7)
    for number in range(count):
        first = number % len(distinct)
        # The first ones are the texts themselves; after them no pair comes twice in a row.
        second = first if number < len(distinct) else random.randrange(len(distinct))
        text = distinct[first] if first == second else f"{distinct[first]} {distinct[second]}"
        thread, at = (
            f"thread-{number // 12}",
            Instant(1_800_000_000_000_000 + number * 10 * MINUTE + number // 12 * HOUR),
        )
        actor = ("Ada", "Ben", "Cleo")[number % 3]
        yield (
            Unit(f"unit-{number:07d}", text, actor=actor, thread=thread, at=at, recorded=number + 1),
            (first, second),
        )


def joined(vectors: Vectors, pairs: list[tuple[int, int]]) -> Vectors:
    """The vectors of joined texts."""
    import numpy

    left, right = (numpy.array(column) for column in zip(*pairs, strict=True))
    sums = vectors[left] + 0.7 * vectors[right]
    lengths: Vectors = numpy.linalg.norm(sums, axis=1, keepdims=True)
    shortened: Vectors = (sums / lengths).astype(numpy.float32)
    return shortened


QUESTIONS = (
    "Who asked about number {n}?", "What happened with {what}?", "When did {who} come by?",
    "What did Ada say about {what}?", "Which order was cancelled {when}?", "Did Ben mention {who} and {what}?",
)  # fmt: skip


def questions(count: int) -> list[str]:
    """What is asked: no two alike, and none of the texts."""
    random = Random(11)
    return [
        random.choice(QUESTIONS).format(
            n=random.randint(1, 9_999),
            what=random.choice(_WHAT),
            who=random.choice(_WHO),
            when=random.choice(_WHEN),
        )
        + f" ({number})"
        for number in range(count)
    ]
