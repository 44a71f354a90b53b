"""What each workflow cost on each day: money, tokens, and the operator's own time."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.budget import day_of
from mainstay.kernel.events import (
    ActionProposed,
    ApprovalGranted,
    ApprovalRejected,
    AttemptFailed,
    CompensationBegun,
    CompensationFailed,
    Event,
    RevisionRequested,
    RunCancelled,
    RunFailed,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    TaskCancelled,
    TaskFailed,
    TaskSucceeded,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Spent:
    """Sums by workflow and day; a day is days since 1970, UTC."""

    name = "spent"
    version = 2
    tables = (
        Table(
            "spent",
            (
                ("workflow", _TEXT),
                ("day", _INTEGER),
                ("cost_micros", _INTEGER),
                ("input_tokens", _INTEGER),
                ("output_tokens", _INTEGER),
                ("runs", _INTEGER),  # started on this day
                ("succeeded", _INTEGER),  # ended on this day
                ("failed", _INTEGER),
                ("withdrawn", _INTEGER),  # cancelled or superseded
                ("tasks", _INTEGER),  # of the runs that ended
                ("decisions", _INTEGER),  # of the operator
                ("operator_us", _INTEGER),
            ),
            key=("day", "workflow"),
        ),
    )
    events = frozenset[type[Event]](
        {
            TaskSucceeded,
            TaskFailed,
            AttemptFailed,
            ActionProposed,
            RevisionRequested,
            TaskCancelled,
            CompensationBegun,
            CompensationFailed,
            RunStarted,
            RunSucceeded,
            RunFailed,
            RunCancelled,
            RunSuperseded,
            ApprovalGranted,
            ApprovalRejected,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What this event adds to its workflow's day; free work adds nothing and writes nothing."""
        match event:
            case TaskSucceeded():
                if not (event.cost or event.input_tokens or event.output_tokens):
                    return ()
                amounts = {
                    "cost_micros": event.cost,
                    "input_tokens": event.input_tokens,
                    "output_tokens": event.output_tokens,
                }
            case (
                TaskFailed()
                | AttemptFailed()
                | ActionProposed()
                | RevisionRequested()
                | TaskCancelled()
                | CompensationFailed()
                | CompensationBegun()
                | CompensationFailed()
            ):
                if not event.cost:
                    return ()
                amounts = {"cost_micros": event.cost}
            case RunStarted():
                amounts = {"runs": 1}
            case RunSucceeded():
                amounts = {"succeeded": 1, "tasks": _size(run)}
            case RunFailed():
                amounts = {"failed": 1, "tasks": _size(run), "cost_micros": event.cost}
            case RunCancelled() | RunSuperseded():
                amounts = {"withdrawn": 1, "tasks": _size(run), "cost_micros": event.cost}
            case ApprovalGranted() | ApprovalRejected():
                amounts = {"decisions": 1, "operator_us": event.open_us}
            case _:
                return ()
        assert run is not None
        return (Add("spent", (day_of(at), run.head.workflow), amounts),)


def _size(run: RunState | None) -> int:
    assert run is not None
    return run.size
