"""`evolve`: how each event changes a run. It never refuses and never chooses.

An event that makes no sense for the state (which only a damaged log could hold) leaves the state as it is.
The two events of every step come first in the `match`. States are built by spelling out the constructor,
which costs a third of `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from mainstay.kernel.events import (
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AttemptFailed,
    BudgetRefused,
    DoubtResolved,
    LookupDeferred,
    LookupStarted,
    OperatorNotified,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunQueued,
    RunReleased,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    TaskExpanded,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Plan
from mainstay.kernel.recovery import UNPROVEN
from mainstay.kernel.state import (
    DONE,
    UNDER_WAY,
    Act,
    Expansion,
    Head,
    Phase,
    Revision,
    RunState,
    Status,
    TaskState,
    TaskTable,
    new_table,
    waiting_task,
    with_more,
    with_task,
    with_tasks,
)
from mainstay.kernel.values import Instant, Json

BUSY = frozenset({Phase.RUNNING, Phase.RETRYING, Phase.ACTING, Phase.SEEKING})


def nothing(run: RunId) -> RunState:
    """The state of a run before its first event."""
    return RunState(Head(run))


def evolve(state: RunState, event: RunEvent) -> RunState:
    """The state after the event."""
    match event:
        case TaskSucceeded(task=number, attempt=attempt, output=output, cost=cost):
            old = state.task(number)
            return _finish(state, number, TaskState(Phase.SUCCEEDED, 0, attempt, 0, output, old.act), cost)
        case TaskStarted(task=number, attempt=attempt, hold=hold):
            return _move(state, number, TaskState(Phase.RUNNING, 0, attempt, hold))
        case RunStarted():
            head = Head(event.run, event.workflow, event.definition, event.trigger, event.key, event.subject)
            return RunState(head, Status.RUNNING)
        case PlanAccepted(plan=plan):
            return _planned(state, plan)
        case RunSucceeded():
            return _ended(state, Status.SUCCEEDED)
        case RunQueued():
            return RunState(state.head, Status.QUEUED)
        case RunReleased():
            return RunState(state.head, Status.RUNNING)
        case RunFailed():
            return _ended(state, Status.FAILED)
        case RunSuperseded():
            return _ended(state, Status.SUPERSEDED)
        case RunCancelled():
            return _ended(state, Status.CANCELLED)
        case TaskFailed(task=number, attempt=attempt, cost=cost):
            return _finish(state, number, TaskState(Phase.FAILED, 0, attempt), cost)
        case TaskSkipped(task=number):
            return _finish(state, number, _closed(state, number), 0)
        case TaskExpanded(task=number, count=count):
            return _expanded(state, number, count)
        case RevisionRequested():
            return _sent_back(state, event)
        case _:
            return _act_evolve(state, event)


def _act_evolve(state: RunState, event: RunEvent) -> RunState:
    match event:
        case AttemptFailed(task=number, attempt=attempt, retry_at=retry_at, cost=cost):
            old = state.task(number)
            tried = old.act and replace(old.act, tried=old.act.tried or event.failure in UNPROVEN)
            retrying = TaskState(Phase.RETRYING, 0, attempt, 0, None, tried, retry_at)
            return _move(state, number, retrying, cost)
        case BudgetRefused(task=number, wake_at=wake_at):
            old = state.task(number)
            blocked = TaskState(Phase.BLOCKED, 0, old.attempt, 0, None, old.act, wake_at, old.notified)
            return _move(state, number, blocked)
        case ActionProposed(task=number, action=action, cost=cost):
            old = state.task(number)
            proposed = TaskState(Phase.RUNNING, 0, old.attempt, 0, None, Act(action))
            return _move(state, number, proposed, cost)
        case ActionDenied(task=number):
            return _finish(state, number, _closed(state, number), 0)
        case ApprovalRequested(task=number, approval=approval, expires_at=expires_at):
            act = _act(state, number)
            asked = replace(
                act,
                approval=approval,
                authority="",
                expires_at=expires_at,
                rule=event.rule,
                reason=event.reason,
            )
            return _phase(state, number, Phase.APPROVAL, asked, wake_at=expires_at)
        case OperatorNotified(task=number):
            old = state.task(number)
            told = TaskState(
                old.phase, old.waiting, old.attempt, old.hold, old.output, old.act, old.wake_at, notified=True
            )
            return _move(state, number, told)
        case ActionEdited(task=number, approval=approval, action=action):
            act = _act(state, number)
            edited = replace(act, action=action, approval=approval, authority="")
            return _phase(state, number, Phase.APPROVAL, edited, wake_at=act.expires_at)
        case ApprovalGranted(task=number, approval=approval):
            act = _act(state, number)
            granted = replace(act, approval=approval, authority=f"approval:{approval}")
            return _phase(state, number, Phase.APPROVAL, granted, wake_at=act.expires_at)
        case ApprovalRejected(task=number) | ApprovalExpired(task=number):
            return _finish(state, number, _closed(state, number), 0)
        case ActionStarted(task=number, attempt=attempt, authority=authority, hold=hold):
            act = _act(state, number)
            allowed = replace(act, authority=authority, seek_until=Instant(0))
            return _move(state, number, TaskState(Phase.ACTING, 0, attempt, hold, None, allowed))
        case LookupStarted(task=number, until=until):
            act = _act(state, number)
            sought = replace(act, seek_until=until, tried=True)
            return _phase(state, number, Phase.SEEKING, sought)
        case LookupDeferred(task=number, again_at=again_at):
            return _phase(state, number, Phase.SEEKING, _act(state, number), wake_at=again_at)
        case ActionInDoubt(task=number):
            return _phase(state, number, Phase.DOUBT, _act(state, number))
        case DoubtResolved():
            return state  # what follows from the answer is an event of its own
        case _:
            _closed_union(event)
            return state


def _closed_union(event: RunEvent) -> None:
    # The frequent half of the union was matched by `evolve`; together both matches name every event.
    match event:
        case (
            TaskStarted()
            | TaskSucceeded()
            | RunStarted()
            | PlanAccepted()
            | RunSucceeded()
            | RunQueued()
            | RunReleased()
            | RunFailed()
            | RunSuperseded()
            | RunCancelled()
            | TaskFailed()
            | TaskSkipped()
            | TaskExpanded()
            | RevisionRequested()
        ):
            return
        case (
            AttemptFailed()
            | BudgetRefused()
            | ActionProposed()
            | ActionDenied()
            | ApprovalRequested()
            | OperatorNotified()
            | ActionEdited()
            | ApprovalGranted()
            | ApprovalRejected()
            | ApprovalExpired()
            | ActionStarted()
            | LookupStarted()
            | LookupDeferred()
            | ActionInDoubt()
            | DoubtResolved()
        ):
            return
        case _:
            assert_never(event)


def _act(state: RunState, number: int) -> Act:
    act = state.task(number).act
    assert act is not None, f"task {number} of run {state.head.run} has no action"
    return act


def _closed(state: RunState, number: int) -> TaskState:
    old = state.task(number)
    return TaskState(Phase.SKIPPED, 0, old.attempt, 0, None, old.act)


def _phase(
    state: RunState, number: int, phase: Phase, act: Act, *, wake_at: Instant = Instant(0)
) -> RunState:
    old = state.task(number)
    hold = old.hold if phase in UNDER_WAY else 0
    return _move(state, number, TaskState(phase, 0, old.attempt, hold, None, act, wake_at))


def _move(state: RunState, number: int, task: TaskState, cost: int = 0) -> RunState:
    """A task that is not done yet changes; busy slots and held money follow."""
    old = state.task(number)
    ready = _without(state.ready, number) if old.phase is Phase.READY else state.ready
    return RunState(
        state.head,
        state.status,
        state.plan,
        with_task(state.tasks, number, task),
        ready,
        state.busy + (task.phase in BUSY) - (old.phase in BUSY),
        state.left,
        state.held + task.hold - old.hold,
        state.spent + cost,
        state.failed,
        state.expansions,
        state.revisions,
    )


def _finish(state: RunState, number: int, task: TaskState, cost: int) -> RunState:
    """A task is done: what waited for it comes nearer, and perhaps becomes ready."""
    plan = state.plan
    assert plan is not None
    old = state.task(number)
    if old.phase in DONE:
        return state
    failed = state.failed + (task.phase is Phase.FAILED and not state.spec(number).optional)
    ready = _without(state.ready, number) if old.phase is Phase.READY else state.ready
    expansions = state.expansions
    left = state.left - 1
    if number < plan.size:
        tasks, freed = _released(with_task(state.tasks, number, task), plan.dependents[number])
    else:
        tasks, freed, expansions, parents = _item_done(state, number, task)
        left -= parents
    if freed:
        ready = ((freed, 0), *ready)
    return RunState(
        state.head,
        state.status,
        plan,
        tasks,
        ready,
        state.busy - (old.phase in BUSY),
        left,
        state.held - old.hold,
        state.spent + cost,
        failed,
        expansions,
        state.revisions,
    )


def _released(table: TaskTable, dependents: tuple[int, ...]) -> tuple[TaskTable, tuple[int, ...]]:
    """The table after one need of each dependent is met, and those that are ready now."""
    if not dependents:
        return table, ()
    freed: list[int] = []
    changes: dict[int, TaskState] = {}
    for number in dependents:
        task = table[number >> 6][number & 63]
        if task.phase is not Phase.WAITING:
            continue  # superseded, or already asked again after a revision
        if task.waiting == 1:
            freed.append(number)
        if task.attempt:
            phase = Phase.READY if task.waiting == 1 else Phase.WAITING
            changes[number] = TaskState(phase, task.waiting - 1, task.attempt)
        else:
            changes[number] = waiting_task(task.waiting - 1)
    if len(changes) == 1:
        [(number, task)] = changes.items()
        return with_task(table, number, task), tuple(freed)
    return with_tasks(table, changes), tuple(freed)


def _item_done(
    state: RunState, number: int, task: TaskState
) -> tuple[TaskTable, tuple[int, ...], tuple[Expansion, ...], int]:
    """The table after an item of a fan-out is done; the last one finishes its parent."""
    assert state.plan is not None
    tasks = with_task(state.tasks, number, task)
    old = state.expansion_of(number)
    new = Expansion(old.parent, old.first, old.count, old.left - 1)
    expansions = tuple(new if one is old else one for one in state.expansions)
    if new.left:
        return tasks, (), expansions, 0
    items = [tasks[item >> 6][item & 63] for item in range(new.first, new.first + new.count)]
    optional = state.plan.workflow.tasks[new.parent].optional
    gave_up = any(item.phase is Phase.FAILED for item in items) and not optional
    output: Json = {"items": [item.output for item in items]}
    parent = TaskState(Phase.FAILED if gave_up else Phase.SUCCEEDED, 0, 0, 0, output)
    tasks, freed = _released(with_task(tasks, new.parent, parent), state.plan.dependents[new.parent])
    return tasks, freed, expansions, 1


def _planned(state: RunState, plan: Plan) -> RunState:
    tasks = new_table(waiting_task(len(needed)) for needed in plan.needs)
    return RunState(state.head, Status.RUNNING, plan, tasks, ((plan.roots, 0),), 0, plan.size)


def _expanded(state: RunState, number: int, count: int) -> RunState:
    first = state.size
    old = state.task(number)
    items = tuple(range(first, first + count))
    tasks = with_task(state.tasks, number, TaskState(Phase.EXPANDED, 0, old.attempt))
    return RunState(
        state.head,
        state.status,
        state.plan,
        with_more(tasks, (waiting_task(0) for _ in items)),
        ((items, 0), *_without(state.ready, number)),
        state.busy,
        state.left + count,
        state.held,
        state.spent,
        state.failed,
        (*state.expansions, Expansion(number, first, count, count)),
        state.revisions,
    )


def _sent_back(state: RunState, event: RevisionRequested) -> RunState:
    """The draft is to be made again; everything that waits for it waits once more."""
    plan = state.plan
    assert plan is not None
    draft = state.task(event.task)
    inspector = state.task(event.inspector)
    changes = {event.task: TaskState(Phase.READY, 0, draft.attempt)}
    for number in plan.dependents[event.task]:
        task = state.task(number)
        if number == event.inspector:
            changes[number] = TaskState(Phase.WAITING, 1, task.attempt)
        elif task.phase is Phase.WAITING:
            changes[number] = TaskState(Phase.WAITING, task.waiting + 1, task.attempt)
    before = state.revision(event.task)
    revision = Revision(event.task, before.round + 1 if before else 1, event.findings)
    return RunState(
        state.head,
        state.status,
        plan,
        with_tasks(state.tasks, changes),
        (((event.task,), 0), *state.ready),
        state.busy - (inspector.phase in BUSY),
        state.left + 1,
        state.held - inspector.hold,
        state.spent + event.cost,
        state.failed,
        state.expansions,
        (*(one for one in state.revisions if one.task != event.task), revision),
    )


def _ended(state: RunState, status: Status) -> RunState:
    """No task begins any more. What may already have left the house is still looked after; what an agent
    may have spent counts as spent to its ceiling, since nobody will hear the true amount."""
    changes: dict[int, TaskState] = {}
    left = held = spent = 0
    if state.left:
        for number, task in state.all_tasks():
            if task.phase in UNDER_WAY:
                left += 1
                held += task.hold
            elif task.phase not in DONE:
                spent += task.hold
                changes[number] = TaskState(Phase.SKIPPED, 0, task.attempt, 0, None, task.act)
    return RunState(
        state.head,
        status,
        state.plan,
        with_tasks(state.tasks, changes) if changes else state.tasks,
        (),
        left,
        left,
        held,
        state.spent + spent,
        state.failed,
        state.expansions,
        state.revisions,
    )


def _without(
    ready: tuple[tuple[tuple[int, ...], int], ...], number: int
) -> tuple[tuple[tuple[int, ...], int], ...]:
    """The ready batches without a task: nearly always the next one of the first batch."""
    if ready:
        numbers, gone = ready[0]
        if numbers[gone] == number:
            return ready[1:] if gone + 1 == len(numbers) else ((numbers, gone + 1), *ready[1:])
    kept = ((tuple(one for one in numbers[gone:] if one != number), 0) for numbers, gone in ready)
    return tuple(batch for batch in kept if batch[0])
