"""Views of runs: all of them, and those that are not over.

An ordinary run costs each view two writes, one at its start and one at its end, however many tasks it has. Only a
delay, a pause, taking back and money add to that.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    ActionProposed,
    AttemptFailed,
    CompensationBegun,
    CompensationFailed,
    Event,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunDelayed,
    RunFailed,
    RunForked,
    RunPaused,
    RunQueued,
    RunReleased,
    RunResumed,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    TaskCancelled,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.state import RunState, Status
from mainstay.kernel.values import Instant
from mainstay.ledger.short_ids import SHORT_ID_MIN
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
_ENDS: dict[type[Event], str] = {
    RunSucceeded: "succeeded",
    RunFailed: "failed",
    RunCancelled: "cancelled",
    RunSuperseded: "superseded",
}
_MAY_SETTLE = frozenset({Status.FAILED, Status.CANCELLED, Status.SUPERSEDED})


class Runs:
    """One row for each run. Its indexes end with the position, so that a list of whichever runs, newest first, is read
    in order from wherever the last page ended: ids sort by time only where a run was not started by hand.

    Since ids begin with a time, people tell them apart by how they end: the last digits have an index of their own.
    """

    name = "runs"
    version = 4
    tables = (
        Table(
            "runs",
            (
                ("run", _TEXT),
                ("workflow", _TEXT),
                ("definition", _TEXT),
                (
                    "status",
                    _TEXT,
                ),  # delayed, queued, running, paused, compensating, succeeded, failed, cancelled, superseded
                ("key", _TEXT),
                ("subject", _TEXT),
                ("sealed_under", _TEXT),  # the joint subject, where it concerns others besides `subject`
                ("message", _TEXT),  # key of the message that started it
                ("parent", _TEXT),  # the run that this one goes on from
                ("point", _INTEGER),  # version of the parent's stream
                ("started_at", _INTEGER),
                ("ended_at", _INTEGER),
                ("position", _INTEGER),  # of RunStarted
                ("spent", _INTEGER),  # micro-units, up to now
                ("tasks", _INTEGER),  # at the end
                ("given_up", _INTEGER),  # at the end: tasks that failed and were not optional
                ("ending", _TEXT),  # of its id, as short as somebody may type it
            ),
            key=("run",),
            indexes=(
                ("position",),
                ("status", "position"),
                ("workflow", "position"),
                ("subject", "position"),
                ("parent",),
                ("ending",),
            ),
        ),
    )
    events = frozenset[type[Event]](
        {
            RunStarted,
            RunForked,
            RunDelayed,
            RunQueued,
            RunReleased,
            PlanAccepted,
            RunPaused,
            RunResumed,
            CompensationBegun,
            *_ENDS,
            TaskSucceeded,
            TaskFailed,
            AttemptFailed,
            ActionProposed,
            RevisionRequested,
            TaskCancelled,
            CompensationFailed,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Started, ended, and money in between."""
        match event:
            case TaskSucceeded():  # the most frequent, so it comes first
                return _spending(stream, event.cost)
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
                            "sealed_under": event.sealed_under,
                            "message": str(message.get("key", "")) if isinstance(message, dict) else "",
                            "started_at": at,
                            "position": position,
                            "spent": 0,
                            "ending": event.run[-SHORT_ID_MIN:],
                        },
                    ),
                )
            case RunForked(parent=parent, version=point):
                return (Put("runs", (run_of(stream),), {"parent": parent, "point": point}),)
            case RunDelayed():
                return _status(stream, "delayed")
            case RunQueued():
                return _status(stream, "queued")
            case RunReleased():
                return _status(stream, _released(run))
            case PlanAccepted():
                # Nearly always that of a run which was never anything but running.
                assert run is not None
                begins_late = run.unusual.not_before and not run.unusual.paused
                return _status(stream, "running") if begins_late else ()
            case RunPaused():
                return _status(stream, "paused")
            case RunResumed():
                return _status(stream, _standing(run))
            case CompensationBegun():
                assert run is not None
                status = "paused" if run.unusual.paused else "compensating"
                return (*_status(stream, status), *_spending(stream, event.cost))
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
            case (
                TaskFailed()
                | AttemptFailed()
                | ActionProposed()
                | RevisionRequested()
                | TaskCancelled()
                | CompensationFailed()
            ):
                return _spending(stream, event.cost)
            case _:
                return ()


