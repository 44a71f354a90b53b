"""How often each act was done: what rules look at that count."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.counting import KEPT, quarter_of
from mainstay.kernel.events import Event, TaskSucceeded
from mainstay.kernel.ids import StreamId
from mainstay.kernel.policy import Action
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Done:
    """How often each workflow has done each act. Taking one back shows nothing of how well it is done."""

    name = "done"
    version = 2
    tables = (
        Table(
            "done",
            (("workflow", _TEXT), ("act", _TEXT), ("count", _INTEGER)),
            key=("workflow", "act"),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more for an act that succeeded."""
        assert run is not None
        action = act_done(event, run)
        if action is None:
            return ()
        return (Add("done", (run.head.workflow, action.act), {"count": 1}),)


class DoneLately:
    """How often each act was done in each quarter of an hour: what rules about a day or an hour look at.

    Of an act that is done all the time two days are kept, and of others a row for each quarter with one in it.
    """

    name = "done_lately"
    version = 1
    tables = (
        Table(
            "done_lately",
            (("act", _TEXT), ("quarter", _INTEGER), ("count", _INTEGER)),
            key=("act", "quarter"),
            indexes=(("quarter",),),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more, as `kernel.counting` counts."""
        assert run is not None
        action = act_done(event, run)
        if action is None:
            return ()
        name, quarter = action.act, quarter_of(at)
        return (
            Add("done_lately", (name, quarter), {"count": 1}),
            Delete("done_lately", (name, quarter - KEPT)),
        )


def act_done(event: Event, run: RunState) -> Action | None:
    """What a task that succeeded has done; None if it only thought, or took something back."""
    assert isinstance(event, TaskSucceeded)
    act = run.task(event.task).act
    return None if act is None or run.undoes(event.task) is not None else act.action
