"""What events do to the table of tasks: move one, finish one, fan out, send back, end.

Each function takes the state before and gives the state after. The maintained fields (ready, busy, left, held,
spent, failed) follow here and nowhere else; a property compares them with a count from scratch. States are built by
spelling out the constructor, which costs a third of `dataclasses.replace`.
"""

from __future__ import annotations

from dataclasses import replace

from mainstay.kernel.events import CompensationBegun, RevisionRequested, RunForked
from mainstay.kernel.plan import Plan
from mainstay.kernel.state import (
    BUSY,
    DONE,
    Expansion,
    Phase,
    Revision,
    RunState,
    Status,
    TaskState,
    TaskTable,
    Unusual,
    may_have_left,
    new_table,
    waiting_task,
    with_more,
    with_task,
    with_tasks,
)
from mainstay.kernel.values import Json


def move(state: RunState, number: int, task: TaskState, cost: int = 0) -> RunState:
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
        state.unusual,
    )


def finish(state: RunState, number: int, task: TaskState, cost: int) -> RunState:
    """A task is done: what waited for it comes nearer, and perhaps becomes ready."""
    plan = state.plan
    assert plan is not None
    old = state.task(number)
    if old.phase in DONE:
        return state
    failed = state.failed + (task.phase is Phase.FAILED and not state.spec(number).optional)
    ready = _without(state.ready, number) if old.phase is Phase.READY else state.ready
    left = state.left - 1
    freed: tuple[int, ...] = ()
    unusual = state.unusual
    if task.act is not None and task.phase is Phase.SUCCEEDED and state.spec(number).compensate is not None:
        unusual = replace(unusual, undoable=(*unusual.undoable, number))
    if state.ended or (state.status is Status.COMPENSATING and state.undoes(number) is None):
        tasks = with_task(state.tasks, number, task)  # nothing of the plan waits any more
    elif number < plan.size:
        tasks, freed = _released(with_task(state.tasks, number, task), _waiting_for(state, plan, number))
    elif state.undoes(number) is not None:
        following = (number + 1,) if number + 1 < state.size else ()
        tasks, freed = _released(with_task(state.tasks, number, task), following)
    else:
        tasks, freed, parent = _item_done(state, number, task)
        left -= parent is not None
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
        state.expansions,
        state.revisions,
        unusual,
    )


def _waiting_for(state: RunState, plan: Plan, number: int) -> tuple[int, ...]:
    """What needs this task: of a fan-out that a forked run took over half done, its items."""
    needing = plan.dependents[number]
    if state.unusual.forked is None or not state.expansions:
        return needing
    fans = [fan for fan in state.expansions if fan.parent in needing]
    return (*needing, *(item for fan in fans for item in range(fan.first, fan.first + fan.count)))


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
) -> tuple[TaskTable, tuple[int, ...], TaskState | None]:
    """The table after an item of a fan-out is done; the last one finishes its parent, which is given too."""
    assert state.plan is not None
    tasks = with_task(state.tasks, number, task)
    fan = state.expansion_of(number)
    before = state.task(fan.parent)
    if before.waiting > 1:
        counted = TaskState(Phase.EXPANDED, before.waiting - 1, before.attempt)
        return with_task(tasks, fan.parent, counted), (), None
    items = [tasks[item >> 6][item & 63] for item in range(fan.first, fan.first + fan.count)]
    optional = state.plan.workflow.tasks[fan.parent].optional
    gave_up = any(item.phase is Phase.FAILED for item in items) and not optional
    output: Json = {"items": [item.output for item in items]}
    parent = TaskState(Phase.FAILED if gave_up else Phase.SUCCEEDED, 0, before.attempt, 0, output)
    needing = _waiting_for(state, state.plan, fan.parent)
    tasks, freed = _released(with_task(tasks, fan.parent, parent), needing)
    return tasks, freed, parent


def planned(state: RunState, plan: Plan) -> RunState:
    """The run follows this plan from now on; a forked one takes over what its parent had done."""
    unusual = state.unusual
    if unusual.forked is not None:
        return _inherited(state, plan, unusual.forked)
    tasks = new_table(waiting_task(len(needed)) for needed in plan.needs)
    return RunState(
        state.head, Status.RUNNING, plan, tasks, ((plan.roots, 0),), 0, plan.size, unusual=unusual
    )


