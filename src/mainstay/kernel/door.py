"""The one door out of the house, and the cards that lie before it.

`let_go` alone emits `ActionStarted`, and only for an effect that a rule allows or that a person approved by
digest; never while the kill switch is on, never over a budget. Policy (`judge`) stands in the door;
approvals, edits, rejections and answers to "did this go out?" are decided here because each of them may open
it.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.commands import EditApproval, GrantApproval, Proposed, RejectApproval, ResolveDoubt
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    DoubtResolved,
    FailureClass,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.ids import approval_id
from mainstay.kernel.plan import Role
from mainstay.kernel.policy import Action, Decision, Verdict, evaluate
from mainstay.kernel.state import Phase, RunState, Status, TaskState
from mainstay.kernel.values import DAY, Instant

APPROVAL_LIFE_US = 7 * DAY  # when the task states no deadline


def propose(draft: Draft, number: int, attempt: int, outcome: Proposed) -> None:
    """The executor proposed an effect: policy judges it."""
    cost = outcome.usage.cost_micros
    draft.emit(ActionProposed(number, attempt, outcome.action, outcome.rationale, outcome.evidence, cost))
    judge(draft, number)


def judge(draft: Draft, number: int) -> None:
    """Policy stands in the door."""
    state = draft.state
    act = state.task(number).act
    assert act is not None
    verdict = _verdict(draft, number, act.action)
    match verdict.decision:
        case Decision.DENY:
            draft.emit(ActionDenied(number, verdict.rule, verdict.reason))
        case Decision.ASK:
            ask(draft, number, verdict)
        case Decision.ALLOW:
            let_go(draft, number, f"rule:{verdict.rule}")
        case _:
            assert_never(verdict.decision)


def _verdict(draft: Draft, number: int, action: Action) -> Verdict:
    facts = draft.facts
    head = draft.state.head
    inspection = _inspection(draft.state, number)
    if inspection == "refuse":
        return Verdict(Decision.DENY, "inspector", "the inspector refuses this effect")
    counts = {"done_by_this_workflow": facts.counts.get((head.workflow, action.act), 0)}
    return evaluate(facts.policy, action, counts, killed=facts.killed, inspection=inspection)


def _inspection(state: RunState, number: int) -> str:
    """The worst verdict of the inspectors that this act needs (refuse, look, passed); empty without any."""
    assert state.plan is not None
    number = state.expansion_of(number).parent if number >= state.plan.size else number
    worst = ""
    for need in state.plan.needs[number]:
        if state.plan.workflow.tasks[need].role is Role.INSPECTOR:
            output = state.task(need).output or {}
            verdict = str(output.get("verdict", "look"))
            if verdict == "refuse" or (verdict == "look" and worst != "refuse") or not worst:
                worst = verdict
    return worst


def ask(draft: Draft, number: int, verdict: Verdict) -> None:
    """Lay the effect before a person, with the reason and a time by which to answer."""
    state = draft.state
    act = state.task(number).act
    assert act is not None
    life = state.spec(number).deadline_us or APPROVAL_LIFE_US
    draft.emit(
        ApprovalRequested(
            number,
            approval_id(state.head.run, number, act.action.digest),
            act.action.digest,
            verdict.rule,
            verdict.reason,
            Instant(draft.facts.now + life),
        )
    )


def let_go(draft: Draft, number: int, authority: str) -> None:
    """The only way out of the house."""
    task = draft.state.task(number)
    assert task.act is not None
    action = task.act.action
    if draft.facts.killed:
        ask(draft, number, Verdict(Decision.ASK, "kill switch", "the kill switch is on: every act asks"))
        return
    hold = action.price_micros or 0
    already = task.hold  # a repeated attempt keeps what its first one held
    if draft.affords(number, max(0, hold - already)):
        attempt = task.attempt + 1
        draft.emit(ActionStarted(number, attempt, action.key, action.digest, authority, hold))


def _card(state: RunState, approval: str) -> int | None:
    """The task whose card this is, while it waits."""
    if state.status is not Status.RUNNING:
        return None
    for number, task in state.all_tasks():
        if task.phase is Phase.APPROVAL and task.act is not None and task.act.approval == approval:
            return number
    return None


def grant(draft: Draft, command: GrantApproval) -> None:
    """Yes, to exactly the digest that was shown, while it waits and has not expired."""
    number = _card(draft.state, command.approval)
    if number is None or draft.facts.killed:
        return
    task = draft.state.task(number)
    assert task.act is not None
    if task.act.action.digest != command.digest:
        return  # another effect than the one that was shown
    if expired(draft, number, task):
        return
    draft.emit(ApprovalGranted(number, command.approval, command.digest, command.actor, command.open_us))
    let_go(draft, number, f"approval:{command.approval}")


def edit(draft: Draft, command: EditApproval) -> None:
    """An edit is a new digest, and approving it approves the edited effect; a rule may still forbid it."""
    number = _card(draft.state, command.approval)
    if number is None or draft.facts.killed:
        return
    task = draft.state.task(number)
    assert task.act is not None
    if task.act.action.digest != command.digest or expired(draft, number, task):
        return
    new = approval_id(draft.state.head.run, number, command.action.digest)
    draft.emit(ActionEdited(number, new, command.action, command.actor, command.approval))
    verdict = _verdict(draft, number, command.action)
    if verdict.decision is Decision.DENY and verdict.rule != "inspector":
        draft.emit(ActionDenied(number, verdict.rule, verdict.reason))
        return
    draft.emit(ApprovalGranted(number, new, command.action.digest, command.actor, command.open_us))
    let_go(draft, number, f"approval:{new}")


def reject(draft: Draft, command: RejectApproval) -> None:
    """No: the effect does not leave, and what needs it is skipped."""
    number = _card(draft.state, command.approval)
    if number is not None:
        draft.emit(
            ApprovalRejected(number, command.approval, command.actor, command.reason_sealed, command.open_us)
        )


def expired(draft: Draft, number: int, task: TaskState) -> bool:
    """Whether nobody answered in time; if so, that is recorded."""
    assert task.act is not None
    if draft.facts.now < task.act.expires_at:
        return False
    assert task.act.approval is not None
    draft.emit(ApprovalExpired(number, task.act.approval))
    return True


def resolve_doubt(draft: Draft, command: ResolveDoubt) -> None:
    """The operator's answer to "did this go out?"."""
    state, number = draft.state, command.task
    if not state.exists(number) or state.task(number).phase is not Phase.DOUBT:
        return
    task = state.task(number)
    assert task.act is not None
    draft.emit(DoubtResolved(number, command.answer, command.actor))
    if command.answer == "happened":
        draft.emit(TaskSucceeded(number, task.attempt, {}, task.hold, "the operator says it went out"))
    elif command.answer == "did_not" and not state.ended:
        ask(draft, number, Verdict(Decision.ASK, "in doubt", "you said that it did not go out"))
    else:
        reason = "left in doubt" if command.answer == "unknown" else "it did not go out"
        cost = task.hold if command.answer == "unknown" else 0
        draft.emit(TaskFailed(number, task.attempt, FailureClass.IN_DOUBT, reason, cost))
