"""Kinds that get worse, simulated: the figures are repeatable and keep what a grant promises."""

from random import Random

import pytest

from mainstay.bench import autonomy_simulation
from mainstay.bench.autonomy_simulation import _degrade, _promoted_after, _quantile, simulate, steps
from mainstay.kernel.autonomy import ALPHA, AutonomyRules, worst_case


def test_the_same_seed_gives_the_same_figures_and_every_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autonomy_simulation, "ACTS_MAX", 60)
    monkeypatch.setattr(autonomy_simulation, "DECISIONS_MAX", 80)
    done: list[int] = []
    first = simulate(kinds=3, seed=7, progress=done.append)
    assert simulate(kinds=3, seed=7) == first
    assert simulate(kinds=3, seed=8) != first
    assert sum(done) == steps(3)
    assert (first.decisions, first.worst_now, first.worst_later) == (43, worst_case(0), worst_case())


def test_kinds_at_the_target_are_hardly_ever_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autonomy_simulation, "DECISIONS_MAX", 200)
    rules = AutonomyRules(by_itself=True)
    granted = sum(1 for seed in range(40) if _promoted_after(Random(seed), rules, 0.1))
    assert granted <= 40 * ALPHA + 4  # three deviations


def test_what_passes_when_all_goes_wrong_is_what_a_grant_tells() -> None:
    rules = AutonomyRules(by_itself=True)
    for late, promised in ((False, worst_case(0)), (True, worst_case())):
        passed = sorted(_degrade(Random(f"{late}/{seed}"), rules, 1.0, late=late)[0] for seed in range(60))
        assert sum(1 for one in passed if one > promised) <= 60 * 0.05 + 6
        assert _quantile(passed, 0.95) > promised // 3
