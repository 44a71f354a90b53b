"""The operator's hand on a run and its tasks: pause, resume, cancel, and what it may spend.

A pause holds back what has not started; what is under way is heard, looked up and asked about as ever. A cancelled
task is skipped, and so is what needs it; an act that may already have left is never given up here.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.commands import AllowSpending, CancelTask, PauseRun, PauseTask, ResumeRun, ResumeTask
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    RunPaused,
    RunResumed,
    SpendingAllowed,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
)
from mainstay.kernel.state import DONE, UNDER_WAY, Phase, Status, may_have_left
from mainstay.kernel.waking import admit, try_blocked

Steering = PauseRun | ResumeRun | PauseTask | ResumeTask | CancelTask | AllowSpending


def steer(draft: Draft, command: Steering) -> None:
    """Do what the operator said of a run that has begun and not ended; nothing when it is so already."""
    state = draft.state
    if state.ended or state.status is Status.NOT_STARTED:
        return
    unusual = state.unusual
    match command:
        case PauseRun(actor=actor, reason=reason):
            if not unusual.paused:
                draft.emit(RunPaused(actor, reason))
        case ResumeRun(actor=actor):
            if unusual.paused:
                draft.emit(RunResumed(actor))
                admit(draft)
        case PauseTask(task=number, actor=actor, reason=reason):
            if (
                state.exists(number)
                and number not in unusual.paused_tasks
                and state.task(number).phase not in DONE
            ):
                draft.emit(TaskPaused(number, actor, reason))
        case ResumeTask(task=number, actor=actor):
            if number in unusual.paused_tasks:
                draft.emit(TaskResumed(number, actor))
                admit(draft, number)
                for fan in state.expansions:
                    for item in range(fan.first, fan.first + fan.count) if fan.parent == number else ():
                        admit(draft, item)
        case AllowSpending(scope=scope, amount=amount, actor=actor):
            known = {"run": unusual.run_max, "price": unusual.price_max}
            if scope in known and amount >= 0 and amount != known[scope]:
                draft.emit(SpendingAllowed(scope, amount, actor))
                try_blocked(draft)
        case CancelTask():
            _cancel_task(draft, command)
        case _:
            assert_never(command)


def _cancel_task(draft: Draft, command: CancelTask) -> None:
    state, number = draft.state, command.task
    if not state.exists(number):
        return
    task = state.task(number)
    if task.phase in DONE or task.phase in UNDER_WAY or task.phase is Phase.EXPANDED or may_have_left(task):
        return
    card = task.act.approval if task.phase is Phase.APPROVAL and task.act is not None else None
    draft.emit(TaskCancelled(number, command.actor, command.reason, task.hold, card))
