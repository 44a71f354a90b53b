"""The one door out of the house, and the cards that lie before it.

`_let_go` alone emits `ActionStarted`, and only for an effect that a rule allows or that a person approved by
digest; never while the kill switch is on, never over a budget. Policy (`judge`) stands in the door;
approvals, edits, rejections and answers to "did this go out?" are decided here because each of them may open
it.
"""

from __future__ import annotations

from mainstay.kernel.commands import EditApproval, GrantApproval, Proposed, RejectApproval, ResolveDoubt
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    CompensationFailed,
    DeadlineSet,
    DoubtResolved,
    FailureClass,
    LookupStarted,
    StartDeferred,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.gate import held_back
from mainstay.kernel.ids import ApprovalId, approval_id, approval_task
from mainstay.kernel.plan import Role
from mainstay.kernel.policy import Action, Decision, Verdict, evaluate
from mainstay.kernel.state import Act, Phase, RunState, Status, goes_on, may_have_left
from mainstay.kernel.values import DAY, Digest, Instant, Json

APPROVAL_LIFE_US = 7 * DAY  # when the task states no deadline
RESTORED = "the ledger was restored from a backup, and it may have left since"
_FORKED = Verdict(Decision.ASK, "fork", "this run goes on from another one: its acts always ask")


def propose(draft: Draft, number: int, attempt: int, outcome: Proposed) -> None:
    """The executor proposed an effect: policy judges it."""
    cost = outcome.usage.cost_micros
    draft.emit(ActionProposed(number, attempt, outcome.action, outcome.rationale, outcome.evidence, cost))
    judge(draft, number)


def judge(draft: Draft, number: int, authority: str = "", *, absent: bool = False) -> None:
    """Policy stands in the door, at every attempt. A person's yes answers "ask"; it never answers "deny".

    `absent`: a look-up has just proved that no earlier call arrived.
    """
    task = draft.state.task(number)
    assert task.act is not None
    if _too_late(draft, number) and (absent or not may_have_left(task)):
        # Also what was approved in time: it leaves late when nobody was at work, or it had to wait for its turn.
        draft.give_up(number, task.attempt, FailureClass.TIMEOUT, "its deadline has passed")
        return
    approved = authority.startswith("approval:") and not draft.facts.killed
    verdict = _verdict(draft, number, task.act.action)
    if verdict.decision is Decision.ALLOW or (verdict.decision is Decision.ASK and approved):
        _let_go(draft, number, authority if approved else f"rule:{verdict.rule}")
    elif may_have_left(task) and not absent:
        # An earlier call may have arrived: neither a new card nor a refusal may hide that.
        reason = f"an earlier call of it may have arrived, and now it may not be repeated: {verdict.reason}"
        draft.emit(ActionInDoubt(number, task.attempt, reason))
    elif verdict.decision is Decision.DENY:
        _deny(draft, number, verdict)
    else:
        _ask(draft, number, verdict)


def _too_late(draft: Draft, number: int) -> bool:
    deadline = draft.state.deadline(number)
    return bool(deadline) and draft.facts.now >= deadline


def _deny(draft: Draft, number: int, verdict: Verdict) -> None:
    if draft.state.undoes(number) is None:
        draft.emit(ActionDenied(number, verdict.rule, verdict.reason))
    else:
        reason = f"rule {verdict.rule!r} forbids it: {verdict.reason}"
        task = draft.state.task(number)
        card = task.act.approval if task.act is not None and task.phase is Phase.APPROVAL else None
        draft.emit(CompensationFailed(number, task.attempt, FailureClass.REFUSED, reason, card))


def foresee(state: RunState, facts: Facts, number: int, action: Action) -> Verdict:
    """What policy would say of this effect now. Decides nothing: an effect is rendered before it is judged."""
    return _verdict(Draft(state, facts), number, action)


