"""What may leave and can still be taken back: from the yes, or the rule, to the moment in which it leaves.

A table of the view of cards, which is asked about the same events.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.authority import BY_A_PERSON
from mainstay.kernel.events import (
    ActionDenied,
    ActionHeld,
    ActionInDoubt,
    ActionStarted,
    ActionUndone,
    ApprovalGranted,
    ApprovalRequested,
    CompensationBegun,
    CompensationFailed,
    Event,
    LookupStarted,
    RunCancelled,
    RunFailed,
    RunSuperseded,
    TaskCancelled,
    TaskFailed,
)
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT

LEAVING = Table(
    "leaving",
    (
        ("run", _TEXT),
        ("task", _INTEGER),
        ("workflow", _TEXT),
        ("act", _TEXT),
        ("approval", _TEXT),  # NULL: nobody was asked
        ("authority", _TEXT),  # under which it leaves
        ("until", _INTEGER),  # 0: as soon as a director has room for it
        ("digest", _TEXT),
        ("card", _TEXT),
        ("subject", _TEXT),
        ("finality", _TEXT),
        ("position", _INTEGER),
    ),
    key=("run", "task"),
)


def leaving(position: int, stream: StreamId, event: Event, run: RunState) -> Sequence[RowChange]:
    """The rows that an event of a run puts in, or takes out."""
    match event:
        case ApprovalGranted(task=number) | ActionHeld(task=number) if run.act(number).calls:
            return ()  # it was called before, and may go once more: nothing of that can be taken back
        case ApprovalGranted(task=number, approval=approval):
            return (_goes(position, stream, run, number, f"{BY_A_PERSON}{approval}", 0),)
        case ActionHeld(task=number, authority=authority, until=until):
            return (_goes(position, stream, run, number, authority, until),)
        case TaskFailed(task=number):
            thinks = run.spec(number).kind is TaskKind.THINK
            return () if thinks else (Delete("leaving", (run_of(stream), number)),)
        case (
            ActionStarted(task=number)
            | ActionUndone(task=number)
            | ActionDenied(task=number)
            | ApprovalRequested(task=number)
            | TaskCancelled(task=number)
            | CompensationFailed(task=number)
            | LookupStarted(task=number)
            | ActionInDoubt(task=number)
        ):
            return (Delete("leaving", (run_of(stream), number)),)
        case RunCancelled() | RunSuperseded() | RunFailed() | CompensationBegun():
            return [
                Delete("leaving", (run_of(stream), number))
                for number, task in run.all_tasks()
                if task.act is not None and task.act.authority and not task.act.calls
            ]
        case _:
            return ()


def _goes(
    position: int, stream: StreamId, run: RunState, number: int, authority: str, until: Instant | int
) -> Put:
    action = run.act(number).action
    columns: dict[str, Value] = {
        "workflow": run.head.workflow,
        "act": action.act,
        "approval": authority.removeprefix(BY_A_PERSON) if authority.startswith(BY_A_PERSON) else None,
        "authority": authority,
        "until": until,
        "digest": action.digest,
        "card": action.card,
        "subject": run.head.subject,
        "finality": str(action.finality),
        "position": position,
    }
    return Put("leaving", (run_of(stream), number), columns)
