"""Blobs: what is too large for an event, kept under the hash of its bytes.

By size: up to `INLINE_MAX` the event holds it (the caller's business), up to `ROW_MAX` it becomes a row in
the transaction of its event, above that a file of its own. A file is written whole or not at all: a
temporary file beside its place, fsync, rename, fsync of the folder; it is there before the event that names
it. What a crash leaves of temporary files is swept at the next opening. Reading checks the hash, always.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NoReturn, Protocol

from mainstay.kernel.errors import LedgerCorrupt, NotFound, StorageFailed, StorageFull
from mainstay.kernel.ids import digest as digest_of
from mainstay.kernel.values import Digest

INLINE_MAX = 1024
ROW_MAX = 64 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}")

Rows = Callable[[Digest], bytes | None]  # `EventStore.blob`


@dataclass(frozen=True, slots=True)
class StagedBlob:
    """A blob on its way. `data` goes into `append(blobs=...)`; None: it lies in its file already."""

    digest: Digest
    size: int
    data: bytes | None


class Blobs(Protocol):
    """Where blobs are put and found."""

    def stage(self, data: bytes) -> StagedBlob:
        """Take a blob: small ones are handed back for the transaction, large ones are durable on return."""
        ...

    def stage_file(self, chunks: Iterable[bytes]) -> StagedBlob:
        """Take a blob of any size in flat memory; durable on return."""
        ...

    def read(self, digest: Digest) -> bytes:
        """The blob. Raises `NotFound`, or `LedgerCorrupt` if its bytes are not what its name says."""
        ...


class BlobStore:
    """Rows of the store and files in a folder. Only the writer of the workspace may open it `writable`."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        rows: Rows,
        *,
        writable: bool = True,
        fsync: Callable[[int], None] = os.fsync,
    ) -> None:
        self.folder = Path(folder)
        self._rows = rows
        self._fsync = fsync
        self._staged = 0
        self._broken = ""
        if writable:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for orphan in self.folder.glob("*.tmp"):
                orphan.unlink()

    def stage(self, data: bytes) -> StagedBlob:
        if len(data) <= ROW_MAX:
            return StagedBlob(digest_of(data), len(data), data)
        return self.stage_file((data,))

    def stage_file(self, chunks: Iterable[bytes]) -> StagedBlob:
        if self._broken:
            self._fail(self._broken)
        self._staged += 1
        temporary = self.folder / f"{os.getpid()}-{self._staged}.tmp"
        hasher, size = sha256(), 0
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    for chunk in chunks:
                        file.write(chunk)
                        hasher.update(chunk)
                        size += len(chunk)
                    file.flush()
                    self._fsync(file.fileno())
                digest = Digest(hasher.hexdigest())
                place = self.path(digest)
                self._make_folder(place.parent)
                os.replace(temporary, place)
                self._fsync_folder(place.parent)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._refuse(error)
        return StagedBlob(digest, size, None)

    def read(self, digest: Digest) -> bytes:
        if not _DIGEST.fullmatch(digest):
            raise _missing(digest)  # a reference that somebody typed: there never was such a blob
        data = self._rows(digest)
        if data is None:
            try:
                data = self.path(digest).read_bytes()
            except FileNotFoundError:
                raise _missing(digest) from None
            except OSError as error:
                self._refuse(error)
        if digest_of(data) != digest:
            raise LedgerCorrupt(
                f"The stored bytes of blob {digest} have changed.",
                why="Their hash is not the one they are stored under.",
                remedy="Restore the blob from a backup; `mainstay audit verify` checks all of them.",
                digest=digest,
            )
        return data

    def path(self, digest: Digest) -> Path:
        """Where the file of a large blob lies."""
        assert _DIGEST.fullmatch(digest), "a digest is 64 hex digits"
        return self.folder / digest[:2] / digest[2:4] / digest

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._fsync_folder(folder.parent)

    def _fsync_folder(self, folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._fsync(handle)
        finally:
            os.close(handle)

    def _refuse(self, error: OSError) -> NoReturn:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(
                why=f"The blob could not be written to {self.folder}: {error.strerror}.",
                remedy="Nothing refers to it yet. Free some space; Mainstay tries again by itself.",
                path=str(self.folder),
            ) from error
        self._broken = f"{self.folder}: {error.strerror or error}."
        self._fail(self._broken, error)

    def _fail(self, why: str, cause: OSError | None = None) -> NoReturn:
        raise StorageFailed(
            why=why,
            remedy="Check the disk, then start Mainstay again: it reads what is really on the disk.",
            path=str(self.folder),
        ) from cause


class InMemoryBlobs:
    """Blobs beside an in-memory store; keeps the same order of things: large ones are there before
    their event.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._files: dict[Digest, bytes] = {}

    def stage(self, data: bytes) -> StagedBlob:
        if len(data) <= ROW_MAX:
            return StagedBlob(digest_of(data), len(data), data)
        return self.stage_file((data,))

    def stage_file(self, chunks: Iterable[bytes]) -> StagedBlob:
        data = b"".join(chunks)
        digest = digest_of(data)
        self._files[digest] = data
        return StagedBlob(digest, len(data), None)

    def read(self, digest: Digest) -> bytes:
        data = self._rows(digest)
        if data is None:
            data = self._files.get(digest)
        if data is None:
            raise _missing(digest)
        return data


def _missing(digest: Digest) -> NotFound:
    return NotFound(
        f"There is no blob {digest}.",
        why="No row and no file has this name.",
        remedy="Restore it from a backup; `mainstay audit verify` names what is missing.",
        digest=digest,
    )