def _verdict(draft: Draft, number: int, action: Action) -> Verdict:
    facts = draft.facts
    head = draft.state.head
    inspection = _inspection(draft.state, number)
    if inspection == "refuse":
        return Verdict(Decision.DENY, "inspector", "the inspector refuses this effect")
    counts = {"done_by_this_workflow": facts.counts.get((head.workflow, action.act), 0)}
    reversible = action.finality is Finality.REVERSIBLE
    gate = "" if reversible else held_back(draft.state, number)
    verdict = evaluate(facts.policy, action, counts, killed=facts.killed, inspection=inspection, gate=gate)
    if verdict.decision is Decision.ALLOW and draft.state.unusual.forked is not None:
        verdict = _FORKED
    act = draft.state.task(number).act
    if (
        verdict.decision is not Decision.DENY
        and action.repeatability is Repeatability.ONCE
        and (act is None or _may_have_left_before(draft.state, act))
        and draft.state.unusual.restored
    ):
        if verdict.decision is Decision.ALLOW:
            return Verdict(Decision.ASK, "restored", RESTORED)
        # Whatever asks, the card says what the yes has to answer: whether it is out already.
        return Verdict(Decision.ASK, verdict.rule, f"{RESTORED}; {verdict.reason}")
    return verdict


def _may_have_left_before(state: RunState, act: Act) -> bool:
    """Whether a restored ledger cannot know that this left since its backup, and nobody has looked or said so yet."""
    reversible = act.action.finality is Finality.REVERSIBLE
    return state.unusual.restored and not (act.calls or act.sought or reversible)


def _inspection(state: RunState, number: int) -> str:
    """The worst verdict of the inspectors that this act needs (refuse, look, passed); empty without any."""
    plan = state.plan
    assert plan is not None
    if state.undoes(number) is not None:
        return ""  # what an inspector said of an act says nothing of taking it back
    number = state.expansion_of(number).parent if number >= plan.size else number
    verdicts: set[str] = set()
    for need in plan.needs[number]:
        spec = plan.workflow.tasks[need]
        if spec.role is Role.INSPECTOR:
            output = state.task(need).output
            verdicts.update(map(_verdict_of, _reports(output) if spec.for_each is not None else [output]))
    return next((one for one in ("refuse", "look", "passed") if one in verdicts), "")


def _reports(output: Json | None) -> list[Json | None]:
    # No report at all (skipped, or nothing to look at) is one that says nothing.
    return list((output or {}).get("items", ())) or [None]


def _verdict_of(output: Json | None) -> str:
    # An inspector that was skipped, failed or said something else has not passed anything.
    verdict = (output or {}).get("verdict")
    return verdict if verdict in ("refuse", "passed") else "look"


def _ask(draft: Draft, number: int, verdict: Verdict) -> None:
    """Lay the effect before a person, with the reason and a time by which to answer."""
    state = draft.state
    act = state.task(number).act
    assert act is not None
    life = state.spec(number).deadline_us or APPROVAL_LIFE_US
    expires_at = min(draft.facts.now + life, state.deadline(number) or draft.facts.now + life)
    draft.emit(
        ApprovalRequested(
            number,
            approval_id(state.head.run, number, act.action.digest, act.asked),
            act.action.digest,
            verdict.rule,
            verdict.reason,
            Instant(expires_at),
        )
    )


def _let_go(draft: Draft, number: int, authority: str) -> None:
    """The only way out of the house."""
    assert not draft.facts.killed
    task = draft.state.task(number)
    assert task.act is not None
    action = task.act.action
    if _may_have_left_before(draft.state, task.act) and action.repeatability is Repeatability.FINDABLE:
        until = Instant(draft.facts.now + action.grace_us)
        draft.emit(LookupStarted(number, task.attempt, until, RESTORED))
        return
    if draft.defers(number, action=action):
        return
    hold = action.price_micros or 0
    already = task.hold  # a repeated attempt keeps what its first one held
    if draft.affords(number, max(0, hold - already)):
        attempt = task.attempt + 1
        draft.take(f"adapter:{action.adapter}", f"breaker:{action.adapter}.{action.operation}")
        draft.emit(ActionStarted(number, attempt, action.key, action.digest, authority, hold))


def _card(draft: Draft, approval: ApprovalId) -> tuple[int, Act] | None:
    """The task whose card this is and the act it carries, while it waits."""
    state = draft.state
    number = approval_task(approval)
    at_work = state.status in (Status.RUNNING, Status.COMPENSATING)
    if number is None or not at_work or not state.exists(number):
        return None
    task = state.task(number)
    if task.phase is not Phase.APPROVAL or task.act is None or task.act.approval != approval:
        return None
    if task.act.authority:
        return None  # answered while no director was at work; it leaves at the next boot
    return number, task.act


def _answerable(draft: Draft, approval: ApprovalId, shown: Digest) -> tuple[int, Act] | None:
    """The card, if it may be approved now: it waits, shows this digest, has not expired, and nothing is stopped."""
    card = _card(draft, approval)
    if card is None or draft.facts.killed or card[1].action.digest != shown or _expired(draft, *card):
        return None
    return card


