"""Lengths of time, money and counts as pages write them."""

from __future__ import annotations

import time

import pytest

from mainstay.console.wording import act, counted, iso, minutes, size, span, usd, whole


@pytest.mark.parametrize(
    ("micros", "said"),
    [
        (0, "$0"),
        (1, "$0.000001"),
        (8_699, "$0.0087"),
        (12_424, "$0.012"),
        (100_000, "$0.10"),
        (31_840_000, "$31.84"),
        (1_234_567_890_000, "$1,234,567.89"),
        (None, "unknown"),
    ],
)
def test_money_says_two_places_that_mean_something(micros: int | None, said: str) -> None:
    assert usd(micros) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (119, "1 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: int, said: str) -> None:
    assert span(seconds * 1_000_000) == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (34, "34 s"), (90, "2 min"), (3_600, "1 h"), (4_260, "1 h 11 min")]
)
def test_minutes_of_a_person(seconds: int, said: str) -> None:
    assert minutes(seconds * 1_000_000) == said


def test_counts_and_sizes() -> None:
    assert [counted(number, "reply", "replies") for number in (0, 1, 2_000)] == [
        *("0 replies", "1 reply", "2,000 replies")
    ]
    assert [size(count) for count in (12, 4_200, 2_400_000, 77_700_000_000)] == [
        *("12 bytes", "4.2 kB", "2.4 MB", "77.7 GB")
    ]


def test_an_act_has_a_word_or_its_own_name() -> None:
    assert (act("email.reply"), act("crm.note")) == ("Reply", "crm.note")


def test_a_time_is_told_with_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    try:
        assert (whole(1_772_435_560_000_000), whole(0)) == ("2026-03-02 09:12:40 XYZ", "never")
        assert (iso(1_772_435_560_000_000), iso(0)) == ("2026-03-02T09:12:40+0200", "")
    finally:
        monkeypatch.undo()
        time.tzset()
