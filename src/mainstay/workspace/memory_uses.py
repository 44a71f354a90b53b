"""Where memories were used: which runs were given which record, as the logs of their recalls say.

The logs are sealed, each under the key of whoever its run is about, and hold names of memories and numbers. What is
kept here is those names and the runs, in memory alone. The first look goes back over the newest events, later ones
take in what came since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mainstay.kernel.events import NUMBER_OF, ContextRecalled
from mainstay.kernel.ids import StreamId, SubjectId, run_of
from mainstay.kernel.values import Instant
from mainstay.ledger.sqlite_reader import SqliteReader
from mainstay.ledger.store import RecordedEvent
from mainstay.runtime.artifacts import Artifacts
from mainstay.workspace.looking_back import PLAIN, Back

LOOKED_AT_MAX = 100_000  # events, at the first look
KEPT = 20  # of the uses of one memory: the newest
MEMORIES_MAX = 100_000
_CONTEXT = b"recall"
_SOMEBODY: Any = "somebody"


@dataclass(frozen=True, slots=True)
class Use:
    """A record was handed to a task."""

    run: str
    task: int
    rank: int
    at: Instant
    position: int


@dataclass(slots=True)
class _Of:
    count: int = 0
    newest: deque[Use] = field(default_factory=lambda: deque(maxlen=KEPT))


class Uses:
    """Which record was used where, kept up with the ledger."""

    def __init__(self, store: Callable[[], SqliteReader], artifacts: Callable[[], Artifacts]) -> None:
        self._store = store
        self._artifacts = artifacts
        self._through = 0
        self._since = 0
        self._found: dict[str, _Of] = {}

    def of(self, memory: str) -> tuple[int, list[Use]]:
        """How often a record was used, and where the last times, newest first."""
        self._catch_up()
        known = self._found.get(memory)
        return (known.count, list(reversed(known.newest))) if known is not None else (0, [])

    @property
    def since(self) -> int:
        """The position from which on uses are known."""
        return self._since

    def _catch_up(self) -> None:
        store = self._store()
        head, number = int(store.head), NUMBER_OF[ContextRecalled]
        most = min(LOOKED_AT_MAX, head - self._through)
        new = list(Back(store, (number,), head + 1, most))
        self._since = self._since or max(1, head - most + 1)
        for recorded in reversed(new):
            self._take(store, recorded)
        self._through = head

    def _take(self, store: SqliteReader, recorded: RecordedEvent) -> None:
        event, run = PLAIN.event(recorded), run_of(StreamId(recorded.stream))
        assert isinstance(event, ContextRecalled)
        row = store.get("runs", (run,)) or {}
        # The sealed bytes themselves say whose they are; here it only matters whether they are somebody's.
        subject: SubjectId | None = _SOMEBODY if row.get("subject") else None
        log = self._artifacts().open_json(event.log, subject, _CONTEXT)
        for recall in log["recalls"] if log is not None else ():
            for hit in recall["hits"]:
                name = str(hit["id"]).rpartition("@")[0]
                if name and (name in self._found or len(self._found) < MEMORIES_MAX):
                    known = self._found.setdefault(name, _Of())
                    known.count += 1
                    known.newest.append(
                        Use(run, event.task, int(hit["rank"]), recorded.at, int(recorded.position))
                    )