def _status(stream: StreamId, status: str) -> Sequence[RowChange]:
    return (Put("runs", (run_of(stream),), {"status": status}),)


def _released(run: RunState | None) -> str:
    # It was first in line. If it is also due, the acceptance of its plan comes next and says "running".
    assert run is not None
    if run.unusual.paused:
        return "paused"
    return "delayed" if run.unusual.not_before else "running"


def _standing(run: RunState | None) -> str:
    """Where a run stands that is not paused any more; one that ended in the same breath says so next."""
    assert run is not None
    if run.status is Status.QUEUED:
        return "queued"
    if run.status is Status.COMPENSATING:
        return "compensating"
    return "running" if run.plan is not None else "delayed"


def _spending(stream: StreamId, cost: int) -> Sequence[RowChange]:
    return (Add("runs", (run_of(stream),), {"spent": cost}),) if cost else ()


class OpenRuns:
    """The runs that are not over: ended ones too, while an effect of theirs is under way.

    What is paused stands here as what it would be otherwise: whoever boots asks for its place in line.
    """

    name = "open_runs"
    version = 2
    tables = (
        Table(
            "open_runs",
            (
                ("run", _TEXT),
                ("position", _INTEGER),  # of RunStarted
                ("workflow", _TEXT),
                ("key", _TEXT),
                ("status", _TEXT),  # delayed, queued, running, compensating, ending
                ("behind", _TEXT),  # the run that a queued one waits for
            ),
            key=("run",),
        ),
    )
    events = frozenset[type[Event]](
        {
            RunStarted,
            RunDelayed,
            RunQueued,
            RunReleased,
            PlanAccepted,
            CompensationBegun,
            *_ENDS,
            TaskSucceeded,
            TaskFailed,
            TaskSkipped,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In at the start; out when the run has ended and nothing of it is under way."""
        assert run is not None
        match event:
            case TaskSucceeded() | TaskFailed() | TaskSkipped():
                # A run that succeeded left with its last event; any other may still have had effects under way.
                settled = run.left == 0 and run.status in _MAY_SETTLE
                return (Delete("open_runs", (run_of(stream),)),) if settled else ()
            case RunStarted():
                columns: dict[str, Value] = {
                    "position": position,
                    "workflow": event.workflow,
                    "key": event.key,
                    "status": "running",
                }
                return (Put("open_runs", (event.run,), columns),)
            case RunDelayed():
                return (Put("open_runs", (run_of(stream),), {"status": "delayed"}),)
            case RunQueued(behind=behind):
                return (Put("open_runs", (run_of(stream),), {"status": "queued", "behind": behind}),)
            case RunReleased():
                status = "delayed" if run.unusual.not_before else "running"
                return (Put("open_runs", (run_of(stream),), {"status": status, "behind": None}),)
            case PlanAccepted():
                if not run.unusual.not_before:
                    return ()
                return (Put("open_runs", (run_of(stream),), {"status": "running"}),)
            case CompensationBegun():
                return (Put("open_runs", (run_of(stream),), {"status": "compensating"}),)
            case RunSucceeded():
                return (Delete("open_runs", (run_of(stream),)),)
            case RunFailed() | RunCancelled() | RunSuperseded():
                if run.left == 0:
                    return (Delete("open_runs", (run_of(stream),)),)
                return (Put("open_runs", (run_of(stream),), {"status": "ending", "behind": None}),)
            case _:
                return ()
