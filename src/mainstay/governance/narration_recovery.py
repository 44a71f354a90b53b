"""Sentences about failure and recovery in a run: delays, deadlines, pauses, forks, diagnoses, taking back."""

from __future__ import annotations

from typing import assert_never

from mainstay.governance.words import (
    FAILURES,
    NameOf,
    because,
    counted,
    moment,
    remedy,
    short_run,
    waits_for,
    withdrawn,
    withdrawn_card,
)
from mainstay.kernel.events import (
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    DeadlineSet,
    FailureDiagnosed,
    RunDelayed,
    RunForked,
    RunPaused,
    RunRecovered,
    RunResumed,
    StartDeferred,
    SteeringEvent,
    TaskCancelled,
    TaskPaused,
    TaskResumed,
)
from mainstay.kernel.state import RUN

_REPEATABLE = {
    "keyed": "it may be called again under its key",
    "findable": "the other side can be asked whether it happened",
    "once": "it can be neither repeated nor looked for",
}


def say_recovery(event: SteeringEvent, name_of: NameOf) -> str:
    """What happened, in one sentence without its full stop."""
    match event:
        case RunDelayed(until=until):
            return f"It begins no earlier than {moment(until)}"
        case RunForked():
            return _forked(event)
        case DeadlineSet(task=task, at=at):
            return f"{'The run' if task == RUN else 'It'} must be done by {moment(at)}"
        case StartDeferred(scope=scope, wake_at=wake_at):
            return waits_for(scope, wake_at)
        case FailureDiagnosed():
            return _diagnosed(event)
        case RunPaused(actor=actor, reason=reason):
            return f"{actor} paused the run{because(reason)}. What is under way is heard, nothing new starts"
        case RunResumed(actor=actor):
            return f"{actor} let the run go on"
        case TaskPaused(actor=actor, reason=reason):
            return f"{actor} paused this task{because(reason)}"
        case TaskResumed(actor=actor):
            return f"{actor} let this task go on"
        case TaskCancelled(actor=actor, reason=reason, withdrawn=card):
            return f"{actor} gave this task up{because(reason)}{withdrawn_card(card)}"
        case RunRecovered(restored=True):
            return (
                "The ledger came out of a backup: what the run had done since is looked for before it goes on"
            )
        case RunRecovered(lost=lost):
            return f"A new director took over: {counted(lost, 'attempt')} under way ended with the old one"
        case CompensationBegun():
            return _begun(event)
        case CompensationPlanned(tasks=tasks):
            return f"It takes back what it did, the last one first: {', '.join(map(name_of, tasks))}"
        case CompensationFailed(failure=failure, reason=reason, withdrawn=card):
            why = f"{reason} ({FAILURES[failure]})"
            return (
                f"It could not be taken back: {why}{withdrawn_card(card)}. The operator is asked how to go on"
            )
        case _:
            assert_never(event)


def _forked(event: RunForked) -> str:
    acts = sum(one.acted for one in event.inherited)
    parts = [
        f"It goes on from run {short_run(event.parent)} as of its event {event.version}, by {event.actor}"
        f"{because(event.reason)}"
    ]
    if event.first:
        parts.append(f"it is done anew from {event.first} on")
    if event.inherited:
        left = f", {acts} of them acts that left in that run's name" if acts else ""
        parts.append(f"{counted(len(event.inherited), 'task')} done there count as done here{left}")
    if event.changed:
        parts.append(f"changed: {', '.join(event.changed)}")
    return "; ".join(parts) + ". Acts after that point always ask"


def _diagnosed(event: FailureDiagnosed) -> str:
    known = event.known
    facts = [FAILURES[event.failure]]
    if event.exception:
        facts.append(event.exception)
    tries, most = known.get("tries"), known.get("tries_max")
    if isinstance(tries, int) and isinstance(most, int):
        facts.append(f"try {tries} of {most}")
    if how := _REPEATABLE.get(str(known.get("repeatability", ""))):
        facts.append(how)
    if known.get("earlier_call_may_have_arrived") is True:
        facts.append("an earlier call may have arrived")
    if known.get("run_ended") is True:
        facts.append("the run has ended")
    others = [remedy(one) for one in event.candidates if one != event.remedy]
    open_too = f" (or {', or '.join(others)})" if others else ""
    taken = f". The way on: {remedy(event.remedy)}{open_too}" if event.remedy else ""
    return f"Diagnosed as {event.failure}: {'; '.join(facts)}{taken}"


def _begun(event: CompensationBegun) -> str:
    if event.ending == "cancelled":
        what = f"{event.actor or 'The operator'} ended it{because(event.reason)}"
    else:
        what = f"The run is about to fail{because(event.reason)}"
    return f"{what}. First it takes back what it did{withdrawn(len(event.withdrawn))}"
