"""The end of a run, and taking back what it did first.

A run that fails or is cancelled takes back those of its acts that name a compensation: once each, the last one first,
each by the one door like any other act. It begins when everything under way has settled, since nobody can take back
what may or may not have happened; until then the run is `COMPENSATING` and asks. A compensation that cannot be done
asks as well. What is superseded is not taken back: something newer goes on from it.
"""

from __future__ import annotations

from typing import Literal

from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    ActionInDoubt,
    CompensationBegun,
    CompensationPlanned,
    RunCancelled,
    RunFailed,
)
from mainstay.kernel.state import Phase, RunState, Status, given_up, may_have_left

Ending = Literal["failed", "cancelled"]


def end(draft: Draft, ending: Ending, *, actor: str = "", reason: str = "") -> None:
    """End the run: at once where there is nothing to take back, otherwise when that is done."""
    settle_before_end(draft)
    cost, withdrawn = given_up(draft.state)
    if draft.state.status is Status.RUNNING and _leaves_something(draft.state):
        draft.emit(CompensationBegun(ending, reason, actor, cost, withdrawn))
    elif ending == "failed":
        draft.emit(RunFailed(reason, cost, withdrawn))
    else:
        draft.emit(RunCancelled(actor, reason, cost, withdrawn))


def settle_before_end(draft: Draft) -> None:
    """Before a run is ended: what may have arrived and would have been called again is in doubt from now on."""
    for number, task in draft.state.all_tasks():
        if task.phase is Phase.RETRYING and may_have_left(task):
            reason = "the run was ended before an earlier call of it was settled"
            draft.emit(ActionInDoubt(number, task.attempt, reason))


def go_on_ending(draft: Draft) -> None:
    """Everything has settled: plan what is to be taken back, or end the run when that is done."""
    unusual = draft.state.unusual
    if not unusual.undo_first and unusual.undoable:
        draft.emit(CompensationPlanned(tuple(reversed(unusual.undoable))))
    elif unusual.ending == "failed":
        draft.emit(RunFailed(unusual.ending_reason))
    else:
        draft.emit(RunCancelled(unusual.ending_actor, unusual.ending_reason))


def _leaves_something(state: RunState) -> bool:
    """Whether something happened, or may have, that names a compensation."""
    if state.unusual.undoable:
        return True
    return any(
        may_have_left(task) and state.spec(number).compensate is not None
        for number, task in state.all_tasks()
    )
