"""What a question says of its answer, and times as people write them."""

from datetime import UTC, datetime

import pytest

from mainstay.kernel.values import DAY, Instant
from mainstay.memory.cue import Span, month_of, read_cue
from mainstay.memory.loose_time import read_time
from mainstay.memory.terms import raw_words, term


def at(*parts: int) -> Instant:
    return Instant(int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000)  # type: ignore[misc, arg-type]


NOW = at(2031, 5, 20, 12)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("What happened in May 2030?", Span(at(2030, 5, 1), at(2030, 6, 1))),
        ("Who came on 5 May 2030?", Span(at(2030, 5, 5), at(2030, 5, 6))),
        ("Who came on May 5th, 2030?", Span(at(2030, 5, 5), at(2030, 5, 6))),
        ("What was said on 2030-12-31?", Span(at(2030, 12, 31), at(2031, 1, 1))),
        ("What did he buy in 2029?", Span(at(2029, 1, 1), at(2030, 1, 1))),
        ("What did she do yesterday?", Span(at(2031, 5, 19), at(2031, 5, 20))),
        ("Who called last week?", Span(at(2031, 5, 13), at(2031, 5, 21))),
    ],
)
def test_a_time_is_read(text: str, span: Span) -> None:
    assert read_cue(text, NOW).spans == (span,)


def test_a_month_without_a_year_and_the_verb_may() -> None:
    assert read_cue("What did Ann tell in June?", NOW).months == {6}
    assert read_cue("Who may come?", NOW).months == frozenset()
    assert read_cue("What happened in May?", NOW).months == {5}
    assert read_cue("On 31 February 2030", NOW).spans == ()


def test_what_kind_of_answer_is_wanted() -> None:
    assert read_cue("When did it rain?", NOW).wants_time
    assert read_cue("How many came?", NOW).wants_number
    assert not read_cue("Who came?", NOW).wants_time


def test_names_of_speakers_are_no_keywords() -> None:
    cue = read_cue("What did Ann's cat eat?", NOW)
    assert "ann" in cue.names
    assert cue.terms(without=frozenset(("ann",))) == ["cat", "eat"]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("2031-05-04T10:00:00Z", at(2031, 5, 4, 10)),
        ("2031-05-04T10:00:00+02:00", at(2031, 5, 4, 8)),
        ("2031-05-04", at(2031, 5, 4)),
        ("1:56 pm on 8 May, 2023", at(2023, 5, 8, 13, 56)),
        ("12:05 am, March 3rd 2024", at(2024, 3, 3, 0, 5)),
        ("May 2023", at(2023, 5, 1)),
        ("2023/05/20 (Sat) 02:21", at(2023, 5, 20, 2, 21)),
        (1_700_000_000, Instant(1_700_000_000_000_000)),
        ("1700000000000", Instant(1_700_000_000_000_000)),
        ("sometime in spring", Instant(0)),
        ("32 May 2023", Instant(0)),
        ("99999-99-99", Instant(0)),
        (None, Instant(0)),
        (True, Instant(0)),
        (float("nan"), Instant(0)),
        (["2031"], Instant(0)),
    ],
)
def test_times_are_read_as_far_as_they_can_be(value: object, wanted: Instant) -> None:
    assert read_time(value) == wanted


def test_months_are_those_of_the_calendar() -> None:
    assert [month_of(at(2031, month, 28)) for month in range(1, 13)] == list(range(1, 13))
    assert month_of(Instant(at(2032, 2, 28) + DAY)) == 2


@pytest.mark.parametrize(
    ("words", "one"),
    [
        ("paint paints painted painting", "paint"),
        ("stop stops stopped stopping", "stop"),
        ("story stories", "stori"),
        ("class classes", "class"),
    ],
)
def test_forms_of_a_word_meet(words: str, one: str) -> None:
    assert {term(word) for word in words.split()} == {one}


def test_stop_words_and_possessives() -> None:
    assert [term(word) for word in raw_words("Ann’s THE what's naïve")] == ["ann", "", "", "naïve"]
