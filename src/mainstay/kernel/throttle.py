"""Throttles: token buckets as a fold over starts.

A bucket is kept as one number, its theoretical arrival time: the moment at which it would be full of debt no
longer (the generic cell rate algorithm, ITU-T I.371, Annex A). It moves with each start that the ledger holds and
with nothing else, so that after a crash the same starts leave the same room. In any window of length w at most
`burst + w / interval` starts happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mainstay.kernel.values import Instant


@dataclass(frozen=True, slots=True)
class Rate:
    """So many starts in a stretch of time, of which `burst` may come at once."""

    count: int
    per_us: int
    burst: int

    @property
    def interval_us(self) -> int:
        """The time after which one more start fits."""
        return max(1, self.per_us // self.count)


class Buckets:
    """Every bucket of a workspace, by scope (`workspace`, `adapter:NAME`, `agent:NAME`); kept in place."""

    __slots__ = ("_full_at", "rates")

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self.rates = rates
        self._full_at: dict[str, int] = {}

    def free_at(self, scope: str, now: Instant, taken: int = 0) -> Instant:
        """When the next start of a scope fits, after `taken` more than are booked; `now` if it fits already."""
        rate = self.rates.get(scope)
        if rate is None:
            return now
        full_at = max(self._owes_until(scope, rate, now), now) + taken * rate.interval_us
        return Instant(max(now, full_at - (rate.burst - 1) * rate.interval_us))

    def take(self, scope: str, at: Instant) -> None:
        """A start happened."""
        rate = self.rates.get(scope)
        if rate is not None:
            self._full_at[scope] = max(self._owes_until(scope, rate, at), at) + rate.interval_us

    def drain(self, at: Instant) -> None:
        """Nothing is known of what started before: every bucket counts as empty."""
        for scope, rate in self.rates.items():
            self._full_at[scope] = at + rate.burst * rate.interval_us

    def settle(self, now: Instant) -> None:
        """A clock that was set back must not turn the debt of minutes into days: from now on a full bucket is owed."""
        for scope, rate in self.rates.items():
            if scope in self._full_at:
                self._full_at[scope] = self._owes_until(scope, rate, now)

    def _owes_until(self, scope: str, rate: Rate, now: Instant) -> int:
        return min(self._full_at.get(scope, 0), now + rate.burst * rate.interval_us)

    def levels(self) -> dict[str, int]:
        """What must be remembered over a restart."""
        return dict(self._full_at)

    def restore(self, levels: Mapping[str, int]) -> None:
        """What was remembered."""
        self._full_at.update({scope: level for scope, level in levels.items() if scope in self.rates})
