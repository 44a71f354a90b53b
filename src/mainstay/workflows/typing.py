"""Typing a workflow against what there is: agents, operations, events and retrieval policies.

Every reference must lead to a field that its source has, and the field's type must fit what it is bound to or
compared with. Types are those of `kernel.contract.FieldType`; there are no conversions beyond a whole number
for a number and a short text for a long one. A long text is personal and kept sealed, so it may neither be
compared nor used as a key.

A field below a field (`${trigger.message.thread}`) is declared in its schema under its dotted name. A
reference to a task that may be skipped is no error: what needs it is skipped too, unless that task is
optional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from mainstay.kernel.contract import FieldType, Schema
from mainstay.kernel.errors import ConfigError, WorkflowError
from mainstay.kernel.plan import Role, TaskKind, TaskSpec, Workflow
from mainstay.kernel.predicates import All, AnyOf, Binding, Compare, Literal, Not, Operator, Predicate, Ref
from mainstay.kernel.values import money
from mainstay.workflows.catalog import FANNED_OUT, SCHEDULE_DUE, Catalog
from mainstay.workflows.document import Document, Path, Problems, suggestion
from mainstay.workflows.tasks import PROPOSER

_SCALAR = (Operator.IS, Operator.IS_NOT, Operator.IN, Operator.NOT_IN)
_ORDER = (Operator.BELOW, Operator.ABOVE)
_OPERATORS: dict[FieldType, tuple[Operator, ...]] = {
    FieldType.BOOL: (Operator.IS, Operator.IS_NOT),
    FieldType.INT: (*_SCALAR, *_ORDER),
    FieldType.NUMBER: (*_SCALAR, *_ORDER),
    FieldType.STRING: (*_SCALAR, Operator.CONTAINS),
    FieldType.STRINGS: (Operator.CONTAINS,),
    FieldType.ANY: tuple(Operator),
}
_WIDER = {(FieldType.INT, FieldType.NUMBER), (FieldType.STRING, FieldType.TEXT)}
_ITEM = {
    FieldType.RECORDS: FieldType.RECORD,
    FieldType.STRINGS: FieldType.STRING,
    FieldType.ANY: FieldType.ANY,
}
_OPEN = (FieldType.RECORD, FieldType.ANY)  # what lies inside these is not declared
_CLASSES = (FieldType.BOOL, FieldType.INT, FieldType.STRING)  # and not ANY: what it is must be declared
_KEYS = (FieldType.STRING, FieldType.INT, FieldType.ANY)


def check(workflow: Workflow, catalog: Catalog, document: Document | None = None) -> None:
    """Raise `WorkflowError` (and its `also`) unless everything that the workflow names exists and fits."""
    place = document or Document(workflow.name, error_type=WorkflowError)
    checker = _Checker(workflow, catalog, place, {task.name: task for task in workflow.tasks})
    problems = Problems()
    with problems.caught():
        checker.trigger()
    with problems.caught():
        checker.key()
    for task in workflow.tasks:
        with problems.caught():
            checker.who(task)
        for part in (
            checker.for_each,
            checker.when,
            checker.inputs,
            checker.compensation,
            checker.inspection,
            checker.kind_class,
        ):
            with problems.caught():
                part(task)
    problems.raise_any()


def fits(actual: FieldType, expected: FieldType) -> bool:
    """Whether a value of one type may be given where the other is expected."""
    return actual is expected or FieldType.ANY in (actual, expected) or (actual, expected) in _WIDER


@dataclass(frozen=True)
class _Checker:
    workflow: Workflow
    catalog: Catalog
    place: Document
    tasks: Mapping[str, TaskSpec]

    def trigger(self) -> None:
        """The event exists, and `where` fits its fields."""
        on = self.workflow.on
        if on is None:
            return
        if on.schedule is None and on.event not in self.catalog.events:
            raise self.unknown(("on", "event"), "event", on.event, self.catalog.events)
        if on.where is not None:
            self.predicate(("on", "where"), on.where, None)

    def key(self) -> None:
        """The key is a short field of the trigger."""
        key = self.workflow.key
        if key is None or not self.has_event():
            return
        found = self.type_of(("key",), key, None)
        if found not in _KEYS:
            raise self.place.error(
                ("key",),
                f"{_name(key)} is {found}, and a key is a string or an int",
                remedy="use a short field",
            )

    def who(self, task: TaskSpec) -> None:
        """The agent or operation exists and has the role, and so does the retrieval policy."""
        path: Path = ("tasks", task.name)
        agent = self.catalog.agents.get(task.agent)
        if task.kind is TaskKind.ACT and task.act not in self.catalog.acts:
            raise self.unknown((*path, "act"), "act", task.act, self.catalog.acts)
        if agent is None and not (task.kind is TaskKind.ACT and task.agent == PROPOSER):
            alike = {name for name, one in self.catalog.agents.items() if one.role is task.role}
            raise self.unknown(
                (*path, "agent"), task.role + " called", task.agent, alike or self.catalog.agents
            )
        if agent is not None and agent.role is not task.role:
            raise self.place.error(
                (*path, "role"),
                f"{task.agent!r} has the role {agent.role}, not {task.role}",
                remedy=f"write role: {agent.role}, or name another agent",
            )
        if agent is not None and task.cost_max_micros == 0 and agent.cost_max_micros != 0:
            most = agent.cost_max_micros
            costs = "costs what nobody knows" if most is None else f"may cost {money(most)} an attempt"
            raise self.place.error(
                (*path, "budget"),
                f"{task.agent!r} {costs}, and the task has no budget",
                remedy="add budget: { usd_max: ... }; it is reserved before each attempt",
            )
        if task.recall and task.recall not in self.catalog.recalls:
            raise self.unknown((*path, "recall"), "retrieval policy", task.recall, self.catalog.recalls)

    def for_each(self, task: TaskSpec) -> None:
        """The fan-out goes over a list."""
        if task.for_each is None:
            return
        path: Path = ("tasks", task.name, "for_each")
        found = self.type_of(path, task.for_each, None)
        if found not in _ITEM:
            raise self.place.error(
                path,
                f"{_name(task.for_each)} is {found}, and 'for_each' needs a list",
                remedy="use records or strings",
            )

    def when(self, task: TaskSpec) -> None:
        """The predicate's fields exist, and its operators and values fit them."""
        if task.when is not None:
            self.predicate(("tasks", task.name, "when"), task.when, task)

    def inputs(self, task: TaskSpec) -> None:
        """Every input that is bound exists and gets its type; every required one is bound."""
        self.inputs_at(("tasks", task.name), task)

    def inputs_at(self, place: Path, task: TaskSpec, *, short: bool = False) -> None:
        """The inputs of a task whose table is at `place`; with `short`, what it does not take is passed over."""
        schema = self.input_schema(task)
        problems, path = Problems(), place if short else (*place, "in")
        for name, binding in task.inputs:
            if short and schema is not None and schema.field(name) is None:
                continue
            with problems.caught():
                self.binding(path if short else (*path, name), name, binding, schema, task)
        if schema is not None:
            bound = {name for name, _ in task.inputs}
            missing = [
                one for one in schema.fields if one.required and one.name not in bound and "." not in one.name
            ]
            with problems.caught():
                if missing:
                    names = ", ".join(f"{one.name} ({one.type})" for one in missing)
                    who = task.act or task.agent
                    remedy = "bind it under 'in'"
                    if short:
                        remedy = f"write compensate: {{ act: {who}, in: {{ ... }} }} and bind it there"
                    raise self.place.error(path, f"{who!r} needs {names}", remedy=remedy)
        problems.raise_any()

    def compensation(self, task: TaskSpec) -> None:
        """What takes an act back exists, and is given what it takes."""
        undo = task.compensate
        if undo is None:
            return
        path: Path = ("tasks", task.name, "compensate")
        # Where the file names an act only, it takes the inputs of the act it takes back.
        as_table = (*path, "act") in self.place.lines
        if undo.act not in self.catalog.acts:
            raise self.unknown((*path, "act") if as_table else path, "act", undo.act, self.catalog.acts)
        # Each item is taken back by itself: the act's own name means the answer for that item, not the list of all.
        within = replace(self, tasks={**self.tasks, task.name: replace(task, for_each=None)})
        within.inputs_at(
            path, replace(undo, for_each=task.for_each), short=not as_table and undo.inputs == task.inputs
        )

    def kind_class(self, task: TaskSpec) -> None:
        """The class of an act is short and has few values: a text of somebody would make a kind of each message."""
        ref = task.kind_class
        if not isinstance(ref, Ref):
            return
        path: Path = ("tasks", task.name, "class")
        found = self.type_of(path, ref, task)
        if found not in _CLASSES:
            raise self.place.error(
                path,
                f"{_name(ref)} is {found}, and a class is a bool, an int or a string",
                why="evidence is kept for each class by itself, so it must be a field with few values",
                remedy="use such a field, for example ${annotate.intent}, or a word",
            )

    def inspection(self, task: TaskSpec) -> None:
        """An inspector looks at the output of a task that can be done again."""
        if task.role is not Role.INSPECTOR:
            return
        sources = [b.source for _, b in task.inputs if isinstance(b, Ref) and b.source in self.tasks]
        path: Path = ("tasks", task.name)
        if not sources:
            raise self.place.error(
                path,
                "this inspector is given nothing to inspect",
                remedy="bind an input to another task's output",
            )
        if task.revisions_max and self.tasks[sources[0]].kind is TaskKind.ACT:
            raise self.place.error(
                (*path, "revisions_max"),
                f"{sources[0]!r} is an act, and acts cannot be sent back for revision",
            )

    def binding(self, path: Path, name: str, binding: Binding, schema: Schema | None, task: TaskSpec) -> None:
        """One input."""
        actual = self.type_of(path, binding, task) if isinstance(binding, Ref) else _literal_type(binding)
        if schema is None:
            return
        expected = schema.field(name)
        who = task.act or task.agent
        if expected is None:
            raise self.place.error(
                path, f"{who!r} takes no input {name!r}", remedy=suggestion(name, schema.names)
            )
        if not fits(actual, expected.type) and not _empty_list(binding, expected.type):
            given = _name(binding) if isinstance(binding, Ref) else "this"
            raise self.place.error(
                path, f"{given} is {actual}, and {who!r} takes {name!r} as {expected.type}"
            )

    def predicate(self, path: Path, predicate: Predicate, task: TaskSpec | None) -> None:
        """A predicate and all its parts."""
        match predicate:
            case Compare():
                self.compare(path, predicate, task)
            case All(parts=parts) | AnyOf(parts=parts):
                word = "and" if isinstance(predicate, All) else "or"
                for index, part in enumerate(parts):
                    self.predicate((*path, word, index), part, task)
            case Not(part=part):
                self.predicate((*path, "not"), part, task)
            case _:
                assert_never(predicate)

    def compare(self, path: Path, compare: Compare, task: TaskSpec | None) -> None:
        """The operator fits the field's type, and so does the value."""
        found = self.type_of((*path, "field"), compare.field, task)
        allowed = (*_OPERATORS.get(found, ()), Operator.EXISTS)
        if compare.operator not in allowed:
            words = ", ".join(dict.fromkeys(str(operator) for operator in allowed))
            raise self.place.error(
                (*path, str(compare.operator)),
                f"{_name(compare.field)} is {found}, which cannot be compared with {str(compare.operator)!r}",
                remedy=f"it can be compared with {words}",
            )
        if compare.operator in (*_SCALAR, *_ORDER):
            values = compare.value if isinstance(compare.value, tuple) else (compare.value,)
            for value in values:
                if not fits(_literal_type(Literal(value)), found):
                    raise self.place.error(
                        (*path, str(compare.operator)),
                        f"{_name(compare.field)} is {found}, and {value!r} is not",
                    )

    def type_of(self, path: Path, ref: Ref, task: TaskSpec | None) -> FieldType:
        """The type of what a reference stands for."""
        if ref.source == "item":
            return self.item_type(path, ref, task)
        schema = self.source_schema(ref.source)
        if schema is None:
            return FieldType.ANY
        found = schema.field(".".join(ref.path))
        if found is not None:
            return found.type
        head = schema.field(ref.path[0])
        if head is not None and head.type in _OPEN:
            return FieldType.ANY
        names = {str(Ref(ref.source, (name,))): name for name in schema.names}
        wrong = str(ref)
        raise self.place.error(path, f"there is no {wrong}", remedy=suggestion(wrong, names))

    def item_type(self, path: Path, ref: Ref, task: TaskSpec | None) -> FieldType:
        """The type of `${item}` or of a field of it."""
        if task is None or task.for_each is None:
            raise self.place.error(path, "only a task with 'for_each' has an item")
        try:
            item = _ITEM.get(self.type_of(path, task.for_each, None), FieldType.ANY)
        except ConfigError:
            return FieldType.ANY  # `for_each` itself is wrong, which is said where it stands
        if not ref.path:
            return item
        if item not in _OPEN:
            raise self.place.error(path, f"an item is {item} here and has no fields", remedy="write ${item}")
        return FieldType.ANY

    def source_schema(self, source: str) -> Schema | None:
        """The fields of a source; None where they are not known, so that nothing can be said."""
        if source == "trigger":
            on = self.workflow.on
            if on is None:
                return None
            return SCHEDULE_DUE if on.schedule is not None else self.catalog.events.get(on.event)
        task = self.tasks.get(source)
        if task is None:
            return None
        if task.for_each is not None:
            return FANNED_OUT
        if task.kind is TaskKind.ACT:
            act = self.catalog.acts.get(task.act)
            return act.response if act is not None else None
        agent = self.catalog.agents.get(task.agent)
        return agent.output if agent is not None else None

    def input_schema(self, task: TaskSpec) -> Schema | None:
        """What a task takes; None where that is not known."""
        agent = self.catalog.agents.get(task.agent)
        if task.kind is not TaskKind.ACT:
            return agent.input if agent is not None else None
        act = self.catalog.acts.get(task.act)
        if act is None or agent is None:
            return act.request if act is not None else None
        # What only the executor takes (an intent, flags) goes to policy and not to the adapter, and is never required.
        own = [
            replace(one, required=False) for one in agent.input.fields if act.request.field(one.name) is None
        ]
        return Schema((*act.request.fields, *own))

    def has_event(self) -> bool:
        """Whether the trigger's fields are known."""
        on = self.workflow.on
        return on is not None and (on.schedule is not None or on.event in self.catalog.events)

    def unknown(self, path: Path, what: str, name: str, names: Any) -> ConfigError:
        """An error about something that does not exist, with the nearest that does."""
        return self.place.error(path, f"there is no {what} {name!r}", remedy=suggestion(name, tuple(names)))


def _literal_type(literal: Literal) -> FieldType:
    match literal.value:
        case bool():
            return FieldType.BOOL
        case int():
            return FieldType.INT
        case float():
            return FieldType.NUMBER
        case str():
            return FieldType.STRING
        case tuple() as values if all(isinstance(one, str) for one in values):
            return FieldType.STRINGS
        case _:
            return FieldType.RECORDS


def _empty_list(binding: Binding, expected: FieldType) -> bool:
    return binding == Literal(()) and expected in (FieldType.STRINGS, FieldType.RECORDS, FieldType.FINDINGS)


def _name(ref: Ref) -> str:
    return str(ref)[2:-1]
