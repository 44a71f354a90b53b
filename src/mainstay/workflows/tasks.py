"""The tasks of a workflow file: every key of a task, and of the act that takes it back.

A task is one table, judged by itself. What its references lead to is judged by `loader`, which sees all tasks,
and by `typing`, which knows the fields.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mainstay.kernel.plan import ITEM_MAX, Role, Silence, TaskKind, TaskSpec
from mainstay.kernel.predicates import Binding, Literal, Ref
from mainstay.kernel.values import SECOND, Instant
from mainstay.workflows.calendar import parse_instant
from mainstay.workflows.document import NAME, NAME_RULE, Section, kind
from mainstay.workflows.language import parse_binding, parse_predicate, parse_ref

PROPOSER = "proposer"  # the executor that proposes the effect of an `act`, where the file names none

_COMMON = ("in", "when", "for_each", "optional", "needs", "timeout", "attempts_max", "data_class", "budget")
_TIMES = ("deadline", "delay", "not_before")
THINK_KEYS = ("role", "agent", *_COMMON, *_TIMES, "recall", "revisions_max")
ACT_KEYS = ("act", "role", "agent", *_COMMON, *_TIMES, "compensate", "silence", "class")
TASK_KEYS = tuple(dict.fromkeys((*THINK_KEYS, *ACT_KEYS)))
UNDO_KEYS = ("act", "in", "timeout", "attempts_max")
_TIMEOUT_MAX_S = 24 * 3600


def undo_name(task: str) -> str:
    """What the compensation of a task is called: with a space, which no task of a file has in its name."""
    return f"undo {task}"


def read_task(tasks: Section, name: str) -> TaskSpec:
    """The task of that name. Raises the document's error for the first key that is wrong."""
    path = (*tasks.path, name)
    if NAME.fullmatch(name) is None or name in ("trigger", "item"):
        why = f"{name!r} has a meaning of its own" if name in ("trigger", "item") else NAME_RULE
        raise tasks.document.error(path, f"{name[:80]!r} cannot be the name of a task", why=why)
    section = tasks.table(name)
    section.only(*TASK_KEYS)
    acts = section.has("act")
    for key in section.data:
        if key not in (ACT_KEYS if acts else THINK_KEYS):
            raise section.error(key, f"{key!r} {_MISPLACED[key]}")
    role, agent = (_executor(section), section.text("agent", PROPOSER)) if acts else _who(section)
    for_each, item_max = _fan_out(section)
    spec = TaskSpec(
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
        cost_max_micros=budget(section) or 0,
        revisions_max=_revisions(section, role),
        deadline_us=section.duration_us("deadline"),
        delay_us=section.duration_us("delay") or 0,
        not_before=Instant(section.parsed("not_before", parse_instant, _INSTANT_HINT) or 0),
        timeout_s=_timeout_s(section),
        attempt_max=section.whole("attempts_max", 5, least=1, most=100),
        data_class=section.name("data_class", "customer"),
        silence=_silence(section),
        kind_class=_class(section),
    )
    return spec if section.data.get("compensate") is None else replace(spec, compensate=_undo(section, spec))


def _undo(section: Section, act: TaskSpec) -> TaskSpec:
    """The act that takes `act` back: a table of its own, or a name that takes the inputs of the act."""
    if isinstance(section.data["compensate"], str):
        named, inputs, table = _act(section, "compensate"), act.inputs, Section(section.document, (), {})
    else:
        if not isinstance(section.data["compensate"], dict):
            raise section.error(
                "compensate", f"'compensate' cannot be {kind(section.data['compensate'])}", remedy=_UNDO_HINT
            )
        table = section.table("compensate")
        for key in table.data:
            if key not in UNDO_KEYS and key in TASK_KEYS:
                raise table.error(key, f"{key!r} {_NOT_OF_UNDO.get(key, 'is taken from the act itself')}")
        table.only(*UNDO_KEYS)
        named, inputs = _act(table, "act"), _inputs(table)
    return TaskSpec(
        name=undo_name(act.name),
        kind=TaskKind.ACT,
        role=Role.EXECUTOR,
        agent=act.agent,
        act=named,
        inputs=inputs,
        cost_max_micros=act.cost_max_micros,
        timeout_s=_timeout_s(table),
        attempt_max=table.whole("attempts_max", 5, least=1, most=100),
        data_class=act.data_class,
    )


_UNDO_HINT = "write adapter.operation, or { act: adapter.operation, in: { ... } }"
_INSTANT_HINT = "write 2026-12-24T08:00:00+01:00, with the offset of your clock"
_NOT_OF_UNDO = {
    "compensate": "cannot stand here: what takes an act back is not taken back itself",
    "when": "cannot stand here: an act that was done is always taken back",
    "for_each": "cannot stand here: each item that was done is taken back by itself",
    "needs": "cannot stand here: acts are taken back in the reverse order in which they were done",
    "deadline": "cannot stand here: an act that is to be taken back waits for you",
    "delay": "cannot stand here: acts are taken back at once",
    "not_before": "cannot stand here: acts are taken back at once",
    "optional": "cannot stand here: what could not be taken back is always told",
    "class": "cannot stand here: what takes an act back never goes by itself on evidence",
    "silence": "cannot stand here: nobody is silent about what could not be taken back",
}


def budget(section: Section) -> int | None:
    """The limit of `budget: { usd_max: ... }`, if there is one."""
    if not section.has("budget"):
        return None
    table = section.table("budget")
    table.only("usd_max")
    table.value("usd_max")
    return table.money("usd_max")


_MISPLACED = {
    "recall": "belongs to a task that asks an agent",
    "revisions_max": "belongs to an inspector",
    "compensate": "belongs to a task with 'act'",
    "silence": "belongs to a task with 'act'",
    "class": "belongs to a task with 'act'",
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


def _silence(section: Section) -> Silence:
    """What becomes of a card that nobody answers. No choice of it approves."""
    silence = Silence(section.choice("silence", [str(one) for one in Silence], str(Silence.EXPIRE)))
    if silence is Silence.HOLD and section.has("deadline"):
        raise section.error(
            "silence",
            "a card that waits until it is answered has no deadline",
            why="after its deadline an act is given up, and its card with it",
            remedy="leave out 'silence' or 'deadline'",
        )
    return silence


def _class(section: Section) -> Binding | None:
    """Under which class evidence about the act is kept: a word, or one field that `typing` knows to be short."""
    if not section.has("class"):
        return None
    binding = parse_binding(section.document, (*section.path, "class"), section.value("class"))
    if isinstance(binding, Literal):
        word = binding.value
        if not isinstance(word, str) or NAME.fullmatch(word) is None:
            raise section.error(
                "class",
                f"{str(word)[:80]!r} cannot be a class",
                why=NAME_RULE,
                remedy="write a word such as routine, or a field such as ${annotate.intent}",
            )
    return binding


def _timeout_s(section: Section) -> float:
    timeout_us = section.duration_us("timeout", 60 * SECOND)
    assert timeout_us is not None
    if timeout_us > _TIMEOUT_MAX_S * SECOND:
        raise section.error("timeout", "a task may take a day at most", remedy="split it into smaller tasks")
    return timeout_us / SECOND
