"""One life of the process: a real director and performer, and everything that ends when it ends.

It does what `runtime.loop` does, step by step and by hand: the inbox, the tick in hand, effects under way,
timers, deadlines. Nothing here decides; the scheduler (`testing.history`) says which step comes next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from mainstay.kernel.autonomy import Autonomy, AutonomyRules
from mainstay.kernel.commands import RecordNotified, RecordOutcome, StartRun, Wake
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.errors import StorageFull
from mainstay.kernel.events import Event
from mainstay.kernel.ids import RunId, StreamId
from mainstay.kernel.plan import Plan
from mainstay.kernel.recipe import Recipes
from mainstay.kernel.state import RunState
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.blobs import InMemoryBlobs
from mainstay.ledger.projection import Projector
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.sealing import Vault
from mainstay.ledger.store import RowChange, Table
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.clock import ManualClock
from mainstay.runtime.director import Director
from mainstay.runtime.last_look import LastLook
from mainstay.runtime.performer import Performer
from mainstay.runtime.plan_shelf import PlanShelf
from mainstay.runtime.routes import Route
from mainstay.runtime.tick import Owed, Request, Tick
from mainstay.runtime.timers import HOUSE, Timers
from mainstay.testing.drawn_tools import DrawnTools, Meter
from mainstay.testing.faults import Chaos, FaultyStore, Point
from mainstay.testing.mix import Mix
from mainstay.testing.thinkers import SimulatedAgent
from mainstay.testing.world import Pause, Provider, SimulatedNotifier

MASTER_KEY = bytes(range(32))
SNAPSHOT_EVERY = 12  # events of a run: so short that most boots begin at one


class StandardViews:
    """All standard views as one projection."""

    name = "standard"
    version = 1

    def __init__(self) -> None:
        self._projector = Projector(STANDARD)
        self.tables: tuple[Table, ...] = self._projector.tables
        self.events = frozenset[type[Event]]().union(*(one.events for one in STANDARD))

    def project(
        self, position: int, at: Instant, stream: StreamId, event: Event, run: RunState | None
    ) -> list[RowChange]:
        """See `Projection.project`."""
        return self._projector.project(position, at, stream, event, run)


VIEWS = StandardViews()


@dataclass(slots=True)
class Parts:
    """What a process is made of. Planted bugs replace one of them."""

    director: type[Director] = Director
    timers: type[Timers] = Timers
    early_effects: bool = False  # planted: hand out before the commit
    early_answers: bool = False  # planted: answer before the commit
    drop_when_full: bool = False  # planted: do not keep the tick for a second try


@dataclass(slots=True)
class Job:
    """An effect under way."""

    owed: Owed
    deadline_s: float
    coroutine: Coroutine[Any, Any, Request | None] | None = None  # None: not begun
    ready_at_s: float = 0.0
    point: Point | None = None  # where it waits
    given_up: bool = False  # its deadline has passed; its answer may still come


@dataclass(slots=True)
class Surroundings:
    """What outlives a process."""

    chaos: Chaos
    mix: Mix
    clock: ManualClock
    vault: Vault
    plans: dict[Digest, Plan]
    providers: dict[str, Provider]
    agents: dict[str, SimulatedAgent]
    notifier: SimulatedNotifier
    parts: Parts
    answered: set[tuple[RunId, int, int]] = field(default_factory=set)  # attempts that really answered
    meter: Meter = field(default_factory=Meter)
    way: int = 0  # how agents do their work; another one is another recipe


@dataclass(slots=True)
class Process:
    """One life."""

    outside: Surroundings
    store: FaultyStore
    performing: bool = True  # False: a command that takes the lock, decides, and goes
    director: Director = field(init=False)
    performer: Performer = field(init=False)
    artifacts: Artifacts = field(init=False)
    timers: Timers = field(init=False)
    inbox: deque[Request] = field(default_factory=deque)
    jobs: list[Job] = field(default_factory=list)
    late: list[tuple[float, Request]] = field(
        default_factory=list
    )  # answers that come a second time, and when
    stuck: Tick | None = None  # decided, and waiting for space on the disk
    reading: bool = False  # messages were put into the inbox and not all answered
    unread: int = 0
    woken: set[tuple[int, str, int]] = field(default_factory=set)  # timers that have come

    def __post_init__(self) -> None:
        outside = self.outside
        self.artifacts = Artifacts(outside.vault, InMemoryBlobs(self.store.blob))
        self.director = outside.parts.director(
            self.store,
            outside.clock,
            PlanShelf(outside.plans.__getitem__),
            projections=(VIEWS,),
            policy=outside.mix.policy,
            limits=outside.mix.limits,
            snapshot_every=SNAPSHOT_EVERY,
            performing=self.performing,
            ceilings=outside.mix.ceilings,
            throttles=outside.mix.throttles,
            breakers=outside.mix.breakers,
            autonomy=Autonomy(outside.mix.autonomy or AutonomyRules()),
            recipes=self._recipes(),
            undo_us=outside.mix.undo_us,
        )
        self.performer = Performer(
            clock=outside.clock,
            agents=outside.agents,
            artifacts=self.artifacts,
            gate=LastLook(self.director),
            routes=self.route,
            adapters=outside.providers,
            tools=lambda brief: DrawnTools(outside.meter),
            notifier=outside.notifier,
            refresh=self._refresh,
        )
        self.timers = outside.parts.timers()

    def _recipes(self) -> Recipes:
        outside, mix = self.outside, self.outside.mix
        if self.performing and mix.recipes and outside.chaos.random("recipe").random() < mix.recipes:
            outside.way += 1
        by_agent = dict.fromkeys(outside.agents, f"way {outside.way}")
        contracts = {
            f"{one.contract.adapter}.{operation.name}": str(one.contract.major)
            for one in outside.providers.values()
            for operation in one.contract.operations
        }
        return Recipes(by_agent, contracts=contracts)

    def route(self, act: str, inputs: Json) -> Route | None:
        """Where an act goes."""
        found = self.outside.mix.cast.route(act, inputs)
        if found is None:
            return None
        name, operation = found
        provider = self.outside.providers[name]
        return Route(name, provider, provider.operation(operation))

    async def _refresh(self, instance: str) -> None:
        await Pause(Point.REFRESH)
        if self.outside.chaos.strikes("refresh failed"):
            raise ConnectionError("the mailbox cannot be read")

    # --- steps ------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Take the workspace and begin what is owed."""
        owed = self.director.boot()
        self.outside.chaos.point(Point.BOOT)
        self.hand_out(owed)
        self.inbox.extend(self.director.outdated())

    def visit(self) -> None:
        """Take the workspace for a command: nothing is performed, and nothing begins."""
        self.director.acquire()

    def load_concerned(self) -> None:
        """What the lock's door loads: the run that is asked about, or all where a new one may meet others."""
        for request in self.inbox:
            command = request.command
            if isinstance(command, StartRun):
                self.director.load_all()
            elif (run := getattr(command, "run", None)) is not None:
                self.director.load(run)

    def wake_due(self) -> None:
        """Timers whose time has come go into the inbox."""
        now = self.outside.clock.now()
        if (first := self.timers.next_at()) is None or first > now:
            return
        self.woken.update(one for one in self.timers._heap if one[0] <= now)
        for wake in self.timers.due(now):
            self.inbox.append(Request(wake))

    def tick(self, count: int) -> Tick | None:
        """Decide, commit, answer, hand out; the tick once it is durable, None while the disk is full."""
        parts = self.outside.parts
        tick = self.stuck
        if tick is None:
            batch = [self.inbox.popleft() for _ in range(min(count, len(self.inbox)))]
            if any(isinstance(one.command, RecordOutcome) for one in batch):
                self.outside.chaos.point(Point.ANSWERED)
            self._count_stale(batch)
            tick = self.director.tick(batch)
            if parts.early_effects:
                self.hand_out(tick.effects)
                while self.jobs and self.jobs[-1].coroutine is None:
                    self.resume(self.jobs[-1])
            if parts.early_answers:
                self._answer(tick)
        try:
            self.director.commit(tick)
        except StorageFull:
            self.stuck = None if parts.drop_when_full else tick
            return None
        self.stuck = None
        if not parts.early_effects and self.performing:
            self.hand_out(tick.effects)
        if not parts.early_answers:
            self._answer(tick)
        return tick

    def _count_stale(self, batch: list[Request]) -> None:
        for request in batch:
            command = request.command
            if isinstance(command, RecordOutcome):
                one = self.director.runs.get(command.run)
                late = one is None or one.state.task(command.task).attempt != command.attempt
                self.outside.chaos.paths["late answer ignored"] += late

    def _answer(self, tick: Tick) -> None:
        for answer, value in tick.answers:
            answer(value)

    def hand_out(self, effects: list[Owed]) -> None:
        """Timers to the timers, everything else begins."""
        now_s = self.outside.clock.monotonic_s()
        for owed in effects:
            if isinstance(owed.effect, WakeAt):
                self.timers.add(owed.effect)
                continue
            deadline_s = now_s + self.performer.deadline_s(owed.effect)
            self.jobs.append(Job(owed, deadline_s))

    def resume(self, job: Job) -> None:
        """Carry an effect to its next boundary, or to its end."""
        if job.coroutine is None:
            job.coroutine = self.performer.perform(job.owed)
        elif job.point is not None:
            self.outside.chaos.point(job.point)
        try:
            pause = job.coroutine.send(None)
        except StopIteration as stop:
            self.jobs.remove(job)
            self._finished(job, stop.value)
            return
        except BaseException:
            self.jobs.remove(job)
            raise
        assert isinstance(pause, Pause), f"a fake waited for {pause!r}"
        job.point = pause.point
        job.ready_at_s = self.outside.clock.monotonic_s() + pause.for_s

    def _finished(self, job: Job, request: Request | None) -> None:
        if request is None:
            return
        chaos = self.outside.chaos
        self._put(request)
        if job.given_up:
            chaos.paths["late answer"] += 1
        if chaos.strikes("doubled answer"):
            wait_s = chaos.random("late").choice((0.0, 2.0, 20.0, 200.0))
            self.late.append((self.outside.clock.monotonic_s() + wait_s, replace(request)))

    def _put(self, request: Request) -> None:
        command = request.command
        if isinstance(command, RecordOutcome):
            self.outside.answered.add((command.run, command.task, command.attempt))
        self.inbox.append(request)

    def repeat_late(self) -> None:
        """Answers that come a second time come now."""
        now_s = self.outside.clock.monotonic_s()
        for one in [one for one in self.late if one[0] <= now_s]:
            self.late.remove(one)
            self.inbox.append(one[1])

    def give_up(self, job: Job) -> None:
        """The deadline of an effect has passed. Its answer is lost, or comes when nobody waits for it."""
        chaos = self.outside.chaos
        chaos.paths["timed out"] += 1
        request = self.performer.timed_out(job.owed)
        if request is not None:
            self._put(request)
        arrived = job.point is Point.CALL_AFTER or isinstance(job.owed.effect, InvokeAgent)
        if arrived and chaos.strikes("late answer"):
            chaos.paths["late answer"] -= 1  # counted when it comes
            job.given_up = True
            job.deadline_s = float("inf")
            wait_s = chaos.random("late").choice((1.0, 20.0, 200.0))
            job.ready_at_s = self.outside.clock.monotonic_s() + wait_s
            return
        self._drop(job)

    def end(self) -> None:
        """The process is gone, and with it all that was only in memory."""
        for job in list(self.jobs):
            self._drop(job)

    def _drop(self, job: Job) -> None:
        self.jobs.remove(job)
        if job.coroutine is not None:
            job.coroutine.close()

    def drop_calls(self) -> None:
        """Connections that are open now break: what has not arrived never will."""
        for job in [one for one in self.jobs if one.point is Point.CALL_BEFORE]:
            self._drop(job)

    # --- what it is about to do -------------------------------------------------------------------

    def ready(self) -> list[Job]:
        """Effects that can go on."""
        now_s = self.outside.clock.monotonic_s()
        return [job for job in self.jobs if job.ready_at_s <= now_s]

    def overdue(self) -> list[Job]:
        """Effects whose deadline has passed."""
        now_s = self.outside.clock.monotonic_s()
        return [job for job in self.jobs if job.deadline_s <= now_s]

    def timer_runs(self, effect: WakeAt) -> bool:
        """Whether this timer is owed."""
        return (effect.at, effect.run, effect.task) in self.timers._heap

    def wakes_house_at(self) -> Instant | None:
        """When the house is looked at next: 0 where its timer has come already, None where nobody looks again."""
        if any(isinstance(one.command, Wake) and one.command.run == HOUSE for one in self.inbox):
            return Instant(0)
        return min((at for at, run, _ in self.timers._heap if run == HOUSE), default=None)

    def under_way(self) -> set[tuple[str, RunId, int, int]]:
        """Everything that is being done, or has been and is not recorded: by kind, run, task, attempt."""
        found = {_name(job.owed.effect) for job in self.jobs}
        for request in self.inbox:
            match request.command:
                case RecordOutcome(run=run, task=task, attempt=attempt):
                    found.add(("outcome", run, task, attempt))
                case RecordNotified(run=run, task=task):
                    found.add(("notice", run, task, 0))
                case Wake(run=run, task=task):
                    found.add(("wake", run, task, 0))
                case _:
                    pass
        return found


def _name(effect: Effect) -> tuple[str, RunId, int, int]:
    match effect:
        case InvokeAgent() | InvokeAdapter():
            return "outcome", effect.run, effect.task, effect.attempt
        case Notify():
            return "notice", effect.run, effect.task, 0
        case WakeAt():
            return "wake", effect.run, effect.task, 0


def calls(effect: Effect) -> bool:
    """Whether this effect leaves the house."""
    return isinstance(effect, InvokeAdapter) and effect.mode is Mode.CALL


def new_vault(random: Random) -> Vault:
    """A vault whose keys survive every crash and whose nonces come from the seed."""
    from mainstay.ledger.keys import InMemoryKeys

    return Vault(MASTER_KEY, InMemoryKeys(), random_bytes=random.randbytes)
