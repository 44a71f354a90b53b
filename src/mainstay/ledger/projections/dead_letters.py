"""What was given up: messages that could not be read, runs that failed, and what became of each since."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.events import (
    DeadLetterPurged,
    DeadLetterReplayed,
    Event,
    MessageRejected,
    RunFailed,
)
from mainstay.kernel.ids import StreamId, run_of
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.ledger.store import ColumnType, Put, RowChange, Table, Value

_INTEGER, _TEXT = ColumnType.INTEGER, ColumnType.TEXT


class DeadLetters:
    """One row for each message and run that was given up. Nothing leaves: what is purged keeps its row."""

    name = "dead_letters"
    version = 1
    tables = (
        Table(
            "dead_letters",
            (
                ("letter", _TEXT),  # the item key of a rejected message, or the id of a failed run
                ("kind", _TEXT),  # message, run
                ("status", _TEXT),  # waiting, replayed, purged
                ("at", _INTEGER),
                ("position", _INTEGER),
                ("reason", _TEXT),
                ("mailbox", _TEXT),  # of a message
                ("workflow", _TEXT),  # of a run
                ("outcome", _TEXT),  # of its last replay: received, rejected, duplicate, started
                ("run", _TEXT),  # that was started for it
                ("actor", _TEXT),  # who replayed or purged it
                ("settled_at", _INTEGER),  # when
            ),
            key=("letter",),
            indexes=(("status", "at"),),
        ),
    )
    events = frozenset[type[Event]]({MessageRejected, RunFailed, DeadLetterReplayed, DeadLetterPurged})

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> Sequence[RowChange]:
        """Given up, tried again, put away."""
        columns: dict[str, Value]
        match event:
            case MessageRejected(item_key=letter, mailbox=mailbox, reason=reason):
                columns = {"kind": "message", "mailbox": mailbox, "reason": reason}
            case RunFailed(reason=reason):
                assert run is not None
                letter = run_of(stream)
                columns = {"kind": "run", "workflow": run.head.workflow, "reason": reason}
            case DeadLetterReplayed():
                # What cannot be read still is a dead letter, and may be tried once more.
                status = "waiting" if event.outcome == "rejected" else "replayed"
                columns = {
                    "status": status,
                    "outcome": event.outcome,
                    "run": event.run,
                    "actor": event.actor,
                    "settled_at": at,
                }
                return (Put("dead_letters", (event.letter,), columns),)
            case DeadLetterPurged(letter=letter, actor=actor):
                columns = {"status": "purged", "actor": actor, "settled_at": at}
                return (Put("dead_letters", (letter,), columns),)
            case _:
                return ()
        return (
            Put("dead_letters", (letter,), {"status": "waiting", "at": at, "position": position, **columns}),
        )
