"""The ledger as CloudEvents 1.0: one JSON object a line, in the ledger's order.

For whoever takes the history elsewhere. The stored bytes of each event stand in `data` as they are, so sealed
values stay sealed. Extension attributes carry the rest of the envelope: `correlationid`, `causationid`,
`actor`, `streamversion`, `transactionid`, and `hash` (see `ledger.chain`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from mainstay.kernel.values import Instant
from mainstay.ledger.codec import event_name
from mainstay.ledger.store import ORIGIN, EventReader, Position, RecordedEvent

SLICE = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_encode = msgspec.json.Encoder().encode


def cloud_event(recorded: RecordedEvent, workspace: str) -> dict[str, Any]:
    """One event as the attributes of a CloudEvent; `workspace` is its source, as a URI reference."""
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(recorded.position),
        "source": workspace,
        "type": event_name(recorded.type, recorded.schema),
        "time": rfc3339(recorded.at),
        "subject": recorded.stream,
        "datacontenttype": "application/json",
        "correlationid": recorded.correlation,
        "actor": recorded.actor,
        "streamversion": str(recorded.version),
        "transactionid": recorded.transaction.hex(),
        "hash": recorded.hash.hex(),
    }
    if recorded.causation:
        attributes["causationid"] = str(recorded.causation)
    attributes["data"] = msgspec.Raw(recorded.data)
    return attributes


def export(store: EventReader, workspace: str, *, after: Position = ORIGIN) -> Iterator[bytes]:
    """Every event after a position, as lines."""
    while events := store.read_all(after=after, limit=SLICE):
        for recorded in events:
            yield _encode(cloud_event(recorded, workspace)) + b"\n"
        after = events[-1].position


def rfc3339(at: Instant) -> str:
    """A time as text, to the microsecond: `2023-11-14T22:13:20.000000Z`.

    A time that the calendar does not have (a mail may claim any) is told as the nearest that it has.
    """
    moment = _EPOCH + timedelta(microseconds=min(max(at, _FIRST), _LAST))
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
