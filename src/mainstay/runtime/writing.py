"""What was decided, written down: events encoded, views brought up to date, one transaction a tick.

Rules of this file:

- Positions are given out in the order of decisions. Between a tick and its commit they are ahead of the disk.
- A run is saved now and then (`boot.snapshot_due`), and the views are sealed now and then, in the tick of the events.
- The most frequent event of all, a success of thinking, is shown to those views alone that it concerns.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from mainstay.kernel.commands import Command, RecordOutcome
from mainstay.kernel.errors import StorageFull
from mainstay.kernel.events import Event, RunEvent, RunRecovered, TaskSucceeded
from mainstay.kernel.ids import StreamId, transaction_id
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Project, Projection, only_acts, only_annotations
from mainstay.ledger.run_snapshot import save_run
from mainstay.ledger.standing import SEAL_EVERY, VIEWS, seal, sealed_at
from mainstay.ledger.store import Epoch, EventStore, NewEvent, StreamAppend, Version
from mainstay.runtime.boot import Open, snapshot_due
from mainstay.runtime.tick import Request, Tick

SNAPSHOT_EVERY = 32  # events of one run between two snapshots of it


class Writing:
    """How one director writes its ledger."""

    def __init__(
        self, store: EventStore, codec: Codec, projections: Sequence[Projection], *, snapshot_every: int
    ) -> None:
        self.epoch = Epoch(0)
        self.position = 0  # of the last event that was decided
        self.snapshot_every = snapshot_every
        self._store = store
        self._codec = codec
        self._projections = tuple(projections)
        self._seals = {one.name for one in projections} >= VIEWS
        self._sealed_at = 0
        self._versions: dict[StreamId, int] = {}  # of the streams that are not runs
        self._views: dict[type[Event], tuple[Project, ...]] = {}
        for projection in projections:
            for kind in projection.events:
                self._views[kind] = (*self._views.get(kind, ()), projection.project)
        # Of the eight views that look at a success, thinking concerns three.
        self._views_of_thinking = tuple(
            one.project
            for one in projections
            if TaskSucceeded in one.events and not only_acts(one) and not only_annotations(one)
        )
        self._views_of_annotations = self._views_of_thinking + tuple(
            one.project for one in projections if only_annotations(one)
        )

    def acquire(self) -> None:
        """Become the writer, and go on after the last event that there is."""
        self.epoch = self._store.acquire()
        self.position = self._store.head
        self._sealed_at = min(sealed_at(self._store), self.position) if self._seals else 0

    def add_to_run(
        self, tick: Tick, stream: StreamId, one: Open, events: Sequence[RunEvent], request: Request
    ) -> None:
        """Add what was decided about a run, which has folded it already; each event is caused by the one before."""
        transaction = _transaction(tick.at, request.command, one.version)
        encode, views, state, actor = self._codec.encode, self._views, one.state, request.actor
        new: list[NewEvent] = []
        cause, position = request.cause, self.position
        recovered = False
        at, changes = tick.at, tick.changes
        for event in events:
            position += 1
            number, schema, data = encode(event)
            new.append(NewEvent(number, schema, data, actor, transaction, cause))
            cause = position
            kind = type(event)
            looking = views.get(kind, ())
            if isinstance(event, TaskSucceeded):
                if state.task(event.task).act is None:
                    annotated = "auto" in event.output
                    looking = self._views_of_annotations if annotated else self._views_of_thinking
            elif kind is RunRecovered:
                recovered = True
            for project in looking:
                changes += project(position, at, stream, event, state)
        self.position = position
        tick.batch.append(StreamAppend(stream, Version(one.version), new))
        tick.events += len(new)
        one.version += len(new)
        due = snapshot_due(state, one.version - one.snapshot_at, every=self.snapshot_every)
        if due or (recovered and not state.ended):
            one.snapshot_at = one.version
            changes.append(save_run(state, one.version, position))

    def add(self, tick: Tick, stream: StreamId, events: Sequence[Event], request: Request) -> None:
        """Add to a stream that is no run."""
        version = self._versions.get(stream)
        if version is None:
            version = self._store.version(stream)
        transaction = _transaction(tick.at, request.command, version)
        new: list[NewEvent] = []
        for event in events:
            self.position += 1
            number, schema, data = self._codec.encode(event)
            new.append(NewEvent(number, schema, data, request.actor, transaction, request.cause))
            for project in self._views.get(type(event), ()):
                tick.changes += project(self.position, tick.at, stream, event, None)
        tick.batch.append(StreamAppend(stream, Version(version), new))
        tick.events += len(new)
        self._versions[stream] = version + len(new)

    def commit(self, tick: Tick) -> None:
        """Make the tick durable. Raises `StorageFull` (call again), `StaleEpoch` or `StorageFailed` (end)."""
        if tick.empty:
            return
        if self.position - self._sealed_at >= SEAL_EVERY and self._seals:
            self._sealed_at = self.position
            tick.changes.append(seal(self._store, self._projections))  # as of the commit before
        self._store.append(tick.batch, epoch=self.epoch, at=tick.at, changes=tick.changes, blobs=tick.blobs)

    def seal_after(self, tick: Tick, now: Instant) -> None:
        """Seal the views by themselves after a tick of so many events that a seal was due before its commit.

        Only a copy, so a disk that is full now stops nobody.
        """
        if tick.events < SEAL_EVERY or not self._seals:
            return
        with suppress(StorageFull):
            self._store.append((), epoch=self.epoch, at=now, changes=[seal(self._store, self._projections)])
            self._sealed_at = self.position


def _transaction(at: Instant, command: Command, version: int) -> bytes:
    """The id of a request's transaction: the same command at the same place has the same id."""
    if type(command) is RecordOutcome:
        return transaction_id(at, command.run, command.task, command.attempt)
    return transaction_id(at, type(command).__name__, getattr(command, "run", ""), version)
