"""Every event, grouped by stream: what happened, in the past tense, one sentence each.

Events are public for ever. A field may be added with a default; any other change is a new version with an
upcaster (`ledger.codec`). `NUMBERS` gives each type the number under which it is stored; a number is never
used again. Personal values (addresses, subjects, texts, reasons a person typed) appear only as sealed strings
or as digests of sealed blobs; names ending in `_sealed` say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId, SubjectId
from mainstay.kernel.plan import Plan
from mainstay.kernel.policy import Action
from mainstay.kernel.swift import swift
from mainstay.kernel.values import Digest, Instant, Json


class FailureClass(StrEnum):
    """In which way an attempt failed; the recovery table (`kernel.recovery`) goes by it."""

    TRANSIENT = "transient"  # may work when tried again
    THROTTLED = "throttled"  # asked to come back later
    REFUSED = "refused"  # the other side said no for good
    INVALID = "invalid"  # what came back, or what was asked, makes no sense
    IN_DOUBT = "in_doubt"  # it may have happened
    TIMEOUT = "timeout"  # no answer within the deadline
    LOST = "lost"  # the director stopped while it ran
    BUG = "bug"  # our own code, or an agent's, raised
    STOPPED = "stopped"  # held back directly before it left: nobody was called
    POISONED = "poisoned"  # the director ended each time it was tried


# --- stream run:<id> ------------------------------------------------------------------------------


@swift
@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run of a workflow began, pinned to the content hash of its definition."""

    run: RunId
    workflow: str
    definition: Digest
    trigger: Json = field(default_factory=dict)  # typed fields; personal ones are references to sealed blobs
    key: str = ""  # one run at a time per key
    subject: SubjectId | None = None  # whose personal values the run handles


@dataclass(frozen=True, slots=True)
class RunQueued:
    """The run waits in line: for one with its key to end, or for room among the runs of its workflow."""

    behind: RunId
    line: str = "key"  # or "workflow"


@dataclass(frozen=True, slots=True)
class RunDelayed:
    """The run begins no earlier than this."""

    until: Instant


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a forked run takes over of one task of its parent: that it succeeded, and what it gave."""

    task: int
    output: Json = field(default_factory=dict)
    acted: bool = False  # its effect left the house in the parent's name


@dataclass(frozen=True, slots=True)
class RunForked:
    """The run goes on from a point of another: what was done there is done here. Acts after the point always ask."""

    parent: RunId
    version: int  # of the parent's stream: the point
    actor: str
    first: str = ""  # the task from which it is done anew; empty: from a point in time
    inherited: tuple[Inherited, ...] = ()
    expansions: tuple[tuple[int, int], ...] = ()  # (task, items) that had fanned out, in order
    changed: tuple[str, ...] = ()  # which inputs are not the parent's: "trigger.x", "task.field"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DeadlineSet:
    """From now on this task (-1: the run) must be done by `at`."""

    task: int
    at: Instant


@swift
@dataclass(frozen=True, slots=True)
class PlanAccepted:
    """The plan was validated and is what the run follows; the ledger keeps its digest, the plan is a blob."""

    plan: Plan


@swift
@dataclass(frozen=True, slots=True)
class TaskStarted:
    """An attempt of a task began: an agent is asked, and its ceiling of money is held."""

    task: int
    attempt: int
    hold: int = 0


@swift
@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """The task is done; here is what it gave, why, and what it relied on."""

    task: int
    attempt: int
    output: Json = field(default_factory=dict)
    cost: int = 0
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    withdrawn: ApprovalId | None = (
        None  # the truth came late: a card that asked to do it again no longer waits
    )


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """An attempt failed and another will be made at `retry_at`."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    retry_at: Instant
    cost: int = 0


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The task is given up."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    cost: int = 0


@dataclass(frozen=True, slots=True)
class TaskSkipped:
    """The task will not be done: its condition is false, or what it needs is missing."""

    task: int
    reason: str


@dataclass(frozen=True, slots=True)
class TaskExpanded:
    """A `for_each` fanned out over `count` items, numbered from the run's next free task number."""

    task: int
    count: int


@dataclass(frozen=True, slots=True)
class RevisionRequested:
    """The inspector sent the draft back, with its findings."""

    task: int  # the draft's task
    inspector: int
    attempt: int  # the inspector's
    findings: tuple[Json, ...] = ()
    cost: int = 0
    rationale: str = ""


@dataclass(frozen=True, slots=True)
class BudgetRefused:
    """A start would have gone over a budget; it waits for the next period, the operator, or what is `passing`.

    Under the scope "price" nobody knows what its agent costs: `needed` is the task's budget, and no clock leads on.
    """

    task: int
    scope: str  # "run", "workflow", "day", "month", "price"
    needed: int
    left: int
    wake_at: Instant
    passing: bool = False  # it fits as soon as what is only held has settled


