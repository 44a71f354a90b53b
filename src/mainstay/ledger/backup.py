"""Backups: a folder with everything that a ledger is made of, taken while a director is at work.

    NAME/manifest.json    what lies here: head, its hash, sizes, digests; written last
    NAME/ledger.db        the ledger as of one moment
    NAME/segments/        its sealed segment files
    NAME/blobs/           its large blobs
    NAME/id, labels.jsonl small files beside the ledger
    NAME/checkpoints.jsonl what was signed about it, up to where it ends

Rules of this file:

- One moment: the ledger is copied inside a single read transaction, in steps, while others write. Files are copied
  after it; what the ledger names was there before the ledger named it, and none is ever removed.
- What was copied is read back: the chain from the first event to the last, every blob, every segment. Only then does
  the backup get its name. One that does not verify is removed and is an error.
- Nothing is written over. A backup that was begun and not ended lies under a name ending in `.partial`.
- No keys. `keys.sqlite3` and the master key stay where they are: a subject whose key is destroyed is forgotten in every
  backup too, and a backup alone tells nothing personal.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from mainstay.kernel.errors import CommandRefused, LedgerCorrupt, NotFound, StorageFull
from mainstay.kernel.values import Instant
from mainstay.ledger.backup_manifest import (
    BLOBS,
    CHECKPOINTS,
    FORMAT,
    LEDGER,
    MANIFEST,
    PARTIAL,
    SEGMENTS,
    SUFFIX,
    Manifest,
    Part,
    Progress,
    backups,
    prune,
    read_manifest,
    verified_copy,
    verify_backup,
)
from mainstay.ledger.checkpoints import copy_up_to
from mainstay.ledger.connection import BUSY_TIMEOUT_MS, failure
from mainstay.ledger.durable import copy_durably, digest_of_file, flush_folder, write_durably
from mainstay.ledger.export import rfc3339
from mainstay.ledger.sqlite_reader import SqliteReader

BESIDE = ("id", "labels.jsonl")  # small files that belong to a ledger
KEYS = "keys.sqlite3"
PAGES_A_STEP = 1_024  # 4 MB between two looks at the progress
SPARE_BYTES = 16 << 20

__all__ = [
    "BESIDE",
    "BLOBS",
    "LEDGER",
    "MANIFEST",
    "SEGMENTS",
    "SUFFIX",
    "BackupReport",
    "Manifest",
    "Progress",
    "back_up",
    "backups",
    "copy_keys",
    "prune",
    "read_manifest",
    "verify_backup",
]


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was made, and read back."""

    path: Path
    manifest: Manifest
    bytes: int
    blobs: int  # as rows and as files
    took_us: int
    same_disk: bool  # as the ledger: what kills the one kills the other


