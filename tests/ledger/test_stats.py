"""The numbers of a ledger add up, sealed or not."""

from contextlib import closing
from pathlib import Path

import pytest

from mainstay.kernel.events import NUMBER_OF, CursorAdvanced, DirectorStarted
from mainstay.kernel.ids import WORKSPACE, StreamId
from mainstay.kernel.values import DAY, Instant
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.projections import TABLES
from mainstay.ledger.rows import META
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.stats import Day, LedgerStats, ledger_stats
from mainstay.ledger.store import NewEvent, Put, StreamAppend
from mainstay.testing.conformance.compacted import seal_range

TODAY = 20_000
NOW = Instant(TODAY * DAY + DAY // 2)
INBOX = StreamId("inbox:mail")
PER_DAY = (3, 0, 40, 1, 0, 200, 16)  # the last seven days, the oldest first
BEFORE = 50


def append(store: SqliteStore, stream: StreamId, kind: type, count: int, at: int) -> None:
    events = [NewEvent(NUMBER_OF[kind], 1, b"{}" * 50, "director", bytes(16))] * count
    store.append([StreamAppend(stream, store.version(stream), events)], epoch=store.epoch(), at=Instant(at))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    with closing(SqliteStore(path, tables=TABLES)) as store:
        store.acquire()
        append(store, WORKSPACE, DirectorStarted, BEFORE, (TODAY - 30) * DAY)
        for number, count in enumerate(PER_DAY):
            append(store, INBOX, CursorAdvanced, count, (TODAY - 6 + number) * DAY)
        BlobStore(tmp_path / "blobs", store.blob).stage(bytes(100_000))
    return path


def measured(path: Path, now: Instant = NOW) -> LedgerStats:
    return ledger_stats(path, path.parent / "blobs", now=now)


HEAD = BEFORE + sum(PER_DAY)


def test_events_are_counted_by_type_stream_and_day(path: Path) -> None:
    found = measured(path)
    assert (found.head, found.first_at, found.last_at) == (HEAD, (TODAY - 30) * DAY, TODAY * DAY)
    assert found.types == {"cursor.advanced": sum(PER_DAY), "director.started": BEFORE}
    assert found.kinds == {"inbox": sum(PER_DAY), "workspace": BEFORE}
    assert found.days == tuple(Day(TODAY - 6 + number, count) for number, count in enumerate(PER_DAY))
    assert (found.blob_files, found.blob_file_bytes) == (1, 100_000)


def test_they_are_the_same_when_sealed(path: Path) -> None:
    before = measured(path)
    with closing(SqliteStore(path)) as store:
        epoch = store.acquire()
        seal_range(store, 0, 60, epoch=epoch, at=NOW)
        seal_range(store, 60, 200, epoch=epoch, at=NOW)
    after = measured(path)
    for name in ("head", "head_hash", "first_at", "last_at", "types", "kinds", "days"):
        assert getattr(after, name) == getattr(before, name), name
    assert (after.segments, after.sealed) == (2, 200)
    assert after.segment_bytes == sum(one.stat().st_size for one in (path.parent / "segments").iterdir())


def test_sizes_are_those_of_the_file(path: Path) -> None:
    found = measured(path)
    assert found.file_bytes == path.stat().st_size
    assert found.tables[0].table == "events"
    assert found.tables[0].rows == HEAD
    assert found.free_bytes <= found.file_bytes - sum(one.bytes for one in found.tables)
    assert {one.table: one.rows for one in found.tables}["open_runs"] == 0


def test_growth_is_that_of_the_last_week(path: Path) -> None:
    found = measured(path)
    assert found.bytes_an_event > 150
    assert found.bytes_a_day == found.bytes_an_event * sum(PER_DAY) // 7
    assert found.disk_full_in_days == found.disk_free_bytes // found.bytes_a_day
    quiet = measured(path, Instant(NOW + 30 * DAY))
    assert (quiet.bytes_a_day, quiet.disk_full_in_days) == (0, None)
    assert sum(one.events for one in quiet.days) == 0


def test_a_ledger_of_today_is_not_thinned_over_a_week(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "ledger.db")) as store:
        store.acquire()
        append(store, INBOX, CursorAdvanced, 70, TODAY * DAY)
    found = measured(tmp_path / "ledger.db")
    assert found.bytes_a_day == found.bytes_an_event * 70


def test_an_empty_ledger_has_numbers_too(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "ledger.db")):
        pass
    found = measured(tmp_path / "ledger.db")
    assert (found.head, found.first_at, found.last_at, found.types) == (0, None, None, {})
    assert found.disk_full_in_days is None


def test_views_say_whether_they_are_of_this_version(path: Path) -> None:
    found = measured(path)
    assert not any(one.current for one in found.views), "nobody has folded them here"
    with closing(SqliteStore(path, tables=TABLES)) as store:
        marks = [
            Put(META.name, (f"projection:{one.name}",), {"value": str(one.version)})
            for one in found.views[1:]
        ]
        store.append((), epoch=store.acquire(), at=NOW, changes=marks)
    assert [one.current for one in measured(path).views] == [False] + [True] * (len(found.views) - 1)
