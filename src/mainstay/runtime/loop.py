"""The loop: carries requests to the director, commits, hands effects to the performer, keeps timers. No decisions.

Rules of this file:

- A tick takes what is waiting, at most `TICK_MAX`, without lingering: the fsync of one tick gathers the next. While
  more than that waits, a tick goes on in slices of `TICK_MAX`, and others have their turn in between.
- A small tick is committed on the loop, a large one in a thread, so that both the single step and the crowd are fast.
- Effects are performed by workers (`runtime.workers`), a bounded number at once.
- Every queue has a bound, every wait a deadline.
- A full disk is waited out with the tick in hand; a failed disk, or a lost lease, ends the process.
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
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.errors import DirectorBusy, DirectorUnavailable, StorageFull
from mainstay.kernel.values import SECOND
from mainstay.runtime.clock import Clock
from mainstay.runtime.director import Director
from mainstay.runtime.incidents import Incident, clock_jumped
from mainstay.runtime.performer import Performer
from mainstay.runtime.tick import Answer, Owed, Request, Tick
from mainstay.runtime.timers import Timers
from mainstay.runtime.workers import WORKER_MAX, Workers

INBOX_MAX = 20_000
TICK_MAX = 256  # commands decided at once: keeps the loop free for 10 to 24 ms
SLICES_MAX = 4  # of a tick when a crowd waits: fewer commits, and no longer hold of the event loop
COMMIT_ON_LOOP_ROWS = 16
FULL_DISK_WAIT_S = 5.0
SWEEP_S = 0.25  # how late a passed deadline may be noticed
END_S = 10.0  # at the end: who has not heard by then is left behind
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
        self.workers = Workers(
            performer,
            clock,
            worker_max=worker_max,
            report=self._hear,
            failed=self.stop,
            incident=incident,
        )
        self._clock = clock
        self._inbox: deque[Request] = deque()
        self._news = asyncio.Event()
        self._stopping = False
        self._ended = False
        self._between: deque[tuple[Callable[[], None], asyncio.Future[None]]] = deque()
        self._asking: set[asyncio.Future[Any]] = set()  # who waits for an answer, to be told if none comes
        self._noticed = noticed
        self._incident = incident
        self._committed = committed
        self._ahead_s = self._wall_ahead_s()
        self._deciding = False  # a tick is in hand: decided, perhaps not durable yet
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
        return not (self._deciding or self._inbox or self.workers.busy)

    @property
    def queued(self) -> int:
        """How many requests and effects wait for their turn."""
        return len(self._inbox) + self.workers.queued

    def stop(self) -> None:
        """End `run` after the tick under way. What is being performed is cancelled; the next boot settles it."""
        self._stopping = True
        self.workers.stop()
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
            self._stopping = True
            self.workers.stop()  # one that is cancelled just as its time is up ends as well
            sweeper.cancel()
            await self.workers.end(END_S)
            await asyncio.gather(sweeper, return_exceptions=True)
            self._writer.shutdown(wait=True)
            self._tell_who_asks()
        if self.workers.fatal is not None:
            raise self.workers.fatal

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

    # --- effects and what came of them ------------------------------------------------------------------------------

    def _hand_out(self, effects: list[Owed]) -> None:
        for owed in effects:
            if isinstance(owed.effect, WakeAt):
                self.timers.add(owed.effect)
            else:
                self.workers.take(owed)
        self.workers.come()

    def _hear(self, request: Request) -> None:
        # Outcomes are never refused: their number is bounded by the workers.
        self._inbox.append(request)
        self._news.set()

    # --- looking after it ------------------------------------------------------------------------------------------

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._watch_clock()
            self.workers.look_after()

    def _wall_ahead_s(self) -> float:
        return self._clock.now() / SECOND - self._clock.monotonic_s()

    def _watch_clock(self) -> None:
        ahead_s = self._wall_ahead_s()
        by_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s  # a clock that is slewed slowly never jumps
        if abs(by_s) < JUMP_S:
            return
        self._news.set()  # what became due is woken now
        self._incident(clock_jumped(by_s))
