"""The mark of a ledger's end: an end that is missing is refused, and a mark that is damaged harms nothing."""

import os
import sqlite3
from pathlib import Path

import pytest

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger.head_mark import MarkedStore, mark_path, read_mark
from mainstay.ledger.store import NewEvent, StreamAppend, Version

STREAM = StreamId("run:one")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def written(path: Path, *, events: int) -> None:
    store = MarkedStore(path)
    epoch = store.acquire()
    for _ in range(events):
        new = NewEvent(1, 1, b"{}", "test", bytes(16))
        store.append([StreamAppend(STREAM, store.version(STREAM), [new])], epoch=epoch, at=Instant(1))
    store.close()


def test_the_last_commit_is_marked(path: Path) -> None:
    assert read_mark(path) == {}
    written(path, events=3)
    ((position, hash),) = read_mark(path).items()
    assert position == 3
    store = MarkedStore(path)
    assert hash == store.head_hash
    assert store.acquire()
    store.close()


def test_a_commit_of_views_alone_is_not_marked(path: Path) -> None:
    store = MarkedStore(path)
    store.append((), epoch=store.acquire(), at=Instant(1))
    store.close()
    assert not mark_path(path).exists()


def test_an_end_that_is_missing_is_refused(path: Path) -> None:
    written(path, events=3)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER events_are_never_deleted")
        connection.execute("DELETE FROM events WHERE position = 3")
    connection.close()
    store = MarkedStore(path)
    with pytest.raises(LedgerCorrupt) as told:
        store.acquire()
    store.close()
    assert told.value.fields["marked"] == 3
    assert str(mark_path(path)) in str(told.value.why)


def test_another_ledger_of_the_same_length_is_refused(path: Path, tmp_path: Path) -> None:
    written(path, events=2)
    other = tmp_path / "other.db"
    store = MarkedStore(other)
    new = NewEvent(2, 1, b"{}", "test", bytes(16))
    store.append([StreamAppend(STREAM, Version(0), [new, new])], epoch=store.acquire(), at=Instant(1))
    store.close()
    os.replace(other, path)
    store = MarkedStore(path)
    with pytest.raises(LedgerCorrupt):
        store.acquire()
    store.close()


@pytest.mark.parametrize("byte", range(0, 64, 3))
def test_a_mark_that_is_damaged_says_nothing_and_is_written_again(path: Path, byte: int) -> None:
    written(path, events=2)
    mark = mark_path(path)
    raw = bytearray(mark.read_bytes())
    if byte < len(raw):
        raw[byte] ^= 4
        mark.write_bytes(raw)
        assert read_mark(path) == {}
    written(path, events=1)
    assert list(read_mark(path)) == [3]


def test_a_mark_that_cannot_be_written_stops_nobody(path: Path) -> None:
    mark_path(path).mkdir()
    written(path, events=2)
    assert read_mark(path) == {}
    store = MarkedStore(path)
    assert store.head == 2
    store.close()
