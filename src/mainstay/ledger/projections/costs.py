"""What each workflow cost on each day: money, tokens, the operator's own time; by model, by outcome, by reply.

`Spent` is what budgets rest on, so it is sealed and read at every boot. The other views are for people: of work that
costs nothing they hear nothing, and none of them looks at thinking that succeeds, the most frequent event of all.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.budget import day_of
from mainstay.kernel.events import (
    ActionProposed,
    ApprovalGranted,
    ApprovalRejected,
    AttemptFailed,
    BudgetRefused,
    CompensationBegun,
    CompensationFailed,
    Event,
    ModelUsed,
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
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.projections.done import act_done
from mainstay.ledger.projections.written import WRITING
from mainstay.ledger.store import Add, ColumnType, Put, RowChange, Table, Value

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


_ENDS: dict[type[Event], str] = {
    RunSucceeded: "succeeded",
    RunFailed: "failed",
    RunCancelled: "cancelled",
    RunSuperseded: "superseded",
}


class Outcomes:
    """What runs had cost when they ended, by how they ended; runs that cost nothing are not in it.

    What settles after the end (an act that was under way) stands in `Spent` alone.
    """

    name = "outcomes"
    version = 1
    tables = (
        Table(
            "outcomes",
            (
                ("workflow", _TEXT),
                ("day", _INTEGER),
                ("outcome", _TEXT),
                ("runs", _INTEGER),
                ("cost_micros", _INTEGER),
            ),
            key=("day", "workflow", "outcome"),
        ),
    )
    events = frozenset[type[Event]](_ENDS)

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more run that cost something."""
        outcome = _ENDS.get(type(event))
        if outcome is None or run is None or not run.spent:
            return ()
        key = (day_of(at), run.head.workflow, outcome)
        return (Add("outcomes", key, {"runs": 1, "cost_micros": run.spent}),)


class ModelsUsed:
    """What each workflow used of each model on each day, what the cache spared, and what went into checking."""

    name = "models_used"
    version = 1
    tables = (
        Table(
            "models_used",
            (
                ("workflow", _TEXT),
                ("day", _INTEGER),
                ("model", _TEXT),
                ("calls", _INTEGER),
                ("input_tokens", _INTEGER),
                ("output_tokens", _INTEGER),
                ("cost_micros", _INTEGER),
                ("cached", _INTEGER),  # answers that came from the cache
                ("saved_micros", _INTEGER),  # what these would have cost
                ("guard_micros", _INTEGER),  # of the cost: for inspectors
            ),
            key=("day", "workflow", "model"),
        ),
    )
    events = frozenset[type[Event]]({ModelUsed})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What one attempt used of one model."""
        assert isinstance(event, ModelUsed)
        assert run is not None
        amounts = {
            "calls": event.calls,
            "input_tokens": event.input_tokens,
            "output_tokens": event.output_tokens,
            "cost_micros": event.cost,
            "cached": event.cached,
            "saved_micros": event.saved,
            "guard_micros": event.cost if event.guarding else 0,
        }
        return (Add("models_used", (day_of(at), run.head.workflow, event.model), amounts),)


class Replies:
    """How many mails of each workflow left on each day: what a reply costs is counted by those that were accepted."""

    name = "replies"
    version = 1
    tables = (
        Table(
            "replies",
            (("workflow", _TEXT), ("day", _INTEGER), ("count", _INTEGER)),
            key=("day", "workflow"),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more mail that went out."""
        assert run is not None
        action = act_done(event, run)
        if action is None or action.act not in WRITING:
            return ()
        return (Add("replies", (day_of(at), run.head.workflow), {"count": 1}),)


class Stopped:
    """Which run a budget stopped last, and why. Whether it still waits, its own events say: nothing is taken out."""

    name = "stopped"
    version = 1
    tables = (
        Table(
            "stopped",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("scope", _TEXT),  # run, workflow, day, month, price
                ("needed", _INTEGER),
                ("left", _INTEGER),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("run",),
        ),
    )
    events = frozenset[type[Event]]({BudgetRefused})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One that waits for the next period, or for a person."""
        assert isinstance(event, BudgetRefused)
        if event.passing:
            return ()
        columns: dict[str, Value] = {
            "task": event.task,
            "scope": event.scope,
            "needed": event.needed,
            "left": event.left,
            "at": at,
            "position": position,
        }
        return (Put("stopped", (run_of(stream),), columns),)
