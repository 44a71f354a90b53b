"""One workflow file, read into a `Workflow` and compiled: the whole language, and nothing beside it.

What a file alone can tell is judged here: keys, types of values, names of tasks, cycles. Whether the agents,
operations and fields that it names exist is judged by `typing` against a catalog. All errors of a file are
found in one reading.
"""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.errors import WorkflowError
from mainstay.kernel.plan import (
    PROPOSED,
    Plan,
    PlanRefused,
    Priority,
    Supersede,
    TaskSpec,
    Workflow,
    compile_plan,
    references,
)
from mainstay.kernel.predicates import Ref
from mainstay.workflows.canonical import definition_digest
from mainstay.workflows.document import Document, Problems
from mainstay.workflows.language import nearest_source
from mainstay.workflows.tasks import budget, read_task
from mainstay.workflows.triggers import read_concurrency, read_key, read_priority, read_trigger
from mainstay.workflows.yaml_text import parse_yaml

TOP_KEYS = (
    "name",
    "version",
    "on",
    "key",
    "supersede",
    "concurrency",
    "priority",
    "delay",
    "deadline",
    "budget",
    "tasks",
)
_VERSION_MAX = 1_000_000


@dataclass(frozen=True)
class WorkflowFile:
    """A workflow as its file declares it, compiled; `document` knows the line of everything."""

    workflow: Workflow
    plan: Plan
    document: Document
    raw: bytes = b""  # the file, comments and all


def read_workflow(raw: bytes, file: str) -> WorkflowFile:
    """The workflow in the bytes of a file. Raises `WorkflowError`, whose `also` lists what else is wrong."""
    document = parse_yaml(raw, file)
    top, problems = document.top, Problems()
    tasks: list[TaskSpec] = []
    with problems.caught():
        top.only(*TOP_KEYS)
    name, version, cost_max = "", 1, None
    with problems.caught():
        name = top.name("name")
        if name == PROPOSED:
            raise top.error(
                "name", f"{name!r} is the name of what clients outside propose", remedy="give it another name"
            )
    with problems.caught():
        version = top.whole("version", least=1, most=_VERSION_MAX)
    on, key, supersede = None, None, Supersede.NEVER
    with problems.caught():
        on = read_trigger(top)
    with problems.caught():
        key, supersede = read_key(top)
    runs_max, key_max, priority = None, 1, Priority.NORMAL
    with problems.caught():
        runs_max, key_max = read_concurrency(top)
    with problems.caught():
        priority = read_priority(top)
    delay_us, deadline_us = 0, None
    with problems.caught():
        delay_us = top.duration_us("delay") or 0
    with problems.caught():
        deadline_us = top.duration_us("deadline")
    with problems.caught():
        cost_max = budget(top)
    with problems.caught():
        if not isinstance(top.value("tasks"), dict) or not top.value("tasks"):
            raise top.error("tasks", "'tasks' must be a table with at least one task")
        for task_name in top.table("tasks").data:
            with problems.caught():
                tasks.append(read_task(top.table("tasks"), task_name))
    problems.raise_any()
    workflow = Workflow(
        name=name,
        version=version,
        tasks=tuple(tasks),
        on=on,
        key=key,
        supersede=supersede,
        cost_max_micros=cost_max,
        priority=priority,
        runs_max=runs_max,
        key_max=key_max,
        deadline_us=deadline_us,
        delay_us=delay_us,
    )
    return WorkflowFile(workflow, compiled(workflow, document), document, raw)


