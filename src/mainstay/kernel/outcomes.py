"""What becomes of an attempt: the outcomes that agents and adapters answer with, and what follows.

A late answer of an older attempt decides to nothing. The recovery table (`kernel.recovery`) says what a
failure leads to; here it is turned into events. What may already have left the house is never given up in
silence.
"""

from __future__ import annotations

from dataclasses import replace
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
from mainstay.kernel.door import judge, propose
from mainstay.kernel.draft import Draft
from mainstay.kernel.ending import settle_before_end
from mainstay.kernel.events import (
    ActionInDoubt,
    AttemptFailed,
    FailureClass,
    FailureDiagnosed,
    LookupDeferred,
    LookupStarted,
    ModelUsed,
    RevisionRequested,
    RunSuperseded,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.plan import Role, TaskKind
from mainstay.kernel.recovery import (
    UNPROVEN,
    Diagnosis,
    Remedy,
    candidates,
    lookup_delay_us,
    remedy,
    retry_delay_us,
)
from mainstay.kernel.state import DONE, Act, Phase, RunState, TaskState, given_up, goes_on, supersedable
from mainstay.kernel.values import NO_USAGE, Instant, Json, Usage


def record(draft: Draft, command: RecordOutcome) -> None:
    """Hear what became of an attempt; nothing when it is not the one that is under way."""
    state, number = draft.state, command.task
    task = state.find(number)
    if task is None or task.attempt != command.attempt:
        return  # a late answer of an attempt that was given up; the one that follows it will be heard
    if task.phase is Phase.RUNNING:
        command = _believable(command, task.hold)
        if command.notes:
            for note in command.notes:
                draft.emit(note)
            command = _billed(command, task.hold)
    match command.outcome:
        case Produced() as outcome:
            if task.phase is Phase.RUNNING:
                _produced(draft, number, command.attempt, outcome)
        case Acted(response=response):
            if _was_called(task):
                _arrived(draft, number, response, "")
        case Proposed():
            if task.phase is Phase.RUNNING:
                _proposed(draft, number, command.outcome)
        case Inspected():
            if task.phase is Phase.RUNNING:
                _inspect(draft, number, command.attempt, command.outcome)
        case Failed():
            fail(draft, number, command.outcome)
        case Sought(Sighting.FOUND, response):
            if _was_called(task):
                _arrived(draft, number, response, "found by looking it up")
        case Sought(sighting=sighting):
            if task.phase is Phase.SEEKING and not task.wake_at:  # otherwise no look-up is under way
                _not_found(draft, number, sighting)
        case Withheld(reason=reason):
            if task.phase is Phase.ACTING:
                _withhold(draft, number, reason)
        case _:
            assert_never(command.outcome)


def _believable(command: RecordOutcome, hold: int) -> RecordOutcome:
    """An agent that reports what cannot be, less than nothing or more than was held for it, proves nothing."""
    outcome = command.outcome
    if isinstance(outcome, Acted | Sought | Withheld) or outcome.usage is None:
        return command
    usage = outcome.usage
    if 0 <= usage.cost_micros <= hold and usage.input_tokens >= 0 and usage.output_tokens >= 0:
        return command
    cost = usage.cost_micros if 0 <= usage.cost_micros <= hold else hold
    tokens = (max(0, usage.input_tokens), max(0, usage.output_tokens))
    return replace(command, outcome=replace(outcome, usage=Usage(cost, *tokens, usage.calls)))


def _billed(command: RecordOutcome, hold: int) -> RecordOutcome:
    """An attempt costs at least what its models did, whatever its agent says, and also where it came to nothing."""
    outcome = command.outcome
    models = sum(note.cost for note in command.notes if isinstance(note, ModelUsed))
    if not models or isinstance(outcome, Acted | Sought | Withheld):
        return command
    told = hold if outcome.usage is None else outcome.usage.cost_micros
    if told >= models:
        return command
    return replace(
        command, outcome=replace(outcome, usage=replace(outcome.usage or NO_USAGE, cost_micros=models))
    )


def _produced(draft: Draft, number: int, attempt: int, outcome: Produced) -> None:
    usage = outcome.usage
    if draft.state.spec(number).kind is TaskKind.ACT:
        reason = "the agent answered, and this task wants an effect to be proposed"
        fail(draft, number, Failed(FailureClass.INVALID, reason, usage=usage))
        return
    draft.emit(
        TaskSucceeded(
            number,
            attempt,
            outcome.output,
            usage.cost_micros,
            outcome.rationale,
            outcome.evidence,
            usage.input_tokens,
            usage.output_tokens,
        )
    )


def _was_called(task: TaskState) -> bool:
    """Whether the truth about a call may still come: also late, while it is looked for, in doubt or asked again."""
    return task.act is not None and (task.act.calls > 0 or task.act.sought) and task.phase not in DONE


def _arrived(draft: Draft, number: int, response: Json, rationale: str) -> None:
    task = draft.state.task(number)
    assert task.act is not None
    price = task.act.action.price_micros or 0
    card = task.act.approval if task.phase is Phase.APPROVAL else None
    draft.emit(TaskSucceeded(number, task.attempt, response, price, rationale, withdrawn=card))


def _proposed(draft: Draft, number: int, outcome: Proposed) -> None:
    spec = draft.state.spec(number)
    if spec.kind is TaskKind.ACT and outcome.action.act == spec.act:
        propose(draft, number, draft.state.task(number).attempt, outcome)
        return
    allowed = repr(spec.act) if spec.kind is TaskKind.ACT else "no effect"
    reason = f"the agent proposed {outcome.action.act!r}, and this task may propose {allowed}"
    fail(draft, number, Failed(FailureClass.INVALID, reason, usage=outcome.usage))


def _withhold(draft: Draft, number: int, reason: str) -> None:
    """It was not called this time. If no earlier attempt may have arrived, the run ends as overtaken."""
    task = draft.state.task(number)
    assert task.act is not None
    if task.act.tried:
        fail(draft, number, Failed(FailureClass.TRANSIENT, reason))
        return
    draft.emit(TaskSkipped(number, reason))
    if supersedable(draft.state):
        settle_before_end(draft)
        draft.emit(RunSuperseded(reason, "", *given_up(draft.state)))


def _inspect(draft: Draft, number: int, attempt: int, outcome: Inspected) -> None:
    cost, verdict = outcome.usage.cost_micros, outcome.verdict
    if outcome.revise:
        target = _sends_back(draft.state, number)
        if target is not None:
            findings, rationale = outcome.findings, outcome.rationale
            draft.emit(RevisionRequested(target, number, attempt, findings, cost, rationale))
            return
        if verdict == "passed":
            verdict = "look"  # it wanted another draft and gets none: a person decides
    output: Json = {"verdict": verdict, "findings": list(outcome.findings)}
    if outcome.checks:
        output["checks"] = list(outcome.checks)
    draft.emit(TaskSucceeded(number, attempt, output, cost, outcome.rationale, outcome.evidence))


def _sends_back(state: RunState, inspector: int) -> int | None:
    """The draft that this inspector may send back now; None when rounds are used up or others went on with it."""
    plan = state.plan
    assert plan is not None
    target = None if state.is_item(inspector) else plan.inspected[inspector]
    if target is None or state.task(target).phase is not Phase.SUCCEEDED:
        return None
    if _rounds(state, target) >= state.spec(inspector).revisions_max:
        return None
    others = (state.task(one).phase for one in plan.dependents[target] if one != inspector)
    untouched = (Phase.WAITING, Phase.READY, Phase.SKIPPED)
    return target if all(phase in untouched for phase in others) else None


def _rounds(state: RunState, number: int) -> int:
    revision = state.revision(number) if state.revisions else None
    return revision.round if revision else 0


def fail(draft: Draft, number: int, outcome: Failed, *, at_once: bool = False) -> None:
    """The attempt came to nothing: what the recovery table says. `at_once` retries without waiting."""
    state = draft.state
    task = state.task(number)
    act = task.act if task.phase is Phase.ACTING else None
    if act is None and task.phase is not Phase.RUNNING:
        return  # a look-up answers with `Sought`, also when it failed
    failure, reason = outcome.failure, outcome.reason
    # An agent whose usage is unknown may have spent its ceiling; an act proven not to have happened is free.
    cost = 0 if act else (task.hold if outcome.usage is None else outcome.usage.cost_micros)
    diagnosis = _diagnosis(state, number, failure, act)
    way = remedy(diagnosis)
    if failure is FailureClass.LOST and way is Remedy.GIVE_UP:
        failure = FailureClass.POISONED
        reason = f"{reason}; that happened each of the {diagnosis.attempt} times it was tried"
    draft.emit(
        FailureDiagnosed(
            number,
            task.attempt,
            failure,
            reason,
            outcome.exception,
            _known(diagnosis, act, ended=not goes_on(state, number)),
            tuple(one.name.lower() for one in candidates(diagnosis)),
            way.name.lower(),
        )
    )
    match way:
        case Remedy.RETRY if goes_on(state, number):
            delay = retry_delay_us(state.head.run, number, task.attempt, outcome.retry_after_us)
            at = Instant(draft.facts.now + (0 if at_once else delay))
            draft.emit(AttemptFailed(number, task.attempt, failure, reason, at, cost))
        case Remedy.LOOK_UP:
            assert act is not None
            until = Instant(draft.facts.now + act.action.grace_us)
            draft.emit(LookupStarted(number, task.attempt, until, reason))
        case Remedy.ASK:
            draft.emit(ActionInDoubt(number, task.attempt, reason))
        case Remedy.RETRY if act is not None and (act.tried or failure in UNPROVEN):
            draft.emit(
                ActionInDoubt(number, task.attempt, reason)
            )  # the run has ended: nothing is called again
        case Remedy.RETRY | Remedy.GIVE_UP:
            draft.give_up(number, task.attempt, failure, reason, cost)
        case other:
            assert_never(other)


def _diagnosis(state: RunState, number: int, failure: FailureClass, act: Act | None) -> Diagnosis:
    if act is not None:
        # Attempts of the executor that proposed it do not count against the effect.
        action = act.action
        return Diagnosis(failure, act.calls, action.attempt_max, action.repeatability, act.tried)
    assert state.plan is not None
    reviewed = number
    if not state.is_item(number) and state.spec(number).role is Role.INSPECTOR:
        reviewed = state.plan.inspected[number] or number
    # An attempt that ended in a revision did not fail.
    failures = state.task(number).attempt - _rounds(state, reviewed)
    return Diagnosis(failure, failures, state.spec(number).attempt_max)


def _known(diagnosis: Diagnosis, act: Act | None, *, ended: bool) -> Json:
    """What was known when the way on was chosen."""
    known: Json = {"tries": diagnosis.attempt, "tries_max": diagnosis.attempt_max}
    if act is not None:
        action = act.action
        known |= {
            "act": action.act,
            "adapter": action.adapter,
            "repeatability": str(action.repeatability),
            "earlier_call_may_have_arrived": act.tried,
        }
    return known | {"run_ended": True} if ended else known


def _not_found(draft: Draft, number: int, sighting: Sighting) -> None:
    task = draft.state.task(number)
    assert task.act is not None
    now, act = draft.facts.now, task.act
    if sighting is Sighting.ABSENT:
        if not goes_on(draft.state, number) or act.calls >= act.action.attempt_max:
            draft.give_up(number, task.attempt, FailureClass.TRANSIENT, "it never arrived")
        else:
            judge(draft, number, act.authority, absent=True)
    elif now >= act.seek_until:
        reason = "it was looked for and not seen, which proves nothing"
        draft.emit(ActionInDoubt(number, task.attempt, reason))
    else:
        since = now - (act.seek_until - act.action.grace_us)
        again = Instant(min(act.seek_until, now + lookup_delay_us(since)))
        draft.emit(LookupDeferred(number, task.attempt, again))
