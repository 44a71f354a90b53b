"""Acts of which only the operator can say whether they happened, and those that could not be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import ActionInDoubt, CompensationFailed, DoubtResolved, Event, TaskSucceeded
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class InDoubt:
    """One row for each act that waits for such an answer."""

    name = "in_doubt"
    version = 2
    tables = (
        Table(
            "in_doubt",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("kind", _TEXT),  # in_doubt; compensation: it is known not to have been done
                ("workflow", _TEXT),
                ("act", _TEXT),
                ("adapter", _TEXT),  # this and the next three are empty if nothing was proposed
                ("key", _TEXT),
                ("digest", _TEXT),
                ("card", _TEXT),
                ("attempt", _INTEGER),
                ("reason", _TEXT),
                ("since", _INTEGER),
                ("position", _INTEGER),
                ("undo", _INTEGER),  # 1: it takes back what the run did
                ("undoes", _INTEGER),  # the task that it takes back
                ("parent", _TEXT),  # the run that this one goes on from
            ),
            key=("run", "task"),
        ),
    )
    events = frozenset[type[Event]]({ActionInDoubt, CompensationFailed, DoubtResolved, TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In when nothing can be proved or taken back; out when the operator answers or the truth comes late."""
        assert run is not None
        match event:
            case TaskSucceeded(task=number):
                # Only an act that was tried can have been in doubt.
                if run.task(number).act is None:
                    return ()
                return (Delete("in_doubt", (run_of(stream), number)),)
            case ActionInDoubt():
                return (_unsettled(stream, run, event, "in_doubt", at, position),)
            case CompensationFailed():
                return (_unsettled(stream, run, event, "compensation", at, position),)
            case DoubtResolved(task=number):
                return (Delete("in_doubt", (run_of(stream), number)),)
            case _:
                return ()


def _unsettled(
    stream: StreamId,
    run: RunState,
    event: ActionInDoubt | CompensationFailed,
    kind: str,
    at: Instant,
    position: int,
) -> Put:
    number = event.task
    act = run.task(number).act  # none if its executor never came to propose it
    action = act.action if act is not None else None
    columns: dict[str, Value] = {
        "kind": kind,
        "workflow": run.head.workflow,
        "act": run.spec(number).act if action is None else action.act,
        "adapter": "" if action is None else action.adapter,
        "key": "" if action is None else action.key,
        "digest": "" if action is None else action.digest,
        "card": "" if action is None else action.card,
        "attempt": event.attempt,
        "reason": event.reason,
        "since": at,
        "position": position,
        "undo": int(run.undoes(number) is not None),
        "undoes": run.undoes(number),
        "parent": run.parent,
    }
    return Put("in_doubt", (run_of(stream), number), columns)
