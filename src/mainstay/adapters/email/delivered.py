"""What was ever put into a delivery folder: an append-only file beside the mails, named `.delivered`.

A mail program may take mails out of the folder, so "not there" proves nothing by itself. Each reply leaves two lines
here, both on the disk: `putting KEY` before it appears, `put KEY` after. The first lines, `began TIME INODE`, say since
when this very file has been kept: a copy that was put back has another inode and proves nothing of what it lacks.
A line that was torn by a crash names no key and is passed over.
"""

from __future__ import annotations

import contextlib
import os
import threading
from enum import Enum
from pathlib import Path

from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant

NAME = ".delivered"


class Trace(Enum):
    """What the file says of a reply."""

    PUT = "put"
    PUTTING = "putting"  # a crash came in between: it may lie in the folder, or have been taken out again
    NONE = "none"  # never put, as far as the file goes back


class Delivered:
    """The file of one delivery folder. Several may read and add to it at once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._lock = threading.Lock()
        self._read_to = 0
        self._traces: dict[str, Trace] = {}
        self._began: tuple[int, int] | None = None  # since when, and in which inode

    def begin(self, now: Instant) -> None:
        """Begin the file, or begin it anew where it is a copy. Raises OSError."""
        with self._lock:
            with open(self._path, "ab") as file:
                inode = os.fstat(file.fileno()).st_ino
            os.chmod(self._path, 0o600)
            self._read()
            if self._began is None or self._began[1] != inode:
                self._append(f"began {int(now)} {inode}")
                _sync(self._path.parent)

    def since(self) -> Instant | None:
        """From when on nothing was put into the folder without a line here; None if that is not known."""
        with self._lock:
            self._read()
            if self._began is None or os.stat(self._path).st_ino != self._began[1]:
                return None
            return Instant(self._began[0])

    def trace(self, key: IdempotencyKey) -> Trace:
        """What is known of the reply under this key."""
        with self._lock:
            self._read()
            return self._traces.get(str(key), Trace.NONE)

    def note(self, key: IdempotencyKey, trace: Trace) -> None:
        """Add a line, on the disk before this returns. Raises OSError."""
        with self._lock:
            self._append(f"{trace.value} {key}")

    def _append(self, line: str) -> None:
        # The newline before it ends a line that a crash may have torn.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"\n{line}\n".encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read(self) -> None:
        with contextlib.suppress(FileNotFoundError), open(self._path, "rb") as file:
            file.seek(self._read_to)
            added = file.read()
            whole = added[: added.rfind(b"\n") + 1]
            self._read_to += len(whole)
            for line in whole.decode("ascii", "replace").splitlines():
                self._take(line.split())

    def _take(self, words: list[str]) -> None:
        match words:
            case ["put", key]:
                self._traces[key] = Trace.PUT
            case ["putting", key]:
                self._traces.setdefault(key, Trace.PUTTING)
            case ["began", at, inode] if at.isdecimal() and inode.isdecimal():
                self._began = int(at), int(inode)
            case _:
                return


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
