"""Commands for the inbox and the workspace itself: decided by `runtime.inbox` and `kernel.house`."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.kernel.events import IncidentKind
from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.values import Digest, Instant, Json


@dataclass(frozen=True, slots=True)
class ReceiveMessage:
    """A message, parsed and sealed, and the trigger fields that workflows may look at."""

    mailbox: str
    message_key: str
    thread: str
    subject: SubjectId
    content: Digest
    size_bytes: int
    sent_at: Instant = Instant(0)
    automatic: str = ""
    attachments: tuple[Digest, ...] = ()
    defects: tuple[str, ...] = ()
    history: bool = False
    fields: Json = field(default_factory=dict)  # further typed fields of `trigger.message`
    sealed_under: SubjectId | None = None  # the joint subject, where it concerns others besides `subject`


@dataclass(frozen=True, slots=True)
class RejectMessage:
    """Something that is no message."""

    mailbox: str
    item_key: str
    reason: str
    raw: Digest
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ObserveSent:
    """A message of the operator's own hand was seen in Sent.

    With `sent_at` it answers only what had been written before.
    """

    mailbox: str
    message_key: str
    thread: str
    sent_at: Instant = Instant(0)


@dataclass(frozen=True, slots=True)
class AdvanceCursor:
    """A source was read up to here; goes into the same tick as the messages before it."""

    source: str
    cursor: Json
    received: int = 0
    duplicates: int = 0
    dropped: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class RegisterWorkflow:
    """Put a definition in force for new runs."""

    name: str
    version: int
    definition: Digest
    raw: Digest = Digest("")  # its file as it was written; empty: nobody knows


@dataclass(frozen=True, slots=True)
class RetireWorkflow:
    """Start no more runs of a workflow."""

    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Keep that a file of the workspace was written, or removed (no `content`)."""

    file: str
    content: Digest
    replaced: Digest
    actor: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class AdoptPolicy:
    """Put rules in force."""

    policy: Digest


@dataclass(frozen=True, slots=True)
class ThrowKillSwitch:
    """Stop all new effects, or allow them again."""

    actor: str
    on: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PauseScope:
    """Start nothing new in a workflow, at an adapter, or in the whole workspace."""

    scope: str  # "workspace", "workflow", "adapter"
    name: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeScope:
    """Go on there."""

    scope: str
    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class DetectIncident:
    """Something is wrong that belongs to no run; once while it lasts."""

    kind: IncidentKind
    subject: str
    what: str
    known: Json = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ClearIncident:
    """It is over."""

    kind: IncidentKind
    subject: str


@dataclass(frozen=True, slots=True)
class RecordReplay:
    """A dead letter was tried again."""

    letter: str
    kind: str
    actor: str
    run: RunId | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class PurgeDeadLetter:
    """Put a dead letter away for good."""

    letter: str
    kind: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StopDirector:
    """The director ends as it should."""
