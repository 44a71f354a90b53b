"""What a look at the director's last sign of life means: nobody is told twice, or of what was meant."""

import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.values import HOUR, MINUTE, SECOND, Instant
from mainstay.runtime.heartbeat import (
    Heartbeat,
    Judgement,
    Outage,
    Way,
    beat,
    judge,
    read_heartbeat,
    read_outage,
    told_length,
    write_outage,
)

T0 = 1_800_000_000 * SECOND
AFTER = 10 * MINUTE


def look(
    now: int, last: Heartbeat | None, outage: Outage | None = None, *, locked: bool = False
) -> Judgement:
    return judge(last, outage, locked=locked, now=Instant(now), down_after_us=AFTER)


def test_a_director_that_never_was_or_was_stopped_is_not_missed() -> None:
    assert look(T0, None) == Judgement("unknown", Way.NOTHING)
    assert look(T0 + HOUR, Heartbeat(T0, stopped=True)) == Judgement("stopped", Way.NOTHING)


def test_one_at_work_is_left_alone_and_one_that_went_just_now_too() -> None:
    assert look(T0 + MINUTE, Heartbeat(T0), locked=True) == Judgement("at work", Way.NOTHING)
    assert look(T0 + 9 * MINUTE, Heartbeat(T0)) == Judgement("down", Way.NOTHING)
    assert look(T0 - MINUTE, Heartbeat(T0)).way is Way.NOTHING


@pytest.mark.parametrize(("locked", "state"), [(False, "down"), (True, "hangs")])
def test_it_is_told_at_the_second_look_and_once(locked: bool, state: str) -> None:
    first = look(T0 + 15 * MINUTE, Heartbeat(T0), locked=locked)
    assert (first.state, first.way) == (state, Way.NOTICE)
    assert look(T0 + 15 * MINUTE + 59 * SECOND, Heartbeat(T0), first.outage).way is Way.NOTHING
    second = look(T0 + 20 * MINUTE, Heartbeat(T0), first.outage, locked=locked)
    assert (second.state, second.way) == (state, Way.TELL_DOWN)
    assert second.outage == Outage(T0, T0 + 15 * MINUTE, T0 + 20 * MINUTE)
    assert look(T0 + HOUR, Heartbeat(T0), second.outage).way is Way.NOTHING


def test_back_is_told_once_and_only_to_whom_down_was_told() -> None:
    fresh = Heartbeat(T0 + HOUR)
    assert look(T0 + HOUR, fresh, Outage(T0, T0, T0 + 1), locked=True) == Judgement("at work", Way.TELL_BACK)
    assert look(T0 + HOUR, fresh, Outage(T0, T0), locked=True).way is Way.FORGET
    assert look(T0 + HOUR, fresh, None, locked=True).way is Way.NOTHING


def test_up_and_down_again_between_two_looks_is_one_outage() -> None:
    told = Outage(T0, T0, T0 + AFTER)
    again = look(T0 + 3 * HOUR, Heartbeat(T0 + HOUR), told)
    assert again.way is Way.NOTICE
    assert look(T0 + 4 * HOUR, Heartbeat(T0 + HOUR), again.outage).way is Way.NOTHING


def test_stopped_on_purpose_ends_an_outage_without_a_word() -> None:
    assert look(T0 + HOUR, Heartbeat(T0, stopped=True), Outage(T0 - HOUR, T0, T0)).way is Way.FORGET


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["up", "die", "stop", "look"])), max_size=60))
def test_nobody_is_told_twice_in_a_row(story: list[tuple[int, str]]) -> None:
    now, last, outage, told = T0, None, None, []
    for minutes, what in story:
        now += minutes * MINUTE
        if what == "up":
            last = Heartbeat(now)
        elif what == "stop" and last is not None:
            last = Heartbeat(now, stopped=True)
        elif what == "look":
            found = look(now, last, outage)
            if found.way in (Way.TELL_DOWN, Way.TELL_BACK):
                told.append(found.way)
            elif found.way is Way.FORGET:
                told = []
            outage = None if found.way in (Way.TELL_BACK, Way.FORGET) else found.outage
    assert all(one is not other for one, other in pairwise(told))


def test_the_files_are_private_and_what_is_damaged_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    assert read_heartbeat(path) is None
    beat(path, Heartbeat(5, 6, 7, 8))
    assert read_heartbeat(path) == Heartbeat(5, 6, 7, 8)
    assert os.stat(path).st_mode & 0o077 == 0
    path.write_bytes(b'{"at"')
    assert read_heartbeat(path) is None
    write_outage(path, Outage(1, 2, 3))
    assert read_outage(path) == Outage(1, 2, 3)
    write_outage(path, None)
    write_outage(path, None)
    assert os.listdir(tmp_path) == []


def test_lengths_are_told_in_words() -> None:
    told = [told_length(us) for us in (0, 12 * MINUTE, 119 * MINUTE, 3 * HOUR, 49 * HOUR)]
    assert told == ["1 minute", "12 minutes", "119 minutes", "3 hours", "2 days"]