@dataclass(frozen=True, slots=True)
class StartDeferred:
    """A start waits: for its delay, a throttle, a circuit breaker or the end of a pause (`scope` says which)."""

    task: int
    scope: str  # "delay", "throttle:adapter:NAME", "breaker:NAME.OPERATION", "pause:workflow:NAME", "kill switch"
    wake_at: Instant = Instant(0)  # 0: the director admits it when there is room


@dataclass(frozen=True, slots=True)
class FailureDiagnosed:
    """An attempt failed: what is known of it, which ways on there are, and which one is taken."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    exception: str = ""  # type and place, never its text
    known: Json = field(default_factory=dict)  # attempts, calls, how the operation may be repeated, ...
    candidates: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ActionProposed:
    """The executor proposed an effect, rendered whole and stored."""

    task: int
    attempt: int
    action: Action
    rationale: str = ""
    evidence: tuple[str, ...] = ()
    cost: int = 0


@dataclass(frozen=True, slots=True)
class ActionDenied:
    """A rule forbids the effect."""

    task: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """The effect waits for a person's yes to exactly this digest."""

    task: int
    approval: ApprovalId
    digest: Digest
    rule: str
    reason: str
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class OperatorNotified:
    """The operator was told that something waits."""

    task: int


@dataclass(frozen=True, slots=True)
class ActionEdited:
    """The operator changed the effect: a new digest, a new approval id."""

    task: int
    approval: ApprovalId
    action: Action
    actor: str
    replaces: ApprovalId | None = None  # the card that was answered with this edit


@dataclass(frozen=True, slots=True)
class ApprovalGranted:
    """A person said yes to this digest."""

    task: int
    approval: ApprovalId
    digest: Digest
    actor: str
    open_us: int = 0  # how long the card was open


@dataclass(frozen=True, slots=True)
class ApprovalRejected:
    """A person said no, and why."""

    task: int
    approval: ApprovalId
    actor: str
    reason_sealed: str = ""
    open_us: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalExpired:
    """Nobody answered in time; silence never approves."""

    task: int
    approval: ApprovalId


@dataclass(frozen=True, slots=True)
class ActionStarted:
    """The effect may now leave: its key and digest, and by whose authority."""

    task: int
    attempt: int
    key: IdempotencyKey
    digest: Digest
    authority: str  # "rule:NAME" or "approval:ID"
    hold: int = 0


@dataclass(frozen=True, slots=True)
class LookupStarted:
    """The answer was lost; the other side is asked whether it happened, until `until`."""

    task: int
    attempt: int
    until: Instant
    reason: str = ""
    withdrawn: ApprovalId | None = (
        None  # after a restore: the card that waited is not answered before the look-up
    )


@dataclass(frozen=True, slots=True)
class LookupDeferred:
    """The look-up proved nothing and is tried again at `again_at`."""

    task: int
    attempt: int
    again_at: Instant


@dataclass(frozen=True, slots=True)
class ActionInDoubt:
    """Nobody but the operator can say whether it went out."""

    task: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class DoubtResolved:
    """The operator answered "did this go out?"."""

    task: int
    answer: str  # "happened", "did_not", "unknown"
    actor: str


@dataclass(frozen=True, slots=True)
class RunReleased:
    """The run before this one has ended; this one goes on."""

    after: RunId


@dataclass(frozen=True, slots=True)
class RunSuperseded:
    """Something newer made the run needless while it only waited."""

    reason: str
    by: str = ""
    cost: int = 0  # what its agents may have spent: nobody will hear the true amount
    withdrawn: tuple[ApprovalId, ...] = ()  # cards that no longer wait


@dataclass(frozen=True, slots=True)
class RunCancelled:
    """The operator ended the run."""

    actor: str
    reason: str = ""
    cost: int = 0  # what its agents may have spent: nobody will hear the true amount
    withdrawn: tuple[ApprovalId, ...] = ()  # cards that no longer wait


