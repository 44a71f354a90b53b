"""How far the ledger had come, in a file beside it: an end that is missing is seen.

The chain proves that nothing in a ledger was changed; it cannot prove that nothing follows. SQLite drops what comes
after a damaged frame of its log without a word, and with it events that were acknowledged. So after each commit the
last position and its hash are written to `LEDGER-head`, and a ledger that has not come as far, or has another event
there, is refused.

Rules of this file:

- The mark is written after the commit, which was synced, so it never runs ahead of the disk. It is not synced itself: a
  mark that a power failure took back is only older.
- A mark that is missing, or whose checksum does not hold, says nothing and harms nothing. The next commit writes it.
- One write of a few bytes in place: it needs no space on a full disk, and a failure to write it stops nobody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import Struct

from mainstay.kernel.errors import LedgerCorrupt
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.sqlite import SqliteStore
from mainstay.ledger.store import Epoch, Position, RowChange, StreamAppend

SUFFIX = "-head"
_MAGIC = b"MSTHEAD1"
_BODY = Struct(">8sQ32s")
_CHECK_BYTES = 16


def mark_path(ledger: str | os.PathLike[str]) -> Path:
    """Where the mark of a ledger lies."""
    return Path(os.fspath(ledger) + SUFFIX)


def read_mark(ledger: str | os.PathLike[str]) -> dict[int, bytes]:
    """The hash at the position that was marked last; empty where there is no mark, or none to be trusted."""
    try:
        with mark_path(ledger).open("rb") as file:
            raw = file.read(_BODY.size + _CHECK_BYTES)
    except OSError:
        return {}
    body, check = raw[: _BODY.size], raw[_BODY.size :]
    if len(body) != _BODY.size or check != _check(body):
        return {}
    magic, position, hash = _BODY.unpack(body)
    return {position: hash} if magic == _MAGIC else {}


class MarkedStore(SqliteStore):
    """A ledger's file whose end is marked beside it. The mark is held against it when the writer takes it."""

    _handle: int | None = None

    def acquire(self) -> Epoch:
        """See `EventStore.acquire`. Raises `LedgerCorrupt` where the end is missing."""
        epoch = super().acquire()
        for position, hash in read_mark(self.path).items():
            events = self.read_all(after=Position(position - 1), limit=1) if position else ()
            if not events or events[0].position != position or events[0].hash != hash:
                raise LedgerCorrupt(
                    "The end of the ledger is missing.",
                    why=f"Its last event was {position}, says {mark_path(self.path)}. Now it is {self.head}.",
                    remedy="Nothing was decided from it. Go on from a backup with `mainstay ledger restore`. If "
                    "you put an older ledger here on purpose, remove that file.",
                    position=self.head,
                    marked=position,
                    path=self.path,
                )
        return epoch

    def append(
        self,
        batch: Sequence[StreamAppend],
        *,
        epoch: Epoch,
        at: Instant,
        changes: Sequence[RowChange] = (),
        blobs: Mapping[Digest, bytes] = {},
    ) -> Position:
        """See `EventStore.append`."""
        position = super().append(batch, epoch=epoch, at=at, changes=changes, blobs=blobs)
        if batch:
            body = _BODY.pack(_MAGIC, position, self._head_hash)
            with suppress(OSError):
                if self._handle is None:
                    self._handle = os.open(
                        mark_path(self.path), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600
                    )
                os.pwrite(self._handle, body + _check(body), 0)
        return position

    def close(self) -> None:
        """See `EventStore.close`."""
        super().close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _check(body: bytes) -> bytes:
    return sha256(body).digest()[:_CHECK_BYTES]
