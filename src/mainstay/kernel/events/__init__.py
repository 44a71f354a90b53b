"""Every event, grouped by stream: what happened, in the past tense, one sentence each.

Events are public for ever. A field may be added with a default; any other change is a new version with an
upcaster (`ledger.codec`). `NUMBERS` gives each type the number under which it is stored; a number is never
used again. Personal values (addresses, subjects, texts, reasons a person typed) appear only as sealed strings
or as digests of sealed blobs; names ending in `_sealed` say so.

    run.py        a run as a whole             inbox.py      what came in
    task.py       its tasks                    workspace.py  the workspace itself
    act.py        the one door out             memory.py     what is remembered and learned
    governance.py what may happen by itself, and who may look and decide
"""

from __future__ import annotations

from mainstay.kernel.events.act import (
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    DoubtResolved,
    LookupDeferred,
    LookupStarted,
    OperatorNotified,
)
from mainstay.kernel.events.governance import (
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    CheckpointSigned,
    DeviceAdmitted,
    DeviceDismissed,
    EvidenceWeighed,
    ExecutableDistrusted,
    ExecutableTrusted,
    ForgettingBegun,
    LinkIssued,
    LinkUsed,
    ObjectiveBreached,
    ObjectiveMet,
    RequestAnswered,
    RequestTaken,
    SecretRotated,
    SigningKeyAdopted,
    SubjectForgotten,
    TemplateAdopted,
    TemplateRetired,
    TokenIssued,
    TokenRevoked,
)
from mainstay.kernel.events.inbox import (
    CursorAdvanced,
    MessageReceived,
    MessageRejected,
    ThreadAnswered,
)
from mainstay.kernel.events.memory import (
    AnnotationReviewed,
    DraftJudged,
    MemoryRecorded,
    MemoryRetracted,
    ModelFitted,
)
from mainstay.kernel.events.run import (
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    DeadlineSet,
    Inherited,
    PlanAccepted,
    RunCancelled,
    RunDelayed,
    RunFailed,
    RunForked,
    RunPaused,
    RunQueued,
    RunRecovered,
    RunReleased,
    RunResumed,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
)
from mainstay.kernel.events.task import (
    AttemptFailed,
    BudgetRefused,
    ContextRecalled,
    FailureClass,
    FailureDiagnosed,
    ModelUsed,
    RevisionRequested,
    SpendingAllowed,
    StartDeferred,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.events.workspace import (
    BreakerClosed,
    BreakerOpened,
    BudgetWarned,
    DeadLetterPurged,
    DeadLetterReplayed,
    DirectorStarted,
    DirectorStopped,
    FileSaved,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    KillSwitchThrown,
    LedgerRestored,
    PolicyAdopted,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    WorkflowRegistered,
    WorkflowRetired,
)

# A run's, by what they are about: how it begins and ends, its tasks, the one door out, what a person is asked and says,
# and all that is out of the ordinary.
CourseEvent = (
    RunStarted
    | PlanAccepted
    | RunSucceeded
    | RunQueued
    | RunReleased
    | RunFailed
    | RunSuperseded
    | RunCancelled
)
WorkEvent = (
    TaskStarted
    | TaskSucceeded
    | TaskFailed
    | TaskSkipped
    | TaskExpanded
    | AttemptFailed
    | RevisionRequested
    | BudgetRefused
    | SpendingAllowed
    | ContextRecalled
    | ModelUsed
)
ActEvent = (
    ActionProposed
    | ActionDenied
    | ActionHeld
    | ActionStarted
    | ActionShadowed
    | LookupStarted
    | LookupDeferred
    | ActionInDoubt
)
CardEvent = (
    ApprovalRequested
    | OperatorNotified
    | ActionEdited
    | ApprovalGranted
    | ApprovalRejected
    | ApprovalExpired
    | ApprovalSnoozed
    | ApprovalResurfaced
    | ActionUndone
    | DoubtResolved
)
SteeringEvent = (
    RunDelayed
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
)
RunEvent = CourseEvent | WorkEvent | ActEvent | CardEvent | SteeringEvent

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
    | FileSaved
)

MemoryEvent = MemoryRecorded | MemoryRetracted | ModelFitted | AnnotationReviewed | DraftJudged

AutonomyEvent = EvidenceWeighed | AutonomyProposed | AutonomyGranted | AutonomyRevoked
GovernanceEvent = (
    CheckpointSigned
    | DeviceAdmitted
    | DeviceDismissed
    | ExecutableDistrusted
    | ExecutableTrusted
    | ForgettingBegun
    | LinkIssued
    | LinkUsed
    | ObjectiveBreached
    | ObjectiveMet
    | RequestAnswered
    | RequestTaken
    | SecretRotated
    | SigningKeyAdopted
    | SubjectForgotten
    | TemplateAdopted
    | TemplateRetired
    | TokenIssued
    | TokenRevoked
)

