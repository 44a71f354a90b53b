"""A backup is one moment, whole, read back, and writes over nothing."""

import itertools
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, LedgerTooNew, NotFound, StorageFull
from mainstay.kernel.ids import SubjectId, digest
from mainstay.kernel.values import Instant
from mainstay.ledger import backup
from mainstay.ledger.backup import (
    BLOBS,
    LEDGER,
    MANIFEST,
    SUFFIX,
    back_up,
    backups,
    copy_keys,
    prune,
    read_manifest,
    verify_backup,
)
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.keys import SqliteKeys, WrappedKey
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.verify import Verified, verify
from mainstay.testing.conformance.store import AT, A, B, part

BIG = bytes(200_000)
KEYS_FRESH = "keys.fresh"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "desk" / ".mainstay"
    state.mkdir(parents=True)
    (state / "id").write_text("0011aabb\n")
    (state / "keys.sqlite3").write_bytes(b"the keys of everybody")
    store = SqliteStore(state / LEDGER)
    blobs = BlobStore(state / BLOBS, store.blob)
    blobs.stage(BIG)
    epoch = store.acquire()
    for number in range(300):
        store.append(
            [part(A, number, number), part(B, number * 2, number, number)],
            epoch=epoch,
            at=AT,
            blobs={digest(b"%d" % number): b"%d" % number},
        )
    store.close()
    return state


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    return shelf


def take(state: Path, target: Path, at: int = AT, **options: object) -> backup.BackupReport:
    return back_up(state, target, at=Instant(at), version="1.2.3", **options)  # type: ignore[arg-type]


def test_a_backup_holds_the_ledger_and_says_what_it_holds(state: Path, shelf: Path) -> None:
    (state / "labels.jsonl").write_text("{}\n")
    report = take(state, shelf / "mine")
    assert report.path == shelf / "mine"
    whole = verify(state / LEDGER, blobs=state / BLOBS)
    assert isinstance(whole, Verified)
    manifest = report.manifest
    assert (manifest.head, manifest.head_hash) == (900, whole.head_hash.hex())
    assert (manifest.workspace, manifest.version, manifest.made_at) == ("0011aabb", "1.2.3", AT)
    assert (manifest.blob_files, manifest.blob_bytes, report.blobs) == (1, len(BIG), 301)
    assert verify(report.path / LEDGER, blobs=report.path / BLOBS) == whole
    assert read_manifest(report.path) == verify_backup(report.path) == manifest
    assert (report.path / "id").read_text() == "0011aabb\n"
    assert (report.path / "labels.jsonl").read_text() == "{}\n"
    assert report.same_disk


def test_keys_are_never_in_a_backup(state: Path, shelf: Path) -> None:
    report = take(state, shelf)
    names = [path.name for path in report.path.rglob("*")]
    assert not [name for name in names if "keys" in name]
    assert not [
        path for path in report.path.rglob("*") if path.is_file() and b"the keys of" in path.read_bytes()
    ]


def test_keys_are_copied_apart_from_backups_only(state: Path, shelf: Path) -> None:
    keys = SqliteKeys(state / KEYS_FRESH)
    keys.put({SubjectId("aa" * 16): WrappedKey(1, b"wrapped")})
    (state / KEYS_FRESH).replace(state / "keys.sqlite3")
    (state / (KEYS_FRESH + "-wal")).replace(state / "keys.sqlite3-wal")
    made = take(state, shelf / "mine").path
    for place in (made / "keys", made / "deep" / "keys", state / "copy", shelf / "mine"):
        with pytest.raises(CommandRefused):
            copy_keys(state, place)
    copied = copy_keys(state, shelf / "keys")
    assert copied.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copied)) as connection:
        assert connection.execute("SELECT wrapped FROM subjects").fetchall() == [(b"wrapped",)]
    assert sorted(one.name for one in shelf.iterdir()) == ["keys", "mine"]
    (state / "keys.sqlite3").unlink()
    with pytest.raises(NotFound, match="no keys yet"):
        copy_keys(state, shelf / "more")
    keys.close()


def test_nobody_else_can_look_into_it(state: Path, shelf: Path) -> None:
    report = take(state, shelf)
    assert {path.stat().st_mode & 0o077 for path in (report.path, *report.path.rglob("*"))} == {0}


def test_within_a_folder_it_is_named_after_workspace_and_time(state: Path, shelf: Path) -> None:
    report = take(state, shelf, at=1_760_000_000_000_000)
    assert report.path == shelf / f"0011aabb-20251009T085320Z{SUFFIX}"
    with pytest.raises(CommandRefused, match="there already"):
        take(state, shelf, at=1_760_000_000_000_000)


@pytest.mark.parametrize("there", ["file", "folder with things", "backup", "link"])
def test_nothing_is_written_over(state: Path, shelf: Path, there: str) -> None:
    target = shelf / "mine"
    match there:
        case "file":
            target.write_text("precious")
        case "backup":
            take(state, target)
        case "link":
            target.symlink_to(shelf / "nowhere")
        case _:
            target.mkdir()
            (target / f"0011aabb-20251009T085320Z{SUFFIX}").mkdir()
    before = sorted(shelf.rglob("*"))
    with pytest.raises(CommandRefused, match="there already"):
        take(state, target)
    assert sorted(shelf.rglob("*")) == before


