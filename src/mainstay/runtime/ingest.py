"""Ingest: what a mailbox brings becomes commands. Nothing personal passes this file unsealed.

Rules of this file:

- What cannot be read becomes `RejectMessage`, never an exception in the loop; the raw bytes are kept, sealed.
- Our own mail coming back (witness copies, notifications) is recognised by its seal and dropped before anything of it
  is stored. What lies in Sent and is not ours was written by the operator's hand: it answers a thread.
- What concerns several people is sealed under a joint key (`runtime.concern`); who wrote it stays who wrote it.
- Keys of subjects are durable before anything sealed under them is appended, and the cursor moves in or after the tick
  of the messages before it: a crash repeats a pull, and a message that was received decides to nothing the second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec

from mainstay.adapters.base import Item, Source
from mainstay.adapters.email import (
    Attachment,
    ParsedMail,
    Rejected,
    automatic,
    parse,
    recognise,
    thread_of,
)
from mainstay.adapters.email.marks import answers_notification
from mainstay.agents.base import MessageLink, MessageView
from mainstay.kernel.commands import AdvanceCursor, Command, ObserveSent, ReceiveMessage, RejectMessage
from mainstay.kernel.errors import DirectorUnavailable, NotFound, StaleEpoch, StorageFailed
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts, SubjectForgotten
from mainstay.runtime.concern import Concern, Concerns, concern, people_in
from mainstay.runtime.tick import Answer, Request

PULL_MAX = 64  # messages taken at once: bounds memory, and how long one pull holds the loop


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One mailbox: where it comes from, and who we are in it."""

    instance: str  # the adapter's name in mainstay.toml
    mailbox: str  # what workflows call it
    source: Source
    own_addresses: tuple[str, ...]
    seal_key: bytes
    poll_s: float = 60.0


@dataclass(slots=True)
class Pulled:
    """What pulling brought, so far."""

    received: int = 0
    duplicates: int = 0
    dropped: int = 0
    rejected: int = 0
    answered: int = 0
    history: int = 0
    runs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.received} received, {self.duplicates} duplicates, {self.rejected} rejected, "
            f"{self.dropped} of our own dropped"
        )


Ask = Callable[[Request], Awaitable[Answer]]


