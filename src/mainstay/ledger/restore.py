"""Restoring: a ledger out of a backup takes the place of the one that is there, under the kill switch.

The world may be ahead of a restored ledger: what was sent after the backup is not in it. So the ledger gets two events
before it takes its place, `LedgerRestored` and `KillSwitchThrown`; the next director starts no effect and looks every
waiting act up first.

Rules of this file:

- The backup is verified first, whole. The ledger that is there is moved aside, never removed, and never written over.
- Without `replacing` only a ledger that the backup contains may be moved: a newer, other or unreadable one is refused.
- At no moment can a half restored ledger be opened for writing. The new one is made complete in `restoring.partial/`;
  that is renamed to `restoring/`, and from then on no store can be opened for writing until the last step. A crash
  before the rename has changed nothing; after it, the next restore ends what was begun.
- Blobs are named by their content: those of the backup are added to those that are there.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mainstay.kernel.errors import (
    CommandRefused,
    LedgerCorrupt,
    MainstayError,
    SecretError,
    StorageFailed,
    StorageFull,
)
from mainstay.kernel.events import Event, KillSwitchThrown, LedgerRestored
from mainstay.kernel.ids import WORKSPACE, transaction_id
from mainstay.kernel.plan import Plan
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.backup import (
    BESIDE,
    BLOBS,
    LEDGER,
    SEGMENTS,
    Manifest,
    Progress,
    read_manifest,
    verify_backup,
)
from mainstay.ledger.codec import Codec
from mainstay.ledger.durable import copy_durably, digest_of_file, flush_folder, write_durably
from mainstay.ledger.export import rfc3339
from mainstay.ledger.head_mark import SUFFIX
from mainstay.ledger.lock import alone
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD, TABLES
from mainstay.ledger.rebuild import outdated
from mainstay.ledger.sqlite import RESTORING, SqliteStore
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import NewEvent, Position, RowChange, StreamAppend

REASON = "restored from a backup"
ASIDE = "replaced"
_PARTIAL = RESTORING + ".partial"
_REPORT = "report.json"
_LOGS = ("-wal", "-shm", SUFFIX)  # and the mark of its end


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore put in place, and where that went which was there before."""

    backup_head: int
    backup_hash: str
    made_at: int  # of the backup
    head: int  # of the ledger now: the backup's, and what was added to it
    aside: str  # the folder that holds the ledger that was there; "" if there was none


def restore(
    backup: Path,
    state: Path,
    *,
    at: Instant,
    actor: str,
    replacing: bool = False,
    may: Callable[[Manifest], None] = lambda manifest: None,
    vouch: Callable[[Manifest], None] = lambda manifest: None,
    progress: Progress = lambda what, done, of: None,
) -> RestoreReport:
    """Put the ledger of a backup in the place of the one in `state`, under the writer's lock.

    `may` refuses by raising, before anything is changed (keys that do not fit). `vouch` signs that it is the operator's
    will, just before it takes its place: without that an audit takes it for a tail that was cut.

    Raises `WorkspaceLocked` where a director is at work, `CommandRefused` for a ledger that would be lost,
    `LedgerCorrupt` for a damaged backup.
    """
    manifest = read_manifest(backup)
    with alone(state / "lock", "A ledger is not replaced while a director is at work on it."):
        ended = _end_interrupted(state)
        if ended is not None and ended.backup_hash == manifest.head_hash:
            return ended
        may(manifest)
        verify_backup(backup, progress)
        if not replacing:
            _refuse_loss(state, backup, manifest)
        shutil.rmtree(state / _PARTIAL, ignore_errors=True)
        try:
            report = _prepare(backup, manifest, state, at, actor)
            _add_blobs(backup / BLOBS, state / BLOBS, progress)
            for name in BESIDE:
                if (backup / name).exists() and not (state / name).exists():
                    copy_durably(backup / name, state / name)
        except (OSError, StorageFull) as error:
            shutil.rmtree(state / _PARTIAL, ignore_errors=True)
            raise _not_replaced(error, state) from error
        vouch(manifest)
        (state / _PARTIAL).rename(state / RESTORING)
        flush_folder(state)
        _swap(state, report)
        return report


