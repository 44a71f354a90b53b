"""Each event as a sentence in plain English: what happened, to what, by whose authority and why.

Most sentences name no task: `governance.explain` puts names, times, actors and causes around them. Where one has to
name others, `name_of` says how they are called. Values a person typed are sealed in the ledger: `open_` gives them
back, or None when they were forgotten. What belongs to no run is told in `narration_house`, failure and recovery in
`narration_recovery`; here stand the work, the acts and the people of a run.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.narration_governance import say_autonomy, say_governance
from mainstay.governance.narration_house import say_inbox, say_workspace
from mainstay.governance.narration_memory import say_memory
from mainstay.governance.narration_recovery import say_recovery
from mainstay.governance.words import (
    FAILURES,
    NameOf,
    Open,
    because,
    by_number,
    moment,
    short,
    short_run,
    withdrawn,
    withdrawn_card,
)
from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    AnnotationReviewed,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    AttemptFailed,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    BreakerClosed,
    BreakerOpened,
    BudgetRefused,
    BudgetWarned,
    CheckpointSigned,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    ContextRecalled,
    CursorAdvanced,
    DeadLetterPurged,
    DeadLetterReplayed,
    DeadlineSet,
    DeviceAdmitted,
    DeviceDismissed,
    DirectorStarted,
    DirectorStopped,
    DoubtResolved,
    DraftJudged,
    Event,
    EvidenceWeighed,
    ExecutableDistrusted,
    ExecutableTrusted,
    FailureDiagnosed,
    FileSaved,
    ForgettingBegun,
    IncidentCleared,
    IncidentDetected,
    KillSwitchThrown,
    LedgerRestored,
    LinkIssued,
    LinkUsed,
    LookupDeferred,
    LookupStarted,
    MemoryRecorded,
    MemoryRetracted,
    MessageReceived,
    MessageRejected,
    ModelFitted,
    ModelUsed,
    ObjectiveBreached,
    ObjectiveMet,
    OperatorNotified,
    PlanAccepted,
    PolicyAdopted,
    RequestAnswered,
    RequestTaken,
    RevisionRequested,
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
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    SecretRotated,
    SigningKeyAdopted,
    SpendingAllowed,
    StartDeferred,
    SubjectForgotten,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TemplateAdopted,
    TemplateRetired,
    ThreadAnswered,
    TokenIssued,
    TokenRevoked,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.plan import PROPOSED
from mainstay.kernel.values import money

__all__ = ["NameOf", "Open", "moment", "say", "short", "short_run"]

_ANSWERS = {
    "happened": "it did go out",
    "did_not": "it did not go out",
    "unknown": "nobody knows whether it went out",
}


def say(event: Event, open_: Open, name_of: NameOf = by_number) -> str:
    """What happened, in one sentence without its full stop."""
    match event:
        case RunStarted() | RunQueued() | RunReleased() | RunSuperseded() | RunCancelled():
            return _about_run(event)
        case RunSucceeded() | RunFailed() | PlanAccepted():
            return _about_end(event)
        case MessageReceived() | MessageRejected() | ThreadAnswered() | CursorAdvanced():
            return say_inbox(event)
        case (
            DirectorStarted()
            | DirectorStopped()
            | WorkflowRegistered()
            | WorkflowRetired()
            | PolicyAdopted()
            | FileSaved()
            | KillSwitchThrown()
            | BudgetWarned()
            | ScopePaused()
            | ScopeResumed()
            | BreakerOpened()
            | BreakerClosed()
            | ScheduleFired()
            | IncidentDetected()
            | IncidentCleared()
            | LedgerRestored()
            | DeadLetterReplayed()
            | DeadLetterPurged()
        ):
            return say_workspace(event)
        case MemoryRecorded() | MemoryRetracted() | ModelFitted() | AnnotationReviewed() | DraftJudged():
            return say_memory(event)
        case EvidenceWeighed() | AutonomyProposed() | AutonomyGranted() | AutonomyRevoked():
            return say_autonomy(event)
        case (
            CheckpointSigned()
            | DeviceAdmitted()
            | DeviceDismissed()
            | ExecutableDistrusted()
            | ExecutableTrusted()
            | ForgettingBegun()
            | LinkIssued()
            | LinkUsed()
            | ObjectiveBreached()
            | ObjectiveMet()
            | RequestAnswered()
            | RequestTaken()
            | SecretRotated()
            | SigningKeyAdopted()
            | SubjectForgotten()
            | TemplateAdopted()
            | TemplateRetired()
            | TokenIssued()
            | TokenRevoked()
        ):
            return say_governance(event)
        case (
            RunDelayed()
            | RunForked()
            | DeadlineSet()
            | StartDeferred()
            | FailureDiagnosed()
            | RunPaused()
            | RunResumed()
            | TaskPaused()
            | TaskResumed()
            | TaskCancelled()
            | RunRecovered()
            | CompensationBegun()
            | CompensationPlanned()
            | CompensationFailed()
        ):
            return say_recovery(event, name_of)
        case (
            ApprovalRequested()
            | OperatorNotified()
            | ActionEdited()
            | ApprovalGranted()
            | ApprovalRejected()
            | ApprovalExpired()
            | ApprovalSnoozed()
            | ApprovalResurfaced()
            | ActionUndone()
            | DoubtResolved()
        ):
            return _about_people(event, open_)
        case (
            ActionProposed()
            | ActionDenied()
            | ActionShadowed()
            | ActionHeld()
            | ActionStarted()
            | LookupStarted()
            | LookupDeferred()
            | ActionInDoubt()
        ):
            return _about_act(event)
        case (
            TaskStarted()
            | TaskSucceeded()
            | AttemptFailed()
            | TaskFailed()
            | TaskSkipped()
            | TaskExpanded()
            | RevisionRequested()
            | BudgetRefused()
            | SpendingAllowed()
            | ContextRecalled()
            | ModelUsed()
        ):
            return _about_work(event)
        case _:
            assert_never(event)


def _about_run(event: RunStarted | RunQueued | RunReleased | RunSuperseded | RunCancelled) -> str:
    match event:
        case RunStarted():
            message = event.trigger.get("message")
            key = str(message.get("key", "")) if isinstance(message, dict) else ""
            cause = f", because message {short(key)} came in" if key else ""
            if event.workflow == PROPOSED:
                cause = f", because {event.trigger.get('client', 'somebody')} proposed its act"
            return f"A run of {event.workflow} began (definition {short(event.definition)}){cause}"
        case RunQueued(behind=behind, line="workflow"):
            return f"It waits in line behind run {short_run(behind)}: as many runs of its workflow as may are at work"
        case RunQueued(behind=behind):
            return f"It waits for run {short_run(behind)}, which has the same key"
        case RunReleased(after=after):
            return f"It goes on, since run {short_run(after)} has ended"
        case RunSuperseded():
            by = f" ({short(event.by)})" if event.by else ""
            return f"It was overtaken: {event.reason}{by}{withdrawn(len(event.withdrawn))}"
        case RunCancelled():
            return f"{event.actor} ended it{because(event.reason)}{withdrawn(len(event.withdrawn))}"
        case _:
            assert_never(event)


def _about_end(event: RunSucceeded | RunFailed | PlanAccepted) -> str:
    match event:
        case RunSucceeded():
            return "Everything was done, or skipped for a stated reason"
        case RunFailed(reason=reason):
            return f"The run failed: {reason}{withdrawn(len(event.withdrawn))}"
        case PlanAccepted(plan=plan):
            names = ", ".join(task.name for task in plan.workflow.tasks[:8])
            more = ", …" if plan.size > 8 else ""
            tasks = "one task" if plan.size == 1 else f"{plan.size} tasks"
            return f"Its plan was accepted: {tasks} ({names}{more})"
        case _:
            assert_never(event)


Work = (
    TaskStarted
    | TaskSucceeded
    | AttemptFailed
    | TaskFailed
    | TaskSkipped
    | TaskExpanded
    | RevisionRequested
    | BudgetRefused
    | SpendingAllowed
    | ContextRecalled
    | ModelUsed
)


def _about_work(event: Work) -> str:
    match event:
        case TaskStarted():
            held = f", with {money(event.hold)} held for it" if event.hold else ""
            return f"{_attempt(event.attempt)} began{held}"
        case TaskSucceeded():
            return "It is done" + (f": {event.rationale}" if event.rationale else "")
        case AttemptFailed():
            what = f"{_attempt(event.attempt)} failed: {event.reason} ({FAILURES[event.failure]})"
            return f"{what}. The next is due at {moment(event.retry_at)}"
        case TaskFailed():
            return f"It was given up: {event.reason} ({FAILURES[event.failure]})"
        case TaskSkipped(reason=reason):
            return f"It was skipped: {reason}"
        case TaskExpanded(count=count):
            return f"It became {count} tasks, one for each item"
        case RevisionRequested():
            found = "one finding" if len(event.findings) == 1 else f"{len(event.findings)} findings"
            why = f": {event.rationale}" if event.rationale else ""
            return f"The inspector sent it back with {found}{why}"
        case BudgetRefused(scope="price"):
            return (
                "It may not begin: nobody knows what its model costs, and an unknown price is never taken for "
                f"nothing. Its own budget is {money(event.needed)}"
            )
        case SpendingAllowed(scope="price", amount=amount, actor=actor):
            return f"{actor} let an attempt of unknown price cost up to {money(amount)} in this run"
        case SpendingAllowed(amount=amount, actor=actor):
            return f"{actor} let the run spend up to {money(amount)} in all"
        case BudgetRefused():
            wait = " until what is held has settled" if event.passing else ""
            return (
                f"It may not begin{wait}: it needs {money(event.needed)}, and {money(event.left)} are left "
                f"of the budget of the {event.scope}"
            )
        case ContextRecalled():
            left_out = f", {event.dropped} left out" if event.dropped else ""
            return (
                f"It was given {_counted(event.hits, 'memory', 'memories')} ({event.tokens} tokens{left_out})"
            )
        case ModelUsed():
            cached = (
                f", {event.cached} of them from the cache (saving {money(event.saved)})"
                if event.cached
                else ""
            )
            return (
                f"It asked {event.model} {_counted(event.calls, 'time', 'times')}{cached}: {event.input_tokens} "
                f"tokens in, {event.output_tokens} out, {money(event.cost)}"
            )
        case _:
            assert_never(event)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _attempt(number: int) -> str:
    return "The work" if number <= 1 else f"Attempt {number}"


ActEvent = (
    ActionProposed
    | ActionDenied
    | ActionShadowed
    | ActionHeld
    | ActionStarted
    | LookupStarted
    | LookupDeferred
    | ActionInDoubt
)


def _about_act(event: ActEvent) -> str:
    match event:
        case ActionProposed(action=action):
            price = "at an unknown price" if action.price_micros is None else money(action.price_micros)
            cost = f" ({price})" if action.price_micros != 0 else ""
            why = f": {event.rationale}" if event.rationale else ""
            return f"{action.act} through {action.adapter} was proposed{cost}, effect {short(action.digest)}{why}"
        case ActionDenied():
            return f"Rule {event.rule!r} forbids it: {event.reason}"
        case ActionShadowed():
            return f"Nothing was done: this kind of act is only watched. Rule {event.rule!r} would {event.would} it"
        case ActionHeld():
            by = _authority(event.authority)
            return f"It may leave, by {by}, and can be taken back until {moment(event.until)}"
        case ActionStarted():
            return f"The effect {short(event.digest)} was let go, by {_authority(event.authority)}"
        case LookupStarted():
            why = f" ({event.reason})" if event.reason else ""
            return (
                f"Whether it went out is not known{why}; it is looked for until {moment(event.until)}"
                f"{withdrawn_card(event.withdrawn)}"
            )
        case LookupDeferred(again_at=again_at):
            return f"It was not seen, which proves nothing; the next look is at {moment(again_at)}"
        case ActionInDoubt(reason=reason):
            return f"It is in doubt and will not be repeated: {reason}"
        case _:
            assert_never(event)


def _authority(authority: str) -> str:
    kind, _, name = authority.partition(":")
    if kind == "autonomy":
        return f"what {name} has earned"
    return f"the operator's approval {name}" if kind == "approval" else f"rule {name!r}"


People = (
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


def _about_people(event: People, open_: Open) -> str:
    match event:
        case ApprovalRequested():
            return (
                f"It waits for a yes to effect {short(event.digest)} (card {event.approval}), by rule "
                f"{event.rule!r}: {event.reason}. It expires at {moment(event.expires_at)}"
            )
        case OperatorNotified():
            return "The operator was told"
        case ActionEdited():
            return f"{event.actor} changed the effect to {short(event.action.digest)} (card {event.approval})"
        case ApprovalGranted():
            return f"{event.actor} approved effect {short(event.digest)} (card {event.approval}){_open(event.open_us)}"
        case ApprovalRejected():
            reason = open_(event.reason_sealed) if event.reason_sealed else ""
            why = " (the reason was forgotten)" if reason is None else f": {reason}" if reason else ""
            return f"{event.actor} said no{_open(event.open_us)}{why}"
        case ApprovalExpired():
            return "Nobody answered in time, and silence never approves"
        case ApprovalSnoozed():
            return f"{event.actor} put card {event.approval} off until {moment(event.until)}"
        case ApprovalResurfaced():
            return f"Card {event.approval} was put off until now, and is shown again"
        case ActionUndone():
            return f"{event.actor} took it back before it left; it would have left by {_authority(event.authority)}"
        case DoubtResolved():
            return f"{event.actor} answered: {_ANSWERS.get(event.answer, event.answer)}"
        case _:
            assert_never(event)


def _open(open_us: int) -> str:
    return f" after {open_us / 1_000_000:.1f} s" if open_us else ""
