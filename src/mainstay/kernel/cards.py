"""The cards that lie before the door, and what a person says of them: yes, another text, no, not now, take it back.

Each answer is bound to a card, and a yes to its digest: one that comes late, twice or for what no longer waits decides
to nothing. A final act of high stake wants a second step. Nothing leaves from here but through `kernel.door`.
"""

from __future__ import annotations

from mainstay.kernel.authority import BY_A_PERSON
from mainstay.kernel.commands import (
    EditApproval,
    GrantApproval,
    RejectApproval,
    ResolveDoubt,
    SnoozeApproval,
    UndoAct,
)
from mainstay.kernel.contract import Finality
from mainstay.kernel.door import ask, deny, let_go, too_late, verdict_on
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    ActionEdited,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalResurfaced,
    ApprovalSnoozed,
    CompensationFailed,
    DeadlineSet,
    DoubtResolved,
    FailureClass,
    StartDeferred,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId, approval_id, approval_task
from mainstay.kernel.policy import Action, Decision, Verdict
from mainstay.kernel.state import Act, Phase, Status, TaskState, goes_on, may_have_left
from mainstay.kernel.values import Digest, Instant

_TAKEN_BACK = Verdict(Decision.ASK, "undone", "you took it back before it left")
_MAY_LEAVE = (Phase.HELD, Phase.RETRYING, Phase.BLOCKED)


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
    if card is not None and (command.confirmed or not wants_second_step(card[1].action)):
        _approve(draft, card[0], command.approval, command)


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
    if wants_second_step(new) and not command.confirmed:
        return
    approval = approval_id(draft.state.head.run, number, new.digest, act.asked)
    changes = (command.words, command.changed, command.typed)
    draft.emit(ActionEdited(number, approval, new, command.actor, command.approval, *changes))
    _approve(draft, number, approval, command)


def wants_second_step(action: Action) -> bool:
    """Whether a yes is not enough: one key must not send money."""
    return action.finality is Finality.FINAL_HIGH


def _approve(draft: Draft, number: int, approval: ApprovalId, command: GrantApproval | EditApproval) -> None:
    act = draft.state.task(number).act
    assert act is not None
    verdict = verdict_on(draft, number, act.action)
    if verdict.decision is Decision.DENY:
        deny(draft, number, verdict)
        return
    batch = command.batch if isinstance(command, GrantApproval) else ""
    draft.emit(
        ApprovalGranted(
            *(number, approval, act.action.digest, command.actor, command.open_us),
            *(command.confirmed, batch, command.via),
        )
    )
    if draft.facts.performing:
        let_go(draft, number, f"{BY_A_PERSON}{approval}")


def reject(draft: Draft, command: RejectApproval) -> None:
    """No: the effect does not leave, and what needs it is skipped."""
    card = _card(draft, command.approval)
    if card is not None:
        draft.emit(
            ApprovalRejected(
                *(card[0], command.approval, command.actor, command.reason_sealed, command.open_us),
                *(command.batch, command.via),
            )
        )


def expire(draft: Draft, number: int) -> None:
    """The timer of a card has come: silence never approves."""
    act = draft.state.task(number).act
    assert act is not None
    _expired(draft, number, act)


def _expired(draft: Draft, number: int, act: Act) -> bool:
    """Whether nobody answered in time; if so, that is recorded."""
    if not act.expires_at or draft.facts.now < act.expires_at:
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
    elif command.answer == "did_not" and too_late(draft, number):
        reason = "it did not go out, and its deadline has passed"
        draft.emit(TaskFailed(number, task.attempt, FailureClass.TIMEOUT, reason))
    elif command.answer == "did_not":
        undone = state.undoes(number) is not None
        said = "you said that it was not taken back" if undone else "you said that it did not go out"
        ask(draft, number, Verdict(Decision.ASK, "in doubt", said))
    else:
        draft.emit(TaskFailed(number, task.attempt, FailureClass.IN_DOUBT, "left in doubt", task.hold))


def snooze(draft: Draft, command: SnoozeApproval) -> None:
    """Not now. Its time does not stand still: a card cannot be put off beyond its expiry."""
    card = _card(draft, command.approval)
    if card is None:
        return
    number, act = card
    in_time = draft.facts.now < command.until and (not act.expires_at or command.until < act.expires_at)
    if in_time and command.until != act.snoozed_until:
        draft.emit(ApprovalSnoozed(number, command.approval, command.until, command.actor))


def undo(draft: Draft, command: UndoAct) -> None:
    """Take back what may leave and has not: a card asks anew, and nothing of it has happened."""
    state, number = draft.state, command.task
    if not state.exists(number) or not on_its_way_out(state.task(number)):
        return
    act = state.task(number).act
    assert act is not None
    draft.emit(ActionUndone(number, command.actor, act.authority, command.via))
    if too_late(draft, number):
        draft.give_up(number, state.task(number).attempt, FailureClass.TIMEOUT, "its deadline has passed")
    else:
        ask(draft, number, _TAKEN_BACK)


def on_its_way_out(task: TaskState) -> bool:
    """Whether it may leave, and nothing of it has: what can be taken back."""
    if task.act is None or not task.act.authority or task.act.calls or may_have_left(task):
        return False
    return task.phase in _MAY_LEAVE or task.phase is Phase.APPROVAL


def resurface(draft: Draft, number: int) -> None:
    """The timer of a card has come: it was put off until now, or nobody answered it."""
    act = draft.state.task(number).act
    assert act is not None
    assert act.approval is not None
    if not _expired(draft, number, act):
        draft.emit(ApprovalResurfaced(number, act.approval))


def judge_again(draft: Draft) -> None:
    """Rules or templates are others now: what waits, and what is held, is judged by these. Only stricter counts."""
    for number, task in draft.state.all_tasks():
        act = task.act
        if act is None or task.phase not in (Phase.APPROVAL, Phase.HELD):
            continue
        verdict = verdict_on(draft, number, act.action)
        if verdict.decision is Decision.DENY:
            deny(draft, number, verdict)
        elif (
            task.phase is Phase.HELD
            and verdict.decision is Decision.ASK
            and not act.authority.startswith(BY_A_PERSON)
        ):
            ask(draft, number, verdict)
