"""One changed byte, anywhere, is named at its position."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from mainstay.kernel.errors import MainstayError
from mainstay.kernel.ids import StreamId, digest
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import GENESIS, EventStore, Position
from mainstay.ledger.verify import Broken, Verified, verify
from mainstay.testing.conformance.store import AT, A, B, part

LAST = 12


def write(store: EventStore) -> None:
    epoch = store.acquire()
    for number in range(4):
        batch = [part(A, number * 2, number, number + 1), part(B, number, number, correlation="run:a")]
        store.append(batch, epoch=epoch, at=AT, blobs={digest(b"%d" % number): b"%d" % number})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    write(store)
    store.checkpoint(truncate=True)
    store.close()
    return tmp_path / "ledger.sqlite3"


def tamper(path: Path, *statements: str) -> None:
    """Change the file as someone who knows SQLite would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER IF EXISTS events_are_never_changed")
        connection.execute("DROP TRIGGER IF EXISTS events_are_never_deleted")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0


def position(verdict: Verified | Broken) -> int:
    assert isinstance(verdict, Broken), verdict
    assert verdict.reason
    return verdict.position


def test_a_whole_ledger_is_verified_by_file_and_by_store(path: Path) -> None:
    by_file = verify(path)
    memory = InMemoryStore()
    write(memory)
    assert by_file == Verified(LAST, memory.head_hash, blobs=4)
    assert verify(memory) == Verified(LAST, memory.head_hash)
    assert verify(InMemoryStore()) == Verified(0, GENESIS)


@pytest.mark.parametrize(
    "change",
    [
        "version = 99",
        "type = type + 1",
        "schema = schema + 1",
        "at = at + 1",
        "causation = 1",
        "correlation = 2",
        "correlation = 99",
        "correlation = stream",
        "actor = 99",
        "actor = (SELECT max(key) FROM actors) + 1",
        "stream = 99",
        "tx = CAST('sixteen bytes ...' AS BLOB)",
        "tx = x'00'",
        "hash = zeroblob(32)",
        "data = CAST(data || x'00' AS BLOB)",
        "data = CAST(x'00' || substr(data, 2) AS BLOB)",
        "data = x''",
    ],
)
@pytest.mark.parametrize("where", [1, 7, LAST])
def test_a_change_to_any_column_is_named(path: Path, change: str, where: int) -> None:
    of_itself = change in ("correlation = stream", "correlation = 2")
    tamper(path, f"UPDATE events SET {change} WHERE position = {where}")
    stored = verify(path)
    if of_itself and isinstance(stored, Verified):
        pytest.fail(f"{change} at {where} was not seen")
    assert position(stored) == where


def test_every_single_bit_of_an_events_data_and_hash_counts(path: Path) -> None:
    clean = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        stored, data = connection.execute("SELECT hash, data FROM events WHERE position = 5").fetchone()
    for needle in (stored, data):
        start = clean.index(stored) if needle is stored else clean.index(stored) + len(stored)
        assert clean[start : start + len(needle)] == needle
        for offset in range(len(needle)):
            changed = bytearray(clean)
            changed[start + offset] ^= 1 << (offset % 8)
            path.write_bytes(changed)
            assert position(verify(path)) == 5


def test_no_flipped_byte_of_the_file_goes_unseen_in_an_event(path: Path) -> None:
    """Flips over the pages of events: seen, or of no consequence for what is read."""
    clean = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").fetchone()[0]
        whole = connection.execute("SELECT * FROM events ORDER BY position").fetchall()
    harmless = 0
    for offset in range((root - 1) * 4096, root * 4096, 7):
        changed = bytearray(clean)
        changed[offset] ^= 0x10
        path.write_bytes(changed)
        verdict = verify(path)
        if isinstance(verdict, Verified):
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("SELECT * FROM events ORDER BY position").fetchall() == whole
            harmless += 1
    assert harmless < 4096 / 7


def test_renamed_streams_and_actors_are_seen(path: Path) -> None:
    tamper(path, "UPDATE streams SET name = 'run:c' WHERE name = 'run:b'")
    assert position(verify(path)) == 3
    tamper(path, "UPDATE actors SET name = 'somebody'")
    assert position(verify(path)) == 1


@pytest.mark.parametrize("where", [1, 5, 11])
def test_a_deleted_event_is_missed(path: Path, where: int) -> None:
    tamper(path, f"DELETE FROM events WHERE position = {where}")
    assert position(verify(path)) == where


def test_swapped_events_are_seen(path: Path) -> None:
    tamper(
        path,
        "UPDATE events SET position = -1 WHERE position = 4",
        "UPDATE events SET position = 4 WHERE position = 7",
        "UPDATE events SET position = 7 WHERE position = -1",
    )
    assert position(verify(path)) == 4


