"""The parts of triage, each alone."""

from __future__ import annotations

import numpy
import pytest

from mainstay.agents.triage import audit
from mainstay.agents.triage.audit import Results, chosen
from mainstay.agents.triage.discriminant import Discriminant
from mainstay.agents.triage.examples import Examples
from mainstay.agents.triage.features import NAMES
from mainstay.agents.triage.gate import AIM, DRIFT_MIN, LIVE_MIN, RATIO_MIN, Gate
from mainstay.agents.triage.logistic import Logistic
from mainstay.agents.triage.neighbours import NEIGHBOURS, nearest
from mainstay.agents.triage.regression import Regression


def clouds(rows: int, classes: int, width: int = 12) -> Examples:
    """Points around as many corners."""
    drawn = numpy.random.default_rng(4)
    made = Examples(width)
    for row in range(rows):
        vector = 0.15 * drawn.standard_normal(width)
        vector[row % classes] += 1.0
        made.add(str(row), (vector / numpy.linalg.norm(vector)).astype(numpy.float32), row % classes)
    return made


def test_regression_reaches_the_minimum() -> None:
    examples, model = clouds(300, 4), Regression(13)
    for _ in range(200):
        model.advance(examples, 4, 10**9)
    scores = examples.rows @ model.weights.T
    odds = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    odds[numpy.arange(300), examples.classes] -= 1.0
    slope = odds.T @ examples.rows + model.weights / model.c
    assert float(numpy.abs(slope).max()) < 0.05
    assert (scores.argmax(axis=1) == examples.classes).mean() > 0.98


def test_a_pass_in_slices_is_the_same_pass() -> None:
    examples, whole, sliced = clouds(300, 4), Regression(13), Regression(13)
    for _ in range(4):
        whole.advance(examples, 4, 10**9)
    work = 4 * 4 * 13 * 50  # fifty rows
    for _ in range(12 * 6 + 1):  # the slice after the curvature is a smaller one
        sliced.advance(examples, 4, work)
    numpy.testing.assert_allclose(sliced.weights, whole.weights, rtol=1e-3, atol=1e-3)


def test_a_slice_is_bounded() -> None:
    examples, model = clouds(300, 4), Regression(13)
    for _ in range(6):  # a small one, then five of fifty
        model.advance(examples, 4, 4 * 4 * 13 * 50)
    assert not model.weights.any(), "less than three hundred rows are no pass"


def test_new_classes_widen_the_regression() -> None:
    model = Regression(13)
    model.advance(clouds(30, 2), 2, 10**9)
    model.advance(clouds(30, 3), 3, 10**9)
    assert model.weights.shape == (3, 13)


def test_neighbours_vote_nearest_first_and_ties_go_to_the_older() -> None:
    examples = Examples(3)
    for row in range(30):
        examples.add(str(row), numpy.eye(3, dtype=numpy.float32)[row % 3], row % 3)
    found = nearest(examples, numpy.eye(3, dtype=numpy.float32)[1], 3)
    assert found.rows.tolist() == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]
    assert len(found.rows) == NEIGHBOURS
    assert found.shares.argmax() == 1
    assert found.best.tolist() == [0.0, 1.0, 0.0]
    assert found.right == pytest.approx(0.5)


def test_distances_tell_strangers_from_members() -> None:
    examples, model = clouds(200, 4), Discriminant(12)
    model.advance(examples, 4)
    stranger = numpy.zeros(12, dtype=numpy.float32)
    stranger[9] = 1.0
    own = [model.distances(examples.vectors[row]).min() for row in range(20)]
    assert max(own) < model.distances(stranger).min()
    assert model.distances(examples.vectors[2]).argmin() == 2


def test_the_logistic_head_is_calibrated_and_doubts_itself_with_few_cases() -> None:
    drawn = numpy.random.default_rng(5)
    cases = drawn.standard_normal((4_000, 3))
    truths = (drawn.random(4_000) < 1.0 / (1.0 + numpy.exp(-(1.0 + 2.0 * cases[:, 0])))).astype(float)
    many, few = Logistic((0.0, 0.0, 0.0)), Logistic((0.0, 0.0, 0.0))
    for _ in range(5):
        many.fit(cases, truths, numpy.ones(4_000))
        few.fit(cases[:25], truths[:25], numpy.ones(25))
    sure = many.shares(cases) > 0.9
    assert many.shares(cases)[sure].mean() == pytest.approx(truths[sure].mean(), abs=0.02)
    certain = numpy.array([[3.0, 0.0, 0.0]])
    assert few.shares(certain)[0] < many.shares(certain)[0]