@dataclass(frozen=True, slots=True)
class RunPaused:
    """Nothing new of this run starts; what is under way is heard."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunResumed:
    """The run goes on."""

    actor: str


@dataclass(frozen=True, slots=True)
class TaskPaused:
    """The task does not start, or start again, until it is resumed."""

    task: int
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaskResumed:
    """The task may start again."""

    task: int
    actor: str


@dataclass(frozen=True, slots=True)
class TaskCancelled:
    """The operator gave the task up; what needs it is skipped."""

    task: int
    actor: str
    reason: str = ""
    cost: int = 0  # what its agent may have spent: nobody will hear the true amount
    withdrawn: ApprovalId | None = None  # the card that no longer waits


@dataclass(frozen=True, slots=True)
class RunRecovered:
    """A new director took over work that was under way: how many attempts were lost with the old one.

    With `restored` the ledger came out of a backup: what the run had done since is unknown.
    """

    lost: int
    restored: bool = False


@dataclass(frozen=True, slots=True)
class CompensationBegun:
    """The run is failing or was cancelled: acts that name a compensation are taken back, the last one first."""

    ending: str  # "failed" or "cancelled": how the run ends afterwards
    reason: str = ""
    actor: str = ""
    cost: int = 0  # as for RunCancelled
    withdrawn: tuple[ApprovalId, ...] = ()


@dataclass(frozen=True, slots=True)
class CompensationPlanned:
    """Everything under way has settled: these acts are taken back, in this order, as tasks at the end of the table."""

    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompensationFailed:
    """An act could not be taken back: the operator is asked how to go on."""

    task: int
    attempt: int
    failure: FailureClass
    reason: str
    withdrawn: ApprovalId | None = None  # its card, if it expired
    cost: int = 0


@swift
@dataclass(frozen=True, slots=True)
class RunSucceeded:
    """Every task is done or was skipped for a stated reason."""


@dataclass(frozen=True, slots=True)
class RunFailed:
    """At least one task was given up, or the run's deadline passed."""

    reason: str
    cost: int = 0  # what its agents may have spent: nobody will hear the true amount
    withdrawn: tuple[ApprovalId, ...] = ()  # cards that no longer wait


# --- stream inbox:<mailbox> -----------------------------------------------------------------------


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


# --- stream workspace -----------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class WorkflowRetired:
    """A workflow starts no more runs; those in flight go on with the definition that they are pinned to."""

    name: str
    actor: str


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


# --- what thinking drew upon, and what a person said of it ------------------------------------------


@dataclass(frozen=True, slots=True)
class ContextRecalled:
    """An attempt was given memories: how many, what they weighed, and the log of what was found and dropped."""

    task: int
    attempt: int
    log: Digest  # a sealed blob: policy, query, hits with rank and features, and what was dropped and why
    hits: int
    dropped: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """An attempt called a language model: how often, what that consumed, and what the cache spared."""

    task: int
    attempt: int
    model: str  # provider and model, "ollama:qwen3"
    calls: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost: int = 0  # micro-units; part of what the attempt settles at, not on top of it
    cached: int = 0  # answers that came from the cache
    saved: int = 0  # what these would have cost
    guarding: bool = False  # it checked somebody's work instead of doing it


@dataclass(frozen=True, slots=True)
class SpendingAllowed:
    """A person said what a run may spend where its budget ends, or where nobody knows a price."""

    scope: (
        str  # "run": so much in all, in place of its budget; "price": so much for an attempt of unknown price
    )
    amount: int
    actor: str


RunEvent = (
    TaskStarted
    | TaskSucceeded
    | RunStarted
    | PlanAccepted
    | RunSucceeded
    | RunQueued
    | AttemptFailed
    | TaskFailed
    | TaskSkipped
    | TaskExpanded
    | RevisionRequested
    | BudgetRefused
    | ActionProposed
    | ActionDenied
    | ApprovalRequested
    | OperatorNotified
    | ActionEdited
    | ApprovalGranted
    | ApprovalRejected
    | ApprovalExpired
    | ActionStarted
    | LookupStarted
    | LookupDeferred
    | ActionInDoubt
    | DoubtResolved
    | RunReleased
    | RunSuperseded
    | RunCancelled
    | RunFailed
    | RunDelayed
    | RunForked
    | DeadlineSet
    | StartDeferred
    | FailureDiagnosed
    | RunPaused
    | RunResumed
    | TaskPaused
    | TaskResumed
    | TaskCancelled
    | RunRecovered
    | CompensationBegun
    | CompensationPlanned
    | CompensationFailed
    | ContextRecalled
    | ModelUsed
    | SpendingAllowed
)
InboxEvent = MessageReceived | MessageRejected | ThreadAnswered | CursorAdvanced
WorkspaceEvent = (
    DirectorStarted
    | WorkflowRegistered
    | WorkflowRetired
    | PolicyAdopted
    | KillSwitchThrown
    | BudgetWarned
    | DirectorStopped
    | ScopePaused
    | ScopeResumed
    | BreakerOpened
    | BreakerClosed
    | ScheduleFired
    | IncidentDetected
    | IncidentCleared
    | LedgerRestored
    | DeadLetterReplayed
    | DeadLetterPurged
)
# --- stream `memory` ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MemoryRecorded:
    """Something was remembered: version 1 of a memory, or a later one that takes the place of the version before."""

    memory: str
    version: int
    space: str  # "notes", "documents", "mail", "lessons": what a retrieval policy names
    kind: str  # "note", "chunk", "message", "reply", "lesson"
    content: Digest  # a blob: text and fields as JSON, sealed where they are somebody's
    mark: str  # a keyed hash of what it says: the same again is nothing new
    subject: SubjectId | None = None  # under whose key the content is sealed
    source: str = ""  # where it came from: "run:...", "document:<digest>#3", "operator"
    actor: str = ""
    thread: str = ""
    valid_from: Instant = Instant(0)
    valid_to: Instant = Instant(0)  # 0: it holds until something says otherwise
    expires_at: Instant = Instant(0)  # its time to live; 0: none
    tag: str = ""  # the data class, which says to which providers it may go


