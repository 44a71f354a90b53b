"""Leading on: when a timer comes, when there is room for a deferred start, when a new director begins.

A timer that was overtaken decides to nothing. After a boot nobody can tell "never called" from "called, answer
lost": the contract decides. After a restore nobody can tell what left since the backup: every act that waits or may
have left is looked for first.
"""

from __future__ import annotations

from mainstay.kernel.cards import expire, resurface
from mainstay.kernel.commands import Failed
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.door import RESTORED, judge
from mainstay.kernel.draft import Draft, ceiling_of
from mainstay.kernel.ending import end
from mainstay.kernel.events import (
    ActionInDoubt,
    FailureClass,
    LookupStarted,
    RunRecovered,
)
from mainstay.kernel.going import follow_plan, start
from mainstay.kernel.outcomes import fail
from mainstay.kernel.state import DONE, RUN, Phase, Status, TaskState, is_deferred, may_have_left
from mainstay.kernel.values import Instant

_LOST = "the director stopped while it was under way"
_WAITS = (Phase.APPROVAL, Phase.HELD, Phase.RETRYING, Phase.BLOCKED, Phase.ACTING, Phase.SEEKING)


def wake(draft: Draft, number: int) -> None:
    """A timer of this task, or of the run, has come; nothing when it is not due or was overtaken."""
    state, now = draft.state, draft.facts.now
    if number == RUN:
        _wake_run(draft)
        return
    if not state.exists(number):
        return
    task = state.task(number)
    deadline = state.deadline(number)
    if deadline and now >= deadline and _overdue(draft, number, task):
        return
    if not task.wake_at or now < task.wake_at:
        return  # nothing is due; a clock that was set back owes the timer still
    match task.phase:
        case Phase.RETRYING | Phase.BLOCKED | Phase.DELAYED:
            _go_on_with(draft, number, task)
        case Phase.APPROVAL if task.act is not None and not task.act.authority:
            resurface(draft, number)
        case Phase.HELD:
            assert task.act is not None
            judge(draft, number, task.act.authority)
        case Phase.SEEKING:
            assert task.act is not None
            # A clock that was set back must not stretch the time of grace into days of looking.
            until = min(task.act.seek_until, now + task.act.action.grace_us)
            draft.emit(LookupStarted(number, task.attempt, Instant(until), "once more"))
        case _:
            return


def admit(draft: Draft, number: int = RUN) -> None:
    """There may be room for what was deferred: for this task, or for all of the run's."""
    state = draft.state
    if state.ended or not draft.facts.performing:
        return
    waiting = [number] if number != RUN else [one for one, task in state.all_tasks() if is_deferred(task)]
    for one in waiting:
        if draft.state.exists(one) and is_deferred(task := draft.state.task(one)):
            _go_on_with(draft, one, task)


def recover(draft: Draft, *, strict: bool) -> None:
    """Settle what was under way when the last director ended, by what each contract says.

    Thinking that cost nothing is asked again under the same attempt, without an event: `pending` says so. `strict`
    counts it as a failed attempt, so that what ends every director is given up as poisoned one day.
    """
    lost = 0
    for number, task in draft.state.all_tasks():
        if task.phase is Phase.ACTING or (task.phase is Phase.RUNNING and (task.hold or strict)):
            # What a lost attempt spent is unknown, so its ceiling counts, and a new one holds anew.
            lost += 1
            fail(draft, number, Failed(FailureClass.LOST, _LOST, usage=None), at_once=True)
        elif task.phase is Phase.APPROVAL and task.act is not None and task.act.authority:
            judge(draft, number, task.act.authority)  # it was approved while no director was at work
    if lost:
        draft.emit(RunRecovered(lost))
    try_blocked(draft)  # budgets and prices may be others than those of the last director


def try_blocked(draft: Draft) -> None:
    """Let go what a budget stopped and what fits by now; of the rest nothing is said again."""
    if not draft.facts.performing:
        return
    for number, task in draft.state.all_tasks():
        if task.phase is Phase.BLOCKED and _fits(draft, number, task):
            _go_on_with(draft, number, task)


def _fits(draft: Draft, number: int, task: TaskState) -> bool:
    if task.act is None:
        amount = ceiling_of(draft.state, draft.facts, draft.state.spec(number))
    else:
        amount = task.act.action.price_micros or 0
    return amount is not None and draft.refusal(amount) is None


def reconcile(draft: Draft) -> None:
    """After a restore: look for every act that waits or may have left; ask where nobody can look.

    What is keyed is looked for too, and not called again: who let a key in may know it no more, and one without an
    answer is in doubt after its time of grace.
    What can be taken back is left as it is: calling it again under its key, or asking, does no harm. What the run
    proposes from here on may have left as well: the one door (`kernel.door`) looks for it before its first call.
    """
    for number, task in draft.state.all_tasks():
        act = task.act
        if act is None or task.phase not in _WAITS or act.action.finality is Finality.REVERSIBLE:
            continue
        if act.action.repeatability is not Repeatability.ONCE:
            until = Instant(draft.facts.now + act.action.grace_us)
            card = act.approval if task.phase is Phase.APPROVAL else None
            draft.emit(LookupStarted(number, task.attempt, until, RESTORED, card))
        else:
            draft.emit(ActionInDoubt(number, task.attempt, RESTORED))
    if not draft.state.ended and not draft.state.unusual.restored:
        draft.emit(RunRecovered(0, restored=True))


def _go_on_with(draft: Draft, number: int, task: TaskState) -> None:
    if draft.state.ended and not may_have_left(task):
        return
    if task.act is None:
        start(draft, number, draft.state.spec(number))
    else:
        judge(draft, number, task.act.authority)


def _wake_run(draft: Draft) -> None:
    state, now = draft.state, draft.facts.now
    deadline = state.deadline(RUN)
    if deadline and now >= deadline and state.status in (Status.RUNNING, Status.QUEUED):
        end(draft, "failed", reason="its deadline passed")
    elif state.status is Status.RUNNING and state.plan is None:
        follow_plan(draft)


def _overdue(draft: Draft, number: int, task: TaskState) -> bool:
    """The task's deadline has passed: it is given up, unless it is done or may already have left."""
    if task.phase in DONE or task.phase in (Phase.WAITING, Phase.READY, Phase.EXPANDED):
        return task.phase in DONE  # one that waits is given up when its turn comes
    if may_have_left(task) or draft.state.ended:
        return False
    if task.phase is Phase.APPROVAL:
        assert task.act is not None
        if not task.act.authority:
            expire(draft, number)
        return True
    draft.give_up(number, task.attempt, FailureClass.TIMEOUT, "its deadline has passed", task.hold)
    return True
