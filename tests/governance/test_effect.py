"""The effect of lessons: means, Welch's interval, and the rule by which a lesson is retired."""

import pytest

from mainstay.governance.effect import Arm, Difference, Effect, difference, quantile
from mainstay.governance.lessons import TRIALS_MIN, TRIALS_SURE, Trial, effect_of, why_retire


@pytest.mark.parametrize(
    ("share", "freedom", "value"),
    [(0.975, 1, 12.7062), (0.975, 5, 2.5706), (0.975, 30, 2.0423), (0.95, 7, 1.8946), (0.975, 1e6, 1.9600)],
)
def test_the_quantiles_are_those_of_the_tables(share: float, freedom: float, value: float) -> None:
    assert quantile(share, freedom) == pytest.approx(value, abs=1e-4)


def test_the_interval_is_welchs() -> None:
    # By hand: means .06 and .3, variances .008 and .01, df 4.01, t 2.774.
    found = difference([Effect(Arm.of([0, 0, 0.1, 0, 0.2]), Arm.of([0.3, 0.2, 0.4]))])
    assert found is not None
    assert found.reduction == pytest.approx(0.24)
    assert found.interval == pytest.approx((0.0436, 0.4364), abs=1e-4)


def test_each_lesson_is_compared_with_itself() -> None:
    # One is of hard letters and nearly always given, the other of easy ones: pooled, the first would look harmful.
    hard = Effect(Arm.of([0.5, 0.6] * 20), Arm.of([0.7, 0.8] * 2))
    easy = Effect(Arm.of([0.0, 0.1] * 2), Arm.of([0.2, 0.3] * 20))
    found = difference([hard, easy])
    assert found is not None
    assert found.reduction == pytest.approx(0.2)
    assert found.interval is not None
    assert found.interval[0] > 0


def test_too_few_or_all_alike_prove_nothing() -> None:
    assert difference([]) is None
    assert difference([Effect(Arm.of([0.1]), Arm.of([0.1, 0.2]))]) is None
    assert difference([Effect(Arm.of([0.0, 0.0]), Arm.of([0.5, 0.5]))]) == Difference(0.5)
    one_sided = difference([Effect(Arm.of([0.0, 0.0]), Arm.of([0.4, 0.6]))])
    assert one_sided is not None
    assert one_sided.interval is not None


def trials(given: list[float], withheld: list[float]) -> Effect:
    return effect_of([Trial(True, one) for one in given] + [Trial(False, one) for one in withheld])


def test_a_lesson_is_retired_when_it_lessens_nothing_and_not_before_there_are_enough() -> None:
    assert why_retire(trials([0.2] * TRIALS_MIN, [0.1] * (TRIALS_MIN - 1))) == ""
    assert "does not lessen" in why_retire(trials([0.2] * TRIALS_MIN, [0.1] * TRIALS_MIN))
    assert "does not lessen" in why_retire(trials([0.1] * TRIALS_MIN, [0.1] * TRIALS_MIN))
    assert why_retire(trials([0.1] * 50, [0.2] * TRIALS_MIN)) == ""


def test_a_lesson_that_cannot_show_its_use_in_the_end_is_retired() -> None:
    noise = [0.0, 0.9] * (TRIALS_SURE // 2)
    barely = [0.01, 0.91] * (TRIALS_SURE // 2)
    assert "not shown" in why_retire(trials(noise, barely))
    assert why_retire(trials(noise[:-2], barely[:-2])) == ""
    assert why_retire(trials([0.0, 0.1] * TRIALS_SURE, [0.2, 0.3] * TRIALS_SURE)) == ""