def _inherited(state: RunState, plan: Plan, forked: RunForked) -> RunState:
    done = {one.task: TaskState(Phase.SUCCEEDED, 0, 1, 0, one.output) for one in forked.inherited}
    expansions: list[Expansion] = []
    items: list[TaskState] = []
    fanned: dict[int, TaskState] = {}
    for parent, count in forked.expansions:
        first = plan.size + len(items)
        expansions.append(Expansion(parent, first, count))
        needs = sum(need not in done for need in plan.needs[parent])
        items += [done.get(number, waiting_task(needs)) for number in range(first, first + count)]
        left = sum(number not in done for number in range(first, first + count))
        fanned[parent] = TaskState(Phase.EXPANDED, left, 0)
    states: list[TaskState] = []
    for number, needed in enumerate(plan.needs):
        waiting = sum(need not in done for need in needed)
        states.append(done.get(number) or fanned.get(number) or waiting_task(waiting))
    states += items
    ready = tuple(number for number, task in enumerate(states) if task.phase is Phase.READY)
    return RunState(
        state.head,
        Status.RUNNING,
        plan,
        new_table(states),
        ((ready, 0),) if ready else (),
        0,
        sum(task.phase not in DONE for task in states),
        expansions=tuple(expansions),
        unusual=state.unusual,
    )


def expanded(state: RunState, number: int, count: int) -> RunState:
    """A `for_each` fans out: its items are tasks at the end of the table, and it waits for them."""
    first = state.size
    old = state.task(number)
    items = tuple(range(first, first + count))
    tasks = with_task(state.tasks, number, TaskState(Phase.EXPANDED, count, old.attempt))
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
        (*state.expansions, Expansion(number, first, count)),
        state.revisions,
        state.unusual,
    )


def sent_back(state: RunState, event: RevisionRequested) -> RunState:
    """The draft is to be made again; everything that waits for it waits once more."""
    plan = state.plan
    assert plan is not None
    draft = state.task(event.task)
    inspector = state.task(event.inspector)
    ready = state.ready
    changes = {event.task: TaskState(Phase.READY, 0, draft.attempt)}
    for number in plan.dependents[event.task]:
        task = state.task(number)
        if number == event.inspector:
            changes[number] = TaskState(Phase.WAITING, 1, task.attempt)
        elif task.phase is Phase.WAITING:
            changes[number] = TaskState(Phase.WAITING, task.waiting + 1, task.attempt)
        elif task.phase is Phase.READY:
            changes[number] = TaskState(Phase.WAITING, 1, task.attempt)
            ready = _without(ready, number)
    before = state.revision(event.task)
    revision = Revision(event.task, before.round + 1 if before else 1, event.findings)
    return RunState(
        state.head,
        state.status,
        plan,
        with_tasks(state.tasks, changes),
        (((event.task,), 0), *ready),
        state.busy - (inspector.phase in BUSY),
        state.left + 1,
        state.held - inspector.hold,
        state.spent + event.cost,
        state.failed,
        state.expansions,
        (*(one for one in state.revisions if one.task != event.task), revision),
        state.unusual,
    )


def compensating(state: RunState, event: CompensationBegun) -> RunState:
    """The run is about to end: nothing of its plan begins any more, and what it did will be taken back."""
    unusual = replace(
        state.unusual, ending=event.ending, ending_actor=event.actor, ending_reason=event.reason, deadlines=()
    )
    return ended(state, Status.COMPENSATING, unusual)


def undoing(state: RunState, acts: tuple[int, ...]) -> RunState:
    """These acts are taken back, one after the other, as tasks at the end of the table."""
    first = state.size
    rows = (waiting_task(0 if place == 0 else 1) for place in range(len(acts)))
    return RunState(
        state.head,
        state.status,
        state.plan,
        with_more(state.tasks, rows),
        (((first,), 0),),
        state.busy,
        state.left + len(acts),
        state.held,
        state.spent,
        state.failed,
        state.expansions,
        state.revisions,
        replace(state.unusual, undoing=acts, undo_first=first),
    )


def ended(state: RunState, status: Status, unusual: Unusual | None = None) -> RunState:
    """No task begins any more. What may already have left the house is still looked after; what an agent
    may have spent counts as spent to its ceiling, since nobody will hear the true amount."""
    changes: dict[int, TaskState] = {}
    left = busy = held = spent = 0
    if state.left:
        for number, task in state.all_tasks():
            if may_have_left(task):
                left += 1
                busy += task.phase in BUSY
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
        busy,
        left,
        held,
        state.spent + spent,
        state.failed,
        state.expansions,
        state.revisions,
        state.unusual if unusual is None else unusual,
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
