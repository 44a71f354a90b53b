"""Whether a start may happen now: pauses, throttles and breakers, folded from the ledger.

`Admission` is kept in place by the director, like the balances: it moves with every event decided, so that two starts
of one tick cannot both take the last token. A start that may not happen is deferred under a scope, the word for what
it waits for; `free_at` says when that scope has room again. A decision in the making counts what it has taken itself
(`taken`).
"""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.kernel.breaker import DEFAULT_BREAKER, Breakers, BreakerSettings
from mainstay.kernel.throttle import Buckets, Rate
from mainstay.kernel.values import Instant

FOREVER = Instant(2**62)  # no clock leads on: somebody has to
NOTHING_TAKEN: Mapping[str, int] = {}


class Admission:
    """What may start, as things stand."""

    __slots__ = ("breakers", "buckets", "idle", "killed", "paused")

    def __init__(
        self, rates: Mapping[str, Rate] | None = None, breakers: BreakerSettings = DEFAULT_BREAKER
    ) -> None:
        self.buckets = Buckets(rates or {})
        self.breakers = Breakers(breakers)
        self.paused: set[tuple[str, str]] = set()
        self.killed = False
        self.idle = True
        self.refresh()

    def refresh(self) -> None:
        """Note anew whether anything could wait at all: nearly always nothing can, and starts ask each time."""
        self.idle = not (self.buckets.rates or self.paused or self.breakers.any_open)

    def pauses(self, workflow: str) -> str:
        """The scope whose pause holds every run of this workflow; empty when none does."""
        if ("workspace", "") in self.paused:
            return "pause:workspace"
        return f"pause:workflow:{workflow}" if ("workflow", workflow) in self.paused else ""

    def defers_thinking(
        self, workflow: str, agent: str, now: Instant, taken: Mapping[str, int] = NOTHING_TAKEN
    ) -> str:
        """The scope for which asking this agent has to wait; empty when it may start."""
        if self.idle:
            return ""
        return self.pauses(workflow) or self._throttles(f"agent:{agent}", now, taken)

    def defers_act(
        self,
        workflow: str,
        adapter: str,
        operation: str,
        now: Instant,
        taken: Mapping[str, int] = NOTHING_TAKEN,
    ) -> str:
        """The scope for which this call has to wait; empty when it may leave."""
        if self.idle:
            return ""
        if paused := self.pauses(workflow):
            return paused
        if ("adapter", adapter) in self.paused:
            return f"pause:adapter:{adapter}"
        scope = f"breaker:{adapter}.{operation}"
        wait = self.breakers.wait(adapter, operation, now)
        if wait is not None or (taken.get(scope) and self.breakers.is_open(adapter, operation)):
            return scope
        return self._throttles(f"adapter:{adapter}", now, taken)

    def free_at(self, scope: str, now: Instant) -> Instant:
        """When a scope has room again, as far as a clock can tell; `now` or earlier: there is room."""
        kind, _, name = scope.partition(":")
        match kind:
            case "kill switch":
                return FOREVER if self.killed else now
            case "pause":
                where, _, what = name.partition(":")
                return FOREVER if (where, what) in self.paused else now
            case "breaker":
                wait = self.breakers.wait_of(name, now)
                if wait is None:
                    return now
                return wait or FOREVER
            case "throttle":
                return self.buckets.free_at(name, now)
            case _:
                return now

    def _throttles(self, scope: str, now: Instant, taken: Mapping[str, int]) -> str:
        for one in (scope, "workspace"):
            if one in self.buckets.rates and self.buckets.free_at(one, now, taken.get(one, 0)) > now:
                return f"throttle:{one}"
        return ""
