"""How two versions of a workflow differ: task by task and key by key, in the words of the file.

Both are read from what they mean, not from how they were written, so that a comment, the order of keys or a default
that is written out is no difference. The order of tasks means nothing either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, assert_never

from mainstay.kernel.plan import TaskSpec, Workflow
from mainstay.kernel.predicates import All, AnyOf, Binding, Compare, Not, Predicate, Ref
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, money


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs. An empty `before` or `after` is a key that is not there; `task` is empty at the top."""

    task: str
    key: str  # empty: the whole task
    before: str
    after: str


def difference(old: Workflow, new: Workflow) -> tuple[Change, ...]:
    """What differs: the top first, then tasks in the order of the newer version, then those that are gone."""
    changes = _changes("", _top(old), _top(new))
    before = {task.name: task for task in old.tasks}
    for task in new.tasks:
        was = before.pop(task.name, None)
        if was is None:
            changes.append(Change(task.name, "", "", _who(task)))
            # What every task has unless it says otherwise tells nothing of a new one.
            usual = _task(TaskSpec(task.name, task.kind, task.role, task.agent, task.act))
            changes += [replace(one, before="") for one in _changes(task.name, usual, _task(task))]
        else:
            changes += _changes(task.name, _task(was), _task(task))
    changes += [Change(task.name, "", _who(task), "") for task in before.values()]
    return tuple(changes)


def _changes(task: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    keys = [*new, *(key for key in old if key not in new)]
    return [
        Change(task, key, old.get(key, ""), new.get(key, ""))
        for key in keys
        if old.get(key, "") != new.get(key, "")
    ]


def _who(task: TaskSpec) -> str:
    return f"act {task.act}" if task.act else f"{task.role} {task.agent}"


def _top(workflow: Workflow) -> dict[str, str]:
    on = workflow.on
    said = {
        "version": str(workflow.version),
        "on": "" if on is None or on.schedule is not None else on.event,
        "on.where": "" if on is None or on.where is None else predicate_text(on.where),
        "on.schedule": "",
        "on.zone": "",
        "on.missed": "",
        "key": "" if workflow.key is None else ".".join(workflow.key.path),
        "supersede": str(workflow.supersede),
        "concurrency.runs": "" if workflow.runs_max is None else str(workflow.runs_max),
        "concurrency.key": str(workflow.key_max),
        "priority": workflow.priority.name.lower(),
        "delay": duration_text(workflow.delay_us),
        "deadline": duration_text(workflow.deadline_us),
        "budget": "" if workflow.cost_max_micros is None else money(workflow.cost_max_micros),
        "optional_inputs": ", ".join(workflow.optional_inputs),
    }
    if on is not None and on.schedule is not None:
        schedule = on.schedule
        said |= {
            "on.schedule": schedule.cron,
            "on.zone": schedule.zone,
            "on.missed": str(schedule.missed),
        }
    return said


def _task(task: TaskSpec) -> dict[str, str]:
    said = {
        "act": task.act,
        "role": str(task.role),
        "agent": task.agent,
        **_inputs("in", task),
        "when": "" if task.when is None else predicate_text(task.when),
        "for_each": "" if task.for_each is None else f"{task.for_each}, at most {task.item_max}",
        "optional": str(task.optional).lower(),
        "needs": ", ".join(sorted(task.needs)),
        "budget": money(task.cost_max_micros) if task.cost_max_micros else "",
        "timeout": duration_text(round(task.timeout_s * SECOND)),
        "attempts_max": str(task.attempt_max),
        "data_class": task.data_class,
        "deadline": duration_text(task.deadline_us),
        "delay": duration_text(task.delay_us),
        "not_before": instant_text(task.not_before),
        "recall": task.recall,
        "revisions_max": str(task.revisions_max),
        "class": "" if task.kind_class is None else _binding_text(task.kind_class),
        "silence": str(task.silence),
    }
    undo = task.compensate
    if undo is not None:
        said |= {
            "compensate": undo.act,
            **_inputs("compensate.in", undo),
            "compensate.timeout": duration_text(round(undo.timeout_s * SECOND)),
            "compensate.attempts_max": str(undo.attempt_max),
        }
    return said


def _inputs(key: str, task: TaskSpec) -> dict[str, str]:
    return {f"{key}.{name}": _binding_text(binding) for name, binding in task.inputs}


def _binding_text(binding: Binding) -> str:
    return str(binding) if isinstance(binding, Ref) else value_text(binding.value)


def value_text(value: Any) -> str:
    """A literal as a file would have it; a text that could be taken for something else stands in quotes."""
    if isinstance(value, tuple):
        return "[" + ", ".join(value_text(one) for one in value) + "]"
    if isinstance(value, str) and value and value.isprintable() and not value[0].isdigit():
        return value if value not in ("true", "false", "null") else json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


def predicate_text(predicate: Predicate) -> str:
    """A predicate in one line."""
    match predicate:
        case Compare(field=field, operator=operator, value=value):
            return f"{str(field)[2:-1]} {str(operator).replace('_', ' ')} {value_text(value)}"
        case All(parts=parts):
            return "(" + " and ".join(predicate_text(part) for part in parts) + ")"
        case AnyOf(parts=parts):
            return "(" + " or ".join(predicate_text(part) for part in parts) + ")"
        case Not(part=part):
            return f"not {predicate_text(part)}"
        case _:
            assert_never(predicate)


def duration_text(us: int | None) -> str:
    """A length of time as ISO 8601 writes it; empty for none."""
    if not us:
        return ""
    text, left = "P", us
    for sign, units in (("", (("D", DAY),)), ("T", (("H", HOUR), ("M", MINUTE), ("S", SECOND)))):
        if left:
            text += sign
        for unit, size in units:
            count, left = divmod(left, size) if size != SECOND else (left / SECOND, 0)
            if count:
                text += f"{count:g}{unit}"
    return text


def instant_text(at: int) -> str:
    """A moment in UTC; empty for the epoch."""
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat() if at else ""
