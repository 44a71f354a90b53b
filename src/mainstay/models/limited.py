"""`LimitedModel`: so many calls at once, so many a minute, and a pause where the provider asks for one.

Rules of the file: waiting has a bound. Who would wait longer is told `limited` and for how long, before any call, and
the director tries again. One `Turnstile` stands before each provider and is shared by all briefs; what it waits for
are its own clock and other calls of this process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from mainstay.kernel.values import NO_USAGE
from mainstay.models.base import Completion, ModelClient, Prompt, Unanswered

# With the time of a call, less than an attempt has: a call that is given up half-way costs its worst case.
WAIT_MAX_S = 15.0
PAUSE_S = 5.0  # after a provider asked to slow down and did not say for how long
QUEUE_MAX = 1_000


class Turnstile:
    """Lets calls through. `now` and `sleep` are given by tests; used within one event loop at a time."""

    def __init__(
        self,
        *,
        concurrency: int,
        calls_per_minute: int = 0,
        wait_max_s: float = WAIT_MAX_S,
        now: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        assert concurrency > 0, "nobody would ever get through"
        self._free = concurrency
        self._gap_s = 60.0 / calls_per_minute if calls_per_minute else 0.0
        self._wait_max_s = wait_max_s
        self._now, self._sleep = now, sleep
        self._queue: deque[asyncio.Future[None]] = deque()
        self._next_at = 0.0  # when the next call may start

    async def enter(self) -> Unanswered | None:
        """Wait for a turn; None when it has come, and then `leave` has to follow."""
        refused = self._too_long()
        if refused is not None:
            return refused
        began = self._now()
        if self._free > 0:
            self._free -= 1
        elif not await self._queued():
            return _limited("its calls are all taken", self._wait_max_s)
        # Taken in order: each call that got a place moves the time of the next one.
        start = max(self._next_at, self._now())
        if start - began > self._wait_max_s:
            self.leave()
            return _limited("its calls are too many a minute", start - self._now())
        self._next_at = start + self._gap_s
        if start > self._now():
            try:
                await self._sleep(start - self._now())
            except BaseException:
                self.leave()
                raise
        return None

    def leave(self) -> None:
        """Give the place to whoever has waited longest."""
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self._free += 1

    def pause(self, for_s: float | None) -> None:
        """The provider asked to slow down: nobody starts before that time is over."""
        self._next_at = max(self._next_at, self._now() + (PAUSE_S if for_s is None else for_s))

    def _too_long(self) -> Unanswered | None:
        ahead = self._next_at - self._now()
        if ahead > self._wait_max_s:
            return _limited("the provider asked to slow down", ahead)
        if len(self._queue) >= QUEUE_MAX:
            return _limited(f"{QUEUE_MAX:,} calls wait already", self._wait_max_s)
        return None

    async def _queued(self) -> bool:
        """Wait for a place; False if none came in time."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(waiting)
        try:
            async with asyncio.timeout(self._wait_max_s):
                await waiting
        except TimeoutError:
            return self._gave_up(waiting)
        except BaseException:
            if self._gave_up(waiting):
                self.leave()
            raise
        return True

    def _gave_up(self, waiting: asyncio.Future[None]) -> bool:
        """Leave the queue; True if the place came in the same moment."""
        if waiting.done() and not waiting.cancelled():
            return True
        if waiting in self._queue:
            self._queue.remove(waiting)
        return False


class LimitedModel:
    """A model behind a turnstile."""

    def __init__(self, inner: ModelClient, turnstile: Turnstile) -> None:
        self._inner = inner
        self._turnstile = turnstile

    @property
    def model_id(self) -> str:
        return self._inner.model_id

    async def complete(self, prompt: Prompt) -> Completion | Unanswered:
        """The answer, when its turn has come; `limited` without a call where that takes too long."""
        refused = await self._turnstile.enter()
        if refused is not None:
            return refused
        try:
            answer = await self._inner.complete(prompt)
        finally:
            self._turnstile.leave()
        if isinstance(answer, Unanswered) and answer.cause == "limited":
            self._turnstile.pause(answer.retry_after_s)
        return answer


def _limited(why: str, after_s: float) -> Unanswered:
    return Unanswered("limited", f"it is not its turn yet: {why}", NO_USAGE, max(0.0, after_s))
