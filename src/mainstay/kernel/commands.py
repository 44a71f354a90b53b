"""Every command: a request that `decide` may turn into events, or into nothing.

Commands are what comes in through the doors, from the performer and from timers. Those for a run are decided
by `kernel.run`; the others by the director's own small decisions over the workspace (`kernel.house`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mainstay.kernel.events import ContextRecalled, FailureClass, IncidentKind, ModelUsed, RunForked
from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.policy import Action
from mainstay.kernel.swift import swift
from mainstay.kernel.values import NO_USAGE, Digest, Instant, Json, Usage

# --- what an agent or an adapter answered ---------------------------------------------------------


@swift
@dataclass(frozen=True, slots=True)
class Produced:
    """The agent gave its typed output."""

    output: Json
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Proposed:
    """The executor proposes an effect."""

    action: Action
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


@dataclass(frozen=True, slots=True)
class Inspected:
    """The findings, worst first. `verdict` is passed, look or refuse; `revise` asks for a new draft."""

    verdict: str
    findings: tuple[Json, ...]
    rationale: str
    evidence: tuple[str, ...] = ()
    usage: Usage = NO_USAGE
    revise: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt came to nothing."""

    failure: FailureClass
    reason: str
    retry_after_us: int | None = None
    usage: Usage | None = NO_USAGE  # None: unknown, so the ceiling counts as spent
    exception: str = ""  # type and place of what was raised, never its text


@dataclass(frozen=True, slots=True)
class Acted:
    """The other side has the effect."""

    response: Json = field(default_factory=dict)


class Sighting(StrEnum):
    """What a look-up saw."""

    FOUND = "found"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sought:
    """The answer of a look-up."""

    sighting: Sighting
    response: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withheld:
    """The effect was stopped directly before its call, because something newer made it needless."""

    reason: str


Outcome = Produced | Proposed | Inspected | Failed | Acted | Sought | Withheld


# --- for a run ------------------------------------------------------------------------------------


@swift
@dataclass(frozen=True, slots=True)
class StartRun:
    """Begin a run of a registered workflow; `behind` names the run with the same key that has not ended."""

    run: RunId
    workflow: str
    definition: Digest
    trigger: Json = field(default_factory=dict)
    key: str = ""
    subject: SubjectId | None = None
    behind: RunId | None = None
    line: str = "key"  # in which line it stands behind that run: its key's or its workflow's
    not_before: Instant = Instant(0)
    forked: RunForked | None = None  # where it goes on from


@swift
@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What became of an attempt."""

    run: RunId
    task: int
    attempt: int
    outcome: Outcome
    notes: tuple[ContextRecalled | ModelUsed, ...] = ()  # what the attempt drew upon


@dataclass(frozen=True, slots=True)
class Wake:
    """A timer of this task has come; `task` -1 is the run itself, an empty run the house (`kernel.house`)."""

    run: RunId
    task: int


@dataclass(frozen=True, slots=True)
class RecordNotified:
    """The operator was told."""

    run: RunId
    task: int


@dataclass(frozen=True, slots=True)
class GrantApproval:
    """Yes, to exactly this digest."""

    run: RunId
    approval: ApprovalId
    digest: Digest
    actor: str
    open_us: int = 0


@dataclass(frozen=True, slots=True)
class EditApproval:
    """Yes, to this other effect instead."""

    run: RunId
    approval: ApprovalId
    digest: Digest  # of the effect that was shown
    action: Action  # the edited one
    actor: str
    open_us: int = 0


@dataclass(frozen=True, slots=True)
class RejectApproval:
    """No."""

    run: RunId
    approval: ApprovalId
    actor: str
    reason_sealed: str = ""
    open_us: int = 0


@dataclass(frozen=True, slots=True)
class ResolveDoubt:
    """The operator's answer to "did this go out?": happened, did_not or unknown."""

    run: RunId
    task: int
    answer: str
    actor: str
    attempt: int = 0  # of which attempt the question was asked; 0 where the caller cannot tell


