"""The workspace itself: which definitions are in force, what is paused, whether the kill switch is on.

Kept in place like the balances, since every decision of a tick looks at it. `decide` says which events a command
leads to (none when it is so already), `note` folds them; nothing else changes a house.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from mainstay.kernel.commands import (
    AdoptPolicy,
    ClearIncident,
    DetectIncident,
    PauseScope,
    PurgeDeadLetter,
    RecordFile,
    RecordReplay,
    RegisterWorkflow,
    ResumeScope,
    RetireWorkflow,
    StopDirector,
    ThrowKillSwitch,
)
from mainstay.kernel.events import (
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
    KillSwitchThrown,
    LedgerRestored,
    PolicyAdopted,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    WorkflowRegistered,
    WorkflowRetired,
    WorkspaceEvent,
)
from mainstay.kernel.values import Digest, Instant

CRASH_LOOP = 3  # directors that ended untimely in a row: from here on what they did is suspected

HouseDecision = (
    RegisterWorkflow
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
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A workflow in force for new runs."""

    name: str
    version: int
    definition: Digest


@dataclass(slots=True)
class House:
    """What stands in the stream `workspace`, folded."""

    workflows: dict[str, Registered] = field(default_factory=dict)
    policy: Digest = Digest("")
    killed: bool = False
    paused: set[tuple[str, str]] = field(default_factory=set)  # (scope, name)
    incidents: set[tuple[str, str]] = field(default_factory=set)  # (kind, subject), while they last
    fired: dict[str, Instant] = field(default_factory=dict)  # until when a workflow's schedule was looked at
    epoch: int = 0  # of the last director
    clean: bool = True  # it ended as it should
    unclean: int = 0  # how many before it did not, in a row
    restored: bool = False  # from a backup, and no director has reconciled it yet
    lost_until: Instant = Instant(
        0
    )  # what came before may have been done by a ledger that a restore replaced

    @property
    def suspected(self) -> bool:
        """Whether directors keep ending untimely, so that the work they did is suspected."""
        return self.unclean >= CRASH_LOOP

    def started(self, epoch: int, version: str) -> DirectorStarted:
        """The event of a director that begins now."""
        return DirectorStarted(epoch, version, 0 if self.clean else self.unclean + 1)

    def decide(self, command: HouseDecision) -> tuple[WorkspaceEvent, ...]:
        """The events that the command leads to; none when it is so already."""
        match command:
            case RegisterWorkflow(name=name, version=version, definition=definition, raw=raw):
                known = self.workflows.get(name)
                if known is not None and known.definition == definition:
                    return ()
                return (WorkflowRegistered(name, version, definition, raw),)
            case RetireWorkflow(name=name, actor=actor):
                return (WorkflowRetired(name, actor),) if name in self.workflows else ()
            case AdoptPolicy(policy=policy):
                return (PolicyAdopted(policy),) if policy != self.policy else ()
            case ThrowKillSwitch(actor=actor, on=on, reason=reason):
                return (KillSwitchThrown(actor, on, reason),) if on is not self.killed else ()
            case PauseScope(scope=scope, name=name, actor=actor, reason=reason):
                return (ScopePaused(scope, name, actor, reason),) if (scope, name) not in self.paused else ()
            case ResumeScope(scope=scope, name=name, actor=actor):
                return (ScopeResumed(scope, name, actor),) if (scope, name) in self.paused else ()
            case DetectIncident():
                if (command.kind, command.subject) in self.incidents:
                    return ()
                detected = IncidentDetected(
                    command.kind,
                    command.subject,
                    command.what,
                    command.known,
                    command.candidates,
                    command.remedy,
                )
                return (detected,)
            case ClearIncident(kind=kind, subject=subject):
                return (IncidentCleared(kind, subject),) if (kind, subject) in self.incidents else ()
            case RecordReplay():
                replayed = DeadLetterReplayed(
                    command.letter, command.kind, command.actor, command.run, command.outcome
                )
                return (replayed,)
            case PurgeDeadLetter():
                return (DeadLetterPurged(command.letter, command.kind, command.actor, command.reason),)
            case RecordFile():
                saved = FileSaved(
                    *(command.file, command.content, command.replaced, command.actor, command.via)
                )
                return (saved,) if command.content != command.replaced else ()
            case StopDirector():
                return (DirectorStopped(self.epoch),) if not self.clean else ()
            case _:
                assert_never(command)

    def note(self, event: WorkspaceEvent) -> None:
        """Fold an event."""
        match event:
            case DirectorStarted(epoch=epoch, unclean=unclean):
                self.epoch, self.clean, self.unclean, self.restored = epoch, False, unclean, False
            case DirectorStopped():
                self.clean = True
            case WorkflowRegistered(name=name, version=version, definition=definition):
                self.workflows[name] = Registered(name, version, definition)
            case WorkflowRetired(name=name):
                self.workflows.pop(name, None)
                self.fired.pop(name, None)  # what comes while it is retired was not missed
            case PolicyAdopted(policy=policy):
                self.policy = policy
            case KillSwitchThrown(on=on):
                self.killed = on
            case ScopePaused(scope=scope, name=name):
                self.paused.add((scope, name))
            case ScopeResumed(scope=scope, name=name):
                self.paused.discard((scope, name))
            case IncidentDetected(kind=kind, subject=subject):
                self.incidents.add((kind, subject))
            case IncidentCleared(kind=kind, subject=subject):
                self.incidents.discard((kind, subject))
            case ScheduleFired(workflow=workflow, due=due):
                self.fired[workflow] = due
            case LedgerRestored():
                self.restored = True
            case BudgetWarned() | BreakerOpened() | BreakerClosed():
                return
            case DeadLetterReplayed() | DeadLetterPurged() | FileSaved():
                return
            case _:
                assert_never(event)
