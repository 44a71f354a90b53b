"""Every view and snapshot against the events: what differs is named, and a ledger at work can be looked at."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.ledger.agreement import Difference, differences
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rows import SNAPSHOTS
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.standing import seal
from mainstay.ledger.store import Add, Delete, Put, RowChange
from tests.ledger.lived import Lived


@pytest.fixture
def lived(tmp_path: Path) -> Lived:
    lived = Lived(SqliteStore(tmp_path / "ledger.db", tables=TABLES))
    lived.work(4)
    lived.change(seal(lived.store, STANDARD))
    lived.work(2)
    return lived


def found(lived: Lived) -> tuple[Difference, ...]:
    return differences(path(lived), lived.director.codec, STANDARD)


def path(lived: Lived) -> str:
    assert isinstance(lived.store, SqliteStore)
    return lived.store.path


def test_a_ledger_at_work_is_what_its_events_say(lived: Lived) -> None:
    told: list[tuple[int, int]] = []
    said = differences(
        path(lived), lived.director.codec, STANDARD, progress=lambda done, of: told.append((done, of))
    )
    assert said == ()
    assert told[-1] == (lived.store.head, lived.store.head)


@pytest.mark.parametrize("table", [one.name for one in TABLES])
def test_a_row_that_no_event_made_is_named(lived: Lived, table: str) -> None:
    (one,) = [one for one in TABLES if one.name == table]
    kinds = dict(one.columns)
    key = tuple(7 if kinds[name] == "INTEGER" else "nobody" for name in one.key)
    lived.change(Put(table, key))
    assert [(one.table, one.rows) for one in found(lived)] == [(table, (" ".join(map(str, key)),))]


def changes() -> list[tuple[str, RowChange]]:
    return [
        ("done", Add("done", ("sample", "email.reply"), {"count": 1})),
        ("done", Delete("done", ("sample", "email.reply"))),
        ("house", Put("house", ("kill_switch",), {"value": "on"})),
    ]


@pytest.mark.parametrize(("table", "change"), changes())
def test_a_row_that_was_changed_or_lost_is_named(lived: Lived, table: str, change: RowChange) -> None:
    lived.change(change)
    (one,) = found(lived)
    assert one.table == table
    assert one.rows == (" ".join(map(str, change.key)),)
    assert one.reason


def test_what_the_director_writes_itself_is_no_difference(lived: Lived) -> None:
    lived.change(Put("house", ("held",), {"value": "123"}))
    assert found(lived) == ()


def test_a_damaged_snapshot_is_named(lived: Lived) -> None:
    row = lived.store.get(SNAPSHOTS.name, ("standing",))
    assert row is not None
    data = row["data"]
    assert isinstance(data, bytes)
    lived.change(Put(SNAPSHOTS.name, ("standing",), {"data": data[:40] + b"?" + data[41:]}))
    (one,) = found(lived)
    assert (one.table, one.rows) == ("snapshots", ("standing",))


def test_an_event_that_was_changed_is_refused(lived: Lived) -> None:
    with closing(sqlite3.connect(path(lived))) as connection, connection:
        connection.execute("DROP TRIGGER events_are_never_changed")
        connection.execute("UPDATE events SET at = at + 1 WHERE position = 5")
    with pytest.raises(LedgerCorrupt) as told:
        found(lived)
    assert told.value.fields["position"] == 5


def test_an_index_that_does_not_fit_its_table_is_told(lived: Lived) -> None:
    with closing(sqlite3.connect(path(lived))) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        changed = connection.execute(
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name LIKE "
            "'sqlite_autoindex_actors%') WHERE name = (SELECT min(name) FROM sqlite_schema WHERE type = 'index' "
            "AND tbl_name = 'approvals' AND sql IS NOT NULL)"
        ).rowcount
    assert changed
    assert "approvals" in {one.table for one in found(lived)}
