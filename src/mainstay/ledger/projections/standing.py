"""Views of what holds starts back or was noticed: pauses, breakers, schedules, incidents."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mainstay.kernel.events import (
    BreakerClosed,
    BreakerOpened,
    Event,
    IncidentCleared,
    IncidentDetected,
    ScheduleFired,
    ScopePaused,
    ScopeResumed,
    WorkflowRetired,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
_json = msgspec.json.Encoder(order="sorted").encode


class Pauses:
    """What is paused now: workflows, adapters, the workspace. A pause of a run or a task stands in its own stream."""

    name = "pauses"
    version = 1
    tables = (
        Table(
            "pauses",
            (
                ("scope", _TEXT),  # workspace, workflow, adapter
                ("name", _TEXT),  # empty for the workspace
                ("actor", _TEXT),
                ("reason", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("scope", "name"),
        ),
    )
    events = frozenset[type[Event]]({ScopePaused, ScopeResumed})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In while it is paused."""
        match event:
            case ScopePaused():
                columns: dict[str, Value] = {
                    "actor": event.actor,
                    "reason": event.reason,
                    "at": at,
                    "position": position,
                }
                return (Put("pauses", (event.scope, event.name), columns),)
            case ScopeResumed(scope=scope, name=name):
                return (Delete("pauses", (scope, name)),)
            case _:
                return ()


class OpenBreakers:
    """Operations of adapters that are left alone now."""

    name = "breakers"
    version = 1
    tables = (
        Table(
            "breakers",
            (
                ("adapter", _TEXT),
                ("operation", _TEXT),
                ("until", _INTEGER),  # from then on one trial call may leave
                ("failures", _INTEGER),  # in a row
                ("opened", _INTEGER),  # how often in a row
                ("reason", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("adapter", "operation"),
        ),
    )
    events = frozenset[type[Event]]({BreakerOpened, BreakerClosed})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """In while it is open."""
        match event:
            case BreakerOpened():
                columns: dict[str, Value] = {
                    "until": event.until,
                    "failures": event.failures,
                    "opened": event.opened,
                    "reason": event.reason,
                    "at": at,
                    "position": position,
                }
                return (Put("breakers", (event.adapter, event.operation), columns),)
            case BreakerClosed(adapter=adapter, operation=operation):
                return (Delete("breakers", (adapter, operation)),)
            case _:
                return ()


class Schedules:
    """Up to which of its times each workflow's schedule has been seen to, and what came of them so far."""

    name = "schedules"
    version = 2
    tables = (
        Table(
            "schedules",
            (
                ("workflow", _TEXT),
                ("due", _INTEGER),  # the last time that was handled
                ("at", _INTEGER),  # when it was
                ("position", _INTEGER),
                ("runs", _INTEGER),  # started so far
                ("missed", _INTEGER),  # times that came while no director was at work
                ("dropped", _INTEGER),  # of these, how many started nothing
            ),
            key=("workflow",),
        ),
    )
    events = frozenset[type[Event]]({ScheduleFired, WorkflowRetired})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more time, or several that were missed."""
        if isinstance(event, WorkflowRetired):
            return (Delete("schedules", (event.name,)),)  # what comes while it is retired was not missed
        if not isinstance(event, ScheduleFired):
            return ()
        counted = {"runs": event.runs, "missed": event.missed, "dropped": event.dropped}
        return (
            Put("schedules", (event.workflow,), {"due": event.due, "at": at, "position": position}),
            Add("schedules", (event.workflow,), counted),
        )


class Incidents:
    """The last incident of each kind and subject; it is open while `cleared_at` is NULL."""

    name = "incidents"
    version = 1
    tables = (
        Table(
            "incidents",
            (
                ("kind", _TEXT),
                ("subject", _TEXT),
                ("what", _TEXT),
                ("known", _TEXT),  # JSON
                ("candidates", _TEXT),  # JSON: a list of words
                ("remedy", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
                ("cleared_at", _INTEGER),
                ("times", _INTEGER),  # how often it came
            ),
            key=("kind", "subject"),
            indexes=(("cleared_at", "at"),),
        ),
    )
    events = frozenset[type[Event]]({IncidentDetected, IncidentCleared})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Open until it is cleared; the ledger keeps the earlier ones."""
        match event:
            case IncidentDetected():
                key = (str(event.kind), event.subject)
                columns: dict[str, Value] = {
                    "what": event.what,
                    "known": _json(event.known).decode(),
                    "candidates": _json(event.candidates).decode(),
                    "remedy": event.remedy,
                    "at": at,
                    "position": position,
                    "cleared_at": None,
                }
                return (Put("incidents", key, columns), Add("incidents", key, {"times": 1}))
            case IncidentCleared(kind=kind, subject=subject):
                return (Put("incidents", (str(kind), subject), {"cleared_at": at}),)
            case _:
                return ()
