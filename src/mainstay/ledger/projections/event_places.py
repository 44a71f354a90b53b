"""Where the events of the rarer types stand: a look-up for who asks for the latest of one, however long the ledger is.

The newest of the frequent types, which every run writes, are found by looking back a little way. The others are noted,
one small row each. An index of the events' own table would cost as much at every step, and would lose what was sealed
into a segment.
"""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    NUMBER_OF,
    NUMBERS,
    Event,
    PlanAccepted,
    RunStarted,
    RunSucceeded,
    TaskExpanded,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Put, RowChange, Table

TABLE = "event_places"
FREQUENT: frozenset[type[Event]] = frozenset(
    {RunStarted, PlanAccepted, TaskStarted, TaskSucceeded, TaskSkipped, TaskExpanded, RunSucceeded}
)  # what a run writes that only thinks


class EventPlaces:
    """One row for each event of a rarer type."""

    name = TABLE
    version = 1
    tables = (
        Table(
            TABLE,
            (
                ("type", ColumnType.INTEGER),  # its number
                ("position", ColumnType.INTEGER),
            ),
            key=("type", "position"),
        ),
    )
    events: frozenset[type[Event]] = frozenset(NUMBERS.values()) - FREQUENT

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Where it stands."""
        return (Put(TABLE, (NUMBER_OF[type(event)], position)),)
