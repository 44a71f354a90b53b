"""What the outside world still owes a run: agents to be asked, effects to be called or looked up, notices,
timers.

`pending` is the definition and is read at boot. `new_effects` is the delta that the loop hands out after each
decision; a property proves that the deltas sum up to the definition. Nothing here chooses.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.events import (
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionStarted,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    AttemptFailed,
    BudgetRefused,
    CompensationFailed,
    DeadlineSet,
    LookupDeferred,
    LookupStarted,
    RunDelayed,
    RunEvent,
    StartDeferred,
    TaskStarted,
)
from mainstay.kernel.predicates import Literal, resolve
from mainstay.kernel.state import DONE, ORDINARY, RUN, Phase, RunState, Sources, TaskState
from mainstay.kernel.values import Json

_NOTHING_OWED = DONE | {Phase.WAITING, Phase.READY, Phase.EXPANDED}


def pending(state: RunState) -> tuple[Effect, ...]:
    """Everything the outside world still owes this run; for boot, since the loop hands out `new_effects`."""
    found: list[Effect] = []
    for number, task in state.all_tasks():
        if task.phase not in _NOTHING_OWED:  # of nearly all tasks nothing is, and a boot asks for them all
            found += owed(state, number, task)
    return (*found, *_calendar(state))


def _calendar(state: RunState) -> list[Effect]:
    """The timers of the run itself, and of its tasks' deadlines."""
    unusual = state.unusual
    if unusual is ORDINARY or state.ended:
        return []
    run = state.head.run
    # Also of tasks that are done: an inspector may yet send one back.
    found: list[Effect] = [WakeAt(run, number, at) for number, at in unusual.deadlines]
    if unusual.not_before and state.plan is None:
        found.append(WakeAt(run, RUN, unusual.not_before))
    return found


_ENTERING = frozenset(
    {
        TaskStarted,
        AttemptFailed,
        BudgetRefused,
        ApprovalRequested,
        ActionEdited,
        ActionHeld,
        ApprovalSnoozed,
        ApprovalResurfaced,
        ActionStarted,
        LookupStarted,
        LookupDeferred,
        ActionInDoubt,
        CompensationFailed,
        StartDeferred,
    }
)


def new_effects(state: RunState, events: tuple[RunEvent, ...]) -> list[Effect]:
    """What these events added to `pending(state)`; a property proves that the sum equals the full scan."""
    effects: list[Effect] = []
    seen: set[int] = set()
    for event in events:
        if type(event) in _ENTERING and event.task not in seen:  # type: ignore[union-attr]
            number = event.task  # type: ignore[union-attr]
            seen.add(number)
            effects += owed(state, number, state.task(number))
        elif type(event) is DeadlineSet:
            effects.append(WakeAt(state.head.run, event.task, event.at))
        elif type(event) is RunDelayed:
            effects.append(WakeAt(state.head.run, RUN, event.until))
    return effects


def owed(state: RunState, number: int, task: TaskState) -> list[Effect]:
    """The effects that one task is owed: a function of its phase alone."""
    run = state.head.run
    match task.phase:
        case Phase.RUNNING:
            return [_ask_agent(state, number, task)]
        case Phase.ACTING:
            return [_call(state, number, task, Mode.CALL)]
        case Phase.SEEKING:
            if task.wake_at:
                return [WakeAt(run, number, task.wake_at)]
            return [_call(state, number, task, Mode.FIND)]
        case Phase.HELD:
            return [WakeAt(run, number, task.wake_at)]
        case Phase.RETRYING | Phase.DELAYED:
            # One without a time was deferred: the director admits it when there is room.
            return [WakeAt(run, number, task.wake_at)] if task.wake_at else []
        case Phase.APPROVAL if task.act is not None and task.act.authority:
            return []  # approved while no director was at work; the next boot lets it go
        case Phase.APPROVAL | Phase.BLOCKED | Phase.DOUBT:
            effects: list[Effect] = [WakeAt(run, number, task.wake_at)] if task.wake_at else []
            if not task.notified:
                kind = {Phase.APPROVAL: "approval", Phase.BLOCKED: "budget"}.get(task.phase, "in_doubt")
                if kind == "in_doubt" and state.undoes(number) is not None:
                    kind = "compensation"
                effects.append(Notify(run, number, kind, task.act.approval if task.act else None))
            return effects
        case Phase.WAITING | Phase.READY | Phase.EXPANDED | Phase.SUCCEEDED | Phase.FAILED | Phase.SKIPPED:
            return []
        case _:
            assert_never(task.phase)


def _call(state: RunState, number: int, task: TaskState, mode: Mode) -> InvokeAdapter:
    assert task.act is not None
    head = state.head
    return InvokeAdapter(
        head.run, number, task.attempt, mode, task.act.action, head.subject, head.sealed_under
    )


def _ask_agent(state: RunState, number: int, task: TaskState) -> InvokeAgent:
    spec = state.spec(number)
    inputs: Json = {}
    if spec.inputs:
        sources = Sources(state, number)
        for name, binding in spec.inputs:
            inputs[name] = binding.value if isinstance(binding, Literal) else resolve(binding, sources)
    drafted = state.expansion_of(number).parent if state.revisions and state.is_item(number) else number
    revision = state.revision(drafted) if state.revisions else None
    return InvokeAgent(
        state.head.run,
        number,
        task.attempt,
        spec.name,
        spec.role,
        spec.agent,
        inputs,
        spec.timeout_s,
        spec.act,
        spec.recall,
        task.hold,  # what was reserved for it; its budget may be more than its agent can cost
        spec.data_class,
        state.head.subject,
        revision.round if revision else 0,
        revision.findings if revision else (),
        state.head.sealed_under,
    )
