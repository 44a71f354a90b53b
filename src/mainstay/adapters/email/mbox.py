"""One mbox file as a source: read forward by byte offset, never as a whole.

The cursor is `{offset, number, head, head_bytes, history_bytes}`: how far we came, and the hash of the
first bytes of the file, by which a replaced file is told from a grown one. After a replacement everything
is read again; the ledger knows each Message-ID and takes none twice.

A message begins at a line `From ` after an empty line (or at the start of the file); `>From ` loses one `>`
as in the mboxrd form. The file is locked for reading while we read, so that a mail that is just being
delivered is not cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mainstay.adapters.base import Delivery, Item
from mainstay.adapters.email.files import (
    HEADER_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    POLL_S,
    Batch,
    Start,
    date_of,
    header_of,
    instant_of,
    parse_date,
    system_now,
    wait_for_change,
)
from mainstay.kernel.errors import AdapterError
from mainstay.kernel.values import Instant, Json

HEAD_BYTES = 1024
LINE_BYTES = 1 << 16

_QUOTED = re.compile(rb"^>+From ")
_SEPARATOR_DATE = re.compile(
    rb"((?:mon|tue|wed|thu|fri|sat|sun)\s+\w{3}\s+\d{1,2}\s+\d\d:\d\d(?::\d\d)?.{0,40})$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Message:
    """One message as it lies in the file; `raw` holds only the header where `size` is above the limit."""

    raw: bytes
    size: int
    separator: bytes
    end: int  # offset of what follows


class MboxSource:
    """Reads one mbox file. `start` says which mails are history: those of before, or none (`all`)."""

    def __init__(
        self,
        path: Path,
        *,
        start: Start = "all",
        folder: str = "inbox",
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        now: Callable[[], Instant] = system_now,
        poll_s: float = POLL_S,
    ) -> None:
        self._path = path
        self._start: Start = start
        self._folder = folder
        self._message_bytes_max = message_bytes_max
        self._now = now
        self._poll_s = poll_s

    async def pull(self, cursor: Json, *, limit: int) -> Delivery:
        """See `Source.pull`."""
        return await asyncio.to_thread(self._pull, cursor, limit)

    async def wait(self, timeout_s: float) -> None:
        """Return when the file has changed."""
        await wait_for_change(self._look, timeout_s, poll_s=self._poll_s)

    def _look(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0)
        return (status.st_size, status.st_mtime_ns)

    def _pull(self, cursor: Json, limit: int) -> Delivery:
        try:
            with self._path.open("rb") as file:
                if not _locked(file):
                    return Delivery((), cursor)
                return self._read(file, cursor, limit)
        except OSError as error:
            raise AdapterError(
                f"the mailbox file {self._path} cannot be read",
                why=error.strerror or str(error),
                remedy="check that the file is there and that you may read it",
                path=str(self._path),
            ) from error

    def _read(self, file: BinaryIO, cursor: Json, limit: int) -> Delivery:
        size = os.fstat(file.fileno()).st_size
        place = _Place.of(cursor, file, size, from_now=self._start == "now")
        batch = Batch(limit, [])
        offset, number = place.offset, place.number
        for message in _messages(file, offset, self._message_bytes_max):
            number += 1
            batch.add(self._item(message, number, history=message.end <= place.history_bytes))
            offset = message.end
            if batch.full:
                break
        head_bytes = min(HEAD_BYTES, size)
        after: Json = {
            "offset": offset,
            "number": number,
            "head": _head(file, head_bytes),
            "head_bytes": head_bytes,
            "history_bytes": place.history_bytes,
        }
        return Delivery(tuple(batch.items), after, more=offset < size and batch.full)

    def _item(self, message: _Message, number: int, *, history: bool) -> Item:
        found = _SEPARATOR_DATE.search(message.separator.strip())
        received_at = (
            (parse_date(found.group(1).decode("ascii", "replace")) if found else None)
            or date_of(message.raw)
            or self._now()
        )
        if not isinstance(self._start, str):
            history = received_at < instant_of(self._start)
        return Item(
            raw=message.raw,
            received_at=received_at,
            origin=f"{self._path.name}, message {number}",
            folder=self._folder,
            oversize=message.size if message.size > self._message_bytes_max else None,
            history=history,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where to read on."""

    offset: int
    number: int
    history_bytes: int  # what lay in the file when it was connected

    @classmethod
    def of(cls, cursor: Json, file: BinaryIO, size: int, *, from_now: bool) -> _Place:
        if not cursor:
            return cls(0, 0, size if from_now else 0)
        offset = int(cursor["offset"])
        same = size >= offset and _head(file, int(cursor["head_bytes"])) == cursor["head"]
        if not (same and _begins(file, offset, size)):
            return cls(0, 0, 0)
        return cls(offset, int(cursor["number"]), int(cursor["history_bytes"]))


def _begins(file: BinaryIO, offset: int, size: int) -> bool:
    """A message (or the end) is at `offset`: otherwise the file was rewritten."""
    if offset >= size:
        return True
    file.seek(offset)
    return file.read(64).lstrip(b"\r\n").startswith(b"From ")


def _head(file: BinaryIO, count: int) -> str:
    file.seek(0)
    return hashlib.sha256(file.read(count)).hexdigest()[:32]


def _locked(file: BinaryIO) -> bool:
    """A shared lock until the file is closed; False while somebody writes."""
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True


def _messages(file: BinaryIO, offset: int, bytes_max: int) -> Iterator[_Message]:
    """The messages from `offset` on, one in memory at a time."""
    file.seek(offset)
    separator = _next_separator(file)
    while separator is not None:
        gathered = _Gathered(bytes_max)
        following: bytes | None = None
        blank, begins = False, True
        while line := file.readline(LINE_BYTES):
            if begins and blank and line.startswith(b"From "):
                following = line
                break
            gathered.add(_QUOTED.sub(lambda found: found.group()[1:], line) if begins else line)
            blank = begins and line in (b"\n", b"\r\n")
            begins = line.endswith(b"\n")
        end = file.tell() - len(following or b"")
        yield _Message(raw=gathered.raw(), size=gathered.size, separator=separator, end=end)
        separator = following


def _next_separator(file: BinaryIO) -> bytes | None:
    """The first `From ` line. A file that begins without one (a single mail) is read as one message."""
    start = file.tell()
    while line := file.readline(LINE_BYTES):
        if line.startswith(b"From "):
            return line
        if line.strip():
            with contextlib.suppress(OSError):
                file.seek(start)
            return b""
    return None


class _Gathered:
    """The lines of one message, reduced to its header once they are more than the limit."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lines: list[bytes] = []
        self._header: bytes | None = None
        self.size = 0

    def add(self, line: bytes) -> None:
        self.size += len(line)
        if self._header is not None:
            return
        self._lines.append(line)
        if self.size > self._bytes_max:
            self._header = header_of(_joined(self._lines, HEADER_BYTES_MAX))
            self._lines = []

    def raw(self) -> bytes:
        if self._header is not None:
            return self._header
        raw = b"".join(self._lines)
        return raw[: -len(_blank(raw))] if _blank(raw) else raw


def _blank(raw: bytes) -> bytes:
    """The empty line before the next separator belongs to the file, not to the message."""
    if raw.endswith(b"\r\n\r\n"):
        return b"\r\n"
    return b"\n" if raw.endswith(b"\n\n") else b""


def _joined(lines: list[bytes], count: int) -> bytes:
    """The first `count` bytes of the lines."""
    out: list[bytes] = []
    size = 0
    for line in lines:
        out.append(line)
        size += len(line)
        if size >= count:
            break
    return b"".join(out)[:count]
