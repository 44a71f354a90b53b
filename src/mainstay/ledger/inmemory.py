"""The reference store: everything in dicts and lists, to be read in one sitting and obviously right.

Tests, the simulator and the conformance suite measure other stores against it. It keeps what `append`
promises by checking first and changing only when nothing can refuse any more. Nothing here survives the
process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mainstay.kernel.errors import StaleEpoch, VersionConflict
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.chain import link, name_part
from mainstay.ledger.rows import STANDARD_TABLES, RowDelta, check_value, coalesce, order_columns
from mainstay.ledger.store import (
    GENESIS,
    NEW,
    ORIGIN,
    Epoch,
    EventBody,
    Position,
    RecordedEvent,
    RowChange,
    StreamAppend,
    Table,
    Value,
    Version,
)

Row = dict[str, Value]


class InMemoryStore:
    """An `EventStore` that lives as long as the object."""

    def __init__(self, *, tables: Sequence[Table] = ()) -> None:
        self._events: list[RecordedEvent] = []
        self._streams: dict[StreamId, list[RecordedEvent]] = {}
        self._blobs: dict[Digest, bytes] = {}
        self._tables: dict[str, Table] = {}
        self._rows: dict[str, dict[tuple[Value, ...], Row]] = {}
        self._epoch = Epoch(0)
        self.create_tables((*STANDARD_TABLES, *tables))

    @property
    def head(self) -> Position:
        return Position(len(self._events))

    @property
    def head_hash(self) -> bytes:
        return self._events[-1].hash if self._events else GENESIS

    def acquire(self) -> Epoch:
        self._epoch = Epoch(self._epoch + 1)
        return self._epoch

    def epoch(self) -> Epoch:
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
        if epoch != self._epoch:
            raise StaleEpoch(expected=self._epoch, given=epoch)
        recorded = self._recorded(batch, at)
        deltas = coalesce(changes)
        for (table, key), delta in deltas.items():
            self._check_delta(self._tables[table], key, delta)
        # Nothing refuses from here on.
        for event in recorded:
            self._events.append(event)
            self._streams.setdefault(event.stream, []).append(event)
        for (table, key), delta in deltas.items():
            self._apply(self._tables[table], key, delta)
        for name, data in blobs.items():
            self._blobs.setdefault(name, data)
        return self.head

    def read(self, stream: StreamId, *, after: Version = NEW) -> Iterator[RecordedEvent]:
        return iter(self._streams.get(stream, [])[after:])

    def read_many(
        self, streams: Mapping[StreamId, Version]
    ) -> Iterator[tuple[StreamId, Sequence[EventBody]]]:
        for stream, after in streams.items():
            found = self._streams.get(stream, [])[after:]
            yield stream, [EventBody(one.version, one.type, one.schema, one.data) for one in found]

    def read_all(self, *, after: Position = ORIGIN, limit: int) -> tuple[RecordedEvent, ...]:
        return tuple(self._events[after : after + limit])

    def version(self, stream: StreamId) -> Version:
        return Version(len(self._streams.get(stream, ())))

    def get(self, table: str, key: tuple[Value, ...]) -> Row | None:
        row = self._rows[table].get(key)
        return None if row is None else dict(row)

    def select(
        self,
        table: str,
        *,
        where: Mapping[str, Value] = {},
        order: str = "",
        descending: bool = False,
        after: Value = None,
        limit: int = 100,
    ) -> list[Row]:
        columns = order_columns(self._tables[table], where, order)
        rows = self._matching(table, where)
        rows.sort(key=lambda row: [_rank(row[column]) for column in columns], reverse=descending)
        if after is not None:
            bound, first = _rank(after), columns[0]
            rows = [row for row in rows if row[first] is not None]
            rows = [
                row
                for row in rows
                if (_rank(row[first]) < bound if descending else _rank(row[first]) > bound)
            ]
        return [dict(row) for row in rows[:limit]]

    def count(self, table: str, *, where: Mapping[str, Value] = {}) -> int:
        return len(self._matching(table, where))

    def sums(
        self,
        table: str,
        columns: Sequence[str],
        *,
        by: str,
        within: tuple[str, int, int],
        where: Mapping[str, Value] = {},
    ) -> list[Row]:
        over, least, most = within
        groups: dict[Value, list[int]] = {}
        for row in self._matching(table, where):
            value = row[over]
            if isinstance(value, int) and least <= value <= most:
                into = groups.setdefault(row[by], [0] * len(columns))
                for place, name in enumerate(columns):
                    amount = row[name] or 0
                    assert isinstance(amount, int), f"{name} of {table} is not a number"
                    into[place] += amount
        found = sorted(groups.items(), key=lambda one: _rank(one[0]))
        return [{by: value, **dict(zip(columns, sums, strict=True))} for value, sums in found]

    def blob(self, digest: Digest) -> bytes | None:
        return self._blobs.get(digest)

    def create_tables(self, tables: Sequence[Table]) -> None:
        """Make the views that are not there yet; those that are stay as they are."""
        for table in tables:
            self._tables[table.name] = table
            self._rows.setdefault(table.name, {})

    def drop_tables(self, names: Sequence[str]) -> None:
        """Remove views with all their rows."""
        for name in names:
            self._rows.pop(name, None)

    def close(self) -> None:
        pass

    def _recorded(self, batch: Sequence[StreamAppend], at: Instant) -> list[RecordedEvent]:
        recorded: list[RecordedEvent] = []
        versions: dict[StreamId, int] = {}
        previous = self.head_hash
        for part in batch:
            version = versions.get(part.stream, self.version(part.stream))
            if part.expected != version:
                raise VersionConflict(stream=part.stream, expected=part.expected, actual=version)
            correlation = StreamId(part.correlation or part.stream)
            tail = name_part(part.stream) + name_part("" if correlation == part.stream else correlation)
            for event in part.events:
                version += 1
                position = self.head + len(recorded) + 1
                previous = link(
                    previous,
                    position,
                    version,
                    event.type,
                    event.schema,
                    at,
                    event.causation,
                    event.transaction,
                    name_part(event.actor) + tail,
                    event.data,
                )
                recorded.append(
                    RecordedEvent(
                        position=Position(position),
                        stream=part.stream,
                        version=Version(version),
                        type=event.type,
                        schema=event.schema,
                        at=at,
                        correlation=correlation,
                        causation=Position(event.causation),
                        actor=event.actor,
                        transaction=event.transaction,
                        hash=previous,
                        data=event.data,
                    )
                )
            versions[part.stream] = version
        return recorded

    def _matching(self, table: str, where: Mapping[str, Value]) -> list[Row]:
        wanted = where.items()
        return [
            row for row in self._rows[table].values() if all(row[column] == value for column, value in wanted)
        ]

    def _check_delta(self, table: Table, key: tuple[Value, ...], delta: RowDelta) -> None:
        assert len(key) == len(table.key), f"the key of {table.name} is {table.key}"
        for column, value in (*zip(table.key, key, strict=True), *delta.sets.items(), *delta.adds.items()):
            check_value(table, column, value)

    def _apply(self, table: Table, key: tuple[Value, ...], delta: RowDelta) -> None:
        rows = self._rows[table.name]
        if delta.forget:
            rows.pop(key, None)
        if not delta.exists:
            return
        row = rows.setdefault(
            key, dict.fromkeys(name for name, _ in table.columns) | dict(zip(table.key, key, strict=True))
        )
        row.update(delta.sets)
        for column, amount in delta.adds.items():
            before = row[column] or 0
            assert isinstance(before, int)
            row[column] = before + amount


def _rank(value: Value) -> tuple[int, Value]:
    """Sorts like SQLite: None first; a column holds values of one type only."""
    return (0, None) if value is None else (1, value)