def compiled(workflow: Workflow, document: Document | None = None) -> Plan:
    """The plan of a workflow.

    Raises `WorkflowError` for a cycle, an unknown name, a stray `${item}`, a compensation that looks further than its
    act could, or times that leave no time.
    """
    place = document or Document(workflow.name, error_type=WorkflowError)
    problems, sources = Problems(), ("trigger", *(task.name for task in workflow.tasks))
    for task in workflow.tasks:
        with problems.caught():
            _refuse_strays(place, task, sources)
    for task in workflow.tasks:
        with problems.caught():
            _refuse_no_time(place, workflow, task)
    with problems.caught():
        if workflow.deadline_us is not None and workflow.deadline_us <= workflow.delay_us:
            raise place.error(("deadline",), "a run would be over before its 'delay' is")
    problems.raise_any()
    try:
        plan = compile_plan(workflow, definition_digest(workflow))
    except PlanRefused as refused:
        path = ("tasks", refused.task) if refused.task else ("tasks",)
        remedy = "take one of these references away" if "wait for each other" in str(refused) else ""
        raise place.error(path, str(refused), remedy=remedy) from None
    for number, task in enumerate(workflow.tasks):
        if task.compensate is not None:
            with problems.caught():
                _refuse_far_sight(place, plan, number, task.compensate, sources)
    problems.raise_any()
    return plan


def _refuse_no_time(place: Document, workflow: Workflow, task: TaskSpec) -> None:
    if workflow.deadline_us is not None and workflow.deadline_us <= task.delay_us + workflow.delay_us:
        if task.delay_us:
            raise place.error(
                ("tasks", task.name, "delay"), "the deadline of the run is over before this task may begin"
            )


def _refuse_far_sight(
    place: Document, plan: Plan, number: int, undo: TaskSpec, sources: tuple[str, ...]
) -> None:
    """A compensation may name what is certain to be over when its act is: what the act waits for, and the act."""
    act = plan.spec(number)
    path = ("tasks", act.name, "compensate")
    before = _before(plan, number)
    for name, binding in undo.inputs:
        if not isinstance(binding, Ref) or binding.source == "trigger":
            continue
        where = (*path, "in", name)
        if binding.source == "item":
            if act.for_each is None:
                raise place.error(
                    where, "only an act with 'for_each' has an item", remedy="refer to a task or the trigger"
                )
        elif binding.source not in sources:
            raise place.error(
                where,
                f"there is no task {binding.source!r}",
                remedy=nearest_source(binding.source, sources),
            )
        elif plan.numbers[binding.source] not in before:
            raise place.error(
                where,
                f"{act.name!r} does not wait for {binding.source!r}, so it may have to be taken back without it",
                remedy=f"refer to a task that {act.name!r} needs, to {act.name!r} itself or to the trigger",
            )


def _before(plan: Plan, number: int) -> set[int]:
    """A task and all that it waits for, however far up."""
    found, left = {number}, [number]
    while left:
        for needed in plan.needs[left.pop()]:
            if needed not in found:
                found.add(needed)
                left.append(needed)
    return found


def _refuse_strays(place: Document, task: TaskSpec, sources: tuple[str, ...]) -> None:
    # `compile_plan` refuses unknown names too; here the very input is known, and so is the nearest name.
    for name in task.needs:
        if name not in sources[1:]:
            raise place.error(
                ("tasks", task.name, "needs"),
                f"there is no task {name!r}",
                remedy=nearest_source(name, sources[1:]),
            )
    for ref in references(task):
        if ref.source == "item" and task.for_each is None:
            raise place.error(
                _where(task, ref),
                "only a task with 'for_each' has an item",
                remedy="add for_each, or refer to a task",
            )
        if ref.source == "item" and ref == task.for_each:
            raise place.error(_where(task, ref), "'for_each' cannot fan out over its own item")
        if ref.source != "item" and ref.source not in sources:
            raise place.error(
                _where(task, ref),
                f"there is no task {ref.source!r}",
                remedy=nearest_source(ref.source, sources),
            )


def _where(task: TaskSpec, ref: Ref) -> tuple[str, ...]:
    for name, binding in task.inputs:
        if binding == ref:
            return ("tasks", task.name, "in", name)
    return ("tasks", task.name, "for_each" if task.for_each == ref else "when")
