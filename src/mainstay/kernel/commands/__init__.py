"""Every command: a request that `decide` may turn into events, or into nothing.

Commands are what comes in through the doors, from the performer and from timers. Those for a run are decided
by `kernel.run`; the others by the director's own small decisions over the workspace.

    outcomes.py     what an agent or an adapter answered      memory.py       what is remembered and learned
    run.py          for a run                                 governance.py   autonomy, links, checkpoints, forgetting
    workspace.py    for the inbox and the workspace
"""

from __future__ import annotations

from mainstay.kernel.commands.governance import (
    AdmitDevice,
    AdoptSigningKey,
    AdoptTemplate,
    AnswerRequest,
    BeginForgetting,
    BreachObjective,
    DismissDevice,
    DistrustExecutable,
    FinishForgetting,
    GrantAutonomy,
    IssueLink,
    IssueToken,
    MeetObjective,
    RecordCheckpoint,
    RecordSecretRotation,
    RetireTemplate,
    RevokeAutonomy,
    RevokeToken,
    TakeRequest,
    TrustExecutable,
    UseLink,
    WeighEvidence,
)
from mainstay.kernel.commands.memory import (
    AdoptFit,
    JudgeDraft,
    Remember,
    RetractMemory,
    ReviewAnnotation,
)
from mainstay.kernel.commands.outcomes import (
    Acted,
    Failed,
    Inspected,
    Outcome,
    Produced,
    Proposed,
    Sighting,
    Sought,
    Withheld,
)
from mainstay.kernel.commands.run import (
    Admit,
    AllowSpending,
    CancelRun,
    CancelTask,
    EditApproval,
    GrantApproval,
    JudgeAgain,
    PauseRun,
    PauseTask,
    ReconcileRun,
    RecordNotified,
    RecordOutcome,
    RecoverRun,
    RejectApproval,
    ReleaseRun,
    ResolveDoubt,
    ResumeRun,
    ResumeTask,
    SnoozeApproval,
    StartRun,
    SupersedeRun,
    UndoAct,
    Wake,
)
from mainstay.kernel.commands.workspace import (
    AdoptPolicy,
    AdvanceCursor,
    ClearIncident,
    DetectIncident,
    ObserveSent,
    PauseScope,
    PurgeDeadLetter,
    ReceiveMessage,
    RecordFile,
    RecordReplay,
    RegisterWorkflow,
    RejectMessage,
    ResumeScope,
    RetireWorkflow,
    StopDirector,
    ThrowKillSwitch,
)

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
    | SnoozeApproval
    | UndoAct
    | JudgeAgain
)
MemoryCommand = Remember | RetractMemory | AdoptFit | ReviewAnnotation | JudgeDraft
AutonomyCommand = WeighEvidence | GrantAutonomy | RevokeAutonomy
GovernanceCommand = (
    AdoptTemplate
    | RetireTemplate
    | IssueLink
    | UseLink
    | AdmitDevice
    | DismissDevice
    | IssueToken
    | RevokeToken
    | TakeRequest
    | AnswerRequest
    | BreachObjective
    | MeetObjective
    | RecordCheckpoint
    | AdoptSigningKey
    | BeginForgetting
    | FinishForgetting
    | TrustExecutable
    | DistrustExecutable
    | RecordSecretRotation
)
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
    | RecordFile
    | StopDirector
    | MemoryCommand
    | AutonomyCommand
    | GovernanceCommand
)
Command = RunCommand | HouseCommand

__all__ = [
    "Acted",
    "Admit",
    "AdmitDevice",
    "AdoptFit",
    "AdoptPolicy",
    "AdoptSigningKey",
    "AdoptTemplate",
    "AdvanceCursor",
    "AllowSpending",
    "AnswerRequest",
    "AutonomyCommand",
    "BeginForgetting",
    "BreachObjective",
    "CancelRun",
    "CancelTask",
    "ClearIncident",
    "Command",
    "DetectIncident",
    "DistrustExecutable",
    "EditApproval",
    "Failed",
    "FinishForgetting",
    "GovernanceCommand",
    "GrantApproval",
    "GrantAutonomy",
    "HouseCommand",
    "Inspected",
    "IssueLink",
    "IssueToken",
    "JudgeAgain",
    "JudgeDraft",
    "MeetObjective",
    "MemoryCommand",
    "ObserveSent",
    "Outcome",
    "PauseRun",
    "PauseScope",
    "PauseTask",
    "Produced",
    "Proposed",
    "PurgeDeadLetter",
    "ReceiveMessage",
    "ReconcileRun",
    "RecordCheckpoint",
    "RecordFile",
    "RecordNotified",
    "RecordOutcome",
    "RecordReplay",
    "RecordSecretRotation",
    "RecoverRun",
    "RegisterWorkflow",
    "RejectApproval",
    "RejectMessage",
    "ReleaseRun",
    "Remember",
    "ResolveDoubt",
    "ResumeRun",
    "ResumeScope",
    "ResumeTask",
    "RetireTemplate",
    "RetireWorkflow",
    "RetractMemory",
    "ReviewAnnotation",
    "RevokeAutonomy",
    "RevokeToken",
    "RunCommand",
    "Sighting",
    "SnoozeApproval",
    "Sought",
    "StartRun",
    "StopDirector",
    "TakeRequest",
    "SupersedeRun",
    "ThrowKillSwitch",
    "TrustExecutable",
    "DismissDevice",
    "UndoAct",
    "UseLink",
    "Wake",
    "WeighEvidence",
    "Withheld",
]
