"""Deferred starts, waiting under the scope that keeps them: whose turn it is when there is room.

Higher priorities first; within one, runs take turns, so that a run of ten thousand tasks does not keep a run of one
waiting. Kept in memory beside the open runs; after a boot it is what the open runs say.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Priority


class _Line:
    """One scope and one priority: runs in turn, each with its tasks in order."""

    __slots__ = ("tasks", "turns")

    def __init__(self) -> None:
        self.turns: deque[RunId] = deque()
        self.tasks: dict[RunId, deque[int]] = {}


class Waiting:
    """Every deferred start."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[Priority, _Line]] = {}
        self._known: dict[tuple[RunId, int], str] = {}

    def add(self, scope: str, priority: Priority, run: RunId, task: int) -> None:
        """This start waits; one that waited under another scope waits under this one now."""
        known = self._known.get((run, task))
        if known == scope:
            return
        self._known[run, task] = scope
        line = self._lines.setdefault(scope, {}).setdefault(priority, _Line())
        if run not in line.tasks:
            line.tasks[run] = deque()
            line.turns.append(run)
        line.tasks[run].append(task)

    def next(self, scope: str) -> tuple[RunId, int] | None:
        """Whose turn it is; it waits no longer. None when nobody waits."""
        lines = self._lines.get(scope)
        if lines is None:
            return None
        for priority in sorted(lines):
            found = self._turn(scope, lines[priority])
            if found is not None:
                return found
            del lines[priority]
        del self._lines[scope]
        return None

    def forget(self, run: RunId) -> None:
        """The run has ended: nothing of it waits any more."""
        for lines in self._lines.values():
            for line in lines.values():
                for task in line.tasks.get(run, ()):
                    self._known.pop((run, task), None)

    def scopes(self) -> Sequence[str]:
        """What anybody waits for."""
        if not self._known:
            self._lines.clear()  # whose turn it was has gone; an empty line must not look like room that came free
        return tuple(self._lines)

    def counts(self) -> dict[str, int]:
        """How many starts wait under each scope."""
        return dict(Counter(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def _turn(self, scope: str, line: _Line) -> tuple[RunId, int] | None:
        while line.turns:
            run = line.turns.popleft()
            tasks = line.tasks[run]
            while tasks:
                task = tasks.popleft()
                if self._known.get((run, task)) == scope:  # otherwise it waits elsewhere by now
                    del self._known[run, task]
                    if tasks:
                        line.turns.append(run)
                    else:
                        del line.tasks[run]
                    return run, task
            del line.tasks[run]
        return None
