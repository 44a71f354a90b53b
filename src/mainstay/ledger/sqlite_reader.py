"""Reading a ledger's SQLite file: what is committed, and nothing else.

Each read borrows a connection that cannot write and gives it back, so that threads do not wait for one
another and the writer waits for none of them. A long read is many short ones: a read that stays open would
keep the log from being folded into the file.

The events of a stream are proved against the hash chain as they are read: each is held to its hash and to the hash of
the event before it. Views and snapshots, which can be made again, are not.

Events that were sealed are not in the table: where a version or position is missing, `ledger.sealed` has what fills the
gap. The last event is never sealed, so the head is always in the table.

After a failure of the disk every further call is refused (`StorageFailed`): the process must end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from os import PathLike, fspath
from os.path import exists
from pathlib import Path
from struct import error as StructError  # noqa: N812
from typing import Any, NoReturn

from mainstay.kernel.errors import LedgerCorrupt, StorageFailed, WorkspaceNotFound
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Digest
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.connection import (
    SQLITE3,
    Connection,
    Driver,
    ends_the_process,
    failure,
    open_reader,
)
from mainstay.ledger.rows import STANDARD_TABLES
from mainstay.ledger.schema import require_ledger
from mainstay.ledger.sealed import SealedEvents
from mainstay.ledger.store import (
    GENESIS,
    NEW,
    ORIGIN,
    ColumnType,
    Epoch,
    EventBody,
    Position,
    RecordedEvent,
    Table,
    Value,
    Version,
)
from mainstay.ledger.views import Views

READ_CHUNK = 512
SEGMENTS = "segments"  # the folder of segment files, beside the ledger's file
STREAMS_AT_ONCE = 256  # whose events are in memory together
_NO_CORRELATION = name_part("")

_SELECT_EVENT = (
    "SELECT e.position, s.name, e.version, e.type, e.schema, e.at, coalesce(c.name, s.name), e.causation, "
    "a.name, e.tx, e.hash, e.data "
    "FROM events e JOIN streams s ON s.key = e.stream JOIN actors a ON a.key = e.actor "
    "LEFT JOIN streams c ON c.key = e.correlation "
)
_SELECT_COLUMNS = (
    "SELECT m.name, t.name, t.type, t.pk FROM sqlite_master m JOIN pragma_table_info(m.name) t "
    "WHERE m.type = 'table' ORDER BY m.name, t.cid"
)
_NO_VIEWS = frozenset({"streams", "actors", "events", "blobs", "writer", "segments", "sealed_streams"})
# The same with what proves it: the hash before it, and whether its correlation is its own stream.
_SELECT_PROVED = (
    _SELECT_EVENT.replace(
        "e.data FROM", "e.data, CASE e.position WHEN 1 THEN ? ELSE p.hash END, e.correlation FROM"
    )
    + "LEFT JOIN events p ON p.position = e.position - 1 "
)


@lru_cache(maxsize=2)
def _select_many(streams: int) -> str:
    """Events of so many streams (key, version: those after it), in the order in which they lie in the file.

    The inner query looks at the index alone; its LIMIT keeps SQLite from merging it into the outer one.
    """
    wanted = ", ".join(("(?, ?)",) * streams)
    return (
        "SELECT e.stream, e.version, e.type, e.schema, e.data, e.position, e.at, e.correlation, e.causation, "
        "e.actor, e.tx, e.hash, CASE e.position WHEN 1 THEN zeroblob(32) ELSE p.hash END FROM ("
        f"SELECT i.position FROM (VALUES {wanted}) w CROSS JOIN events i INDEXED BY events_by_stream "
        "ON i.stream = w.column1 AND i.version > w.column2 ORDER BY i.position LIMIT -1"
        ") q CROSS JOIN events e ON e.position = q.position LEFT JOIN events p ON p.position = e.position - 1"
    )


class SqliteReader:
    """The reading half of an `EventStore`, for any number of processes beside the writer.

    With `tables=None` the views are those that the file has: a command that only looks need not import what
    writes them.
    """

    def __init__(
        self, path: str | PathLike[str], *, tables: Sequence[Table] | None = (), driver: Driver = SQLITE3
    ) -> None:
        self.path = fspath(path)
        self._driver = driver
        self._broken = ""
        self._closed = False
        self._idle: list[Connection] = []
        self._views = Views((*STANDARD_TABLES, *(tables or ())))
        self.sealed = SealedEvents(Path(self.path).parent / SEGMENTS, self._read)
        try:
            self._open()
            if tables is None:
                self._views.add(self._found_tables())
        except (driver.errors, UnicodeError) as error:
            self.close()
            meaning = failure(error, path=self.path)
            raise meaning or _unreadable(error, self.path) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if not exists(self.path):  # opening it would make it
            raise WorkspaceNotFound(
                "There is no ledger here.",
                why=f"{self.path} does not exist.",
                remedy="Make a workspace with `mainstay init`, or name the folder of one.",
                path=self.path,
            )
        require_ledger(self._read, path=self.path)

    def _found_tables(self) -> list[Table]:
        columns: dict[str, list[tuple[str, ColumnType]]] = {}
        keys: dict[str, list[tuple[int, str]]] = {}
        for table, column, kind, place in self._read(_SELECT_COLUMNS, ()):
            if table not in _NO_VIEWS and not table.startswith("sqlite_"):
                columns.setdefault(table, []).append((column, ColumnType(kind)))
                keys.setdefault(table, []).extend([(place, column)] if place else [])
        return [
            Table(name, tuple(found), tuple(column for _, column in sorted(keys[name])))
            for name, found in columns.items()
        ]

    @property
    def head(self) -> Position:
        return Position(self._last()[0])

    @property
    def head_hash(self) -> bytes:
        return self._last()[1]

    def epoch(self) -> Epoch:
        return Epoch(self._read("SELECT epoch FROM writer", ())[0][0])

    def read(self, stream: StreamId, *, after: Version = NEW) -> Iterator[RecordedEvent]:
        # What is folded is proved: a run whose event was changed is refused, never gone on with.
        sql = _SELECT_PROVED + (
            "WHERE e.stream = (SELECT key FROM streams WHERE name = ?) AND e.version > ? "
            "ORDER BY e.version LIMIT ?"
        )
        version: int = after
        while True:
            rows = self._read(sql, (GENESIS, stream, version, READ_CHUNK))
            if not rows or rows[0][2] != version + 1:
                yield from self.sealed.read(stream, after=version, until=rows[0][2] if rows else None)
            for row in rows:
                self._prove(row)
                yield RecordedEvent(*row[:12])
            if len(rows) < READ_CHUNK:
                return
            version = rows[-1][2]

    def read_many(
        self, streams: Mapping[StreamId, Version]
    ) -> Iterator[tuple[StreamId, Sequence[EventBody]]]:
        names = list(streams)
        for first in range(0, len(names), STREAMS_AT_ONCE):
            some = {name: streams[name] for name in names[first : first + STREAMS_AT_ONCE]}
            for name, events in self._read_some(some).items():
                if not events:  # there is nothing new, or something that only `read` finds, or refuses
                    events = [
                        EventBody(one.version, one.type, one.schema, one.data)
                        for one in self.read(name, after=some[name])
                    ]
                yield name, events

    def _read_some(self, streams: Mapping[StreamId, Version]) -> dict[StreamId, list[EventBody]]:
        """The events of the table, read in the order of the file; of a stream that is not proved by it, none."""
        found: dict[StreamId, list[EventBody]] = {name: [] for name in streams}
        sql = f"SELECT key, name FROM streams WHERE name IN ({', '.join('?' * len(streams))})"
        names: dict[int, StreamId] = dict(self._read(sql, tuple(streams)))
        wanted = [value for key, name in names.items() for value in (key, streams[name])]
        parts = {key: name_part(name) for key, name in names.items()}
        actors: dict[int, bytes] = {}
        refused: set[int] = set()
        for row in self._read(_select_many(len(names)), tuple(wanted)) if names else ():
            stream, version, kind, schema, data, position, at, correlation, causation = row[:9]
            actor, transaction, stored, before = row[9:]
            events = found[names[stream]]
            try:
                who = actors.get(actor) or actors.setdefault(actor, name_part(self._name("actors", actor)))
                about = name_part(self._name("streams", correlation)) if correlation else _NO_CORRELATION
                spelled = who + parts[stream] + about
                proved = (
                    link(before, position, version, kind, schema, at, causation, transaction, spelled, data)
                    == stored
                    and version == streams[names[stream]] + len(events) + 1
                    and stream not in refused
                )
            except (AssertionError, AttributeError, IndexError, StructError, TypeError):
                proved = False
            if proved:
                events.append(EventBody(version, kind, schema, data))
            else:
                refused.add(stream)
                events.clear()
        return found

    def _name(self, table: str, key: int) -> str:
        name: str = self._read(f"SELECT name FROM {table} WHERE key = ?", (key,))[0][0]
        return name

    def _prove(self, row: tuple[Any, ...]) -> None:
        position, stream, version, kind, schema, at, correlation, causation, actor, tx, stored, data = row[
            :12
        ]
        previous, correlated = row[12:]
        if previous is None:
            previous = self.sealed.hash_at(position - 1)
        try:
            names = name_part(actor) + name_part(stream) + name_part(correlation if correlated else "")
            if link(previous, position, version, kind, schema, at, causation, tx, names, data) == stored:
                return
            why = f"The hash of event {position} is not the hash of its stored bytes."
        except (AssertionError, AttributeError, StructError, TypeError) as error:
            why = f"The envelope of event {position} makes no sense: {error}."
        raise LedgerCorrupt(
            f"An event of {stream} was changed, or damaged, after it was written.",
            why=why,
            remedy="Nothing was decided from it. `mainstay audit verify` tells what else is damaged; go on from "
            "a backup.",
            position=position,
            stream=stream,
            path=self.path,
        )

    def read_all(self, *, after: Position = ORIGIN, limit: int) -> tuple[RecordedEvent, ...]:
        rows = self._read(_SELECT_EVENT + "WHERE e.position > ? ORDER BY e.position LIMIT ?", (after, limit))
        found = tuple(RecordedEvent(*row) for row in rows)
        if rows and rows[0][0] != after + 1:
            before = self.sealed.read_all(after=after, limit=min(limit, rows[0][0] - after - 1))
            return (*before, *found)[:limit]
        return found

    def positions(self, types: Collection[int], *, after: int, before: int) -> list[Position]:
        """Where events of these types stand between two positions, newest first; of those that are not sealed.

        A look at one column, without the events themselves: ten times what `read_all` would look at in that time.
        """
        sql = (
            f"SELECT position FROM events WHERE position > ? AND position < ? AND type IN ({_places(len(types))}) "
            "ORDER BY position DESC"
        )
        return [Position(row[0]) for row in self._read(sql, (after, before, *sorted(types)))]

    def version(self, stream: StreamId) -> Version:
        sql = "SELECT max(version) FROM events WHERE stream = (SELECT key FROM streams WHERE name = ?)"
        return Version(self._read(sql, (stream,))[0][0] or self.sealed.version(stream))

    def get(self, table: str, key: tuple[Value, ...]) -> dict[str, Value] | None:
        sql, columns = self._views.get(table)
        rows = self._read(sql, key)
        return dict(zip(columns, rows[0], strict=True)) if rows else None

    def select(
        self,
        table: str,
        *,
        where: Mapping[str, Value] = {},
        order: str = "",
        descending: bool = False,
        after: Value = None,
        limit: int = 100,
    ) -> list[dict[str, Value]]:
        sql, columns = self._views.select(
            table, where, order, descending=descending, bounded=after is not None
        )
        bound = () if after is None else (after,)
        rows = self._read(sql, (*where.values(), *bound, limit))
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def count(self, table: str, *, where: Mapping[str, Value] = {}) -> int:
        return int(self._read(self._views.count(table, where), tuple(where.values()))[0][0])

    def sums(
        self,
        table: str,
        columns: Sequence[str],
        *,
        by: str,
        within: tuple[str, int, int],
        where: Mapping[str, Value] = {},
    ) -> list[dict[str, Value]]:
        over, least, most = within
        sql = self._views.sums(table, tuple(columns), by, over, where)
        rows = self._read(sql, (least, most, *where.values()))
        return [dict(zip((by, *columns), row, strict=True)) for row in rows]

    def blob(self, digest: Digest) -> bytes | None:
        rows = self._read("SELECT data FROM blobs WHERE digest = ?", (bytes.fromhex(digest),))
        return rows[0][0] if rows else None

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._close(self._idle.pop())

    def _close(self, connection: Connection) -> None:
        # What was acknowledged is in the log; the next opening reads it from there.
        with suppress(self._driver.errors):
            connection.close()

    def _last(self) -> tuple[int, bytes]:
        rows = self._read("SELECT position, hash FROM events ORDER BY position DESC LIMIT 1", ())
        return rows[0] if rows else (0, GENESIS)

    def _borrow(self) -> Connection:
        return self._idle.pop() if self._idle else open_reader(self._driver, self.path)

    def _give_back(self, connection: Connection) -> None:
        self._idle.append(connection)

    def _read(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        self._usable()
        try:
            connection = self._borrow()
            try:
                return connection.execute(sql, parameters).fetchall()
            finally:
                self._give_back(connection)
        except (self._driver.errors, UnicodeError) as error:
            self._raise(error)

    def _usable(self) -> None:
        if self._broken:
            raise StorageFailed(
                why=self._broken,
                remedy="End this process and start again: it then reads what is really on the disk.",
            )
        assert not self._closed, "the store is closed"

    def _raise(self, error: Exception) -> NoReturn:
        if ends_the_process(error):
            self._broken = f"An earlier access to {self.path} failed: {error}."
        meaning = failure(error, path=self.path)
        if meaning is None and (isinstance(error, UnicodeError) or "no such " in str(error)):
            meaning = _unreadable(error, self.path)
        if meaning is None:
            raise error
        raise meaning from error


def _places(count: int) -> str:
    return ", ".join("?" * count)


def _unreadable(error: Exception, path: str) -> LedgerCorrupt:
    """A failure that is no failure of the disk: the schema is not what it should be."""
    return LedgerCorrupt(
        "The ledger's file is damaged.",
        why=f"{path} has not the tables of a ledger: {error}.",
        remedy="Run `mainstay audit verify`; then restore the last backup.",
        path=path,
    )
