"""Checks of memory: versions follow one another, nothing is remembered twice, what is retracted stays so."""

from __future__ import annotations

from mainstay.kernel.events import Event, MemoryRecorded, MemoryRetracted, RunEvent
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Instant
from mainstay.testing.checkers.books import Books
from mainstay.testing.checkers.promise import demand


class Memories:
    """The last version of each memory: its number, its mark, whether it is believed."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.last: dict[str, tuple[int, str, bool]] = {}

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        match event:
            case MemoryRecorded(memory=memory, version=version, mark=mark):
                before, said, believed = self.last.get(memory, (0, "", False))
                demand(
                    version == before + 1, "versions of a memory follow one another", f"{memory} {version}"
                )
                demand(not (believed and said == mark), "nothing is remembered twice", memory)
                self.last[memory] = version, mark, True
                self.books.paths["remembered again" if before else "remembered"] += 1
            case MemoryRetracted(memory=memory, version=version):
                before, said, believed = self.last.get(memory, (0, "", False))
                demand(believed and version == before, "what is believed is retracted, once", memory)
                self.last[memory] = version, said, False
                self.books.paths["retracted"] += 1
            case _:
                pass
