"""Making a segment: events in, the bytes of a file out (`ledger.segments` says how they are laid out, and reads them).

Each event is held to its hash before it is packed: what is damaged is never sealed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from mainstay.ledger.segments import (
    BLOCK_EVENTS,
    FORMAT,
    HEADER,
    MAGIC,
    SUFFIX,
    Columns,
    Held,
    Index,
    Row,
    damaged,
    linked,
)
from mainstay.ledger.store import RecordedEvent

_LEVEL = 6

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Sealed:
    """A segment's bytes, and what the ledger records of it."""

    first: int
    last: int
    before: bytes
    after: bytes
    data: bytes
    digest: bytes
    streams: Mapping[str, Held]

    @property
    def name(self) -> str:
        """Of its file: segments sort by position."""
        return f"{self.first:012d}-{self.last:012d}{SUFFIX}"


def row_of(event: RecordedEvent) -> Row:
    """The event as it is packed."""
    about = "" if event.correlation == event.stream else event.correlation
    return (
        event.position,
        event.stream,
        event.version,
        event.type,
        event.schema,
        event.at,
        about,
        event.causation,
        event.actor,
        event.transaction,
        event.hash,
        event.data,
    )


def seal(rows: Iterable[Row], before: bytes) -> Sealed:
    """The segment of these events, which follow the hash `before`.

    Raises `LedgerCorrupt` where the chain does not hold: what is damaged is never sealed.
    """
    packing = _Packing(before)
    block: list[Row] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK_EVENTS:
            packing.add(block)
            block = []
    if block:
        packing.add(block)
    return packing.sealed()


class _Packing:
    """A segment in the making."""

    def __init__(self, before: bytes) -> None:
        self._before = before
        self._hash = before
        self._first = self._last = 0
        self._names: dict[str, int] = {}
        self._actors: dict[str, int] = {}
        self._blocks: list[bytes] = []
        self._ends: list[int] = []
        self._after: list[bytes] = []
        self._streams: dict[str, tuple[int, int, list[int]]] = {}
        self._types: dict[int, int] = {}

    def add(self, rows: Sequence[Row]) -> None:
        """The next block."""
        number = len(self._blocks)
        columns = Columns([], [], [], [], [], [], [], [], b"", [])
        transactions: list[bytes] = []
        time = 0
        for row in rows:
            position, stream, version, kind, schema, at, correlation, causation, actor, tx, stored, data = row
            assert not self._last or position == self._last + 1, "positions follow one another"
            self._first = self._first or position
            self._last = position
            self._hash = linked(self._hash, row)
            if self._hash != stored:
                raise damaged(position, "Its hash is not the hash of its stored bytes.")
            columns.streams.append(self._names.setdefault(stream, len(self._names)))
            columns.versions.append(version)
            columns.types.append(kind)
            columns.schemas.append(schema)
            columns.times.append(at - time)
            time = at
            about = self._names.setdefault(correlation, len(self._names)) + 1 if correlation else 0
            columns.correlations.append(about)
            columns.causations.append(_back(position, causation))
            columns.actors.append(self._actors.setdefault(actor, len(self._actors)))
            transactions.append(tx)
            columns.data.append(data)
            self._types[kind] = self._types.get(kind, 0) + 1
            self._hold(stream, version, number)
        columns = msgspec.structs.replace(columns, transactions=b"".join(transactions))
        self._blocks.append(zlib.compress(_encode(columns), _LEVEL))
        self._ends.append((self._ends[-1] if self._ends else 0) + len(self._blocks[-1]))
        self._after.append(self._hash)

    def _hold(self, stream: str, version: int, block: int) -> None:
        held = self._streams.get(stream)
        if held is None:
            self._streams[stream] = (version, version, [block])
            return
        first, last, blocks = held
        if version != last + 1:
            raise damaged(self._last, "Its stream's versions do not follow one another.")
        if blocks[-1] != block:
            blocks.append(block)
        self._streams[stream] = (first, version, blocks)

    def sealed(self) -> Sealed:
        """The whole of it."""
        assert self._blocks, "an empty segment is none"
        streams = [(self._names[name], *held) for name, held in self._streams.items()]
        index = zlib.compress(
            _encode(
                Index(
                    list(self._names),
                    list(self._actors),
                    self._ends,
                    b"".join(self._after),
                    BLOCK_EVENTS,
                    streams,
                    self._types,
                )
            ),
            _LEVEL,
        )
        body = b"".join((*self._blocks, index))
        place = HEADER.size + self._ends[-1]
        header = HEADER.pack(
            MAGIC,
            FORMAT,
            self._first,
            self._last,
            self._before,
            self._hash,
            place,
            len(index),
            sha256(body).digest(),
        )
        data = header + body
        held = {
            name: Held(first, last, tuple(blocks)) for name, (first, last, blocks) in self._streams.items()
        }
        return Sealed(self._first, self._last, self._before, self._hash, data, sha256(data).digest(), held)


def _back(position: int, causation: int) -> int:
    """How far back the cause lies; 0: there is none. Any number that was stored is kept."""
    back = position - causation
    return (back if back > 0 else back - 1) if causation else 0