class Ingest:
    """Reads one mailbox into the ledger."""

    def __init__(
        self,
        mailbox: Mailbox,
        *,
        artifacts: Artifacts,
        store: EventStore,
        ask: Ask,
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
        heard: Callable[[str], None] = lambda instance: None,
    ) -> None:
        self._mailbox = mailbox
        self._artifacts = artifacts
        self._store = store
        self._ask = ask
        self._noticed = noticed
        self._heard = heard  # told of each answer of the source, however much it brings
        self._pulling = asyncio.Lock()
        self._concerns = Concerns(artifacts.vault, store, mailbox.own_addresses)

    @property
    def mailbox(self) -> str:
        """What workflows and events call it."""
        return self._mailbox.mailbox

    async def run(self) -> None:
        """Pull, wait, pull again, until cancelled. An unreachable mailbox is told and tried again.

        Raises `StorageFailed` and `StaleEpoch`: what makes going on unsafe is not waited out.
        """
        failures = 0
        while True:
            try:
                await self.pull()
                await self._mailbox.source.wait(self._mailbox.poll_s)
                failures = 0
            except (StorageFailed, StaleEpoch):
                raise  # no fault of the mailbox: the process must end
            except DirectorUnavailable:
                return  # it has ended, and this ends with it
            except Exception as error:  # the outside world: tell it, and come back later
                failures += 1
                self._noticed(f"mailbox {self._mailbox.instance}", error)
                await asyncio.sleep(min(900.0, 5.0 * 2 ** min(failures, 8)))

    async def pull(self, progress: Callable[[int], None] = lambda count: None) -> Pulled:
        """Take everything that is there now. `progress` is told how many items each batch had."""
        pulled = Pulled()
        async with self._pulling:
            more = True
            while more:
                self._concerns.begin()
                cursor = self._cursor()
                delivery = await self._mailbox.source.pull(cursor, limit=PULL_MAX)
                self._heard(self._mailbox.instance)
                await self._take(delivery.items, cursor, delivery.cursor, pulled)
                progress(len(delivery.items))
                more = delivery.more
        return pulled

    @asynccontextmanager
    async def held_back(self) -> AsyncIterator[None]:
        """Nothing is taken in as long as this is entered; what is being taken in is finished first."""
        async with self._pulling:
            yield

    async def read_again(self, item_key: str) -> str:
        """Read something once more that was rejected: what became of it (received, duplicate, dropped, rejected).

        Raises `NotFound` for an item that this mailbox never rejected, or whose bytes were put away.
        """
        row = self._store.get("rejected", (item_key,))
        if row is None or row["mailbox"] != self._mailbox.mailbox:
            raise NotFound(
                "This mailbox has rejected no such item.", why="It may belong to another one.", item=item_key
            )
        vault = self._artifacts.vault
        try:
            raw = self._artifacts.get(Digest(str(row["raw"])), vault.subject("rejected:" + item_key), b"raw")
        except SubjectForgotten:
            raise NotFound(
                "What came is not there any more.", why="Somebody whom it named was forgotten.", item=item_key
            ) from None
        item = Item(raw, Instant(_int(row["at"])), str(row["origin"] or ""))
        mail = await asyncio.to_thread(lambda: parse(raw))
        pulled = Pulled()
        self._concerns.begin()
        concerns = self._make_keys([mail])
        command = self._command(item, mail, pulled, concerns.get(0))
        if command is None:
            return "dropped"
        if isinstance(command, RejectMessage):
            self._artifacts.take_staged()
            return "rejected"
        answer = await self._ask(Request(command, "operator", blobs=self._artifacts.take_staged()))
        return "duplicate" if answer.detail.get("duplicate") else "received"

    def _cursor(self) -> Json:
        row = self._store.get("cursors", (self._mailbox.instance,))
        return msgspec.json.decode(str(row["cursor"])) if row and row["cursor"] else {}

    async def _take(self, items: tuple[Item, ...], cursor: Json, next_cursor: Json, pulled: Pulled) -> None:
        before = (pulled.received, pulled.duplicates, pulled.dropped, pulled.rejected)
        # Parsing is CPU work on hostile input: it must not hold up the loop.
        parsed = await asyncio.to_thread(lambda: [parse(one.raw, oversize=one.oversize) for one in items])
        concerns = self._make_keys(parsed)
        commands: list[Command] = []
        for number, (item, mail) in enumerate(zip(items, parsed, strict=True)):
            command = self._command(item, mail, pulled, concerns.get(number))
            if command is not None:
                commands.append(command)
        # An answer that the ledger has lost ends the runs of what it answered, so they must be there by then.
        commands.sort(key=lambda command: isinstance(command, ObserveSent) and command.sent_at > 0)
        staged = self._artifacts.take_staged()
        answers = await asyncio.gather(
            *(
                self._ask(Request(command, "ingest", blobs=staged if index == 0 else {}))
                for index, command in enumerate(commands)
            )
        )
        for command, answer in zip(commands, answers, strict=True):
            _count(pulled, command, answer)
        if next_cursor != cursor:
            after = (pulled.received, pulled.duplicates, pulled.dropped, pulled.rejected)
            received, duplicates, dropped, rejected = (b - a for a, b in zip(before, after, strict=True))
            advance = AdvanceCursor(
                self._mailbox.instance, next_cursor, received, duplicates, dropped, rejected
            )
            await self._ask(Request(advance, "ingest"))

    def _make_keys(self, parsed: Sequence[ParsedMail | Rejected]) -> dict[int, Concern]:
        """Whom each mail concerns, by its place; keys for all of them, with one wait for the disk.

        With one wait each, a pull held up the loop for seconds.
        """
        own = self._mailbox.own_addresses
        found = {
            number: self._concerns.of(mail, mail.sender.email, self._thread(mail))
            for number, mail in enumerate(parsed)
            if isinstance(mail, ParsedMail) and mail.sender is not None and not mail.from_self(own)
        }
        self._concerns.ensure(found.values())
        return found

    def _command(
        self, item: Item, mail: ParsedMail | Rejected, pulled: Pulled, whom: Concern | None
    ) -> Command | None:
        if isinstance(mail, Rejected):
            return self._rejected(item, mail.reason)
        own = self._mailbox.own_addresses
        ours = recognise(mail, own, self._mailbox.seal_key)
        if ours == "witness" and self._was_lost(mail):
            # A restored ledger does not know that this left: whatever it answered must not be answered again.
            return ObserveSent(
                self._mailbox.mailbox, self._key(mail.message_id), self._thread(mail), mail.date or Instant(0)
            )
        if ours or answers_notification(mail, item.raw, self._mailbox.seal_key):
            pulled.dropped += 1
            return None
        if item.folder == "sent":
            return ObserveSent(self._mailbox.mailbox, self._key(mail.message_id), self._thread(mail))
        if mail.sender is None:
            return self._rejected(item, "it has no sender")
        address, thread = mail.sender.email, self._thread(mail)
        if whom is None:  # it says that it comes from ourselves, and bears no mark of ours
            whom = self._concerns.of(mail, address, thread)
            self._concerns.ensure([whom])
        return self._received(item, mail, address, mail.sender.name, thread, whom)

    def _received(
        self, item: Item, mail: ParsedMail, address: str, name: str, thread: str, whom: Concern
    ) -> ReceiveMessage:
        key = self._key(mail.message_id)
        machine = automatic(mail, self._mailbox.own_addresses) or ""
        reply_to = mail.reply_to[0].email if mail.reply_to else ""
        view = MessageView(
            message_id=mail.message_id,
            thread=thread,
            mailbox=self._mailbox.mailbox,
            from_address=address,
            from_name=name,
            reply_to="" if reply_to.lower() == address.lower() else reply_to,
            to=tuple(one.email for one in mail.to),
            subject=mail.subject,
            sent_at=mail.date or item.received_at,
            references=mail.references,
            text=mail.text,
            new_text=mail.new_text,
            attachments=tuple(one.name for one in mail.attachments),
            automatic=machine,
            hidden_text=mail.hidden_text,
            links=tuple(MessageLink(text=one.text, target=one.target) for one in mail.links),
            defects=mail.defects,
        )
        if self._store.get("messages", (key,)) is not None:
            content, attachments = (
                Digest(""),
                tuple[Digest, ...](),
            )  # a duplicate: nothing of it needs to be stored again
        else:
            content = self._artifacts.put(_encoded(view), whom.owner, b"message")
            attachments = tuple(self._attachment(one, whom.owner) for one in mail.attachments)
        return ReceiveMessage(
            mailbox=self._mailbox.mailbox,
            message_key=key,
            thread=thread,
            subject=whom.subject,
            sealed_under=whom.joint,
            content=content,
            size_bytes=item.oversize or len(item.raw),
            sent_at=mail.date or Instant(0),
            automatic="machine" if machine else "",
            attachments=attachments,
            defects=tuple(_short(one) for one in mail.defects[:8]),
            history=item.history or self._was_answered(thread, mail),
            fields={"reply": bool(mail.references)},
        )

    def _was_lost(self, mail: ParsedMail) -> bool:
        """Whether this was written in the time that a restored ledger has lost."""
        row = self._store.get("house", ("lost_since",))
        return row is not None and int(str(row["value"])) <= (mail.date or 0) <= _int(row["at"])

    def _was_answered(self, thread: str, mail: ParsedMail) -> bool:
        """Whether it was answered in that time: its run is lost, and a new one would answer it again."""
        if not self._was_lost(mail):
            return False
        answers = self._store.select("messages", where={"thread": thread, "own": 1}, limit=1_000)
        return any(_int(row["sent_at"] or 0) >= (mail.date or 0) for row in answers)

    def _attachment(self, attachment: Attachment, subject: SubjectId) -> Digest:
        head = msgspec.json.encode({"name": attachment.name, "type": attachment.content_type})
        return self._artifacts.put(head + b"\n" + attachment.content, subject, b"attachment")

    def _rejected(self, item: Item, reason: str) -> RejectMessage:
        # Whose it is cannot be told, so it is kept under a subject of its own, and with it whom it names.
        vault = self._artifacts.vault
        text = item.raw.decode("latin-1")
        key = vault.keyed_hash("item", text).hex()
        whom = concern(vault, vault.subject("rejected:" + key), people_in(text, vault.subject))
        self._concerns.ensure([whom])
        raw = self._artifacts.put(item.raw, whom.owner, b"raw")
        return RejectMessage(self._mailbox.mailbox, key, reason, raw, item.origin)

    def _key(self, message_id: str) -> str:
        return self._artifacts.vault.keyed_hash("message", message_id).hex()

    def _thread(self, mail: ParsedMail) -> str:
        known: list[str] = []  # told apart by where it stands: nothing that a mail says may pass for a thread

        def look_up(message_id: str) -> str | None:
            row = self._store.get("messages", (self._key(message_id),))
            if row is not None:
                known.append(str(row["thread"]))
            return known[0] if known else None

        found = thread_of(mail, look_up)
        return known[0] if known else self._artifacts.vault.keyed_hash("thread", found).hex()


def _encoded(view: MessageView) -> bytes:
    # Lone surrogates can stand in what a hostile mail decodes to; JSON of UTF-8 cannot hold them.
    try:
        return view.model_dump_json().encode()
    except (UnicodeEncodeError, ValueError):
        cleaned = {
            name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
            for name, value in view.model_dump().items()
        }
        return MessageView.model_validate(cleaned).model_dump_json().encode()


def _int(value: Value) -> int:
    assert isinstance(value, int)
    return value


def _short(text: str) -> str:
    return text[:80]


def _count(pulled: Pulled, command: Command, answer: Answer) -> None:
    if answer.detail.get("duplicate"):
        pulled.duplicates += 1
    elif isinstance(command, ReceiveMessage):
        pulled.received += 1
        pulled.history += bool(answer.detail.get("history"))
        pulled.runs += answer.detail.get("runs", [])
    elif isinstance(command, RejectMessage):
        pulled.rejected += 1
    elif isinstance(command, ObserveSent):
        pulled.answered += 1