def back_up(
    state: Path,
    target: Path,
    *,
    at: Instant,
    version: str,
    checkpoints: Path | None = None,
    progress: Progress = lambda what, done, of: None,
) -> BackupReport:
    """Copy the ledger in `state` to `target`, or to a name within it where it is a folder, and verify the copy.

    Needs no lock and hinders nobody. Raises `CommandRefused` where the target cannot be, `StorageFull`, and
    `LedgerCorrupt` when what was copied does not verify; then nothing is left at the target. With `checkpoints`, what
    was signed about it goes along, and it is held against that: of a rewritten ledger no backup is made.
    """
    began = time.monotonic_ns()
    if not (state / LEDGER).exists():
        raise NotFound(
            "There is no ledger yet.", remedy="Run `mainstay ingest` or `mainstay up` first, then back it up."
        )
    workspace = (state / "id").read_text("ascii").strip()
    place = _place(state, target, workspace, at)
    work = place.with_name(f".{place.name}.{os.getpid()}{PARTIAL}")
    try:
        _require_space(state, place.parent)
        work.mkdir(mode=0o700)
        _copy_database(state / LEDGER, work / LEDGER, progress)
        segments = _copy_segments(state / SEGMENTS, work, progress)
        files, size = _copy_blobs(state / BLOBS, work / BLOBS, progress)
        for name in BESIDE:
            if (state / name).exists():
                copy_durably(state / name, work / name)
        if checkpoints is not None:
            head = _head(work / LEDGER)
            copy_up_to(checkpoints, lambda data: write_durably(work / CHECKPOINTS, data), head)
        verdict = verified_copy(work, progress)
        ledger = _part(work / LEDGER, LEDGER)
        manifest = Manifest(
            FORMAT,
            at,
            version,
            workspace,
            verdict.positions,
            verdict.head_hash.hex(),
            ledger,
            segments,
            files,
            size,
        )
        write_durably(work / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        for folder, _, _ in os.walk(work):
            flush_folder(Path(folder))
        if place.exists():
            _refuse_existing(place)
        work.rename(place)
        flush_folder(place.parent)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        _refuse(error, place)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    total = sum(one.bytes for one in (ledger, *segments)) + size
    return BackupReport(
        place,
        manifest,
        total,
        verdict.blobs,
        (time.monotonic_ns() - began) // 1_000,
        same_disk=place.stat().st_dev == state.stat().st_dev,
    )


def copy_keys(state: Path, target: Path) -> Path:
    """Copy the keys to a new file, also while a director works. It must lie apart from every backup.

    Raises `CommandRefused` where it cannot be, and `NotFound` where there are none yet.
    """
    if not (state / KEYS).exists():
        raise NotFound("There are no keys yet.", remedy="They are made with the first message that is read.")
    place = target.absolute()
    if place.exists() or place.is_symlink():
        _refuse_existing(place)
    within = next((one for one in place.parents if (one / MANIFEST).exists()), None)
    if within is not None or place.parent.resolve().is_relative_to(state.resolve()):
        raise CommandRefused(
            "Keys are not kept beside what they open.",
            why=f"{place} lies in {within or state}.",
            remedy="Name a file elsewhere: on another disk, or where you keep passwords.",
        )
    work = place.with_name(f".{place.name}.{os.getpid()}{PARTIAL}")
    try:
        _copy_database(state / KEYS, work, lambda what, done, of: None)
        work.rename(place)
        flush_folder(place.parent)
    except OSError as error:
        work.unlink(missing_ok=True)
        _refuse(error, place)
    return place


def _place(state: Path, target: Path, workspace: str, at: Instant) -> Path:
    place = target.absolute()
    if (place / MANIFEST).exists():
        _refuse_existing(place)
    if place.is_dir():
        stamp = re.sub(r"[-:]", "", rfc3339(at)[:19])
        place = place / f"{workspace}-{stamp}Z{SUFFIX}"
    if place.exists() or place.is_symlink():
        _refuse_existing(place)
    if not place.parent.is_dir():
        raise CommandRefused(
            f"There is no folder {place.parent}.",
            why="The backup needs a folder to be written into.",
            remedy=f"Make it with `mkdir -p {place.parent}`, or name another one.",
        )
    if place.parent.resolve().is_relative_to(state.resolve()):
        raise CommandRefused(
            "A backup cannot lie in the folder that it is a copy of.",
            why=f"{place} would be lost together with {state}.",
            remedy="Name a folder elsewhere, best on another disk.",
        )
    return place


def _require_space(state: Path, target: Path) -> None:
    files = [state / LEDGER, *(state / SEGMENTS).glob("*"), *_blob_files(state / BLOBS)]
    needed = SPARE_BYTES + sum(path.stat().st_size for path in files)
    free = shutil.disk_usage(target).free
    if free < needed:
        raise StorageFull(
            "There is not enough space for a backup.",
            why=f"It takes about {needed >> 20:,} MB; {target} has {free >> 20:,} MB left.",
            remedy="Free some space, remove old backups, or name another disk. Nothing was written.",
            path=str(target),
            needed_bytes=needed,
            free_bytes=free,
        )


def _copy_database(source: Path, target: Path, progress: Progress) -> None:
    """One consistent copy, page by page. The open read transaction holds the moment: without it every commit of
    the director would start the copy from the beginning.
    """
    write_durably(target, b"")  # SQLite would make it readable for others
    try:
        with closing(_opened(source)) as ledger, closing(_opened(target)) as copy:
            ledger.execute("PRAGMA query_only = ON")
            ledger.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
            ledger.execute("BEGIN")
            ledger.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchall()

            def told(status: int, remaining: int, total: int) -> None:
                progress("Copying the ledger", total - remaining, total)

            ledger.backup(copy, pages=PAGES_A_STEP, progress=told, sleep=0.001)
            ledger.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, with no log beside it
    except sqlite3.Error as error:
        raise (failure(error, path=str(source)) or error) from error
    handle = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}").fetchall()
    return connection


def _copy_segments(source: Path, work: Path, progress: Progress) -> tuple[Part, ...]:
    names = _segment_names(work / LEDGER)
    if names:
        (work / SEGMENTS).mkdir(mode=0o700)
    parts: list[Part] = []
    for number, name in enumerate(names, 1):
        copied = work / SEGMENTS / name
        try:
            copy_durably(source / name, copied)
        except FileNotFoundError:
            raise LedgerCorrupt(
                f"The ledger's segment file {name} is missing.",
                why=f"{source / name} is not there, and the events in it are nowhere else.",
                remedy="Put it back from an earlier backup; `mainstay audit verify` says what else is wrong.",
                path=str(source / name),
            ) from None
        parts.append(_part(copied, f"{SEGMENTS}/{name}"))
        progress("Copying segments", number, len(names))
    return tuple(parts)


def _segment_names(ledger: Path) -> list[str]:
    with closing(_opened(ledger)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'segments'").fetchall():
            return []
        return [name for (name,) in connection.execute("SELECT name FROM segments ORDER BY last")]


def _head(ledger: Path) -> int:
    with closing(SqliteReader(ledger, tables=())) as reader:
        return reader.head


def _copy_blobs(source: Path, target: Path, progress: Progress) -> tuple[int, int]:
    files, size = 0, 0
    target.mkdir(mode=0o700)
    for path in _blob_files(source):
        copied = target / path.relative_to(source)
        for folder in (copied.parent.parent, copied.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        size += copy_durably(path, copied)
        files += 1
        progress("Copying blobs", files, 0)
    return files, size


def _blob_files(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("??/??/*"))


def _part(path: Path, name: str) -> Part:
    return Part(name, path.stat().st_size, digest_of_file(path))


def _refuse_existing(place: Path) -> NoReturn:
    raise CommandRefused(
        f"{place} is there already.",
        why="A backup writes over nothing.",
        remedy="Name a new one, or the folder that it is to lie in.",
    )


def _refuse(error: OSError, place: Path) -> NoReturn:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise StorageFull(
            "There is not enough space for a backup.",
            why=f"{place.parent}: {error.strerror}.",
            remedy="Free some space, remove old backups, or name another disk. Nothing is left of this one.",
            path=str(place),
        ) from error
    raise CommandRefused(
        f"{place} cannot be written.",
        why=f"{error.filename or place}: {error.strerror or type(error).__name__}.",
        remedy="Name a place in a folder that you may write to.",
    ) from error
