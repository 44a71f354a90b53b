"""What is sealed is never lost, reads as before, and one changed byte of it is seen."""

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, LedgerTooNew, StorageFull
from mainstay.kernel.events import NUMBER_OF, WorkflowRegistered
from mainstay.kernel.ids import StreamId, digest
from mainstay.kernel.values import Instant
from mainstay.ledger import compaction, schema
from mainstay.ledger.compaction import Compaction, closed_until, compact
from mainstay.ledger.export import export
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projections.runs import OpenRuns
from mainstay.ledger.rows import META
from mainstay.ledger.segments import BLOCK_EVENTS, Segment, linked
from mainstay.ledger.segments_sealing import row_of, seal
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SEGMENTS, SqliteReader
from mainstay.ledger.store import GENESIS, EventStore, NewEvent, Position, Put, StreamAppend, Version
from mainstay.ledger.verify import Broken, Verified, verify
from mainstay.testing.conformance.compacted import seal_range
from mainstay.testing.conformance.store import AT, event

OPEN_RUNS = OpenRuns()
STREAMS = [StreamId(name) for name in ("inbox:mail", "workspace", "run:a", "run:b", "run:c")]
EVENTS = 1_500


def fill(store: EventStore, *, events: int = EVENTS, seed: int = 1) -> None:
    """A ledger of a few streams in a random order, with everything that an envelope may hold."""
    draw = random.Random(seed)
    epoch = store.acquire()
    versions: dict[StreamId, int] = {one: store.version(one) for one in STREAMS}
    number = store.head
    while number < events:
        batch: list[StreamAppend] = []
        for stream in draw.sample(STREAMS, draw.randint(1, 3)):
            new = []
            for _ in range(draw.randint(1, 4)):
                number += 1
                causation = draw.choice([0, number - 1, draw.randint(0, number + 2)])
                new.append(event(number, actor=draw.choice(["director", "operator"]), causation=causation))
            about = draw.choice(["", stream, "run:a", "message:never-a-stream"])
            batch.append(StreamAppend(stream, Version(versions[stream]), new, about))
            versions[stream] += len(new)
        store.append(batch, epoch=epoch, at=Instant(AT + draw.randint(-5, 5)))


