"""Views' tables in SQL: made from `Table`, written by row changes, read by equality and order.

Every statement is made once for each combination of columns and kept, so that the driver finds it prepared.
Names come from `Table` declarations in our own code, never from data; values are always parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mainstay.kernel.errors import LedgerUnready
from mainstay.ledger.rows import coalesce, order_columns
from mainstay.ledger.store import ColumnType, RowChange, Table, Value

Columns = tuple[str, ...]


class Views:
    """The tables a store keeps for its projections, and the statements over them."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self.tables: dict[str, Table] = {table.name: table for table in tables}
        self._statements: dict[tuple[Any, ...], str] = {}

    def add(self, tables: Iterable[Table]) -> None:
        """Learn tables; one with a known name takes its place."""
        self.tables.update((table.name, table) for table in tables)
        self._statements.clear()

    def create(self, tables: Iterable[Table]) -> list[str]:
        """The statements that make the tables that are missing."""
        return [statement for table in tables for statement in create_table(table)]

    def drop(self, name: str) -> str:
        """The statement that removes a table with its indexes."""
        assert name in self.tables, f"{name} is not a view"
        return f"DROP TABLE IF EXISTS {name}"

    def statements(self, changes: Sequence[RowChange]) -> list[tuple[str, list[tuple[Value, ...]]]]:
        """What to execute for these changes: one statement for each table and set of columns."""
        forgotten: dict[str, list[tuple[Value, ...]]] = {}
        written: dict[tuple[str, Columns, Columns], list[tuple[Value, ...]]] = {}
        for (table, key), delta in coalesce(changes).items():
            if delta.forget:
                forgotten.setdefault(table, []).append(key)
            if delta.exists:
                group = (table, tuple(delta.sets), tuple(delta.adds))
                row = (*key, *delta.sets.values(), *delta.adds.values())
                rows = written.get(group)
                if rows is None:
                    written[group] = [row]
                else:
                    rows.append(row)
        return [
            *((self._delete(table), keys) for table, keys in forgotten.items()),
            *((self._upsert(*group), rows) for group, rows in written.items()),
        ]

    def get(self, table: str) -> tuple[str, Columns]:
        """The statement for one row by key, and the columns of its answer."""
        known = self._known(table)
        columns = tuple(name for name, _ in known.columns)
        sql = self._statements.get(("get", table))
        if sql is None:
            sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {_equal(known.key)}"
            self._statements["get", table] = sql
        return sql, columns

    def select(
        self, table: str, where: Mapping[str, Value], order: str, *, descending: bool, bounded: bool
    ) -> tuple[str, Columns]:
        """The statement for rows in order (parameters: where's values, the bound if any, the limit)."""
        known = self._known(table)
        columns = tuple(name for name, _ in known.columns)
        shape = ("select", table, tuple(where), order, descending, bounded)
        sql = self._statements.get(shape)
        if sql is None:
            _require(known, (*where, *((order,) if order else ())))
            by = order_columns(known, where, order)
            beyond = [f"{by[0]} {'<' if descending else '>'} ?"] if bounded else []
            conditions = " AND ".join([*(f"{name} IS ?" for name in where), *beyond])
            direction = " DESC" if descending else ""
            sql = (
                f"SELECT {', '.join(columns)} FROM {table}"
                + (f" WHERE {conditions}" if conditions else "")
                + f" ORDER BY {', '.join(name + direction for name in by)} LIMIT ?"
            )
            self._statements[shape] = sql
        return sql, columns

    def count(self, table: str, where: Mapping[str, Value]) -> str:
        """The statement that counts matching rows."""
        _require(self._known(table), where)
        return f"SELECT count(*) FROM {table}" + (f" WHERE {_equal(tuple(where))}" if where else "")

    def sums(self, table: str, columns: Columns, by: str, over: str, where: Mapping[str, Value]) -> str:
        """The statement for sums by a column (parameters: the least and the most of `over`, where's values)."""
        _require(self._known(table), (*columns, by, over, *where))
        added = ", ".join(f"coalesce(sum({name}), 0)" for name in columns)
        conditions = " AND ".join((f"{over} BETWEEN ? AND ?", *(f"{name} IS ?" for name in where)))
        return f"SELECT {by}, {added} FROM {table} WHERE {conditions} GROUP BY {by} ORDER BY {by}"

    def _known(self, table: str) -> Table:
        known = self.tables.get(table)
        if known is None:
            raise LedgerUnready(
                why=f"It has no view {table!r}: it was made by an older Mainstay, or its making was cut short.",
                remedy="Nothing is lost. `mainstay up`, or `mainstay ingest`, makes its views from the events.",
                table=table,
            )
        return known

    def _delete(self, table: str) -> str:
        return f"DELETE FROM {table} WHERE {_equal(self.tables[table].key)}"

    def _upsert(self, table: str, sets: Columns, adds: Columns) -> str:
        shape = (table, sets, adds)
        sql = self._statements.get(shape)
        if sql is None:
            known = self.tables[table]
            _require(known, (*sets, *adds))
            columns = (*known.key, *sets, *adds)
            updates = [
                *(f"{name} = excluded.{name}" for name in sets),
                *(f"{name} = coalesce({name}, 0) + excluded.{name}" for name in adds),
            ]
            sql = (
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
                f"ON CONFLICT ({', '.join(known.key)}) DO "
                + (f"UPDATE SET {', '.join(updates)}" if updates else "NOTHING")
            )
            self._statements[shape] = sql
        return sql


def create_table(table: Table) -> list[str]:
    """The statements that make a table and its indexes if they are missing."""
    one_integer = len(table.key) == 1 and dict(table.columns)[table.key[0]] is ColumnType.INTEGER
    columns = ", ".join(f"{name} {kind}" for name, kind in table.columns)
    key = ", ".join(table.key)
    # A table that is its own primary key's index stores the key once; a single integer is the row's number
    # anyway.
    shape = "STRICT" if one_integer else "STRICT, WITHOUT ROWID"
    return [
        f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({key})) {shape}",
        *(one.statement for one in create_indexes(table)),
    ]


class Index(NamedTuple):
    """An index of a view."""

    name: str
    columns: Columns
    statement: str  # that makes it if it is missing


def create_indexes(table: Table) -> list[Index]:
    """The indexes of a table."""
    names = [f"{table.name}_by_{'_'.join(columns)}" for columns in table.indexes]
    return [
        Index(name, columns, f"CREATE INDEX IF NOT EXISTS {name} ON {table.name} ({', '.join(columns)})")
        for name, columns in zip(names, table.indexes, strict=True)
    ]


def _equal(columns: Columns) -> str:
    return " AND ".join(f"{name} IS ?" for name in columns)


def _require(table: Table, columns: Iterable[str]) -> None:
    known = dict(table.columns)
    for column in columns:
        assert column in known, f"{table.name} has no column {column}"
