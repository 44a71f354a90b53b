"""Somebody who rewrites a ledger: knows SQLite, the schema and how the chain is made, and has not the signing key.

For tests and the demonstration of what an audit sees. A forger drops the triggers that refuse changes, edits what they
like, and makes every hash anew, so that the chain holds from the first event to the last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from mainstay.ledger.chain import link, name_part
from mainstay.ledger.head_mark import mark_path
from mainstay.ledger.store import GENESIS

_TRIGGERS = ("events_are_never_changed", "events_are_never_deleted")
_ROWS = (
    "SELECT e.position, s.name, e.version, e.type, e.schema, e.at, "
    "CASE e.correlation WHEN 0 THEN '' ELSE c.name END, e.causation, a.name, e.tx, e.data "
    "FROM events e JOIN streams s ON s.key = e.stream JOIN actors a ON a.key = e.actor "
    "LEFT JOIN streams c ON c.key = e.correlation ORDER BY e.position"
)


def forge(ledger: Path, *statements: str, rehash: bool = False) -> None:
    """Change a ledger's file; with `rehash` its chain holds again, and the mark of its end is gone."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as connection:
        for name in _TRIGGERS:
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            changed = connection.execute(statement).rowcount
            assert changed, f"the forger changed nothing: {statement}"
        if rehash:
            _rehash(connection)
    if rehash:
        mark_path(ledger).unlink(missing_ok=True)


def _rehash(connection: sqlite3.Connection) -> None:
    previous = GENESIS
    for position, name, version, kind, schema, at, about, cause, actor, tx, data in list(_rows(connection)):
        names = name_part(actor) + name_part(name) + name_part(about)
        previous = link(previous, position, version, kind, schema, at, cause, tx, names, data)
        connection.execute("UPDATE events SET hash = ? WHERE position = ?", (previous, position))


def _rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    yield from connection.execute(_ROWS)
