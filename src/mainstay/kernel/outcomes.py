"""What becomes of an attempt: the outcomes that agents and adapters answer with, and what follows.

A late answer of an older attempt decides to nothing. The recovery table (`kernel.recovery`) says what a
failure leads to; here it is turned into events. What may already have left the house is never given up in
silence.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.commands import (
    Acted,
    Failed,
    Inspected,
    Produced,
    Proposed,
    RecordOutcome,
    Sighting,
    Sought,
    Withheld,
)
from mainstay.kernel.door import let_go, propose
from mainstay.kernel.draft import Draft
from mainstay.kernel.events import (
    ActionInDoubt,
    AttemptFailed,
    FailureClass,
    LookupDeferred,
    LookupStarted,
    RevisionRequested,
    RunSuperseded,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.recovery import Diagnosis, Remedy, lookup_delay_us, remedy, retry_delay_us
from mainstay.kernel.state import UNDER_WAY, Phase, given_up, supersedable
from mainstay.kernel.values import Instant, Json


def record(draft: Draft, command: RecordOutcome) -> None:
    """Hear what became of an attempt; nothing when it is not the one that is under way."""
    state, number = draft.state, command.task
    if not state.exists(number):
        return
    task = state.task(number)
    if task.attempt != command.attempt:
        return  # a late answer of an attempt that was given up; the one that follows it will be heard
    match command.outcome:
        case Produced(output=output, rationale=rationale, evidence=evidence, usage=usage):
            if task.phase is Phase.RUNNING:
                done = TaskSucceeded(
                    number,
                    command.attempt,
                    output,
                    usage.cost_micros,
                    rationale,
                    evidence,
                    usage.input_tokens,
                    usage.output_tokens,
                )
                draft.emit(done)
        case Acted(response=response):
            # Also while it is looked for or in doubt: the truth may come late.
            if task.phase in UNDER_WAY:
                draft.emit(TaskSucceeded(number, command.attempt, response, task.hold))
        case Proposed():
            if task.phase is Phase.RUNNING and state.spec(number).kind is TaskKind.ACT:
                propose(draft, number, command.attempt, command.outcome)
        case Inspected():
            if task.phase is Phase.RUNNING:
                _inspect(draft, number, command.attempt, command.outcome)
        case Failed():
            _fail(draft, number, command.outcome)
        case Sought(sighting=sighting, response=response):
            if task.phase is Phase.SEEKING or (task.phase is Phase.DOUBT and sighting is Sighting.FOUND):
                _sought(draft, number, sighting, response)
        case Withheld(reason=reason):
            if task.phase is Phase.ACTING:
                _withhold(draft, number, reason)
        case _:
            assert_never(command.outcome)


def _withhold(draft: Draft, number: int, reason: str) -> None:
    """It was not called this time. If no earlier attempt may have arrived, the run ends as overtaken."""
    task = draft.state.task(number)
    assert task.act is not None
    if task.act.tried:
        _fail(draft, number, Failed(FailureClass.TRANSIENT, reason))
        return
    draft.emit(TaskSkipped(number, reason))
    if supersedable(draft.state):
        draft.emit(RunSuperseded(reason, "", *given_up(draft.state)))


def _inspect(draft: Draft, number: int, attempt: int, outcome: Inspected) -> None:
    state = draft.state
    assert state.plan is not None
    spec = state.spec(number)
    target = state.plan.inspected[number] if number < state.plan.size else None
    if outcome.revise and target is not None:
        revision = state.revision(target)
        rounds = revision.round if revision else 0
        others = (one for one in state.plan.dependents[target] if one != number)
        untouched = all(state.task(one).phase in (Phase.WAITING, Phase.SKIPPED) for one in others)
        if rounds < spec.revisions_max and untouched:
            draft.emit(
                RevisionRequested(
                    target,
                    number,
                    attempt,
                    outcome.findings,
                    outcome.usage.cost_micros,
                    outcome.rationale,
                )
            )
            return
    output: Json = {"verdict": outcome.verdict, "findings": list(outcome.findings)}
    cost = outcome.usage.cost_micros
    draft.emit(TaskSucceeded(number, attempt, output, cost, outcome.rationale, outcome.evidence))


def _fail(draft: Draft, number: int, outcome: Failed) -> None:
    state = draft.state
    task = state.task(number)
    if task.phase is Phase.SEEKING:
        _sought(draft, number, Sighting.UNKNOWN, {})  # a look-up that failed proved nothing
        return
    if task.phase not in (Phase.RUNNING, Phase.ACTING):
        return
    spec = state.spec(number)
    act = task.act if task.phase is Phase.ACTING else None
    diagnosis = Diagnosis(
        outcome.failure,
        task.attempt,
        act.action.attempt_max if act else spec.attempt_max,
        act.action.repeatability if act else None,
    )
    # An agent whose usage is unknown may have spent its ceiling; an act proven not to have happened is free.
    cost = 0 if act else (task.hold if outcome.usage is None else outcome.usage.cost_micros)
    match remedy(diagnosis):
        case Remedy.RETRY if not state.ended:
            delay = retry_delay_us(state.head.run, number, task.attempt, outcome.retry_after_us)
            at = Instant(draft.facts.now + delay)
            draft.emit(AttemptFailed(number, task.attempt, outcome.failure, outcome.reason, at, cost))
        case Remedy.LOOK_UP:
            assert act is not None
            until = Instant(draft.facts.now + act.action.grace_us)
            draft.emit(LookupStarted(number, task.attempt, until, outcome.reason))
        case Remedy.ASK:
            draft.emit(ActionInDoubt(number, task.attempt, outcome.reason))
        case Remedy.RETRY | Remedy.GIVE_UP:
            unproven = act is not None and outcome.failure in (FailureClass.TIMEOUT, FailureClass.IN_DOUBT)
            if unproven:  # the run has ended, and a call that may have arrived is never forgotten
                draft.emit(ActionInDoubt(number, task.attempt, outcome.reason))
            else:
                draft.emit(TaskFailed(number, task.attempt, outcome.failure, outcome.reason, cost))
        case other:
            assert_never(other)


def _sought(draft: Draft, number: int, sighting: Sighting, response: Json) -> None:
    task = draft.state.task(number)
    assert task.act is not None
    now = draft.facts.now
    match sighting:
        case Sighting.FOUND:
            draft.emit(TaskSucceeded(number, task.attempt, response, task.hold, "found by looking it up"))
        case Sighting.ABSENT:
            if draft.state.ended or task.attempt >= task.act.action.attempt_max:
                reason = "it never arrived"
                draft.emit(TaskFailed(number, task.attempt, FailureClass.TRANSIENT, reason))
            else:
                let_go(draft, number, task.act.authority)
        case Sighting.UNKNOWN:
            until = task.act.seek_until
            if now >= until:
                reason = "it was looked for and not seen, which proves nothing"
                draft.emit(ActionInDoubt(number, task.attempt, reason))
            else:
                since = now - (until - task.act.action.grace_us)
                again = Instant(min(until, now + lookup_delay_us(since)))
                draft.emit(LookupDeferred(number, task.attempt, again))
        case _:
            assert_never(sighting)
