"""What may be proposed here: the operations of the accounts that are configured, and what each of them takes.

Told from the settings and the contracts alone, so that it costs nothing to ask. What becomes of a proposal is decided
in `mainstay.runtime.proposing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from mainstay.adapters.email.contract import contract
from mainstay.kernel.contract import Field, FieldType, Finality, Operation, Repeatability
from mainstay.kernel.values import Json

if TYPE_CHECKING:
    from mainstay.config.settings import Settings

_SHIPPED = (contract(Repeatability.FINDABLE),)
_MESSAGE = "the id of a message, or of the run that it started"


@dataclass(frozen=True, slots=True)
class Proposable:
    """An act, how final it is at least, and the JSON schema of what it takes."""

    act: str
    finality: Finality
    arguments: Json


def proposable(settings: Settings) -> dict[str, Operation]:
    """The acts of what is configured, by name."""
    uses = {one.use for one in settings.adapters.values()}
    return {
        f"{one.adapter}.{operation.name}": operation
        for one in _SHIPPED
        if one.adapter in uses
        for operation in one.operations
    }


def told(acts: Mapping[str, Operation]) -> tuple[Proposable, ...]:
    """The same for whoever proposes."""
    return tuple(Proposable(act, one.finality, schema_of(one)) for act, one in sorted(acts.items()))


def schema_of(operation: Operation) -> Json:
    """The JSON schema of a request, closed: a field that the contract does not name is refused."""
    fields = [one for one in operation.request.fields if _schema(one) is not None]
    return {
        "type": "object",
        "properties": {one.name: _schema(one) for one in fields},
        "required": [one.name for one in fields if one.required],
        "additionalProperties": False,
    }


def _schema(one: Field) -> Json | None:
    match one.type:
        case FieldType.BOOL:
            return {"type": "boolean"}
        case FieldType.INT:
            return {"type": "integer"}
        case FieldType.NUMBER:
            return {"type": "number"}
        case FieldType.STRING | FieldType.TEXT:
            return {"type": "string"}
        case FieldType.STRINGS:
            return {"type": "array", "items": {"type": "string"}}
        case FieldType.MESSAGE:
            return {"type": "string", "description": _MESSAGE}
        case FieldType.REPLY:
            return {
                "type": "object",
                "description": "the reply; whom it goes to is what the message says",
                "properties": {"text": {"type": "string"}, "subject": {"type": "string"}},
                "required": ["text"],
                "additionalProperties": False,
            }
        case FieldType.RECORD:
            return {"type": "object"}
        case FieldType.RECORDS:
            return {"type": "array", "items": {"type": "object"}}
        case FieldType.ANY | FieldType.FINDINGS:
            return None
        case _:
            assert_never(one.type)
