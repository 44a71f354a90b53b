"""What a question asks about, and what an episode is made of."""

from __future__ import annotations

import pytest

from mainstay.governance.episodes import (
    EXCERPT_CHAR_MAX,
    Episode,
    Sentence,
    excerpt,
    newest_first,
    run_episode,
    subject_of,
)
from mainstay.governance.explain import Chapter, Line, Story
from mainstay.governance.when import Period
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Instant


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("what did we decide about the new floor?", "the new floor"),
        ("What was decided about press kit", "press kit"),
        ("why did we reject the offer to Ada?", "the offer to Ada"),
        ("so, what did I say to the printer company", "the printer company"),
        ("what did we do about dogs?", "dogs"),
        ("who approved the refund for March?", "the refund for March"),
        ("the new floor", "the new floor"),
        ("what did we decide?", ""),
        ("did we decide anything", ""),
    ],
)
def test_what_is_asked_about(question: str, about: str) -> None:
    assert subject_of(question, None) == about


def test_the_time_is_no_part_of_it() -> None:
    period = Period(Instant(0), Instant(1), "last week")
    assert subject_of("What did we decide about dogs Last Week?", period) == "dogs"


def line(position: int, event: str, text: str) -> Line:
    return Line(position, Instant(position), event, "operator", 0, text)


def test_a_run_is_told_by_what_began_it_and_what_was_decided() -> None:
    send = Chapter(
        4,
        "send",
        "executor",
        "proposer",
        "email.reply",
        "skipped",
        (
            line(9, "task.started/1", "The work began"),
            line(12, "approval.rejected/1", "operator said no: too dear"),
        ),
    )
    story = Story(
        RunId("a" * 32),
        "triage",
        "succeeded",
        Instant(5),
        None,
        0,
        0,
        (line(5, "run.started/1", "It began"),),
        (send,),
    )
    episode = run_episode(story, asked="Ada wrote: Price", said={12: 'The text was: "Nine"'})
    assert episode is not None
    assert [(one.position, one.text, one.decision) for one in episode.sentences] == [
        (5, "Ada wrote: Price", False),
        (12, 'operator said no: too dear. The text was: "Nine"', True),
    ]
    assert episode.decided
    assert episode.unit().text == 'Ada wrote: Price. operator said no: too dear. The text was: "Nine".'
    assert episode.within(Period(Instant(10), Instant(20)))
    assert not episode.within(Period(Instant(13), Instant(20)))


def test_without_a_run_there_is_no_episode() -> None:
    assert run_episode(Story(None, "", "", Instant(0), None, 0, 0, ())) is None


def test_excerpts_and_order() -> None:
    assert len(excerpt("word " * 200)) <= EXCERPT_CHAR_MAX
    one, other = (Episode(name, "", (Sentence(at, Instant(at), "x"),)) for name, at in (("a", 1), ("b", 2)))
    assert [episode.id for episode in newest_first([one, other])] == ["b", "a"]
