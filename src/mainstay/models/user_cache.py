"""The embedder of whoever calls, outside any workspace, with a cache of its own: for measuring on files.

The cache lies in the user's cache folder with a secret beside it, both for the owner's eyes alone. It keeps a second
run from computing what the first one did, and may be deleted at any time.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.kernel import errors

if TYPE_CHECKING:
    from mainstay.models.base import Unavailable
    from mainstay.models.embedding_cache import CachedEmbedder

_SECRET_BYTES = 32


def user_folder() -> Path:
    """Where this user's caches of Mainstay lie, as the platform has it."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    if given and Path(given).is_absolute():
        return Path(given) / "mainstay"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mainstay"
    return Path.home() / ".cache" / "mainstay"


def user_cache(folder: Path | None = None) -> CachedEmbedder | Unavailable:
    """The embedder of this device with this user's cache, or why there is none."""
    from mainstay.models.base import Unavailable
    from mainstay.models.embedder import find_embedder
    from mainstay.models.embedding_cache import CachedEmbedder, SqliteEmbeddingCache

    folder = folder or user_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = find_embedder(folder)
        if isinstance(found, Unavailable):
            return found
        return CachedEmbedder(found, SqliteEmbeddingCache(folder / "vectors.sqlite3"), secret=_secret(folder))
    except OSError as error:
        raise errors.Unavailable(
            "The cache of text vectors cannot be used",
            why=str(error),
            remedy=f"Make {folder} writable, or set XDG_CACHE_HOME to a folder that is.",
            path=str(folder),
        ) from error


def _secret(folder: Path) -> bytes:
    """The key of the cache's hashes, made at the first use. A torn one is made anew: the cache then starts empty."""
    path = folder / "vectors.key"
    if path.is_file():
        kept = path.read_bytes()
        if len(kept) == _SECRET_BYTES:
            return kept
    made = secrets.token_bytes(_SECRET_BYTES)
    partial = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(made)
    os.replace(partial, path)
    return made
