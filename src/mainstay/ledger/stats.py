"""What a ledger is made of, how it grows, and when the disk will be full.

Read-only and beside a director. Sizes are the file's own pages (`dbstat`); where this SQLite cannot tell them, the list
of tables is empty. Counts of sealed events come from the indexes of their segments, so only the table is scanned.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mainstay.kernel.values import DAY, Instant
from mainstay.ledger.codec import event_name
from mainstay.ledger.connection import SQLITE3, Connection, failure, open_reader
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.segments import Segment
from mainstay.ledger.sqlite_reader import SEGMENTS, SqliteReader
from mainstay.ledger.store import Position

DAYS = 7
_KIND = "substr(s.name, 1, instr(s.name || ':', ':') - 1)"


@dataclass(frozen=True, slots=True)
class Pages:
    """What a table with its indexes takes of the file."""

    table: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class View:
    """A projection, and whether its tables are of this version."""

    name: str
    version: int
    mark: str  # the version they are of; "": half made, or never
    rows: int

    @property
    def current(self) -> bool:
        """Whether they are."""
        return self.mark == str(self.version)


@dataclass(frozen=True, slots=True)
class Day:
    """The events of a day (UTC), counted from the first of January 1970."""

    day: int
    events: int


@dataclass(frozen=True, slots=True)
class LedgerStats:
    """A ledger in numbers. Times are microseconds since 1970."""

    head: int
    head_hash: str
    schema: int
    first_at: int | None
    last_at: int | None
    types: dict[str, int]
    kinds: dict[str, int]  # of streams: what stands before the colon
    tables: tuple[Pages, ...]
    file_bytes: int
    free_bytes: int  # within the file: used again before it grows
    log_bytes: int
    blob_rows: int
    blob_files: int
    blob_file_bytes: int
    snapshots: int
    segments: int
    segment_bytes: int
    sealed: int  # the last sealed position
    open_from: int | None  # where the oldest open run began; nothing from there on can be sealed
    views: tuple[View, ...]
    days: tuple[Day, ...]  # the last seven
    bytes_an_event: int
    bytes_a_day: int
    disk_free_bytes: int
    disk_full_in_days: int | None  # None: it does not grow


def ledger_stats(ledger: Path, blobs: Path, *, now: Instant) -> LedgerStats:
    """Measure a ledger. Raises what opening it raises."""
    with closing(SqliteReader(ledger)) as reader, closing(open_reader(SQLITE3, str(ledger))) as connection:
        try:
            return _measured(_Ledger(ledger, reader, connection), blobs, now)
        except sqlite3.Error as error:
            raise (failure(error, path=str(ledger)) or error) from error


class _Ledger:
    """An open ledger that is asked many small things."""

    def __init__(self, path: Path, reader: SqliteReader, connection: Connection) -> None:
        self.path = path
        self.reader = reader
        self._connection = connection
        self.names = {name for (name,) in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def rows(self, sql: str, *values: Any) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        return self.rows(sql, *values)[0][0]

    def count(self, table: str) -> int:
        return int(self.one(f"SELECT count(*) FROM {table}")) if table in self.names else 0

    def at(self, position: int) -> int | None:
        found = self.reader.read_all(after=Position(position - 1), limit=1)
        return found[0].at if found else None


def _measured(ledger: _Ledger, blobs: Path, now: Instant) -> LedgerStats:
    head = ledger.reader.head
    sealed = ledger.reader.sealed.last()
    tables = _tables(ledger)
    pages, free, size = (
        int(ledger.one(f"PRAGMA {name}")) for name in ("page_count", "freelist_count", "page_size")
    )
    files = [path.stat().st_size for path in blobs.glob("??/??/*")]
    segments = ledger.rows("SELECT name, bytes, first FROM segments") if "segments" in ledger.names else []
    days = _days(ledger, head, now)
    used = {one.table: one.bytes for one in tables}
    of_events = used.get("events", (pages - free) * size)
    of_others = sum(used.values()) - used.get("events", 0) + sum(files)
    an_event = of_events // max(1, head - sealed) + of_others // max(1, head)
    a_day = an_event * sum(one.events for one in days) // _days_covered(ledger, head, now)
    disk_free = shutil.disk_usage(ledger.path.parent).free
    log = ledger.path.with_name(ledger.path.name + "-wal")
    return LedgerStats(
        head=head,
        head_hash=ledger.reader.head_hash.hex(),
        schema=int(ledger.one("PRAGMA user_version")),
        first_at=ledger.at(1),
        last_at=ledger.at(head) if head else None,
        types=_types(ledger, segments),
        kinds=_kinds(ledger),
        tables=tables,
        file_bytes=pages * size,
        free_bytes=free * size,
        log_bytes=log.stat().st_size if log.exists() else 0,
        blob_rows=ledger.count("blobs"),
        blob_files=len(files),
        blob_file_bytes=sum(files),
        snapshots=ledger.count("snapshots"),
        segments=len(segments),
        segment_bytes=sum(bytes for _, bytes, _ in segments),
        sealed=sealed,
        open_from=ledger.one("SELECT min(position) FROM open_runs") if "open_runs" in ledger.names else None,
        views=_views(ledger),
        days=days,
        bytes_an_event=an_event,
        bytes_a_day=a_day,
        disk_free_bytes=disk_free,
        disk_full_in_days=disk_free // a_day if a_day else None,
    )


def _types(ledger: _Ledger, segments: list[Any]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for kind, schema, count in ledger.rows("SELECT type, max(schema), count(*) FROM events GROUP BY type"):
        counted[event_name(kind, schema).partition("/")[0]] += count
    for name, _, first in segments:
        for kind, count in Segment(ledger.path.parent / SEGMENTS / name, first=first).types.items():
            counted[event_name(kind, 1).partition("/")[0]] += count
    return dict(counted.most_common())


def _kinds(ledger: _Ledger) -> dict[str, int]:
    counted: Counter[str] = Counter()
    asked = [
        f"SELECT {_KIND}, sum(n) FROM (SELECT stream, count(*) AS n FROM events GROUP BY stream) e "
        "JOIN streams s ON s.key = e.stream GROUP BY 1"
    ]
    if "sealed_streams" in ledger.names:
        asked.append(
            f"SELECT {_KIND}, sum(h.last - h.first + 1) FROM sealed_streams h "
            "JOIN streams s ON s.key = h.stream GROUP BY 1"
        )
    for sql in asked:
        counted.update(dict(ledger.rows(sql)))
    return dict(counted.most_common())


def _tables(ledger: _Ledger) -> tuple[Pages, ...]:
    """The largest first."""
    with suppress(sqlite3.OperationalError):  # this SQLite was built without `dbstat`
        found = ledger.rows(
            "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name "
            "WHERE d.aggregate = TRUE GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        return tuple(Pages(table, size, ledger.count(table)) for table, size in found)
    return ()


def _views(ledger: _Ledger) -> tuple[View, ...]:
    marks = dict(ledger.rows("SELECT name, value FROM meta")) if "meta" in ledger.names else {}
    return tuple(
        View(
            one.name,
            one.version,
            str(marks.get(f"projection:{one.name}") or ""),
            sum(ledger.count(table.name) for table in one.tables),
        )
        for one in STANDARD
    )


def _days(ledger: _Ledger, head: int, now: Instant) -> tuple[Day, ...]:
    """Events of the last days, found by halves: positions are in the order of their times."""
    today = now // DAY
    before = [_first_from(ledger, head, (today - ago) * DAY) for ago in range(DAYS - 1, -1, -1)]
    before.append(head + 1)
    return tuple(
        Day(today - DAYS + 1 + number, max(0, before[number + 1] - before[number])) for number in range(DAYS)
    )


def _first_from(ledger: _Ledger, head: int, at: int) -> int:
    """The first position that was recorded at this time or later; one beyond the head: none was."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        found = ledger.at(middle)
        if found is not None and found < at:
            low = middle + 1
        else:
            high = middle
    return low


def _days_covered(ledger: _Ledger, head: int, now: Instant) -> int:
    """Over how many of the last days there was a ledger."""
    first = ledger.at(1) if head else None
    return DAYS if first is None else max(1, min(DAYS, now // DAY - first // DAY + 1))
