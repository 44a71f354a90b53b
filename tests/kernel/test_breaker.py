"""Circuit breakers: when they open, how long they rest, and that at most one call tries whether it works again."""

from dataclasses import dataclass, field
from random import Random

import pytest

from mainstay.kernel.breaker import UNTIL_SETTLED, Breakers, BreakerSettings
from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    AttemptFailed,
    BreakerClosed,
    BreakerOpened,
    CompensationFailed,
    FailureClass,
    RunEvent,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Digest, Instant

NOW = Instant(1_767_225_600 * SECOND)
SETTINGS = BreakerSettings(failures=3, rest_us=30 * SECOND, rest_max_us=2 * MINUTE)
OF = ("email", "reply")
BEGAN = ActionStarted(0, 1, IdempotencyKey("k"), Digest("d"), "rule:x")
WELL = TaskSucceeded(0, 1)


def ill(failure: FailureClass = FailureClass.TRANSIENT, retry_at: Instant = Instant(0)) -> AttemptFailed:
    return AttemptFailed(0, 1, failure, "no answer", retry_at)


def told(breakers: Breakers, *events: RunEvent, at: Instant = NOW) -> list[BreakerOpened | BreakerClosed]:
    """What the breaker says to these, each noted as the director does."""
    said = []
    for event in events:
        one = breakers.hear(event, *OF, at)
        if one is not None:
            breakers.note(one)
            said.append(one)
    return said


def opened(at: Instant = NOW) -> Breakers:
    breakers = Breakers(SETTINGS)
    assert len(told(breakers, *[ill()] * 3, at=at)) == 1
    return breakers


def test_it_opens_after_so_many_failures_in_a_row_and_no_sooner() -> None:
    breakers = Breakers(SETTINGS)
    assert told(breakers, ill(), ill(), WELL, ill(), ill()) == []
    assert told(breakers, ill()) == [BreakerOpened(*OF, Instant(NOW + 30 * SECOND), 3, 1, "no answer")]
    assert breakers.any_open
    assert breakers.wait(*OF, NOW) == NOW + 30 * SECOND
    assert breakers.wait("email", "label", NOW) is None, "each operation has its own"


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (ill(FailureClass.TRANSIENT), True),
        (ill(FailureClass.THROTTLED), True),
        (ill(FailureClass.TIMEOUT), True),
        (ill(FailureClass.BUG), True),
        (ActionInDoubt(0, 1, "lost"), True),
        (TaskFailed(0, 1, FailureClass.TRANSIENT, "no"), True),
        (CompensationFailed(0, 1, FailureClass.TIMEOUT, "no"), True),
        (ill(FailureClass.REFUSED), False),
        (ill(FailureClass.INVALID), False),
        (TaskFailed(0, 1, FailureClass.REFUSED, "no"), False),
        (CompensationFailed(0, 1, FailureClass.REFUSED, "no"), False),
    ],
)
def test_an_answer_is_a_sign_of_life_even_a_refusal(event: RunEvent, counts: bool) -> None:
    breakers = Breakers(SETTINGS)
    assert told(breakers, ill(), ill()) == []
    assert bool(told(breakers, event)) is counts
    assert bool(told(breakers, ill())) is False
    if not counts:
        assert len(told(breakers, ill(), ill())) == 1, "it began to count anew"


@pytest.mark.parametrize("failure", [FailureClass.LOST, FailureClass.POISONED])
def test_that_we_ourselves_ended_says_nothing_of_the_other_side(failure: FailureClass) -> None:
    breakers = Breakers(SETTINGS)
    assert told(breakers, *[ill(failure)] * 9, ill(), ill()) == []
    assert told(breakers, ill(failure), ill()) != []


def test_a_lost_answer_that_is_looked_for_counts() -> None:
    breakers = Breakers(SETTINGS)
    found = [breakers.looked_up(*OF, NOW, "no answer") for _ in range(3)]
    assert [type(one) for one in found] == [type(None), type(None), BreakerOpened]


def test_who_asks_to_be_left_alone_is_left_alone_at_once_and_until_then() -> None:
    until = Instant(NOW + HOUR)
    breakers = Breakers(SETTINGS)
    [said] = told(breakers, ill(FailureClass.THROTTLED, until))
    assert isinstance(said, BreakerOpened)
    assert (said.until, said.failures) == (until, 1)
    assert told(breakers, ill(FailureClass.THROTTLED, Instant(until - 1))) == [], "it rests longer already"


