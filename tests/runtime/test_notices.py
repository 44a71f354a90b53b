"""What is told by one way, and when."""

from mainstay.kernel.values import HOUR, MINUTE, SECOND, Instant
from mainstay.runtime.notices import AGAIN_MAX_US, AGAIN_US, KEPT_MAX, SETTLE_US, Notices, Thing

BEGIN = Instant(1_000 * HOUR)


def at(us: int) -> Instant:
    return Instant(BEGIN + us)


def thing(key: str, *, urgent: bool = False) -> Thing:
    return Thing(key, "approval", urgent=urgent)


def test_the_first_is_told_at_once_and_a_burst_is_one() -> None:
    notices = Notices(15 * MINUTE)
    for number in range(200):
        notices.add(thing(str(number)), at(number))
    assert notices.due(at(SETTLE_US - 1)) == ()
    assert len(notices.due(at(SETTLE_US))) == 200


def test_between_two_lies_the_pause_however_much_comes() -> None:
    notices = Notices(15 * MINUTE)
    notices.add(thing("a"), at(0))
    notices.told(notices.due(at(SECOND * 3)), at(SECOND * 3))
    notices.add(thing("b"), at(SECOND * 4))
    notices.add(thing("b"), at(SECOND * 5))
    assert notices.due(at(15 * MINUTE)) == ()
    (told,) = notices.due(at(15 * MINUTE + 3 * SECOND))
    assert told.key == "b"


def test_after_a_long_pause_the_next_is_told_at_once_again() -> None:
    notices = Notices(15 * MINUTE)
    notices.add(thing("a"), at(0))
    notices.told(notices.due(at(SETTLE_US)), at(SETTLE_US))
    notices.add(thing("b"), at(HOUR))
    assert notices.due(at(HOUR + SETTLE_US))


def test_a_clock_that_was_set_back_holds_nothing_up() -> None:
    notices = Notices(15 * MINUTE)
    notices.add(thing("a"), at(0))
    notices.told(notices.due(at(HOUR)), at(HOUR))
    notices.add(thing("b"), at(0))
    assert notices.due(at(MINUTE))


def test_nor_what_came_or_failed_before_it_was_set_back() -> None:
    notices = Notices(15 * MINUTE)
    notices.add(thing("a"), at(0))
    assert notices.due(at(-HOUR)) == ()
    assert notices.due(at(SETTLE_US - HOUR))
    for failures in range(1, 20):
        notices.failed(at(0))
        assert notices.due(at(-HOUR)) == (), "it waits as long as it would have"
        assert notices.due(at(AGAIN_MAX_US - HOUR)), failures
    notices.failed(at(0), 6 * HOUR)
    assert notices.due(at(-HOUR)) == notices.due(at(4 * HOUR)) == ()
    assert notices.due(at(5 * HOUR))


def test_at_night_nothing_is_told_but_what_is_urgent_where_that_is_wanted() -> None:
    for urgent, told in ((False, []), (True, ["b"])):
        notices = Notices(15 * MINUTE, lambda now: now < at(HOUR), urgent)
        notices.add(thing("a"), at(0))
        notices.add(thing("b", urgent=True), at(0))
        assert [one.key for one in notices.due(at(MINUTE))] == told
        assert [one.key for one in notices.due(at(HOUR))] == ["a", "b"]


def test_what_failed_is_tried_again_ever_more_rarely_and_keeps_everything() -> None:
    notices = Notices(15 * MINUTE)
    notices.add(thing("a"), at(0))
    now, pauses = at(SETTLE_US), []
    for _ in range(9):
        assert notices.due(now)
        notices.failed(now)
        pause = next(us for us in range(0, 2 * AGAIN_MAX_US, SECOND) if notices.due(Instant(now + us)))
        pauses.append(pause)
        now = Instant(now + pause)
    assert pauses[0] == AGAIN_US
    assert pauses == sorted(pauses)
    assert pauses[-1] == AGAIN_MAX_US
    assert notices.failing
    notices.failed(now, 5 * HOUR)
    assert notices.due(Instant(now + 4 * HOUR)) == ()
    assert notices.due(Instant(now + 5 * HOUR))
    notices.told(notices.waiting, now)
    assert not notices.failing


def test_what_is_over_is_dropped_and_the_queue_is_bounded() -> None:
    notices = Notices(MINUTE)
    for number in range(KEPT_MAX):
        assert notices.add(thing(str(number)), at(0))
    assert not notices.add(thing("one more"), at(0))
    assert notices.add(thing("0"), at(0))
    notices.drop(notices.waiting)
    assert notices.due(at(HOUR)) == ()
