"""What objectives are measured by: when acts were proposed, decided and done, how runs ended, which acts were wrong.

One row for each act, two or three writes in its life; runs that end are only counted, by the minute. Whoever asks reads
the last days by an index. When a run began stands in its id; where it does not, or where it had to wait in line or was
paused, a row with task -1 says from when on it could go.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.contract import Repeatability
from mainstay.kernel.events import (
    ActionHeld,
    ActionProposed,
    ApprovalGranted,
    DoubtResolved,
    Event,
    EvidenceWeighed,
    RunFailed,
    RunReleased,
    RunResumed,
    RunStarted,
    RunSucceeded,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId, StreamId, run_of
from mainstay.kernel.state import RUN, RunState
from mainstay.kernel.values import MINUTE, Instant
from mainstay.ledger.store import Add, ColumnType, Put, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
_MILLISECOND = 1_000
LEFT_ALREADY = frozenset(
    {"undo", "report", "correction"}
)  # evidence against what went by itself, not by a card


class Samples:
    """Times of acts, ends of runs by the minute, and acts that were wrong."""

    name = "samples"
    version = 1
    tables = (
        Table(
            "samples",
            (
                ("run", _TEXT),
                ("task", _INTEGER),  # -1: the run itself, and from when on it could go
                ("workflow", _TEXT),
                ("began_at", _INTEGER),  # the run's trigger, or the end of what made it wait
                ("proposed_at", _INTEGER),
                ("decided_at", _INTEGER),  # from when on it could leave; NULL: a person said that it had left
                ("done_at", _INTEGER),
            ),
            key=("run", "task"),
            indexes=(("proposed_at",), ("done_at",)),
        ),
        Table(
            "ended",
            (
                ("minute", _INTEGER),  # since 1970, UTC
                ("workflow", _TEXT),
                ("succeeded", _INTEGER),
                ("failed", _INTEGER),
            ),
            key=("minute", "workflow"),
        ),
        Table(
            "mistakes",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("workflow", _TEXT),
                ("what", _TEXT),  # undo, report, correction, twice
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("run", "task"),
            indexes=(("at",),),
        ),
    )
    events = frozenset[type[Event]](
        {
            RunStarted,
            RunReleased,
            RunResumed,
            ActionProposed,
            ActionHeld,
            ApprovalGranted,
            DoubtResolved,
            TaskSucceeded,
            RunSucceeded,
            RunFailed,
            EvidenceWeighed,
        }
    )
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What this event says of an act, of its run's end, or of what was wrong."""
        match event:
            case TaskSucceeded(task=number):
                assert run is not None
                if run.task(number).act is None or run.undoes(number) is not None:
                    return ()
                return _act(run, number, done_at=at)
            case RunSucceeded():
                assert run is not None
                return (Add("ended", (at // MINUTE, run.head.workflow), {"succeeded": 1}),)
            case RunFailed():
                assert run is not None
                return (Add("ended", (at // MINUTE, run.head.workflow), {"failed": 1}),)
            case RunStarted(run=name):
                return () if triggered_at(name) else _could_go(name, event.workflow, at)
            case RunReleased() | RunResumed():
                assert run is not None
                return _could_go(run_of(stream), run.head.workflow, at)
            case ActionProposed(task=number):
                assert run is not None
                if run.undoes(number) is not None:
                    return ()
                began_at = max(triggered_at(run_of(stream)), run.unusual.not_before)
                return _act(run, number, began_at=began_at, proposed_at=at, decided_at=at)
            case ApprovalGranted(task=number):
                return _decided(run, number, at)
            case ActionHeld(task=number, until=until):
                return _decided(run, number, until)
            case DoubtResolved():
                return _doubted(position, at, event, run)
            case EvidenceWeighed(verdict="error", source=source) if source in LEFT_ALREADY:
                workflow = event.kind.partition("/")[0]
                return (_mistake(event.run, event.task, workflow, source, at, position),)
            case _:
                return ()


def triggered_at(run: RunId) -> int:
    """When the run was triggered, as its id says; 0 where it does not: somebody started it under a name of theirs."""
    try:
        return int(run[:12], 16) * _MILLISECOND
    except ValueError:
        return 0


def _could_go(run: RunId, workflow: str, at: Instant) -> Sequence[RowChange]:
    return (Put("samples", (run, RUN), {"workflow": workflow, "began_at": at}),)


def _act(run: RunState, number: int, **times: int | None) -> Sequence[RowChange]:
    return (Put("samples", (run.head.run, number), {"workflow": run.head.workflow, **times}),)


def _decided(run: RunState | None, number: int, at: Instant) -> Sequence[RowChange]:
    assert run is not None
    return () if run.undoes(number) is not None else _act(run, number, decided_at=at)


def _doubted(position: int, at: Instant, event: DoubtResolved, run: RunState | None) -> Sequence[RowChange]:
    """That it went out is known only now: how long it took is not, and a second call may have been one too many."""
    assert run is not None
    act = run.task(event.task).act
    if event.answer != "happened" or act is None or run.undoes(event.task) is not None:
        return ()
    changes = [*_act(run, event.task, decided_at=None)]
    if act.calls > 1 and act.action.repeatability is Repeatability.ONCE:
        changes.append(_mistake(run.head.run, event.task, run.head.workflow, "twice", at, position))
    return changes


def _mistake(run: RunId, task: int, workflow: str, what: str, at: Instant, position: int) -> Put:
    return Put("mistakes", (run, task), {"workflow": workflow, "what": what, "at": at, "position": position})
