"""The part of a message that is compared with others."""

import pytest

from mainstay.agents.cue import CUE_MAX, bare_subject, cue
from tests.agents.sample import message


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Re: AW: Fwd: Hello", "Hello"),
        ("Re[2]: x", "x"),
        ("Regarding x", "Regarding x"),
        (" a \n b ", "a b"),
        ("Re:", ""),
    ],
)
def test_leading_marks_of_answers_go(subject: str, bare: str) -> None:
    assert bare_subject(subject) == bare


def test_a_new_subject_counts_and_an_old_one_does_not() -> None:
    assert cue(message("It broke.", subject="Map")) == "Map. It broke."
    assert cue(message("It broke.", subject="Re: Map")) == "It broke."


def test_quoted_history_does_not_count() -> None:
    assert cue(message("New.", text="New.\n> old", new_text="New.", subject="")) == "New."
    assert cue(message("x", text="> all of it is quoted", new_text="", subject="")) == "> all of it is quoted"


def test_a_cue_is_bounded_and_may_be_empty() -> None:
    assert len(cue(message("word " * 10_000))) <= CUE_MAX
    assert cue(message("", subject="")) == ""