@dataclass(frozen=True, slots=True)
class MemoryRetracted:
    """A memory is no longer believed: no version of it is recalled from here on."""

    memory: str
    version: int  # the last one
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelFitted:
    """What a specialist learned was fitted and put in force: from here on it judges by this artifact."""

    model: str  # "triage"
    version: int
    recipe: str  # features, algorithm, embedder: evidence belongs to it, not to the fitted weights
    artifact: Digest  # a sealed blob
    examples: int
    through: int  # position up to which decisions were learned


@dataclass(frozen=True, slots=True)
class AnnotationReviewed:
    """A person said what a message is about: that the specialist was right, or what it is instead."""

    run: RunId
    task: int  # the specialist's
    said: str  # by the specialist
    intent: str  # by the person; `said` again where that was right
    actor: str
    open_us: int = 0
    note_sealed: str = ""


@dataclass(frozen=True, slots=True)
class DraftJudged:
    """A person sent a drafted reply, edited or as it was: how many of its words were changed, and by which lessons."""

    run: RunId
    task: int  # the act's
    words: int  # of the longer of the two: what was drafted, what was sent
    changed: int  # of these
    actor: str
    given: tuple[str, ...] = ()  # lessons that the draft was made with
    withheld: tuple[
        str, ...
    ] = ()  # lessons that would have applied, and were left out to measure their effect
    recipe: str = ""  # what drafted it


MemoryEvent = MemoryRecorded | MemoryRetracted | ModelFitted | AnnotationReviewed | DraftJudged

Event = RunEvent | InboxEvent | WorkspaceEvent | MemoryEvent

NUMBERS: dict[int, type[Event]] = {
    1: RunStarted,
    2: PlanAccepted,
    3: TaskStarted,
    4: TaskSucceeded,
    5: RunSucceeded,
    6: RunFailed,
    7: RunQueued,
    8: RunReleased,
    9: RunSuperseded,
    10: RunCancelled,
    11: AttemptFailed,
    12: TaskFailed,
    13: TaskSkipped,
    14: TaskExpanded,
    15: RevisionRequested,
    16: BudgetRefused,
    17: RunDelayed,
    18: StartDeferred,
    19: DeadlineSet,
    20: ActionProposed,
    21: ActionDenied,
    22: ApprovalRequested,
    23: OperatorNotified,
    24: ActionEdited,
    25: ApprovalGranted,
    26: ApprovalRejected,
    27: ApprovalExpired,
    28: ActionStarted,
    29: LookupStarted,
    30: LookupDeferred,
    31: ActionInDoubt,
    32: DoubtResolved,
    33: RunPaused,
    34: RunResumed,
    35: TaskPaused,
    36: TaskResumed,
    37: TaskCancelled,
    38: RunForked,
    39: RunRecovered,
    40: MessageReceived,
    41: MessageRejected,
    42: ThreadAnswered,
    43: CursorAdvanced,
    50: DirectorStarted,
    51: WorkflowRegistered,
    52: PolicyAdopted,
    53: KillSwitchThrown,
    54: BudgetWarned,
    55: DirectorStopped,
    56: ScopePaused,
    57: ScopeResumed,
    58: BreakerOpened,
    59: BreakerClosed,
    60: ScheduleFired,
    61: IncidentDetected,
    62: IncidentCleared,
    63: LedgerRestored,
    64: DeadLetterReplayed,
    65: DeadLetterPurged,
    66: WorkflowRetired,
    70: FailureDiagnosed,
    71: CompensationBegun,
    72: CompensationPlanned,
    73: CompensationFailed,
    74: ContextRecalled,
    75: ModelUsed,
    76: SpendingAllowed,
    80: MemoryRecorded,
    81: MemoryRetracted,
    82: ModelFitted,
    83: AnnotationReviewed,
    84: DraftJudged,
}
NUMBER_OF: dict[type[Event], int] = {kind: number for number, kind in NUMBERS.items()}