def opened(path: Path) -> SqliteStore:
    return SqliteStore(path, tables=OPEN_RUNS.tables)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger of which nothing is sealed yet, whose runs are all over."""
    path = tmp_path / "desk" / "ledger.db"
    path.parent.mkdir()
    with closing(opened(path)) as store:
        fill(store)
        mark = Put(META.name, ("projection:open_runs",), {"value": str(OPEN_RUNS.version)})
        store.append((), epoch=store.epoch(), at=AT, changes=[mark])
    return path


def run_compaction(path: Path, **options: object) -> Compaction:
    options.setdefault("segment_events", 400)
    with closing(opened(path)) as store:
        return compact(store, epoch=store.acquire(), at=AT, **options)  # type: ignore[arg-type]


@pytest.fixture
def sealed(path: Path) -> Path:
    """The same with three segments, and some hundreds of events in the table."""
    assert run_compaction(path).segments == 3
    return path


def whole(path: Path) -> list[object]:
    """All that can be read of a ledger."""
    with closing(SqliteReader(path)) as reader:
        everything = reader.read_all(limit=100_000)
        return [everything, reader.head_hash, *(list(reader.read(one)) for one in STREAMS)]


# --- reading ------------------------------------------------------------------------------------------------


def test_it_reads_as_before(path: Path) -> None:
    before = whole(path)
    with closing(SqliteReader(path)) as reader:
        lines = list(export(reader, "urn:x"))
    done = run_compaction(path)
    assert (done.segments, done.events, done.sealed) == (3, 1_200, 1_200)
    assert rows_in_table(path) == EVENTS - 1_200 + over(path)
    assert whole(path) == before
    with closing(SqliteReader(path)) as reader:
        assert list(export(reader, "urn:x")) == lines


def over(path: Path) -> int:
    with closing(SqliteReader(path)) as reader:
        return reader.head - EVENTS


def rows_in_table(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def test_every_read_from_every_place_gives_what_a_plain_store_gives(sealed: Path) -> None:
    plain = InMemoryStore()
    fill(plain)
    with closing(SqliteReader(sealed)) as reader:
        for after in [*range(0, 1_300, 37), 255, 256, 257, 399, 400, 401, 1_199, 1_200, 1_201, 1_490]:
            for limit in (1, 2, 256, 300, 5_000):
                wanted = plain.read_all(after=Position(after), limit=limit)
                assert reader.read_all(after=Position(after), limit=limit) == wanted
        for stream in STREAMS:
            assert reader.version(stream) == plain.version(stream)
            for after in range(0, plain.version(stream) + 2, 13):
                assert list(reader.read(stream, after=Version(after))) == list(
                    plain.read(stream, after=Version(after))
                )
        wanted_many = {stream: Version(number * 40) for number, stream in enumerate(STREAMS)}
        assert {name: list(some) for name, some in reader.read_many(wanted_many)} == {
            name: list(some) for name, some in plain.read_many(wanted_many)
        }


def test_a_stream_that_is_sealed_whole_goes_on_where_it_ended(path: Path) -> None:
    with closing(opened(path)) as store:
        epoch = store.acquire()
        seal_range(store, 0, store.head - 1, epoch=epoch, at=AT)
        versions = [store.version(one) for one in STREAMS]
    with closing(opened(path)) as store:
        epoch = store.acquire()
        for stream, version in zip(STREAMS, versions, strict=True):
            assert store.version(stream) == version > 0
            store.append([StreamAppend(stream, version, [event(1)])], epoch=epoch, at=AT)
            assert [one.version for one in store.read(stream, after=Version(version - 1))] == [
                version,
                version + 1,
            ]
    assert isinstance(verify(path), Verified)


def test_a_reader_that_was_open_sees_what_is_sealed_meanwhile(path: Path) -> None:
    before = whole(path)
    with closing(SqliteReader(path)) as reader, closing(opened(path)) as store:
        reading = reader.read(STREAMS[0])
        first = [next(reading) for _ in range(3)]
        epoch = store.acquire()
        seal_range(store, 0, 900, epoch=epoch, at=AT)
        seal_range(store, 900, 1_100, epoch=epoch, at=AT)
        assert [first + list(reading)] == [before[2]]
        assert reader.read_all(limit=100_000) == before[0]


def test_a_writer_that_was_open_goes_on_after_another_one_sealed(path: Path) -> None:
    with closing(opened(path)) as first, closing(opened(path)) as second:
        epoch = first.acquire()
        version = first.version(STREAMS[2])
        first.append([StreamAppend(STREAMS[2], version, [event(1)])], epoch=epoch, at=AT)
        seal_range(second, 0, second.head - 1, epoch=epoch, at=AT)
        first.append([StreamAppend(STREAMS[2], Version(version + 1), [event(2)])], epoch=epoch, at=AT)
    assert isinstance(verify(path), Verified)


# --- what may be sealed -------------------------------------------------------------------------------------


def begin_run(path: Path, position: int) -> None:
    with closing(opened(path)) as store:
        row = Put("open_runs", (f"{position}",), {"position": position, "status": "running"})
        store.append((), epoch=store.acquire(), at=AT, changes=[row])


def test_nothing_from_the_first_event_of_an_open_run_on(path: Path) -> None:
    begin_run(path, 900)
    begin_run(path, 700)
    done = run_compaction(path, segment_events=300)
    assert (done.sealed, done.open_from) == (600, 700)
    done = run_compaction(path, before=Position(5_000))
    assert (done.sealed, done.open_from) == (699, 700)


def test_the_last_event_stays_in_the_table(path: Path) -> None:
    with closing(SqliteReader(path)) as reader:
        head = reader.head
    done = run_compaction(path, before=Position(10**9))
    assert (done.sealed, rows_in_table(path)) == (head - 1, 1)
    assert verify(path) == Verified(head, whole(path)[1])  # type: ignore[arg-type]


def test_up_to_but_not_including_the_position_given(path: Path) -> None:
    assert run_compaction(path, before=Position(101)).sealed == 100
    assert run_compaction(path, before=Position(101)).segments == 0
    assert run_compaction(path, before=Position(50)).segments == 0
    assert run_compaction(path, before=Position(501)).sealed == 500


def test_a_handful_of_events_is_left_alone_unless_asked_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "SEGMENT_EVENTS_MIN", 5_000)
    assert run_compaction(path, segment_events=10_000).segments == 0
    assert run_compaction(path, segment_events=10_000, before=Position(20)).sealed == 19


def test_views_of_another_version_seal_nothing(path: Path) -> None:
    with closing(opened(path)) as store:
        mark = Put(META.name, ("projection:open_runs",), {"value": "0"})
        store.append((), epoch=store.acquire(), at=AT, changes=[mark])
    with pytest.raises(CommandRefused, match="which runs are over"):
        run_compaction(path)
    assert rows_in_table(path) == EVENTS + over(path)


def test_an_empty_ledger_has_nothing_to_seal(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "ledger.db")) as store:
        epoch = store.acquire()
        mark = Put(META.name, ("projection:open_runs",), {"value": str(OPEN_RUNS.version)})
        store.append((), epoch=epoch, at=AT, changes=[mark])
        assert closed_until(store) == 0
        assert compact(store, epoch=epoch, at=AT).segments == 0


def test_what_is_damaged_is_never_sealed(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_are_never_changed")
        connection.execute("UPDATE events SET data = CAST('x' AS BLOB) WHERE position = 444")
    with pytest.raises(LedgerCorrupt) as refused:
        run_compaction(path)
    assert refused.value.fields["position"] == 444
    assert rows_in_table(path) == EVENTS + over(path) - 400
    assert [one.name for one in (path.parent / SEGMENTS).iterdir()] == ["000000000001-000000000400.segment"]


def test_space_that_is_free_goes_back_to_the_disk(path: Path) -> None:
    before = path.stat().st_size
    done = run_compaction(path, before=Position(10**9))
    assert done.freed_bytes > 0
    assert path.stat().st_size == before - done.freed_bytes < before / 2


# --- guards in the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("DELETE FROM events WHERE position = 1300", "events are never deleted"),
        ("DELETE FROM events", "events are never deleted"),
        ("UPDATE events SET data = x'00' WHERE position = 1300", "events are never changed"),
        ("DELETE FROM segments", "segments are never deleted"),
        ("UPDATE segments SET last = last + 1 WHERE first = 801", "segments are never changed"),
        ("INSERT INTO segments SELECT 1210, 1201, 'x', 1, x'', x'', x'', 1", "does not follow"),
        (
            "INSERT INTO segments SELECT 1210, 1202, 'x', 1, x'', s.after, e.hash, 1 "
            "FROM segments s, events e WHERE s.last = 1200 AND e.position = 1210",
            "does not follow",
        ),
        (
            "INSERT INTO segments SELECT 1210, 1201, 'x', 1, x'', s.after, e.hash, 1 "
            "FROM segments s, events e WHERE s.last = 1200 AND e.position = 1211",
            "does not follow",
        ),
        (
            "INSERT INTO segments SELECT m, 1201, 'x', 1, x'', s.after, e.hash, 1 FROM segments s, events e, "
            "(SELECT max(position) AS m FROM events) WHERE s.last = 1200 AND e.position = m",
            "does not follow",
        ),
    ],
)
def test_the_file_itself_refuses_to_lose_an_event(sealed: Path, statement: str, why: str) -> None:
    before = whole(sealed)
    connection = sqlite3.connect(sealed, isolation_level=None)
    with closing(connection), pytest.raises(sqlite3.IntegrityError, match=why):
        connection.execute(statement)
    assert whole(sealed) == before


# --- crashes ------------------------------------------------------------------------------------------------


class Crash(BaseException):
    """The power goes."""


@pytest.mark.parametrize("name", ["packed", "written", "read back", "renamed", "named", "sealed"])
@pytest.mark.parametrize("which", [1, 2])
def test_a_crash_between_any_two_steps_loses_nothing(path: Path, name: str, which: int) -> None:
    before = whole(path)
    times = 0

    def crash(step: str) -> None:
        nonlocal times
        times += step == name
        if times == which:
            raise Crash

    with pytest.raises(Crash):
        run_compaction(path, step=crash)
    assert whole(path) == before
    assert isinstance(verify(path), Verified)
    run_compaction(path)
    assert whole(path) == before
    assert isinstance(verify(path), Verified)
    assert sorted(one.name for one in (path.parent / SEGMENTS).iterdir()) == segment_names(path)
    assert len(segment_names(path)) == 3


def segment_names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM segments ORDER BY last")]


@pytest.mark.parametrize(
    "statement", ["BEGIN", "INSERT INTO segments", "INSERT INTO sealed", "DELETE", "COMMIT"]
)
def test_a_transaction_that_fails_leaves_every_event_in_the_table(
    path: Path, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = whole(path)
    with closing(opened(path)) as store:
        epoch = store.acquire()
        real = store._writer
        assert real is not None

        class Failing:
            def execute(self, sql: str, values: object = ()) -> object:
                if sql.startswith(statement):
                    raise sqlite3.OperationalError("no more")
                return real.execute(sql, values)

            def executemany(self, sql: str, rows: object) -> object:
                if sql.startswith(statement):
                    raise sqlite3.OperationalError("no more")
                return real.executemany(sql, rows)  # type: ignore[arg-type]

            close = real.close

        monkeypatch.setattr(store, "_writer", Failing())
        with pytest.raises(Exception, match="no more"):
            seal_range(store, 0, 400, epoch=epoch, at=AT)
    assert whole(path) == before
    assert rows_in_table(path) == EVENTS + over(path)
    run_compaction(path)
    assert whole(path) == before


def test_an_orphan_of_another_size_goes_and_a_stranger_stays(sealed: Path) -> None:
    folder = sealed.parent / SEGMENTS
    (folder / "000000001201-000000001210.segment").write_bytes(b"half of it")
    (folder / "000000000001-000000000007.segment").write_bytes(b"of nobody, and nothing is lost with it")
    (folder / "notes.txt").write_text("mine")
    run_compaction(sealed)
    names = {one.name for one in folder.iterdir()} - set(segment_names(sealed))
    assert names == {"000000000001-000000000007.segment", "notes.txt"}


def test_a_full_disk_moves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = whole(path)

    def full(place: Path, data: bytes) -> None:
        place.write_bytes(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compaction, "write_durably", full)
    with pytest.raises(StorageFull, match="No event was moved"):
        run_compaction(path)
    assert whole(path) == before
    assert list((path.parent / SEGMENTS).iterdir()) == []


def test_bytes_that_the_disk_changed_are_not_sealed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = whole(path)

    def lying(place: Path, data: bytes) -> None:
        changed = bytearray(data)
        changed[len(data) // 2] ^= 4
        place.write_bytes(changed)

    monkeypatch.setattr(compaction, "write_durably", lying)
    with pytest.raises(LedgerCorrupt):
        run_compaction(path)
    assert whole(path) == before
    assert rows_in_table(path) == EVENTS + over(path)


# --- proof --------------------------------------------------------------------------------------------------


def files(path: Path) -> list[Path]:
    return sorted((path.parent / SEGMENTS).iterdir())


def test_a_compacted_ledger_is_verified_like_the_one_before(path: Path) -> None:
    before = verify(path)
    run_compaction(path)
    assert verify(path) == before


def test_no_flipped_byte_of_a_segment_goes_unseen(sealed: Path) -> None:
    middle = files(sealed)[1]
    clean = middle.read_bytes()
    segment = Segment(middle, first=401)
    places: set[int] = set()
    for offset in [*range(170), *range(170, len(clean), 61), len(clean) - 1]:
        changed = bytearray(clean)
        changed[offset] ^= 0x10
        middle.write_bytes(changed)
        found = verify(sealed)
        assert isinstance(found, Broken), f"a changed byte at {offset} was not seen"
        assert 401 <= found.position <= 800
        places.add(found.position)
    assert places >= {401, segment.begins(1)}, "damage is named by the block it lies in"


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "longer", "another", "newer"])
def test_a_file_that_is_not_what_was_sealed_is_named(sealed: Path, damage: str) -> None:
    first, middle, _ = files(sealed)
    clean = middle.read_bytes()
    match damage:
        case "missing":
            middle.unlink()
        case "empty":
            middle.write_bytes(b"")
        case "cut":
            middle.write_bytes(clean[:-1])
        case "longer":
            middle.write_bytes(clean + b"\x00")
        case "newer":
            middle.write_bytes(clean[:8] + b"\x00\x09" + clean[10:])
        case _:
            middle.write_bytes(first.read_bytes())
    found = verify(sealed)
    assert isinstance(found, Broken)
    assert 401 <= found.position <= 800
    with closing(SqliteReader(sealed)) as reader:
        assert len(reader.read_all(limit=400)) == 400
        if damage != "longer":
            with pytest.raises(LedgerCorrupt, match="sealed part") as refused:
                reader.read_all(limit=1_000)
            assert "segments/" in refused.value.remedy


def test_a_rewritten_segment_is_seen_at_its_end_even_if_it_proves_itself(sealed: Path) -> None:
    """Whoever rewrites a segment with all its hashes cannot rewrite the one that the ledger has of it."""
    with closing(SqliteReader(sealed)) as reader:
        rows = [list(row_of(one)) for one in reader.read_all(after=Position(400), limit=400)]
    plain = InMemoryStore()
    fill(plain)
    rows[7][11] = b"forged"
    previous = plain.read_all(after=Position(399), limit=1)[0].hash

    for row in rows:
        previous = row[10] = linked(previous, tuple(row))
    forged = seal([tuple(row) for row in rows], plain.read_all(after=Position(399), limit=1)[0].hash)
    files(sealed)[1].write_bytes(forged.data)
    found = verify(sealed)
    assert isinstance(found, Broken)
    assert found.position == 401


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM sealed_streams WHERE stream = 1 AND segment = 400",
        "UPDATE sealed_streams SET first = first + 1 WHERE segment = 800",
        "UPDATE streams SET name = 'run:z' WHERE name = 'run:a'",
        "INSERT INTO sealed_streams VALUES (99, 1, 1, 400)",
        "UPDATE segments SET after = zeroblob(32) WHERE last = 400",
        "UPDATE segments SET digest = zeroblob(32) WHERE last = 400",
    ],
)
def test_a_change_to_what_the_ledger_says_of_segments_is_seen(sealed: Path, statement: str) -> None:
    with closing(sqlite3.connect(sealed, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER segments_are_never_changed")
        assert connection.execute(statement).rowcount > 0
    assert isinstance(verify(sealed), Broken)


def test_anchors_are_held_against_segments_too(sealed: Path) -> None:
    with closing(SqliteReader(sealed)) as reader:
        signed = reader.read_all(after=Position(99), limit=1)[0].hash
    assert isinstance(verify(sealed, anchors={100: signed}), Verified)
    found = verify(sealed, anchors={100: bytes(32)})
    assert isinstance(found, Broken)
    assert found.position == 100


def test_a_blob_that_a_sealed_event_refers_to_is_missed(tmp_path: Path) -> None:
    path, name = tmp_path / "ledger.db", digest(b"the definition")
    with closing(SqliteStore(path)) as store:
        fill(store, events=300)
        epoch = store.acquire()
        kind, data = NUMBER_OF[WorkflowRegistered], b'{"definition":"%s"}' % name.encode()
        new = [NewEvent(kind, 1, data, "operator", bytes(16))]
        for blobs in ({name: b"the definition"}, {}):
            stream = StreamId("workflows")
            batch = [StreamAppend(stream, store.version(stream), new)]
            position = store.append(batch, epoch=epoch, at=AT, blobs=blobs)
        seal_range(store, 0, position - 1, epoch=epoch, at=AT)
    assert isinstance(verify(path, blobs=tmp_path / "blobs"), Verified)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM blobs")
    found = verify(path, blobs=tmp_path / "blobs")
    assert isinstance(found, Broken)
    assert (found.position, name in found.reason) == (position - 1, True)


# --- the format ---------------------------------------------------------------------------------------------


def test_the_bytes_of_a_segment_depend_on_its_events_alone(path: Path, tmp_path: Path) -> None:
    plain = InMemoryStore()
    fill(plain)
    rows = [row_of(one) for one in plain.read_all(limit=600)]
    one, two = seal(rows, GENESIS), seal(iter(rows), GENESIS)
    assert one == two
    run_compaction(path, segment_events=600)
    assert files(path)[0].read_bytes() == one.data
    assert files(path)[0].name == one.name == "000000000001-000000000600.segment"


@pytest.mark.parametrize("count", [1, BLOCK_EVENTS - 1, BLOCK_EVENTS, BLOCK_EVENTS + 1, 3 * BLOCK_EVENTS])
def test_segments_of_any_size_give_back_what_was_put_in(tmp_path: Path, count: int) -> None:
    plain = InMemoryStore()
    fill(plain)
    events = plain.read_all(after=Position(17), limit=count)
    made = seal([row_of(one) for one in events], plain.read_all(after=Position(16), limit=1)[0].hash)
    place = tmp_path / made.name
    place.write_bytes(made.data)
    segment = Segment(place, first=18)
    assert tuple(one for block in range(segment.blocks) for one in segment.events(block)) == events
    assert sum(segment.types.values()) == count
    assert {name: held.last for name, held in segment.streams.items()} == {
        one.stream: one.version for one in events
    }


# --- older files --------------------------------------------------------------------------------------------


def as_version_1(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A ledger as an earlier Mainstay left it."""
    with monkeypatch.context() as patched:
        patched.setattr(schema, "SCHEMA_VERSION", 1)
        patched.setattr(schema, "_STEPS", schema._STEPS[:1])
        patched.setattr(
            "mainstay.ledger.sqlite._SELECT_STREAM",
            "SELECT s.key, coalesce((SELECT max(version) FROM events WHERE stream = s.key), 0) "
            "FROM streams s WHERE s.name = ?",
        )
        with closing(SqliteStore(path)) as store:
            fill(store)
    assert shape(path)[0] == 1
    return whole(path)


