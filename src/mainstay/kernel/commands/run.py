"""Commands for a run: decided by `kernel.run`."""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.kernel.commands.outcomes import Outcome
from mainstay.kernel.events import ContextRecalled, ModelUsed, RunForked
from mainstay.kernel.ids import ApprovalId, RunId, SubjectId
from mainstay.kernel.policy import Action
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant, Json


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
    relived: bool = False  # its time lies before a restore: the lost ledger may have run it already
    sealed_under: SubjectId | None = None
    by: str = ""  # the agent that asked for it, where it was one: what the run does then always asks


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
    confirmed: bool = False  # the second step was taken
    batch: str = ""  # decided together with others
    via: str = ""  # the device whose link it was


@dataclass(frozen=True, slots=True)
class EditApproval:
    """Yes, to this other effect instead."""

    run: RunId
    approval: ApprovalId
    digest: Digest  # of the effect that was shown
    action: Action  # the edited one
    actor: str
    open_us: int = 0
    confirmed: bool = False
    words: int = 0
    changed: int = 0
    typed: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class RejectApproval:
    """No."""

    run: RunId
    approval: ApprovalId
    actor: str
    reason_sealed: str = ""
    open_us: int = 0
    batch: str = ""
    via: str = ""


@dataclass(frozen=True, slots=True)
class SnoozeApproval:
    """Not now: show the card again at `until`."""

    run: RunId
    approval: ApprovalId
    until: Instant
    actor: str


@dataclass(frozen=True, slots=True)
class UndoAct:
    """Take back what may leave and has not left; a card asks anew."""

    run: RunId
    task: int
    actor: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class JudgeAgain:
    """Rules or templates have changed: hold what waits, and what is held, against them. Only stricter counts."""

    run: RunId


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
