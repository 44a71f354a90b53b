"""The planner: the workflow's own plan, and proposed plans under the same checks."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.agents.base import Failed, Outcome, Produced
from mainstay.agents.planner import PROPOSED_TASK_MAX, PlanView, TemplatePlanner, ordered
from mainstay.agents.tools import NoTools
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import Role, TaskKind, TaskSpec, Workflow
from mainstay.kernel.predicates import Literal, Ref
from mainstay.kernel.values import Digest
from tests.agents.sample import brief


def task(name: str, *needs: str, kind: TaskKind = TaskKind.THINK) -> TaskSpec:
    return TaskSpec(name=name, kind=kind, role=Role.SPECIALIST, agent="intent", needs=needs)


WORKFLOW = Workflow("triage", 3, (task("send", "inspect"), task("annotate"), task("inspect", "annotate")))


def digest_of(workflow: Workflow) -> Digest:
    return digest(repr(workflow).encode())


PLANNER = TemplatePlanner({"triage": WORKFLOW}, digest_of)


def work(**inputs: Any) -> Outcome:
    return asyncio.run(PLANNER.work(brief(inputs), NoTools()))


def test_the_plan_is_the_workflows_own() -> None:
    outcome = work(workflow="triage")
    assert isinstance(outcome, Produced)
    assert isinstance(outcome.output, PlanView)
    assert outcome.output.definition == digest_of(WORKFLOW)
    assert outcome.output.tasks == ("annotate", "inspect", "send")
    assert outcome.evidence == ("workflow:triage@3",)
    assert outcome == work(workflow="triage")


def test_a_proposed_plan_is_accepted_where_it_can_be_followed() -> None:
    tasks = (
        {"name": "note", "act": "crm.note", "inputs": {"text": "${look.summary}", "tags": ["a"]}},
        {
            "name": "look",
            "agent": "intent",
            "role": "specialist",
            "inputs": {"message": "${trigger.message}"},
        },
    )
    outcome = work(workflow="triage", tasks=tasks)
    assert isinstance(outcome, Produced), outcome
    assert isinstance(outcome.output, PlanView)
    assert outcome.output.tasks == ("look", "note")
    assert outcome.output.definition != digest_of(WORKFLOW)


def test_references_and_plain_values_are_told_apart() -> None:
    from mainstay.agents.planner import proposed

    (spec,) = proposed(
        WORKFLOW, ({"name": "a", "act": "x.y", "inputs": {"a": "${t.f.g}", "b": "$5", "c": [1]}},)
    ).tasks
    assert dict(spec.inputs) == {"a": Ref("t", ("f", "g")), "b": Literal("$5"), "c": Literal((1,))}
    assert (spec.kind, spec.role, spec.agent) == (TaskKind.ACT, Role.EXECUTOR, "proposer")


@pytest.mark.parametrize(
    ("tasks", "reason"),
    [
        (
            ({"name": "a", "agent": "x", "needs": ["b"]}, {"name": "b", "agent": "x", "needs": ["a"]}),
            "wait for each",
        ),
        (({"name": "a", "agent": "x", "needs": ["gone"]},), "no such task"),
        (({"name": "a", "agent": "x"}, {"name": "a", "agent": "x"}), "taken"),
        (({"name": "a"},), "neither"),
        (({"name": "Bad Name", "agent": "x"},), "name"),
        (({"name": "a", "agent": "x", "shell": "rm"},), "shell"),
        (({"name": "a", "agent": "x", "role": "king"},), "role"),
        (tuple({"name": f"t{n}", "agent": "x"} for n in range(PROPOSED_TASK_MAX + 1)), "at most"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_with_its_reason(tasks: Any, reason: str) -> None:
    outcome = work(workflow="triage", tasks=tasks)
    assert isinstance(outcome, Failed)
    assert reason in outcome.reason


def test_an_unknown_workflow_is_refused() -> None:
    assert isinstance(work(workflow="nothing"), Failed)


@given(
    st.lists(st.tuples(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=3)), min_size=1, max_size=8)
)
def test_an_accepted_plan_has_every_task_after_what_it_needs(drawn: list[tuple[int, list[int]]]) -> None:
    tasks = tuple(
        {"name": f"t{name}", "agent": "x", "needs": [f"t{n}" for n in needs]} for name, needs in drawn
    )
    outcome = work(workflow="triage", tasks=tasks)
    if isinstance(outcome, Failed):
        return
    assert isinstance(outcome, Produced)
    assert isinstance(outcome.output, PlanView)
    done: set[str] = set()
    needs_of = {str(one["name"]): one["needs"] for one in tasks}
    for name in outcome.output.tasks:
        assert set(needs_of[name]) <= done
        done.add(name)
    assert len(done) == len(tasks)


def test_order_is_by_number_among_those_that_are_ready() -> None:
    plan = PLANNER.plan(Workflow("w", 1, (task("b"), task("a"), task("c", "b"))))
    assert ordered(plan) == (0, 1, 2)
