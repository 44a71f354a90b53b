"""One row for each thing that is governed: links, devices, tokens, objectives, checkpoints, the forgotten, the trusted.

`told` says what one event makes of its row; the director asks it too, for what it decided in this tick already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never, get_args

from mainstay.kernel.events import (
    CheckpointSigned,
    DeviceAdmitted,
    DeviceDismissed,
    Event,
    ExecutableDistrusted,
    ExecutableTrusted,
    ForgettingBegun,
    GovernanceEvent,
    LinkIssued,
    LinkUsed,
    ObjectiveBreached,
    ObjectiveMet,
    RequestAnswered,
    RequestTaken,
    SecretRotated,
    SigningKeyAdopted,
    SubjectForgotten,
    TemplateAdopted,
    TemplateRetired,
    TokenIssued,
    TokenRevoked,
)
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.projections.access import ACCESS, AccessEvent, told_of_access
from mainstay.ledger.store import ColumnType, Delete, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Governance:
    """Each thing as the last event about it left it."""

    name = "governance"
    version = 3
    tables = (
        Table("templates", (("name", _TEXT), ("template", _TEXT), ("at", _INTEGER)), key=("name",)),
        *ACCESS,
        Table(
            "objectives",
            (
                ("workflow", _TEXT),
                ("objective", _TEXT),
                ("window", _TEXT),
                ("bad", _INTEGER),
                ("total", _INTEGER),
                ("burn_milli", _INTEGER),
                ("breached_at", _INTEGER),
                ("met_at", _INTEGER),
            ),
            key=("workflow", "objective"),
        ),
        Table(
            "checkpoints",
            (
                ("through", _INTEGER),
                ("root", _TEXT),
                ("key", _TEXT),
                ("signature", _TEXT),
                ("at", _INTEGER),
            ),
            key=("through",),
        ),
        Table(
            "signing_keys",
            (
                ("key", _TEXT),
                ("public", _TEXT),
                ("before", _TEXT),
                ("signature", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("key",),
        ),
        Table(
            "forgotten",
            (
                ("subject", _TEXT),
                ("begun_at", _INTEGER),
                ("done_at", _INTEGER),
                ("actor", _TEXT),
                ("reason", _TEXT),
                ("runs", _INTEGER),
                ("messages", _INTEGER),
                ("memories", _INTEGER),
                ("lessons", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("subject",),
        ),
        Table(
            "executables",
            (("name", _TEXT), ("digest", _TEXT), ("actor", _TEXT), ("at", _INTEGER)),
            key=("name",),
        ),
        Table(
            "secrets",
            (("reference", _TEXT), ("actor", _TEXT), ("rotated_at", _INTEGER), ("expires_at", _INTEGER)),
            key=("reference",),
        ),
    )
    events = frozenset[type[Event]](get_args(GovernanceEvent))

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What the event says of its thing."""
        governing: GovernanceEvent = event  # type: ignore[assignment]  # `events` names no others
        table, key = place(governing)
        columns = told(governing, position, at)
        if columns is None:
            return (Delete(table, key),)
        over = governing.forgotten if isinstance(governing, RequestTaken) else ()
        return (*(Delete(table, (one,)) for one in over), Put(table, key, columns))


def place(event: GovernanceEvent) -> tuple[str, tuple[Value, ...]]:
    """The view and the key of the row that an event is about."""
    match event:
        case TemplateAdopted(name=name) | TemplateRetired(name=name):
            return "templates", (name,)
        case LinkIssued(link=link) | LinkUsed(link=link):
            return "links", (link,)
        case DeviceAdmitted(device=device) | DeviceDismissed(device=device):
            return "devices", (device,)
        case TokenIssued(token=token) | TokenRevoked(token=token):
            return "tokens", (token,)
        case RequestTaken(request=request) | RequestAnswered(request=request):
            return "requests", (request,)
        case ObjectiveBreached() | ObjectiveMet():
            return "objectives", (event.workflow, event.objective)
        case CheckpointSigned(through=through):
            return "checkpoints", (through,)
        case SigningKeyAdopted(key=key):
            return "signing_keys", (key,)
        case ForgettingBegun(subject=subject) | SubjectForgotten(subject=subject):
            return "forgotten", (subject,)
        case ExecutableTrusted(name=name) | ExecutableDistrusted(name=name):
            return "executables", (name,)
        case SecretRotated(reference=reference):
            return "secrets", (reference,)
        case _:
            assert_never(event)


def told(event: GovernanceEvent, position: int, at: Instant) -> dict[str, Value] | None:
    """What an event makes of the columns of its row; None where the row goes."""
    if isinstance(event, AccessEvent):
        return told_of_access(event, at)
    match event:
        case TemplateAdopted(template=template):
            return {"template": template, "at": at}
        case ObjectiveBreached():
            return {
                "window": event.window,
                "bad": event.bad,
                "total": event.total,
                "burn_milli": event.burn_milli,
                "breached_at": at,
                "met_at": None,
            }
        case ObjectiveMet():
            return {"met_at": at}
        case CheckpointSigned():
            return {"root": event.root, "key": event.key, "signature": event.signature, "at": at}
        case SigningKeyAdopted():
            key: dict[str, Value] = {
                "public": event.public,
                "before": event.before,
                "signature": event.signature,
            }
            return key | {"at": at, "position": position}
        case ForgettingBegun(actor=actor, reason_sealed=reason):
            return {
                "begun_at": at,
                "done_at": None,
                "actor": actor,
                "reason": reason,
                "position": position,
            }
        case SubjectForgotten():
            return {
                "done_at": at,
                "runs": event.runs,
                "messages": event.messages,
                "memories": event.memories,
                "lessons": event.lessons,
            }
        case ExecutableTrusted(digest=digest, actor=actor):
            return {"digest": digest, "actor": actor, "at": at}
        case ExecutableDistrusted() | TemplateRetired():
            return None
        case SecretRotated(actor=actor, expires_at=expires_at):
            return {"actor": actor, "rotated_at": at, "expires_at": expires_at}
        case _:
            assert_never(event)