def grant(draft: Draft, command: GrantApproval) -> None:
    """Yes, to exactly the digest that was shown, while it waits and has not expired. A rule may forbid it by now."""
    card = _answerable(draft, command.approval, command.digest)
    if card is not None:
        _approve(draft, card[0], command.approval, command.actor, command.open_us)


def edit(draft: Draft, command: EditApproval) -> None:
    """An edit is a new digest, and approving it approves the edited effect; a rule may still forbid it.

    It stays the same kind of act by the same door; another one would have to be proposed.
    """
    card = _answerable(draft, command.approval, command.digest)
    if card is None:
        return
    number, act = card
    old, new = act.action, command.action
    if (old.act, old.adapter, old.operation) != (new.act, new.adapter, new.operation):
        return
    approval = approval_id(draft.state.head.run, number, new.digest, act.asked)
    draft.emit(ActionEdited(number, approval, new, command.actor, command.approval))
    _approve(draft, number, approval, command.actor, command.open_us)


def _approve(draft: Draft, number: int, approval: ApprovalId, actor: str, open_us: int) -> None:
    act = draft.state.task(number).act
    assert act is not None
    verdict = _verdict(draft, number, act.action)
    if verdict.decision is Decision.DENY:
        _deny(draft, number, verdict)
        return
    draft.emit(ApprovalGranted(number, approval, act.action.digest, actor, open_us))
    if draft.facts.performing:
        _let_go(draft, number, f"approval:{approval}")


def reject(draft: Draft, command: RejectApproval) -> None:
    """No: the effect does not leave, and what needs it is skipped."""
    card = _card(draft, command.approval)
    if card is not None:
        draft.emit(
            ApprovalRejected(card[0], command.approval, command.actor, command.reason_sealed, command.open_us)
        )


def expire(draft: Draft, number: int) -> None:
    """The timer of a card has come: silence never approves."""
    act = draft.state.task(number).act
    assert act is not None
    _expired(draft, number, act)


def _expired(draft: Draft, number: int, act: Act) -> bool:
    """Whether nobody answered in time; if so, that is recorded."""
    if draft.facts.now < act.expires_at:
        return False
    assert act.approval is not None
    if draft.state.undoes(number) is None:
        draft.emit(ApprovalExpired(number, act.approval))
    else:
        reason = "nobody answered whether it may be taken back"
        attempt = draft.state.task(number).attempt
        draft.emit(CompensationFailed(number, attempt, FailureClass.TIMEOUT, reason, act.approval))
    return True


def resolve_doubt(draft: Draft, command: ResolveDoubt) -> None:
    """The operator's answer to "did this go out?"."""
    state, number = draft.state, command.task
    if not state.exists(number) or state.task(number).phase is not Phase.DOUBT:
        return
    task = state.task(number)
    if command.answer not in ("happened", "did_not", "unknown"):
        return
    if command.attempt not in (0, task.attempt):
        return  # the answer to an earlier doubt
    draft.emit(DoubtResolved(number, command.answer, command.actor))
    if command.answer == "did_not" and state.undoes(number) is not None and state.deadline(number):
        # To say that it was not taken back is to ask for it anew, with a time of its own.
        draft.emit(DeadlineSet(number, Instant(draft.facts.now + (state.spec(number).deadline_us or 0))))
    if command.answer == "happened":
        draft.emit(TaskSucceeded(number, task.attempt, {}, task.hold, "the operator says it went out"))
    elif command.answer == "did_not" and not goes_on(state, number):
        draft.emit(TaskFailed(number, task.attempt, FailureClass.IN_DOUBT, "it did not go out"))
    elif command.answer == "did_not" and task.act is None:
        # The executor never came to propose it: it is asked again, with what it may cost held anew.
        draft.emit(StartDeferred(number, "again", draft.facts.now))
    elif command.answer == "did_not" and _too_late(draft, number):
        reason = "it did not go out, and its deadline has passed"
        draft.emit(TaskFailed(number, task.attempt, FailureClass.TIMEOUT, reason))
    elif command.answer == "did_not":
        undone = state.undoes(number) is not None
        said = "you said that it was not taken back" if undone else "you said that it did not go out"
        _ask(draft, number, Verdict(Decision.ASK, "in doubt", said))
    else:
        draft.emit(TaskFailed(number, task.attempt, FailureClass.IN_DOUBT, "left in doubt", task.hold))
