"""A ledger out of a backup takes its place under the kill switch; the one before it is never lost."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mainstay.kernel.errors import (
    CommandRefused,
    LedgerCorrupt,
    MainstayError,
    NotFound,
    StorageFailed,
    StorageFull,
    WorkspaceLocked,
)
from mainstay.kernel.events import DirectorStarted, KillSwitchThrown, LedgerRestored
from mainstay.kernel.ids import WORKSPACE
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger import durable
from mainstay.ledger import restore as restoring
from mainstay.ledger.backup import BLOBS, LEDGER, Manifest, back_up
from mainstay.ledger.blobs import BlobStore
from mainstay.ledger.codec import Codec
from mainstay.ledger.lock import WriterLock
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import rebuild
from mainstay.ledger.restore import RestoreReport, keys_missing, restore
from mainstay.ledger.sqlite import RESTORING, SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import NewEvent, StreamAppend
from mainstay.ledger.verify import Verified, verify
from mainstay.testing.conformance.store import AT

BIG = bytes(range(256)) * 500


def no_plan(digest: Digest) -> Plan:
    raise KeyError(digest)


CODEC = Codec(no_plan)


def append(state: Path, count: int, actor: str = "director") -> None:
    """A ledger as a director leaves it, with so many events more."""
    with closing(SqliteStore(state / LEDGER, tables=TABLES)) as store:
        epoch = store.acquire()
        rebuild(store, CODEC, STANDARD, epoch=epoch, at=AT)
        number, schema, data = CODEC.encode(DirectorStarted(epoch, "0"))
        events = [NewEvent(number, schema, data, actor, bytes(16))] * count
        store.append([StreamAppend(WORKSPACE, store.version(WORKSPACE), events)], epoch=epoch, at=AT)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "desk" / ".mainstay"
    state.mkdir(parents=True)
    (state / "id").write_text("0011aabb\n")
    append(state, 20)
    BlobStore(state / BLOBS, lambda _: None).stage(BIG)
    return state


@pytest.fixture
def taken(state: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    return back_up(state, tmp_path / "taken", at=AT, version="1").path


def put_back(taken: Path, state: Path, **options: Any) -> RestoreReport:
    return restore(taken, state, at=Instant(AT + 1), actor="operator", **options)


def wreck(state: Path) -> None:
    (state / LEDGER).write_bytes(b"\xff" * 50_000)


def whole(state: Path, head: int) -> None:
    found = verify(state / LEDGER, blobs=state / BLOBS)
    assert isinstance(found, Verified), found
    assert found.positions == head


def told(state: Path) -> list[Any]:
    with closing(SqliteReader(state / LEDGER)) as reader:
        return [CODEC.event(one) for one in reader.read(WORKSPACE)]


def test_a_wrecked_ledger_is_restored_under_the_kill_switch(state: Path, taken: Path) -> None:
    wreck(state)
    report = put_back(taken, state, replacing=True)
    assert (report.backup_head, report.head) == (20, 22)
    whole(state, 22)
    restored, thrown = told(state)[-2:]
    assert restored == LedgerRestored(20, report.backup_hash, "operator", backup_at=AT)
    assert thrown == KillSwitchThrown("operator", True, "restored from a backup")
    with closing(SqliteReader(state / LEDGER, tables=None)) as reader:
        assert reader.get("house", ("kill_switch",)) == {
            "key": "kill_switch",
            "value": "on",
            "at": AT + 1,
            "position": 22,
        }
    aside = Path(report.aside)
    assert aside.parent == state
    assert (aside / LEDGER).read_bytes() == b"\xff" * 50_000
    append(state, 1)
    whole(state, 23)


def test_a_ledger_that_is_gone_needs_no_leave(state: Path, taken: Path) -> None:
    (state / LEDGER).unlink()
    shutil.rmtree(state / BLOBS)
    assert put_back(taken, state).aside == ""
    whole(state, 22)
    assert next((state / BLOBS).glob("??/??/*")).read_bytes() == BIG


def test_a_ledger_that_the_backup_contains_may_go(state: Path, taken: Path) -> None:
    report = put_back(taken, state)
    whole(state, 22)
    whole(Path(report.aside), 20)


@pytest.mark.parametrize("case", ["newer", "other", "unreadable", "restored before"])
def test_what_the_backup_does_not_hold_is_not_replaced_unasked(state: Path, taken: Path, case: str) -> None:
    match case:
        case "newer":
            append(state, 1)
        case "other":
            (state / LEDGER).unlink()
            append(state, 7, "somebody else")
        case "unreadable":
            wreck(state)
        case _:
            put_back(taken, state)
    before = contents(state)
    with pytest.raises(CommandRefused, match="--replace"):
        put_back(taken, state)
    assert contents(state) == before
    report = put_back(taken, state, replacing=True)
    whole(state, 22)
    assert (Path(report.aside) / LEDGER).read_bytes() == before[LEDGER]


def contents(state: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(state)): path.read_bytes()
        for path in state.rglob("*")
        if path.is_file() and path.name != "lock" and not path.name.endswith(("-shm", "-wal"))
    }


def test_two_restores_in_one_second_keep_both(state: Path, taken: Path) -> None:
    first = put_back(taken, state)
    second = put_back(taken, state, replacing=True)
    assert first.aside != second.aside
    assert (Path(first.aside) / LEDGER).exists()
    assert (Path(second.aside) / LEDGER).exists()


def test_it_is_refused_where_a_director_runs(state: Path, taken: Path) -> None:
    with WriterLock(state / "lock"), pytest.raises(WorkspaceLocked, match="director is at work"):
        put_back(taken, state)


def test_a_damaged_backup_replaces_nothing(state: Path, taken: Path) -> None:
    data = bytearray((taken / LEDGER).read_bytes())
    data[9_000] ^= 1
    (taken / LEDGER).write_bytes(data)
    wreck(state)
    before = contents(state)
    with pytest.raises(LedgerCorrupt, match="backup is damaged"):
        put_back(taken, state, replacing=True)
    assert contents(state) == before
    with pytest.raises(NotFound, match="no backup"):
        put_back(state, state, replacing=True)


def test_what_refuses_refuses_before_anything_is_changed(state: Path, taken: Path) -> None:
    class NoKeys(MainstayError):
        pass

    def refuse(manifest: Manifest) -> None:
        assert manifest.workspace == "0011aabb"
        raise NoKeys

    wreck(state)
    before = contents(state)
    with pytest.raises(NoKeys):
        put_back(taken, state, replacing=True, may=refuse)
    assert contents(state) == before


@pytest.mark.parametrize(("number", "kind"), [(28, StorageFull), (5, StorageFailed)])
@pytest.mark.parametrize("after", range(3))
def test_a_disk_that_gives_out_replaces_nothing(
    state: Path,
    taken: Path,
    number: int,
    kind: type[MainstayError],
    after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.rmtree(state / BLOBS)
    (state / "id").unlink()
    before = contents(state)
    copied = iter(range(after))

    def copy(source: Path, target: Path) -> int:
        if next(copied, None) is None:
            target.write_bytes(b"a part of it")
            raise OSError(number, "No more")
        return durable.copy_durably(source, target)

    monkeypatch.setattr(restoring, "copy_durably", copy)
    with pytest.raises(kind, match="Nothing was replaced"):
        put_back(taken, state)
    left = contents(state)
    assert {name: left[name] for name in before} == before
    assert not [name for name in left if "restoring" in name]
    monkeypatch.undo()
    (state / "id").unlink(missing_ok=True)
    put_back(taken, state)
    whole(state, 22)


def test_blobs_are_added_and_mended_never_removed(state: Path, taken: Path) -> None:
    (damaged,) = (state / BLOBS).glob("??/??/*")
    damaged.write_bytes(b"changed")
    newer = BlobStore(state / BLOBS, lambda _: None).stage(BIG + BIG)
    put_back(taken, state)
    assert damaged.read_bytes() == BIG
    whole(state, 22)
    assert (state / BLOBS / newer.digest[:2] / newer.digest[2:4] / newer.digest).exists()


def test_a_log_that_was_not_folded_goes_aside_with_its_ledger(state: Path, taken: Path) -> None:
    """What a crashed director left: the newest events are in the log alone."""
    with closing(SqliteStore(state / LEDGER)) as store:
        append(state, 5)
        copy = state.parent / "copy"
        shutil.copytree(state, copy)
        assert store.head == 25
    assert (copy / (LEDGER + "-wal")).stat().st_size > 0
    report = put_back(taken, copy, replacing=True)
    whole(copy, 22)
    whole(Path(report.aside), 25)


class Crash(BaseException):
    """The power goes."""


def crash_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The step-th change of the file system does not happen, nor anything after it."""
    steps: list[str] = []

    def guarded(name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if len(steps) == step:
                raise Crash
            steps.append(name)
            return real(*arguments, **options)

        return call

    for name in ("rename", "unlink", "rmdir", "mkdir", "replace"):
        monkeypatch.setattr(Path, name, guarded(name, getattr(Path, name)))
    for name in ("flush_folder", "copy_durably", "write_durably"):
        monkeypatch.setattr(restoring, name, guarded(name, getattr(durable, name)))
    return steps


@pytest.mark.parametrize("before", ["wrecked", "newer", "gone"])
def test_a_crash_at_any_step_leaves_the_old_ledger_or_no_way_in_but_through_the_end(
    state: Path, taken: Path, before: str, tmp_path: Path
) -> None:
    outcomes: set[str] = set()
    for step in range(1_000):
        desk = tmp_path / f"at{step}" / ".mainstay"
        shutil.copytree(state, desk)
        match before:
            case "wrecked":
                wreck(desk)
            case "newer":
                append(desk, 3)
            case _:
                (desk / LEDGER).unlink()
        was = (desk / LEDGER).read_bytes() if (desk / LEDGER).exists() else b""
        with pytest.MonkeyPatch.context() as patched:
            crash_at(step, patched)
            try:
                report = put_back(taken, desk, replacing=True)
            except Crash:
                report = None
        if report is not None:
            whole(desk, 22)
            break
        if (desk / RESTORING).exists():
            outcomes.add("ended later")
            with pytest.raises(LedgerCorrupt, match="restore was begun"):
                SqliteStore(desk / LEDGER)
            put_back(taken, desk, replacing=True)
            whole(desk, 22)
        elif (desk / LEDGER).exists() and (desk / LEDGER).read_bytes() == was:
            outcomes.add("not begun")
            put_back(taken, desk, replacing=True)
            whole(desk, 22)
        elif not was and not (desk / LEDGER).exists():
            outcomes.add("not begun")
        else:
            outcomes.add("done")
            whole(desk, 22)
        kept = [path.read_bytes() for path in desk.glob(f"replaced-*/{LEDGER}")]
        if (desk / LEDGER).exists() and was:
            assert was in [*kept, (desk / LEDGER).read_bytes()], f"the old ledger was lost at step {step}"
        shutil.rmtree(desk.parent)
    else:
        pytest.fail("it never ended")
    assert outcomes == {"not begun", "ended later", "done"}


def test_how_many_keys_are_missing(state: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.sqlite3"
    with closing(sqlite3.connect(keys)) as made:
        made.execute("CREATE TABLE subjects (subject BLOB PRIMARY KEY, generation INTEGER, wrapped BLOB)")
        made.execute("INSERT INTO subjects VALUES (x'aa', 1, NULL), (x'bb', 1, x'00')")
        made.commit()
    with closing(sqlite3.connect(state / LEDGER)) as ledger:
        for number, subject in enumerate(("aa", "bb", "cc", "cc", "", None)):
            ledger.execute("INSERT INTO messages (message, subject) VALUES (?, ?)", (str(number), subject))
        ledger.commit()
    assert keys_missing(state / LEDGER, keys) == (1, 3)
