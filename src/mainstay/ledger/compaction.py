"""Compaction: closed ranges of events go into segment files. No event is dropped, and none is ever in neither place.

A range is closed when every run with an event in it is over, so what is sealed is read for its story and its proof,
not for the next decision. Ranges begin at the first event and leave no gap; the last event always stays in the table.

For each segment, in this order, and a crash between any two steps loses nothing:

1. the events are read and proved, and packed in memory: what is damaged is never sealed;
2. the file is written under a temporary name and fsynced, read back and compared event by event;
3. it is renamed, and the folder fsynced. It is an orphan still: every event of it is in the table;
4. one transaction of the ledger names it and removes the events (`SqliteStore.seal`).

An orphan is removed at the next compaction; the same events make the same file again.

Steps 1 to 3 (`made_durable`) change nothing of the ledger and may go on beside its writer; the last is the writer's.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, StorageFailed, StorageFull
from mainstay.kernel.values import Instant
from mainstay.ledger.durable import digest_of_file, flush_folder, write_durably
from mainstay.ledger.projections.runs import OpenRuns
from mainstay.ledger.rebuild import outdated
from mainstay.ledger.segments import SUFFIX, Row, Segment
from mainstay.ledger.segments_sealing import Sealed, row_of, seal
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SEGMENTS
from mainstay.ledger.store import GENESIS, Epoch, EventReader, Position

SEGMENT_EVENTS = 32_768
SEGMENT_EVENTS_MIN = 1_024  # fewer stay in the table, unless their range is asked for
SHRINK_SHARE = 4  # the file is made smaller when a fourth of it is free
_TEMPORARY = ".tmp"
_READ = 2_048

Progress = Callable[[Position, Position], None]  # sealed so far, of so many
Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did."""

    segments: int
    events: int
    bytes: int  # of the new segment files
    sealed: Position  # the last sealed position of the ledger
    open_from: Position  # the first position that could not be sealed
    freed_bytes: int  # of the ledger's file, given back to the disk
    beside_director: bool = False  # then the file keeps its size, and what is free in it is used again


def closed_until(store: EventReader) -> Position:
    """The last position that may be sealed: before every open run's first event, and never the last of all."""
    first = store.select("open_runs", order="position", limit=1)
    begun = first[0]["position"] if first else None
    assert begun is None or isinstance(begun, int)
    last = store.head - 1
    return Position(max(0, last if begun is None else min(begun - 1, last)))


def compact(
    store: SqliteStore,
    *,
    epoch: Epoch,
    at: Instant,
    before: Position | None = None,
    segment_events: int = SEGMENT_EVENTS,
    progress: Progress = lambda done, of: None,
    step: Step = lambda name: None,
) -> Compaction:
    """Seal what is closed, up to but not including the position `before`. The caller is the writer.

    Raises `LedgerCorrupt` where the chain does not hold (nothing of that range is sealed then), and `StorageFull`.
    """
    began, until = Position(store.sealed.last()), closed_until(store)
    open_from = Position(until + 1)
    if before is not None:
        until = Position(min(until, before - 1))
    last, segments, size = began, 0, 0
    while (
        made := made_durable(store, until, whole=before is None, events=segment_events, step=step)
    ) is not None:
        store.seal(made, epoch=epoch, at=at)
        step("sealed")
        last = Position(made.last)
        segments, size = segments + 1, size + len(made.data)
        progress(Position(last - began), Position(max(until - began, 0)))
    freed = _shrink(store) if segments else 0
    return Compaction(segments, last - began, size, last, open_from, freed)


def made_durable(
    store: SqliteStore,
    until: Position,
    *,
    whole: bool = True,
    events: int = SEGMENT_EVENTS,
    step: Step = lambda name: None,
) -> Sealed | None:
    """The file of the next segment, which the ledger does not name yet; None where nothing up to `until` is left.

    `whole`: a few events are left until there are more. One caller at a time.
    """
    if outdated(store, (OpenRuns(),)):
        raise CommandRefused(
            "It is not known which runs are over.",
            why="The views of this ledger are of another version.",
            remedy="Run `mainstay up` once, which folds them anew; then compact.",
        )
    folder = Path(store.path).parent / SEGMENTS
    last = Position(store.sealed.last())
    _sweep(folder, last)
    count = min(events, until - last)
    if count <= 0 or (whole and count < min(SEGMENT_EVENTS_MIN, events)):
        return None
    made = seal(_rows(store, last, count), store.sealed.hash_at(last) or GENESIS)
    _write(folder, made, step)
    step("named")
    return made


def _rows(store: SqliteStore, after: Position, count: int) -> Iterator[Row]:
    until = after + count
    while after < until:
        events = store.read_all(after=after, limit=min(_READ, until - after))
        if not events or events[0].position != after + 1:
            raise LedgerCorrupt(
                "An event is missing, so nothing from there on is sealed.",
                why=f"Position {after + 1} is not in the ledger.",
                remedy="Run `mainstay audit verify`; then restore the last good backup.",
                position=after + 1,
            )
        for event in events:
            yield row_of(event)
        after = events[-1].position


def _write(folder: Path, made: Sealed, step: Step) -> None:
    """The file, durable under its name, after it was read back."""
    place = folder / made.name
    temporary = place.with_name(made.name + _TEMPORARY)
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700)
            flush_folder(folder.parent)
        step("packed")
        write_durably(temporary, made.data)
        step("written")
        _read_back(temporary, made)
        step("read back")
        temporary.replace(place)
        step("renamed")
        flush_folder(folder)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            temporary.unlink(missing_ok=True)
            raise StorageFull(
                why=f"{temporary}: {error.strerror}.",
                remedy="No event was moved. Free some space and compact again.",
                path=str(folder),
            ) from error
        raise StorageFailed(
            why=f"{temporary}: {error.strerror or error}.",
            remedy="No event was moved. Check the disk, then compact again.",
            path=str(folder),
        ) from error


def _read_back(path: Path, made: Sealed) -> None:
    """Every byte, and every event proved from them. Their chain ends where the table's does: they are the same."""
    segment = Segment(path, first=made.first)
    for block in range(segment.blocks):
        segment.events(block)
    if digest_of_file(path) != made.digest.hex() or segment.after != made.after:
        raise StorageFailed(
            why=f"{path} is not what was written.",
            remedy="No event was moved. Check the disk, then compact again.",
            path=str(path),
        )


def _sweep(folder: Path, last: Position) -> None:
    """Remove what a crash left: files whose events are all in the table still."""
    for path in folder.glob("*") if folder.is_dir() else ():
        first = path.name.partition("-")[0]
        if path.name.endswith(_TEMPORARY) or (
            path.name.endswith(SUFFIX) and first.isdigit() and int(first) > last
        ):
            path.unlink()


def _shrink(store: SqliteStore) -> int:
    """Make the file smaller where that is worth its while and there is room to do it; by how many bytes."""
    pages, free, page = store.pages()
    size = pages * page
    room = shutil.disk_usage(os.path.dirname(os.path.abspath(store.path))).free
    if free * SHRINK_SHARE < pages or room < 3 * (size - free * page):
        return 0
    store.shrink()
    return max(0, size - store.pages()[0] * page)
