"""What a run takes over from the one that it goes on from.

Two ways lead to a new run: a fork goes on from a point in its parent's story, with inputs that may differ; a restart
does a task and all that follows from it anew. Both inherit what was done before: thinking whose inputs are the same,
and every act that happened before the point, since an act that left the house cannot be made not to have left. Acts
after the point always ask (`kernel.door`). What the parent has taken back is not inherited.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from mainstay.kernel.events import Inherited, RunForked
from mainstay.kernel.plan import Plan, references
from mainstay.kernel.predicates import holds
from mainstay.kernel.state import Expansion, Phase, RunState, Sources, TaskState
from mainstay.kernel.values import Json


def restart(state: RunState, *, version: int, actor: str, first: str, reason: str = "") -> RunForked:
    """Do `first` and what follows from it anew. `state` is the parent at its `version`; raises KeyError for no task."""
    plan = state.plan
    assert plan is not None
    anew = _following(plan, [plan.numbers[first]])
    return _take_over(
        state, version=version, actor=actor, reason=reason, first=first, anew=anew, acts_too=True
    )


def fork(
    state: RunState, *, version: int, actor: str, changes: Mapping[str, Any], reason: str = ""
) -> RunForked:
    """Go on from the parent at `version`. `changes` gives new values to fields: `trigger.x`, `task.field`."""
    plan = state.plan
    assert plan is not None
    touched = [
        number
        for number, task in enumerate(plan.workflow.tasks)
        if any(_reads(str(ref)[2:-1], path) for ref in references(task) for path in changes)
    ]
    # What the operator wrote in a task's place stands, even where that task would now think something else.
    written = {plan.numbers[path.partition(".")[0]] for path in changes if not path.startswith("trigger.")}
    anew = _following(plan, [number for number in touched if number not in written], but=written)
    return _take_over(
        state, version=version, actor=actor, reason=reason, anew=anew, acts_too=False, changes=changes
    )


def given_up_by_itself(state: RunState, number: int) -> bool:
    """Whether this task was given up, and not only skipped by its condition or with what it needs."""
    task, spec = state.task(number), state.spec(number)
    if task.phase is not Phase.SKIPPED:
        return task.phase in (Phase.FAILED, Phase.DOUBT)
    if spec.when is not None and spec.for_each is None and not holds(spec.when, Sources(state, number)):
        return False
    assert state.plan is not None
    needs = state.plan.needs[number]
    return all(state.task(one).phase is Phase.SUCCEEDED or state.spec(one).optional for one in needs)


def changed(value: Json, path: tuple[str, ...], new: Any) -> Json:
    """A copy of a value with one field replaced. Raises KeyError where there is no such field."""
    name, *rest = path
    if name not in value:
        raise KeyError(name)
    inner = changed(value[name], tuple(rest), new) if rest else new
    return {**value, name: inner}


def _take_over(
    state: RunState,
    *,
    version: int,
    actor: str,
    reason: str,
    anew: set[int],
    acts_too: bool,
    first: str = "",
    changes: Mapping[str, Any] | None = None,
) -> RunForked:
    plan = state.plan
    assert plan is not None
    undone = _undone(state)
    acted = _acted(state)

    def kept(number: int, parent: int, task: TaskState) -> bool:
        if task.phase is not Phase.SUCCEEDED or number in undone:
            return False
        return parent not in anew or (number in acted and not acts_too)

    inherited: list[Inherited] = []
    for number in range(plan.size):
        task = state.task(number)
        if kept(number, number, task):
            name = plan.workflow.tasks[number].name
            of_items = any(fan.parent == number and _any_acted(fan, acted) for fan in state.expansions)
            inherited.append(_inherited(number, task, name, changes or {}, acted=number in acted or of_items))
    done = {one.task for one in inherited}
    expansions: list[tuple[int, int]] = []
    place = plan.size
    for fan in state.expansions:
        items = [state.task(number) for number in range(fan.first, fan.first + fan.count)]
        keeps = [kept(fan.first + at, fan.parent, item) for at, item in enumerate(items)]
        # A fan-out whose list may differ is fanned out again, unless some of its acts have happened.
        if fan.parent in done or (fan.parent in anew and not any(keeps)):
            continue
        if all(keeps):  # acts, all of which have happened: nothing is left to fan out over
            gave = TaskState(Phase.SUCCEEDED, output={"items": [item.output for item in items]})
            name = plan.workflow.tasks[fan.parent].name
            of_items = _any_acted(fan, acted)
            inherited.append(_inherited(fan.parent, gave, name, changes or {}, acted=of_items))
            continue
        expansions.append((fan.parent, fan.count))
        inherited += (
            _inherited(place + at, item, "", {}, acted=fan.first + at in acted)
            for at, (item, keep) in enumerate(zip(items, keeps, strict=True))
            if keep
        )
        place += fan.count
    return RunForked(
        state.head.run,
        version,
        actor,
        first,
        tuple(inherited),
        tuple(expansions),
        tuple(sorted(changes or ())),
        reason,
    )


def _inherited(
    number: int, task: TaskState, name: str, changes: Mapping[str, Any], *, acted: bool
) -> Inherited:
    output = task.output or {}
    for path, value in changes.items():
        source, *field = path.split(".")
        if source == name:
            output = changed(output, tuple(field), value)
    return Inherited(number, output, acted)


def _acted(state: RunState) -> set[int]:
    """The tasks whose effect left the house, in this run's name or in that of one that it goes on from."""
    found = {
        number for number, task in state.all_tasks() if task.act is not None and task.phase is Phase.SUCCEEDED
    }
    forked = state.unusual.forked
    if forked is not None:
        found |= {one.task for one in forked.inherited if one.acted}
    return found


def _any_acted(fan: Expansion, acted: Container[int]) -> bool:
    return any(number in acted for number in range(fan.first, fan.first + fan.count))


def _following(plan: Plan, numbers: Iterable[int], but: Container[int] = ()) -> set[int]:
    """These tasks and every task that needs one of them, directly or not; never `but` these, nor through them."""
    found: set[int] = set()
    todo = list(numbers)
    while todo:
        number = todo.pop()
        if number not in found and number not in but:
            found.add(number)
            todo += plan.dependents[number]
    return found


def _undone(state: RunState) -> set[int]:
    """The acts that the parent has taken back."""
    first = state.unusual.undo_first
    return {
        act
        for place, act in enumerate(state.unusual.undoing)
        if state.task(first + place).phase is Phase.SUCCEEDED
    }


def _reads(reference: str, path: str) -> bool:
    """Whether a reference sees a change at `path`: one is the beginning of the other."""
    return (reference + ".").startswith(path + ".") or (path + ".").startswith(reference + ".")
