"""An IMAP mailbox as a source: Inbox and Sent, by UID.

The cursor holds for each folder `{uidvalidity, uid, back, back_count}`: new mail is everything above `uid`;
older mail is read backwards from `back`, newest first and at most `history_max`, whenever there is nothing
new. So a mailbox with fifty thousand mails answers new ones at once. When UIDVALIDITY changes, numbers mean
nothing any more: the folder is read from its beginning, the ledger knows each Message-ID, and what arrived
before the first connection stays history.

`UID n:*` past the end returns the last message again, so what is not above the cursor is left out here.
"""

from __future__ import annotations

import asyncio
import calendar
import imaplib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imap_tools import BaseMailBox

from mainstay.adapters.base import Delivery, Item
from mainstay.adapters.email.account import ImapAccount
from mainstay.adapters.email.files import MESSAGE_BYTES_MAX, Batch, Start, header_of, instant_of, system_now
from mainstay.adapters.email.imap_session import (
    Fetched,
    ImapFailed,
    capabilities,
    connect,
    disconnect,
    failures,
    fetch,
    find_sent,
    search,
)
from mainstay.kernel.values import SECOND, Instant, Json

HISTORY_MAX = 2000  # older mails that become memory, for each folder
GROUP_BYTES = 4_000_000  # fetched by one command
GROUP_MAX = 50
POLL_S = 60.0  # Sent is looked at as often, and the Inbox where the server cannot wake us
TICK_S = 0.5  # how fast a wait ends when it is cancelled


@dataclass(slots=True)
class _Place:
    """How far we came in one folder."""

    uidvalidity: int
    uid: int
    back: int  # history below this UID is still to be read; 0: none
    back_count: int  # how much of it may still be read

    def as_json(self) -> Json:
        return {
            "uidvalidity": self.uidvalidity,
            "uid": self.uid,
            "back": self.back,
            "back_count": self.back_count,
        }