def keys_kept(keys: Path) -> bytes | None:
    """By what a file of keys knows its master key; None: nobody has used it. Raises `SecretError` if it is none."""
    try:
        with closing(_read_only(keys)) as kept:
            rows = kept.execute("SELECT checked FROM master").fetchall()
    except sqlite3.Error as error:
        raise SecretError(
            "The file of keys is damaged.",
            why=f"{keys} cannot be read: {error}.",
            remedy="Copy keys.sqlite3 from where you keep it to its place. Nothing was changed.",
            path=str(keys),
        ) from error
    return rows[0][0] if rows else None


def keys_missing(ledger: Path, keys: Path) -> tuple[int, int]:
    """Of how many correspondents in a ledger the keys are not in a file of keys, and how many there are.

    Several whom a mail concerns together count as one more.
    """
    with closing(_read_only(ledger)) as events, closing(_read_only(keys)) as kept:
        sealed: set[str] = set()
        for column in ("subject", "sealed_under"):
            with suppress(sqlite3.OperationalError):  # a ledger that has no such view, or an older one
                rows = events.execute(f"SELECT DISTINCT {column} FROM messages")
                sealed |= {one for (one,) in rows if one}
        known = {one.hex() for (one,) in kept.execute("SELECT subject FROM subjects")}
        return len(sealed - known), len(sealed)


def _read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _refuse_loss(state: Path, backup: Path, manifest: Manifest) -> None:
    """Refuse to move a ledger that holds, or may hold, what the backup does not."""
    if not (state / LEDGER).exists():
        return
    try:
        with closing(SqliteReader(state / LEDGER)) as there:
            head, head_hash = there.head, there.head_hash
        if not head:
            return
        with closing(SqliteReader(backup / LEDGER)) as kept:
            same = kept.read_all(after=Position(head - 1), limit=1) if head <= manifest.head else ()
        if same and same[0].hash == head_hash:
            return
        what = (
            f"The ledger here has {head:,} events, the last of them not in this backup of {manifest.head:,}."
        )
    except MainstayError as error:
        what = f"The ledger here cannot be read ({error.what}), so nobody knows what is in it."
    raise CommandRefused(
        "There is a ledger here that is not in the backup.",
        why=what,
        remedy="Look at it with `mainstay audit verify`. With --replace it is moved aside, not removed, and the "
        "backup takes its place.",
        path=str(state / LEDGER),
    )


def _prepare(backup: Path, manifest: Manifest, state: Path, at: Instant, actor: str) -> RestoreReport:
    """The new ledger, complete, in a folder of its own."""
    work = state / _PARTIAL
    work.mkdir(mode=0o700)
    (work / SEGMENTS).mkdir(mode=0o700)
    for part in (manifest.ledger, *manifest.segments):
        copy_durably(backup / part.name, work / part.name)
        if digest_of_file(work / part.name) != part.digest:
            raise LedgerCorrupt(
                "What was copied from the backup is not what was read.",
                why=f"{work / part.name} has other bytes than {backup / part.name}.",
                remedy="Nothing was replaced. Check both disks.",
            )
    head = _mark_restored(work / LEDGER, manifest, at, actor)
    report = RestoreReport(
        manifest.head, manifest.head_hash, manifest.made_at, head, str(_aside(state, at) or "")
    )
    write_durably(work / _REPORT, msgspec.json.encode(report))
    flush_folder(work / SEGMENTS)
    flush_folder(work)
    return report


def _not_replaced(error: OSError | StorageFull, state: Path) -> MainstayError:
    full = isinstance(error, StorageFull) or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    kind = StorageFull if full else StorageFailed
    why = error.why if isinstance(error, StorageFull) else f"{error.filename or state}: {error.strerror}."
    return kind(
        why=why,
        remedy=f"Nothing was replaced. {'Free some space' if full else 'Check the disk'}, then restore again.",
        path=str(state),
    )


