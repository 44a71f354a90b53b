"""A text beside the one before it: nothing is lost, and phrases are told, not confetti."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.console.words_diff import APART, CHANGES_MAX, GONE, NEW, SAME, words_diff

WORDS = st.lists(st.sampled_from(["a ", "b ", "c\n", "d", " ", "\n\n", "e\u00a0", "f, "]), max_size=40).map(
    "".join
)


def joined(parts: list[tuple[str, str]], *kinds: str) -> str:
    return "".join(text for kind, text in parts if kind in kinds)


@given(WORDS | st.text(max_size=60), WORDS | st.text(max_size=60))
def test_both_texts_are_there_to_the_letter(old: str, new: str) -> None:
    parts = words_diff(old, new)
    assert joined(parts, SAME, GONE) == old
    assert joined(parts, SAME, NEW) == new
    assert all(text for _, text in parts)


@given(WORDS)
def test_what_did_not_change_is_told_as_that(text: str) -> None:
    assert words_diff(text, text) == ([(SAME, text)] if text else [])


@given(WORDS, WORDS)
def test_no_two_neighbours_are_of_one_kind(old: str, new: str) -> None:
    parts = words_diff(old, new)
    assert all(one[0] != other[0] for one, other in pairwise(parts))


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_changes_are_parted_by_enough_words_that_stayed(changed: list[bool]) -> None:
    old = " ".join(f"w{at}" for at in range(len(changed)))
    new = " ".join(f"x{at}" if one else f"w{at}" for at, one in enumerate(changed))
    parts = words_diff(old, new)
    assert all(kind != SAME or len(text.split()) >= APART for kind, text in parts[1:-1])


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("", "", []),
        ("", "new", [(NEW, "new")]),
        ("old", "", [(GONE, "old")]),
        (
            "thanks. We guarantee the fix ships tomorrow and will refund the full year.\n\nBest",
            "thanks. The fix is in review and should ship this week.\n\nBest",
            [
                (SAME, "thanks. "),
                (GONE, "We guarantee the fix ships tomorrow and will refund the full year."),
                (NEW, "The fix is in review and should ship this week."),
                (SAME, "\n\nBest"),
            ],
        ),
        (
            "one two three four five six seven eight",
            "ONE two three four five six seven EIGHT",
            [
                *((GONE, "one"), (NEW, "ONE"), (SAME, " two three four five six seven ")),
                *((GONE, "eight"), (NEW, "EIGHT")),
            ],
        ),
        (
            "one two three four five",
            "ONE two three four FIVE",  # three words between two changes are too few to part them
            [(GONE, "one two three four five"), (NEW, "ONE two three four FIVE")],
        ),
        ("same text", "same text and more", [(SAME, "same text"), (NEW, " and more")]),
        ("same text and more", "same text", [(SAME, "same text"), (GONE, " and more")]),
        ("a line\nmore", "a line more", [(SAME, "a line"), (GONE, "\n"), (NEW, " "), (SAME, "more")]),
    ],
)
def test_it_is_told_in_phrases(old: str, new: str, parts: list[tuple[str, str]]) -> None:
    assert words_diff(old, new) == parts


def test_a_text_that_was_written_anew_is_told_as_a_whole() -> None:
    old = " ".join(f"a{at}" for at in range(CHANGES_MAX)) + " kept in the middle of it"
    new = " ".join(f"b{at}" for at in range(CHANGES_MAX)) + " kept in the middle of it too"
    assert [kind for kind, _ in words_diff(old, new)] == [GONE, NEW]
