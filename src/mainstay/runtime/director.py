"""The director: takes commands, decides them in order, appends what was decided in one transaction, hands out effects.

Rules of this file:

- It is synchronous and reads no clock but the one it was given. The loop (`runtime.loop`) and the simulator drive it.
- `tick` decides; `commit` makes it durable; only then may effects be performed and requests be answered.
- Between `tick` and `commit` memory is ahead of the disk. If the append fails for want of space, `commit` is called
  again with the same tick; if the disk fails, the process ends and a new one folds what is there.

What it knows lies in `runtime.books`, what it decides in `runtime.deciding_runs` and `runtime.deciding_house`, and how
that is written in `runtime.writing`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from mainstay.kernel.commands import (
    Admit,
    AutonomyCommand,
    GovernanceCommand,
    MemoryCommand,
    RecordOutcome,
    RecoverRun,
    StartRun,
    Wake,
)
from mainstay.kernel.events import DirectorStarted
from mainstay.kernel.house import HouseDecision
from mainstay.kernel.persons import machine_decides
from mainstay.kernel.run import pending
from mainstay.kernel.values import Json
from mainstay.ledger.rows import META
from mainstay.ledger.store import Put
from mainstay.runtime.boot import BUCKET, held_by_workflow
from mainstay.runtime.collector import paused_collector
from mainstay.runtime.deciding_runs import DecidingRuns, priority_of
from mainstay.runtime.inbox import Arrival
from mainstay.runtime.recovering import to_recover
from mainstay.runtime.tick import Answer, Owed, Request, Tick
from mainstay.runtime.timers import HOUSE

ADMITTED_MAX = 256  # deferred starts that one tick lets go; more come with the next


class Director(DecidingRuns):
    """One writer's decisions over one workspace."""

    @paused_collector()
    def boot(self) -> list[Owed]:
        """Take the workspace: raise the epoch, fold what is open, settle what was under way, and say what is owed."""
        self.acquire()
        self.load_all()
        self.balances.held = sum(one.state.held for one in self.runs.values())
        self.balances.held_by_workflow = held_by_workflow(one.state for one in self.runs.values())
        self._held_written = self.balances.held
        for one in self.runs.values():
            self.admitting.notice(one.state, self.facts(self.clock.now()))
        first = self.house.started(self.epoch, self._version)
        recovering = to_recover(
            self.store, self.runs, self.lines, restored=self.house.restored, unclean=first.unclean
        )
        tick = self.tick(recovering, start=first)
        tick.effects.clear()  # what recovery owes is part of what is pending
        self.commit(tick)
        self.writing.seal_after(tick, self.clock.now())  # or the next boot would fold what this one settled
        owed = [
            Owed(effect, self.position, priority_of(one.state))
            for one in self.runs.values()
            for effect in pending(one.state)
        ]
        self._schedule_at, self._house_at = self._inbox.next_due(self.house, tick.at), None
        return [*owed, *self._house_timer(tick.at)]

    # --- a tick ------------------------------------------------------------------------------------------------------

    def tick(
        self, requests: Sequence[Request], *, start: DirectorStarted | None = None, onto: Tick | None = None
    ) -> Tick:
        """Decide these requests in order. Nothing is durable, performed or answered before `commit`.

        `onto` takes a tick that was not committed yet and goes on with it: one transaction, one time.
        """
        tick = onto or Tick(self.clock.now())
        self._tick_facts = None
        if onto is None:
            self._begin_tick(tick)
        if start is not None:
            self._append_house(tick, (start,), Request(RecoverRun(HOUSE)))
        queue = deque(requests)
        self._work_off(tick, queue)
        if self.performing:
            self._admit(tick, queue)
        if self.balances.held != self._held_written and tick.events:
            self._held_written = self.balances.held
            tick.changes.append(Put("house", ("held",), {"value": str(self.balances.held)}))
        return tick

    def _begin_tick(self, tick: Tick) -> None:
        for one in (self._inbox, self._remembering, self._governing, self._trusting):
            one.begin_tick()
        self.admitting.admission.buckets.settle(tick.at)
        self._gone.clear()
        self.balances.roll(tick.at)

    def _work_off(self, tick: Tick, queue: deque[Request]) -> None:
        while queue:
            request = queue.popleft()
            before = tick.events
            detail = self._decide(tick, request, queue)
            if request.blobs:
                # Also when it decided to nothing: performers share the stage, so a blob may be a neighbour's.
                tick.blobs.update(request.blobs)
            if request.follow and tick.events > before:
                queue.extendleft(
                    Request(one, request.actor, self.position) for one in reversed(request.follow)
                )
            if request.answer is not None:
                tick.answers.append((request.answer, Answer(tick.events - before, self.position, detail)))

    def _decide(self, tick: Tick, request: Request, queue: deque[Request]) -> Json:
        command = request.command
        if isinstance(command, RecordOutcome):  # nearly always
            self._decide_run(tick, request, command, queue)
        elif isinstance(command, Arrival):
            return self._receive(tick, request, command, queue)
        elif machine_decides(command, request.actor):
            pass  # whichever door let it in: what is a person's to say, no agent says
        elif isinstance(command, StartRun):
            self._decide_run(tick, request, command, queue)
        elif isinstance(command, Wake) and command.run == HOUSE:
            self._wake(tick, queue)
        elif isinstance(command, HouseDecision):
            self._decide_house(tick, request, command, queue)
        elif isinstance(command, MemoryCommand):
            self._decide_memory(tick, request, command, queue)
        elif isinstance(command, AutonomyCommand):
            self._decide_autonomy(tick, request, command, queue)
        elif isinstance(command, GovernanceCommand):
            self._govern(tick, request, command, queue)
        else:
            self._decide_run(tick, request, command, queue)
        return {}

    def _admit(self, tick: Tick, queue: deque[Request]) -> None:
        """Let deferred starts go while there is room, and owe a timer for when there is some again."""
        admitting = self.admitting
        if not admitting.idle:
            for count, (run, task) in enumerate(admitting.admissible(tick.at)):
                queue.append(Request(Admit(run, task)))
                self._work_off(tick, queue)
                if count == ADMITTED_MAX:
                    break
            levels = admitting.admission.buckets.levels()
            for scope in levels if levels != self._levels else ():
                tick.changes.append(Put(META.name, (BUCKET + scope,), {"value": str(levels[scope])}))
            self._levels = levels
        tick.effects += self._house_timer(tick.at)

    def commit(self, tick: Tick) -> None:
        """Make the tick durable. Raises `StorageFull` (call again), `StaleEpoch` or `StorageFailed` (end)."""
        self.writing.commit(tick)

    def handle(self, requests: Sequence[Request]) -> list[Owed]:
        """`tick`, `commit` and the answers in one: for callers that have no loop."""
        tick = self.tick(requests)
        self.commit(tick)
        for answer, value in tick.answers:
            answer(value)
        return tick.effects
