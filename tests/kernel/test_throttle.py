"""Token buckets: what fits when, and never more than the rate, whatever the clock does."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from mainstay.kernel.throttle import Buckets, Rate
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Instant

NOW = Instant(1_767_225_600 * SECOND)
MAIL = "adapter:email"

rates = st.builds(Rate, st.integers(1, 20), st.sampled_from((SECOND, MINUTE, HOUR)), st.integers(1, 6))
# How far the clock goes between two looks: on by a little or by much, not at all, or back by as much as a day.
steps = st.one_of(st.integers(0, 10 * SECOND), st.integers(0, 2 * HOUR), st.just(0), st.integers(-DAY, 0))


def test_a_burst_then_one_for_each_interval() -> None:
    buckets = Buckets({MAIL: Rate(2, MINUTE, 3)})
    for _ in range(3):
        assert buckets.free_at(MAIL, NOW) == NOW
        buckets.take(MAIL, NOW)
    assert buckets.free_at(MAIL, NOW) == NOW + 30 * SECOND
    assert buckets.free_at(MAIL, NOW, taken=1) == NOW + MINUTE
    later = Instant(NOW + 30 * SECOND)
    assert buckets.free_at(MAIL, later) == later
    buckets.take(MAIL, later)
    assert buckets.free_at(MAIL, later) == NOW + MINUTE


def test_what_one_decision_has_taken_counts_before_it_is_booked() -> None:
    buckets = Buckets({MAIL: Rate(1, SECOND, 2)})
    assert [buckets.free_at(MAIL, NOW, taken) - NOW for taken in range(4)] == [0, 0, SECOND, 2 * SECOND]
    assert buckets.levels() == {}, "a look takes nothing"


def test_a_scope_without_a_rate_is_always_free() -> None:
    buckets = Buckets({})
    buckets.take(MAIL, NOW)
    assert (buckets.free_at(MAIL, NOW, taken=99), buckets.levels()) == (NOW, {})


def test_a_rest_refills_no_more_than_the_burst() -> None:
    buckets = Buckets({MAIL: Rate(1, MINUTE, 2)})
    buckets.take(MAIL, NOW)
    week = Instant(NOW + 7 * DAY)
    for _ in range(2):
        assert buckets.free_at(MAIL, week) == week
        buckets.take(MAIL, week)
    assert buckets.free_at(MAIL, week) == week + MINUTE


def test_a_drained_bucket_lets_one_go_after_an_interval() -> None:
    buckets = Buckets({MAIL: Rate(1, MINUTE, 5)})
    buckets.drain(NOW)
    assert buckets.free_at(MAIL, NOW) == NOW + MINUTE


def test_what_is_remembered_is_what_was_and_only_of_scopes_that_have_a_rate() -> None:
    buckets, again = Buckets({MAIL: Rate(1, MINUTE, 1)}), Buckets({MAIL: Rate(1, MINUTE, 1)})
    buckets.take(MAIL, NOW)
    again.restore({**buckets.levels(), "agent:gone": 9})
    assert again.levels() == buckets.levels()
    assert again.free_at(MAIL, NOW) == NOW + MINUTE


def test_a_clock_set_back_by_days_makes_nobody_wait_for_days() -> None:
    buckets = Buckets({MAIL: Rate(1, MINUTE, 2)})
    buckets.take(MAIL, NOW)
    buckets.take(MAIL, NOW)
    before = Instant(NOW - 3 * DAY)
    buckets.settle(before)
    assert buckets.free_at(MAIL, before) == before + MINUTE
    after = Instant(before + MINUTE)
    buckets.settle(after)
    assert buckets.free_at(MAIL, after) == after, (
        "the debt was forgiven once, and does not move on with the clock"
    )


@given(rates, st.lists(st.tuples(steps, st.integers(0, 4)), min_size=1, max_size=60))
def test_no_stretch_of_time_holds_more_than_the_burst_and_what_its_length_allows(
    rate: Rate, story: list[tuple[int, int]]
) -> None:
    """Time is what has passed: every step of the clock forwards, and none of its steps back."""
    buckets, now, passed = Buckets({MAIL: rate}), NOW, 0
    starts: list[int] = []
    for step, wanted in story:
        now, passed = Instant(now + step), passed + max(0, step)
        buckets.settle(now)
        for _ in range(wanted):
            if buckets.free_at(MAIL, now) <= now:
                buckets.take(MAIL, now)
                starts.append(passed)
    for first, begin in enumerate(starts):
        for last in range(first, len(starts)):
            fits = rate.burst + (starts[last] - begin) // rate.interval_us
            assert last - first + 1 <= fits, f"{last - first + 1} in {starts[last] - begin} µs"


@given(rates, st.lists(steps, min_size=1, max_size=40))
def test_whoever_waits_for_the_time_that_was_said_may_start_then(rate: Rate, story: list[int]) -> None:
    buckets, now = Buckets({MAIL: rate}), NOW
    for step in story:
        now = Instant(now + step)
        buckets.settle(now)
        at = buckets.free_at(MAIL, now)
        assert now <= at <= now + rate.interval_us, "nobody waits longer than for one more to fit"
        buckets.settle(at)
        assert buckets.free_at(MAIL, at) == at
        buckets.take(MAIL, at)
        now = at


@given(rates, st.lists(st.integers(0, MINUTE), max_size=30))
def test_the_same_starts_leave_the_same_room_after_a_restart(rate: Rate, story: list[int]) -> None:
    buckets = Buckets({MAIL: rate})
    for at in accumulate(story, initial=NOW):
        buckets.take(MAIL, Instant(at))
        again = Buckets({MAIL: rate})
        again.restore(buckets.levels())
        for look in (at, at + SECOND, at + HOUR):
            assert again.free_at(MAIL, Instant(look)) == buckets.free_at(MAIL, Instant(look))
