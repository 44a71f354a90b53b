"""Backups that are there: what one says of itself, whether it is true, which ones a folder has, and which may go.

A folder without a readable manifest is no backup and is never touched; one whose manifest is taken away first, while it
is removed, is none from that moment on.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mainstay.kernel.errors import LedgerCorrupt, LedgerTooNew, NotFound
from mainstay.ledger.checkpoints import read_file
from mainstay.ledger.durable import digest_of_file
from mainstay.ledger.verify import Broken, Verified, verify

LEDGER, SEGMENTS, BLOBS, MANIFEST = "ledger.db", "segments", "blobs", "manifest.json"
CHECKPOINTS = "checkpoints.jsonl"
SUFFIX = ".mainstay-backup"
PARTIAL = ".partial"
FORMAT = 1

_PARTIAL = re.compile(r"\..*\.(\d+)\.partial")

Progress = Callable[[str, int, int], None]  # what is being done, so far, of so much


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a backup."""

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. It is believed only as far as the chain bears it out."""

    format: int
    made_at: int
    version: str  # of Mainstay
    workspace: str  # whose keys open it
    head: int
    head_hash: str
    ledger: Part
    segments: tuple[Part, ...]
    blob_files: int
    blob_bytes: int


def read_manifest(backup: Path) -> Manifest:
    """What a backup says of itself. Raises `NotFound`, `LedgerCorrupt` or `LedgerTooNew`."""
    try:
        manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"{backup} is no backup of a ledger.",
            why=f"There is no {MANIFEST} in it, which is written last.",
            remedy=f"Name the folder that `mainstay ledger backup` made; its name ends in {SUFFIX}.",
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LedgerCorrupt(
            "This backup is damaged.",
            why=f"Its {MANIFEST} makes no sense: {error}.",
            remedy="Use another backup.",
            path=str(backup),
        ) from error
    if manifest.format > FORMAT:
        raise LedgerTooNew(
            "This backup was made by a newer Mainstay.",
            why=f"It has format {manifest.format}; this version knows up to {FORMAT}.",
            remedy="Upgrade Mainstay.",
            path=str(backup),
        )
    return manifest


def verify_backup(backup: Path, progress: Progress = lambda what, done, of: None) -> Manifest:
    """Read a backup whole and hold it to its manifest, its hashes and its chain. Raises `LedgerCorrupt`."""
    manifest = read_manifest(backup)
    for part in (manifest.ledger, *manifest.segments):
        found = backup / part.name
        if not found.exists():
            raise _damaged(backup, f"{part.name} is missing.")
        if found.stat().st_size != part.bytes or digest_of_file(found) != part.digest:
            raise _damaged(backup, f"The bytes of {part.name} have changed since it was made.")
    verdict = verified_copy(backup, progress)
    if (verdict.positions, verdict.head_hash.hex()) != (manifest.head, manifest.head_hash):
        raise _damaged(backup, f"Its chain ends at {verdict.positions}, its manifest says {manifest.head}.")
    return manifest


def backups(folder: Path) -> list[tuple[Path, Manifest]]:
    """The backups in a folder, oldest first; what is no whole backup is passed over."""
    found: list[tuple[Path, Manifest]] = []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            found.append((path, read_manifest(path)))
        except (NotFound, LedgerCorrupt, LedgerTooNew, OSError):
            continue
    return sorted(found, key=lambda one: (one[1].made_at, one[0].name))


def prune(folder: Path, keep: int, *, workspace: str = "") -> list[Path]:
    """Remove all but the `keep` newest backups in a folder, and what crashes left half made; what was removed.

    With `workspace` only that workspace's. Anything else in the folder is left alone.
    """
    assert keep >= 1, "the newest backup is never removed"
    mine = [path for path, one in backups(folder) if workspace in ("", one.workspace)]
    gone = mine[:-keep]
    for path in folder.glob(f".*{PARTIAL}"):
        named = _PARTIAL.fullmatch(path.name)
        if named and not _alive(int(named[1])):
            gone.append(path)
    for path in gone:
        # Without its manifest it is no backup any more, whatever becomes of the rest.
        (path / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(path)
    return gone


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def verified_copy(folder: Path, progress: Progress) -> Verified:
    """A folder laid out like a backup, read whole. Raises `LedgerCorrupt`."""

    def told(position: int) -> None:
        progress("Verifying", position, 0)

    history = read_file(folder / CHECKPOINTS)
    if history.wrong:
        raise _damaged(folder, f"What was signed about it does not hold: {history.wrong}.")
    signed = history.statements if history.there else None
    verdict = verify(folder / LEDGER, blobs=folder / BLOBS, signed=signed, progress=told)
    if isinstance(verdict, Broken):
        where = f"from position {verdict.position} on" if verdict.position else "beside the events"
        raise LedgerCorrupt(
            "What was copied does not verify, so it is no backup.",
            why=f"It does not hold {where}: {verdict.reason}",
            remedy="Keep the last good backup. `mainstay audit verify` says whether the ledger itself is damaged.",
            position=int(verdict.position),
        )
    return verdict


def _damaged(backup: Path, why: str) -> LedgerCorrupt:
    return LedgerCorrupt("This backup is damaged.", why=why, remedy="Use another backup.", path=str(backup))
