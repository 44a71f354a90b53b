"""What a mail becomes: a command, with everything personal in it sealed.

Rules of this file:

- What cannot be read becomes `RejectMessage`; the raw bytes are kept, sealed.
- Our own mail coming back (witness copies, notifications) is recognised by its seal and dropped before anything of it
  is stored. What lies in Sent and is not ours was written by the operator's hand: it answers a thread.
- What concerns several people is sealed under a joint key (`runtime.concern`); who wrote it stays who wrote it.
- Keys of subjects are durable before anything sealed under them is appended.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mainstay.adapters.base import Item
from mainstay.adapters.email import Attachment, ParsedMail, Rejected, automatic, recognise, thread_of
from mainstay.adapters.email.marks import answers_notification
from mainstay.agents.base import MessageLink, MessageView
from mainstay.kernel.commands import ObserveSent, ReceiveMessage, RejectMessage
from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Instant
from mainstay.ledger.store import EventStore, Value
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.concern import Concern, Concerns, concern, people_in
from mainstay.runtime.mailbox import Mailbox


class MailCommands:
    """Makes the commands of one mailbox."""

    def __init__(self, mailbox: Mailbox, artifacts: Artifacts, store: EventStore) -> None:
        self._mailbox = mailbox
        self._artifacts = artifacts
        self._store = store
        self._concerns = Concerns(artifacts.vault, store, mailbox.own_addresses)

    def begin(self) -> None:
        """A pull begins: what the last one knew of keys is in the vault by now."""
        self._concerns.begin()

    def make_keys(self, parsed: Sequence[ParsedMail | Rejected]) -> dict[int, Concern]:
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

    def command(
        self, item: Item, mail: ParsedMail | Rejected, whom: Concern | None
    ) -> ReceiveMessage | RejectMessage | ObserveSent | None:
        """What the mail becomes; None for our own coming back. Blobs of it are staged."""
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