Event = RunEvent | InboxEvent | WorkspaceEvent | MemoryEvent | AutonomyEvent | GovernanceEvent

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
    67: FileSaved,
    70: FailureDiagnosed,
    71: CompensationBegun,
    72: CompensationPlanned,
    73: CompensationFailed,
    74: ContextRecalled,
    75: ModelUsed,
    76: SpendingAllowed,
    77: ApprovalSnoozed,
    78: ApprovalResurfaced,
    79: ActionHeld,
    80: MemoryRecorded,
    81: MemoryRetracted,
    82: ModelFitted,
    83: AnnotationReviewed,
    84: DraftJudged,
    85: ActionUndone,
    86: ActionShadowed,
    90: EvidenceWeighed,
    91: AutonomyProposed,
    92: AutonomyGranted,
    93: AutonomyRevoked,
    94: TemplateAdopted,
    95: LinkIssued,
    96: LinkUsed,
    97: DeviceAdmitted,
    98: DeviceDismissed,
    99: ObjectiveBreached,
    100: ObjectiveMet,
    101: CheckpointSigned,
    102: SigningKeyAdopted,
    103: ForgettingBegun,
    104: SubjectForgotten,
    105: ExecutableTrusted,
    106: ExecutableDistrusted,
    107: SecretRotated,
    108: TokenIssued,
    109: TokenRevoked,
    110: TemplateRetired,
    111: RequestTaken,
    112: RequestAnswered,
}
NUMBER_OF: dict[type[Event], int] = {kind: number for number, kind in NUMBERS.items()}

__all__ = [
    "ActEvent",
    "ActionDenied",
    "ActionEdited",
    "ActionHeld",
    "ActionInDoubt",
    "ActionProposed",
    "ActionShadowed",
    "ActionStarted",
    "ActionUndone",
    "AnnotationReviewed",
    "ApprovalExpired",
    "ApprovalGranted",
    "ApprovalRejected",
    "ApprovalRequested",
    "ApprovalResurfaced",
    "ApprovalSnoozed",
    "AttemptFailed",
    "AutonomyEvent",
    "AutonomyGranted",
    "AutonomyProposed",
    "AutonomyRevoked",
    "BreakerClosed",
    "BreakerOpened",
    "BudgetRefused",
    "BudgetWarned",
    "CardEvent",
    "CheckpointSigned",
    "CompensationBegun",
    "CompensationFailed",
    "CompensationPlanned",
    "ContextRecalled",
    "CourseEvent",
    "CursorAdvanced",
    "DeadLetterPurged",
    "DeadLetterReplayed",
    "DeadlineSet",
    "DeviceAdmitted",
    "DeviceDismissed",
    "DirectorStarted",
    "DirectorStopped",
    "DoubtResolved",
    "DraftJudged",
    "Event",
    "EvidenceWeighed",
    "ExecutableDistrusted",
    "ExecutableTrusted",
    "FailureClass",
    "FailureDiagnosed",
    "FileSaved",
    "ForgettingBegun",
    "GovernanceEvent",
    "InboxEvent",
    "IncidentCleared",
    "IncidentDetected",
    "IncidentKind",
    "Inherited",
    "KillSwitchThrown",
    "LedgerRestored",
    "LinkIssued",
    "LinkUsed",
    "LookupDeferred",
    "LookupStarted",
    "MemoryEvent",
    "MemoryRecorded",
    "MemoryRetracted",
    "MessageReceived",
    "MessageRejected",
    "ModelFitted",
    "ModelUsed",
    "NUMBERS",
    "NUMBER_OF",
    "ObjectiveBreached",
    "ObjectiveMet",
    "OperatorNotified",
    "PlanAccepted",
    "PolicyAdopted",
    "RequestAnswered",
    "RequestTaken",
    "RevisionRequested",
    "RunCancelled",
    "RunDelayed",
    "RunEvent",
    "RunFailed",
    "RunForked",
    "RunPaused",
    "RunQueued",
    "RunRecovered",
    "RunReleased",
    "RunResumed",
    "RunStarted",
    "RunSucceeded",
    "RunSuperseded",
    "ScheduleFired",
    "ScopePaused",
    "ScopeResumed",
    "SecretRotated",
    "SigningKeyAdopted",
    "SpendingAllowed",
    "StartDeferred",
    "SteeringEvent",
    "SubjectForgotten",
    "TaskCancelled",
    "TaskExpanded",
    "TaskFailed",
    "TaskPaused",
    "TaskResumed",
    "TaskSkipped",
    "TaskStarted",
    "TaskSucceeded",
    "TemplateAdopted",
    "TemplateRetired",
    "TokenIssued",
    "TokenRevoked",
    "ThreadAnswered",
    "WorkEvent",
    "WorkflowRegistered",
    "WorkflowRetired",
    "WorkspaceEvent",
]
