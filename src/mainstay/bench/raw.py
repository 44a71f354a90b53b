"""SQLite without an engine: the same rows, the same durability, nothing else. What the disk allows.

Rows are taken from a ledger that the engine wrote, statements from its own commits; both are prepared before the
clock starts. The connection is opened as the ledger opens its own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mainstay.bench.rig import LEDGER, TABLES
from mainstay.ledger.connection import SQLITE3, Connection, Driver, Rows, open_reader, open_writer
from mainstay.ledger.sqlite import SqliteStore

BATCH = 1_000
SINGLES = 1_000
_EVENTS_MAX = 20_000

Statement = tuple[str, tuple[tuple[Any, ...], ...]]
Transaction = tuple[Statement, ...]


def raw_loop(folder: Path, *, written: str) -> dict[str, Any]:
    """The events of a written ledger, inserted once more into a bare table: one a transaction, then in batches."""
    source = open_reader(SQLITE3, str(Path(written) / LEDGER))
    schema = source.execute(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = 'events' AND type IN ('table', 'index')"
    ).fetchall()
    rows = source.execute("SELECT * FROM events ORDER BY position LIMIT ?", (_EVENTS_MAX,)).fetchall()
    source.close()
    insert = f"INSERT INTO events VALUES ({', '.join('?' * len(rows[0]))})"
    figures: dict[str, Any] = {}
    for name, size, count in (("single", 1, SINGLES), ("batched", BATCH, _EVENTS_MAX)):
        connection = open_writer(SQLITE3, str(folder / f"{name}.sqlite3"))
        for (sql,) in schema:
            connection.execute(sql)
        taken = rows[:count]
        start = time.perf_counter()
        for first in range(0, len(taken), size):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, taken[first : first + size])
            connection.execute("COMMIT")
        figures[f"raw_events_per_s_{name}"] = len(taken) / (time.perf_counter() - start)
        connection.close()
    return figures


@dataclass(slots=True)
class Recorder:
    """A driver whose connections note what the engine writes, transaction by transaction."""

    transactions: list[Transaction] = field(default_factory=list)
    _open: list[Statement] = field(default_factory=list)

    @property
    def driver(self) -> Driver:
        """To be given to the store."""
        return Driver(
            lambda path: _Recorded(SQLITE3.connect(path), self), SQLITE3.errors, True, SQLITE3.read_afresh
        )

    def note(self, sql: str, rows: Iterable[Any]) -> None:
        """A statement was executed."""
        if sql.startswith("BEGIN"):
            self._open = []
        elif sql.startswith(("INSERT", "UPDATE", "DELETE")):
            self._open.append((sql, tuple(tuple(row) for row in rows)))
        elif sql.startswith("COMMIT"):
            self.transactions.append(tuple(self._open))

    def usual(self) -> list[Transaction]:
        """The transactions of the most frequent shape: those of a step in the middle of a workflow."""
        shapes = Counter(_shape(one) for one in self.transactions)
        [(usual, _)] = shapes.most_common(1)
        return [one for one in self.transactions if _shape(one) == usual]


def _shape(transaction: Transaction) -> tuple[tuple[str, int], ...]:
    return tuple((sql, len(rows)) for sql, rows in transaction)


class _Recorded:
    def __init__(self, connection: Connection, recorder: Recorder) -> None:
        self._connection = connection
        self._recorder = recorder

    def execute(self, sql: str, parameters: Any = (), /) -> Rows:
        self._recorder.note(sql, (parameters,))
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Rows:
        kept = list(rows)
        self._recorder.note(sql, kept)
        return self._connection.executemany(sql, kept)

    def close(self) -> None:
        self._connection.close()


class Replay:
    """Commits of recorded transactions into a ledger file of the same schema, with nothing around them."""

    def __init__(self, folder: Path, transactions: list[Transaction]) -> None:
        path = folder / LEDGER
        SqliteStore(path, tables=TABLES).close()
        self._connection = open_writer(SQLITE3, str(path))
        self._transactions = transactions
        self._next = 0
        self._position = 0
        self.rows = sum(len(rows) for _, rows in transactions[0])

    def commits(self, count: int) -> list[float]:
        """So many commits; how long each took, in seconds."""
        connection = self._connection
        took: list[float] = []
        for statements in [self._afresh() for _ in range(count)]:
            start = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            for sql, rows in statements:
                connection.executemany(sql, rows)
            connection.execute("COMMIT")
            took.append(time.perf_counter() - start)
        return took

    def checkpoint(self) -> None:
        """Fold the log, as the store does now and then."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Give up the file."""
        self._connection.close()

    def _afresh(self) -> Transaction:
        """The next transaction, its events at positions and in streams that are free."""
        self._next += 1
        statements: list[Statement] = []
        for sql, rows in self._transactions[self._next % len(self._transactions)]:
            if sql.startswith("INSERT INTO events "):
                moved: list[tuple[Any, ...]] = []
                for row in rows:
                    self._position += 1
                    moved.append((self._position, self._next, *row[2:]))
                rows = tuple(moved)
            statements.append((sql, rows))
        return tuple(statements)
