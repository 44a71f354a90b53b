"""Row changes of views: what a list of them comes to, whatever store keeps them.

A tick often touches the same row many times (a balance, a counter), so the changes to one row are folded
into one before the store sees them. The order between different rows means nothing: views have no
constraint but their key. Columns that were never written are None; `Add` counts None as zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

# Small facts of the store's user: versions of projections, the workspace's id. Every store has this table.
META = Table("meta", (("name", ColumnType.TEXT), ("value", ColumnType.TEXT)), key=("name",))
# Cached folds; see `ledger.snapshots`. Every store has this table.
SNAPSHOTS = Table(
    "snapshots",
    (
        ("name", ColumnType.TEXT),
        ("position", ColumnType.INTEGER),
        ("shape", ColumnType.BLOB),
        ("data", ColumnType.BLOB),
    ),
    key=("name",),
)
STANDARD_TABLES = (META, SNAPSHOTS)

_PYTHON_TYPES: dict[ColumnType, type] = {
    ColumnType.INTEGER: int,
    ColumnType.TEXT: str,
    ColumnType.BLOB: bytes,
}


@dataclass(slots=True)
class RowDelta:
    """What all changes to one row come to: forget what was there (or not), then set, then add."""

    forget: bool = False
    exists: bool = False  # after `forget`: is there a row again
    sets: dict[str, Value] = field(default_factory=dict)
    adds: dict[str, int] = field(default_factory=dict)


def coalesce(changes: Iterable[RowChange]) -> dict[tuple[str, tuple[Value, ...]], RowDelta]:
    """One delta for each row that `changes` touch, by table and key."""
    deltas: dict[tuple[str, tuple[Value, ...]], RowDelta] = {}
    for change in changes:
        place = (change.table, change.key)
        delta = deltas.get(place)
        if delta is None:
            if isinstance(change, Add):  # nearly always: money, at every step
                deltas[place] = RowDelta(exists=True, adds=dict(change.columns))
                continue
            delta = deltas[place] = RowDelta()
        match change:
            case Add():
                delta.exists = True
                for column, amount in change.columns.items():
                    if column in delta.sets or delta.forget:
                        before = delta.sets.get(column) or 0
                        assert isinstance(before, int), f"{column} of {change.table} is not a number"
                        delta.sets[column] = before + amount
                    else:
                        delta.adds[column] = delta.adds.get(column, 0) + amount
            case Put():
                delta.exists = True
                delta.sets.update(change.columns)
                if delta.adds:
                    for column in change.columns:
                        delta.adds.pop(column, None)
            case Delete():
                deltas[place] = RowDelta(forget=True)
            case _:
                assert_never(change)
    return deltas


def check_value(table: Table, column: str, value: Value) -> None:
    """Assert that the column exists and may hold the value: a mistake here is a mistake in our own code."""
    kind = dict(table.columns)[column]
    assert value is None or isinstance(value, _PYTHON_TYPES[kind]), (
        f"{table.name}.{column} holds {kind}: {value!r}"
    )


def order_columns(table: Table, fixed: Iterable[str], order: str) -> tuple[str, ...]:
    """By what a selection is ordered: `order`, or the key's columns that are not fixed; ties by the
    rest of the key.
    """
    free = tuple(column for column in table.key if column not in set(fixed))
    first = order or (free[0] if free else table.key[0])
    return (first, *(column for column in free if column != first))
