"""The delivery folder: a Maildir into which replies are put instead of being sent. The embedded default.

The name of the file is derived from the key, so the same reply can be put there only once. A mail program may
take it out again, so what was put there is noted beside it (`delivered`), and a look-up goes by both: "never put" is
said with authority only where those notes are older than every run. A file appears whole or not at all, and is on
the disk before `send` answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from mainstay.adapters.base import Absent, CallResult, Done, FindResult, Found, InDoubt, NotNow, Unknown
from mainstay.adapters.email.compose import split_payload
from mainstay.adapters.email.delivered import Delivered, Trace
from mainstay.adapters.email.files import system_now
from mainstay.kernel.contract import Repeatability
from mainstay.kernel.errors import AdapterError
from mainstay.kernel.ids import IdempotencyKey
from mainstay.kernel.values import Instant

PARTS = ("tmp", "new", "cur")


def file_name(key: IdempotencyKey) -> str:
    """The unique name of the reply that goes out under this key."""
    return f"mst-{key}"


class MaildirDelivery:
    """Puts replies into a Maildir. Keyed: to send again under the same key changes nothing."""

    repeatability = Repeatability.KEYED
    witness = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._delivered = Delivered(path)
        self._whole = False  # whether the notes go back to before anything could be put here

    def prepare(self, *, oldest: Instant | None = None) -> None:
        """Make the folder, and begin its notes. Raises `AdapterError` where that is not possible.

        `oldest`: when the oldest run began whose replies may lie here; None when there was no run yet.
        """
        try:
            for part in PARTS:
                (self._path / part).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._delivered.begin(system_now())
            since = self._delivered.since()
            self._whole = since is not None and (oldest is None or since < oldest)
        except OSError as error:
            raise AdapterError(
                f"the delivery folder {self._path} cannot be made",
                why=error.strerror or str(error),
                remedy="choose another folder, or make this one writable",
                path=str(self._path),
            ) from error

    async def send(self, payload: bytes, *, key: IdempotencyKey) -> CallResult:
        """Put the message into `new/`."""
        return await asyncio.to_thread(self._send, payload, key)

    async def find(self, payload: bytes, *, key: IdempotencyKey) -> FindResult:
        """Was it put there? A mail program may have moved it to `cur/`, or out of the folder, in the meantime."""
        return await asyncio.to_thread(self._find, payload, key)

    def _send(self, payload: bytes, key: IdempotencyKey) -> CallResult:
        envelope, message = split_payload(payload)
        done = Done({"message_id": envelope.message_id})
        try:
            if self._delivered.trace(key) is Trace.PUT:
                return done  # a mail program may have taken it out since
            if self._there(key):
                _sync_folder(self._path / "new")
                self._delivered.note(key, Trace.PUT)
                return done
            waiting = _written(self._path / "tmp", file_name(key), message)
            try:
                self._delivered.note(key, Trace.PUTTING)
            except OSError:
                waiting.unlink(missing_ok=True)
                raise
        except OSError as error:
            return NotNow(f"the delivery folder cannot be written: {error.strerror or error}")
        try:
            _place(waiting, self._path / "new" / file_name(key))
            _sync_folder(self._path / "new")
            self._delivered.note(key, Trace.PUT)
        except OSError as error:
            return InDoubt(
                f"the delivery folder failed while the mail was put there: {error.strerror or error}"
            )
        return done

    def _find(self, payload: bytes, key: IdempotencyKey) -> FindResult:
        envelope, _ = split_payload(payload)
        try:
            trace = self._delivered.trace(key)
            there = trace is Trace.PUT or self._there(key)
        except OSError as error:
            return Unknown(f"the delivery folder cannot be read: {error.strerror or error}")
        if there:
            return Found({"message_id": envelope.message_id})
        if trace is Trace.PUTTING:
            return Unknown("it was being put into the delivery folder, and is not there now")
        if not self._whole:
            return Unknown("it is not in the delivery folder, whose notes do not go back far enough")
        return Absent()

    def _there(self, key: IdempotencyKey) -> bool:
        name = file_name(key)
        if (self._path / "new" / name).exists():
            return True
        with os.scandir(self._path / "cur") as listing:
            moved = any(entry.name == name or entry.name.startswith(name + ":") for entry in listing)
        # Looked at once more: it may have been moved back while we read the other folder.
        return moved or (self._path / "new" / name).exists()


def _written(folder: Path, name: str, data: bytes) -> Path:
    """A new file, whole and on the disk, or none. Its name is nobody else's, should two write under one
    key."""
    descriptor, path = tempfile.mkstemp(prefix=name + ".", dir=folder)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return Path(path)


def _place(waiting: Path, target: Path) -> None:
    """Move without ever replacing: a second writer under the same key finds the first one's file and leaves
    it."""
    try:
        os.link(waiting, target)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        os.rename(waiting, target)
        return
    waiting.unlink(missing_ok=True)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
