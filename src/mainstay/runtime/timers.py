"""Timers that are owed: a heap of `WakeAt`, read against the wall clock."""

from __future__ import annotations

from heapq import heappop, heappush

from mainstay.kernel.commands import Wake
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.ids import RunId
from mainstay.kernel.values import Instant

HOUSE = RunId("")  # whose timers are the house's own


class Timers:
    """Due `Wake` commands in the order of their time. A timer that was overtaken wakes a task that ignores it."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, str, int]] = []

    def add(self, effect: WakeAt) -> None:
        """Owe this timer."""
        heappush(self._heap, (effect.at, effect.run, effect.task))

    def next_at(self) -> Instant | None:
        """When the earliest is due; None when nothing is owed."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: Instant) -> list[Wake]:
        """Those whose time has come; they are no longer owed."""
        found: list[Wake] = []
        while self._heap and self._heap[0][0] <= now:
            _, run, task = heappop(self._heap)
            found.append(Wake(run, task))  # type: ignore[arg-type]
        return found

    def __len__(self) -> int:
        return len(self._heap)
