"""What came into force, and which files were saved: the history of workflows, templates and rules, one row an event."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    Event,
    FileSaved,
    PolicyAdopted,
    TemplateAdopted,
    TemplateRetired,
    WorkflowRegistered,
    WorkflowRetired,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Adoptions:
    """By position. `kind` is workflow, template, policy or file; an empty `digest` is what was taken out of force."""

    name = "adoptions"
    version = 1
    tables = (
        Table(
            "adoptions",
            (
                ("position", _INTEGER),
                ("kind", _TEXT),
                (
                    "name",
                    _TEXT,
                ),  # of a file its place; of the rules nothing, since all of them are one policy
                ("digest", _TEXT),
                ("raw", _TEXT),  # of a workflow: its file
                ("replaced", _TEXT),  # of a file: what it said before
                ("version", _INTEGER),  # of a workflow
                ("at", _INTEGER),
                ("actor", _TEXT),  # of a file: who saved it; else the event's envelope says it
                ("via", _TEXT),
            ),
            key=("position",),
            indexes=(("kind", "name", "position"),),
        ),
    )
    events = frozenset[type[Event]](
        {FileSaved, PolicyAdopted, TemplateAdopted, TemplateRetired, WorkflowRegistered, WorkflowRetired}
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One row."""
        row: dict[str, Value]
        match event:
            case WorkflowRegistered():
                row = _row("workflow", event.name, event.definition) | {
                    "version": event.version,
                    "raw": event.raw,
                }
            case WorkflowRetired():
                row = _row("workflow", event.name, "") | {"actor": event.actor}
            case TemplateAdopted():
                row = _row("template", event.name, event.template)
            case TemplateRetired():
                row = _row("template", event.name, "")
            case PolicyAdopted():
                row = _row("policy", "", event.policy)
            case FileSaved():
                row = _row("file", event.file, event.content)
                row |= {"replaced": event.replaced, "actor": event.actor, "via": event.via}
            case _:
                return ()
        return (Put("adoptions", (position,), row | {"at": at}),)


def _row(kind: str, name: str, digest: str) -> dict[str, Value]:
    said: dict[str, Value] = {"kind": kind, "name": name, "digest": digest, "raw": "", "replaced": ""}
    return said | {"version": 0, "actor": "", "via": ""}
