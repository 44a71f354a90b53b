"""The loop: carries requests to the director, commits, hands effects to the performer, keeps timers. No decisions.

Rules of this file:

- A tick takes what is waiting, at most `TICK_MAX`, without lingering: the fsync of one tick gathers the next. While
  more than that waits, a tick goes on in slices of `TICK_MAX`, and others have their turn in between.
- A small tick is committed on the loop, a large one in a thread, so that both the single step and the crowd are fast.
- Effects are performed by workers, not by a task each: a worker goes on to the next effect when one is done, and a new
  worker comes only while effects wait and none is free. An effect that never awaits costs no switch of tasks.
- Every queue has a bound, every wait a deadline.
- A full disk is waited out with the tick in hand; a failed disk, or a lost lease, ends the process.
- An effect whose time is up is cancelled; one that does not hear of it is reported all the same, and its worker counts
  no more: another takes its place. What it answers after all goes to the director, which decides to nothing.
- What is wrong with the house (`incident`) is told, not acted on.
- What only the writer may do and no decision needs (`between`) is done in its thread, one piece between two ticks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mainstay.governance.durations import Durations
from mainstay.kernel.commands import ClearIncident
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.errors import DirectorBusy, DirectorUnavailable, StorageFull
from mainstay.kernel.events import IncidentKind
from mainstay.kernel.plan import Priority
from mainstay.kernel.values import SECOND
from mainstay.runtime.clock import Clock
from mainstay.runtime.director import Director
from mainstay.runtime.incidents import Incident, clock_jumped, performer_lost, whose
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Answer, Owed, Request, Tick
from mainstay.runtime.timers import Timers

INBOX_MAX = 20_000
TICK_MAX = 256  # commands decided at once: keeps the loop free for 10 to 24 ms
WORKER_MAX = 256  # effects under way at once
SLICES_MAX = 4  # of a tick when a crowd waits: fewer commits, and no longer hold of the event loop
COMMIT_ON_LOOP_ROWS = 16
FULL_DISK_WAIT_S = 5.0
SWEEP_S = 0.25  # how late a passed deadline may be noticed
END_S = 10.0  # at the end: who has not heard by then is left behind
DEAF_S = 10.0  # after its deadline: who has not ended by then is lost
JUMP_S = 30.0  # wall time that passed, or went back, without as much time passing


class Loop:
    """Drives one director on the running event loop."""

    def __init__(
        self,
        director: Director,
        performer: Performer,
        clock: Clock,
        *,
        worker_max: int = WORKER_MAX,
        noticed: Callable[[str, Exception], None] = lambda what, error: None,
        incident: Callable[[Incident], None] = lambda told: None,
        committed: Callable[[Tick], None] = lambda tick: None,
    ) -> None:
        self.director = director
        self.timers = Timers()
        self._performer = performer
        self._clock = clock
        self._inbox: deque[Request] = deque()
        self._owed: deque[Owed] = deque()
        self._urgent: deque[Owed] = deque()  # of runs whose workflow goes first
        self._patient: deque[Owed] = deque()  # and of those that go last
        self._news = asyncio.Event()
        self._stopping = False
        self._ended = False
        self._between: deque[tuple[Callable[[], None], asyncio.Future[None]]] = deque()
        self._asking: set[asyncio.Future[Any]] = set()  # who waits for an answer, to be told if none comes
        self._worker_max = worker_max
        self._workers: dict[asyncio.Task[None], _Working] = {}
        self._idle = 0
        self._coming = False  # a worker was made and has not begun: one is enough, it makes the next
        self._idle_news = asyncio.Event()
        self._noticed = noticed
        self._incident = incident
        self._committed = committed
        self._lost: dict[asyncio.Task[None], str] = {}  # workers that do not hear: whose code it is
        self._ahead_s = self._wall_ahead_s()
        self._deciding = False  # a tick is in hand: decided, perhaps not durable yet
        self._fatal: BaseException | None = None
        self.disk_full = False
        self.ticks = 0
        self.tick_durations = Durations()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    # --- the doors -------------------------------------------------------------------------------------------------

    def send(self, request: Request) -> None:
        """Put a request into the inbox. Raises `DirectorBusy` when it is full, `DirectorUnavailable` at the end."""
        if self._ended:
            raise DirectorUnavailable(
                why="It has ended.", remedy="Nothing was sent. Start `mainstay up`.", sent=False
            )
        if len(self._inbox) >= INBOX_MAX:
            raise DirectorBusy(
                why=f"{INBOX_MAX} requests are waiting.",
                remedy="Nothing was accepted. Try again in a moment.",
            )
        self._inbox.append(request)
        self._news.set()

    async def ask(self, request: Request) -> Answer:
        """Send a request and wait until it is durable. Raises `DirectorUnavailable` if the loop ends before."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answered(answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        request.answer = answered
        self.send(request)
        self._asking.add(future)
        future.add_done_callback(self._asking.discard)
        return await future

    async def between(self, work: Callable[[], None]) -> None:
        """Do it between two ticks, in the writer's thread. Raises what it raised; if the loop ends, as `ask` does."""
        if self._ended:
            raise DirectorUnavailable(
                why="It has ended.", remedy="Nothing was done. Start `mainstay up`.", sent=False
            )
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._between.append((work, done))
        self._news.set()
        self._asking.add(done)
        done.add_done_callback(self._asking.discard)
        await done

    @property
    def quiet(self) -> bool:
        """Whether nothing is waiting or under way; timers may still be owed."""
        waiting = self._inbox or self._owed or self._urgent or self._patient
        return not (self._deciding or waiting or len(self._workers) > self._idle)

    @property
    def in_flight(self) -> int:
        """How many effects are being performed."""
        return sum(one.owed is not None for one in self._workers.values())

    @property
    def queued(self) -> int:
        """How many requests and effects wait for their turn."""
        return len(self._inbox) + len(self._owed) + len(self._urgent) + len(self._patient)

    def stop(self) -> None:
        """End `run` after the tick under way. What is being performed is cancelled; the next boot settles it."""
        self._stopping = True
        self._news.set()

    # --- the loop --------------------------------------------------------------------------------------------------

    async def run(self, owed: list[Owed]) -> None:
        """Go on until `stop`. `owed` is what the director's boot found. Raises what ended it."""
        self._hand_out(owed)
        sweeper = asyncio.create_task(self._sweep())
        try:
            while not self._stopping:
                if not self._inbox:
                    await self._wait()
                self._wake_due()
                self._deciding = True
                await self._tick()
                if self._between:
                    await self._do_between()
                self._deciding = False
        finally:
            self._stopping = True  # a worker that is cancelled just as its time is up ends as well
            sweeper.cancel()
            workers = [*self._workers, *self._lost]
            for worker in workers:
                worker.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
            if workers:
                await asyncio.wait(workers, timeout=END_S)
            self._writer.shutdown(wait=True)
            self._tell_who_asks()
        if self._fatal is not None:
            raise self._fatal

    def _tell_who_asks(self) -> None:
        self._ended = True
        for future in list(self._asking):
            if not future.done():
                future.set_exception(
                    DirectorUnavailable(
                        why="It ended before the answer.",
                        remedy="What was asked may have been decided or not. Start `mainstay up`, then ask again: "
                        "what was decided is not decided twice.",
                        sent=True,
                    )
                )

    async def _wait(self) -> None:
        self._news.clear()
        if self._inbox or self._between or self._stopping:
            return
        next_at = self.timers.next_at()
        # Timers are read against the wall clock, which may jump: look again at least every second.
        timeout_s = None if next_at is None else min(1.0, max(0.0, (next_at - self._clock.now()) / SECOND))
        if timeout_s is None:
            await self._news.wait()
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return

    def _wake_due(self) -> None:
        for wake in self.timers.due(self._clock.now()):
            self._inbox.append(Request(wake))

    async def _tick(self) -> None:
        inbox = self._inbox
        if not inbox:
            return
        began_s = self._clock.monotonic_s()
        tick = self.director.tick(self._slice())
        for _ in range(1, SLICES_MAX):
            if len(inbox) < TICK_MAX:
                break
            await asyncio.sleep(0)  # the loop stays as free as with small ticks
            self.director.tick(self._slice(), onto=tick)
        await self._commit(tick)
        self.ticks += 1
        self.tick_durations.observe(self._clock.monotonic_s() - began_s)
        self._hand_out(tick.effects)
        self._committed(tick)
        for answer, value in tick.answers:
            answer(value)
        # Performers and doors get their turn even when ticks follow each other without a pause. What they report
        # in this turn is in the next tick, without a wait in between: one turn of the event loop a step.
        await asyncio.sleep(0)

    async def _do_between(self) -> None:
        work, done = self._between.popleft()
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, work)
        except Exception as error:
            if not done.done():  # for whoever asked; what is wrong with the store, the next commit finds too
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(None)

    def _slice(self) -> list[Request]:
        return [self._inbox.popleft() for _ in range(min(TICK_MAX, len(self._inbox)))]

    async def _commit(self, tick: Tick) -> None:
        while True:
            try:
                if tick.events <= COMMIT_ON_LOOP_ROWS:
                    self.director.commit(tick)
                else:
                    await asyncio.get_running_loop().run_in_executor(self._writer, self.director.commit, tick)
                self.disk_full = False
                return
            except StorageFull as error:
                # Nothing of the tick was written and nothing of it was acknowledged: it waits for space.
                self.disk_full = True
                self._noticed("the disk is full", error)
                if self._stopping:
                    raise
                await asyncio.sleep(FULL_DISK_WAIT_S)

    # --- performing ------------------------------------------------------------------------------------------------

    def _hand_out(self, effects: list[Owed]) -> None:
        for owed in effects:
            if isinstance(owed.effect, WakeAt):
                self.timers.add(owed.effect)
            elif owed.priority is Priority.NORMAL:
                self._owed.append(owed)
            else:
                (self._urgent if owed.priority is Priority.HIGH else self._patient).append(owed)
        if self._owed or self._urgent or self._patient:
            self._want_worker()

    def _want_worker(self) -> None:
        if self._idle:
            self._idle_news.set()
        elif not self._coming and len(self._workers) < self._worker_max:
            self._coming = True
            working = _Working()
            task = asyncio.create_task(self._work(working))
            self._workers[task] = working
            task.add_done_callback(self._worker_gone)

    def _worker_gone(self, task: asyncio.Task[None]) -> None:
        self._workers.pop(task, None)
        who = self._lost.pop(task, "")
        if who and who not in self._lost.values():
            self._incident(ClearIncident(IncidentKind.PERFORMER_LOST, who))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fatal = error  # a lost lease, or a fault of ours: never go on half blind
            self.stop()

    async def _work(self, working: _Working) -> None:
        self._coming = False
        owed_queue, urgent, patient = self._owed, self._urgent, self._patient
        while not self._stopping:
            if not (owed_queue or urgent or patient):
                if self._idle:
                    return  # one that waits for work is enough
                self._idle += 1
                self._idle_news.clear()
                try:
                    await self._idle_news.wait()
                finally:
                    self._idle -= 1
                continue
            owed = (urgent or owed_queue or patient).popleft()
            if owed_queue or urgent or patient:
                self._want_worker()  # it comes when this one awaits something, and finds nothing if it does not
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
                self._inbox.append(
                    request
                )  # outcomes are never refused: their number is bounded by the workers
                self._news.set()
            if working.lost:
                return  # its place was taken

    # --- looking after it ------------------------------------------------------------------------------------------

    @property
    def deaf(self) -> int:
        """How many workers did not hear that their time is up, and still hold what they were given."""
        return len(self._lost)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._watch_clock()
            now = self._clock.monotonic_s()
            for task, working in list(self._workers.items()):
                if working.owed is None or now < working.deadline_s:
                    continue
                if not working.timed_out:
                    working.timed_out = True
                    task.cancel()
                elif now >= working.deadline_s + DEAF_S:
                    self._give_up(task, working, working.owed)

    def _give_up(self, task: asyncio.Task[None], working: _Working, owed: Owed) -> None:
        working.lost = True
        del self._workers[task]
        who = self._lost[task] = whose(owed.effect)
        request = self._performer.timed_out(owed)
        if request is not None:
            self._inbox.append(request)
            self._news.set()
        deadline_s = self._performer.deadline_s(owed.effect)
        self._incident(performer_lost(who, deadline_s=deadline_s, deaf_s=DEAF_S))
        if self._owed or self._urgent or self._patient:
            self._want_worker()

    def _wall_ahead_s(self) -> float:
        return self._clock.now() / SECOND - self._clock.monotonic_s()

    def _watch_clock(self) -> None:
        ahead_s = self._wall_ahead_s()
        by_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s  # a clock that is slewed slowly never jumps
        if abs(by_s) < JUMP_S:
            return
        self._news.set()  # what became due is woken now
        self._incident(clock_jumped(by_s))


class _Working:
    """What a worker is doing, and until when it may."""

    __slots__ = ("deadline_s", "lost", "owed", "timed_out")

    def __init__(self) -> None:
        self.owed: Owed | None = None
        self.deadline_s = 0.0
        self.timed_out = False
        self.lost = False
