"""Files that are on the disk when the call returns: written, copied, flushed; and what their bytes come to."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

_CHUNK = 1 << 20


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file (mode 0600); never over one that is there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def copy_durably(source: Path, target: Path) -> int:
    """Copy a file to a new one (mode 0600); how many bytes it has."""
    size = 0
    with source.open("rb") as read:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            while chunk := read.read(_CHUNK):
                size += file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    return size


def flush_folder(folder: Path) -> None:
    """Make durable which files a folder has."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal."""
    hasher = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()
