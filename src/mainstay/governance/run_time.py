"""A run's time, cut without gap or overlap by who is at work, so that the parts add up to the whole.

At each moment it counts as a call if an adapter is at it; else as the agents' if one is at work; else as the operator's
if a person is asked, or has paused the run; else as retry if only a back-off or the next look-up is waited for; else as
queue. A clock that was set back gives no negative time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Part(StrEnum):
    """What a moment of a run was spent on."""

    QUEUE = "queue"
    AGENTS = "agents"
    CALLS = "calls"
    RETRY = "retry"
    OPERATOR = "operator"


_AT_WORK = (Part.AGENTS, Part.CALLS)


@dataclass(slots=True)
class RunTime:
    """What each task is doing now, and where the time went so far. However many tasks, an event costs the same."""

    spent_us: dict[Part, int] = field(default_factory=lambda: dict.fromkeys(Part, 0))
    paused: bool = False
    at: int = 0
    _begun: bool = False
    _doing: dict[int, tuple[Part, int]] = field(
        default_factory=dict
    )  # tasks that do not merely wait, and since when
    _busy: dict[Part, int] = field(default_factory=lambda: dict.fromkeys(Part, 0))  # how many do what

    def begin(self, at: int) -> None:
        """The run starts."""
        self._begun = True
        self.at = at

    def go_on(self, at: int) -> None:
        """Time has passed up to `at`."""
        if at > self.at:
            if self._begun:
                self.spent_us[self._part()] += at - self.at
            self.at = at

    def enter(self, task: int, part: Part) -> None:
        """From now on the task is doing this."""
        self._doing[task] = (part, self.at)
        self._busy[part] += 1

    def leave(self, task: int) -> tuple[Part, int] | None:
        """It no longer does what it did: what that was, and how long it took. None if it only waited for its turn."""
        left = self._doing.pop(task, None)
        if left is None:
            return None
        part, since = left
        self._busy[part] -= 1
        return part, self.at - since

    def withdraw(self) -> None:
        """The run has ended: nobody is waited for any more. What is at work is still heard."""
        for task in [one for one, (part, _) in self._doing.items() if part not in _AT_WORK]:
            self.leave(task)

    def _part(self) -> Part:
        busy = self._busy
        if busy[Part.CALLS]:
            return Part.CALLS
        if busy[Part.AGENTS]:
            return Part.AGENTS
        if self.paused or busy[Part.OPERATOR]:
            return Part.OPERATOR
        return Part.RETRY if busy[Part.RETRY] else Part.QUEUE
