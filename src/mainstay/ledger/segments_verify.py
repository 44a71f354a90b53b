"""Segments, held to what the ledger says of them: what `ledger.verify` reads before the table.

Every byte of a file counts. What lies within a block is named by a position in it; what no event lies in, by the first
position of the segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.ledger.connection import Connection
from mainstay.ledger.durable import digest_of_file
from mainstay.ledger.segments import Row, Segment

SEALED_VERSION = "(SELECT max(last) FROM sealed_streams WHERE stream = events.stream)"
SEALED_OUT_OF_STEP = (
    "SELECT segment FROM (SELECT segment, first, last, lag(last, 1, 0) OVER w AS before, "
    "lag(segment, 1, 0) OVER w AS segment_before FROM sealed_streams "
    "WINDOW w AS (PARTITION BY stream ORDER BY last)) "
    "WHERE first != before + 1 OR last < first OR segment <= segment_before ORDER BY segment LIMIT 1"
)
SEGMENTS_IN_ORDER = "SELECT first, last, name, digest, before, after FROM segments ORDER BY last"
_HELD = (
    "SELECT first FROM sealed_streams WHERE stream = (SELECT key FROM streams WHERE name = ?) "
    "AND last = ? AND segment = ?"
)
DERIVED: Any = object()  # in the place of a hash that is not stored but follows from what is


def sealed_slices(connection: Connection, folder: Path, segments: Sequence[Row]) -> Iterator[list[Row]]:
    """The events of all segments; of each block only the last one has its hash, which all of them lead to."""
    streams = 0
    for first, last, name, digest, before, after in segments:
        path = folder / name
        segment = Segment(path, first=first)
        if (segment.last, segment.before, segment.after) != (last, before, after):
            raise _not_so(first, f"{path} is not the segment that the ledger names.")
        for stream, held in segment.streams.items():
            if connection.execute(_HELD, (stream, held.last, last)).fetchall() != [(held.first,)]:
                raise _not_so(first, f"{path} has other versions of {stream} than the ledger says.")
        streams += len(segment.streams)
        seen: dict[str, int] = {}
        for block in range(segment.blocks):
            rows = [(*row[:10], DERIVED, row[11]) for row in segment.rows(block)]
            rows[-1] = (*rows[-1][:10], segment.after_block(block), rows[-1][11])
            for row in rows:
                began = segment.streams.get(row[1])
                if began is None or row[2] != seen.get(row[1], began.first - 1) + 1:
                    raise _not_so(row[0], "Its stream's versions do not follow one another.")
                seen[row[1]] = row[2]
            yield rows
        # After its blocks: damage within one is named by its position, what no event lies in by the segment's.
        if digest_of_file(path) != digest.hex():
            raise _not_so(first, f"The bytes of {path} have changed.")
        if seen != {stream: held.last for stream, held in segment.streams.items()}:
            raise _not_so(first, f"{path} has not all the events that its index names.")
    if segments and connection.execute("SELECT count(*) FROM sealed_streams").fetchall()[0][0] != streams:
        raise _not_so(segments[0][0], "The ledger's list of sealed streams is not that of its segments.")


def _not_so(position: int, why: str) -> LedgerCorrupt:
    return LedgerCorrupt("A sealed part of the ledger is damaged.", why=why, position=position)
