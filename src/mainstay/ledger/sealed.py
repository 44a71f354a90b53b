"""Reading across segments: the events that are no longer in the table, found by position and by stream.

Rules of this file:

- Nobody asks here for what the table has. A reader notices a gap (a version or position that should be there and is
  not) and asks for what fills it, so that reading what was never sealed costs nothing more.
- A segment that is known to the ledger never changes, so indexes and blocks are kept, a few at a time. Which segments
  there are is asked of the ledger each time: another process may just have sealed one.
- A file that was not yet brought to version 2 has no segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from mainstay.kernel.ids import StreamId
from mainstay.ledger.segments import Segment
from mainstay.ledger.store import RecordedEvent

INDEXES_KEPT = 16
BLOCKS_KEPT = 16

Read = Callable[[str, tuple[Any, ...]], list[Any]]

_THERE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sealed_streams'"
_LAST = "SELECT max(last) FROM segments"
_VERSION = "SELECT max(last) FROM sealed_streams WHERE stream = (SELECT key FROM streams WHERE name = ?)"
_OF_STREAM = (
    "SELECT s.first, s.name FROM sealed_streams h JOIN segments s ON s.last = h.segment "
    "WHERE h.stream = (SELECT key FROM streams WHERE name = ?) AND h.last > ? ORDER BY h.last"
)
_AT = "SELECT first, last, name FROM segments WHERE last >= ? ORDER BY last LIMIT 1"
_AFTER = "SELECT after FROM segments WHERE last = ?"


class SealedEvents:
    """The events of one ledger that lie in segment files."""

    def __init__(self, folder: Path, read: Read) -> None:
        self.folder = folder
        self._read = read
        self._there = False
        self._segment = lru_cache(INDEXES_KEPT)(self._opened)
        self._block = lru_cache(BLOCKS_KEPT)(self._proved)

    def last(self) -> int:
        """The last sealed position; 0: nothing is sealed."""
        return int(self._read(_LAST, ())[0][0] or 0) if self._exist() else 0

    def version(self, stream: StreamId) -> int:
        """The last sealed version of a stream; 0: none is sealed."""
        return int(self._read(_VERSION, (stream,))[0][0] or 0) if self._exist() else 0

    def hash_at(self, position: int) -> bytes | None:
        """The hash of the last event of a segment; None: no segment ends at this position."""
        rows = self._read(_AFTER, (position,)) if self._exist() else []
        return rows[0][0] if rows else None

    def read(self, stream: StreamId, *, after: int, until: int | None = None) -> Iterator[RecordedEvent]:
        """The sealed events of a stream after a version, before another; proved."""
        for first, name in self._read(_OF_STREAM, (stream, after)) if self._exist() else ():
            segment = self._segment(first, name)
            held = segment.streams.get(stream)
            for block in held.blocks if held is not None else ():
                for event in self._block(first, name, block):
                    if event.stream == stream and event.version > after:
                        if until is not None and event.version >= until:
                            return
                        yield event

    def read_all(self, *, after: int, limit: int) -> list[RecordedEvent]:
        """The sealed events after a position, proved: as many as there are, or `limit`."""
        found: list[RecordedEvent] = []
        while len(found) < limit and self._exist():
            rows = self._read(_AT, (after + 1,))
            if not rows:
                break
            first, last, name = rows[0]
            segment = self._segment(first, name)
            while after < last and len(found) < limit:
                block = segment.block_of(after + 1)
                events = self._block(first, name, block)
                taken = events[after + 1 - segment.begins(block) :][: limit - len(found)]
                found += taken
                after = taken[-1].position
        return found

    def _exist(self) -> bool:
        self._there = self._there or bool(self._read(_THERE, ()))
        return self._there

    def _opened(self, first: int, name: str) -> Segment:
        return Segment(self.folder / name, first=first)

    def _proved(self, first: int, name: str, block: int) -> tuple[RecordedEvent, ...]:
        return self._segment(first, name).events(block)
