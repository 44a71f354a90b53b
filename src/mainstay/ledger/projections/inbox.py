"""Views of what comes in: messages, what is no message, and how far each source was read."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from mainstay.kernel.events import CursorAdvanced, Event, MessageReceived, MessageRejected, ThreadAnswered
from mainstay.kernel.ids import StreamId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import Add, ColumnType, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT
_json = msgspec.json.Encoder(order="sorted").encode


class Messages:
    """Every message by the keyed hash of its Message-ID: what is here is never taken in twice."""

    name = "messages"
    version = 2
    tables = (
        Table(
            "messages",
            (
                ("message", _TEXT),
                ("mailbox", _TEXT),
                ("thread", _TEXT),
                ("own", _INTEGER),  # 1: the operator's own answer, seen in Sent
                ("position", _INTEGER),
                ("received_at", _INTEGER),
                ("sent_at", _INTEGER),
                ("subject", _TEXT),
                ("sealed_under", _TEXT),  # the joint subject, where it concerns others besides `subject`
                ("content", _TEXT),  # sealed blob
                ("size_bytes", _INTEGER),
                ("automatic", _TEXT),
                ("history", _INTEGER),  # 1: older than the account's start, never a run
            ),
            key=("message",),
            indexes=(("thread", "position"),),
        ),
    )
    events = frozenset[type[Event]]({MessageReceived, ThreadAnswered})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """A message came in, or went out by the operator's hand."""
        columns: dict[str, Value]
        match event:
            case MessageReceived():
                columns = {
                    "mailbox": event.mailbox,
                    "thread": event.thread,
                    "own": 0,
                    "position": position,
                    "received_at": at,
                    "sent_at": event.sent_at,
                    "subject": event.subject,
                    "sealed_under": event.sealed_under,
                    "content": event.content,
                    "size_bytes": event.size_bytes,
                    "automatic": event.automatic,
                    "history": int(event.history),
                }
                return (Put("messages", (event.message_key,), columns),)
            case ThreadAnswered():
                columns = {
                    "mailbox": event.mailbox,
                    "thread": event.thread,
                    "own": 1,
                    "sent_at": event.sent_at or None,
                    "position": position,
                    "received_at": at,
                }
                return (Put("messages", (event.message_key,), columns),)
            case _:
                return ()


class Rejected:
    """What came in and could not be read as a message; what became of each is in `dead_letters`."""

    name = "rejected"
    version = 1
    tables = (
        Table(
            "rejected",
            (
                ("item", _TEXT),
                ("mailbox", _TEXT),
                ("reason", _TEXT),
                ("raw", _TEXT),  # sealed blob
                ("origin", _TEXT),
                ("at", _INTEGER),
                ("position", _INTEGER),
            ),
            key=("item",),
        ),
    )
    events = frozenset[type[Event]]({MessageRejected})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """One more."""
        assert isinstance(event, MessageRejected)
        columns: dict[str, Value] = {
            "mailbox": event.mailbox,
            "reason": event.reason,
            "raw": event.raw,
            "origin": event.origin,
            "at": at,
            "position": position,
        }
        return (Put("rejected", (event.item_key,), columns),)


class Cursors:
    """How far each source was read, and what came of it so far."""

    name = "cursors"
    version = 1
    tables = (
        Table(
            "cursors",
            (
                ("source", _TEXT),
                ("cursor", _TEXT),  # JSON
                ("at", _INTEGER),
                ("position", _INTEGER),
                ("received", _INTEGER),
                ("duplicates", _INTEGER),
                ("dropped", _INTEGER),
                ("rejected", _INTEGER),
            ),
            key=("source",),
        ),
    )
    events = frozenset[type[Event]]({CursorAdvanced})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Read up to here."""
        assert isinstance(event, CursorAdvanced)
        cursor = _json(event.cursor).decode()
        counted = {
            "received": event.received,
            "duplicates": event.duplicates,
            "dropped": event.dropped,
            "rejected": event.rejected,
        }
        return (
            Put("cursors", (event.source,), {"cursor": cursor, "at": at, "position": position}),
            Add("cursors", (event.source,), counted),
        )