def test_the_rest_doubles_up_to_its_bound_and_begins_anew_after_it_closed() -> None:
    breakers, at, rests = opened(), NOW, []
    for _ in range(4):
        at = Instant(at + DAY)
        [said] = told(breakers, BEGAN, ill(), at=at)
        assert isinstance(said, BreakerOpened)
        rests.append((said.until - at) // SECOND)
    assert rests == [60, 120, 120, 120]
    at = Instant(at + DAY)
    assert told(breakers, BEGAN, WELL, at=at) == [BreakerClosed(*OF)]
    assert breakers.wait(*OF, at) is None
    [said] = told(breakers, *[ill()] * 3, at=at)
    assert isinstance(said, BreakerOpened)
    assert (said.until - at, said.opened) == (30 * SECOND, 1)


def test_after_its_rest_one_call_tries_and_others_wait_for_what_becomes_of_it() -> None:
    breakers, at = opened(), Instant(NOW + 30 * SECOND)
    assert breakers.wait(*OF, Instant(at - 1)) == at
    assert breakers.wait(*OF, at) is None
    told(breakers, BEGAN, at=at)
    assert breakers.wait(*OF, at) == UNTIL_SETTLED
    assert breakers.is_open(*OF)


def test_a_trial_that_was_never_made_leaves_its_place_to_another() -> None:
    breakers, at = opened(), Instant(NOW + MINUTE)
    told(breakers, BEGAN, TaskSkipped(0, "withheld"), at=at)
    assert breakers.wait(*OF, at) is None


def test_a_refusal_of_the_trial_closes_it() -> None:
    breakers, at = opened(), Instant(NOW + MINUTE)
    assert told(breakers, BEGAN, ill(FailureClass.REFUSED), at=at) == [BreakerClosed(*OF)]


def test_what_had_left_before_it_opened_does_not_lengthen_the_rest() -> None:
    breakers = opened()
    assert told(breakers, ill(), ill(), at=Instant(NOW + SECOND)) == []
    assert breakers.wait(*OF, NOW) == NOW + 30 * SECOND
    assert told(breakers, WELL, at=Instant(NOW + SECOND)) == [BreakerClosed(*OF)], "it lives after all"


def test_a_trial_that_fails_after_the_clock_was_set_back_does_not_hold_it_open_for_ever() -> None:
    breakers, at = opened(), Instant(NOW + MINUTE)
    told(breakers, BEGAN, at=at)
    told(breakers, ill(), at=Instant(NOW - DAY))
    assert breakers.wait(*OF, at) is None, "its trial is over: another may try"


def test_a_new_director_knows_that_it_is_open_and_lets_one_call_try() -> None:
    [said] = told(Breakers(SETTINGS), ill(FailureClass.THROTTLED, Instant(NOW + HOUR)))
    again = Breakers(SETTINGS)
    again.note(said)
    assert again.wait(*OF, NOW) == NOW + HOUR
    assert again.wait(*OF, Instant(NOW + HOUR)) is None


@dataclass
class World:
    """Calls that leave when they may and are answered at any time, in any way."""

    random: Random
    breakers: Breakers = field(default_factory=lambda: Breakers(SETTINGS))
    now: Instant = NOW
    under_way: int = 0
    trials: int = 0  # that left since it opened the last time and have no answer yet
    until: Instant = Instant(0)  # as the ledger says; 0: closed

    def step(self) -> None:
        random = self.random
        back = random.random() < 0.03
        self.now = Instant(self.now + (-random.randrange(HOUR) if back else random.randrange(20 * SECOND)))
        if random.random() < 0.5 and self.breakers.wait(*OF, self.now) is None:
            assert not self.until or self.now >= self.until, "it left while it was open"
            assert not self.until or not self.trials, "two calls try at once"
            self.trials += bool(self.until)
            self.under_way += 1
            self.hear(BEGAN)
        elif self.under_way:
            self.under_way -= 1
            failure = random.choice((*FailureClass, FailureClass.TIMEOUT, FailureClass.TRANSIENT))
            if failure in (FailureClass.LOST, FailureClass.POISONED):
                failure = FailureClass.THROTTLED
            answers: tuple[RunEvent, ...] = (
                WELL,
                TaskSkipped(0, "withheld"),
                ActionInDoubt(0, 1, "lost"),
                ill(failure, Instant(self.now + random.randrange(2 * MINUTE))),
                ill(failure),
            )
            self.hear(random.choice(answers))

    def hear(self, event: RunEvent) -> None:
        said = self.breakers.hear(event, *OF, self.now)
        if said is not None:
            self.breakers.note(said)
            self.until = said.until if isinstance(said, BreakerOpened) else Instant(0)
        if event is not BEGAN:
            self.trials = 0  # a trial's own answer, or word of an older call: both settle it


@pytest.mark.parametrize("seed", range(30))
def test_at_most_one_call_tries_and_none_leaves_while_it_is_open_and_it_always_tries_again(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(600):
        world.step()
    while world.under_way:  # what is under way is answered in the end
        world.under_way -= 1
        world.hear(ill())
    assert world.breakers.wait(*OF, Instant(world.now + 2 * DAY)) is None
