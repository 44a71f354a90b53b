"""Time as a parameter: the only place that reads a clock."""

from __future__ import annotations

import time
from typing import Protocol

from mainstay.kernel.values import Instant


class Clock(Protocol):
    """Wall time for what is recorded and for timers; monotonic time for deadlines within a process."""

    def now(self) -> Instant:
        """Microseconds since the epoch, UTC. May jump, forwards and back."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some moment; never goes back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1000)

    def monotonic_s(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved. For tests and simulation."""

    def __init__(self, at: int = 1_700_000_000_000_000) -> None:
        self._now = at
        self._elapsed_us = 0

    def now(self) -> Instant:
        return Instant(self._now)

    def monotonic_s(self) -> float:
        return self._elapsed_us / 1_000_000

    def advance(self, micros: int) -> None:
        """Let time pass."""
        assert micros >= 0, "time passes forwards; `jump` sets the clock"
        self._now += micros
        self._elapsed_us += micros

    def jump(self, micros: int) -> None:
        """Set the wall clock forwards or back, as an operator or NTP does; monotonic time knows nothing of it."""
        self._now += micros
