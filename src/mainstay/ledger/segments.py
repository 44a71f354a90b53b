"""Segment files: a closed range of the ledger, compressed, immutable, and provable by itself.

    header   magic, format, first and last position, the hash before and after, where the index lies, digest of the rest
    blocks   up to 256 events each, in columns, compressed by themselves
    index    names, where each block begins and the hash after it, which stream has which versions in which blocks

Rules of this file:

- A segment is made once, in memory (`ledger.segments_sealing`), and written once. Its bytes depend on the events alone.
- Hashes of events are not stored. They follow from the hash before the block and from the bytes (`ledger.chain`), and
  must come out at the hash after the block: reading one event proves its whole block, and saves 32 bytes an event
  that no compression makes smaller.
- Names are stored as names, by number within the file: no table of the ledger is needed to verify it.
- Damage is `LedgerCorrupt` with the first position of the block that it lies in.

zlib, not lzma: on triaged mail lzma is a sixth smaller and reads at a fifth of the speed (`docs/adr/0007-segments.md`).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
HEADER = Struct(">8sHQQ32s32sQI32s")

# position, stream, version, type, schema, at, correlation ("" for the stream itself), causation, actor, transaction,
# hash, data: as `ledger.verify` reads them from the table.
Row = tuple[Any, ...]


class Columns(msgspec.Struct, array_like=True, frozen=True):
    """The events of a block, column by column."""

    streams: list[int]
    versions: list[int]
    types: list[int]
    schemas: list[int]
    times: list[int]  # each less the one before it
    correlations: list[int]  # 0: the stream itself; else the number of the name, and one
    causations: list[int]  # how far back (`segments_sealing`)
    actors: list[int]
    transactions: bytes
    data: list[bytes]


class Index(msgspec.Struct, array_like=True, frozen=True):
    """Where everything lies."""

    names: list[str]
    actors: list[str]
    ends: list[int]  # of the blocks, counted from the first
    after: bytes  # the hash after each block
    block_events: int
    streams: list[tuple[int, int, int, list[int]]]  # name, first and last version, blocks
    types: dict[int, int]  # how many events of each


_decode_columns = msgspec.msgpack.Decoder(Columns).decode
_decode_index = msgspec.msgpack.Decoder(Index).decode


@dataclass(frozen=True, slots=True)
class Held:
    """What a segment has of one stream."""

    first: int  # version
    last: int
    blocks: tuple[int, ...]


class Segment:
    """A segment file, opened for reading: the header and index at once, blocks as they are needed."""

    def __init__(self, path: Path, *, first: int) -> None:
        self.path = path
        head = self._bytes(first, 0, HEADER.size)
        if len(head) != HEADER.size or head[: len(MAGIC)] != MAGIC:
            raise damaged(first, f"{path} is no segment file.")
        fields: tuple[Any, ...] = HEADER.unpack(head)
        form, place, size = fields[1], fields[6], fields[7]
        self.first: int = fields[2]
        self.last: int = fields[3]
        self.before: bytes = fields[4]
        self.after: bytes = fields[5]
        if form != FORMAT:
            raise damaged(first, f"{path} has format {form}, which this Mainstay does not know.")
        if self.first != first:
            raise damaged(first, f"{path} says that it begins at {self.first}.")
        try:
            self._index = _decode_index(zlib.decompress(self._bytes(first, place, size)))
            self._after = [self._index.after[at : at + 32] for at in range(0, len(self._index.after), 32)]
            expected = -(-(self.last - self.first + 1) // self._index.block_events)
            if not len(self._after) == len(self._index.ends) == expected or self._after[-1] != self.after:
                raise damaged(first, f"The index of {path} does not fit its header.")
            self.streams: Mapping[str, Held] = {
                self._index.names[name]: Held(low, high, tuple(blocks))
                for name, low, high, blocks in self._index.streams
            }
        except (zlib.error, msgspec.MsgspecError, IndexError, ZeroDivisionError) as error:
            raise damaged(first, f"The index of {path} cannot be read: {error}.") from error

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
        raw = self._bytes(begins, HEADER.size + start, self._index.ends[block] - start)
        names, actors = self._index.names, self._index.actors
        try:
            found = _decode_columns(zlib.decompress(raw))
            expected = min(self._index.block_events, self.last - begins + 1)
            if len(found.transactions) != expected * TRANSACTION_BYTES:
                raise damaged(begins, f"A block of {self.path} has not as many events as it should.")
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
                raise damaged(begins, f"A block of {self.path} has not as many events as it should.")
        except (zlib.error, msgspec.MsgspecError, IndexError, ValueError) as error:
            raise damaged(begins, f"A block of {self.path} cannot be read: {error}.") from error

    def events(self, block: int) -> tuple[RecordedEvent, ...]:
        """The events of a block, proved against the chain."""
        previous = self._after[block - 1] if block else self.before
        found: list[RecordedEvent] = []
        for row in self.rows(block):
            previous = linked(previous, row)
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
            raise damaged(self.begins(block), f"A block of {self.path} is not what the chain says.")
        return tuple(found)

    def _bytes(self, position: int, start: int, size: int) -> bytes:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            raise damaged(position, f"The segment file {self.path} is missing.") from None
        except (OSError, OverflowError, ValueError) as error:
            raise damaged(position, f"{self.path} cannot be read: {error}.") from error


def _cause(position: int, back: int) -> int:
    return position - (back if back > 0 else back + 1) if back else 0


def linked(previous: bytes, row: Row) -> bytes:
    """The hash of an event that follows this one. Raises `LedgerCorrupt` for an envelope that makes no sense."""
    position, stream, version, kind, schema, at, correlation, causation, actor, tx, _, data = row
    try:
        names = name_part(actor) + name_part(stream) + name_part(correlation)
        return link(previous, position, version, kind, schema, at, causation, tx, names, data)
    except (AssertionError, AttributeError, StructError, TypeError) as error:
        raise damaged(position, f"Its envelope makes no sense: {error}.") from error


def damaged(position: int, why: str) -> LedgerCorrupt:
    """The error that names where the damage begins."""
    return LedgerCorrupt(
        "A sealed part of the ledger is damaged.",
        why=f"From position {position} on: {why}",
        remedy="Nothing was decided from it. Put the file back from a backup (segments/ in it); "
        "`mainstay audit verify` says what else is damaged.",
        position=position,
    )
