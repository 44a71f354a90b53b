"""A run: `decide`, `evolve` and `pending`. Nothing else changes a run.

Theory of operation. `advance` applies a command to a state: it emits events one by one and folds each as it
goes (`kernel.draft`), so that what follows from an event, the next tasks or the end of the run, is decided in
the same breath and lands in the same transaction. `decide` is `advance` without the state. After the command
itself, `kernel.going` starts what is ready. The rest lies by noun: `kernel.evolve` remembers,
`kernel.outcomes` hears what became of an attempt, `kernel.door` is the one way out, `kernel.cards` hears what a person
says of what lies before it, `kernel.waking` leads on when a timer comes or a director begins, `kernel.steering` is the
operator's hand on a run, `kernel.ending` ends it and takes back what it did, `kernel.owed` says what the world still
owes.

What was tried: a decision that returned events for a second fold. Evolving twice cost a quarter of the
throughput.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.cards import edit, grant, judge_again, reject, resolve_doubt, snooze, undo
from mainstay.kernel.commands import (
    Admit,
    AllowSpending,
    CancelRun,
    CancelTask,
    EditApproval,
    GrantApproval,
    JudgeAgain,
    PauseRun,
    PauseTask,
    ReconcileRun,
    RecordNotified,
    RecordOutcome,
    RecoverRun,
    RejectApproval,
    ReleaseRun,
    ResolveDoubt,
    ResumeRun,
    ResumeTask,
    RunCommand,
    SnoozeApproval,
    StartRun,
    SupersedeRun,
    UndoAct,
    Wake,
)
from mainstay.kernel.draft import Draft
from mainstay.kernel.ending import end, settle_before_end
from mainstay.kernel.events import (
    DeadlineSet,
    OperatorNotified,
    RunDelayed,
    RunEvent,
    RunQueued,
    RunRecovered,
    RunReleased,
    RunResumed,
    RunStarted,
    RunSuperseded,
)
from mainstay.kernel.evolve import evolve, nothing
from mainstay.kernel.facts import Facts
from mainstay.kernel.going import follow_plan, go_on
from mainstay.kernel.outcomes import record
from mainstay.kernel.owed import new_effects, pending
from mainstay.kernel.state import RUN, Phase, RunState, Status, given_up, owes_notice, supersedable
from mainstay.kernel.steering import steer
from mainstay.kernel.values import Instant
from mainstay.kernel.waking import admit, reconcile, recover, wake

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
            wake(draft, number)
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
        case SnoozeApproval():
            snooze(draft, command)
        case UndoAct():
            undo(draft, command)
        case JudgeAgain():
            judge_again(draft)
        case CancelRun(actor=actor, reason=reason):
            # One that takes back what it did ends when that is done, also if it is told twice; each of these
            # tasks may be cancelled by itself.
            if state.status in (Status.RUNNING, Status.QUEUED):
                if state.unusual.paused:
                    draft.emit(
                        RunResumed(actor)
                    )  # otherwise what it did would not be taken back, and nobody told
                end(draft, "cancelled", actor=actor, reason=reason)
        case SupersedeRun(reason=reason, by=by):
            if supersedable(state):
                settle_before_end(draft)
                draft.emit(RunSuperseded(reason, by, *given_up(draft.state)))
        case ReleaseRun(after=after):
            if state.status is Status.QUEUED:
                draft.emit(RunReleased(after))
                follow_plan(draft)
                if draft.state.plan is None:
                    # Its timer may have come while it was queued, before the clock was set back: it is owed anew.
                    draft.emit(RunDelayed(draft.state.unusual.not_before))
        case RecoverRun(strict=strict):
            recover(draft, strict=strict)
        case ReconcileRun():
            reconcile(draft)
        case Admit(task=number):
            admit(draft, number)
        case PauseRun() | ResumeRun() | PauseTask() | ResumeTask() | CancelTask() | AllowSpending():
            steer(draft, command)
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
            command.run,
            command.workflow,
            command.definition,
            command.trigger,
            command.key,
            command.subject,
            command.sealed_under,
            command.by,
        )
    )
    workflow = draft.facts.plans[command.definition].workflow
    if command.forked is not None:
        draft.emit(command.forked)
    if command.relived:
        draft.emit(RunRecovered(0, restored=True))  # what it does may have left since the backup
    begins_at = max(command.not_before, draft.facts.now + workflow.delay_us)
    if begins_at > draft.facts.now:
        draft.emit(RunDelayed(Instant(begins_at)))
    if workflow.deadline_us is not None:
        draft.emit(DeadlineSet(RUN, Instant(begins_at + workflow.deadline_us)))
    if command.behind is not None:
        draft.emit(RunQueued(command.behind, command.line))
    else:
        follow_plan(draft)
