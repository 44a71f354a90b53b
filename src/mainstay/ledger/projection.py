"""The port of a projection: a view rebuilt from events.

A projection is a pure function from one recorded event to row changes; the store writes them in the
transaction of the event, so a view never disagrees with the ledger it was read with. Changing `version` makes
`ledger.rebuild` drop its tables and fold the ledger anew.

Rules:

- It names the events that concern it, so that the frequent ones cost nothing where nobody looks at them.
- `run` is the run's state after the event, or after further events of the same decision (the director folds
  a decision once and has no states in between; a rebuild folds event by event). So a projection may look only
  at what later events of a decision leave as it is: the head, the plan, the action of a task that was
  proposed, the status and what is left of a run that has ended. That both ways give the same rows is a test.
- Views hold no personal value in clear: ids, digests, keyed hashes, words of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from mainstay.kernel.events import Event
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.rows import META
from mainstay.ledger.store import EventReader, RowChange, Table


class Projection(Protocol):
    """A named, versioned view."""

    @property
    def name(self) -> str:
        """Under which its version is kept."""
        ...

    @property
    def version(self) -> int:
        """Raised with every change of tables or rules."""
        ...

    @property
    def tables(self) -> tuple[Table, ...]:
        """What it keeps; no two projections share a table."""
        ...

    @property
    def events(self) -> frozenset[type[Event]]:
        """The events that may change it; `project` is called for no others."""
        ...

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """The rows that this event changes; `run` is None for events of no run."""
        ...


def mark_of(projection: Projection) -> str:
    """The key in `meta` under which the version of its view stands; empty there while the view is being made."""
    return f"projection:{projection.name}"


def current(store: EventReader, projection: Projection) -> bool:
    """Whether a store has the view in this version, and whole."""
    row = store.get(META.name, (mark_of(projection),))
    return row is not None and str(row["value"]) == str(projection.version)


Project = Callable[[int, Instant, StreamId, Event, RunState | None], Sequence[RowChange]]


def only_acts(projection: Projection) -> bool:
    """Whether a task that succeeded without an action, thinking, changes nothing in this view, as it may declare.

    Then the director need not ask it: five calls less at every step.
    """
    return bool(getattr(projection, "only_acts", False))


def only_annotations(projection: Projection) -> bool:
    """Whether of all thinking that succeeded only annotations concern this view: output that names the field `auto`.

    The director asks it for no other.
    """
    return bool(getattr(projection, "only_annotations", False))


class Projector:
    """Several projections as one: what the director calls for every event it appends."""

    def __init__(self, projections: Iterable[Projection]) -> None:
        self.projections = tuple(projections)
        self._by_event = {
            kind: tuple(one.project for one in self.projections if kind in one.events)
            for kind in frozenset[type[Event]]().union(*(one.events for one in self.projections))
        }

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of all of them."""
        return tuple(table for one in self.projections for table in one.tables)

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> list[RowChange]:
        """All rows that this event changes."""
        changes: list[RowChange] = []
        for project in self._by_event.get(type(event), ()):
            changes += project(position, at, stream, event, run)
        return changes
