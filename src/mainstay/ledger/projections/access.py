"""Who may look and decide, and by which door: links, devices, tokens, and what programs asked for.

Tables of the view of governance, and what an event makes of a row of theirs.
"""

from __future__ import annotations

from typing import assert_never

from mainstay.kernel.events import (
    DeviceAdmitted,
    DeviceDismissed,
    LinkIssued,
    LinkUsed,
    RequestAnswered,
    RequestTaken,
    TokenIssued,
    TokenRevoked,
)
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT

AccessEvent = (
    LinkIssued
    | LinkUsed
    | DeviceAdmitted
    | DeviceDismissed
    | TokenIssued
    | TokenRevoked
    | RequestTaken
    | RequestAnswered
)
ACCESS = (
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
)


def told_of_access(event: AccessEvent, at: Instant) -> dict[str, Value]:
    """What an event makes of the columns of its row."""
    match event:
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
        case _:
            assert_never(event)
