"""One history: a seed, a world, lives one after the other, and a scheduler that draws every next step.

Virtual time passes only here. First faults strike as the mix says; then they stop, and within bounded virtual
time every run must have ended. Everything is drawn from the seed: a history is repeated exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from mainstay.kernel.commands import RegisterWorkflow, StopDirector
from mainstay.kernel.contract import Operation
from mainstay.kernel.errors import StaleEpoch, StorageFailed, StorageFull
from mainstay.kernel.ids import IdempotencyKey, RunId
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.tick import Request
from mainstay.testing.backups import backup, restore
from mainstay.testing.checkers import Audit, Rules, Violation, demand
from mainstay.testing.checkers.times import can_check
from mainstay.testing.faults import Chaos, Crash, FaultyStore
from mainstay.testing.keeper import Keeper
from mainstay.testing.mix import Mix
from mainstay.testing.people import Mailbox, Operator
from mainstay.testing.process import VIEWS, Parts, Process, Surroundings, calls, new_vault
from mainstay.testing.steward import Steward
from mainstay.testing.telling import Listener, RawStory
from mainstay.testing.world import Provider, SimulatedNotifier, upgrade

if TYPE_CHECKING:
    from mainstay.testing.sqlite_disk import SqliteDisk

SETTLE_STEPS = 6_000
SETTLE_US = 400 * DAY


class History:
    """A simulated workspace from its first event to its last."""

    def __init__(
        self,
        seed: int,
        mix: Mix,
        *,
        parts: Parts | None = None,
        crash_at: int | None = None,
        story: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> None:
        self.mix = mix
        self.chaos = Chaos(seed, mix.rates, crash_at)
        self.random = Random(f"{seed} schedule")
        self.clock = ManualClock(mix.begin)
        self.sqlite = _sqlite_disk(self.chaos) if mix.sqlite else None
        self.disk: Any = InMemoryStore(tables=VIEWS.tables)
        self.really_spent: Counter[RunId] = Counter()
        world = mix.cast.providers(self.chaos, self, self.clock.monotonic_s)
        plans = {plan.digest: plan for plan in mix.plans}
        self.outside = Surroundings(
            self.chaos,
            mix,
            self.clock,
            new_vault(self.chaos.random("vault")),
            plans,
            world,
            mix.cast.agents(self.chaos, self.really_spent),
            SimulatedNotifier(self.chaos),
            parts or Parts(),
        )
        self.codec = Codec(plans.__getitem__)
        self.audit = self._new_audit()
        self.raw = RawStory() if story else None
        self.audit.listeners = [*listeners, *([self.raw] if self.raw else [])]
        self.operator = Operator(self.outside, self.audit, self.chaos.random("operator"))
        self.steward = Steward(self.outside, self.audit, self.chaos.random("steward"))
        self.keeper = Keeper(self.outside, self.audit, self.chaos.random("keeper"))
        self.mailbox = Mailbox(self.outside, self.audit, self.chaos.random("mailbox"))
        self.process: Process | None = None
        self.zombies: list[Process] = []
        self.acting: Process | None = None  # whose turn it is
        self.steps = 0
        self.kept: InMemoryStore | None = None  # a backup
        self.done_then: set[IdempotencyKey] = set()  # what had happened outside when it was made
        self.to_arrive = mix.messages
        self.to_start = mix.starts

    def _new_audit(self) -> Audit:
        mix = self.mix
        rules = Rules(mix.policy, mix.limits, mix.throttles, mix.breakers, mix.ceilings, mix.undo_us)
        outside = self.outside
        audit = Audit(
            self.codec, rules, outside.providers, self.chaos.paths, outside.answered, meter=outside.meter
        )
        for plan in mix.plans:
            on = plan.workflow.on
            if on is not None and on.schedule is not None and can_check(on.schedule):
                audit.schedules.schedules[plan.workflow.name] = on.schedule
        return audit

    @property
    def lines(self) -> list[str]:
        """The raw log, if a story was asked for."""
        return self.raw.lines if self.raw is not None else []

    @property
    def paths(self) -> Counter[str]:
        """What happened, counted."""
        return self.chaos.paths

    def run(self) -> None:
        """All of it. Raises `Violation`."""
        try:
            self._run()
        finally:
            if self.process is not None:
                self.process.end()
            for zombie in self.zombies:
                zombie.end()
            if self.sqlite is not None:
                self.sqlite.close()

    def _run(self) -> None:
        for number in range(self.mix.steps):
            if self.mix.restore and self.sqlite is None:
                if number == self.mix.steps // 3:
                    self.kept, self.done_then = backup(self.disk), self._done()
                elif number == self.mix.steps * 2 // 3:
                    self._restore()
            self.step()
        self.chaos.quiet = True
        self.operator.calm = True
        self._settle()
        triggered = {plan.workflow.name: plan for plan in self.mix.plans if plan.workflow.on is not None}
        self.audit.final(self.disk, self.mailbox.received, triggered, self.really_spent)

    # --- what a provider tells --------------------------------------------------------------------

    def call_began(
        self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes
    ) -> None:
        """See `world.Guard`."""
        self._tell("call", f"{provider.name}.{operation.name} {key[:8]}")
        self.audit.call_began(provider, operation, key, payload, stale=self.acting in self.zombies)

    def happened(self, provider: Provider, operation: Operation, key: IdempotencyKey, payload: bytes) -> None:
        """See `world.Guard`."""
        self._tell("happened", f"{provider.name}.{operation.name} {key[:8]}")
        self.audit.happened(provider, operation, key)

    # --- steps ------------------------------------------------------------------------------------

    def step(self) -> None:
        """One step of somebody."""
        self.steps += 1
        try:
            if self.process is None and self.chaos.strikes("command while nobody is at work"):
                self._visit()
            elif self.process is None:
                self._boot()
            else:
                if self._stops(self.process):
                    return
                self._strike()
                if self.zombies and self.random.random() < 0.3:
                    self._haunt(self.zombies[-1])
                self._go_on(self.process)
        except Crash as crash:
            self._tell("crash", str(crash.point))
            self._die()
        except StorageFailed:
            self._tell("disk failed")
            self._die()
        except StorageFull:
            self._tell("disk failed", "full at the start")
            self._die()

    def _restore(self) -> None:
        """The machine is lost; a new one begins with the backup, behind what the world has seen since."""
        assert self.kept is not None
        if self.process is not None:
            self.process.end()
            self.process = None
        for zombie in list(self.zombies):
            self._bury(zombie)
        self._tell("restore")
        self.chaos.restored = True
        before = self.audit
        self.audit = self._new_audit()
        self.audit.books.clock_crossed_back = before.books.clock_crossed_back
        self.audit.books.set_back = before.books.set_back
        self.audit.said_yes |= before.said_yes
        restored_paths = self.chaos.paths.copy()
        self.audit.books.replaying = True
        self.audit.catch_up(self.kept)
        self.audit.books.replaying = False
        self.chaos.paths.clear()
        self.chaos.paths.update(restored_paths)  # what was seen is counted once
        self.audit.listeners = before.listeners
        self.disk = restore(self.kept, self.codec, self.clock.now())
        self.audit.catch_up(self.disk)
        self.audit.books.lost = self._done() - self.done_then
        for person in (self.operator, self.steward, self.keeper, self.mailbox):
            person.audit = self.audit

    def _done(self) -> set[IdempotencyKey]:
        return {one.key for provider in self.outside.providers.values() for one in provider.done}

    def _boot(self) -> None:
        process = Process(self.outside, self._open_store())
        self.acting = process
        try:
            process.boot()
        except BaseException:
            process.end()
            raise
        self.paths["boot"] += 1
        self.process = process
        self._tell("boot", str(process.director.epoch))
        self.audit.after_boot(process)
        for plan in self.mix.plans if not self.operator.calm else ():
            if plan.workflow.name not in process.director.workflows:
                new = RegisterWorkflow(plan.workflow.name, 1, plan.digest)
                process.inbox.append(Request(new, "operator"))

    def _visit(self) -> None:
        """The operator decides while no director is at work: a command takes the lock itself, and goes."""
        visitor = Process(self.outside, self._open_store(), performing=False)
        self.acting = visitor
        visitor.visit()
        self.audit.catch_up(visitor.store)
        for _ in range(3):
            self.operator.act(visitor)
        if self.to_start and self.random.random() < 0.3:
            self.to_start -= 1
            self.operator.start(visitor, self.random.choice(self.mix.plans))
        if visitor.inbox:
            visitor.load_concerned()
            tick = visitor.tick(256)
            if tick is not None:
                self._tell("visit", str(visitor.director.epoch))
                self.audit.after_commit(visitor, tick)
        visitor.end()
        if self.sqlite is not None:
            self.sqlite.end_life()

    def _open_store(self) -> FaultyStore:
        if self.sqlite is None:
            return FaultyStore(self.disk, self.chaos)
        self.disk = self.sqlite.open()
        self.paths["SQLite file"] += 1
        return self.sqlite.handle(self.disk)

    def _die(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            self.paths["crash"] += 1
            if any(calls(job.owed.effect) for job in process.jobs):
                self.paths["crash with a call under way"] += 1
            process.end()
        if self.sqlite is not None:
            self.sqlite.end_life()

    def _stops(self, process: Process) -> bool:
        """The director is stopped as it should be, when nothing is under way."""
        if process.jobs or process.inbox or process.stuck or not self.chaos.strikes("stop"):
            return False
        self.acting = process
        process.inbox.append(Request(StopDirector(), "operator"))
        tick = process.tick(1)
        if tick is None:
            return True
        self.audit.after_commit(process, tick)
        self._tell("stop")
        process.end()
        self.process = None
        if self.sqlite is not None:
            self.sqlite.end_life()
        return True

    def _go_on(self, process: Process) -> None:
        self.acting = process
        random = self.random
        for job in process.overdue():
            process.give_up(job)
        process.wake_due()
        process.repeat_late()
        ready = process.ready()
        mood = random.random()
        if (process.inbox or process.stuck) and mood < 0.45:
            self._tick(process)
        elif ready and mood < 0.75:
            process.resume(random.choice(ready))
        elif mood < 0.95 and self._people(process):
            return
        elif process.inbox or process.stuck or ready:
            self.clock.advance(random.choice((0, 1_000, 50_000, SECOND)))
        else:
            self._wait(process)

    def _tick(self, process: Process) -> None:
        self.operator.finds_out_just_then(process)
        count = self.random.choice((1, 2, 256, 256))
        tick = process.tick(count)
        if tick is None:
            self._tell("disk full")
            self.clock.advance(SECOND)
            return
        if len(tick.batch) > 3:
            self.paths["many decisions in one tick"] += 1
        self.audit.after_commit(process, tick)

    def _people(self, process: Process) -> bool:
        choice = self.random.randrange(5)
        if choice == 0 and self.to_arrive:
            self.to_arrive -= 1
            self.mailbox.arrive()
            return True
        if choice == 0 and not self.operator.calm and self.mailbox.arrive_late():
            return True
        if choice == 1 and self.to_start:
            self.to_start -= 1
            self.operator.start(process, self.random.choice(self.mix.plans))
            return True
        if choice == 2:
            return self.mailbox.read(process)
        if choice == 3:
            return self.steward.act(process, calm=self.operator.calm)
        return self.keeper.act(process, calm=self.operator.calm) or self.operator.act(process)

    def _wait(self, process: Process) -> None:
        """Nothing can go on by itself: let time pass, to the next thing that is due or a little."""
        now, now_s = self.clock.now(), self.clock.monotonic_s()
        due = [max(0, min(job.ready_at_s, job.deadline_s) - now_s) * SECOND for job in process.jobs]
        timer = process.timers.next_at()
        if timer is not None:
            due.append(max(0, timer - now))
        until = int(min(due, default=HOUR)) + 1
        if self.operator.calm:
            self.clock.advance(until)
        else:
            self.clock.advance(min(until, self.random.choice((SECOND, MINUTE, HOUR, DAY))))

    def _strike(self) -> None:
        chaos = self.chaos
        if chaos.quiet or not chaos.rates:
            return
        if chaos.strikes("clock forward"):
            self.clock.jump(chaos.random("jump").choice((SECOND, MINUTE, HOUR)))
        if chaos.strikes("clock back"):
            self._set_back(chaos.random("jump").choice((SECOND, MINUTE, HOUR)))
        if chaos.strikes("clock over a day"):
            if chaos.random("jump").random() < 0.5:
                self.clock.jump(2 * DAY)
            else:
                self._set_back(2 * DAY)
        if chaos.strikes("contract upgraded"):
            upgrade(chaos.random("upgrade").choice(list(self.outside.providers.values())))
        if self.sqlite is None and chaos.strikes("zombie"):
            process = self.process
            assert process is not None
            process.drop_calls()
            self.zombies.append(process)
            self.process = None
            self._tell("asleep", str(process.director.epoch))
            self._boot()

    def _set_back(self, micros: int) -> None:
        before = self.clock.now()
        self.clock.jump(-micros)
        self.audit.books.set_back += 1
        if before // DAY != self.clock.now() // DAY:
            self.audit.books.clock_crossed_back = True

    def _haunt(self, zombie: Process) -> None:
        """An older process wakes and goes on as if nothing had happened; it must notice, and end."""
        self.acting = zombie
        head = self.disk.head
        try:
            zombie.wake_due()
            ready = zombie.ready()
            if zombie.inbox or zombie.stuck:
                zombie.tick(256)
            elif ready:
                zombie.resume(self.random.choice(ready))
        except StaleEpoch:
            self.paths["stale epoch"] += 1
            self._bury(zombie)
        except (Crash, StorageFailed):
            self._bury(zombie)
        demand(self.disk.head == head, "a stale director writes nothing")
        self.acting = self.process

    def _bury(self, zombie: Process) -> None:
        zombie.end()
        self.zombies.remove(zombie)

    # --- the end ----------------------------------------------------------------------------------

    def _settle(self) -> None:
        until = self.clock.now() + SETTLE_US
        for zombie in list(self.zombies):
            self._bury(zombie)
        for _ in range(SETTLE_STEPS):
            if self.process is not None and self._over(self.process):
                return
            if self.clock.now() >= until:
                break
            self.step()
        raise Violation("every run ends in bounded time", self._open())

    def _over(self, process: Process) -> bool:
        return not (
            process.director.runs
            or process.inbox
            or process.jobs
            or process.stuck
            or self.to_arrive
            or self.to_start
            or self.mailbox.cursor(process) < len(self.mailbox.mails)
        )

    def _open(self) -> str:
        runs = [
            f"{run[:8]} {state.status.name} "
            + " ".join(f"{number}:{task.phase.name}" for number, task in state.all_tasks())
            for run, state in self.audit.states.items()
            if not state.ended or state.left
        ]
        return "; ".join(runs)

    def _tell(self, kind: str, detail: str = "") -> None:
        for listener in self.audit.listeners:
            listener.aside(self.clock.now(), kind, detail)


def _sqlite_disk(chaos: Chaos) -> SqliteDisk:
    # What it needs is installed for developers only; an operator's simulation does without.
    from mainstay.testing.sqlite_disk import SqliteDisk

    return SqliteDisk(chaos, VIEWS.tables)