def test_an_inserted_event_is_seen(path: Path) -> None:
    columns = "stream, 77, type, schema, at, correlation, causation, actor, tx, hash, data"
    tamper(
        path,
        *(f"UPDATE events SET position = {n + 1} WHERE position = {n}" for n in range(LAST, 5, -1)),
        f"INSERT INTO events SELECT 6, {columns} FROM events WHERE position = 5",
    )
    assert position(verify(path)) == 6
    tamper(
        path, f"INSERT INTO events SELECT -3, {columns.replace('77', '78')} FROM events WHERE position = 5"
    )


def test_an_appended_forgery_without_the_chain_is_seen(path: Path) -> None:
    columns = "stream, 77, type, schema, at, correlation, causation, actor, tx, hash, data"
    tamper(path, f"INSERT INTO events SELECT {LAST + 1}, {columns} FROM events WHERE position = 5")
    assert position(verify(path)) == LAST + 1


def test_a_cut_tail_shows_against_an_anchor_only(path: Path) -> None:
    whole = verify(path)
    assert isinstance(whole, Verified)
    anchors = {LAST: whole.head_hash}
    assert verify(path, anchors=anchors) == whole
    assert position(verify(path, anchors={LAST: bytes(32)})) == LAST
    tamper(path, f"DELETE FROM events WHERE position > {LAST - 2}")
    assert isinstance(verify(path), Verified)
    assert position(verify(path, anchors=anchors)) == LAST - 1


def test_versions_that_do_not_follow_one_another_are_seen(tmp_path: Path) -> None:
    class Careless(InMemoryStore):
        def version(self, stream: StreamId) -> int:  # type: ignore[override]
            return super().version(stream) + (1 if self.head == 3 else 0)

    memory = Careless()
    epoch = memory.acquire()
    memory.append([part(A, 0, 1, 2, 3)], epoch=epoch, at=AT)
    memory.append([part(A, 4, 4)], epoch=epoch, at=AT)
    assert isinstance(verify(memory), Verified), "the chain itself holds"
    store = SqliteStore(tmp_path / "ledger.sqlite3")
    store.append([part(A, 0, 1, 2, 3)], epoch=store.acquire(), at=AT)
    stream = store._streams[A]
    stream.version = 4
    store.append([part(A, 4, 4)], epoch=store.epoch(), at=AT)
    store.close()
    assert position(verify(tmp_path / "ledger.sqlite3")) == 4


def test_changed_blobs_are_seen_in_rows_and_files(path: Path) -> None:
    folder = path.parent / "blobs"
    blobs = BlobStore(folder, lambda _: None)
    large = blobs.stage(bytes(100_000))
    verdict = verify(path, blobs=folder)
    assert isinstance(verdict, Verified)
    assert verdict.blobs == 5
    blobs.path(large.digest).write_bytes(bytes(99_999))
    broken = verify(path, blobs=folder)
    assert position(broken) == 0
    assert isinstance(broken, Broken)
    assert large.digest in broken.reason
    tamper(path, "UPDATE blobs SET data = x'00' WHERE key = 2")
    broken = verify(path)
    assert isinstance(broken, Broken)
    assert digest(b"1") in broken.reason


def test_a_file_that_is_no_ledger_is_broken_not_an_exception(path: Path, tmp_path: Path) -> None:
    assert position(verify(tmp_path / "missing")) == 0
    path.write_bytes(b"x" * 5000)
    assert position(verify(path)) == 0


def test_it_tells_how_far_it_is(path: Path) -> None:
    seen: list[Position] = []
    verify(path, progress=seen.append)
    assert seen == [LAST]


def test_one_changed_byte_anywhere_is_one_clear_error_or_of_no_consequence(path: Path) -> None:
    clean = path.read_bytes()
    store = SqliteReader(path)
    whole = store.read_all(limit=100)
    store.close()
    outcomes = Counter[str]()
    for offset in range(0, len(clean), 307):
        changed = bytearray(clean)
        changed[offset] ^= 0x41
        path.write_bytes(changed)
        for aside in path.parent.glob(path.name + "-*"):
            aside.unlink()
        try:
            store = SqliteStore(path)
            try:
                events = store.read_all(limit=100)
            finally:
                store.close()
        except MainstayError as error:
            outcomes["refused" if error.remedy else "refused without a remedy"] += 1
            continue
        if events != whole:
            assert isinstance(verify(path), Broken), f"a changed byte at {offset} was read and not seen"
            outcomes["broken"] += 1
        else:
            outcomes["no consequence"] += 1
    assert outcomes["refused"] > 3
    assert not outcomes["refused without a remedy"]
    assert outcomes["broken"] > 0
