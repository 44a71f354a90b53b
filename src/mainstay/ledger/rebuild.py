"""Views whose rules have changed are folded anew from the ledger.

The version of each projection stands in the store's `meta`. One that differs, or was left half done by a crash,
is rebuilt before a director begins: its mark is taken away first and set again with the last rows. Views that
are as they should be are left alone, but the whole ledger is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, cast

from mainstay.kernel.events import RunEvent
from mainstay.kernel.ids import RunId, StreamId, run_of, run_stream
from mainstay.kernel.run import evolve, nothing
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Projection, Projector
from mainstay.ledger.proving import Proof
from mainstay.ledger.rows import META
from mainstay.ledger.store import ORIGIN, Epoch, EventStore, Position, Put, RowChange, Table

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
    return tuple(one for one in projections if _mark(store, one) != str(one.version))


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
    """

    def __init__(self, store: EventStore, codec: Codec, projector: Projector, proof: Proof) -> None:
        self.proof = proof
        self._store = store
        self._codec = codec
        self._project = projector.project
        self._runs: dict[RunId, RunState] = {}

    @property
    def held(self) -> int:
        """Money held by the runs that are not over."""
        return sum(run.held for run in self._runs.values())

    def slice(self, after: Position, *, events: int = SLICE) -> tuple[list[RowChange], Position]:
        """The row changes of the next slice of the ledger, and its last position."""
        changes: list[RowChange] = []
        last = after
        for recorded in self.proof.follow(self._store.read_all(after=after, limit=min(events, SLICE))):
            event = self._codec.event(recorded)
            last = recorded.position
            run = None
            if recorded.stream.startswith("run:"):
                run = self._evolve(recorded.stream, cast(RunEvent, event), last)
            changes += self._project(last, recorded.at, recorded.stream, event, run)
        return changes, last

    def _evolve(self, stream: StreamId, event: RunEvent, position: Position) -> RunState:
        run = run_of(stream)
        before = self._runs.get(run)
        state = evolve(before if before is not None else self._before(run, position), event)
        if state.ended and not state.left:
            self._runs.pop(run, None)
        else:
            self._runs[run] = state
        return state

    def _before(self, run: RunId, position: Position) -> RunState:
        """The state of a run that is not in memory: nearly always nothing, since its first event comes now."""
        state = nothing(run)
        for recorded in self._store.read(run_stream(run)):
            if recorded.position >= position:
                break
            state = evolve(state, cast(RunEvent, self._codec.event(recorded)))
        return state


def _mark(store: EventStore, projection: Projection) -> str | None:
    row = store.get(META.name, (_key(projection),))
    return str(row["value"]) if row is not None else None


def _marked(projection: Projection, version: str) -> Put:
    return Put(META.name, (_key(projection),), {"value": version})


def _key(projection: Projection) -> str:
    return f"projection:{projection.name}"