def _mark_restored(ledger: Path, manifest: Manifest, at: Instant, actor: str) -> Position:
    """Append that it was restored, and throw the kill switch. Views of another version are left to the next rebuild."""
    events: tuple[Event, ...] = (
        LedgerRestored(manifest.head, manifest.head_hash, actor, _last_at(ledger)),
        KillSwitchThrown(actor, True, REASON),
    )
    with closing(SqliteStore(ledger, tables=TABLES)) as store:
        stale = outdated(store, STANDARD)
        projector = Projector([one for one in STANDARD if one not in stale])
        codec, transaction = Codec(_no_plan), transaction_id(at, "restore", manifest.head_hash)
        new: list[NewEvent] = []
        changes: list[RowChange] = []
        position = store.head
        for event in events:
            position = Position(position + 1)
            number, schema, data = codec.encode(event)
            new.append(NewEvent(number, schema, data, actor, transaction))
            changes += projector.project(position, at, WORKSPACE, event, None)
        batch = [StreamAppend(WORKSPACE, store.version(WORKSPACE), new)]
        head = store.append(batch, epoch=store.acquire(), at=at, changes=changes)
        store.checkpoint(truncate=True)
    return head


def _last_at(ledger: Path) -> Instant:
    """When the last event of a ledger was recorded."""
    with closing(SqliteReader(ledger, tables=TABLES)) as reader:
        last = reader.read_all(after=Position(reader.head - 1), limit=1)
    return last[0].at if last else Instant(0)


def _no_plan(digest: Digest) -> Plan:
    raise KeyError(digest)  # neither event names one


def _add_blobs(source: Path, target: Path, progress: Progress) -> None:
    """Add what is not there, and what is there in other bytes than its name says."""
    target.mkdir(mode=0o700, exist_ok=True)
    files = sorted(source.glob("??/??/*"))
    for number, path in enumerate(files, 1):
        place = target / path.relative_to(source)
        if not place.exists() or digest_of_file(place) != place.name:
            for folder in (place.parent.parent, place.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            begun = target / f"{os.getpid()}-restored.tmp"
            begun.unlink(missing_ok=True)
            copy_durably(path, begun)
            begun.replace(place)
            flush_folder(place.parent)
            flush_folder(place.parent.parent)
        progress("Restoring blobs", number, len(files))
    flush_folder(target)


def _aside(state: Path, at: Instant) -> Path | None:
    """Where the ledger that is there will lie; None: there is none."""
    if not any((state / name).exists() for name in (LEDGER, *(LEDGER + log for log in _LOGS), SEGMENTS)):
        return None
    stamp = re.sub(r"[-:]", "", rfc3339(at)[:19]) + "Z"
    place, number = state / f"{ASIDE}-{stamp}", 1
    while place.exists():
        number += 1
        place = state / f"{ASIDE}-{stamp}-{number}"
    return place


def _end_interrupted(state: Path) -> RestoreReport | None:
    """End a restore that a crash interrupted after its new ledger was complete; what it had reported."""
    if not (state / RESTORING).exists():
        return None
    report = msgspec.json.decode((state / RESTORING / _REPORT).read_bytes(), type=RestoreReport)
    _swap(state, report)
    return report


def _swap(state: Path, report: RestoreReport) -> None:
    """Move the old ledger aside and the new one in. Each step finds out whether it was done before a crash; what is
    moved in last of a pair tells that its old one has gone.
    """
    ready = state / RESTORING
    aside = Path(report.aside) if report.aside else None
    if aside is not None:
        aside.mkdir(mode=0o700, exist_ok=True)
    if (ready / SEGMENTS).exists():
        _move_aside(state / SEGMENTS, aside)
        (ready / SEGMENTS).rename(state / SEGMENTS)
        flush_folder(state)
    if (ready / LEDGER).exists():
        for log in _LOGS:  # while its ledger is still beside it: what is in the log belongs to it
            _move_aside(state / (LEDGER + log), aside)
        _move_aside(state / LEDGER, aside)
        (ready / LEDGER).rename(state / LEDGER)
        flush_folder(state)
    ready.rename(state / _PARTIAL)  # the way in is open again, at once
    flush_folder(state)
    shutil.rmtree(state / _PARTIAL, ignore_errors=True)


def _move_aside(path: Path, aside: Path | None) -> None:
    if path.exists():
        assert aside is not None, f"{path} was not there when the restore began, under the lock"
        path.rename(aside / path.name)
        flush_folder(aside)
