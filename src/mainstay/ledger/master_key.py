"""The master key of a workspace, which wraps the subjects' keys: a file outside of it.

It has 32 random bytes and lies in `$MAINSTAY_KEY_HOME`, else `$XDG_CONFIG_HOME/mainstay/keys`, else
`~/.config/mainstay/keys`. A copy of the workspace, or a backup of it, is therefore unreadable without the machine it
came from; keeping a copy of the key in a safe place is the operator's part.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from mainstay.kernel.errors import SecretError
from mainstay.ledger.key_file import create_key_file, read_key_file

_NAME, _BYTES = "master key", 32


def key_home(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of master keys."""
    if home := environ.get("MAINSTAY_KEY_HOME"):
        return Path(home)
    config = environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "mainstay" / "keys"


def master_key_path(workspace_id: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the master key of a workspace lies."""
    assert workspace_id.isalnum(), "a workspace's id is letters and digits"
    return key_home(environ) / f"{workspace_id}.key"


def create_master_key(path: Path, *, random_bytes: Callable[[int], bytes] = os.urandom) -> bytes:
    """Make the master key of a new workspace, durably. Never writes over one that is there."""
    key = random_bytes(_BYTES)
    create_key_file(
        path,
        key,
        _NAME,
        lost="what is sealed under it would be lost with it",
        instead="Open the existing workspace, or move the key away if you are sure.",
    )
    return key


def read_master_key(path: Path) -> bytes:
    """The master key of an existing workspace. Raises `SecretError` if it is missing, damaged or open to others."""
    key = read_key_file(path, _NAME, _BYTES)
    if key is None:
        raise SecretError(
            "The master key of this workspace is missing.",
            why=f"There is no {path}. Without it nothing personal in the ledger can be read.",
            remedy="Copy it from the machine this workspace was made on, or from where you keep it, "
            "or name its folder in MAINSTAY_KEY_HOME.",
            path=str(path),
        )
    folder = path.parent.stat()
    if folder.st_mode & 0o002 and not folder.st_mode & stat.S_ISVTX:
        raise SecretError(
            "Others can put another master key in the place of yours.",
            why=f"Everybody may write to {path.parent}.",
            remedy=f"chmod 700 {path.parent}",
            path=str(path.parent),
        )
    return key
