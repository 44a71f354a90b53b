"""One workflow file, read into a `Workflow` and compiled: the whole language, and nothing beside it.

What a file alone can tell is judged here: keys, types of values, names of tasks, cycles. Whether the agents,
operations and fields that it names exist is judged by `typing` against a catalog. All errors of a file are
found in one reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mainstay.kernel.errors import WorkflowError
from mainstay.kernel.plan import (
    ITEM_MAX,
    Binding,
    Plan,
    PlanRefused,
    Ref,
    Role,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
    compile_plan,
    references,
)
from mainstay.kernel.values import SECOND
from mainstay.workflows.canonical import definition_digest
from mainstay.workflows.document import NAME, NAME_RULE, Document, Problems, Section
from mainstay.workflows.language import nearest_source, parse_binding, parse_field, parse_predicate, parse_ref
from mainstay.workflows.yaml_text import parse_yaml

PROPOSER = "proposer"  # the executor that proposes the effect of an `act`, where the file names none

_TOP = ("name", "version", "on", "key", "supersede", "budget", "tasks")
_COMMON = ("in", "when", "for_each", "optional", "needs", "timeout", "attempts_max", "data_class", "budget")
_THINK = ("role", "agent", *_COMMON, "recall", "revisions_max")
_ACT = ("act", "role", "agent", *_COMMON, "compensate", "deadline")
_TASK = tuple(dict.fromkeys((*_THINK, *_ACT)))
_VERSION_MAX = 1_000_000
_TIMEOUT_MAX_S = 24 * 3600


@dataclass(frozen=True)
class WorkflowFile:
    """A workflow as its file declares it, compiled; `document` knows the line of everything."""

    workflow: Workflow
    plan: Plan
    document: Document


def read_workflow(raw: bytes, file: str) -> WorkflowFile:
    """The workflow in the bytes of a file. Raises `WorkflowError`, whose `also` lists what else is wrong."""
    document = parse_yaml(raw, file)
    top, problems = document.top, Problems()
    tasks: list[TaskSpec] = []
    with problems.caught():
        top.only(*_TOP)
    name, version, cost_max = "", 1, None
    with problems.caught():
        name = top.name("name")
    with problems.caught():
        version = top.whole("version", least=1, most=_VERSION_MAX)
    on, key, supersede = None, None, Supersede.NEVER
    with problems.caught():
        on = _trigger(top)
    with problems.caught():
        key, supersede = _key(top)
    with problems.caught():
        cost_max = _budget(top)
    with problems.caught():
        if not isinstance(top.value("tasks"), dict) or not top.value("tasks"):
            raise top.error("tasks", "'tasks' must be a table with at least one task")
        for task_name in top.table("tasks").data:
            with problems.caught():
                tasks.append(_task(top.table("tasks"), task_name))
    problems.raise_any()
    workflow = Workflow(
        name=name,
        version=version,
        tasks=tuple(tasks),
        on=on,
        key=key,
        supersede=supersede,
        cost_max_micros=cost_max,
    )
    return WorkflowFile(workflow, compiled(workflow, document), document)


def compiled(workflow: Workflow, document: Document | None = None) -> Plan:
    """The plan of a workflow. Raises `WorkflowError` for a cycle, an unknown name or a stray `${item}`."""
    place = document or Document(workflow.name, error_type=WorkflowError)
    problems, sources = Problems(), ("trigger", *(task.name for task in workflow.tasks))
    for task in workflow.tasks:
        with problems.caught():
            _refuse_strays(place, task, sources)
    problems.raise_any()
    try:
        return compile_plan(workflow, definition_digest(workflow))
    except PlanRefused as refused:
        path = ("tasks", refused.task) if refused.task else ("tasks",)
        remedy = "take one of these references away" if "wait for each other" in str(refused) else ""
        raise place.error(path, str(refused), remedy=remedy) from None


def _trigger(top: Section) -> Trigger | None:
    if not top.has("on"):
        return None
    section = top.table("on")
    section.only("event", "where")
    event = section.text("event")
    where = section.table("where")
    if section.has("where") and not where.data:
        raise section.error("where", "'where' is empty", remedy="leave it out to take every event")
    return Trigger(event, parse_predicate(where, of_trigger=True) if where.data else None)


def _key(top: Section) -> tuple[Ref | None, Supersede]:
    supersede = Supersede(top.choice("supersede", [str(one) for one in Supersede], str(Supersede.NEVER)))
    if not top.has("key"):
        if supersede is not Supersede.NEVER:
            raise top.error(
                "supersede",
                "only runs with the same key supersede each other, and there is no key",
                remedy="add a key, such as message.thread",
            )
        return None, supersede
    if not top.has("on"):
        raise top.error(
            "key", "a key is a field of the trigger, and this workflow has none", remedy="add 'on'"
        )
    return parse_field(top.document, ("key",), top.value("key"), of_trigger=True), supersede


def _budget(section: Section) -> int | None:
    if not section.has("budget"):
        return None
    budget = section.table("budget")
    budget.only("usd_max")
    budget.value("usd_max")
    return budget.money("usd_max")


def _task(tasks: Section, name: str) -> TaskSpec:
    path = (*tasks.path, name)
    if NAME.fullmatch(name) is None or name in ("trigger", "item"):
        why = f"{name!r} has a meaning of its own" if name in ("trigger", "item") else NAME_RULE
        raise tasks.document.error(path, f"{name[:80]!r} cannot be the name of a task", why=why)
    section = tasks.table(name)
    section.only(*_TASK)
    acts = section.has("act")
    for key in section.data:
        if key not in (_ACT if acts else _THINK):
            raise section.error(key, f"{key!r} {_MISPLACED[key]}")
    role, agent = (_executor(section), section.text("agent", PROPOSER)) if acts else _who(section)
    for_each, item_max = _fan_out(section)
    return TaskSpec(
        name=name,
        kind=TaskKind.ACT if acts else TaskKind.THINK,
        role=role,
        agent=agent,
        act=_act(section, "act") if acts else "",
        inputs=_inputs(section),
        needs=section.words("needs", ()),
        when=_when(section),
        for_each=for_each,
        item_max=item_max,
        optional=section.flag("optional", False),
        recall=section.name("recall", ""),
        cost_max_micros=_budget(section) or 0,
        revisions_max=_revisions(section, role),
        compensate=None if section.data.get("compensate") is None else _act(section, "compensate"),
        deadline_us=section.duration_us("deadline"),
        timeout_s=_timeout_s(section),
        attempt_max=section.whole("attempts_max", 5, least=1, most=100),
        data_class=section.name("data_class", "customer"),
    )


_MISPLACED = {
    "recall": "belongs to a task that asks an agent",
    "revisions_max": "belongs to an inspector",
    "compensate": "belongs to a task with 'act'",
    "deadline": "says when an act that nobody approved expires; a task without 'act' has a 'timeout'",
}


def _who(section: Section) -> tuple[Role, str]:
    if not section.has("role") and not section.has("agent"):
        raise section.error(
            "", "this task says neither who does it nor what act it is", remedy="add role and agent, or act"
        )
    return Role(section.choice("role", [str(role) for role in Role])), section.text("agent")


def _executor(section: Section) -> Role:
    if section.text("role", str(Role.EXECUTOR)) != Role.EXECUTOR:
        raise section.error("role", "the role of an act is executor", remedy="leave 'role' out")
    return Role.EXECUTOR


def _act(section: Section, key: str) -> str:
    text = section.text(key)
    parts = text.split(".")
    if len(parts) != 2 or not all(NAME.fullmatch(part) for part in parts):
        raise section.error(
            key, f"{text!r} is not an act", remedy="write adapter.operation, such as email.reply"
        )
    return text


def _inputs(section: Section) -> tuple[tuple[str, Binding], ...]:
    table = section.table("in")
    found = []
    for name, value in table.data.items():
        if not name.isidentifier():
            raise table.error(name, f"{name!r} cannot be the name of an input")
        found.append((name, parse_binding(section.document, (*table.path, name), value)))
    return tuple(found)


def _when(section: Section) -> Any:
    if not section.has("when"):
        return None
    when = section.table("when")
    if not when.data:
        raise section.error("when", "'when' is empty", remedy="leave it out to do the task always")
    return parse_predicate(when, of_trigger=False)


def _fan_out(section: Section) -> tuple[Ref | None, int]:
    if not section.has("for_each"):
        return None, 100
    path = (*section.path, "for_each")
    if not isinstance(section.data["for_each"], dict):
        return parse_ref(section.document, path, section.data["for_each"]), 100
    table = section.table("for_each")
    table.only("ref", "max")
    ref = parse_ref(section.document, (*path, "ref"), table.value("ref"))
    return ref, table.whole("max", 100, least=1, most=ITEM_MAX)


def _revisions(section: Section, role: Role) -> int:
    count = section.whole("revisions_max", 0, least=0, most=10)
    if section.has("revisions_max") and role is not Role.INSPECTOR:
        raise section.error("revisions_max", f"'revisions_max' {_MISPLACED['revisions_max']}")
    return count


def _timeout_s(section: Section) -> float:
    timeout_us = section.duration_us("timeout", 60 * SECOND)
    assert timeout_us is not None
    if timeout_us > _TIMEOUT_MAX_S * SECOND:
        raise section.error("timeout", "a task may take a day at most", remedy="split it into smaller tasks")
    return timeout_us / SECOND


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
