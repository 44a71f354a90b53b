"""Circuit breakers: an operation that fails again and again is left alone for a while, then tried with one call.

One breaker for each operation of each adapter. Closed, it counts failures in a row; at `failures` it opens and
rests, each time twice as long as the time before. After the rest one trial call goes out: it closes the breaker, or
opens it again. A side that asks to be left alone (`Retry-After`) opens it at once, until then. What the other side
answered, even with a refusal, is a sign of life (M. Nygard, "Release It!", 2007, ch. 5.2).

`hear` says when a breaker opens or closes; those events are the ledger's, and `note` folds them.
"""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    AttemptFailed,
    BreakerClosed,
    BreakerOpened,
    CompensationFailed,
    FailureClass,
    RunEvent,
    TaskFailed,
    TaskSkipped,
    TaskSucceeded,
)
from mainstay.kernel.values import MINUTE, SECOND, Instant

UNTIL_SETTLED = Instant(0)  # a trial call is under way; what becomes of it decides

_UNWELL = frozenset(
    {
        FailureClass.TRANSIENT,
        FailureClass.THROTTLED,
        FailureClass.TIMEOUT,
        FailureClass.IN_DOUBT,
        FailureClass.BUG,
    }
)


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a breaker opens, and how long it rests at first and at most."""

    failures: int = 5
    rest_us: int = 30 * SECOND
    rest_max_us: int = 15 * MINUTE


DEFAULT_BREAKER = BreakerSettings()


@dataclass(slots=True)
class Breaker:
    """One operation of one adapter."""

    failures: int = 0  # in a row
    opened: int = 0  # how often in a row
    until: Instant = Instant(0)  # 0: closed
    trial: bool = False  # one call is under way to see whether it works again


class Breakers:
    """Every breaker of a workspace; kept in place. Those that never saw a failure are not there."""

    __slots__ = ("_by", "settings")

    def __init__(self, settings: BreakerSettings = DEFAULT_BREAKER) -> None:
        self.settings = settings
        self._by: dict[tuple[str, str], Breaker] = {}

    @property
    def any_open(self) -> bool:
        """Whether a call of anything would have to wait."""
        return any(one.until for one in self._by.values())

    def is_open(self, adapter: str, operation: str) -> bool:
        """Whether it is open, or half open: at most one call may go."""
        one = self._by.get((adapter, operation))
        return one is not None and bool(one.until)

    def wait(self, adapter: str, operation: str, now: Instant) -> Instant | None:
        """Until when a call must wait; `UNTIL_SETTLED` while a trial call is under way, None when it may go."""
        one = self._by.get((adapter, operation))
        if one is None or not one.until:
            return None
        if now < one.until:
            return one.until
        return UNTIL_SETTLED if one.trial else None

    def wait_of(self, name: str, now: Instant) -> Instant | None:
        """See `wait`, by the name `adapter.operation`: where one ends may be unclear when both have dots in them."""
        key = next((one for one in self._by if f"{one[0]}.{one[1]}" == name), None)
        return None if key is None else self.wait(*key, now)

    def hear(
        self, event: RunEvent, adapter: str, operation: str, at: Instant
    ) -> BreakerOpened | BreakerClosed | None:
        """What became of a call: count it, and say whether the breaker opens or closes by it."""
        key = (adapter, operation)
        one = self._by.get(key)
        match event:
            case ActionStarted():
                if one is not None and one.until:
                    one.trial = True
                return None
            case TaskSucceeded():
                return self._well(key, one)
            case AttemptFailed(failure=FailureClass.THROTTLED, retry_at=until) if until > at:
                return self._opens(key, at, until, "the other side asked to be left alone until then")
            case AttemptFailed(failure=failure, reason=reason) | TaskFailed(failure=failure, reason=reason):
                return self._failed(key, one, failure, at, reason)
            case CompensationFailed(failure=failure, reason=reason):
                return self._failed(key, one, failure, at, reason)
            case ActionInDoubt(reason=reason):
                return self._failed(key, one, FailureClass.IN_DOUBT, at, reason)
            case TaskSkipped():
                if one is not None:
                    one.trial = False  # it was never called: another may try
                return None
            case _:
                return None

    def looked_up(self, adapter: str, operation: str, at: Instant, reason: str) -> BreakerOpened | None:
        """A call's answer was lost and is looked for."""
        key = (adapter, operation)
        found = self._failed(key, self._by.get(key), FailureClass.IN_DOUBT, at, reason)
        return found if isinstance(found, BreakerOpened) else None

    def note(self, event: BreakerOpened | BreakerClosed) -> None:
        """Fold what the ledger says."""
        key = (event.adapter, event.operation)
        match event:
            case BreakerOpened():
                self._by[key] = Breaker(event.failures, event.opened, event.until)
            case BreakerClosed():
                self._by.pop(key, None)

    def _well(self, key: tuple[str, str], one: Breaker | None) -> BreakerClosed | None:
        if one is None:
            return None
        if one.until:
            return BreakerClosed(*key)
        one.failures = 0
        return None

    def _failed(
        self, key: tuple[str, str], one: Breaker | None, failure: FailureClass, at: Instant, reason: str
    ) -> BreakerOpened | BreakerClosed | None:
        if failure not in _UNWELL:
            if one is not None and failure is FailureClass.STOPPED:
                one.trial = False  # nobody was called: another may try
            answered = failure in (FailureClass.REFUSED, FailureClass.INVALID)
            return self._well(key, one) if answered else None
        if one is None:
            one = self._by[key] = Breaker()
        one.failures += 1
        if one.until and not one.trial:
            return None  # a call that had left before it opened
        if one.until or one.failures >= self.settings.failures:
            rest = min(self.settings.rest_max_us, self.settings.rest_us << min(one.opened, 20))
            return self._opens(key, at, Instant(at + rest), reason)
        return None

    def _opens(self, key: tuple[str, str], at: Instant, until: Instant, reason: str) -> BreakerOpened | None:
        one = self._by.setdefault(key, Breaker())
        if one.until >= until:  # it rests longer already, as after a clock was set back
            one.trial = False
            return None
        return BreakerOpened(*key, until, max(1, one.failures), one.opened + 1, reason)
