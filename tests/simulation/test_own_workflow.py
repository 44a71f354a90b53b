"""An operator's own workflow in invented histories: what is drawn for it, what is counted, what is pointed out."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from mainstay.agents.base import Data, IntentView
from mainstay.data import sample_path
from mainstay.kernel.plan import Missed, Plan, Schedule, Trigger
from mainstay.kernel.policy import Decision, Policy
from mainstay.kernel.predicates import Compare, Operator
from mainstay.testing.drawn import asked_by, draw_model, draw_trigger, hints_of
from mainstay.testing.observed import Observed, remarks
from mainstay.testing.own_workflow import OwnWorkflow, draw_own, load
from mainstay.testing.plans import each, plan_of, ref, rule, think
from mainstay.testing.workflow_simulation import run_own, tell


@pytest.fixture(scope="module")
def own() -> OwnWorkflow:
    return load(sample_path("workspace"), "triage")


def with_plan(own: OwnWorkflow, plan: Plan) -> OwnWorkflow:
    return replace(own, plan=plan, cast=replace(own.cast, hints=hints_of(plan.workflow)))


def test_a_value_that_a_condition_compares_is_drawn_often_and_so_are_its_neighbours() -> None:
    above = Compare(ref("read.confidence"), Operator.ABOVE, 0.8)
    wanted = Compare(ref("read.intent"), Operator.IN, ("refund", "press"))
    plan = plan_of(think("read"), think("a", when=above), think("b", when=wanted))
    hints = hints_of(plan.workflow)
    random = Random(1)
    drawn = [draw_model(IntentView, random, hints.of("read"), {}, {}) for _ in range(300)]

    intents = Counter(one.intent for one in drawn if isinstance(one, IntentView))
    assert min(intents["refund"], intents["press"]) > 50
    sure = [one for one in drawn if isinstance(one, IntentView) and one.confidence > 0.8]
    assert 50 < len(sure) < 250


def test_what_no_condition_asks_about_is_drawn_from_its_type() -> None:
    class Said(Data):
        many: tuple[dict[str, object], ...]
        maybe: int | None
        yes: bool

    random = Random(1)
    drawn = [draw_model(Said, random, {}, {}, {"many": ("name",)}) for _ in range(100)]
    values = [one.model_dump() for one in drawn]
    assert {value["yes"] for value in values} == {True, False}
    assert None in {value["maybe"] for value in values}
    assert all("name" in item for value in values for item in value["many"])
    assert len({len(value["many"]) for value in values}) > 2


def test_a_run_that_is_started_by_hand_is_given_what_it_reads() -> None:
    plan = plan_of(think("one", reads={"a": "trigger.customer.name"}), each("rows", "trigger.rows"))
    for seed in range(20):
        trigger = draw_trigger(Random(seed), hints_of(plan.workflow))
        assert isinstance(trigger["customer"]["name"], str)
        assert isinstance(trigger["rows"], list)


def test_what_the_policy_asks_about_is_drawn_too() -> None:
    from mainstay.kernel.policy import Condition

    asked = asked_by(Policy((rule("big", Decision.ASK, "*", Condition("attachments", Operator.ABOVE, 3)),)))
    assert asked == {"attachments": (3, 2, 4)}


def test_a_workflow_on_a_schedule_is_started_by_its_times(own: OwnWorkflow) -> None:
    on = Trigger("schedule.due/1", schedule=Schedule("30 2 * * *", "Europe/Berlin", Missed.ALL))
    nightly = with_plan(own, plan_of(think("look", agent="intent"), on=on))
    assert draw_own(1, nightly).starts == 0

    part = run_own(nightly, 0, 12)

    assert part.failures == []
    assert part.seen.runs > 10


def test_a_fifth_of_the_histories_has_no_fault_from_outside(own: OwnWorkflow) -> None:
    calm = [seed for seed in range(50) if not draw_own(seed, own).rates]
    assert calm == list(range(0, 50, 5))
    part = run_own(own, 0, 6)
    assert 0 < part.seen.calm_ended.total() < part.seen.runs


def test_the_operators_limits_rules_and_throttles_are_in_force(own: OwnWorkflow) -> None:
    mix = draw_own(3, own)
    assert (mix.policy, mix.limits, mix.throttles) == (own.policy, own.limits, own.throttles)
    assert mix.plans == (own.plan,)


def test_a_workflow_that_nothing_starts_is_pointed_out(own: OwnWorkflow) -> None:
    seen = Observed(histories=10)
    assert remarks(seen, own.plan, own.policy) == [
        "No run began in 10 histories: nothing that came in matched its trigger."
    ]


def test_what_is_told_names_runs_by_number_and_tasks_by_name(own: OwnWorkflow) -> None:
    lines = tell(own, 5)
    assert any("run 1, annotate: The work began" in line for line in lines)
    assert not any("sealed:" in line for line in lines)
