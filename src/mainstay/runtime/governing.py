"""What the director decides about governance: looks up what is known, and asks `kernel.governing`."""

from __future__ import annotations

from collections.abc import Sequence

from mainstay.kernel.commands import GovernanceCommand, TakeRequest
from mainstay.kernel.events import GovernanceEvent, RequestAnswered, RequestTaken
from mainstay.kernel.governing import REQUEST_KEPT_US, REQUESTS_FORGOTTEN_MAX, about, decide_governance
from mainstay.kernel.ids import StreamId
from mainstay.kernel.values import Instant
from mainstay.ledger.projections.governance import told
from mainstay.ledger.store import EventStore, Value

GOVERNANCE = StreamId("governance")
REQUESTS = StreamId("requests")  # of programs: many, and nobody reads them as a story


class Governing:
    """The decisions about governance of one director."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._recent: dict[tuple[str, tuple[Value, ...]], dict[str, Value] | None] = {}  # of this tick

    @staticmethod
    def stream(event: GovernanceEvent) -> StreamId:
        """Where an event belongs."""
        return REQUESTS if isinstance(event, RequestTaken | RequestAnswered) else GOVERNANCE

    def begin_tick(self) -> None:
        """What was decided in the last tick is in the views by now."""
        self._recent.clear()

    def decide(self, command: GovernanceCommand, now: Instant) -> GovernanceEvent | None:
        """The event that the command leads to; None when it is so already."""
        key = about(command)
        table, of = key
        known = self._recent[key] if key in self._recent else self._store.get(table, of)
        over = self._over(now) if isinstance(command, TakeRequest) and known is None else ()
        event = decide_governance(command, known, now, over)
        if event is not None:
            columns = told(event, 0, now)
            self._recent[key] = None if columns is None else {**(known or {}), **columns}
        if isinstance(event, RequestTaken):
            self._recent |= {("requests", (one,)): None for one in event.forgotten}
        return event

    def _over(self, now: Instant) -> Sequence[str]:
        """Requests whose time is over, oldest first, that were not forgotten in this tick already."""
        oldest = self._store.select("requests", order="at", limit=REQUESTS_FORGOTTEN_MAX)
        return [
            str(row["request"])
            for row in oldest
            if now - _whole(row["at"]) >= REQUEST_KEPT_US
            and ("requests", (row["request"],)) not in self._recent
        ]


def _whole(value: Value) -> int:
    assert isinstance(value, int), "a time"
    return value