def test_lapses_bound_how_sure_the_head_can_be() -> None:
    drawn = numpy.random.default_rng(6)
    cases = drawn.standard_normal((2_000, 2))
    truths = (cases[:, 0] > -0.5).astype(float)
    lapsing = truths.copy()
    lapsing[drawn.random(2_000) < 0.06] = 0.0
    clean, lapsed = Logistic((0.0, 0.0)), Logistic((0.0, 0.0))
    for _ in range(10):
        clean.fit(cases, truths, numpy.ones(2_000))
        lapsed.fit(cases, lapsing, numpy.ones(2_000))
    certain = numpy.array([[3.0, 0.0]])
    assert clean.shares(certain)[0] > 0.995
    assert 0.90 < lapsed.shares(certain)[0] < 0.97


def test_audits_are_chosen_by_id_and_seed_alone() -> None:
    first = [chosen(str(number), 1) for number in range(5_000)]
    assert first == [chosen(str(number), 1) for number in range(5_000)]
    assert first != [chosen(str(number), 2) for number in range(5_000)]
    assert sum(first) / 5_000 == pytest.approx(audit.SHARE, abs=0.01)
    assert 0.03 <= audit.SHARE <= 0.05


def test_one_audited_error_is_a_nudge_and_a_series_a_brake() -> None:
    audits = Results()
    for _ in range(20):
        audits.add(0.015, False)
    before = audits.ratio
    audits.add(0.015, True)
    assert 1.0 < audits.ratio / before < 1.3
    for _ in range(6):
        audits.add(0.015, True)
    assert audits.ratio > 1.5


def case(sureness: float) -> tuple[float, ...]:
    return (sureness, *(0.0,) * (len(NAMES) - 1))


def taught(wrong_every: int, cases: int = 400, target: float = 0.02) -> Gate:
    gate = Gate(target)
    for number in range(cases):
        sureness = (number * 37 % 100) / 10.0
        wrong = number % wrong_every == 0 if sureness > 2.0 else number % 2 == 0
        gate.note(case(sureness), eligible=True)
        gate.learn(case(sureness), right=not wrong, unknown=False, audited=False, risk=0.1)
    return gate


def test_the_gate_lets_nothing_pass_before_its_time() -> None:
    gate = taught(10_000, cases=LIVE_MIN - 1)
    assert not gate.passes(1.0, 0.0)
    gate.learn(case(9.0), right=True, unknown=False, audited=False, risk=0.0)
    assert gate.passes(1.0, 0.0)


def test_the_gate_passes_what_is_sure_and_asks_for_what_is_not() -> None:
    gate = taught(10_000)
    assert gate.passes(*gate.confidence(case(9.0)))
    assert not gate.passes(*gate.confidence(case(0.5)))


def test_what_is_hopeless_is_asked() -> None:
    gate = taught(5)
    passing = [gate.passes(*gate.confidence(case(sure / 10))) for sure in range(100)]
    assert not any(passing)


def test_the_mean_risk_of_what_passes_is_within_the_aim() -> None:
    gate = taught(80, cases=804)
    risks = [1.0 - gate.confidence(features)[0] for features in map(tuple, gate.window.features)]
    passing = [risk for risk in risks if risk <= gate.risk_max]
    assert 0.0 < sum(passing) <= 0.02 * AIM / (RATIO_MIN * DRIFT_MIN) * len(passing)


def test_strangers_close_the_gate_for_their_like() -> None:
    gate = Gate(0.02)
    for number in range(400):
        strange = number % 5 == 0
        features = (3.0, *(0.0,) * 5, 0.2 if strange else 0.8, *(0.0,) * (len(NAMES) - 7))
        gate.note(features, eligible=True)
        gate.learn(features, right=not strange, unknown=strange, audited=False, risk=0.1)
    near, far = [(3.0, *(0.0,) * 5, one, *(0.0,) * (len(NAMES) - 7)) for one in (0.8, 0.2)]
    assert gate.passes(*gate.confidence(near))
    assert not gate.passes(*gate.confidence(far))
