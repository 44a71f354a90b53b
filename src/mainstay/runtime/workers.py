"""The workers of a loop: they take what is owed to the performer, so many at once, and report what came of it.

Rules of this file:

- Effects are performed by workers, not by a task each: a worker goes on to the next effect when one is done, and a new
  worker comes only while effects wait and none is free. An effect that never awaits costs no switch of tasks.
- An effect whose time is up is cancelled; one that does not hear of it is reported all the same, and its worker counts
  no more: another takes its place. What it answers after all goes to the director, which decides to nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from mainstay.kernel.commands import ClearIncident
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.plan import Priority
from mainstay.runtime.clock import Clock
from mainstay.runtime.incidents import Incident, performer_lost, whose
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Owed, Request

WORKER_MAX = 256  # effects under way at once
DEAF_S = 10.0  # after its deadline: who has not ended by then is lost


class Workers:
    """Performs effects on the running event loop."""

    def __init__(
        self,
        performer: Performer,
        clock: Clock,
        *,
        worker_max: int = WORKER_MAX,
        report: Callable[[Request], None],
        failed: Callable[[], None],
        incident: Callable[[Incident], None],
    ) -> None:
        """`failed` is told when going on is not safe: a lost lease, or a fault of ours (`fatal`)."""
        self.fatal: BaseException | None = None
        self._performer = performer
        self._clock = clock
        self._worker_max = worker_max
        self._report = report
        self._failed = failed
        self._incident = incident
        self._owed: deque[Owed] = deque()
        self._urgent: deque[Owed] = deque()  # of runs whose workflow goes first
        self._patient: deque[Owed] = deque()  # and of those that go last
        self._stopping = False
        self._working: dict[asyncio.Task[None], _Working] = {}
        self._idle = 0
        self._coming = False  # a worker was made and has not begun: one is enough, it makes the next
        self._idle_news = asyncio.Event()
        self._lost: dict[asyncio.Task[None], str] = {}  # workers that do not hear: whose code it is

    @property
    def busy(self) -> bool:
        """Whether any effect waits or is being performed."""
        return bool(self._owed or self._urgent or self._patient) or len(self._working) > self._idle

    @property
    def queued(self) -> int:
        """How many effects wait for their turn."""
        return len(self._owed) + len(self._urgent) + len(self._patient)

    @property
    def in_flight(self) -> int:
        """How many effects are being performed."""
        return sum(one.owed is not None for one in self._working.values())

    @property
    def deaf(self) -> int:
        """How many workers did not hear that their time is up, and still hold what they were given."""
        return len(self._lost)

    def take(self, owed: Owed) -> None:
        """Put an effect in line; `come` sees to it that somebody takes it."""
        if owed.priority is Priority.NORMAL:
            self._owed.append(owed)
        else:
            (self._urgent if owed.priority is Priority.HIGH else self._patient).append(owed)

    def come(self) -> None:
        """Where effects wait: wake a worker that is idle, or make one while there is room."""
        if not (self._owed or self._urgent or self._patient):
            return
        if self._idle:
            self._idle_news.set()
        elif not self._coming and len(self._working) < self._worker_max:
            self._coming = True
            working = _Working()
            task = asyncio.create_task(self._work(working))
            self._working[task] = working
            task.add_done_callback(self._gone)

    def stop(self) -> None:
        """No worker takes another effect."""
        self._stopping = True

    async def end(self, timeout_s: float) -> None:
        """Cancel all of them; who has not heard in that time is left behind."""
        workers = [*self._working, *self._lost]
        for worker in workers:
            worker.cancel()
        if workers:
            await asyncio.wait(workers, timeout=timeout_s)

    # --- at work -----------------------------------------------------------------------------------------------------

    async def _work(self, working: _Working) -> None:
        self._coming = False
        owed_queue, urgent, patient = self._owed, self._urgent, self._patient
        while not self._stopping:
            if not (owed_queue or urgent or patient):
                if self._idle:
                    return  # one that waits for work is enough
                await self._wait_for_work()
                continue
            owed = (urgent or owed_queue or patient).popleft()
            if owed_queue or urgent or patient:
                self.come()  # it comes when this one awaits something, and finds nothing if it does not
            working.owed = owed
            working.timed_out = False
            working.deadline_s = self._clock.monotonic_s() + self._performer.deadline_s(owed.effect)
            try:
                request = await self._performer.perform(owed)
            except asyncio.CancelledError:
                if not working.timed_out:
                    raise
                request = self._performer.timed_out(owed)
            finally:
                working.owed = None
            if working.timed_out:  # also when somebody's code swallowed it, and answered after all
                current = asyncio.current_task()
                assert current is not None
                current.uncancel()
            if request is not None:
                self._report(request)
            if working.lost:
                return  # its place was taken

    async def _wait_for_work(self) -> None:
        self._idle += 1
        self._idle_news.clear()
        try:
            await self._idle_news.wait()
        finally:
            self._idle -= 1

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        who = self._lost.pop(task, "")
        if who and who not in self._lost.values():
            self._incident(ClearIncident(IncidentKind.PERFORMER_LOST, who))
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fatal = error  # never go on half blind
            self._failed()

    # --- looking after them ------------------------------------------------------------------------------------------

    def look_after(self) -> None:
        """Cancel what has passed its deadline, and give up who does not hear of it."""
        now = self._clock.monotonic_s()
        for task, working in list(self._working.items()):
            if working.owed is None or now < working.deadline_s:
                continue
            if not working.timed_out:
                working.timed_out = True
                task.cancel()
            elif now >= working.deadline_s + DEAF_S:
                self._give_up(task, working, working.owed)

    def _give_up(self, task: asyncio.Task[None], working: _Working, owed: Owed) -> None:
        working.lost = True
        del self._working[task]
        who = self._lost[task] = whose(owed.effect)
        request = self._performer.timed_out(owed)
        if request is not None:
            self._report(request)
        deadline_s = self._performer.deadline_s(owed.effect)
        self._incident(performer_lost(who, deadline_s=deadline_s, deaf_s=DEAF_S))
        self.come()


class _Working:
    """What a worker is doing, and until when it may."""

    __slots__ = ("deadline_s", "lost", "owed", "timed_out")

    def __init__(self) -> None:
        self.owed: Owed | None = None
        self.deadline_s = 0.0
        self.timed_out = False
        self.lost = False
