"""What goes wrong, drawn from one seed: crashes at named points, a disk that fails, answers that are lost.

`Chaos` is asked at every boundary of I/O (`point`) and before every choice of the outside world (`strikes`).
Each kind of fault has a generator of its own, so that switching one kind off leaves the others' draws alone
and a failing history can be made shorter. `crash_at` strikes exactly one boundary instead: that is how
`every_point` goes through all of them.

`FaultyStore` is one process's handle on the ledger. Like a real file it is shared: an older process may still
hold a handle of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from mainstay.kernel.errors import StorageFailed, StorageFull
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import (
    NEW,
    ORIGIN,
    Epoch,
    EventBody,
    EventStore,
    Position,
    RecordedEvent,
    RowChange,
    StreamAppend,
    Value,
    Version,
)


class Point(StrEnum):
    """A boundary of I/O: the process can die here."""

    BOOT = "booting"
    AGENT_ASKED = "agent asked"
    AGENT_ANSWERED = "agent answered"
    REFRESH = "mailbox read once more"
    CALL_BEFORE = "call not arrived"
    CALL_AFTER = "call arrived"
    LOOKUP = "looking up"
    NOTIFY = "telling the operator"
    ANSWERED = "answer not recorded"
    COMMIT_BEFORE = "before the commit"
    COMMIT_TORN = "within the commit"
    COMMIT_AFTER = "after the commit"


class Crash(BaseException):
    """The process ends here. No `Exception`: nothing in the process may catch it."""

    def __init__(self, point: Point) -> None:
        super().__init__(str(point))
        self.point = point


@dataclass(slots=True)
class Chaos:
    """Every fault of one history. `rates` are probabilities by name; what is not named never happens."""

    seed: int
    rates: Mapping[str, float]
    crash_at: int | None = None
    quiet: bool = False  # faults are over; boundaries are still counted
    restored: bool = False  # the time since a backup is lived through a second time
    points: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    _randoms: dict[str, Random] = field(default_factory=dict)

    def random(self, kind: str) -> Random:
        """The generator of one kind of choice."""
        found = self._randoms.get(kind)
        if found is None:
            found = self._randoms[kind] = Random(f"{self.seed} {kind}")
        return found

    def strikes(self, kind: str) -> bool:
        """Whether this fault happens now; counted when it does."""
        if self.quiet:
            return False
        rate = self.rates.get(kind)
        if not rate or self.random(kind).random() >= rate:
            return False
        self.paths[kind] += 1
        return True

    def point(self, point: Point) -> None:
        """A boundary. Raises `Crash` when the process is to die here."""
        self.points += 1
        if self.crash_at is not None:
            if self.points == self.crash_at:
                raise self.kill(point)
        elif self.strikes("crash"):
            raise self.kill(point)

    def kill(self, point: Point) -> Crash:
        """What ends the process at this boundary."""
        self.paths[f"crash: {point}"] += 1
        return Crash(point)


class FaultyStore:
    """An `EventStore` as one process sees it, over a disk that all processes share."""

    def __init__(self, disk: EventStore, chaos: Chaos) -> None:
        self._disk = disk
        self._chaos = chaos
        self._failed = False

    @property
    def head(self) -> Position:
        return self._disk.head

    @property
    def head_hash(self) -> bytes:
        return self._disk.head_hash

    def acquire(self) -> Epoch:
        self._chaos.point(Point.BOOT)
        return self._disk.acquire()

    def epoch(self) -> Epoch:
        return self._disk.epoch()

    def append(
        self,
        batch: Sequence[StreamAppend],
        *,
        epoch: Epoch,
        at: Instant,
        changes: Sequence[RowChange] = (),
        blobs: Mapping[Digest, bytes] = {},
    ) -> Position:
        """Write all or nothing; which of both a fault in the middle leaves is drawn."""
        chaos = self._chaos
        if self._failed:
            raise StorageFailed(why="The disk has failed before.", remedy="Start anew.")
        chaos.point(Point.COMMIT_BEFORE)
        if chaos.strikes("disk full"):
            raise StorageFull(why="No space is left, to order.", remedy="Wait.")
        if chaos.strikes("write error"):
            self._failed = True
            raise StorageFailed(why="The write failed, to order.", remedy="Start anew.")
        if chaos.strikes("fsync error"):
            self._failed = True
            if chaos.random("torn").random() < 0.5:
                self._disk.append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
            raise StorageFailed(why="The fsync failed, to order.", remedy="Start anew.")
        try:
            chaos.point(Point.COMMIT_TORN)
        except Crash:
            kept = chaos.random("torn").random() < 0.5
            chaos.paths["torn append, kept" if kept else "torn append, lost"] += 1
            if kept:
                self._disk.append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
            raise
        head = self._disk.append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
        chaos.point(Point.COMMIT_AFTER)
        return head

    def read(self, stream: StreamId, *, after: Version = NEW) -> Iterator[RecordedEvent]:
        return self._disk.read(stream, after=after)

    def read_many(
        self, streams: Mapping[StreamId, Version]
    ) -> Iterator[tuple[StreamId, Sequence[EventBody]]]:
        return self._disk.read_many(streams)

    def read_all(self, *, after: Position = ORIGIN, limit: int) -> tuple[RecordedEvent, ...]:
        return self._disk.read_all(after=after, limit=limit)

    def version(self, stream: StreamId) -> Version:
        return self._disk.version(stream)

    def get(self, table: str, key: tuple[Value, ...]) -> dict[str, Value] | None:
        return self._disk.get(table, key)

    def select(
        self,
        table: str,
        *,
        where: Mapping[str, Value] = {},
        order: str = "",
        descending: bool = False,
        after: Value = None,
        limit: int = 100,
    ) -> list[dict[str, Value]]:
        return self._disk.select(
            table, where=where, order=order, descending=descending, after=after, limit=limit
        )

    def count(self, table: str, *, where: Mapping[str, Value] = {}) -> int:
        return self._disk.count(table, where=where)

    def sums(
        self,
        table: str,
        columns: Sequence[str],
        *,
        by: str,
        within: tuple[str, int, int],
        where: Mapping[str, Value] = {},
    ) -> list[dict[str, Value]]:
        return self._disk.sums(table, columns, by=by, within=within, where=where)

    def blob(self, digest: Digest) -> bytes | None:
        return self._disk.blob(digest)

    def close(self) -> None:
        self._failed = True
