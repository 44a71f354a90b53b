"""A view that says that only acts concern it changes nothing when thinking succeeds: the director does not ask it."""

from __future__ import annotations

import pytest

from mainstay.kernel.events import PlanAccepted, RunEvent, RunStarted, TaskStarted, TaskSucceeded
from mainstay.kernel.evolve import evolve, nothing
from mainstay.kernel.ids import RunId, SubjectId, run_stream
from mainstay.kernel.plan import Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.projection import Projection, only_acts, only_annotations
from mainstay.ledger.projections import STANDARD

RUN = RunId("0" * 32)
PLAN = compile_plan(
    Workflow("w", 1, (TaskSpec("think", TaskKind.THINK, Role.SPECIALIST, "agent"),)), Digest("0" * 64)
)
DONE = TaskSucceeded(0, 1, {"a": 1}, 5, "why", ("e:1",), 6, 7)


@pytest.fixture
def thought() -> RunState:
    begun: tuple[RunEvent, ...] = (
        RunStarted(RUN, "w", PLAN.digest, {}, "key", SubjectId("s")),
        PlanAccepted(PLAN),
        TaskStarted(0, 1, 10),
    )
    state = nothing(RUN)
    for event in (*begun, DONE):
        state = evolve(state, event)
    return state


@pytest.mark.parametrize(
    "view",
    [one for one in STANDARD if only_acts(one) or only_annotations(one)],
    ids=lambda one: str(one.name),
)
def test_thinking_changes_nothing_in_it(view: Projection, thought: RunState) -> None:
    assert TaskSucceeded in view.events, "otherwise it is not asked anyway"
    assert not view.project(4, Instant(1), run_stream(RUN), DONE, thought)


def test_most_views_of_a_success_are_of_acts_alone() -> None:
    looking = [one for one in STANDARD if TaskSucceeded in one.events]
    asked = {one.name for one in looking if not only_acts(one) and not only_annotations(one)}
    assert asked == {"runs", "open_runs", "spent"}
