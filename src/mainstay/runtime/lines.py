"""Who waits for whom: open runs in line by key, and by the thread of the message that started them.

Kept in memory beside the open runs and folded with them; after a boot it is what the open runs say.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

from mainstay.kernel.ids import RunId
from mainstay.kernel.state import Head

K = TypeVar("K", bound=Hashable)


class Lines:
    """The open runs of a workspace, in line."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], list[RunId]] = {}
        self._by_thread: dict[str, list[RunId]] = {}
        self._answered: dict[RunId, str] = {}

    def join(self, run: RunId, head: Head) -> None:
        """A run has begun, or was read at boot: it stands behind those with its key."""
        if head.key:
            self._by_key.setdefault((head.workflow, head.key), []).append(run)
        thread = thread_of(head)
        if thread:
            self._by_thread.setdefault(thread, []).append(run)

    def leave(self, run: RunId, head: Head) -> RunId | None:
        """A run has ended; the one that may go on now, if it stood first and others wait."""
        self._answered.pop(run, None)
        thread = thread_of(head)
        if thread in self._by_thread:
            _drop(self._by_thread, thread, run)
        key = (head.workflow, head.key)
        line = self._by_key.get(key, [])
        if run not in line:
            return None
        first = line[0] == run
        _drop(self._by_key, key, run)
        waiting = self._by_key.get(key, [])
        return waiting[0] if first and waiting else None

    def first(self) -> Sequence[RunId]:
        """The run that stands first in each line."""
        return tuple(line[0] for line in self._by_key.values())

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


def thread_of(head: Head) -> str:
    """The thread of the message that started a run; empty where none did."""
    message = head.trigger.get("message")
    return str(message.get("thread", "")) if isinstance(message, dict) else ""


def _drop(lines: dict[K, list[RunId]], name: K, run: RunId) -> None:
    lines[name] = [one for one in lines[name] if one != run]
    if not lines[name]:
        del lines[name]
