"""What the director decides about memory: looks up what is known, and asks `kernel.remembering`."""

from __future__ import annotations

from mainstay.kernel.commands import MemoryCommand
from mainstay.kernel.events import MemoryEvent
from mainstay.kernel.ids import StreamId
from mainstay.kernel.remembering import Known, decide_memory, mark_of, subject_of_decision
from mainstay.ledger.projections.lessons import last_judgement
from mainstay.ledger.projections.memory import last_fit, last_review, last_version
from mainstay.ledger.store import EventStore

MEMORY = StreamId("memory")


class Remembering:
    """The decisions about memory of one director."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._recent: dict[tuple[str, str], Known] = {}  # of this tick, not in a view yet

    def begin_tick(self) -> None:
        """What was decided in the last tick is in the views by now."""
        self._recent.clear()

    def decide(self, command: MemoryCommand) -> MemoryEvent | None:
        """The event that the command leads to; None when it is so already."""
        about = subject_of_decision(command)
        known = self._recent.get(about) or self._look_up(*about)
        event = decide_memory(command, known)
        if event is not None:
            self._recent[about] = mark_of(event)
        return event

    def _look_up(self, kind: str, name: str) -> Known | None:
        match kind:
            case "memory":
                return last_version(self._store, name)
            case "fit":
                return last_fit(self._store, name)
            case "draft":
                run, _, task = name.rpartition("/")
                return last_judgement(self._store, run, int(task))
            case _:
                run, _, task = name.rpartition("/")
                return last_review(self._store, run, int(task))
