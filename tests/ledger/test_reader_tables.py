"""A reader that is told of no tables finds them in the file, as they were declared."""

from pathlib import Path

from mainstay.ledger.projections import TABLES
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader


def test_views_are_found_as_they_were_declared(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    SqliteStore(path, tables=TABLES).close()

    reader = SqliteReader(path, tables=None)

    found = reader._views.tables
    for table in TABLES:
        assert dict(found[table.name].columns) == dict(table.columns)
        assert found[table.name].key == table.key
        assert reader.select(table.name, limit=1) == []
    assert not {"events", "streams", "blobs", "writer"} & set(found)
    reader.close()
