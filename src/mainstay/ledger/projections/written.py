"""When we wrote to whom: what the limit of replies to one correspondent looks at."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import Event, TaskSucceeded
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.projections.acts import WRITING
from mainstay.ledger.store import ColumnType, Put, RowChange, Table

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Written:
    """One row for each mail that went out."""

    name = "written"
    version = 1
    tables = (
        Table(
            "written",
            (("subject", _TEXT), ("position", _INTEGER), ("adapter", _TEXT), ("at", _INTEGER)),
            key=("subject", "position"),
        ),
    )
    events = frozenset[type[Event]]({TaskSucceeded})
    only_acts = True

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more mail to the subject of the run."""
        assert isinstance(event, TaskSucceeded)
        assert run is not None
        act = run.task(event.task).act
        subject = run.head.subject
        if act is None or subject is None or act.action.act not in WRITING:
            return ()
        return (Put("written", (subject, position), {"adapter": act.action.adapter, "at": at}),)
