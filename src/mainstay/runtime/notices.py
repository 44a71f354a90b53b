"""What is to be told by one way, and when: the first thing at once, then a digest now and then, and nothing at night.

Pure: time comes as an argument. Rules of this file:

- A thing is told once; one that came while another was on its way waits for the next time.
- Between two tellings lies `every_us`, however much comes. The first one waits a moment, so that a burst is one.
- In quiet hours nothing is told but what is urgent, where the operator wants that.
- A telling that failed is tried again, ever more rarely, with what has come in the meantime.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mainstay.kernel.ids import ApprovalId, RunId
from mainstay.kernel.values import HOUR, MINUTE, SECOND, Instant

SETTLE_US = 2 * SECOND
AGAIN_US, AGAIN_MAX_US = MINUTE, HOUR
KEPT_MAX = 10_000  # things of one way; what comes beyond waits in the lists like everything else
_AT_ONCE = Instant(0)
FAILING = 3  # failures in a row, from which on it is an incident


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing that waits for the operator, or that they should know."""

    key: str
    kind: str  # approval, in_doubt, compensation, budget, incident, autonomy, objective, kill_switch
    run: RunId | None = None  # None: it comes from no run
    task: int = 0
    approval: ApprovalId | None = None
    about: str = ""  # of what comes from no run: words of the house, never of a person
    urgent: bool = False


@dataclass(slots=True)
class Notices:
    """The queue of one way."""

    every_us: int
    quiet: Callable[[Instant], bool] = lambda now: False
    urgent: bool = False  # what is urgent is told in quiet hours
    _waiting: dict[str, Thing] = field(default_factory=dict)
    _since: Instant | None = None  # when the oldest of these came
    _told_at: Instant | None = None
    _again_at: Instant = _AT_ONCE
    _failed_at: Instant = _AT_ONCE
    _failures: int = 0

    def add(self, thing: Thing, now: Instant) -> bool:
        """Put it in line; whether there is room for it."""
        if thing.key not in self._waiting and len(self._waiting) >= KEPT_MAX:
            return False
        self._waiting.setdefault(thing.key, thing)
        if self._since is None:
            self._since = now
        return True

    @property
    def waiting(self) -> tuple[Thing, ...]:
        """All that is to be told, in the order in which it came."""
        return tuple(self._waiting.values())

    @property
    def failing(self) -> bool:
        """Whether it has failed so often that somebody should look."""
        return self._failures >= FAILING

    def due(self, now: Instant) -> tuple[Thing, ...]:
        """What is to be told now; nothing while it is not time."""
        if self._since is None:
            return ()
        self._set_back(now)
        if now < self._again_at or now < self._since + SETTLE_US:
            return ()
        if self._told_at is not None and self._told_at <= now < self._told_at + self.every_us:
            return ()
        if not self.quiet(now):
            return self.waiting
        return tuple(one for one in self.waiting if one.urgent) if self.urgent else ()

    def _set_back(self, now: Instant) -> None:
        """A clock that was set back holds nothing up for longer than it would have waited."""
        assert self._since is not None
        self._since = min(self._since, now)
        if now < self._failed_at:
            self._again_at = Instant(self._again_at - (self._failed_at - now))
            self._failed_at = now

    def drop(self, things: Sequence[Thing]) -> None:
        """These need not be told any more."""
        for one in things:
            self._waiting.pop(one.key, None)
        if not self._waiting:
            self._since = None

    def told(self, things: Sequence[Thing], now: Instant) -> None:
        """These were told."""
        self.drop(things)
        self._told_at, self._failures, self._again_at, self._failed_at = now, 0, _AT_ONCE, _AT_ONCE

    def failed(self, now: Instant, after_us: int | None = None) -> None:
        """Nothing could be told; tried again after a while, or when the other side said."""
        self._failures += 1
        pause = min(AGAIN_US * 2 ** min(self._failures - 1, 10), AGAIN_MAX_US)
        self._failed_at, self._again_at = now, Instant(now + max(pause, after_us or 0))
