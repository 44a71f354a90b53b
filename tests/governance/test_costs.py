from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.governance.costs import Cost, by_day, by_workflow, costs, total
from mainstay.kernel.budget import day_of
from mainstay.kernel.commands import CancelRun
from mainstay.kernel.values import DAY, Instant
from tests.ledger.any_run import START, Play, wander

TODAY = day_of(START)


def test_costs_are_kept_by_workflow_and_day() -> None:
    play = Play()
    first = play.start("triage")
    play.start("pay")
    play.now = Instant(START + DAY)
    play.command(CancelRun(first, "operator"))
    found = costs(play.store)
    assert [(one.day, one.workflow, one.runs) for one in found] == [
        (TODAY, "pay", 1),
        (TODAY, "triage", 1),
        (TODAY + 1, "triage", 0),
    ]
    assert found[2] == Cost("triage", TODAY + 1, cost_micros=300, withdrawn=1, tasks=5)
    assert costs(play.store, since=TODAY + 1) == found[2:]
    assert costs(play.store, until=TODAY) == found[:2]


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_sums_agree_however_they_are_cut(seed: int) -> None:
    play = wander(seed)
    found = costs(play.store)
    everything = total(found)
    assert everything.cost_micros == sum(state.spent for state in play.runs.values())
    assert everything.runs == len(play.runs)
    assert everything.succeeded + everything.failed + everything.withdrawn == sum(
        state.ended for state in play.runs.values()
    )
    for cut in (by_workflow(found), by_day(found)):
        assert total(cut) == everything
    assert [one.day for one in by_day(found)] == sorted({one.day for one in found})


def test_an_outcome_bears_the_cost_of_what_failed() -> None:
    assert Cost(cost_micros=900, succeeded=2, failed=1, operator_us=10).cost_per_outcome_micros == 450
    assert Cost(operator_us=10, succeeded=2).operator_us_per_outcome == 5
    assert Cost(cost_micros=900).cost_per_outcome_micros is None
    assert Cost(operator_us=1).operator_us_per_outcome is None