@dataclass(frozen=True, slots=True)
class CancelRun:
    """End the run; an effect that is already under way is still looked after."""

    run: RunId
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SupersedeRun:
    """End the run if it only waits for a person."""

    run: RunId
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseRun:
    """The run that this one queued behind has ended."""

    run: RunId
    after: RunId


@dataclass(frozen=True, slots=True)
class RecoverRun:
    """A new director has folded this run: settle what was under way by what its contract says.

    `strict` counts thinking that was lost as failed attempts: for when directors keep ending untimely.
    """

    run: RunId
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ReconcileRun:
    """The ledger was restored: look up every act that waits or may have left, before anything goes on."""

    run: RunId


@dataclass(frozen=True, slots=True)
class Admit:
    """There may be room now for a deferred start (`task` -1: for all that is ready)."""

    run: RunId
    task: int = -1


@dataclass(frozen=True, slots=True)
class PauseRun:
    """Start nothing new of this run."""

    run: RunId
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """Go on with this run."""

    run: RunId
    actor: str


@dataclass(frozen=True, slots=True)
class PauseTask:
    """Do not start this task."""

    run: RunId
    task: int
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeTask:
    """This task may start again."""

    run: RunId
    task: int
    actor: str


@dataclass(frozen=True, slots=True)
class CancelTask:
    """Give this task up, unless its effect may already have left."""

    run: RunId
    task: int
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AllowSpending:
    """Let a run spend: so much in all ("run"), or so much for each attempt whose price nobody knows ("price")."""

    run: RunId
    scope: str
    amount: int
    actor: str


RunCommand = (
    RecordOutcome
    | StartRun
    | Wake
    | RecordNotified
    | GrantApproval
    | EditApproval
    | RejectApproval
    | ResolveDoubt
    | CancelRun
    | SupersedeRun
    | ReleaseRun
    | RecoverRun
    | ReconcileRun
    | Admit
    | PauseRun
    | ResumeRun
    | PauseTask
    | ResumeTask
    | CancelTask
    | AllowSpending
)


# --- for the workspace ----------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class RetireWorkflow:
    """Start no more runs of a workflow."""

    name: str
    actor: str


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
class Remember:
    """Keep something in memory: new, or, where the memory is known with another content, as its next version."""

    memory: str
    space: str
    kind: str
    content: Digest
    mark: str
    subject: SubjectId | None = None
    source: str = ""
    actor: str = ""
    thread: str = ""
    valid_from: Instant = Instant(0)
    valid_to: Instant = Instant(0)
    expires_at: Instant = Instant(0)
    tag: str = ""


@dataclass(frozen=True, slots=True)
class RetractMemory:
    """Recall no version of a memory any more."""

    memory: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AdoptFit:
    """Put a fitted model in force."""

    model: str
    version: int
    recipe: str
    artifact: Digest
    examples: int
    through: int


@dataclass(frozen=True, slots=True)
class ReviewAnnotation:
    """Say what a message is about."""

    run: RunId
    task: int
    said: str
    intent: str
    actor: str
    open_us: int = 0
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class JudgeDraft:
    """Keep how much of a drafted reply a person changed before it was sent."""

    run: RunId
    task: int
    words: int
    changed: int
    actor: str
    given: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    recipe: str = ""


@dataclass(frozen=True, slots=True)
class StopDirector:
    """The director ends as it should."""


MemoryCommand = Remember | RetractMemory | AdoptFit | ReviewAnnotation | JudgeDraft

HouseCommand = (
    ReceiveMessage
    | RejectMessage
    | ObserveSent
    | AdvanceCursor
    | RegisterWorkflow
    | RetireWorkflow
    | AdoptPolicy
    | ThrowKillSwitch
    | PauseScope
    | ResumeScope
    | DetectIncident
    | ClearIncident
    | RecordReplay
    | PurgeDeadLetter
    | StopDirector
    | MemoryCommand
)
Command = RunCommand | HouseCommand
