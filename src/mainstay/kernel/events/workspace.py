"""Events of the stream `workspace`: directors, definitions, policy, pauses, schedules, incidents."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Digest, Instant, Json


@dataclass(frozen=True, slots=True)
class DirectorStarted:
    """A director took the workspace, with this epoch."""

    epoch: int
    version: str
    unclean: int = 0  # how many before it ended untimely, in a row


@dataclass(frozen=True, slots=True)
class WorkflowRegistered:
    """A definition of a workflow came into force for new runs; the definition is a blob under its digest."""

    name: str
    version: int
    definition: Digest
    raw: Digest = Digest("")  # its file as it was written, comments and all


@dataclass(frozen=True, slots=True)
class WorkflowRetired:
    """A workflow starts no more runs; those in flight go on with the definition that they are pinned to."""

    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class FileSaved:
    """A file of the workspace was written through Mainstay: what it says now, and what it said, are blobs."""

    file: str  # "templates/refund.md"
    content: Digest  # what it says now; empty: it was removed
    replaced: Digest  # what it said before; empty: there was none
    actor: str
    via: str = ""  # the device by which it was done


@dataclass(frozen=True, slots=True)
class PolicyAdopted:
    """These rules came into force."""

    policy: Digest


@dataclass(frozen=True, slots=True)
class KillSwitchThrown:
    """From here on no new effect starts, and every kind of action asks again."""

    actor: str
    on: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BudgetWarned:
    """Eighty per cent of a budget are spent or held."""

    scope: str  # "day", "month", "workflow:NAME" (of a day)
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class DirectorStopped:
    """A director ended in order; what was under way is settled by the next one."""

    epoch: int


@dataclass(frozen=True, slots=True)
class ScopePaused:
    """Nothing new starts in a workflow, at an adapter or in the whole workspace; what is under way is heard."""

    scope: str  # "workspace", "workflow", "adapter"
    name: str  # empty for the workspace
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ScopeResumed:
    """It goes on."""

    scope: str
    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class BreakerOpened:
    """An operation of an adapter failed again and again, or asked for rest: it is left alone until then."""

    adapter: str
    operation: str
    until: Instant
    failures: int  # in a row
    opened: int  # how often in a row, which lengthens the rest
    reason: str


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """A trial call went well: calls go out again."""

    adapter: str
    operation: str


@dataclass(frozen=True, slots=True)
class ScheduleFired:
    """A time of a workflow's schedule has come, or was found missed; `runs` started for it."""

    workflow: str
    due: Instant  # the last of the times that this is about
    runs: int
    missed: int = 0  # times that came while no director was at work, `due` included
    dropped: int = 0  # of these, how many started nothing


class IncidentKind(StrEnum):
    """What the director noticed about its own house."""

    CLOCK_JUMPED = "clock_jumped"
    SOURCE_SILENT = "source_silent"
    VIEW_DISAGREED = "view_disagreed"
    PERFORMER_LOST = "performer_lost"
    DISK_GROWING = "disk_growing"
    BACKUP_FAILED = "backup_failed"
    CRASH_LOOP = "crash_loop"
    AUDIT_FAILED = "audit_failed"
    CHECKPOINT_UNWRITTEN = "checkpoint_unwritten"
    NOTIFICATION_FAILED = "notification_failed"


@dataclass(frozen=True, slots=True)
class IncidentDetected:
    """Something is wrong that belongs to no run: what, what was known, what can be done, what was done."""

    kind: IncidentKind
    subject: str  # the source, view or adapter it is about; may be empty
    what: str
    known: Json = field(default_factory=dict)
    candidates: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class IncidentCleared:
    """It is over."""

    kind: IncidentKind
    subject: str


@dataclass(frozen=True, slots=True)
class LedgerRestored:
    """This ledger was restored from a backup: the world may be ahead of it."""

    backup_head: int
    backup_hash: str
    actor: str
    backup_at: Instant = Instant(
        0
    )  # of the last event in the backup: what left after it is not in this ledger


@dataclass(frozen=True, slots=True)
class DeadLetterReplayed:
    """Something that had been given up was tried again."""

    letter: str  # the item key of a rejected message, or the id of a failed run
    kind: str  # "message" or "run"
    actor: str
    run: RunId | None = None  # that was started for it
    outcome: str = ""  # "received", "rejected", "duplicate", "started"


@dataclass(frozen=True, slots=True)
class DeadLetterPurged:
    """Something that had been given up was put away for good; this trace stays."""

    letter: str
    kind: str
    actor: str
    reason: str = ""
