"""Every view and every snapshot of a ledger, held against what they were made from: the proof behind `audit verify`.

The whole ledger is folded anew into a file of its own, and every row of every view is compared, while others go on
writing: the last events are folded inside one read transaction, in which the comparison is made. Snapshots are held to
their checksums, and the tables to their own indexes. Nothing is changed. What is found is a view that must be made
anew; the events were proved while they were folded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.values import Instant
from mainstay.ledger.codec import Codec
from mainstay.ledger.connection import SQLITE3, Connection, failure, open_reader
from mainstay.ledger.projection import Projection, Projector
from mainstay.ledger.proving import Proof
from mainstay.ledger.rebuild import Fold, RebuildableStore, outdated
from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.snapshots import holds
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import ORIGIN, EventStore, Position, Table

NAMED_MAX = 5  # rows of a view that are named
OWN = {"house": ("key", "held")}  # a row that the director writes itself: no event says it
Progress = Callable[[Position, Position], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A view, or a snapshot, that is not what it should be. `rows` are the keys of some rows that differ."""

    table: str
    reason: str
    rows: tuple[str, ...] = ()


def differences(
    ledger: str | os.PathLike[str],
    codec: Codec,
    projections: Iterable[Projection],
    *,
    scratch: Path | None = None,
    progress: Progress = lambda done, of: None,
) -> tuple[Difference, ...]:
    """What differs, view by view. Raises `LedgerCorrupt` for an event that was changed.

    `scratch` is a folder with room for the views, which are made once more there.
    """
    reader = SqliteReader(ledger, tables=[table for one in projections for table in one.tables])
    with closing(reader), TemporaryDirectory(prefix="mainstay-", dir=scratch) as folder:
        store: EventStore = _as_store(reader)
        # A view of another version is folded anew by the next director: there is nothing to hold it against.
        current = [one for one in projections if one not in outdated(store, tuple(projections))]
        try:
            return (
                *_damaged_snapshots(reader),
                *_views(reader, store, codec, current, Path(folder), progress),
            )
        except (SQLITE3.errors, UnicodeError) as error:
            raise failure(error, path=reader.path) or _unreadable(reader.path, error) from error


def _views(
    reader: SqliteReader,
    source: EventStore,
    codec: Codec,
    projections: Sequence[Projection],
    folder: Path,
    progress: Progress,
) -> Iterator[Difference]:
    tables = [table for one in projections for table in one.tables]
    with closing(SqliteStore(folder / "fresh.db", tables=tables)) as fresh:
        fold = _Folding(source, codec, projections, fresh)
        fold.up_to(reader.head, progress)
        with closing(open_reader(SQLITE3, reader.path)) as connection:
            connection.execute("ATTACH ? AS fresh", (str(folder / "fresh.db"),))
            connection.execute("BEGIN")
            rows = connection.execute("SELECT coalesce(max(position), 0) FROM main.events").fetchall()
            fold.up_to(max(rows[0][0], fold.last), progress)
            for table in tables:
                try:
                    yield from _differing(connection, table)
                except (SQLITE3.errors, UnicodeError) as error:
                    yield Difference(table.name, f"Its table cannot be read: {error}.")
            connection.execute("COMMIT")


class _Folding:
    """The views once more, as far as they were asked for."""

    def __init__(
        self, source: EventStore, codec: Codec, projections: Sequence[Projection], fresh: RebuildableStore
    ) -> None:
        self._fold = Fold(source, codec, Projector(projections), Proof())
        self._fresh = fresh
        self._epoch = fresh.acquire()
        self.last = ORIGIN

    def up_to(self, head: Position, progress: Progress) -> None:
        """Fold what comes up to `head` and no further."""
        while self.last < head:
            changes, self.last = self._fold.slice(self.last, events=head - self.last)
            self._fresh.append((), epoch=self._epoch, at=Instant(0), changes=changes)
            progress(self.last, head)


def _differing(connection: Connection, table: Table) -> Iterator[Difference]:
    said = [row[0] for row in connection.execute(f"PRAGMA main.integrity_check('{table.name}')").fetchall()]
    if said != ["ok"]:
        yield Difference(table.name, f"Its table does not hold: {said[0]}.")
    columns = ", ".join(name for name, _ in table.columns)
    own = OWN.get(table.name)
    where = f" WHERE {own[0]} IS NOT '{own[1]}'" if own else ""
    key = " || ' ' || ".join(f"coalesce({name}, '')" for name in table.key)
    differ: list[str] = []
    for one, other in (("main", "fresh"), ("fresh", "main")):
        found = connection.execute(
            f"SELECT {key} FROM (SELECT {columns} FROM {one}.{table.name}{where} "
            f"EXCEPT SELECT {columns} FROM {other}.{table.name}{where}) LIMIT {NAMED_MAX}"
        ).fetchall()
        differ += [str(row[0]) for row in found if str(row[0]) not in differ]
    if differ:
        yield Difference(table.name, "Its rows are not what the events say.", tuple(differ[:NAMED_MAX]))


def _damaged_snapshots(reader: SqliteReader) -> Iterator[Difference]:
    name = ""
    while rows := reader.select(SNAPSHOTS.name, order="name", after=name, limit=64):
        damaged = tuple(str(row["name"]) for row in rows if not holds(row))
        if damaged:
            reason = "Its checksum does not hold. It is not used: the fold begins before it."
            yield Difference(SNAPSHOTS.name, reason, damaged)
        name = str(rows[-1]["name"])


def _unreadable(path: str, error: Exception) -> LedgerCorrupt:
    return LedgerCorrupt(
        "The ledger's file is damaged.",
        why=f"The views of {path} cannot be read: {error}.",
        remedy="Restore the last backup.",
        path=path,
    )


def _as_store(reader: SqliteReader) -> EventStore:
    """A reader where only reading is asked for."""
    return reader  # type: ignore[return-value]