class ImapSource:
    """Pulls Inbox and Sent of one account. It keeps one connection, which is used by one thread at a time."""

    def __init__(
        self,
        account: ImapAccount,
        *,
        start: Start = "now",
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        history_max: int = HISTORY_MAX,
        poll_s: float = POLL_S,
        now: Callable[[], Instant] = system_now,
    ) -> None:
        self._account = account
        self._start: Start = start
        self._message_bytes_max = message_bytes_max
        self._history_max = history_max
        self._poll_s = poll_s
        self._now = now
        self._lock = threading.Lock()
        self._mailbox: BaseMailBox | None = None
        self._sent: str | None = None
        self._waiting: threading.Event | None = None  # ends the wait that is under way
        self._seen_next: int | None = None  # next UID of the Inbox at the last pull

    async def pull(self, cursor: Json, *, limit: int) -> Delivery:
        """See `Source.pull`. A wait that is under way is ended: it holds the connection."""
        if self._waiting is not None:
            self._waiting.set()
        return await asyncio.to_thread(self._locked_pull, cursor, limit)

    async def wait(self, timeout_s: float) -> None:
        """Return when the server says that something came to the Inbox, or when it is time to look."""
        stop = self._waiting = threading.Event()
        try:
            await asyncio.to_thread(self._locked_wait, timeout_s, stop)
        finally:
            stop.set()  # a thread cannot be cancelled: it looks at this

    async def aclose(self) -> None:
        """End the connection."""
        await asyncio.to_thread(self._locked_close)

    def _locked_close(self) -> None:
        with self._lock:
            self._drop()

    def _locked_pull(self, cursor: Json, limit: int) -> Delivery:
        with self._lock:
            try:
                with failures():
                    return self._pull(self._connected(), cursor, limit)
            except ImapFailed as failed:
                self._drop()
                raise failed.as_error(self._account) from failed
            except Exception:
                self._drop()
                raise

    def _locked_wait(self, timeout_s: float, stop: threading.Event) -> None:
        with self._lock:
            try:
                with failures():
                    mailbox = self._connected()
                    if "IDLE" not in capabilities(mailbox):
                        stop.wait(min(timeout_s, self._poll_s))
                        return
                    self._idle(mailbox, min(timeout_s, self._poll_s), stop)
            except ImapFailed:
                # The next pull finds out and says so. Until then nobody is served by asking at once.
                self._drop()
                stop.wait(min(timeout_s, self._poll_s))

    def _idle(self, mailbox: BaseMailBox, timeout_s: float, stop: threading.Event) -> None:
        """IDLE on the Inbox. What came since the pull shows in the next UID; what comes from now on is
        announced."""
        mailbox.folder.set(self._account.inbox, readonly=True)
        if _number(mailbox, "UIDNEXT") != self._seen_next:
            return
        deadline = time.monotonic() + timeout_s
        mailbox.idle.start()  # type: ignore[no-untyped-call]
        if b"EXISTS" in _read_already(mailbox):
            stop.set()
        while not stop.is_set() and (left := deadline - time.monotonic()) > 0:
            tick = min(TICK_S, left)
            asked = time.monotonic()
            said = mailbox.idle.poll(timeout=tick)
            if any(b"EXISTS" in line for line in said):
                break
            if not said and time.monotonic() - asked < tick / 2:
                raise ImapFailed("the connection was lost")  # it is readable, and there is nothing to read
        mailbox.idle.stop()  # type: ignore[no-untyped-call]

    def _connected(self) -> BaseMailBox:
        if self._mailbox is None:
            self._mailbox = connect(self._account)
            self._sent = None
        return self._mailbox

    def _drop(self) -> None:
        if self._mailbox is not None:
            disconnect(self._mailbox)
        self._mailbox = None

    def _pull(self, mailbox: BaseMailBox, cursor: Json, limit: int) -> Delivery:
        since = int(cursor.get("since", self._since()))
        if self._sent is None:
            self._sent = find_sent(mailbox, self._account)  # it may have come into being with the first reply
        after: Json = {**cursor, "since": since}
        batch = Batch(limit, [])
        more = False
        folders = [("inbox", self._account.inbox)] + ([("sent", self._sent)] if self._sent else [])
        for role, folder in folders:
            place, rest = self._read(mailbox, role, folder, cursor, since, batch)
            after[role] = place.as_json()
            more = more or rest
        return Delivery(tuple(batch.items), after, more=more)

    def _since(self) -> Instant:
        """What arrived before this is history."""
        match self._start:
            case "now":
                return self._now()
            case "all":
                return Instant(0)
            case day:
                return instant_of(day)

    def _read(
        self, mailbox: BaseMailBox, role: str, folder: str, cursor: Json, since: int, batch: Batch
    ) -> tuple[_Place, bool]:
        mailbox.folder.set(folder, readonly=True)
        uidvalidity, uidnext = _number(mailbox, "UIDVALIDITY"), _number(mailbox, "UIDNEXT")
        if role == "inbox":
            self._seen_next = uidnext
        place = self._place(mailbox, cursor, role, uidvalidity, uidnext)
        new = [uid for uid in search(mailbox, "UID", f"{place.uid + 1}:*") if uid > place.uid]
        rest = self._take(mailbox, role, folder, new, since, batch, place, backwards=False)
        if place.back > 1 and place.back_count > 0 and not batch.full:
            old = [uid for uid in search(mailbox, "UID", f"1:{place.back - 1}") if uid < place.back]
            old = old[-place.back_count :][::-1]
            if not old:
                place.back = 0
            rest = self._take(mailbox, role, folder, old, since, batch, place, backwards=True) or rest
        return place, rest or (place.back > 1 and place.back_count > 0)

    def _place(self, mailbox: BaseMailBox, cursor: Json, role: str, uidvalidity: int, uidnext: int) -> _Place:
        known = cursor.get(role)
        if known is not None and int(known["uidvalidity"]) == uidvalidity:
            return _Place(uidvalidity, int(known["uid"]), int(known["back"]), int(known["back_count"]))
        if cursor or self._start == "all":
            # Renumbered, or a folder that came later: the dates tell what is history.
            return _Place(uidvalidity, 0, 0, 0)
        if self._start == "now":
            return _Place(uidvalidity, uidnext - 1, uidnext, self._history_max)
        day = datetime.fromtimestamp(instant_of(self._start) / SECOND, UTC)
        recent = search(mailbox, "SINCE", f"{day.day}-{calendar.month_abbr[day.month]}-{day.year}")
        first = recent[0] if recent else uidnext
        return _Place(uidvalidity, first - 1, first, self._history_max)

    def _take(
        self,
        mailbox: BaseMailBox,
        role: str,
        folder: str,
        uids: list[int],
        since: int,
        batch: Batch,
        place: _Place,
        *,
        backwards: bool,
    ) -> bool:
        """Fetch messages in order until the batch is full; whether some are left."""
        wanted = uids[: max(0, batch.limit - len(batch.items))]
        sizes = {item.uid: item for item in fetch(mailbox, wanted, "RFC822.SIZE INTERNALDATE")}
        for group in self._groups(wanted, sizes):
            if batch.full:
                return True
            bodies = self._bodies(mailbox, group, sizes)
            for uid in group:
                if uid in bodies and uid in sizes:
                    batch.add(
                        self._item(role, folder, sizes[uid], bodies[uid], since=since, history=backwards)
                    )
                if backwards:
                    place.back, place.back_count = uid, place.back_count - 1
                else:
                    place.uid = uid
        return len(wanted) < len(uids)

    def _groups(self, uids: list[int], sizes: dict[int, Fetched]) -> list[list[int]]:
        """What one command fetches: several small messages, or one large one."""
        groups: list[list[int]] = []
        room, count, kind = 0, 0, False
        for uid in uids:
            size = sizes[uid].size or 0 if uid in sizes else 0
            large = size > self._message_bytes_max
            if not groups or size > room or count >= GROUP_MAX or large != kind:
                groups.append([])
                room, count, kind = GROUP_BYTES, 0, large
            groups[-1].append(uid)
            room, count = room - min(size, room), count + 1
        return groups

    def _bodies(self, mailbox: BaseMailBox, group: list[int], sizes: dict[int, Fetched]) -> dict[int, bytes]:
        large = any((sizes[uid].size or 0) > self._message_bytes_max for uid in group if uid in sizes)
        part = "BODY.PEEK[HEADER]" if large else "BODY.PEEK[]"
        return {item.uid: item.body for item in fetch(mailbox, group, part)}

    def _item(self, role: str, folder: str, known: Fetched, raw: bytes, *, since: int, history: bool) -> Item:
        size = known.size or len(raw)
        arrived = _internal_date(known.internal_date) or self._now()
        oversize = size if size > self._message_bytes_max else None
        return Item(
            raw=header_of(raw) if oversize is not None else raw,
            received_at=arrived,
            origin=f"{folder}, message {known.uid}",
            folder=role,
            oversize=oversize,
            history=history or self._before(arrived, since),
        )

    def _before(self, arrived: Instant, since: int) -> bool:
        """The server's clock may differ from ours: a new mail must not become history for a few seconds."""
        slack = 0 if not isinstance(self._start, str) else 600 * SECOND
        return arrived < since - slack


def _number(mailbox: BaseMailBox, name: str) -> int:
    """A number that the server told when the folder was selected."""
    answer: Any = mailbox.client.untagged_responses.get(name)
    try:
        return int(answer[-1])
    except (TypeError, ValueError, IndexError):
        raise ImapFailed(f"the server does not tell {name}") from None


def _internal_date(head: bytes) -> Instant | None:
    moment = imaplib.Internaldate2tuple(head)
    return Instant(int(time.mktime(moment)) * SECOND) if moment is not None else None


def _read_already(mailbox: BaseMailBox) -> bytes:
    """What came in one read with the answer to IDLE: it lies in the client's buffer, where no poll of the socket
    would see it, and a mail that came at that moment would be noticed only at the next look."""
    client: Any = mailbox.client  # its buffered file is typed as any file
    before = client.sock.gettimeout()
    client.sock.settimeout(0)
    try:
        return bytes(client.file.peek(1))
    except OSError:
        return b""
    finally:
        client.sock.settimeout(before)
