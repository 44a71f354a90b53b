"""A run: `decide`, `evolve` and `pending`. Nothing else changes a run.

Theory of operation. `advance` applies a command to a state: it emits events one by one and folds each as it
goes (`kernel.draft`), so that what follows from an event, the next tasks or the end of the run, is decided in
the same breath and lands in the same transaction. `decide` is `advance` without the state. After the command
itself, `kernel.going` starts what is ready. The rest lies by noun: `kernel.evolve` remembers,
`kernel.outcomes` hears what became of an attempt, `kernel.door` is the one way out, `kernel.owed` says what
the world still owes.

What was tried: a decision that returned events for a second fold. Evolving twice cost a quarter of the
throughput.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.commands import (
    CancelRun,
    EditApproval,
    Failed,
    GrantApproval,
    RecordNotified,
    RecordOutcome,
    RecoverRun,
    RejectApproval,
    ReleaseRun,
    ResolveDoubt,
    RunCommand,
    StartRun,
    SupersedeRun,
    Wake,
)
from mainstay.kernel.door import edit, expire, grant, judge, reject, resolve_doubt
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    FailureClass,
    LookupStarted,
    OperatorNotified,
    PlanAccepted,
    RunCancelled,
    RunEvent,
    RunQueued,
    RunReleased,
    RunStarted,
    RunSuperseded,
)
from mainstay.kernel.evolve import evolve, nothing
from mainstay.kernel.facts import Facts
from mainstay.kernel.going import go_on, start
from mainstay.kernel.outcomes import fail, record, settle_before_end
from mainstay.kernel.owed import new_effects, pending
from mainstay.kernel.state import Phase, RunState, Status, given_up, owes_notice, supersedable
from mainstay.kernel.values import Instant

__all__ = [
    "advance",
    "decide",
    "evolve",
    "new_effects",
    "nothing",
    "pending",
    "supersedable",
    "waits_for_person",
]


def decide(state: RunState, command: RunCommand, facts: Facts) -> tuple[RunEvent, ...]:
    """The events that the command leads to; none when it comes late, twice, or for what no longer waits."""
    return advance(state, command, facts)[1]


def advance(state: RunState, command: RunCommand, facts: Facts) -> tuple[RunState, tuple[RunEvent, ...]]:
    """The state after the command, and the events that led there: `decide` and `evolve` in one pass."""
    draft = Draft(state, facts)
    match command:
        case RecordOutcome():
            record(draft, command)
        case StartRun():
            _start_run(draft, command)
        case Wake(task=number):
            _wake(draft, number)
        case RecordNotified(task=number):
            if state.exists(number) and owes_notice(state.task(number)):
                draft.emit(OperatorNotified(number))
        case GrantApproval():
            grant(draft, command)
        case EditApproval():
            edit(draft, command)
        case RejectApproval():
            reject(draft, command)
        case ResolveDoubt():
            resolve_doubt(draft, command)
        case CancelRun(actor=actor, reason=reason):
            if state.status in (Status.RUNNING, Status.QUEUED):
                settle_before_end(draft)
                draft.emit(RunCancelled(actor, reason, *given_up(draft.state)))
        case SupersedeRun(reason=reason, by=by):
            if supersedable(state):
                settle_before_end(draft)
                draft.emit(RunSuperseded(reason, by, *given_up(draft.state)))
        case ReleaseRun(after=after):
            if state.status is Status.QUEUED:
                draft.emit(RunReleased(after))
                draft.emit(PlanAccepted(facts.plans[state.head.definition]))
        case RecoverRun():
            _recover(draft)
        case _:
            assert_never(command)
    go_on(draft)
    return draft.state, tuple(draft.events)


def waits_for_person(state: RunState) -> bool:
    """Whether a card of this run lies before the operator."""
    return any(task.phase is Phase.APPROVAL for _, task in state.all_tasks())


def _start_run(draft: Draft, command: StartRun) -> None:
    if draft.state.status is not Status.NOT_STARTED:
        return
    draft.emit(
        RunStarted(
            command.run, command.workflow, command.definition, command.trigger, command.key, command.subject
        )
    )
    if command.behind is not None:
        draft.emit(RunQueued(command.behind))
    else:
        draft.emit(PlanAccepted(draft.facts.plans[command.definition]))


def _wake(draft: Draft, number: int) -> None:
    state = draft.state
    if not state.exists(number):
        return
    task = state.task(number)
    if not task.wake_at or draft.facts.now < task.wake_at:
        return  # nothing is due; a clock that was set back owes the timer still
    match task.phase:
        case Phase.RETRYING | Phase.BLOCKED:
            if task.act is None:
                start(draft, number, state.spec(number))
            else:
                judge(draft, number, task.act.authority)
        case Phase.APPROVAL if task.act is not None and not task.act.authority:
            expire(draft, number)
        case Phase.SEEKING:
            assert task.act is not None
            # A clock that was set back must not stretch the time of grace into days of looking.
            until = min(task.act.seek_until, draft.facts.now + task.act.action.grace_us)
            draft.emit(LookupStarted(number, task.attempt, Instant(until), "once more"))
        case _:
            return


def _recover(draft: Draft) -> None:
    """After a boot nobody can tell "never called" from "called, answer lost": the contract decides.

    Thinking that cost nothing is asked again under the same attempt, without an event: `pending` says so.
    """
    for number, task in draft.state.all_tasks():
        if task.phase is Phase.ACTING or (task.phase is Phase.RUNNING and task.hold):
            # What a lost attempt spent is unknown, so its ceiling counts, and a new one holds anew.
            lost = Failed(FailureClass.LOST, "the director stopped while it was under way", usage=None)
            fail(draft, number, lost, at_once=True)
        elif task.phase is Phase.APPROVAL and task.act is not None and task.act.authority:
            judge(draft, number, task.act.authority)  # it was approved while no director was at work
