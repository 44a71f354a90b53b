"""Going on: start what is ready, at most `WINDOW` tasks at a time, and end the run when nothing is left.

Depth first, so that a wide plan finishes branches instead of opening all of them. A task is skipped, fanned
out or started here and nowhere else. Finding ready tasks by scanning was tried: 36 ms a command at 10,000
tasks.
"""

from __future__ import annotations

from mainstay.kernel.draft import Draft, ceiling_of
from mainstay.kernel.ending import end, go_on_ending
from mainstay.kernel.events import (
    BudgetRefused,
    DeadlineSet,
    FailureClass,
    PlanAccepted,
    RunSucceeded,
    StartDeferred,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.plan import ITEM_MAX, TaskSpec, references
from mainstay.kernel.policy import Decision, evaluate_thinking
from mainstay.kernel.predicates import holds
from mainstay.kernel.state import WINDOW, Phase, RunState, Sources, Status, items_of
from mainstay.kernel.values import Instant

NO_TIMER = Instant(0)
_AT_WORK = (Status.RUNNING, Status.COMPENSATING)


def go_on(draft: Draft) -> None:
    """Start what is ready while the window has room; end the run when nothing is left."""
    while draft.state.status in _AT_WORK:
        state = draft.state
        if state.left == 0:
            if state.plan is None:
                return  # it has not begun
            if state.status is Status.COMPENSATING:
                go_on_ending(draft)
            elif state.failed:
                end(draft, "failed", reason=f"{state.failed} of its tasks given up")
            else:
                draft.emit(RunSucceeded())
            continue
        if not draft.facts.performing or not state.ready or state.busy >= WINDOW:
            return
        admission = draft.facts.admission
        if state.unusual.paused or (not admission.idle and admission.pauses(state.head.workflow)):
            return  # what is ready stays ready; resuming comes back here
        numbers, gone = state.ready[0]
        _begin(draft, numbers[gone])


def follow_plan(draft: Draft) -> None:
    """The run begins to follow its plan, unless it is to begin later."""
    if draft.facts.now >= draft.state.unusual.not_before:
        draft.emit(PlanAccepted(draft.facts.plans[draft.state.head.definition]))


def _begin(draft: Draft, number: int) -> None:
    """A task is ready: skip it, fan it out, or start it."""
    state = draft.state
    assert state.plan is not None
    spec = state.spec(number)
    is_item = number >= state.plan.size
    if is_item and state.undoes(number) is not None:
        start(draft, number, spec)
        return
    forked = state.unusual.forked is not None
    if not is_item or forked:  # a forked run may take over a fan-out whose needs are done anew
        missing = _missing_need(state, state.expansion_of(number).parent if is_item else number)
        if missing:
            draft.emit(TaskSkipped(number, f"needs {missing}, which was not done"))
            return
    if is_item and forked and Sources(state, number).get("item") is None:
        draft.emit(TaskSkipped(number, "the list that it came from has no such item any more"))
        return
    if spec.when is not None and (is_item or spec.for_each is None or not _names_item(spec)):
        if not holds(spec.when, Sources(state, number)):
            draft.emit(TaskSkipped(number, "its condition is false"))
            return
    if spec.for_each is not None and not is_item:
        _fan_out(draft, number, spec)
        return
    if (spec.delay_us or spec.not_before) and state.task(number).attempt == 0:
        begins_at = Instant(max(draft.facts.now + spec.delay_us, spec.not_before))
        if begins_at > draft.facts.now:
            draft.emit(StartDeferred(number, "delay", begins_at))
            return
    start(draft, number, spec)


def start(draft: Draft, number: int, spec: TaskSpec) -> None:
    """Ask the agent of this task: one more attempt, with its ceiling of money held."""
    if spec.deadline_us is not None and _too_late(draft, number, spec.deadline_us):
        return
    if draft.defers(number, agent=spec.agent):
        return
    verdict = evaluate_thinking(draft.facts.policy, spec.agent)
    attempt = draft.state.task(number).attempt + 1
    if verdict.decision is Decision.DENY:
        reason = f"rule {verdict.rule!r}: {verdict.reason}"
        draft.give_up(number, attempt, FailureClass.REFUSED, reason)
        return
    ceiling = ceiling_of(draft.state, draft.facts, spec)
    if ceiling is None:
        draft.emit(
            BudgetRefused(number, "price", spec.cost_max_micros, 0, NO_TIMER)
        )  # never zero: a person is asked
    elif draft.affords(number, ceiling):
        draft.take(f"agent:{spec.agent}")
        draft.emit(TaskStarted(number, attempt, ceiling))


def _too_late(draft: Draft, number: int, deadline_us: int) -> bool:
    """Whether the task's time is over; it counts from its first start, which is noted here."""
    now = draft.facts.now
    at = draft.state.deadline(number)
    if not at:
        draft.emit(DeadlineSet(number, Instant(now + deadline_us)))
        return False
    if now < at:
        return False
    draft.give_up(number, draft.state.task(number).attempt, FailureClass.TIMEOUT, "its deadline has passed")
    return True


def _fan_out(draft: Draft, number: int, spec: TaskSpec) -> None:
    count = len(items_of(draft.state, number))
    bound = min(spec.item_max, ITEM_MAX)
    if count > bound:
        reason = f"for_each found {count} items and may fan out over {bound} at most"
        draft.emit(TaskFailed(number, 1, FailureClass.INVALID, reason))
    elif count == 0:
        draft.emit(TaskSucceeded(number, 0, {"items": []}, rationale="there was nothing to fan out over"))
    else:
        draft.emit(TaskExpanded(number, count))


def _missing_need(state: RunState, number: int) -> str:
    assert state.plan is not None
    for need in state.plan.needs[number]:
        spec = state.plan.workflow.tasks[need]
        if state.task(need).phase is not Phase.SUCCEEDED and not spec.optional:
            return spec.name
    return ""


def _names_item(spec: TaskSpec) -> bool:
    return any(ref.source == "item" for ref in references(spec) if ref is not spec.for_each)
