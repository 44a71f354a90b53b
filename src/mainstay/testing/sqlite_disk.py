"""The ledger of a history in a real SQLite file, on the disk that fails on purpose (`testing.faultfs`).

Here a crash within a commit cuts the power at one of SQLite's own operations: what the file holds afterwards is
what SQLite's recovery makes of it. Full disks, write errors and failed fsyncs strike below SQLite too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from random import Random

from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import Epoch, EventStore, Position, RowChange, StreamAppend, Table
from mainstay.testing.faultfs import Disk, Fault, Survival, driver_on
from mainstay.testing.faults import Chaos, Crash, FaultyStore, Point

PATH = "/workspace/ledger.sqlite3"
_STRIKES = {"disk full": Fault.FULL, "write error": Fault.WRITE_ERROR, "fsync error": Fault.FSYNC_ERROR}


class SqliteDisk:
    """A disk with one ledger on it, from the first life to the last."""

    def __init__(self, chaos: Chaos, tables: Sequence[Table]) -> None:
        self._chaos = chaos
        self._tables = tables
        self._random: Random = chaos.random("sqlite")
        self._stack = ExitStack()
        self.disk = Disk(self._random)
        self._driver = self._stack.enter_context(driver_on(self.disk))
        self._store: SqliteStore | None = None

    def open(self) -> SqliteStore:
        """What is on the disk now."""
        self._store = SqliteStore(PATH, tables=self._tables, driver=self._driver, checkpoint_pages=60)
        return self._store

    def handle(self, store: EventStore) -> SqliteHandle:
        """What one process holds of it."""
        return SqliteHandle(store, self._chaos, self.disk)

    def end_life(self) -> None:
        """The process is gone; so, perhaps, is what was not synced."""
        survival = self._random.choice((*Survival, None))
        if self._store is not None:
            self._store.close()
            self._store = None
        if survival is None and not self.disk.dead:
            self.disk.end_process()
        else:
            self.disk.cut_power(survival or Survival.SOME)

    def close(self) -> None:
        """The history is over."""
        if self._store is not None:
            self._store.close()
        self._stack.close()


class SqliteHandle(FaultyStore):
    """One process's handle on it: faults strike below SQLite instead of beside it."""

    def __init__(self, store: EventStore, chaos: Chaos, disk: Disk) -> None:
        super().__init__(store, chaos)
        self._below = disk

    def append(
        self,
        batch: Sequence[StreamAppend],
        *,
        epoch: Epoch,
        at: Instant,
        changes: Sequence[RowChange] = (),
        blobs: Mapping[Digest, bytes] = {},
    ) -> Position:
        """See `EventStore.append`."""
        chaos, disk = self._chaos, self._below
        random = chaos.random("sqlite")
        chaos.point(Point.COMMIT_BEFORE)
        for kind, fault in _STRIKES.items():
            if chaos.strikes(kind):
                disk.plan(fault, random.randrange(2 if fault is Fault.FSYNC_ERROR else 8))
        try:
            chaos.point(Point.COMMIT_TORN)
        except Crash as crash:
            disk.plan(Fault.POWER_CUT, random.randrange(12))
            try:
                self._disk.append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
            except Exception:
                if not disk.dead:
                    raise
            raise crash from None
        try:
            head = self._disk.append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
        finally:
            if not disk.dead:
                disk.plan(None)
        chaos.point(Point.COMMIT_AFTER)
        return head
