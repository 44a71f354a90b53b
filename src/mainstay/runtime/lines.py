"""Who waits for whom: open runs in line by key and by workflow, and by the thread of the message that started them.

Kept in memory beside the open runs and folded with them; after a boot it is what the open runs say. A run begins when
fewer than `key_max` runs with its key, and fewer than `runs_max` of its workflow, are at work; until then it is queued,
and those who came first go first.
"""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Workflow
from mainstay.kernel.state import Head

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many runs may be at work at once; of the workflow None is no bound."""

    key_max: int = 1
    runs_max: int | None = None


def bounds_of(workflow: Workflow) -> Bounds:
    """The bounds that a workflow declares."""
    return Bounds(workflow.key_max, workflow.runs_max)


class Lines:
    """The open runs of a workspace, in line."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], list[RunId]] = {}
        self._working: dict[str, dict[RunId, None]] = {}  # runs at work, of workflows with a bound
        self._queued: dict[str, dict[RunId, tuple[Head, Bounds]]] = {}  # by workflow, as they came
        self._by_thread: dict[str, list[RunId]] = {}
        self._answered: dict[RunId, str] = {}

    def join(self, run: RunId, head: Head, bounds: Bounds = Bounds(), *, queued: bool = False) -> None:
        """A run has begun, or was read at boot: it stands behind those before it."""
        if head.key:
            self._by_key.setdefault((head.workflow, head.key), []).append(run)
        if queued:
            self._queued.setdefault(head.workflow, {})[run] = (head, bounds)
        elif bounds.runs_max is not None:
            self._working.setdefault(head.workflow, {})[run] = None
        thread = thread_of(head)
        if thread:
            self._by_thread.setdefault(thread, []).append(run)

    def go(self, run: RunId, head: Head) -> None:
        """A queued run was released."""
        line = self._queued.get(head.workflow, {})
        queued = line.pop(run, None)
        if queued is None:
            return
        if not line:
            del self._queued[head.workflow]
        if queued[1].runs_max is not None:
            self._working.setdefault(head.workflow, {})[run] = None

    def place(self, workflow: str, key: str, bounds: Bounds) -> tuple[RunId, str] | None:
        """Behind which run a new one would wait, and in which line (key or workflow); None when it may begin."""
        queued = self._queued.get(workflow, {})
        line = self._by_key.get((workflow, key), []) if key else []
        if line and (line[-1] in queued or self._at_work(line, queued) >= bounds.key_max):
            return line[-1], "key"
        working = self._working.get(workflow, {})
        if bounds.runs_max is not None and working and len(working) >= bounds.runs_max:
            return next(reversed(working)), "workflow"
        return None

    def leave(self, run: RunId, head: Head) -> Sequence[RunId]:
        """The run has ended; those that may go on now."""
        self._answered.pop(run, None)
        thread = thread_of(head)
        if thread in self._by_thread:
            _drop(self._by_thread, thread, run)
        key = (head.workflow, head.key)
        if run in self._by_key.get(key, ()):
            _drop(self._by_key, key, run)
        queued = self._queued.get(head.workflow, {})
        was_queued = queued.pop(run, None) is not None
        bounded = self._working.get(head.workflow, {}).pop(run, True) is None
        for lines in (self._queued, self._working):
            if not lines.get(head.workflow, True):
                del lines[head.workflow]
        if was_queued or not queued:
            return ()
        if bounded:
            return self.ready(head.workflow)
        return self._ready(head.workflow, [one for one in self._by_key.get(key, ()) if one in queued])

    def ready(self, workflow: str) -> Sequence[RunId]:
        """The queued runs of a workflow that nothing keeps waiting."""
        return self._ready(workflow, self._queued.get(workflow, {}))

    def queues(self) -> Sequence[str]:
        """The workflows of which runs are queued."""
        return tuple(self._queued)

    def of_key(self, workflow: str, key: str) -> Sequence[RunId]:
        """The open runs with this key, oldest first."""
        return tuple(self._by_key.get((workflow, key), ())) if key else ()

    def of_thread(self, thread: str) -> Sequence[RunId]:
        """The open runs that a message of this thread started."""
        return tuple(self._by_thread.get(thread, ())) if thread else ()

    def answer(self, run: RunId, reason: str) -> None:
        """Something outside has answered what this run is about."""
        self._answered[run] = reason

    def answered(self, run: RunId) -> str:
        """What has answered it; empty: nothing."""
        return self._answered.get(run, "")

    def _ready(self, workflow: str, candidates: Iterable[RunId]) -> Sequence[RunId]:
        """Those that may begin together, in order: each counts for the ones after it."""
        queued = self._queued.get(workflow, {})
        found: list[RunId] = []
        working = len(self._working.get(workflow, ()))
        by_key: dict[str, int] = {}
        closed: set[str] = set()  # one of the key goes on waiting, so those behind it do too
        for run in candidates:
            head, bounds = queued[run]
            if bounds.runs_max is not None and working >= bounds.runs_max:
                break
            if head.key:
                of_key = by_key.get(head.key)
                if of_key is None:
                    of_key = self._at_work(self._by_key[workflow, head.key], queued)
                if head.key in closed or of_key >= bounds.key_max:
                    closed.add(head.key)
                    continue
                by_key[head.key] = of_key + 1
            working += bounds.runs_max is not None
            found.append(run)
        return found

    @staticmethod
    def _at_work(runs: Iterable[RunId], queued: Container[RunId]) -> int:
        return sum(run not in queued for run in runs)


def thread_of(head: Head) -> str:
    """The thread of the message that started a run; empty where none did."""
    message = head.trigger.get("message")
    return str(message.get("thread", "")) if isinstance(message, dict) else ""


def _drop(lines: dict[K, list[RunId]], name: K, run: RunId) -> None:
    lines[name] = [one for one in lines[name] if one != run]
    if not lines[name]:
        del lines[name]
