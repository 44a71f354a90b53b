"""Sentences about what belongs to no run: what came in, and the workspace itself."""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.words import because, counted, moment, place, short, short_run
from mainstay.kernel.events import (
    BreakerClosed,
    BreakerOpened,
    BudgetWarned,
    CursorAdvanced,
    DeadLetterPurged,
    DeadLetterReplayed,
    DirectorStarted,
    DirectorStopped,
    FileSaved,
    InboxEvent,
    IncidentCleared,
    IncidentDetected,
    IncidentKind,
    KillSwitchThrown,
    LedgerRestored,
    MessageReceived,
    MessageRejected,
    PolicyAdopted,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    ThreadAnswered,
    WorkflowRegistered,
    WorkflowRetired,
    WorkspaceEvent,
)
from mainstay.kernel.values import money

_REPLAYS = {
    "received": "it is a message now",
    "rejected": "it still cannot be read",
    "duplicate": "it was known already",
    "started": "it is done anew",
}


def say_inbox(event: InboxEvent) -> str:
    """What came in, in one sentence without its full stop."""
    match event:
        case MessageReceived():
            machine = f", from a machine ({event.automatic})" if event.automatic else ""
            old = ", older than the account's start" if event.history else ""
            what = f"Message {short(event.message_key)} came in to {event.mailbox}, {event.size_bytes} bytes"
            return f"{what}{machine}{old}"
        case MessageRejected():
            return f"What came in to {event.mailbox} cannot be read as a message: {event.reason}"
        case ThreadAnswered():
            return f"The operator answered thread {short(event.thread)} by hand"
        case CursorAdvanced():
            return (
                f"{event.source} was read: {event.received} received, {event.duplicates} known, "
                f"{event.dropped} our own, {event.rejected} unreadable"
            )
        case _:
            assert_never(event)


def say_workspace(event: WorkspaceEvent) -> str:
    """What became of the workspace, in one sentence without its full stop."""
    match event:
        case DirectorStarted():
            before = f", after {event.unclean} that ended untimely" if event.unclean else ""
            return f"Director number {event.epoch} began (version {event.version}){before}"
        case DirectorStopped(epoch=epoch):
            return f"Director number {epoch} ended as it should"
        case WorkflowRegistered():
            return (
                f"Workflow {event.name} version {event.version} came into force ({short(event.definition)})"
            )
        case WorkflowRetired(name=name, actor=actor):
            return f"{actor} retired workflow {name}: no run of it begins any more, those in flight go on"
        case FileSaved(file=file, content=content, actor=actor, via=via):
            by = f" on device {short(via)}" if via else ""
            return (
                f"{actor} saved {file} ({short(content)}){by}" if content else f"{actor} removed {file}{by}"
            )
        case PolicyAdopted(policy=policy):
            return f"Policy {short(policy)} came into force"
        case KillSwitchThrown():
            return (
                f"{event.actor} turned the kill switch {'on' if event.on else 'off'}{because(event.reason)}"
            )
        case BudgetWarned():
            scope = event.scope.replace(":", " ")
            return f"{money(event.used)} of {money(event.limit)} of the budget of the {scope} are used"
        case ScopePaused(scope=scope, name=name, actor=actor, reason=reason):
            return f"{actor} paused {place(scope, name)}{because(reason)}. Nothing new starts there"
        case ScopeResumed(scope=scope, name=name, actor=actor):
            return f"{actor} let {place(scope, name)} go on"
        case BreakerOpened():
            return (
                f"`{event.adapter}.{event.operation}` is left alone until {moment(event.until)}, after "
                f"{counted(event.failures, 'failure')} in a row: {event.reason}"
            )
        case BreakerClosed(adapter=adapter, operation=operation):
            return f"`{adapter}.{operation}` works again: calls go out"
        case ScheduleFired():
            return _fired(event)
        case IncidentDetected():
            return _incident(event)
        case IncidentCleared(kind=kind, subject=subject):
            return f"It is over: {_trouble(kind, subject)}"
        case LedgerRestored():
            return (
                f"{event.actor} restored this ledger from a backup as of event {event.backup_head} "
                f"({short(event.backup_hash)}); the world may be ahead of it"
            )
        case DeadLetterReplayed():
            run = f" (run {short_run(event.run)})" if event.run else ""
            what = _REPLAYS.get(event.outcome, event.outcome)
            return f"{event.actor} tried {_letter(event.kind, event.letter)} again: {what}{run}"
        case DeadLetterPurged():
            letter = _letter(event.kind, event.letter)
            return f"{event.actor} put {letter} away for good{because(event.reason)}"
        case _:
            assert_never(event)


def _fired(event: ScheduleFired) -> str:
    told = f"The schedule of {event.workflow} came due at {moment(event.due)}: "
    told += f"{counted(event.runs, 'run')} began" if event.runs else "no run began"
    if event.missed:
        told += f"; {counted(event.missed, 'time')} had come while no director was at work"
        if event.dropped:
            told += f", {event.dropped} of them are left out"
    return told


def _incident(event: IncidentDetected) -> str:
    trouble = _trouble(event.kind, event.subject)
    told = f"{trouble[0].upper()}{trouble[1:]}: {event.what}"
    if event.candidates:
        told += f". What can be done: {', or '.join(one.replace('_', ' ') for one in event.candidates)}"
    return told + (f". What is done: {event.remedy.replace('_', ' ')}" if event.remedy else "")


_TROUBLES = {
    IncidentKind.CLOCK_JUMPED: "the clock jumped",
    IncidentKind.SOURCE_SILENT: "nothing was heard of source",
    IncidentKind.VIEW_DISAGREED: "a view disagreed with the ledger",
    IncidentKind.PERFORMER_LOST: "a performer was lost",
    IncidentKind.DISK_GROWING: "the disk is filling",
    IncidentKind.BACKUP_FAILED: "a backup failed",
    IncidentKind.CRASH_LOOP: "the director ends again and again",
    IncidentKind.AUDIT_FAILED: "the ledger does not hold",
    IncidentKind.CHECKPOINT_UNWRITTEN: "a checkpoint could not be written",
    IncidentKind.NOTIFICATION_FAILED: "you could not be told",
}


def _trouble(kind: IncidentKind, subject: str) -> str:
    return _TROUBLES[kind] + (f" `{subject}`" if subject else "")


def _letter(kind: str, letter: str) -> str:
    return f"run {short_run(letter)}" if kind == "run" else f"message {short(letter)}"