def test_what_cannot_be_a_place_is_refused(state: Path, shelf: Path) -> None:
    with pytest.raises(CommandRefused, match="no folder"):
        take(state, shelf / "no" / "such")
    with pytest.raises(CommandRefused, match="copy of"):
        take(state, state / "mine")
    (state / LEDGER).unlink()
    with pytest.raises(NotFound, match="no ledger"):
        take(state, shelf)
    assert list(shelf.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(
    state: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "SPARE_BYTES", 1 << 60)
    with pytest.raises(StorageFull, match="not enough space"):
        take(state, shelf)
    assert list(shelf.iterdir()) == []


def test_it_is_one_moment_while_a_writer_appends(
    state: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends between any two steps of the copy: it is neither begun anew nor mixed."""
    monkeypatch.setattr(backup, "PAGES_A_STEP", 3)
    writer = SqliteStore(state / LEDGER)
    epoch = writer.acquire()
    numbers = itertools.count()
    steps: list[int] = []

    def append(what: str, done: int, of: int) -> None:
        if what == "Copying the ledger":
            steps.append(done)
            version = writer.version(A)
            writer.append([part(A, version, next(numbers))], epoch=epoch, at=AT)
            writer.checkpoint()

    report = take(state, shelf, progress=append)
    assert len(steps) > 10
    assert steps == sorted(set(steps)), "the copy began anew"
    assert report.manifest.head == 900
    assert writer.head == 900 + len(steps)
    writer.close()
    assert verify_backup(report.path).head == 900
    assert take(state, shelf / "later").manifest.head == 900 + len(steps)


def test_a_writer_at_full_speed_does_not_hinder_it(state: Path, shelf: Path) -> None:
    stop, writer = Event(), SqliteStore(state / LEDGER)
    epoch = writer.acquire()

    def write() -> None:
        for number in itertools.count(300):
            if stop.is_set():
                return
            writer.append([part(A, number, number)], epoch=epoch, at=AT, blobs={digest(b"x"): b"x"})

    thread = Thread(target=write)
    thread.start()
    try:
        heads = [take(state, shelf / str(number)).manifest.head for number in range(5)]
    finally:
        stop.set()
        thread.join()
        writer.close()
    assert heads == sorted(heads)
    assert [verify_backup(shelf / str(number)).head for number in range(5)] == heads


def damage_event(folder: Path) -> None:
    with closing(sqlite3.connect(folder / LEDGER, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_are_never_changed")
        connection.execute("UPDATE events SET data = CAST('x' AS BLOB) WHERE position = 7")


def test_a_backup_that_does_not_verify_is_none(state: Path, shelf: Path) -> None:
    damage_event(state)
    with pytest.raises(LedgerCorrupt, match="no backup") as refused:
        take(state, shelf)
    assert refused.value.fields["position"] == 7
    assert list(shelf.iterdir()) == []


def test_a_blob_file_that_changed_is_seen_in_the_copy(state: Path, shelf: Path) -> None:
    next((state / BLOBS).glob("??/??/*")).write_bytes(b"other")
    with pytest.raises(LedgerCorrupt, match="have changed"):
        take(state, shelf)
    assert list(shelf.iterdir()) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a cut ledger": lambda path: cut(path / LEDGER),
    "a flipped bit in the ledger": lambda path: flip(path / LEDGER),
    "no ledger": lambda path: (path / LEDGER).unlink(),
    "a changed event": damage_event,
    "a flipped bit in a blob": lambda path: flip(next((path / BLOBS).glob("??/??/*"))),
    "a manifest of another head": lambda path: (path / MANIFEST).write_text(
        (path / MANIFEST).read_text().replace('"head": 900', '"head": 899')
    ),
    "half a manifest": lambda path: cut(path / MANIFEST) or cut(path / MANIFEST),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_a_backup_is_seen(state: Path, shelf: Path, damage: str) -> None:
    report = take(state, shelf)
    DAMAGES[damage](report.path)
    with pytest.raises(LedgerCorrupt, match="backup") as refused:
        verify_backup(report.path)
    assert refused.value.remedy


def test_a_backup_of_a_newer_format_is_refused(state: Path, shelf: Path) -> None:
    manifest = take(state, shelf).path / MANIFEST
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(LedgerTooNew):
        verify_backup(manifest.parent)


@pytest.mark.parametrize("stage", ["Copying the ledger", "Copying blobs", "Verifying"])
def test_what_was_begun_and_not_ended_is_no_backup(state: Path, shelf: Path, stage: str) -> None:
    class Crash(BaseException):
        pass

    def crash(what: str, done: int, of: int) -> None:
        if what == stage:
            raise Crash

    with pytest.raises(Crash):
        take(state, shelf, progress=crash)
    assert list(shelf.iterdir()) == []
    assert backups(shelf) == []


def test_the_newest_are_kept(state: Path, shelf: Path) -> None:
    made = [take(state, shelf, at=AT + number * 1_000_000).path for number in range(5)]
    other = shelf / "other"
    take(state, other)
    manifest = other / MANIFEST
    manifest.write_text(manifest.read_text().replace("0011aabb", "ffff"))
    (shelf / "notes.txt").write_text("mine")
    (shelf / "half").mkdir()
    assert [path for path, _ in backups(shelf) if path != other] == made
    assert prune(shelf, 2, workspace="0011aabb") == made[:3]
    assert sorted(path.name for path in shelf.iterdir()) == sorted(
        ["half", "notes.txt", "other", *(path.name for path in made[3:])]
    )
    assert prune(shelf, 2, workspace="0011aabb") == []
    assert prune(shelf, 1) == [other, made[3]]


def test_what_a_crash_left_is_swept(state: Path, shelf: Path) -> None:
    gone = 2**22 + 1  # no process has such a number
    (shelf / f".a.{gone}.partial").mkdir()
    (shelf / f".b.{os.getpid()}.partial").mkdir()
    assert prune(shelf, 1) == [shelf / f".a.{gone}.partial"]
    assert [path.name for path in shelf.iterdir()] == [f".b.{os.getpid()}.partial"]
