"""Segment files: a closed range of the ledger, compressed, immutable, and provable by itself.

    header   magic, format, first and last position, the hash before and after, where the index lies, digest of the rest
    blocks   up to 256 events each, in columns, compressed by themselves
    index    names, where each block begins and the hash after it, which stream has which versions in which blocks

Rules of this file:

- A segment is made once, in memory, and written once. Its bytes depend on the events alone.
- Hashes of events are not stored. They follow from the hash before the block and from the bytes (`ledger.chain`), and
  must come out at the hash after the block: reading one event proves its whole block, and saves 32 bytes an event
  that no compression makes smaller.
- Names are stored as names, by number within the file: no table of the ledger is needed to verify it.
- Damage is `LedgerCorrupt` with the first position of the block that it lies in.

zlib, not lzma: on triaged mail lzma is a fifth smaller and reads at a fifth of the speed (`docs/adr/0007-segments.md`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any

import msgspec

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.store import Position, RecordedEvent, Version

MAGIC = b"MSTLSEGM"
FORMAT = 1
BLOCK_EVENTS = 256
SUFFIX = ".segment"
TRANSACTION_BYTES = 16

# magic, format, first, last, hash before, hash after, place and size of the index, digest of all that follows
_HEADER = Struct(">8sHQQ32s32sQI32s")
_LEVEL = 6

# position, stream, version, type, schema, at, correlation ("" for the stream itself), causation, actor, transaction,
# hash, data: as `ledger.verify` reads them from the table.
Row = tuple[Any, ...]


class _Columns(msgspec.Struct, array_like=True, frozen=True):
    """The events of a block, column by column."""

    streams: list[int]
    versions: list[int]
    types: list[int]
    schemas: list[int]
    times: list[int]  # each less the one before it
    correlations: list[int]  # 0: the stream itself; else the number of the name, and one
    causations: list[int]  # how far back (`_back`)
    actors: list[int]
    transactions: bytes
    data: list[bytes]


class _Index(msgspec.Struct, array_like=True, frozen=True):
    """Where everything lies."""

    names: list[str]
    actors: list[str]
    ends: list[int]  # of the blocks, counted from the first
    after: bytes  # the hash after each block
    block_events: int
    streams: list[tuple[int, int, int, list[int]]]  # name, first and last version, blocks
    types: dict[int, int]  # how many events of each


_encode = msgspec.msgpack.Encoder().encode
_decode_columns = msgspec.msgpack.Decoder(_Columns).decode
_decode_index = msgspec.msgpack.Decoder(_Index).decode


@dataclass(frozen=True, slots=True)
class Held:
    """What a segment has of one stream."""

    first: int  # version
    last: int
    blocks: tuple[int, ...]


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
        columns = _Columns([], [], [], [], [], [], [], [], b"", [])
        transactions: list[bytes] = []
        time = 0
        for row in rows:
            position, stream, version, kind, schema, at, correlation, causation, actor, tx, stored, data = row
            assert not self._last or position == self._last + 1, "positions follow one another"
            self._first = self._first or position
            self._last = position
            self._hash = _linked(self._hash, row)
            if self._hash != stored:
                raise _damaged(position, "Its hash is not the hash of its stored bytes.")
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
            raise _damaged(self._last, "Its stream's versions do not follow one another.")
        if blocks[-1] != block:
            blocks.append(block)
        self._streams[stream] = (first, version, blocks)

    def sealed(self) -> Sealed:
        """The whole of it."""
        assert self._blocks, "an empty segment is none"
        streams = [(self._names[name], *held) for name, held in self._streams.items()]
        index = zlib.compress(
            _encode(
                _Index(
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
        place = _HEADER.size + self._ends[-1]
        header = _HEADER.pack(
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


class Segment:
    """A segment file, opened for reading: the header and index at once, blocks as they are needed."""

    def __init__(self, path: Path, *, first: int) -> None:
        self.path = path
        head = self._bytes(first, 0, _HEADER.size)
        if len(head) != _HEADER.size or head[: len(MAGIC)] != MAGIC:
            raise _damaged(first, f"{path} is no segment file.")
        fields: tuple[Any, ...] = _HEADER.unpack(head)
        form, place, size = fields[1], fields[6], fields[7]
        self.first: int = fields[2]
        self.last: int = fields[3]
        self.before: bytes = fields[4]
        self.after: bytes = fields[5]
        if form != FORMAT:
            raise _damaged(first, f"{path} has format {form}, which this Mainstay does not know.")
        if self.first != first:
            raise _damaged(first, f"{path} says that it begins at {self.first}.")
        try:
            self._index = _decode_index(zlib.decompress(self._bytes(first, place, size)))
            self._after = [self._index.after[at : at + 32] for at in range(0, len(self._index.after), 32)]
            expected = -(-(self.last - self.first + 1) // self._index.block_events)
            if not len(self._after) == len(self._index.ends) == expected or self._after[-1] != self.after:
                raise _damaged(first, f"The index of {path} does not fit its header.")
            self.streams: Mapping[str, Held] = {
                self._index.names[name]: Held(low, high, tuple(blocks))
                for name, low, high, blocks in self._index.streams
            }
        except (zlib.error, msgspec.MsgspecError, IndexError, ZeroDivisionError) as error:
            raise _damaged(first, f"The index of {path} cannot be read: {error}.") from error

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self._after)

    @property
    def types(self) -> Mapping[int, int]:
        """How many events of each type."""
        return self._index.types

    def block_of(self, position: int) -> int:
        """Which block a position lies in."""
        return (position - self.first) // self._index.block_events

    def begins(self, block: int) -> int:
        """The first position of a block."""
        return self.first + block * self._index.block_events

    def after_block(self, block: int) -> bytes:
        """The hash after a block."""
        return self._after[block]

    def rows(self, block: int) -> Iterator[Row]:
        """The events of a block with nothing where their hashes would stand: whoever reads them derives them."""
        begins = self.begins(block)
        start = self._index.ends[block - 1] if block else 0
        raw = self._bytes(begins, _HEADER.size + start, self._index.ends[block] - start)
        names, actors = self._index.names, self._index.actors
        try:
            found = _decode_columns(zlib.decompress(raw))
            expected = min(self._index.block_events, self.last - begins + 1)
            if len(found.transactions) != expected * TRANSACTION_BYTES:
                raise _damaged(begins, f"A block of {self.path} has not as many events as it should.")
            position, at = begins - 1, 0
            for number, (stream, version, kind, schema, time, about, back, actor, data) in enumerate(
                zip(
                    found.streams,
                    found.versions,
                    found.types,
                    found.schemas,
                    found.times,
                    found.correlations,
                    found.causations,
                    found.actors,
                    found.data,
                    strict=True,
                )
            ):
                position += 1
                at += time
                place = number * TRANSACTION_BYTES
                yield (
                    position,
                    names[stream],
                    version,
                    kind,
                    schema,
                    at,
                    names[about - 1] if about else "",
                    _cause(position, back),
                    actors[actor],
                    found.transactions[place : place + TRANSACTION_BYTES],
                    None,
                    data,
                )
            if position != begins + expected - 1:
                raise _damaged(begins, f"A block of {self.path} has not as many events as it should.")
        except (zlib.error, msgspec.MsgspecError, IndexError, ValueError) as error:
            raise _damaged(begins, f"A block of {self.path} cannot be read: {error}.") from error

    def events(self, block: int) -> tuple[RecordedEvent, ...]:
        """The events of a block, proved against the chain."""
        previous = self._after[block - 1] if block else self.before
        found: list[RecordedEvent] = []
        for row in self.rows(block):
            previous = _linked(previous, row)
            position, stream, version, kind, schema, at, about, causation, actor, tx, _, data = row
            found.append(
                RecordedEvent(
                    Position(position),
                    StreamId(stream),
                    Version(version),
                    kind,
                    schema,
                    Instant(at),
                    StreamId(about or stream),
                    Position(causation),
                    actor,
                    tx,
                    previous,
                    data,
                )
            )
        if previous != self._after[block]:
            raise _damaged(self.begins(block), f"A block of {self.path} is not what the chain says.")
        return tuple(found)

    def _bytes(self, position: int, start: int, size: int) -> bytes:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            raise _damaged(position, f"The segment file {self.path} is missing.") from None
        except (OSError, OverflowError, ValueError) as error:
            raise _damaged(position, f"{self.path} cannot be read: {error}.") from error


def _back(position: int, causation: int) -> int:
    """How far back the cause lies; 0: there is none. Any number that was stored is kept."""
    back = position - causation
    return (back if back > 0 else back - 1) if causation else 0


def _cause(position: int, back: int) -> int:
    return position - (back if back > 0 else back + 1) if back else 0


def _linked(previous: bytes, row: Row) -> bytes:
    position, stream, version, kind, schema, at, correlation, causation, actor, tx, _, data = row
    try:
        names = name_part(actor) + name_part(stream) + name_part(correlation)
        return link(previous, position, version, kind, schema, at, causation, tx, names, data)
    except (AssertionError, AttributeError, StructError, TypeError) as error:
        raise _damaged(position, f"Its envelope makes no sense: {error}.") from error


def _damaged(position: int, why: str) -> LedgerCorrupt:
    return LedgerCorrupt(
        "A sealed part of the ledger is damaged.",
        why=f"From position {position} on: {why}",
        remedy="Nothing was decided from it. Put the file back from a backup (segments/ in it); "
        "`mainstay audit verify` says what else is damaged.",
        position=position,
    )
