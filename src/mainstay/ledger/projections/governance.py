"""Views of governance: links, devices, tokens, objectives, checkpoints, the forgotten, the trusted; and autonomy.

`told` says what one event makes of its row; the director asks it too, for what it decided in this tick already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from mainstay.kernel.autonomy import KEEPING
from mainstay.kernel.events import (
    ActionShadowed,
    ActionStarted,
    AutonomyGranted,
    AutonomyProposed,
    AutonomyRevoked,
    CheckpointSigned,
    DeviceAdmitted,
    DeviceDismissed,
    Event,
    EvidenceWeighed,
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
from mainstay.kernel.kinds import kind_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Delete, Put, RowChange, Table, Value

BY_ITSELF = "autonomy:"
_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class Governance:
    """One row for each thing, as the last event about it left it."""

    name = "governance"
    version = 3
    tables = (
        Table("templates", (("name", _TEXT), ("template", _TEXT), ("at", _INTEGER)), key=("name",)),
        Table(
            "links",
            (
                ("link", _TEXT),
                ("approval", _TEXT),
                ("digest", _TEXT),
                ("issued_at", _INTEGER),
                ("expires_at", _INTEGER),
                ("used_at", _INTEGER),
                ("device", _TEXT),
                ("answer", _TEXT),
            ),
            key=("link",),
            indexes=(("approval",),),
        ),
        Table(
            "devices",
            (
                ("device", _TEXT),
                ("name", _TEXT),
                ("via", _TEXT),
                ("admitted_at", _INTEGER),
                ("until", _INTEGER),
                ("dismissed_at", _INTEGER),
                ("reason", _TEXT),
            ),
            key=("device",),
        ),
        Table(
            "tokens",
            (
                ("token", _TEXT),
                ("name", _TEXT),
                ("holder", _TEXT),
                ("scopes", _TEXT),  # separated by spaces
                ("issued_at", _INTEGER),
                ("until", _INTEGER),
                ("actor", _TEXT),
                ("revoked_at", _INTEGER),
                ("reason", _TEXT),
            ),
            key=("token",),
        ),
        Table(
            "requests",
            (
                ("request", _TEXT),
                ("body", _TEXT),
                ("operation", _TEXT),
                ("run", _TEXT),
                ("task", _INTEGER),
                ("at", _INTEGER),
                ("answer", _TEXT),
            ),
            key=("request",),
            indexes=(("at",),),  # the oldest are forgotten first
        ),
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
    events = frozenset[type[Event]](
        {
            TemplateAdopted,
            TemplateRetired,
            LinkIssued,
            LinkUsed,
            DeviceAdmitted,
            DeviceDismissed,
            TokenIssued,
            TokenRevoked,
            RequestTaken,
            RequestAnswered,
            ObjectiveBreached,
            ObjectiveMet,
            CheckpointSigned,
            SigningKeyAdopted,
            ForgettingBegun,
            SubjectForgotten,
            ExecutableTrusted,
            ExecutableDistrusted,
            SecretRotated,
        }
    )

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
    match event:
        case TemplateAdopted(template=template):
            return {"template": template, "at": at}
        case LinkIssued():
            issued: dict[str, Value] = {
                "approval": event.approval,
                "digest": event.digest,
                "issued_at": at,
                "expires_at": event.expires_at,
            }
            return issued | {"used_at": None, "device": None, "answer": None}
        case LinkUsed(device=device, answer=answer):
            return {"used_at": at, "device": device, "answer": answer}
        case DeviceAdmitted():
            return {
                "name": event.name,
                "via": event.via,
                "admitted_at": at,
                "until": event.until,
                "dismissed_at": None,
                "reason": None,
            }
        case DeviceDismissed(reason=reason):
            return {"dismissed_at": at, "reason": reason}
        case TokenIssued():
            return {
                "name": event.name,
                "holder": event.holder,
                "scopes": " ".join(event.scopes),
                "issued_at": at,
                "until": event.until,
                "actor": event.actor,
                "revoked_at": None,
                "reason": None,
            }
        case TokenRevoked(reason=reason):
            return {"revoked_at": at, "reason": reason}
        case RequestTaken():
            return {
                "body": event.body,
                "operation": event.operation,
                "run": event.run,
                "task": event.task,
                "at": at,
                "answer": None,
            }
        case RequestAnswered(answer_sealed=answer):
            return {"answer": answer}
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


class AutonomyKinds:
    """Where each kind of act stands, every piece of evidence by the task it is about, and what went by itself."""

    name = "autonomy"
    version = 2
    tables = (
        Table(
            "autonomy",
            (
                ("kind", _TEXT),
                ("recipe", _TEXT),
                ("level", _TEXT),
                ("clean", _INTEGER),
                ("errors", _INTEGER),
                ("audits", _TEXT),
                ("audits_clean", _INTEGER),
                ("audits_errors", _INTEGER),
                ("hold_us", _INTEGER),
                ("target_ppm", _INTEGER),
                ("proposed", _TEXT),
                ("withheld", _INTEGER),  # 1: taken back for other reasons than its evidence
                ("changed_at", _INTEGER),  # when the level changed last
                ("cause", _TEXT),  # of the last time it was taken back
                ("reason", _TEXT),
                ("position", _INTEGER),
            ),
            key=("kind",),
        ),
        Table(
            "evidence",
            (
                ("run", _TEXT),
                ("task", _INTEGER),
                ("source", _TEXT),
                ("kind", _TEXT),
                ("verdict", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("run", "task", "source"),
            indexes=(("kind", "position"),),
        ),
        Table(
            "unasked",
            (
                ("kind", _TEXT),
                ("left", _INTEGER),  # how often it went by itself
                ("would_leave", _INTEGER),  # in the shadow: how often a rule would have let it go
                ("would_ask", _INTEGER),
                ("last_at", _INTEGER),
            ),
            key=("kind",),
        ),
    )
    events = frozenset[type[Event]](
        {
            EvidenceWeighed,
            AutonomyProposed,
            AutonomyGranted,
            AutonomyRevoked,
            ActionStarted,
            ActionShadowed,
        }
    )

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """What the event says; `kernel.autonomy.folded` says the same of a standing."""
        match event:
            case EvidenceWeighed():
                row: dict[str, Value] = {
                    "recipe": event.recipe,
                    "clean": event.clean,
                    "errors": event.errors,
                    "audits": event.audits,
                    "audits_clean": event.audits_clean,
                    "audits_errors": event.audits_errors,
                    "position": position,
                }
                if event.verdict != "clean":
                    row["proposed"] = None
                weighed: dict[str, Value] = {
                    "kind": event.kind,
                    "verdict": event.verdict,
                    "at": at,
                    "position": position,
                }
                return (
                    Put("autonomy", (event.kind,), row),
                    Put("evidence", (event.run, event.task, event.source), weighed),
                )
            case AutonomyProposed():
                return (Put("autonomy", (event.kind,), {"proposed": event.level, "position": position}),)
            case AutonomyGranted():
                granted: dict[str, Value] = {
                    "recipe": event.recipe,
                    "level": event.level,
                    "hold_us": event.hold_us,
                    "target_ppm": event.target_ppm,
                    "changed_at": at,
                    "position": position,
                }
                kept: dict[str, Value] = {
                    "audits": event.audits,
                    "audits_clean": event.audits_clean,
                    "audits_errors": event.audits_errors,
                    "proposed": None,
                    "withheld": 0,
                }
                return (Put("autonomy", (event.kind,), granted | kept),)
            case AutonomyRevoked(cause=cause, reason=reason):
                revoked: dict[str, Value] = {
                    "level": "ask",
                    "hold_us": 0,
                    "changed_at": at,
                    "cause": cause,
                    "reason": reason,
                    "position": position,
                }
                if cause in KEEPING:
                    revoked["withheld"] = 1
                if cause not in KEEPING:
                    revoked |= {"clean": 0, "errors": 0}
                return (Put("autonomy", (event.kind,), revoked | _NO_AUDITS),)
            case ActionStarted(authority=authority) if authority.startswith(BY_ITSELF):
                return _unasked(authority.removeprefix(BY_ITSELF), "left", at)
            case ActionShadowed(task=number, would=would) if run is not None:
                act = run.task(number).act
                if act is None:
                    return ()
                column = "would_leave" if would == "allow" else "would_ask"
                return _unasked(kind_of(run, number, act.action), column, at)
            case _:
                return ()


def _unasked(kind: str, column: str, at: Instant) -> Sequence[RowChange]:
    return (Add("unasked", (kind,), {column: 1}), Put("unasked", (kind,), {"last_at": at}))


_NO_AUDITS: dict[str, Value] = {"audits": "", "audits_clean": 0, "audits_errors": 0, "proposed": None}
