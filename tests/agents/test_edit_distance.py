"""How much of a draft was changed: the distance of words, against the table that everybody knows."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.edit_distance import Edit, distance, edit_of


def table(before: Sequence[str], after: Sequence[str]) -> int:
    """The distance by the textbook."""
    row = list(range(len(after) + 1))
    for place, one in enumerate(before, 1):
        above, row = row, [place]
        for at, other in enumerate(after, 1):
            row.append(min(above[at] + 1, row[-1] + 1, above[at - 1] + (one != other)))
    return row[-1]


WORDS = st.lists(st.sampled_from("abc"), max_size=12)


@given(WORDS, WORDS)
def test_the_distance_is_that_of_the_table(before: list[str], after: list[str]) -> None:
    assert distance(before, after) == table(before, after)


@pytest.mark.parametrize(
    ("drafted", "sent", "edit"),
    [
        ("one two three", "one two three", Edit(3, 0)),
        ("one two three", "one\n  two three ", Edit(3, 0)),
        ("one two three", "one 2 three", Edit(3, 1)),
        ("one two three four", "one four", Edit(4, 2)),
        ("", "all of it", Edit(3, 3)),
        ("", "", Edit(0, 0)),
    ],
)
def test_words_are_counted_and_blanks_are_not(drafted: str, sent: str, edit: Edit) -> None:
    assert edit_of(drafted, sent) == edit


def test_the_share_is_of_the_longer_text() -> None:
    assert edit_of("one two three four", "one four").share == 0.5
    assert edit_of("", "").share == 0.0
