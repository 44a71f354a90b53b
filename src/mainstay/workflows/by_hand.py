"""What a person gives to start a run by hand: the fields of the trigger, as far as they can be typed.

A field is known by the event that starts the workflow, or, where nothing does, by what its tasks make of it. Long or
personal values are no fields of a trigger, which stands in the ledger for ever; and nobody can type a message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mainstay.kernel.contract import Field, FieldType, Schema
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.plan import TaskKind, TaskSpec, Workflow, references
from mainstay.kernel.predicates import Ref
from mainstay.workflows.catalog import SCHEDULE_DUE, Catalog

TYPED = (FieldType.BOOL, FieldType.INT, FieldType.NUMBER, FieldType.STRING, FieldType.STRINGS, FieldType.ANY)
VALUE_MAX = 1_000  # characters: a trigger says what a run is about, and its tasks fetch the rest


@dataclass(frozen=True, slots=True)
class ByHand:
    """What a form asks for."""

    fields: tuple[Field, ...]
    cannot: str = ""  # why no form can start it; empty: one can


def fields_by_hand(workflow: Workflow, catalog: Catalog) -> ByHand:
    """The fields of the trigger that somebody who starts a run gives."""
    found: dict[str, Field] = {}
    for task in workflow.tasks:
        for ref, kind in _named(task, catalog):
            found.setdefault(".".join(ref.path), Field(".".join(ref.path), kind))
    if workflow.key is not None:
        name = ".".join(workflow.key.path)
        found.setdefault(name, Field(name, FieldType.STRING))
    declared = _declared(workflow, catalog)
    fields = []
    for name, one in found.items():
        known = declared.field(name) if declared is not None else None
        fields.append(known or Field(name, one.type, required=name not in workflow.optional_inputs))
    fields = [one for one in fields if one.name]
    stranger = next((one for one in fields if one.type not in TYPED), None)
    if stranger is not None:
        return ByHand((), _told(stranger))
    return ByHand(tuple(sorted(fields, key=lambda one: one.name)))


def trigger_of(fields: tuple[Field, ...], given: Mapping[str, str]) -> dict[str, Any]:
    """The trigger of what was typed. Raises `CommandRefused` for a value that does not fit its field."""
    trigger: dict[str, Any] = {}
    for name in given:
        if all(one.name != name for one in fields):
            raise CommandRefused(
                f"There is no field {name[:60]!r}.",
                remedy="There is " + (", ".join(one.name for one in fields) or "none") + ".",
            )
    for one in fields:
        text = given.get(one.name, "").strip()
        if not text and not one.required:
            continue
        *path, last = one.name.split(".")
        place = trigger
        for part in path:
            place = place.setdefault(part, {})
        place[last] = _value(one, text)
    return trigger


def _value(field: Field, text: str) -> Any:
    if len(text) > VALUE_MAX:
        raise _refused(field, f"at most {VALUE_MAX:,} characters")
    match field.type:
        case FieldType.BOOL:
            if text.lower() not in ("true", "false", "yes", "no"):
                raise _refused(field, "yes or no")
            return text.lower() in ("true", "yes")
        case FieldType.INT:
            if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 15:
                raise _refused(field, "a whole number")
            return int(text)
        case FieldType.NUMBER:
            try:
                number = float(text)
            except ValueError:
                number = float("nan")
            if not abs(number) < 1e15:
                raise _refused(field, "a number")
            return number
        case FieldType.STRINGS:
            return [part.strip() for part in text.split(",") if part.strip()]
        case FieldType.ANY if text[:1] in ("{", "["):
            try:
                return json.loads(text)
            except ValueError:
                raise _refused(field, "JSON, or a plain text") from None
        case _:
            if not text:
                raise _refused(field, "a text")
            return text


def _refused(field: Field, wanted: str) -> CommandRefused:
    return CommandRefused(
        f"{field.name} cannot be that.", why=f"It takes {wanted}.", remedy="Give it another value."
    )


def _declared(workflow: Workflow, catalog: Catalog) -> Schema | None:
    on = workflow.on
    if on is None:
        return None
    return SCHEDULE_DUE if on.schedule is not None else catalog.events.get(on.event)


def _named(task: TaskSpec, catalog: Catalog) -> list[tuple[Ref, FieldType]]:
    """The fields of the trigger that a task names, and what it makes of each."""
    takes: Schema | None = None
    if task.kind is TaskKind.ACT and task.act in catalog.acts:
        takes = catalog.acts[task.act].request
    elif task.agent in catalog.agents:
        takes = catalog.agents[task.agent].input
    found = []
    for name, binding in task.inputs:
        if isinstance(binding, Ref) and binding.source == "trigger":
            field = takes.field(name) if takes is not None else None
            found.append((binding, field.type if field is not None else FieldType.ANY))
    known = [ref for ref, _ in found]
    others = [ref for ref in references(task) if ref.source == "trigger" and ref not in known]
    undo = _named(task.compensate, catalog) if task.compensate is not None else []
    return [*found, *((ref, FieldType.ANY) for ref in others), *undo]


def _told(field: Field) -> str:
    if field.type is FieldType.MESSAGE:
        return "It begins with a message, which nobody can type: send one, or fork a run of it."
    return f"It begins with {field.name}, which is {field.type}: that cannot be typed into a form."
