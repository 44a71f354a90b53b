"""One director per workspace: an OS lock on `.mainstay/lock`, held for life.

The kernel drops the lock with the last handle on it, however the process ends, so there is no time-out to
guess and no stale lock to break. The pid in the file is for the message only; nothing decides by it. The
file is never removed: a lock on an unlinked file excludes nobody. A process forked without exec keeps the
lock alive until it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from mainstay.kernel.errors import WorkspaceLocked, WorkspaceUnsafe


class WriterLock:
    """Held from `acquire` to `release`, or for the length of a `with` block."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock at once or raise `WorkspaceLocked`; never waits."""
        assert self._handle is None, "this lock is already held"
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise WorkspaceUnsafe(
                "The workspace cannot be locked.",
                why=f"{self.path}: {error.strerror}.",
                remedy="Make the folder writable for you, or copy the workspace elsewhere.",
                path=str(self.path),
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = _pid(handle)
            os.close(handle)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise WorkspaceUnsafe(
                    "The file system of this workspace cannot lock files.",
                    why=f"{self.path}: {error.strerror}.",
                    remedy="Move the workspace to a local disk.",
                    path=str(self.path),
                ) from error
            raise WorkspaceLocked(
                why=f"Process {pid} holds {self.path}." if pid else f"Another process holds {self.path}.",
                remedy="Give it your commands (`mainstay` finds it by itself), or end "
                + (f"process {pid} first." if pid else "it first."),
                pid=pid,
                path=str(self.path),
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        self._handle = handle

    def release(self) -> None:
        """Give the lock up; nothing happens if it is not held."""
        if self._handle is not None:
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # also of a handle that a child process still has
            os.close(self._handle)
            self._handle = None

    @property
    def held(self) -> bool:
        """Does this object hold the lock?"""
        return self._handle is not None

    def __enter__(self) -> WriterLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@contextmanager
def alone(path: Path, refused: str) -> Iterator[None]:
    """Under the lock, for work that no director may be beside; `refused` says so where one is."""
    lock = WriterLock(path)
    try:
        lock.acquire()
    except WorkspaceLocked as error:
        raise WorkspaceLocked(
            refused,
            why=error.why,
            remedy="Stop it first (Ctrl-C where `mainstay up` runs), then try again.",
            **error.fields,
        ) from error
    try:
        yield
    finally:
        lock.release()


def _pid(handle: int) -> int | None:
    try:
        return int(os.pread(handle, 32, 0))
    except (OSError, ValueError):
        return None  # the holder has not written it yet
