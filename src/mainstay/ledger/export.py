"""The ledger as CloudEvents 1.0: one JSON object a line, in the ledger's order.

For whoever takes the history elsewhere. The stored bytes of each event stand in `data` as they are, so sealed
values stay sealed. Extension attributes carry the rest of the envelope: `correlationid`, `causationid`,
`actor`, `streamversion`, `transactionid`, and `hash` (see `ledger.chain`).

Rules of this file:

- An export ends where the ledger ended when it began, also while a director works: the same twice is the same.
- One event at a time: however long the ledger, a slice of it is in memory.
- A line is a line to every reader: what some take for the end of one is written as an escape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
# NEL and the separators of lines and paragraphs, as UTF-8; in JSON they stand within strings alone.
_ENDS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


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


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are meant; all of them without anything said."""

    since: int = 0  # microseconds, UTC
    until: int | None = None  # before then
    stream: str = ""  # of a run, and of what belongs to it
    types: tuple[str, ...] = ()  # "run.started", "run.started/1" or "run.*"

    def takes(self, recorded: RecordedEvent) -> bool:
        """Whether this one is meant."""
        if recorded.at < self.since or (self.until is not None and recorded.at >= self.until):
            return False
        if self.stream not in ("", recorded.stream, recorded.correlation):
            return False
        return not self.types or any(
            _is_of(event_name(recorded.type, recorded.schema), one) for one in self.types
        )


EVERYTHING = Selection()
Opened = Callable[[RecordedEvent], bytes]  # the event's data for the eyes of whoever holds the keys, as JSON


def selected(
    store: EventReader, selection: Selection = EVERYTHING, *, after: Position = ORIGIN
) -> Iterator[RecordedEvent]:
    """The events that are meant, in order, up to where the ledger ends now."""
    head = store.head
    while after < head and (events := store.read_all(after=after, limit=min(SLICE, head - after))):
        for recorded in events:
            if selection.takes(recorded):
                yield recorded
        after = events[-1].position


def export(
    store: EventReader,
    workspace: str,
    *,
    after: Position = ORIGIN,
    selection: Selection = EVERYTHING,
    opened: Opened | None = None,
) -> Iterator[bytes]:
    """The events that are meant, as lines; with `opened` what it gives stands in the place of the stored bytes."""
    for recorded in selected(store, selection, after=after):
        attributes = cloud_event(recorded, workspace)
        if opened is not None:
            attributes["data"] = msgspec.Raw(opened(recorded))
        line: bytes = _encode(attributes)
        for raw, escape in _ENDS:
            if raw in line:
                line = line.replace(raw, escape)
        yield line + b"\n"


def _is_of(name: str, wanted: str) -> bool:
    if wanted.endswith(".*"):
        return name.startswith(wanted[:-1])
    return name == wanted or name.startswith(wanted + "/")


def rfc3339(at: Instant) -> str:
    """A time as text, to the microsecond: `2023-11-14T22:13:20.000000Z`.

    A time that the calendar does not have (a mail may claim any) is told as the nearest that it has.
    """
    moment = _EPOCH + timedelta(microseconds=min(max(at, _FIRST), _LAST))
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