def shape(path: Path) -> tuple[int, set[tuple[str, str]]]:
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return version, set(connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL"))


def test_a_ledger_of_version_1_is_read_as_it_is_and_brought_forward_by_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    before = as_version_1(path, monkeypatch)
    old = tmp_path / "old.db"
    shutil.copy(path, old)
    with closing(SqliteReader(old)) as reader:
        assert reader.version(StreamId("run:none")) == 0
        assert reader.version(STREAMS[0]) > 0
        with closing(SqliteStore(old)) as store:  # the reader was there before
            seal_range(store, 0, 900, epoch=store.acquire(), at=AT)
        assert reader.read_all(limit=100_000) == before[0]
    assert isinstance(verify(path), Verified), "as it is"
    with closing(SqliteStore(path)):
        pass
    assert whole(path) == before
    with closing(SqliteStore(tmp_path / "new.db")):
        pass
    assert shape(path) == shape(tmp_path / "new.db")
    assert shape(path)[0] == schema.SCHEMA_VERSION
    with closing(SqliteStore(path)) as store:
        seal_range(store, 0, 900, epoch=store.acquire(), at=AT)
    assert whole(path) == before


def test_a_step_forward_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.db"
    before = as_version_1(path, monkeypatch)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE sealed_streams (x)")
    with pytest.raises(LedgerCorrupt):
        SqliteStore(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE sealed_streams")
    assert shape(path)[0] == 1
    assert whole(path) == before


def test_a_newer_version_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")
    for door in (SqliteStore, SqliteReader):
        with pytest.raises(LedgerTooNew):
            door(path)
