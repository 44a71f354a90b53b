"""Care of a workspace's ledger: compacting it where no director is, and putting a backup in its place.

Both need the lock (`workspace.compacting` is for where a director has it). Keys are looked at before a restore
changes anything: without them nothing personal in the ledger could be read, and new keys would be made where old ones
are missing.
"""

from __future__ import annotations

import logging
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel.errors import CommandRefused, MainstayError, SecretError, WorkspaceNotFound
from mainstay.kernel.values import Instant
from mainstay.workspace.folder import Folder, find_folder

if TYPE_CHECKING:
    from mainstay.ledger.backup import Manifest
    from mainstay.ledger.backup import Progress as Told
    from mainstay.ledger.compaction import Compaction
    from mainstay.ledger.compaction import Progress as Sealed
    from mainstay.ledger.restore import RestoreReport

log = logging.getLogger("mainstay")


def compact_ledger(folder: Folder, *, before: int | None, now: Instant, progress: Sealed) -> Compaction:
    """Seal what is closed. Raises `WorkspaceLocked` where a director is at work."""
    from mainstay.ledger.compaction import compact
    from mainstay.ledger.head_mark import MarkedStore
    from mainstay.ledger.lock import alone
    from mainstay.ledger.projections import TABLES
    from mainstay.ledger.store import Position

    limit = None if before is None else Position(before)
    with (
        alone(folder.lock, "A ledger is not compacted while a director is at work on it."),
        closing(MarkedStore(folder.ledger, tables=TABLES)) as store,
    ):
        return compact(store, epoch=store.acquire(), at=now, before=limit, progress=progress)


def restore_ledger(
    backup: Path,
    into: Path,
    *,
    now: Instant,
    replacing: bool = False,
    without_keys: bool = False,
    actor: str = "operator",
    progress: Told,
) -> RestoreReport:
    """Put a backup in the place of the ledger of a workspace, or of a folder that is to be one again.

    Raises `SecretError` where its keys are not, before anything is changed; with `without_keys` only for those of
    some correspondents, whose mail then stays sealed.
    """
    from mainstay.ledger.backup import read_manifest
    from mainstay.ledger.restore import restore
    from mainstay.ledger.safety import check_folder

    manifest = read_manifest(backup)
    folder = _folder(into, manifest)

    def keys_fit(found: Manifest) -> None:
        _require_keys(folder, found, backup, without_some=without_keys)

    keys_fit(manifest)  # also before there is a folder to lock
    check_folder(folder.state)
    return restore(
        backup,
        folder.state,
        at=now,
        actor=actor,
        replacing=replacing,
        may=keys_fit,
        vouch=lambda found: _vouch(folder, found, backup, now),
        progress=progress,
    )


def _vouch(folder: Folder, manifest: Manifest, backup: Path, now: Instant) -> None:
    """Sign that this backup takes the ledger's place, where there is a key and a history to go on with."""
    from mainstay.ledger.backup_manifest import CHECKPOINTS
    from mainstay.ledger.checkpoints import checkpoints_path, file_in, open_book
    from mainstay.ledger.durable import copy_durably
    from mainstay.ledger.master_key import master_key_path
    from mainstay.ledger.signing import read_signing_key, signing_key_path

    master = _named_master(folder) or master_key_path(manifest.workspace)
    file = checkpoints_path(master)
    try:
        if not file.exists() and (backup / CHECKPOINTS).exists():
            copy_durably(backup / CHECKPOINTS, file)
        key = read_signing_key(signing_key_path(master))
        others = [file_in(place, manifest.workspace) for place in _named_places(folder)]
        if key is None:
            return
        book = open_book(manifest.workspace, key, (file, *others))
        if book.statements:
            book.restored(manifest.head, manifest.head_hash, now)
    except (MainstayError, OSError) as error:
        log.warning("that a backup is restored could not be signed: %s", error)


def _folder(into: Path, manifest: Manifest) -> Folder:
    """The workspace, or the folder that has its keys and has lost its id. Refuses that of another ledger."""
    try:
        folder = find_folder(into)
    except WorkspaceNotFound:
        if not into.is_dir():
            raise
        return Folder(into.absolute())
    if folder.id != manifest.workspace:
        raise CommandRefused(
            "This backup is of another workspace.",
            why=f"It was made of {manifest.workspace}; {folder.root} is {folder.id}.",
            remedy="Name the workspace it belongs to with --into, or an empty folder that has its keys.",
        )
    return folder


def _require_keys(folder: Folder, manifest: Manifest, backup: Path, *, without_some: bool) -> None:
    """The master key and the keys of all correspondents in the backup."""
    from mainstay.ledger.backup import LEDGER
    from mainstay.ledger.keys import InMemoryKeys
    from mainstay.ledger.master_key import master_key_path, read_master_key
    from mainstay.ledger.restore import keys_kept, keys_missing
    from mainstay.ledger.sealing import Vault

    master = _named_master(folder) or master_key_path(manifest.workspace)
    if not folder.keys.exists():
        raise SecretError(
            "The keys of this ledger are not here.",
            why=f"There is no {folder.keys}, and a backup never has them. Nothing personal can be read without.",
            remedy=f"Copy keys.sqlite3 from where you keep it to {folder.keys}, and the master key to {master}; "
            "then restore again. Nothing was changed.",
            path=str(folder.keys),
        )
    # What is there is only looked at: opening it as a vault would make what it lacks.
    kept, check = InMemoryKeys(), keys_kept(folder.keys)
    if check is not None:
        kept.check(check)
    Vault(read_master_key(master), kept)  # refuses keys that another master key wrapped
    missing, known = keys_missing(backup / LEDGER, folder.keys)
    if missing and (missing == known or not without_some):
        whole = missing == known
        raise SecretError(
            "The keys here are not those of this ledger."
            if whole
            else f"The keys of {missing:,} of {known:,} correspondents are not here.",
            why=f"{folder.keys} was made {'for another ledger' if whole else 'before they wrote'}.",
            remedy="Copy the newest keys.sqlite3 that you keep to its place. Nothing was changed."
            + ("" if whole else " With --without-keys their mail stays sealed for good."),
            path=str(folder.keys),
            missing=missing,
            known=known,
        )


def _named_places(folder: Folder) -> tuple[Path, ...]:
    from mainstay.config.settings import FILE, read_settings

    with suppress(MainstayError, OSError):
        return read_settings((folder.root / FILE).read_bytes(), folder.root).audit.checkpoints
    return ()


def _named_master(folder: Folder) -> Path | None:
    """The master key's place where mainstay.toml names one; a file that cannot be read names none."""
    from mainstay.config.settings import FILE, read_settings

    file = folder.root / FILE
    with suppress(MainstayError, OSError):
        return read_settings(file.read_bytes(), folder.root).workspace.key
    return None


def keys_of(folder: Folder) -> tuple[Path, Path]:
    """Where the keys lie that no backup holds: those of correspondents, and the master key."""
    from mainstay.ledger.master_key import master_key_path

    return folder.keys, (_named_master(folder) or master_key_path(folder.id)).resolve()
