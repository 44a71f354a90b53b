"""The default event store: one SQLite file in WAL mode, every acknowledged transaction fsynced.

One connection writes, from whatever thread holds the store at the moment, one append at a time. Reads go
through connections of their own and see only what is committed. Names of streams and actors are stored once
and events refer to them by integers; what the writer needs of them it remembers between appends, and
forgets all of it when somebody else wrote to the file or an append failed. The unique index over (stream,
version) is the last guard.

Old events may lie in segment files (`ledger.compaction`); what was sealed is as much a part of the ledger as before.

Reading is inherited from `ledger.sqlite_reader`, views' SQL is made in `ledger.views`, what failures mean is
decided in `ledger.connection`, schema and its versions lie in `sql/` and `ledger.schema`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from os.path import dirname, exists, join
from threading import RLock
from typing import Any, NoReturn

from mainstay.kernel.errors import LedgerCorrupt, StaleEpoch, VersionConflict
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.connection import (
    PAGE_BYTES,
    SQLITE3,
    Connection,
    Driver,
    ends_the_process,
    open_writer,
)
from mainstay.ledger.schema import make_ledger, refuse_foreign
from mainstay.ledger.segments_sealing import Sealed
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import (
    GENESIS,
    Epoch,
    Position,
    RowChange,
    StreamAppend,
    Table,
)

CHECKPOINT_PAGES = 2_000  # about 8 MB of log; folding it takes 6 ms on a fast disk
STREAMS_CACHED = 32_768
ACTORS_CACHED = 4_096
RESTORING = "restoring"  # the folder beside a ledger that is being replaced by one from a backup

_INSERT_EVENT = (
    "INSERT INTO events "
    "(position, stream, version, type, schema, at, correlation, causation, actor, tx, hash, data) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_BLOB = "INSERT OR IGNORE INTO blobs (digest, data) VALUES (?, ?)"
_SELECT_STREAM = (
    "SELECT s.key, coalesce((SELECT max(version) FROM events WHERE stream = s.key), "
    "(SELECT max(last) FROM sealed_streams WHERE stream = s.key), 0) "
    "FROM streams s WHERE s.name = ?"
)
_INSERT_SEGMENT = (
    "INSERT INTO segments (last, first, name, bytes, digest, before, after, at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_INSERT_SEALED = (
    "INSERT INTO sealed_streams (stream, last, first, segment) "
    "VALUES ((SELECT key FROM streams WHERE name = ?), ?, ?, ?)"
)
_NO_CORRELATION = name_part("")


class _Stream:
    """What the writer remembers of a stream."""

    __slots__ = ("key", "part", "version")

    def __init__(self, key: int, version: int, part: bytes) -> None:
        self.key = key
        self.version = version
        self.part = part  # its name as it enters the hash


class SqliteStore(SqliteReader):
    """An `EventStore` in one file, made when it is not there. Its reads see what is committed, like any
    other's.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        tables: Sequence[Table] = (),
        driver: Driver = SQLITE3,
        checkpoint_pages: int = CHECKPOINT_PAGES,
    ) -> None:
        self._turn = RLock()  # appends of several threads take turns
        self._streams: OrderedDict[str, _Stream] = OrderedDict()
        self._actors: dict[str, tuple[int, bytes]] = {}
        self._data_version = -1  # SQLite's own counter of what others wrote; -1: nothing is remembered
        self._epoch = Epoch(0)
        self._head = 0
        self._head_hash = GENESIS
        self._stream_key_last = 0
        self._pages_logged = 0
        self._checkpoint_pages = checkpoint_pages
        self._writer: Connection | None = None
        super().__init__(path, tables=tables, driver=driver)

    def _open(self) -> None:
        if exists(join(dirname(self.path), RESTORING)):
            raise LedgerCorrupt(
                "A restore was begun here and not ended.",
                why=f"{join(dirname(self.path), RESTORING)} holds the ledger that was to take this one's place.",
                remedy="Run the same `mainstay ledger restore` again: it ends what was begun.",
                path=self.path,
            )
        self._driver.read_afresh(self.path)
        self._writer = open_writer(self._driver, self.path, check=partial(refuse_foreign, path=self.path))
        make_ledger(self._writer, self._views.tables)
        self.checkpoint()

    def close(self) -> None:
        super().close()
        if self._writer is not None:
            self._close(self._writer)
            self._writer = None

    def _borrow(self) -> Connection:
        return super()._borrow() if self._driver.shared_memory else self._writing()

    def _give_back(self, connection: Connection) -> None:
        if connection is not self._writer:
            super()._give_back(connection)

    def acquire(self) -> Epoch:
        with self._turn:
            writer = self._writing()
            try:
                writer.execute("BEGIN IMMEDIATE")
                writer.execute("UPDATE writer SET epoch = epoch + 1")
                self._remember(writer)
                writer.execute("COMMIT")
            except BaseException as error:
                self._undo(error)
            return self._epoch

    def append(
        self,
        batch: Sequence[StreamAppend],
        *,
        epoch: Epoch,
        at: Instant,
        changes: Sequence[RowChange] = (),
        blobs: Mapping[Digest, bytes] = {},
    ) -> Position:
        with self._turn:
            writer = self._writing()
            try:
                writer.execute("BEGIN IMMEDIATE")
                self._require(writer, epoch)
                events, head_hash = self._event_rows(writer, batch, at)
                if events:
                    writer.executemany(_INSERT_EVENT, events)
                if changes:
                    for sql, rows in self._views.statements(changes):
                        writer.executemany(sql, rows)
                if blobs:
                    writer.executemany(
                        _INSERT_BLOB, [(bytes.fromhex(name), data) for name, data in blobs.items()]
                    )
                writer.execute("COMMIT")
            except BaseException as error:
                self._undo(error)
            self._head += len(events)
            self._head_hash = head_hash
            self._bound_memory()
            # A guess at how long the log has become: asking the file costs more than being wrong by half.
            written = (
                110 * len(events) + sum([len(row[-1]) for row in events]) + sum(map(len, blobs.values()))
            )
            self._pages_logged += 4 + (len(batch) + len(changes)) // 4 + written // PAGE_BYTES
            if self._pages_logged >= self._checkpoint_pages:
                self.checkpoint()
            return Position(self._head)

    def checkpoint(self, *, truncate: bool = False) -> None:
        """Fold the log into the file as far as readers allow; with `truncate` wait for them and empty it."""
        with self._turn:
            writer = self._writing()
            try:
                writer.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})").fetchall()
            except self._driver.errors as error:
                if ends_the_process(error):
                    self._raise(error)
                # No space to fold it: everything stays in the log, which is just as durable.
            self._pages_logged = 0

    def seal(self, segment: Sealed, *, epoch: Epoch, at: Instant) -> None:
        """Take the events of a segment out of the table, in the transaction that names its file, which must be
        durable already. The file's own triggers refuse a segment that is not exactly the oldest events, and refuse
        to let go of any event that no segment has.
        """
        with self._turn:
            writer = self._writing()
            try:
                writer.execute("BEGIN IMMEDIATE")
                self._require(writer, epoch)
                writer.execute(
                    _INSERT_SEGMENT,
                    (
                        segment.last,
                        segment.first,
                        segment.name,
                        len(segment.data),
                        segment.digest,
                        segment.before,
                        segment.after,
                        at,
                    ),
                )
                writer.executemany(
                    _INSERT_SEALED,
                    [(name, held.last, held.first, segment.last) for name, held in segment.streams.items()],
                )
                writer.execute(
                    "DELETE FROM events WHERE position BETWEEN ? AND ?", (segment.first, segment.last)
                )
                writer.execute("COMMIT")
            except BaseException as error:
                self._undo(error)
        self.checkpoint()

    def pages(self) -> tuple[int, int, int]:
        """How many pages the file has, how many of them are free, and their size in bytes."""
        asked = ("page_count", "freelist_count", "page_size")
        pages, free, size = (self._read(f"PRAGMA {name}", ())[0][0] for name in asked)
        return pages, free, size

    def shrink(self) -> None:
        """Give the space that is free within the file back to the disk. Takes as long as copying the file."""
        with self._turn:
            writer = self._writing()
            try:
                writer.execute("VACUUM")
            except BaseException as error:
                self._undo(error)
            self._data_version = -1
        self.checkpoint(truncate=True)

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Make the views that are not there yet; those that are stay as they are."""
        self._views.add(tables)
        self._transaction(self._views.create(tables))

    def drop_tables(self, names: Sequence[str]) -> None:
        """Remove views with all their rows."""
        self._transaction([self._views.drop(name) for name in names])

    def _require(self, writer: Connection, epoch: Epoch) -> None:
        """Refuse a stale epoch; first forget what is remembered if somebody else has written."""
        if writer.execute("PRAGMA data_version").fetchall()[0][0] != self._data_version:
            self._remember(writer)
        if epoch != self._epoch:
            raise StaleEpoch(
                why=f"This writer's epoch is {epoch}; the ledger's is {self._epoch}.",
                remedy="Nothing was written. End this process; the newer one carries on.",
                given=epoch,
                current=self._epoch,
            )

    def _event_rows(
        self, writer: Connection, batch: Sequence[StreamAppend], at: Instant
    ) -> tuple[list[tuple[Any, ...]], bytes]:
        rows: list[tuple[Any, ...]] = []
        add_row = rows.append
        actors = self._actors
        position, previous = self._head, self._head_hash
        for part in batch:
            name = part.stream
            stream = self._streams.get(name) or self._stream(writer, name)
            self._streams.move_to_end(name)
            version = stream.version
            if part.expected != version:
                raise VersionConflict(
                    why=f"{name} is at version {version}, not {part.expected}.",
                    remedy="Nothing was written. Read the stream again and decide anew.",
                    stream=name,
                    expected=part.expected,
                    actual=version,
                )
            key = stream.key
            if part.correlation and part.correlation != name:
                about = self._streams.get(part.correlation) or self._stream(writer, part.correlation)
                correlation, tail = about.key, stream.part + about.part
            else:
                correlation, tail = 0, stream.part + _NO_CORRELATION
            actor = ""
            actor_key, names = 0, b""
            for event in part.events:
                position += 1
                version += 1
                if event.actor != actor or not actor_key:
                    actor = event.actor
                    actor_key, actor_part = actors.get(actor) or self._actor(writer, actor)
                    names = actor_part + tail
                kind, schema, causation, transaction, data = (
                    event.type,
                    event.schema,
                    event.causation,
                    event.transaction,
                    event.data,
                )
                previous = link(
                    previous, position, version, kind, schema, at, causation, transaction, names, data
                )
                # Of `bytes` the driver asks each time whether somebody adapts them, which costs more than a copy.
                add_row(
                    (
                        position,
                        key,
                        version,
                        kind,
                        schema,
                        at,
                        correlation,
                        causation,
                        actor_key,
                        bytearray(transaction),
                        bytearray(previous),
                        bytearray(data),
                    )
                )
            stream.version = version
        return rows, previous

    def _stream(self, writer: Connection, name: str) -> _Stream:
        found = writer.execute(_SELECT_STREAM, (name,)).fetchall()
        if found:
            key, version = found[0]
        else:
            self._stream_key_last += 1
            key, version = self._stream_key_last, 0
            writer.execute("INSERT INTO streams (key, name) VALUES (?, ?)", (key, name))
        stream = self._streams[name] = _Stream(key, version, name_part(name))
        return stream

    def _actor(self, writer: Connection, name: str) -> tuple[int, bytes]:
        writer.execute("INSERT OR IGNORE INTO actors (name) VALUES (?)", (name,))
        key = writer.execute("SELECT key FROM actors WHERE name = ?", (name,)).fetchall()[0][0]
        actor = self._actors[name] = (key, name_part(name))
        return actor

    def _remember(self, writer: Connection) -> None:
        """Read what the writer keeps in memory; called inside a transaction, so that nobody can write
        in between.
        """
        self._streams.clear()
        self._actors.clear()
        self._epoch = Epoch(writer.execute("SELECT epoch FROM writer").fetchall()[0][0])
        self._stream_key_last = writer.execute("SELECT max(key) FROM streams").fetchall()[0][0] or 0
        last = writer.execute("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1").fetchall()
        self._head, self._head_hash = last[0] if last else (0, GENESIS)
        self._data_version = writer.execute("PRAGMA data_version").fetchall()[0][0]

    def _bound_memory(self) -> None:
        while len(self._streams) > STREAMS_CACHED:
            self._streams.popitem(last=False)
        if len(self._actors) > ACTORS_CACHED:
            self._actors.clear()

    def _undo(self, error: BaseException) -> NoReturn:
        """Roll back after a failure inside a transaction, and say what it means."""
        self._data_version = -1
        writer = self._writer
        assert writer is not None
        if isinstance(error, self._driver.errors) and ends_the_process(error):
            self._raise(error)  # a rollback would read pages that may not be what was written
        try:
            writer.execute("ROLLBACK")
        except self._driver.errors as second:
            if ends_the_process(second):
                self._raise(second)
            # SQLite had rolled back by itself.
        if isinstance(error, self._driver.errors):
            self._raise(error)
        raise error

    def _transaction(self, statements: Sequence[str]) -> None:
        with self._turn:
            writer = self._writing()
            try:
                writer.execute("BEGIN IMMEDIATE")
                for sql in statements:
                    writer.execute(sql)
                writer.execute("COMMIT")
            except BaseException as error:
                self._undo(error)

    def _writing(self) -> Connection:
        self._usable()
        assert self._writer is not None, "the store is closed"
        return self._writer
