"""The ledger file's own schema: made on an empty file, recognised on any other.

`application_id` says that a file is a ledger, `user_version` says which shape it has. A newer shape is
refused rather than guessed at; an older one is brought forward by whoever opens it for writing, one step for each
version, all in one transaction. A new file takes the same steps from an empty one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from importlib.resources import files
from typing import Any

from mainstay.kernel.errors import LedgerCorrupt, LedgerTooNew, Unavailable
from mainstay.ledger.connection import APPLICATION_ID, SQLITE_MIN, Connection
from mainstay.ledger.store import Table
from mainstay.ledger.views import create_indexes, create_table

SCHEMA_VERSION = 2
_STEPS = ("sqlite.sql", "sqlite_2.sql")  # to version 1, from 1 to 2

Read = Callable[[str, tuple[Any, ...]], list[Any]]


def make_ledger(writer: Connection, tables: Mapping[str, Table]) -> None:
    """Bring an empty or older file to the current schema in one transaction, and make the views that are missing."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        raise Unavailable(
            "This Python's SQLite is too old.",
            why=f"It is {sqlite3.sqlite_version}; the ledger needs {'.'.join(map(str, SQLITE_MIN))}.",
            remedy="Install a newer Python or SQLite.",
        )
    writer.execute("BEGIN IMMEDIATE")
    try:
        if not writer.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
            writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        version = writer.execute("PRAGMA user_version").fetchall()[0][0]
        for step in _STEPS[version:]:
            for statement in files("mainstay.ledger").joinpath("sql", step).read_text("utf-8").split("\n\n"):
                writer.execute(statement)
        if version != SCHEMA_VERSION:
            writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        writer.execute("UPDATE writer SET epoch = epoch")  # a file that cannot be written is found out here
        there = {
            row[0]
            for row in writer.execute(
                "SELECT name FROM sqlite_schema WHERE type IN ('table', 'index')"
            ).fetchall()
        }
        for table in tables.values():
            for statement in (
                create_table(table) if table.name not in there else _lacking(table, there, writer)
            ):
                writer.execute(statement)
        writer.execute("COMMIT")
    except BaseException:
        with suppress(
            Exception
        ):  # SQLite may have rolled back by itself; the first failure is the one to tell
            writer.execute("ROLLBACK")
        raise


def _lacking(table: Table, there: Container[str], writer: Connection) -> Sequence[str]:
    """Columns and indexes that a view was given after it was made.

    What such a column should hold comes when the view is folded anew; until then it is empty, and the rest can be read:
    a director asks some views before it has folded any. One of another key is left alone.
    """
    made = [one for one in create_indexes(table) if one.name not in there]
    found = writer.execute(f"PRAGMA table_info({table.name})").fetchall()
    known = {row[1] for row in found}
    if [row[1] for row in sorted(found, key=lambda row: int(row[5])) if row[5]] != list(table.key):
        return [one.statement for one in made if known.issuperset(one.columns)]
    added = [
        f"ALTER TABLE {table.name} ADD COLUMN {name} {kind}"
        for name, kind in table.columns
        if name not in known
    ]
    return [*added, *(one.statement for one in made)]


def refuse_foreign(connection: Connection, *, path: str) -> None:
    """Refuse a file that holds something and is not a ledger, before anything in it is changed."""
    if connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
        require_ledger(lambda sql, values: connection.execute(sql, values).fetchall(), path=path)


def require_ledger(read: Read, *, path: str) -> None:
    """Refuse a file that is not a ledger, or one of a later version."""
    if read("PRAGMA application_id", ())[0][0] != APPLICATION_ID:
        raise LedgerCorrupt(
            "This file is not a ledger.",
            why=f"{path} is an SQLite database of something else.",
            remedy="Name another workspace, or restore the ledger from a backup.",
            path=path,
        )
    version = read("PRAGMA user_version", ())[0][0]
    if version > SCHEMA_VERSION:
        raise LedgerTooNew(
            why=f"{path} has version {version}; this Mainstay knows up to {SCHEMA_VERSION}.",
            remedy="Upgrade Mainstay, or restore a backup from before the upgrade.",
            path=path,
            version=version,
        )
