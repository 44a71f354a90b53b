"""Events of the streams `inbox:MAILBOX`: what came in from one source."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.ids import SubjectId
from mainstay.kernel.values import Digest, Instant, Json


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message came in; its personal parts are a sealed blob."""

    mailbox: str
    message_key: str  # keyed hash of the Message-ID: the at-most-once key
    thread: str  # keyed hash of the thread's root
    subject: SubjectId  # whose personal values these are
    content: Digest  # sealed blob: headers, text
    size_bytes: int
    sent_at: Instant = Instant(0)
    automatic: str = ""  # why it is a machine's mail (RFC 3834), empty if it is not
    attachments: tuple[Digest, ...] = ()  # sealed blobs
    defects: tuple[str, ...] = ()
    history: bool = False  # older than the start of the account: memory only, never a run
    sealed_under: SubjectId | None = None  # the joint subject, where it concerns others besides `subject`


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """Something came in that cannot be read as a message; nothing of it was lost."""

    mailbox: str
    item_key: str  # keyed hash of the raw bytes
    reason: str
    raw: Digest  # sealed blob of what came
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ThreadAnswered:
    """The operator answered a thread by hand, seen in Sent; or we did, and a restored ledger does not know it."""

    mailbox: str
    message_key: str
    thread: str
    sent_at: Instant = Instant(0)


@dataclass(frozen=True, slots=True)
class CursorAdvanced:
    """A source was read up to here; what was dropped on the way is counted."""

    source: str
    cursor: Json
    received: int = 0
    duplicates: int = 0
    dropped: int = 0  # witnesses and our own notifications
    rejected: int = 0
