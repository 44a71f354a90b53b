"""Views of runs: all of them, and those that are not over.

A run costs each view two writes, one at its start and one at its end, however many tasks it has.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    ActionProposed,
    AttemptFailed,
    Event,
    RevisionRequested,
    RunCancelled,
    RunFailed,
    RunQueued,
    RunReleased,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.state import RunState, Status
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
_ENDS: dict[type[Event], str] = {
    RunSucceeded: "succeeded",
    RunFailed: "failed",
    RunCancelled: "cancelled",
    RunSuperseded: "superseded",
}


class Runs:
    """One row for each run. No index: ids sort by time, so the key's own order is newest last."""

    name = "runs"
    version = 1
    tables = (
        Table(
            "runs",
            (
                ("run", _TEXT),
                ("workflow", _TEXT),
                ("definition", _TEXT),
                ("status", _TEXT),  # queued, running, succeeded, failed, cancelled, superseded
                ("key", _TEXT),
                ("subject", _TEXT),
                ("message", _TEXT),  # key of the message that started it
                ("started_at", _INTEGER),
                ("ended_at", _INTEGER),
                ("position", _INTEGER),  # of RunStarted
                ("spent", _INTEGER),  # micro-units, up to now
                ("tasks", _INTEGER),  # at the end
                ("given_up", _INTEGER),  # at the end: tasks that failed and were not optional
            ),
            key=("run",),
        ),
    )
    events = frozenset[type[Event]](
        {
            RunStarted,
            RunQueued,
            RunReleased,
            *_ENDS,
            TaskSucceeded,
            TaskFailed,
            AttemptFailed,
            ActionProposed,
            RevisionRequested,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Started, ended, and money in between."""
        match event:
            case TaskSucceeded(cost=0):
                return ()
            case RunStarted():
                message = event.trigger.get("message")
                return (
                    Put(
                        "runs",
                        (event.run,),
                        {
                            "workflow": event.workflow,
                            "definition": event.definition,
                            "status": "running",
                            "key": event.key,
                            "subject": event.subject,
                            "message": str(message.get("key", "")) if isinstance(message, dict) else "",
                            "started_at": at,
                            "position": position,
                            "spent": 0,
                        },
                    ),
                )
            case RunQueued():
                return (Put("runs", (run_of(stream),), {"status": "queued"}),)
            case RunReleased():
                return (Put("runs", (run_of(stream),), {"status": "running"}),)
            case RunSucceeded() | RunFailed() | RunCancelled() | RunSuperseded():
                assert run is not None
                ended = Put(
                    "runs",
                    (run_of(stream),),
                    {
                        "status": _ENDS[type(event)],
                        "ended_at": at,
                        "tasks": run.size,
                        "given_up": run.failed,
                    },
                )
                return (ended, *_spending(stream, getattr(event, "cost", 0)))
            case TaskSucceeded() | TaskFailed() | AttemptFailed() | ActionProposed() | RevisionRequested():
                return _spending(stream, event.cost)
            case _:
                return ()


def _spending(stream: StreamId, cost: int) -> Sequence[RowChange]:
    return (Add("runs", (run_of(stream),), {"spent": cost}),) if cost else ()


class OpenRuns:
    """The runs that are not over: ended ones too, while an effect of theirs is under way."""

    name = "open_runs"
    version = 1
    tables = (
        Table(
            "open_runs",
            (
                ("run", _TEXT),
                ("position", _INTEGER),  # of RunStarted
                ("workflow", _TEXT),
                ("key", _TEXT),
                ("status", _TEXT),  # queued, running, ending
                ("behind", _TEXT),  # the run that a queued one waits for
            ),
            key=("run",),
        ),
    )
    events = frozenset[type[Event]](
        {RunStarted, RunQueued, RunReleased, *_ENDS, TaskSucceeded, TaskFailed, TaskSkipped}
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In at the start; out when the run has ended and nothing of it is under way."""
        assert run is not None
        match event:
            case TaskSucceeded() | TaskFailed() | TaskSkipped():
                # A run that succeeded or failed left with its last event; only what was ended from outside may
                # still have had effects under way.
                settled = run.left == 0 and run.status in (Status.CANCELLED, Status.SUPERSEDED)
                return (Delete("open_runs", (run_of(stream),)),) if settled else ()
            case RunStarted():
                columns: dict[str, Value] = {
                    "position": position,
                    "workflow": event.workflow,
                    "key": event.key,
                    "status": "running",
                }
                return (Put("open_runs", (event.run,), columns),)
            case RunQueued(behind=behind):
                return (Put("open_runs", (run_of(stream),), {"status": "queued", "behind": behind}),)
            case RunReleased():
                return (Put("open_runs", (run_of(stream),), {"status": "running", "behind": None}),)
            case RunSucceeded() | RunFailed():
                return (Delete("open_runs", (run_of(stream),)),)
            case RunCancelled() | RunSuperseded():
                if run.left == 0:
                    return (Delete("open_runs", (run_of(stream),)),)
                return (Put("open_runs", (run_of(stream),), {"status": "ending", "behind": None}),)
            case _:
                return ()
