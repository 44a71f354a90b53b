"""The port of the event store, and the envelope around every event.

Rules of the port:

- `append` writes everything it is given in one durable transaction, or nothing: events of many streams, rows of views,
  blobs. When it returns, all of it survives a power cut.
- One writer. `acquire` raises the epoch; an append with an older epoch writes nothing and raises `StaleEpoch`.
- Positions count from 1 without gaps over the whole ledger; versions count from 1 within a stream.
- Each event's hash covers the hash before it, the fixed binary envelope and the stored bytes of the event.
- The store knows nothing of the meaning of an event: type numbers and bytes go in and come out (`ledger.codec`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType, Protocol

from mainstay.kernel.ids import StreamId
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant

Position = NewType("Position", int)
Version = NewType("Version", int)
Epoch = NewType("Epoch", int)

ORIGIN = Position(0)
NEW = Version(0)  # the expected version of a stream that must not exist yet
GENESIS = bytes(32)  # the hash before the first event


@swift
@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written: its encoded form, and the position of the event that led to it (0: none)."""

    type: int
    schema: int
    data: bytes
    actor: str
    transaction: bytes  # 16 bytes
    causation: int = 0


@swift
@dataclass(frozen=True, slots=True)
class StreamAppend:
    """Events for the end of one stream; `expected` is the version the stream must have before."""

    stream: StreamId
    expected: Version
    events: Sequence[NewEvent]
    correlation: str = ""  # the stream of the run or message all this belongs to; empty: the stream itself


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event as it stands in the ledger."""

    position: Position  # place in the whole ledger, from 1
    stream: StreamId
    version: Version  # place in its stream, from 1
    type: int
    schema: int
    at: Instant  # recorded time
    correlation: StreamId
    causation: Position
    actor: str
    transaction: bytes
    hash: bytes  # 32 bytes, over the previous hash, the envelope and `data`
    data: bytes


class EventBody(NamedTuple):
    """What a fold needs of a recorded event."""

    version: Version
    type: int
    schema: int
    data: bytes


class ColumnType(StrEnum):
    """What a column of a view may hold."""

    INTEGER = "INTEGER"
    TEXT = "TEXT"
    BLOB = "BLOB"


@dataclass(frozen=True, slots=True)
class Table:
    """A view's table, as data, so that every store can keep it. `key` is the primary key's columns."""

    name: str
    columns: tuple[tuple[str, ColumnType], ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()


Value = int | str | bytes | None


@swift
@dataclass(frozen=True, slots=True)
class Put:
    """Insert a row (columns not named are None), or replace the named columns of the one with this key."""

    table: str
    key: tuple[Value, ...]
    columns: Mapping[str, Value] = field(default_factory=dict)


@swift
@dataclass(frozen=True, slots=True)
class Add:
    """Add to integer columns of a row; a missing row, or a column that is None, counts as zero."""

    table: str
    key: tuple[Value, ...]
    columns: Mapping[str, int] = field(default_factory=dict)


@swift
@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a row, if it is there."""

    table: str
    key: tuple[Value, ...]


RowChange = Put | Add | Delete


class EventReader(Protocol):
    """The reading half: streams in one total order, and the views that are kept with them."""

    @property
    def head(self) -> Position:
        """The position of the last event; 0 when empty."""
        ...

    @property
    def head_hash(self) -> bytes:
        """The hash of the last event; `GENESIS` when empty."""
        ...

    def epoch(self) -> Epoch:
        """The epoch as it stands in the store now (read, not remembered): performers check it before a call."""
        ...

    def read(self, stream: StreamId, *, after: Version = NEW) -> Iterator[RecordedEvent]:
        """The events of one stream in order."""
        ...

    def read_many(
        self, streams: Mapping[StreamId, Version]
    ) -> Iterator[tuple[StreamId, Sequence[EventBody]]]:
        """What `read` gives, for many streams at once: each with its events after its version, in the order given."""
        ...

    def read_all(self, *, after: Position = ORIGIN, limit: int) -> tuple[RecordedEvent, ...]:
        """Events of all streams in the ledger's order."""
        ...

    def version(self, stream: StreamId) -> Version:
        """The stream's last version; 0 when there is no such stream."""
        ...

    def get(self, table: str, key: tuple[Value, ...]) -> dict[str, Value] | None:
        """One row of a view, or None."""
        ...

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
        """Rows whose columns equal `where`, ordered by `order`, those whose `order` lies beyond `after`.

        Without `order`: by the first column of the key that `where` does not fix. Ties go by the rest of the key.
        """
        ...

    def count(self, table: str, *, where: Mapping[str, Value] = {}) -> int:
        """How many rows match."""
        ...

    def sums(
        self,
        table: str,
        columns: Sequence[str],
        *,
        by: str,
        within: tuple[str, int, int],
        where: Mapping[str, Value] = {},
    ) -> list[dict[str, Value]]:
        """For each value of the column `by`, in order, the sums of these integer columns; None counts as zero.

        Of the rows that match, and whose column `within[0]` lies between the two values, both included.
        """
        ...

    def blob(self, digest: Digest) -> bytes | None:
        """A blob written by `append`, or None."""
        ...

    def close(self) -> None:
        """Give up the connections; an epoch that was acquired stays as it is."""
        ...


class EventStore(EventReader, Protocol):
    """Append-only streams in one total order, with the views that are kept in the same transaction."""

    def acquire(self) -> Epoch:
        """Become the writer: raise the epoch durably and return it."""
        ...

    def append(
        self,
        batch: Sequence[StreamAppend],
        *,
        epoch: Epoch,
        at: Instant,
        changes: Sequence[RowChange] = (),
        blobs: Mapping[Digest, bytes] = {},
    ) -> Position:
        """Write all of it in one transaction and return the new head.

        Raises `VersionConflict`, `StaleEpoch`, `StorageFull` (nothing was written; may be tried again) or
        `StorageFailed` (the process must end). Events get the positions head+1, head+2, … in the order given.
        """
        ...
