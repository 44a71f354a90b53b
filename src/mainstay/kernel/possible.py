"""Which events can happen to a run as it stands: one that cannot, and only a damaged log holds such, changes nothing.

`evolve` asks before it remembers; of the two events of every step it sees for itself whether they fit.
"""

from __future__ import annotations

from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    AttemptFailed,
    BudgetRefused,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    DeadlineSet,
    LookupDeferred,
    LookupStarted,
    OperatorNotified,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunDelayed,
    RunEvent,
    RunFailed,
    RunForked,
    RunQueued,
    RunReleased,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    StartDeferred,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskSkipped,
)
from mainstay.kernel.state import DONE, RUN, UNDER_WAY, Phase, RunState, Status, owes_notice

OPEN = frozenset(Phase) - DONE - {Phase.WAITING, Phase.EXPANDED}
_CARD = frozenset({Phase.APPROVAL})
# Not begun, or begun and proven to have changed nothing outside: this may be put off, or given up by the operator.
_IN_HAND = OPEN - UNDER_WAY

# After a restore also what waits is looked for: it may have left since the backup.
_LEADS_TO_LOOKUP = frozenset(
    {
        *(Phase.RUNNING, Phase.APPROVAL, Phase.HELD, Phase.RETRYING, Phase.BLOCKED, Phase.DELAYED),
        *(Phase.ACTING, Phase.SEEKING, Phase.DOUBT),
    }
)

# From which phases an event can lead on.
_FROM: dict[type, frozenset[Phase]] = {
    TaskFailed: OPEN,
    TaskSkipped: frozenset({Phase.READY, Phase.ACTING}),
    TaskExpanded: frozenset({Phase.READY}),
    RevisionRequested: frozenset({Phase.SUCCEEDED}),
    AttemptFailed: frozenset({Phase.RUNNING, Phase.ACTING}),
    BudgetRefused: OPEN,
    ActionProposed: frozenset({Phase.RUNNING}),
    StartDeferred: OPEN - {Phase.ACTING},
    TaskCancelled: _IN_HAND | {Phase.WAITING},
    CompensationFailed: OPEN,
}
# Those of an act: there must be an action that they speak of.
_FROM_ACT: dict[type, frozenset[Phase]] = {
    ActionDenied: OPEN,
    ApprovalRequested: OPEN,
    ActionEdited: _CARD,
    ApprovalGranted: _CARD,
    ApprovalRejected: _CARD,
    ApprovalExpired: _CARD,
    ApprovalSnoozed: _CARD,
    ApprovalResurfaced: _CARD,
    ActionHeld: OPEN - {*UNDER_WAY, Phase.READY},
    ActionUndone: OPEN - {*UNDER_WAY, Phase.READY},
    ActionShadowed: OPEN,
    ActionStarted: OPEN - {Phase.READY, Phase.ACTING, Phase.DOUBT},
    LookupStarted: _LEADS_TO_LOOKUP,
    LookupDeferred: frozenset({Phase.SEEKING}),
    ActionInDoubt: _LEADS_TO_LOOKUP,
}


def possible(state: RunState, event: RunEvent) -> bool:
    """Whether the event can happen to a run in this state."""
    kind = type(event)
    phases = _FROM.get(kind)
    if phases is None:
        return _fits_act(state, event)
    number: int = event.task  # type: ignore[union-attr]  # every event in the table is about a task
    if not state.exists(number) or state.task(number).phase not in phases:
        return False
    if kind is TaskExpanded:
        count: int = event.count  # type: ignore[union-attr]
        return count > 0 and state.spec(number).for_each is not None and not state.is_item(number)
    if kind is CompensationFailed:
        return state.undoes(number) is not None
    if kind is RevisionRequested:
        assert state.plan is not None
        inspector: int = event.inspector  # type: ignore[union-attr]
        known = not state.is_item(number) and inspector in state.plan.dependents[number]
        return known and state.task(inspector).phase is Phase.RUNNING and not state.ended
    return True


def _fits_act(state: RunState, event: RunEvent) -> bool:
    phases = _FROM_ACT.get(type(event))
    if phases is None:
        return _fits_run(state, event)
    number: int = event.task  # type: ignore[union-attr]  # as above
    if not state.exists(number):
        return False
    task = state.task(number)
    return task.phase in phases and task.act is not None


def _fits_run(state: RunState, event: RunEvent) -> bool:
    match event:
        case RunStarted():
            return state.status is Status.NOT_STARTED
        case PlanAccepted():
            return state.status is Status.RUNNING and state.plan is None
        case RunQueued():
            return state.status is Status.RUNNING and state.plan is None
        case RunReleased():
            return state.status is Status.QUEUED
        case RunSucceeded() | RunSuperseded():
            return state.status in (Status.RUNNING, Status.QUEUED)
        case RunFailed() | RunCancelled():
            return state.status in (Status.RUNNING, Status.QUEUED, Status.COMPENSATING)
        case RunForked() | RunDelayed():
            return state.status is Status.RUNNING and state.plan is None
        case CompensationBegun():
            return state.status is Status.RUNNING and state.plan is not None
        case CompensationPlanned(tasks=acts):
            known = all(one in state.unusual.undoable for one in acts)
            return (
                state.status is Status.COMPENSATING and not state.unusual.undo_first and known and bool(acts)
            )
        case DeadlineSet(task=number) | TaskPaused(task=number):
            return not state.ended and (number == RUN or state.exists(number))
        case OperatorNotified(task=number):
            return state.exists(number) and owes_notice(state.task(number))
        case _:
            return True
