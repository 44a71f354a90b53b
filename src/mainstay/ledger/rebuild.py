"""Views whose rules have changed are folded anew from the ledger.

The version of each projection stands in the store's `meta`. One that differs, or was left half done by a crash,
is rebuilt before a director begins: its mark is taken away first and set again with the last rows. Views that
are as they should be are left alone, but the whole ledger is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, cast

from mainstay.kernel.events import Event, RunEvent
from mainstay.kernel.ids import RunId, StreamId, run_of
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Projection, Projector, current, mark_of
from mainstay.ledger.proving import Proof
from mainstay.ledger.rows import META
from mainstay.ledger.run_snapshot import Plans, load_run
from mainstay.ledger.store import (
    ORIGIN,
    Epoch,
    EventStore,
    Position,
    Put,
    RecordedEvent,
    RowChange,
    Table,
    Version,
)

SLICE = 1_000
Progress = Callable[[Position, Position], None]  # read so far, of so many


class RebuildableStore(EventStore, Protocol):
    """A store whose tables can be made and dropped."""

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Make the views that are not there yet."""
        ...

    def drop_tables(self, names: Sequence[str]) -> None:
        """Remove views with all their rows."""
        ...


def outdated(store: EventStore, projections: Sequence[Projection]) -> tuple[Projection, ...]:
    """The projections whose views are not of this version."""
    return tuple(one for one in projections if not current(store, one))


def rebuild(
    store: RebuildableStore,
    codec: Codec,
    projections: Sequence[Projection],
    *,
    epoch: Epoch,
    at: Instant,
    progress: Progress = lambda done, of: None,
) -> tuple[str, ...]:
    """Fold anew what is outdated among `projections`; the names of what was. The caller is the writer."""
    stale = outdated(store, projections)
    if not stale:
        return ()
    store.append((), epoch=epoch, at=at, changes=[_marked(one, "") for one in stale])
    store.drop_tables([table.name for one in stale for table in one.tables])
    store.create_tables([table for one in stale for table in one.tables])
    fold = Fold(store, codec, Projector(stale), Proof())
    last, head = ORIGIN, store.head
    while last < head:
        changes, last = fold.slice(last)
        store.append((), epoch=epoch, at=at, changes=changes)
        progress(last, head)
    changes = [_marked(one, str(one.version)) for one in stale]
    if any(one.name == "house" for one in stale):
        # The one row of `house` that the director writes itself: money held, for whoever loads no runs.
        changes.append(Put("house", ("held",), {"value": str(fold.held)}))
    store.append((), epoch=epoch, at=at, changes=changes)
    return tuple(one.name for one in stale)


class Fold:
    """All runs, folded as the ledger is read; those that are over are dropped at once.

    Every event is proved against the chain before it is folded: a view made anew from damage would hide it.

    With `needed_only` a run is folded only where a view looks at it: then `held` says nothing. A fold that begins in
    the middle takes what was before from a run's snapshot, if it is told the `plans` and has one that is old enough.
    """

    def __init__(
        self,
        store: EventStore,
        codec: Codec,
        projector: Projector,
        proof: Proof,
        *,
        needed_only: bool = False,
        plans: Plans | None = None,
    ) -> None:
        self.proof = proof
        self._store = store
        self._codec = codec
        self._project = projector.project
        self._looked_at = frozenset[type]().union(*(one.events for one in projector.projections))
        self._needed_only = needed_only
        self._plans = plans
        self._runs: dict[RunId, RunState] = {}

    @property
    def held(self) -> int:
        """Money held by the runs that are not over."""
        return sum(run.held for run in self._runs.values())

    def slice(self, after: Position, *, events: int = SLICE) -> tuple[list[RowChange], Position]:
        """The row changes of the next slice of the ledger, and its last position."""
        changes: list[RowChange] = []
        last = after
        read = [
            (recorded, self._codec.event(recorded))
            for recorded in self.proof.follow(self._store.read_all(after=after, limit=min(events, SLICE)))
        ]
        passed = self._begin(read)
        for recorded, event in read:
            last = recorded.position
            run = None
            if recorded.stream.startswith("run:"):
                if recorded.stream in passed:
                    continue
                run = self._evolve(recorded, cast(RunEvent, event))
            changes += self._project(last, recorded.at, recorded.stream, event, run)
        return changes, last

    def _begin(self, read: Sequence[tuple[RecordedEvent, Event]]) -> Collection[StreamId]:
        """Know the runs of a slice as they were before it; which of them need not be known."""
        began: dict[StreamId, Version] = {}  # and the version of their first event in the slice
        needed = set[StreamId]()
        for recorded, event in read:
            stream = recorded.stream
            if stream.startswith("run:") and run_of(stream) not in self._runs:
                began.setdefault(stream, recorded.version)
                if not self._needed_only or type(event) in self._looked_at:
                    needed.add(stream)
        self._load({stream: began[stream] for stream in began if stream in needed and began[stream] > 1})
        return began.keys() - needed

    def _load(self, began: Mapping[StreamId, Version]) -> None:
        """Fold these runs up to the version before the one given, many at once."""
        states: dict[StreamId, RunState] = {}
        after: dict[StreamId, Version] = {}
        for stream, version in began.items():
            saved = load_run(self._store, run_of(stream), self._plans) if self._plans is not None else None
            if saved is None or saved[1] >= version:
                saved = nothing(run_of(stream)), 0
            states[stream], after[stream] = saved[0], Version(saved[1])
        for stream, bodies in self._store.read_many(after):
            state = states.pop(stream)
            for version, kind, schema, data in bodies:
                if version >= began[stream]:
                    break
                state = evolve(state, cast(RunEvent, self._codec.decode(kind, schema, data)))
            self._runs[run_of(stream)] = state

    def _evolve(self, recorded: RecordedEvent, event: RunEvent) -> RunState:
        run = run_of(recorded.stream)
        if run not in self._runs and recorded.version > 1:  # something came after its end
            self._load({recorded.stream: recorded.version})
        state = evolve(self._runs.get(run) or nothing(run), event)
        if state.ended and not state.left:
            self._runs.pop(run, None)
        else:
            self._runs[run] = state
        return state


def _marked(projection: Projection, version: str) -> Put:
    return Put(META.name, (mark_of(projection),), {"value": version})
