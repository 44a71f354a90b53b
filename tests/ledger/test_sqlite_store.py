"""What SQLite adds to the port: files, refusals by the file itself, threads, sizes."""

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mainstay.kernel.errors import (
    LedgerCorrupt,
    LedgerTooNew,
    StorageFailed,
    WorkspaceNotFound,
    WorkspaceUnsafe,
)
from mainstay.kernel.ids import StreamId
from mainstay.ledger import sqlite
from mainstay.ledger.connection import SQLITE3, Driver
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import NEW, Add, ColumnType, NewEvent, Put, StreamAppend, Version
from mainstay.ledger.verify import Verified, verify
from mainstay.testing.conformance.store import AT, RUNS, TABLES, TALLY, TASKS, A, part


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


def raw(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def written(path: Path) -> SqliteStore:
    store = SqliteStore(path, tables=TABLES)
    store.append([part(A, 0, 1, 2, 3)], epoch=store.acquire(), at=AT)
    return store


@pytest.mark.parametrize(
    "sql", ["UPDATE events SET data = x'00' WHERE position = 2", "DELETE FROM events WHERE position = 2"]
)
def test_the_file_refuses_to_change_or_delete_events(path: Path, sql: str) -> None:
    written(path).close()
    with raw(path) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(sql)


def test_the_index_refuses_a_version_twice_even_behind_the_stores_back(path: Path) -> None:
    written(path).close()
    with raw(path) as connection, pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        connection.execute(
            "INSERT INTO events SELECT 9, stream, version, 1, 1, 1, 0, 0, 1, tx, hash, data FROM events"
        )


def test_every_commit_is_synced_and_logged(path: Path) -> None:
    store = written(path)
    writer = store._writing()
    assert writer.execute("PRAGMA synchronous").fetchall() == [(2,)]
    assert writer.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    assert writer.execute("PRAGMA wal_autocheckpoint").fetchall() == [(0,)]
    store.close()


def test_a_newer_ledger_is_refused_and_left_alone(path: Path) -> None:
    written(path).close()
    with raw(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(LedgerTooNew) as refused:
        SqliteStore(path)
    assert refused.value.fields["version"] == 99
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(LedgerCorrupt, match="not a ledger"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(LedgerCorrupt, match="not a ledger"):
        SqliteStore(path)


def test_a_missing_folder_and_a_read_only_file_say_what_to_do(path: Path) -> None:
    with pytest.raises(WorkspaceUnsafe, match="writable"):
        SqliteStore(path.parent / "missing" / "ledger.sqlite3")
    written(path).close()

    def connect(name: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{name}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    with pytest.raises(WorkspaceUnsafe, match="writable"):
        SqliteStore(path, driver=Driver(connect=connect, errors=SQLITE3.errors))


def test_a_reader_sees_what_is_committed_and_cannot_write(path: Path) -> None:
    store = written(path)
    reader = SqliteReader(path, tables=TABLES)
    assert reader.head == 3
    store.append(
        [part(A, 3, 4)], epoch=store.epoch(), at=AT, changes=[Put("tasks", ("a", 1), {"state": "x"})]
    )
    assert reader.head == 4
    assert reader.get("tasks", ("a", 1)) == {"run": "a", "task": 1, "state": "x"}
    with pytest.raises(WorkspaceUnsafe, match="readonly"):
        reader._read("DELETE FROM tasks", ())
    reader.close()
    store.close()


def test_a_reader_of_nothing_says_so(path: Path) -> None:
    with pytest.raises(WorkspaceNotFound):
        SqliteReader(path)
    assert not path.exists()


def test_appends_of_several_threads_take_turns(path: Path) -> None:
    store = SqliteStore(path)
    epoch = store.acquire()

    def write(stream: StreamId) -> None:
        for number in range(50):
            store.append([part(stream, number, number)], epoch=epoch, at=AT)

    writers = [threading.Thread(target=write, args=(StreamId(f"s{number}"),)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.head == 200
    store.close()
    assert verify(path) == Verified(200, SqliteReader(path).head_hash)


def test_appends_from_threads_and_reads_from_others(path: Path) -> None:
    store = SqliteStore(path, tables=TABLES)
    epoch = store.acquire()
    stop = threading.Event()
    heads: list[list[int]] = [[], []]

    def watch(seen: list[int]) -> None:
        while not stop.is_set():
            head = store.head
            counted = store.get("tally", (1,))
            seen.append(head)
            assert counted is None or isinstance(counted["messages"], int)
            assert head <= (store.get("tally", (1,)) or {"messages": 0})["messages"]  # type: ignore[operator]

    watchers = [threading.Thread(target=watch, args=(seen,)) for seen in heads]
    for watcher in watchers:
        watcher.start()
    for number in range(100):
        changes = [Add("tally", (1,), {"messages": 1})]
        writer = threading.Thread(
            target=store.append,
            args=([part(A, number, number)],),
            kwargs={"epoch": epoch, "at": AT, "changes": changes},
        )
        writer.start()
        writer.join()
    stop.set()
    for watcher in watchers:
        watcher.join()
    assert store.head == 100
    for seen in heads:
        assert seen == sorted(seen)
    store.close()


def test_more_streams_than_are_remembered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "STREAMS_CACHED", 3)
    store = SqliteStore(path)
    epoch = store.acquire()
    for turn in range(3):
        for number in range(10):
            store.append([part(StreamId(f"s{number}"), turn, turn)], epoch=epoch, at=AT)
        assert len(store._streams) == 3
    store.append([part(StreamId(f"s{number}"), 3, 3) for number in range(10)], epoch=epoch, at=AT)
    assert {store.version(StreamId(f"s{number}")) for number in range(10)} == {4}
    store.close()


def test_a_refused_append_leaves_no_trace_of_its_new_streams_and_actors(path: Path) -> None:
    store = written(path)
    epoch = store.epoch()
    new = StreamAppend(StreamId("new"), NEW, [NewEvent(1, 1, b"x", "nobody", bytes(16))])
    with pytest.raises(Exception, match="version"):
        store.append([new, part(A, 9, 4)], epoch=epoch, at=AT)
    with raw(path) as connection:
        assert connection.execute("SELECT name FROM streams").fetchall() == [("run:a",)]
    store.append([new, part(A, 3, 4)], epoch=epoch, at=AT)
    assert [(e.stream, e.version) for e in store.read_all(after=store.head - 2, limit=9)] == [
        ("new", 1),
        ("run:a", 4),
    ]  # type: ignore[arg-type]
    store.close()


def test_the_log_is_folded_and_emptied(path: Path) -> None:
    store = SqliteStore(path, checkpoint_pages=50)
    epoch = store.acquire()
    log = path.with_name(path.name + "-wal")
    largest = 0
    for number in range(200):
        store.append(
            [StreamAppend(A, Version(number), [NewEvent(1, 1, bytes(4096), "x", bytes(16))])],
            epoch=epoch,
            at=AT,
        )
        largest = max(largest, log.stat().st_size)
    assert largest < 150 * 4096
    store.checkpoint(truncate=True)
    assert log.stat().st_size == 0
    store.close()


def test_an_event_costs_little_more_than_its_data(path: Path) -> None:
    store = SqliteStore(path)
    epoch = store.acquire()
    streams = [StreamId("run:%032x" % (number * 0x1234567)) for number in range(100)]
    data = bytes(200)
    for turn in range(100):
        batch = [
            StreamAppend(stream, Version(turn), [NewEvent(1, 1, data, "director", bytes(16), 99)])
            for stream in streams
        ]
        store.append(batch, epoch=epoch, at=AT)
    store.checkpoint(truncate=True)
    assert path.stat().st_size / store.head - len(data) < 115
    store.close()


def test_views_can_be_dropped_and_made_anew(path: Path) -> None:
    store = written(path)
    store.append([], epoch=store.epoch(), at=AT, changes=[Add("tally", (1,), {"messages": 5})])
    store.drop_tables(["tally"])
    store.create_tables([TALLY, TASKS])
    assert store.count("tally") == 0
    store.append([], epoch=store.epoch(), at=AT, changes=[Add("tally", (1,), {"messages": 1})])
    assert store.get("tally", (1,)) == {"day": 1, "messages": 1}
    store.close()


def indexes_of(path: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", (table,)
        )
        return {row[0] for row in rows if not row[0].startswith("sqlite_")}


def test_a_view_gets_an_index_that_it_was_given_later(path: Path) -> None:
    store = written(path)
    store.append([], epoch=store.epoch(), at=AT, changes=[Put("tasks", ("a", 1), {"state": "done"})])
    store.close()
    given = replace(TASKS, indexes=(("state",),))
    again = SqliteStore(path, tables=(RUNS, given, TALLY))
    assert indexes_of(path, "tasks") == {"tasks_by_state"}
    assert again.select("tasks", where={"state": "done"}) == [{"run": "a", "task": 1, "state": "done"}]
    again.close()


def test_a_view_that_was_given_a_column_can_be_read_before_it_is_folded_anew(path: Path) -> None:
    store = written(path)
    store.append([], epoch=store.epoch(), at=AT, changes=[Put("tasks", ("a", 1), {"state": "done"})])
    store.close()
    more = (*TASKS.columns, ("late", ColumnType.INTEGER))
    again = SqliteStore(path, tables=(RUNS, replace(TASKS, columns=more, indexes=(("late",),)), TALLY))
    assert indexes_of(path, "tasks") == {"tasks_by_late"}
    assert again.select("tasks") == [{"run": "a", "task": 1, "state": "done", "late": None}]
    again.close()


def test_a_view_of_another_key_is_left_to_be_folded_anew(path: Path) -> None:
    written(path).close()
    more = (*TASKS.columns, ("late", ColumnType.INTEGER))
    other = replace(TASKS, columns=more, key=("run",), indexes=(("late",),))
    SqliteStore(path, tables=(RUNS, other, TALLY)).close()
    assert indexes_of(path, "tasks") == set()


def test_a_store_that_failed_refuses_everything(path: Path) -> None:
    store = written(path)
    epoch = store.epoch()
    store._broken = "the disk failed"
    for access in (
        lambda: store.append([], epoch=epoch, at=AT),
        lambda: store.head,
        lambda: list(store.read(A)),
        store.epoch,
        store.acquire,
        store.checkpoint,
    ):
        with pytest.raises(StorageFailed):
            access()
    store.close()
