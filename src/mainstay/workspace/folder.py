"""Where everything of a workspace lies, and how its folder is made and opened.

    mainstay.toml, workflows/, policies/, templates/, ...    the operator's; may be put under git
    .mainstay/id             which master key belongs to it
    .mainstay/ledger.db      events, views, small blobs
    .mainstay/ledger.db-head how far it had come
    .mainstay/segments/      sealed events
    .mainstay/blobs/         large blobs
    .mainstay/keys.sqlite3   keys of subjects, wrapped by the master key
    .mainstay/lock           held by whoever writes
    .mainstay/control.sock   how commands reach a director that is at work
    .mainstay/cache/         what can be made again: the embedder's graph, vectors
    .mainstay/logs/          what the director said
    .mainstay/heartbeat      the director's last sign of life

Finding a folder imports next to nothing; making and opening one imports what it takes.

The master key lies outside (`ledger.master_key`), so that a copy of the folder tells nothing personal.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel.errors import SecretError, WorkspaceNotFound, WorkspaceUnsafe

if TYPE_CHECKING:
    from mainstay.ledger.sealing import Vault

STATE = ".mainstay"


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one workspace."""

    root: Path

    @property
    def state(self) -> Path:
        """What Mainstay keeps; the rest of the folder is the operator's."""
        return self.root / STATE

    @property
    def ledger(self) -> Path:
        """The event store."""
        return self.state / "ledger.db"

    @property
    def blobs(self) -> Path:
        """Large blobs."""
        return self.state / "blobs"

    @property
    def segments(self) -> Path:
        """Sealed events."""
        return self.state / "segments"

    @property
    def keys(self) -> Path:
        """Keys of subjects."""
        return self.state / "keys.sqlite3"

    @property
    def lock(self) -> Path:
        """Held by the writer."""
        return self.state / "lock"

    @property
    def socket(self) -> Path:
        """Where a running director listens."""
        return self.state / "control.sock"

    @property
    def anew(self) -> Path:
        """There when the next director is to fold all views anew, because some are not what the events say."""
        return self.state / "fold-anew"

    @property
    def cache(self) -> Path:
        """What can be made again."""
        return self.state / "cache"

    @property
    def logs(self) -> Path:
        """What the director said."""
        return self.state / "logs"

    @property
    def heartbeat(self) -> Path:
        """The director's last sign of life."""
        return self.state / "heartbeat"

    @property
    def outage(self) -> Path:
        """What was noticed of the director being away, and whether the operator was told."""
        return self.state / "outage"

    @property
    def id(self) -> str:
        """Which master key belongs here. Raises `WorkspaceNotFound`."""
        try:
            found = (self.state / "id").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise WorkspaceNotFound(
                f"{self.root} is no workspace.",
                why=f"There is no {STATE}/id in it.",
                remedy="Make one with `mainstay init`, or name another folder with --workspace.",
                path=str(self.root),
            ) from None
        except OSError as error:
            raise WorkspaceUnsafe(
                f"{self.root} cannot be read.", why=str(error.strerror), remedy="Make it readable for you."
            ) from error
        if not found:
            raise WorkspaceUnsafe(
                f"{self.root} has lost its id, and so its master key.",
                why=f"{STATE}/id is empty.",
                remedy=f"Restore {STATE}/id from a backup. Where nothing was read yet, run `mainstay init` again.",
                path=str(self.root),
            )
        return found


def find_folder(start: Path) -> Folder:
    """The workspace that `start` lies in. Raises `WorkspaceNotFound`."""
    here = start.absolute()
    for candidate in (here, *here.parents):
        if (candidate / STATE / "id").exists():
            return Folder(candidate)
    raise WorkspaceNotFound(
        f"{here} is no workspace.",
        why=f"Neither it nor a folder above it has a {STATE}/id.",
        remedy="Make one with `mainstay init`, or name another folder with --workspace.",
        path=str(here),
    )


def create(root: Path, name: str) -> tuple[Folder, tuple[str, ...]]:
    """Make a workspace, or complete one: nothing that is there is written over. Returns what was written."""
    from mainstay.config.scaffold import scaffold

    folder = Folder(root.absolute())
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder.root, error) from error
    written = scaffold(folder.root, name)
    adopt(folder)
    return folder, written


def adopt(folder: Folder) -> None:
    """Make `.mainstay/` and the master key for a folder whose files are there already."""
    from mainstay.ledger.master_key import create_master_key, master_key_path
    from mainstay.ledger.safety import check_folder

    try:
        folder.state.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder.state, error) from error
    check_folder(folder.state)
    mark = folder.state / "id"
    if mark.exists() and (folder.ledger.exists() or folder.keys.exists() or mark.read_bytes().strip()):
        folder.id  # noqa: B018  says that it was lost, if it was
        return
    workspace_id = secrets.token_hex(8)
    create_master_key(master_key_path(workspace_id))
    begun = folder.state / "id.tmp"  # a full disk must not leave an empty one
    try:
        with begun.open("w", encoding="ascii") as file:
            file.write(workspace_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        begun.replace(mark)
    except OSError as error:
        begun.unlink(missing_ok=True)
        raise _unwritable(mark, error) from error


def open_vault(folder: Folder, key: Path | None) -> Vault:
    """The vault of a workspace. `key` is the place of the master key where mainstay.toml names one."""
    from mainstay.ledger.keys import SqliteKeys
    from mainstay.ledger.master_key import create_master_key, master_key_path, read_master_key
    from mainstay.ledger.sealing import Vault

    path = key or master_key_path(folder.id)
    if key is not None and not key.exists() and not folder.keys.exists():
        create_master_key(key)
    keys = SqliteKeys(folder.keys)
    try:
        return Vault(read_master_key(path), keys)
    except SecretError:
        keys.close()
        raise


def _unwritable(path: Path, error: OSError) -> WorkspaceUnsafe:
    return WorkspaceUnsafe(
        f"{path} cannot be written to.",
        why=error.strerror or str(error),
        remedy="Choose another folder, or make this one writable for you.",
        path=str(path),
    )
