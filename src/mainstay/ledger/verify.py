"""Proof that the ledger was not edited: the hash chain over stored bytes, from the first event to the last.

Found and named by position: a changed byte in any column, an event deleted, inserted or swapped, a gap, a
stream whose versions do not follow one another. A tail that was cut off leaves a shorter chain that holds, and
a chain that was made anew after an edit holds too; only what is known from outside the ledger shows those: an
`anchor`, a hash by its position, or what was `signed` (`ledger.signed`). Blobs are checked against their names,
and every blob that an event refers to must be there. Of a sealed range every byte counts: its file is held to the
ledger's digest of it, and the chain runs through it.

The check reads raw rows in short slices, so it can run beside a writer and never holds its log open.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path

from mainstay.kernel.errors import LedgerCorrupt, MainstayError, WorkspaceError
from mainstay.ledger.connection import SQLITE3, Connection, failure, open_reader
from mainstay.ledger.followed import SLICE, Broken, Followed, stored_slices
from mainstay.ledger.references import references
from mainstay.ledger.schema import require_ledger
from mainstay.ledger.segments import Row
from mainstay.ledger.segments_verify import (
    SEALED_OUT_OF_STEP,
    SEALED_VERSION,
    SEGMENTS_IN_ORDER,
    sealed_slices,
)
from mainstay.ledger.signed import Against
from mainstay.ledger.sqlite_reader import SEGMENTS
from mainstay.ledger.statements import Statement
from mainstay.ledger.store import ORIGIN, EventStore, Position

SEEN_MAX = 100_000  # blobs that are known to be there: runs of a workflow share its definition
Progress = Callable[[Position], None]

__all__ = ["Broken", "Progress", "Verified", "verify"]

# A correlation is "" for the stream itself. Any name is NULL when its key points nowhere.
_SLICE = (
    "SELECT e.position, s.name, e.version, e.type, e.schema, e.at, "
    "CASE e.correlation WHEN 0 THEN '' ELSE c.name END, e.causation, a.name, e.tx, e.hash, e.data "
    "FROM events e LEFT JOIN streams s ON s.key = e.stream LEFT JOIN actors a ON a.key = e.actor "
    "LEFT JOIN streams c ON c.key = e.correlation WHERE e.position > ? ORDER BY e.position LIMIT ?"
)
# Over the index alone, in its own order: what `read` of a stream will see.
_OUT_OF_STEP = (
    "SELECT position FROM (SELECT position, version, coalesce(lag(version) OVER w, {sealed}, 0) AS version_before, "
    "lag(position, 1, 0) OVER w AS position_before FROM events INDEXED BY events_by_stream "
    "WINDOW w AS (PARTITION BY stream ORDER BY version)) "
    "WHERE version != version_before + 1 OR position <= position_before ORDER BY position LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Verified:
    """The chain holds."""

    positions: int
    head_hash: bytes
    blobs: int = 0
    root: bytes = b""  # over all events; only where it was held against what was signed
    checkpoints: int = 0  # that it bears out
    through: int = 0  # up to here
    notes: tuple[str, ...] = ()


def verify(
    ledger: str | os.PathLike[str] | EventStore,
    *,
    blobs: Path | None = None,
    anchors: Mapping[int, bytes] = {},
    signed: Sequence[Statement] | None = None,
    progress: Progress | None = None,
) -> Verified | Broken:
    """Check a ledger's file or an open store. `anchors` are hashes by position; `signed` is what was signed about it,
    proved already.

    `blobs` is the folder of large blobs: with it, what events refer to must be there, as a row or as a file.
    """
    if not isinstance(ledger, (str, os.PathLike)):
        return _follow(stored_slices(ledger), anchors, signed, progress)
    try:
        return _verify_file(os.fspath(ledger), blobs, anchors, signed, progress)
    except LedgerCorrupt as error:
        return Broken(ORIGIN, str(error))
    except SQLITE3.errors as error:
        meaning = failure(error, path=os.fspath(ledger))
        if isinstance(meaning, WorkspaceError):
            raise meaning from error  # it cannot be looked at, which says nothing of what is in it
        if isinstance(meaning, MainstayError):
            return Broken(ORIGIN, str(meaning))
        return Broken(ORIGIN, f"The file cannot be read as a ledger: {error}.")


def _verify_file(
    path: str,
    blobs: Path | None,
    anchors: Mapping[int, bytes],
    signed: Sequence[Statement] | None,
    progress: Progress | None,
) -> Verified | Broken:
    if not os.path.exists(path):
        return Broken(ORIGIN, f"There is no file {path}.")
    connection = open_reader(SQLITE3, path)
    try:
        require_ledger(lambda sql, values: connection.execute(sql, values).fetchall(), path=path)
        missing: list[Broken] = []
        sealing = bool(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'segments'").fetchall())
        segments = connection.execute(SEGMENTS_IN_ORDER).fetchall() if sealing else []
        sealed = segments[-1][1] if segments else 0
        slices: Iterator[list[Row]] = chain(
            sealed_slices(connection, Path(path).parent / SEGMENTS, segments), _file_slices(connection)
        )
        if blobs is not None:
            slices = _missing_blobs(slices, connection, blobs, missing)
        events = _follow(slices, anchors, signed, progress)
        if isinstance(events, Broken):
            return events
        if missing:
            return missing[0]
        out_of_step = (
            connection.execute(SEALED_OUT_OF_STEP).fetchall() if sealing else []
        ) or connection.execute(_OUT_OF_STEP.format(sealed=SEALED_VERSION if sealing else "NULL")).fetchall()
        if out_of_step:
            return Broken(Position(out_of_step[0][0]), "Its stream's versions do not follow one another.")
        indexed = connection.execute("SELECT count(*) FROM events INDEXED BY events_by_stream").fetchall()[0][
            0
        ]
        if indexed != events.positions - sealed:
            return Broken(
                ORIGIN, f"The index of streams has {indexed} entries for {events.positions - sealed} events."
            )
        kept = 0
        for name, sound in chain(_row_blobs(connection), _file_blobs(blobs) if blobs else ()):
            if not sound:
                return Broken(ORIGIN, f"The stored bytes of blob {name} have changed.")
            kept += 1
        return replace(events, blobs=kept)
    finally:
        connection.close()


def _follow(
    slices: Iterator[list[Row]],
    anchors: Mapping[int, bytes],
    signed: Sequence[Statement] | None,
    progress: Progress | None,
) -> Verified | Broken:
    against = None if signed is None else Against(signed)
    followed = Followed()
    while True:
        try:
            rows = next(slices, None)
        except LedgerCorrupt as error:
            return Broken(Position(error.fields.get("position", followed.last + 1)), error.why)
        except SQLITE3.errors as error:
            return Broken(Position(followed.last + 1), f"Its stored bytes cannot be read: {error}.")
        if rows is None:
            break
        hashes = followed.take(rows, anchors)
        if isinstance(hashes, Broken):
            return hashes
        if against is not None and (wrong := against.take(rows, hashes)) is not None:
            return Broken(Position(wrong.position), wrong.reason, wrong.checkpoints)
        if progress is not None:
            progress(Position(followed.last))
    last = followed.last
    if anchors and max(anchors) > last:
        return Broken(
            Position(last + 1), f"It is missing: position {max(anchors)} was marked, the last is {last}."
        )
    if against is None:
        return Verified(last, followed.hash)
    if (wrong := against.end(last)) is not None:
        return Broken(Position(wrong.position), wrong.reason, wrong.checkpoints)
    root, notes = against.frontier.root(), tuple(against.notes)
    return Verified(last, followed.hash, 0, root, against.borne_out, against.through, notes)


def _file_slices(connection: Connection) -> Iterator[list[Row]]:
    last, size = 0, SLICE
    while True:
        try:
            rows = connection.execute(_SLICE, (last, size)).fetchall()
        except sqlite3.Error:
            if size == 1:
                raise
            size = 1  # one at a time up to the row that cannot be read
            continue
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _missing_blobs(
    slices: Iterator[list[Row]], connection: Connection, folder: Path, missing: list[Broken]
) -> Iterator[list[Row]]:
    """Passes the rows on; the first event whose blob is neither a row nor a file goes into `missing`."""
    seen: set[bytes] = set()
    for rows in slices:
        for row in () if missing else rows:
            for digest in references(row[3], bytes(row[11])):
                if digest in seen:
                    continue
                name = digest.hex()
                kept = connection.execute("SELECT 1 FROM blobs WHERE digest = ?", (digest,)).fetchall()
                if not kept and not (folder / name[:2] / name[2:4] / name).exists():
                    missing.append(Broken(Position(row[0]), f"Its blob {name} is gone."))
                    break
                if len(seen) < SEEN_MAX:
                    seen.add(digest)
        yield rows


def _row_blobs(connection: Connection) -> Iterator[tuple[str, bool]]:
    last = 0
    while rows := connection.execute(
        "SELECT key, digest, data FROM blobs WHERE key > ? ORDER BY key LIMIT 64", (last,)
    ).fetchall():
        for _, digest, data in rows:
            yield digest.hex(), sha256(data).digest() == digest
        last = rows[-1][0]


def _file_blobs(folder: Path) -> Iterator[tuple[str, bool]]:
    for path in sorted(folder.glob("??/??/*")):
        hasher = sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                hasher.update(chunk)
        yield path.name, hasher.hexdigest() == path.name
