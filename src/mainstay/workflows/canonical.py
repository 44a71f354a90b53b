"""The canonical bytes of a workflow, the digest that pins a run to them, and the way back.

A run keeps the digest of the bytes, not the name of a file: whatever happens to the file, the blob still says
what the run follows. Every attribute of format 1 is written, defaults too, so that a later change of a default
never changes an old run. What an older build wrote without an attribute of today reads with that attribute's
default.

Format 2 is format 1 and what came later: such an attribute is written only where it says something, so that a
definition without any keeps the bytes, and the digest, that it always had. Their defaults mean "nothing said" and
can therefore never change. An older build refuses format 2 by its number instead of skipping what it does not know.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, assert_never

from mainstay.kernel.errors import WorkflowError
from mainstay.kernel.ids import digest
from mainstay.kernel.plan import (
    Missed,
    Priority,
    Role,
    Schedule,
    Silence,
    Supersede,
    TaskKind,
    TaskSpec,
    Trigger,
    Workflow,
)
from mainstay.kernel.predicates import All, AnyOf, Binding, Compare, Literal, Not, Operator, Predicate, Ref
from mainstay.kernel.values import Digest

FORMAT = 2  # the newest; a definition that uses nothing of it is written as format 1

_SPECIAL = frozenset(
    {"name", "kind", "role", "inputs", "needs", "when", "for_each", "compensate", "kind_class", "silence"}
)
_LATER = {"delay_us": 0, "not_before": 0}  # of a task, with what means that nothing is said
_LATER_TOP = {"runs_max": None, "key_max": 1, "deadline_us": None, "delay_us": 0}  # of a workflow
_PLAIN = tuple(field.name for field in fields(TaskSpec) if field.name not in {*_SPECIAL, *_LATER})


def canonical(workflow: Workflow) -> bytes:
    """Compact JSON with sorted keys: equal workflows give equal bytes."""
    value = {
        "format": 1,
        "name": workflow.name,
        "version": workflow.version,
        "tasks": [_task(task) for task in workflow.tasks],
        "on": None if workflow.on is None else _trigger(workflow.on),
        "key": None if workflow.key is None else _ref(workflow.key),
        "supersede": str(workflow.supersede),
        "cost_max_micros": workflow.cost_max_micros,
        "optional_inputs": list(workflow.optional_inputs),
    } | _said(workflow, _LATER_TOP)
    if workflow.priority is not Priority.NORMAL:
        value["priority"] = workflow.priority.name.lower()
    if _is_later(workflow):
        value["format"] = FORMAT
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def definition_digest(workflow: Workflow) -> Digest:
    """The digest that a run of this workflow is pinned to."""
    return digest(canonical(workflow))


def restore(raw: bytes) -> Workflow:
    """The workflow of canonical bytes. Raises `WorkflowError` for anything else."""
    try:
        value = json.loads(raw)
        if value["format"] not in (1, FORMAT):
            raise WorkflowError(
                f"this definition has format {value['format']}, and this build reads up to {FORMAT}",
                remedy="use the version of Mainstay that wrote it, or a newer one",
            )
        on = value["on"]
        return Workflow(
            name=value["name"],
            version=value["version"],
            tasks=tuple(_restore_task(task) for task in value["tasks"]),
            on=None if on is None else _restore_trigger(on),
            key=None if value["key"] is None else _restore_ref(value["key"]),
            supersede=Supersede(value["supersede"]),
            cost_max_micros=value["cost_max_micros"],
            optional_inputs=tuple(value["optional_inputs"]),
            priority=Priority[value.get("priority", "normal").upper()],
            **{name: value[name] for name in _LATER_TOP if name in value},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WorkflowError(
            "these are not the bytes of a workflow", why=f"{type(error).__name__}: {error}"
        ) from None


def _said(one: TaskSpec | Workflow, nothing: dict[str, Any]) -> dict[str, Any]:
    """The later attributes that say something."""
    return {name: value for name, default in nothing.items() if (value := getattr(one, name)) != default}


def _is_later(workflow: Workflow) -> bool:
    tasks = workflow.tasks
    return (
        workflow.priority is not Priority.NORMAL
        or bool(_said(workflow, _LATER_TOP))
        or (workflow.on is not None and workflow.on.schedule is not None)
        or any(
            task.compensate is not None
            or task.kind_class is not None
            or task.silence is not Silence.EXPIRE
            or _said(task, _LATER)
            for task in tasks
        )
    )


def _trigger(trigger: Trigger) -> dict[str, Any]:
    value: dict[str, Any] = {
        "event": trigger.event,
        "where": None if trigger.where is None else _predicate(trigger.where),
    }
    if trigger.schedule is not None:
        schedule = trigger.schedule
        value["schedule"] = {"cron": schedule.cron, "zone": schedule.zone, "missed": str(schedule.missed)}
    return value


def _restore_trigger(value: dict[str, Any]) -> Trigger:
    said = value.get("schedule")
    schedule = None if said is None else Schedule(said["cron"], said["zone"], Missed(said["missed"]))
    return Trigger(value["event"], _restore_maybe(value["where"]), schedule)


def _task(task: TaskSpec) -> dict[str, Any]:
    return (
        {name: getattr(task, name) for name in _PLAIN}
        | {
            "name": task.name,
            "kind": str(task.kind),
            "role": str(task.role),
            "inputs": [[name, _binding(binding)] for name, binding in task.inputs],
            "needs": list(task.needs),
            "when": None if task.when is None else _predicate(task.when),
            "for_each": None if task.for_each is None else _ref(task.for_each),
            "compensate": None if task.compensate is None else _task(task.compensate),
        }
        | _said(task, _LATER)
        | ({} if task.kind_class is None else {"class": _binding(task.kind_class)})
        | ({} if task.silence is Silence.EXPIRE else {"silence": str(task.silence)})
    )


def _restore_task(value: dict[str, Any]) -> TaskSpec:
    undo = value.get("compensate")
    return TaskSpec(
        name=value["name"],
        kind=TaskKind(value["kind"]),
        role=Role(value["role"]),
        inputs=tuple((name, _restore_binding(binding)) for name, binding in value["inputs"]),
        needs=tuple(value["needs"]),
        when=_restore_maybe(value["when"]),
        for_each=None if value["for_each"] is None else _restore_ref(value["for_each"]),
        compensate=None if undo is None else _restore_task(undo),
        kind_class=_restore_binding(value["class"]) if "class" in value else None,
        silence=Silence(value.get("silence", "expire")),
        **{name: value[name] for name in (*_PLAIN, *_LATER) if name in value},
    )


def _ref(ref: Ref) -> list[str]:
    return [ref.source, *ref.path]


def _restore_ref(value: list[str]) -> Ref:
    source, *path = value
    return Ref(source, tuple(path))


def _binding(binding: Binding) -> dict[str, Any]:
    match binding:
        case Ref():
            return {"ref": _ref(binding)}
        case Literal(value=value):
            return {"value": list(value) if isinstance(value, tuple) else value}
        case _:
            assert_never(binding)


def _restore_binding(value: dict[str, Any]) -> Binding:
    if "ref" in value:
        return _restore_ref(value["ref"])
    return Literal(_frozen(value["value"]))


def _predicate(predicate: Predicate) -> dict[str, Any]:
    match predicate:
        case Compare(field=field, operator=operator, value=value):
            compared = list(value) if isinstance(value, tuple) else value
            return {"field": _ref(field), str(operator): compared}
        case All(parts=parts):
            return {"and": [_predicate(part) for part in parts]}
        case AnyOf(parts=parts):
            return {"or": [_predicate(part) for part in parts]}
        case Not(part=part):
            return {"not": _predicate(part)}
        case _:
            assert_never(predicate)


def _restore_maybe(value: dict[str, Any] | None) -> Predicate | None:
    return None if value is None else _restore_predicate(value)


def _restore_predicate(value: dict[str, Any]) -> Predicate:
    if "and" in value:
        return All(tuple(_restore_predicate(part) for part in value["and"]))
    if "or" in value:
        return AnyOf(tuple(_restore_predicate(part) for part in value["or"]))
    if "not" in value:
        return Not(_restore_predicate(value["not"]))
    operator = next(name for name in value if name != "field")
    return Compare(_restore_ref(value["field"]), Operator(operator), _frozen(value[operator]))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
