"""A Maildir as a source: `new/` and `cur/` in the order of their arrival.

The cursor is `{ctime_ns, name}` for each folder: the time at which the file last came into its place, and
its unique name for files of one moment. That stays small however full the folder is. Files younger than
`settle_s` wait for the next pull, so that no later file can sort before one that was taken. A file that is
only renamed (read, flagged) comes again; the ledger knows its Message-ID. So does everything after the
clock was set back, which starts the folder over.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mainstay.adapters.base import Delivery, Item
from mainstay.adapters.email.files import (
    HEADER_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    POLL_S,
    Batch,
    Start,
    header_of,
    instant_of,
    system_now,
    wait_for_change,
)
from mainstay.kernel.errors import AdapterError
from mainstay.kernel.values import DAY, Instant, Json


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """One file; the order is that of arrival."""

    ctime_ns: int
    name: str  # without flags
    path: str
    size: int
    mtime_ns: int


class MaildirSource:
    """Reads a Maildir, and with `sent` a second one that holds what the operator sent."""

    def __init__(
        self,
        path: Path,
        *,
        sent: Path | None = None,
        start: Start = "all",
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        now: Callable[[], Instant] = system_now,
        settle_s: float = 1.0,
        poll_s: float = POLL_S,
    ) -> None:
        self._folders = {"inbox": path} | ({"sent": sent} if sent is not None else {})
        self._start: Start = start
        self._message_bytes_max = message_bytes_max
        self._now = now
        self._settle_s = settle_s
        self._poll_s = poll_s

    async def pull(self, cursor: Json, *, limit: int) -> Delivery:
        """See `Source.pull`."""
        return await asyncio.to_thread(self._pull, cursor, limit)

    async def wait(self, timeout_s: float) -> None:
        """Return when a file has come, gone or settled."""
        await wait_for_change(self._look, timeout_s, poll_s=self._poll_s)

    def _look(self) -> list[tuple[str, int]]:
        limit_ns = self._settled_ns()
        seen: list[tuple[str, int]] = []
        for path in self._folders.values():
            try:
                seen.extend(
                    (entry.path, entry.ctime_ns) for entry in _entries(path) if entry.ctime_ns <= limit_ns
                )
            except OSError:
                continue
        return seen

    def _settled_ns(self) -> int:
        return self._now() * 1000 - int(self._settle_s * 1e9)

    def _pull(self, cursor: Json, limit: int) -> Delivery:
        connected = int(cursor.get("connected", self._now()))
        after: Json = {**cursor, "connected": connected}
        batch = Batch(limit, [])
        more = False
        for folder, path in self._folders.items():
            try:
                place, rest = self._read(folder, path, dict(cursor.get(folder, {})), connected, batch)
            except OSError as error:
                raise AdapterError(
                    f"the mailbox folder {path} cannot be read",
                    why=error.strerror or str(error),
                    remedy="check that it is a Maildir (it has new and cur) and that you may read it",
                    path=str(path),
                ) from error
            after[folder] = place
            more = more or rest
        return Delivery(tuple(batch.items), after, more=more)

    def _read(self, folder: str, path: Path, place: Json, connected: int, batch: Batch) -> tuple[Json, bool]:
        entries = sorted(_entries(path))
        last = (int(place.get("ctime_ns", 0)), str(place.get("name", "")))
        if last[0] > self._now() * 1000 + DAY * 1000:
            last = (0, "")  # the clock was set back by more than a day: our place in time means nothing
        settled_ns = self._settled_ns()
        for entry in entries:
            if (entry.ctime_ns, entry.name) <= last:
                continue
            if entry.ctime_ns > settled_ns:
                break
            if batch.full:
                return {"ctime_ns": last[0], "name": last[1]}, True
            item = self._item(entry, folder, connected)
            if item is not None:
                batch.add(item)
            last = (entry.ctime_ns, entry.name)
        return {"ctime_ns": last[0], "name": last[1]}, False

    def _item(self, entry: _Entry, folder: str, connected: int) -> Item | None:
        """The message, or None if it was moved since we looked: then it comes again under its new name."""
        oversize = entry.size if entry.size > self._message_bytes_max else None
        try:
            with open(entry.path, "rb") as file:
                raw = file.read(HEADER_BYTES_MAX if oversize is not None else self._message_bytes_max)
        except FileNotFoundError:
            return None
        arrived = Instant(entry.mtime_ns // 1000)
        return Item(
            raw=header_of(raw) if oversize is not None else raw,
            received_at=arrived,
            origin=f"{Path(entry.path).parent.parent.name}/{entry.name}",
            folder=folder,
            oversize=oversize,
            history=self._history(entry, arrived, connected),
        )

    def _history(self, entry: _Entry, arrived: Instant, connected: int) -> bool:
        if self._start == "all":
            return False
        if self._start == "now":
            return entry.ctime_ns // 1000 < connected or arrived < connected - DAY
        return arrived < instant_of(self._start)


def _entries(path: Path) -> list[_Entry]:
    found: list[_Entry] = []
    for part in ("new", "cur"):
        with os.scandir(path / part) as listing:
            for entry in listing:
                if entry.name.startswith("."):
                    continue
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue
                name = entry.name.partition(":")[0]
                found.append(_Entry(status.st_ctime_ns, name, entry.path, status.st_size, status.st_mtime_ns))
    return found
