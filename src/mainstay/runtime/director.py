"""The director: takes commands, decides them in order, appends what was decided in one transaction, hands out effects.

Rules of this file:

- It is synchronous and reads no clock but the one it was given. The loop (`runtime.loop`) and the simulator drive it.
- `tick` decides; `commit` makes it durable; only then may effects be performed and requests be answered.
- Between `tick` and `commit` memory is ahead of the disk. If the append fails for want of space, `commit` is called
  again with the same tick; if the disk fails, the process ends and a new one folds what is there.
- Runs that have ended leave memory at once. Balances, counts and keys are folded after every decision, so that two
  commands of one tick cannot both spend the last cent or both take a key.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from mainstay.kernel.admission import Admission
from mainstay.kernel.autonomy import Autonomy, Level
from mainstay.kernel.breaker import DEFAULT_BREAKER, BreakerSettings
from mainstay.kernel.budget import WARN_SHARE, Balances, Limits
from mainstay.kernel.commands import (
    Admit,
    AdvanceCursor,
    AutonomyCommand,
    ClearIncident,
    Command,
    DetectIncident,
    EditApproval,
    GovernanceCommand,
    GrantApproval,
    MemoryCommand,
    ObserveSent,
    PurgeDeadLetter,
    ReceiveMessage,
    ReconcileRun,
    RecordOutcome,
    RecordReplay,
    RecoverRun,
    RejectApproval,
    RejectMessage,
    ReleaseRun,
    ResumeRun,
    ResumeTask,
    ReviewAnnotation,
    RunCommand,
    StartRun,
    UndoAct,
    Wake,
    WeighEvidence,
)
from mainstay.kernel.counting import Tally
from mainstay.kernel.door import foresee
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.errors import StorageFull
from mainstay.kernel.events import (
    AutonomyEvent,
    AutonomyGranted,
    AutonomyRevoked,
    BudgetWarned,
    DirectorStarted,
    Event,
    IncidentKind,
    KillSwitchThrown,
    ObjectiveBreached,
    ObjectiveMet,
    PolicyAdopted,
    RunEvent,
    RunRecovered,
    RunReleased,
    ScopeResumed,
    TaskSucceeded,
    TemplateAdopted,
    TemplateRetired,
    WorkflowRegistered,
    WorkflowRetired,
    WorkspaceEvent,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.house import CRASH_LOOP, House, HouseDecision, Registered
from mainstay.kernel.ids import WORKSPACE, RunId, StreamId, run_stream, transaction_id
from mainstay.kernel.persons import machine_decides
from mainstay.kernel.plan import Plan, Priority, Supersede
from mainstay.kernel.policy import Action, Decision, Policy
from mainstay.kernel.recipe import Recipes
from mainstay.kernel.run import advance, new_effects, nothing, pending
from mainstay.kernel.state import RUN, Phase, RunState, Status
from mainstay.kernel.throttle import Rate
from mainstay.kernel.values import DAY, MINUTE, Digest, Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Project, Projection, only_acts, only_annotations
from mainstay.ledger.rows import META
from mainstay.ledger.run_snapshot import forget_run, save_run
from mainstay.ledger.standing import SEAL_EVERY, VIEWS, seal, sealed_at
from mainstay.ledger.store import Epoch, EventStore, NewEvent, Put, StreamAppend, Value, Version
from mainstay.runtime.admitting import Admitting
from mainstay.runtime.asking_again import (
    held_of_kind,
    made_from_other_words,
    made_otherwise,
    revocations,
    to_judge_again,
)
from mainstay.runtime.boot import (
    BUCKET,
    Open,
    answered_by_hand,
    cards_agree,
    fold_ended,
    fold_open,
    fold_run,
    held_by_workflow,
    read_standing,
    snapshot_due,
    stranded,
)
from mainstay.runtime.clock import Clock
from mainstay.runtime.collector import paused_collector
from mainstay.runtime.governing import AUTONOMY, Governing
from mainstay.runtime.inbox import BY_HAND, NEWER, Arrival, Inbox
from mainstay.runtime.lines import Lines, bounds_of
from mainstay.runtime.lost_time import let_go
from mainstay.runtime.remembering import MEMORY, Remembering
from mainstay.runtime.tick import Answer, Owed, Request, Tick
from mainstay.runtime.weighing import came_to_light, corrected, weighed

TICK_MAX = 256  # commands decided at once: keeps the loop free for 10 to 24 ms
ADMITTED_MAX = 256  # deferred starts that one tick lets go; more come with the next
HOUSE = RunId("")  # whose timers are the house's own
NO_RATES: Mapping[str, Rate] = {}
Calendar = Callable[[Instant], tuple[int, int]]  # the operator's weekday (0 is Monday) and minute of the day
NO_RECIPES: Mapping[str, str] = {}
NO_CEILINGS: Mapping[str, int | None] = {}  # every agent may cost what its task's budget allows
NO_RULES = Policy(())  # everything asks
SOURCE_MAX = 8  # rows of evidence about one act: one for each way in which something is said of it
SNAPSHOT_EVERY = 32  # events of one run between two snapshots of it


def by_utc(now: Instant) -> tuple[int, int]:
    """Weekday and minute of the day where nobody said where the operator lives; 1970-01-01 was a Thursday."""
    return (now // DAY + 3) % 7, now % DAY // MINUTE


class PlanShelf(dict[Digest, Plan]):
    """Compiled plans by the digest of their definition; loaded when first asked for."""

    def __init__(self, load: Callable[[Digest], Plan]) -> None:
        super().__init__()
        self._load = load

    def __missing__(self, digest: Digest) -> Plan:
        plan = self[digest] = self._load(digest)
        return plan


class Director:
    """One writer's decisions over one workspace."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        plans: PlanShelf,
        *,
        projections: Sequence[Projection] = (),
        policy: Policy = NO_RULES,
        limits: Limits = Limits(),
        version: str = "0",
        snapshot_every: int = SNAPSHOT_EVERY,
        ceilings: Mapping[str, int | None] = NO_CEILINGS,
        performing: bool = True,
        throttles: Mapping[str, Rate] = NO_RATES,
        breakers: BreakerSettings = DEFAULT_BREAKER,
        autonomy: Autonomy | None = None,
        recipes: Mapping[str, str] = NO_RECIPES,
        undo_us: int = 0,
        calendar: Calendar = by_utc,
    ) -> None:
        self.store = store
        self.clock = clock
        self.plans = plans
        self.policy = policy
        self.offered: dict[
            Digest, Policy
        ] = {}  # policies that may be adopted: each is in force from its event on
        self.limits = limits
        self.codec = Codec(plans.__getitem__)
        self.epoch = Epoch(0)
        self.runs: dict[RunId, Open] = {}
        self.house = House()
        self.balances = Balances()
        self.counts: dict[tuple[str, str], int] = {}
        self.tally = Tally()
        self.ceilings = ceilings
        self.autonomy = autonomy or Autonomy()
        self.recipes = recipes if isinstance(recipes, Recipes) else Recipes(recipes)
        self.undo_us = undo_us
        self.templates: dict[str, Digest] = {}
        self.performing = performing  # without a performer, nothing starts: it waits for the next boot
        self.position = 0
        self._version = version
        self._projections = tuple(projections)
        self._seals = {one.name for one in projections} >= VIEWS
        self._sealed_at = 0
        self._snapshot_every = snapshot_every
        self._views: dict[type[Event], tuple[Project, ...]] = {}
        for projection in projections:
            for kind in projection.events:
                self._views[kind] = (*self._views.get(kind, ()), projection.project)
        # The most frequent event of all concerns three of the eight views that look at it.
        self._views_of_thinking = tuple(
            one.project
            for one in projections
            if TaskSucceeded in one.events and not only_acts(one) and not only_annotations(one)
        )
        self._views_of_annotations = self._views_of_thinking + tuple(
            one.project for one in projections if only_annotations(one)
        )
        self._lines = Lines()
        self._inbox = Inbox(store, plans, self.runs, self._lines)
        self._calendar = calendar
        self._remembering = Remembering(store)
        self._governing = Governing(store)
        self._admitting = Admitting(Admission(throttles, breakers))
        self._levels: dict[str, int] = {}  # of the throttles, as they are written
        self._house_at: Instant | None = None  # the timer of the house that is owed
        self._schedule_at: Instant | None = None  # when the next schedule is due
        self._tick_facts: Facts | None = None  # the same for all decisions of a tick, until the house changes
        self._streams: dict[StreamId, int] = {}  # versions of the streams that are not runs
        self._gone: set[RunId] = (
            set()
        )  # runs that ended in this tick: until its commit the disk has them open
        self._breached: set[tuple[str, str]] = set()  # objectives that are not met: workflow and which
        self._told_right: set[tuple[RunId, int]] = set()  # acts of which it was said in this tick
        self._told_wrong: set[tuple[RunId, int]] = set()
        self._held_written = 0
        self._warned: dict[str, int] = {}  # the day or month in which a budget's warning was given

    @property
    def killed(self) -> bool:
        """Whether the kill switch is on."""
        return self.house.killed

    @property
    def workflows(self) -> dict[str, Registered]:
        """The workflows in force for new runs."""
        return self.house.workflows

    @property
    def waiting(self) -> dict[str, int]:
        """How many starts wait for room, by the scope that they wait for."""
        return self._admitting.waiting

    # --- boot ------------------------------------------------------------------------------------------------------

    @paused_collector()
    def boot(self) -> list[Owed]:
        """Take the workspace: raise the epoch, fold what is open, settle what was under way, and say what is owed."""
        self.acquire()
        self.load_all()
        self.balances.held = sum(one.state.held for one in self.runs.values())
        self.balances.held_by_workflow = held_by_workflow(one.state for one in self.runs.values())
        self._held_written = self.balances.held
        for one in self.runs.values():
            self._admitting.notice(one.state, self._facts(self.clock.now()))
        first = self.house.started(self.epoch, self._version)
        tick = self.tick(self._to_recover(first.unclean), start=first)
        tick.effects.clear()  # what recovery owes is part of what is pending
        self.commit(tick)
        if tick.events >= SEAL_EVERY and self._seals:
            self._seal()  # or the next boot would fold every run that this one settled
        owed = [
            Owed(effect, self.position, _priority(one.state))
            for one in self.runs.values()
            for effect in pending(one.state)
        ]
        self._schedule_at = self._inbox.next_due(self.house, tick.at)
        self._house_at = min(
            (at for at in (self._admitting.next_at(tick.at), self._schedule_at) if at is not None),
            default=None,
        )
        return [*owed, Owed(WakeAt(HOUSE, 0, self._house_at), self.position)] if self._house_at else owed

    def _to_recover(self, unclean: int) -> list[Request]:
        """What a new director has to settle first; after a restore, to look for."""
        suspected = unclean >= CRASH_LOOP
        requests: list[Request] = []
        if self.house.restored:
            requests = [*(Request(ReconcileRun(run)) for run in self.runs), *let_go(self.store)]
        requests += [Request(RecoverRun(run, suspected)) for run in self.runs]
        # Rules may have come into force under a bare lock, which loads the run that it decides about and no other.
        requests += to_judge_again(self.runs)
        loop = (IncidentKind.CRASH_LOOP, "")
        if suspected:
            what = f"{unclean} directors in a row ended untimely"
            remedy = (
                "work that was under way counts as a failed attempt each time, and is given up at its limit"
            )
            ways = ("`mainstay logs` shows how they ended", "`mainstay doctor` looks at the house")
            requests.append(Request(DetectIncident(*loop, what, {"unclean": unclean}, ways, remedy)))
        elif unclean == 0:
            requests.append(Request(ClearIncident(*loop)))
        return requests + stranded(self.store, self._lines)

    def cards_agree(self) -> bool:
        """Whether the view of approvals shows exactly the cards that the folded runs are waiting on."""
        return cards_agree(self.store, [one.state for one in self.runs.values()])

    def acquire(self) -> None:
        """Become the writer and read what every decision needs: balances, counts, definitions, the kill switch."""
        self.epoch = self.store.acquire()
        self.position = self.store.head
        self._sealed_at = min(sealed_at(self.store), self.position) if self._seals else 0
        standing = read_standing(self.store, self.clock.now())
        for name, registered in self.house.workflows.items():
            standing.house.workflows.setdefault(name, registered)
        self.house = standing.house
        admission = self._admitting.admission
        for opened in standing.breakers:
            admission.breakers.note(opened)
        admission.buckets.restore(standing.buckets)
        admission.paused = self.house.paused
        admission.killed = self.house.killed
        admission.refresh()
        self.autonomy.kinds = standing.autonomy
        self._breached = standing.breached
        self.templates = standing.templates
        self.counts = standing.counts
        self.tally.restore(standing.lately)
        self.balances = standing.balances
        self._warned = standing.warned
        self._held_written = standing.balances.held

    @paused_collector()
    def load_all(self) -> None:
        """Fold every open run into memory."""
        known = self.runs.keys() | self._gone
        for run, one in fold_open(self.store, self.codec, self.plans.__getitem__, besides=known):
            self._remember(run, one)
        self._recall_answers()

    def _recall_answers(self) -> None:
        """Whether the operator answered a run's thread by hand while its effect was under way."""
        for run in answered_by_hand(self.store, self.runs):
            self._lines.answer(run, BY_HAND)

    def load(self, run: RunId) -> Open | None:
        """Fold one open run into memory; None when there is no such run or it has ended."""
        one = self.runs.get(run)
        if one is None and run not in self._gone:
            one = fold_run(self.store, self.codec, self.plans.__getitem__, run)
            if one is not None:
                self._remember(run, one)
        return one

    def _remember(self, run: RunId, one: Open) -> None:
        self.runs[run] = one
        self.tally.begin(one.state)
        if not one.state.ended:
            head = one.state.head
            bounds = bounds_of(self.plans[head.definition].workflow)
            self._lines.join(run, head, bounds, queued=one.state.status is Status.QUEUED)

    # --- a tick ----------------------------------------------------------------------------------------------------

    def tick(
        self, requests: Sequence[Request], *, start: DirectorStarted | None = None, onto: Tick | None = None
    ) -> Tick:
        """Decide these requests in order. Nothing is durable, performed or answered before `commit`.

        `onto` takes a tick that was not committed yet and goes on with it: one transaction, one time.
        """
        tick = onto or Tick(self.clock.now())
        self._tick_facts = None
        if onto is None:
            self._inbox.begin_tick()
            self._remembering.begin_tick()
            self._governing.begin_tick()
            self._told_right.clear()
            self._told_wrong.clear()
            self._admitting.admission.buckets.settle(tick.at)
            self._gone.clear()
            self.balances.roll(tick.at)
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

    def _admit(self, tick: Tick, queue: deque[Request]) -> None:
        """Let deferred starts go while there is room, and owe a timer for when there is some again."""
        admitting = self._admitting
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
        times = [at for at in (admitting.next_at(tick.at), self._schedule_at) if at is not None]
        if times and (self._house_at is None or min(times) < self._house_at):
            self._house_at = min(times)
            tick.effects.append(Owed(WakeAt(HOUSE, 0, self._house_at), self.position))

    def commit(self, tick: Tick) -> None:
        """Make the tick durable. Raises `StorageFull` (call again), `StaleEpoch` or `StorageFailed` (end)."""
        if not tick.empty:
            if self.position - self._sealed_at >= SEAL_EVERY and self._seals:
                self._sealed_at = self.position
                tick.changes.append(seal(self.store, self._projections))  # as of the commit before
            self.store.append(
                tick.batch, epoch=self.epoch, at=tick.at, changes=tick.changes, blobs=tick.blobs
            )

    def _seal(self) -> None:
        """Seal the views by themselves: only a copy, so a disk that is full now stops nobody."""
        with suppress(StorageFull):
            changes = [seal(self.store, self._projections)]
            self.store.append((), epoch=self.epoch, at=self.clock.now(), changes=changes)
            self._sealed_at = self.position

    def handle(self, requests: Sequence[Request]) -> list[Owed]:
        """`tick`, `commit` and the answers in one: for callers that have no loop."""
        tick = self.tick(requests)
        self.commit(tick)
        for answer, value in tick.answers:
            answer(value)
        return tick.effects

    def still_wanted(self, run: RunId, task: int, attempt: int) -> bool:
        """Whether this effect may leave now: asked directly before the call, besides epoch and kill switch."""
        one = self.runs.get(run)
        if one is None or self.killed or one.state.ended or not one.state.exists(task):
            return False
        if one.state.status is Status.COMPENSATING and one.state.undoes(task) is None:
            return False  # what has not left yet need not be taken back
        state = one.state.task(task)
        return state.phase is Phase.ACTING and state.attempt == attempt

    def leaves_unasked(self, run: RunId, task: int, action: Action) -> bool:
        """Whether policy, as things stand, would let this effect go without asking a person."""
        one = self.runs.get(run)
        if one is None or not one.state.exists(task):
            return False
        verdict = foresee(one.state, self._facts(self.clock.now()), task, action)
        return verdict.decision is Decision.ALLOW

    def epoch_holds(self) -> bool:
        """Whether the store still knows us as its writer; read, not remembered."""
        return self.store.epoch() == self.epoch

    def overtaken(self, run: RunId) -> str:
        """What newer thing made an effect of this run needless while it was about to leave; empty: nothing."""
        one = self.runs.get(run)
        if one is None or one.state.plan is None or one.state.status is Status.COMPENSATING:
            return ""  # what was done is taken back all the same
        head = one.state.head
        if one.state.plan.workflow.supersede is Supersede.WAITING and head.key:
            line = self._lines.of_key(head.workflow, head.key)
            # A fork of it stands behind it as well, and brings nothing new.
            if line and line[0] == run and any(self._came_by_itself(one) for one in line[1:]):
                return NEWER
        return self._lines.answered(run)

    def _came_by_itself(self, run: RunId) -> bool:
        one = self.runs.get(run)
        return one is not None and one.state.unusual.forked is None

    def _decide(self, tick: Tick, request: Request, queue: deque[Request]) -> Json:
        command = request.command
        if isinstance(command, RecordOutcome | StartRun):  # nearly always
            return self._run(tick, request, command, queue)
        if isinstance(command, Arrival):
            return self._receive(tick, request, command, queue)
        if machine_decides(command, request.actor):
            return {}  # whichever door let it in: what is a person's to say, no agent says
        if isinstance(command, Wake) and command.run == HOUSE:
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
            return self._run(tick, request, command, queue)
        return {}

    # --- runs ------------------------------------------------------------------------------------------------------

    def _run(self, tick: Tick, request: Request, command: RunCommand, queue: deque[Request]) -> Json:
        one = self.runs.get(command.run)
        if one is None:
            if not isinstance(command, StartRun) or command.run in self._gone:
                return {}
            if self.store.version(run_stream(command.run)):
                return {}  # it has ended, or never was
            one = Open(nothing(command.run), 0)
            command = self._in_line(command)
        before = one.state
        facts = self._tick_facts
        if facts is None:
            facts = self._tick_facts = self._facts(tick.at)
        state, events = advance(before, command, facts)
        if not events:
            if type(command) is Wake:
                self._owe_still(tick, state, command, request.cause)
            elif type(command) is Admit:
                self._admitting.put_back(state, command.task, facts)
            return {}
        one.state = state
        self.tally.note(state, events)
        if before.status is Status.NOT_STARTED:
            self._remember(command.run, one)
        if state.held != before.held or state.spent != before.spent:
            self.balances.move(state.head.workflow, state.held - before.held, state.spent - before.spent)
        self._append(tick, run_stream(command.run), one, before, events, request)
        if type(command) in _SAYING:
            for evidence in weighed(before, events, facts):
                queue.appendleft(Request(evidence, request.actor, self.position))
        priority = _priority(state)
        for effect in new_effects(state, events):
            tick.effects.append(Owed(effect, self.position, priority))
        if type(command) in _RESUMING:
            self._admitting.notice(state, facts)
        if state.held + state.spent > before.held + before.spent:
            self._warn(tick, request, state.head.workflow)
        if state.ended:
            if not before.ended:
                self._leave_line(command.run, state, queue)
            if not state.left:
                del self.runs[command.run]
                self._gone.add(command.run)
                if one.snapshot_at:
                    tick.changes.append(forget_run(command.run))
        return {}

    def _facts(self, now: Instant) -> Facts:
        return Facts(
            now,
            self.policy,
            self.balances,
            self.limits,
            self.counts,
            self.plans,
            self.killed,
            self.ceilings,
            self.performing,
            self._admitting.admission,
            self.autonomy,
            self.recipes,
            self.templates,
            self.undo_us,
            *self._calendar(now),
            self.tally,
        )

    def _owe_still(self, tick: Tick, state: RunState, command: Wake, cause: int) -> None:
        """A timer that came to nothing because the clock was set back, or the timer was moved, is owed still."""
        times = [state.deadline(command.task)]
        if command.task == RUN:
            times.append(state.unusual.not_before if state.plan is None else Instant(0))
        elif state.exists(command.task):
            times.append(state.task(command.task).wake_at)
        for at in times:
            if at > tick.at:
                tick.effects.append(Owed(WakeAt(command.run, command.task, at), cause))

    def _in_line(self, command: StartRun) -> StartRun:
        """In line as things stand now: what the sender knew of may have ended since."""
        bounds = bounds_of(self.plans[command.definition].workflow)
        behind, line = self._lines.place(command.workflow, command.key, bounds) or (None, "key")
        return replace(command, behind=behind, line=line)

    def _append(
        self,
        tick: Tick,
        stream: StreamId,
        one: Open,
        before: RunState,
        events: tuple[RunEvent, ...],
        request: Request,
    ) -> None:
        transaction = _transaction(tick.at, request.command, one.version)
        encode, views, state, actor = self.codec.encode, self._views, one.state, request.actor
        new: list[NewEvent] = []
        cause = request.cause
        position = self.position
        heard = self._admitting.heard
        told: list[RunEvent] = []
        recovered = False
        at, changes = tick.at, tick.changes
        for event in events:
            position += 1
            number, schema, data = encode(event)
            new.append(NewEvent(number, schema, data, actor, transaction, cause))
            cause = position
            kind = type(event)
            looking = views.get(kind, ())
            if isinstance(event, TaskSucceeded):
                if self._count(state, event, at):
                    told.append(event)
                else:
                    annotated = "auto" in event.output
                    looking = self._views_of_annotations if annotated else self._views_of_thinking
            elif kind in heard:
                told.append(event)
            elif kind is RunReleased:
                self._lines.go(state.head.run, state.head)
            elif kind is RunRecovered:
                recovered = True
            for project in looking:
                changes += project(position, at, stream, event, state)
        self.position = position
        tick.batch.append(StreamAppend(stream, Version(one.version), new))
        tick.events += len(new)
        one.version += len(new)
        due = snapshot_due(state, one.version - one.snapshot_at, every=self._snapshot_every)
        if due or (recovered and not state.ended):
            one.snapshot_at = one.version
            tick.changes.append(save_run(state, one.version, position))
        for event in told:
            changed = self._admitting.hear(before, state, event, tick.at)
            if changed is not None:
                self._append_house(tick, (changed,), replace(request, cause=self.position))

    def _count(self, state: RunState, event: TaskSucceeded, at: Instant) -> bool:
        """Count an act that happened; whether it was one."""
        act = state.task(event.task).act
        if act is None:
            return False
        if state.undoes(event.task) is None:  # taking something back is no evidence for doing it
            key = (state.head.workflow, act.action.act)
            self.counts[key] = self.counts.get(key, 0) + 1
            self.tally.count(act.action.act, at)
        return True

    def _leave_line(self, run: RunId, state: RunState, queue: deque[Request]) -> None:
        """The run has ended: those that waited for it go on."""
        self._admitting.forget(run)
        for following in reversed(self._lines.leave(run, state.head)):
            queue.appendleft(Request(ReleaseRun(following, run), cause=self.position))

    # --- the inbox and the workspace ---------------------------------------------------------------------------------

    def _receive(self, tick: Tick, request: Request, arrival: Arrival, queue: deque[Request]) -> Json:
        decided = self._inbox.decide(arrival)
        if decided is None:
            return {"duplicate": True}
        stream, event = decided
        self._append_plain(tick, stream, (event,), request)
        match arrival:
            case ReceiveMessage(history=True):
                return {"history": True}
            case ReceiveMessage():
                todo, started = self._inbox.publish(arrival, self.house, tick.at, self.position)
                queue.extendleft(reversed(todo))  # decided before any later request
                return {"runs": started}
            case ObserveSent():
                queue.extend(self._inbox.answered(arrival))
            case RejectMessage() | AdvanceCursor():
                pass
        return {}

    def _decide_house(
        self, tick: Tick, request: Request, command: HouseDecision, queue: deque[Request]
    ) -> None:
        if isinstance(command, PurgeDeadLetter) and not self._lies(command.letter):
            return
        if isinstance(command, RecordReplay) and self._replayed(command):
            return
        events = self.house.decide(command)
        self._append_house(tick, events, request)
        for event in events:
            if isinstance(event, KillSwitchThrown) and event.on:
                queue.extendleft(self._revoked("kill switch", "the kill switch was thrown", request))
            if isinstance(event, PolicyAdopted):
                self.policy = self.offered.pop(event.policy, self.policy)
                self.offered.clear()
                queue.extend(to_judge_again(self.runs, self.position))
            if isinstance(event, ScopeResumed) and event.scope != "adapter":
                queue.extend(Request(Admit(run)) for run in self._of_scope(event.name))

    def _decide_memory(
        self, tick: Tick, request: Request, command: MemoryCommand, queue: deque[Request]
    ) -> None:
        remembered = self._remembering.decide(command)
        if remembered is None:
            return
        self._append_plain(tick, MEMORY, (remembered,), request)
        if isinstance(command, ReviewAnnotation) and command.intent != command.said:
            queue.extendleft(self._corrected(tick, request, command))

    def _decide_autonomy(
        self, tick: Tick, request: Request, command: AutonomyCommand, queue: deque[Request]
    ) -> None:
        """Evidence for or against a kind of act, a grant, or its end; each is in force for the next decision."""
        if isinstance(command, WeighEvidence) and self._is_weighed(command):
            return
        events = tuple(event for event in self.autonomy.decide(command) if not self._is_withheld(event))
        if events:
            self._append_plain(tick, AUTONOMY, events, request)
        for event in events:
            self.autonomy.note(event)
            if isinstance(event, AutonomyRevoked):
                # What has not left yet asks as well.
                queue.extendleft(held_of_kind(self.runs, event.kind, self.position))
        if isinstance(command, WeighEvidence):
            told = self._told_right if command.verdict == "clean" else self._told_wrong
            told.add((command.run, command.task))

    def withholds(self, kind: str, level: str) -> str:
        """Why nothing of this kind may go by itself now, whatever its evidence; empty where it may."""
        if level == Level.SHADOW:
            return ""
        if self.killed:
            return "the kill switch is on, and every kind of act asks"
        workflow = kind.partition("/")[0]
        missed = sorted(objective for name, objective in self._breached if name == workflow)
        return f"{workflow} misses its objective for {missed[0]}" if missed else ""

    def _is_withheld(self, event: AutonomyEvent) -> bool:
        return isinstance(event, AutonomyGranted) and bool(self.withholds(event.kind, event.level))

    def _is_weighed(self, command: WeighEvidence) -> bool:
        """Whether the same was said of this act before: that it was right, or by whichever way that it was wrong.

        Each counts once, however often a card asks about the act; of what was wrong nothing is right afterwards.
        """
        at = (command.run, command.task)
        of_it: dict[str, Value] = {"run": command.run, "task": command.task}
        rows = self.store.select("evidence", where=of_it, limit=SOURCE_MAX)
        wrong = at in self._told_wrong or any(row["verdict"] != "clean" for row in rows)
        return wrong or (command.verdict == "clean" and (bool(rows) or at in self._told_right))

    def _corrected(self, tick: Tick, request: Request, review: ReviewAnnotation) -> list[Request]:
        """What a corrected annotation says of the acts that rest on it: they were wrong as well."""
        state, facts = self.folded(review.run), self._facts(tick.at)
        if state is None:
            return []
        return [
            Request(evidence, request.actor, self.position)
            for evidence in corrected(state, review.task, review.actor, facts)
        ]

    def complaint(self, run: RunId, task: int, actor: str, note_sealed: str = "") -> list[Request]:
        """That an act which left by itself was wrong, as evidence; nothing where no act of that number did."""
        state, facts = self.folded(run), self._facts(self.clock.now())
        if state is None:
            return []
        told = came_to_light(state, task, "report", actor, facts, note_sealed=note_sealed)
        return [Request(evidence, actor) for evidence in told]

    def folded(self, run: RunId) -> RunState | None:
        """A run as it stands, also one that is over; None where there never was one."""
        one = self.runs.get(run)
        return one.state if one is not None else fold_ended(self.store, self.codec, run)

    def outdated(self) -> list[Request]:
        """What goes by itself and would be made another way by now."""
        return made_otherwise(self.autonomy, self.recipes, self.workflows, self.plans.__getitem__)

    def _revoked(self, why: str, reason: str, request: Request, *, workflow: str = "") -> list[Request]:
        """What goes by itself asks again, before the next decision."""
        how = {"workflow": workflow, "actor": request.actor}
        return revocations(self.autonomy, why, reason, **how, cause=self.position)

    def _govern(
        self, tick: Tick, request: Request, command: GovernanceCommand, queue: deque[Request]
    ) -> None:
        event = self._governing.decide(command, tick.at)
        if event is None:
            return
        self._append_plain(tick, self._governing.stream(event), (event,), request)
        match event:
            case TemplateAdopted(name=name, template=template):
                self.templates[name] = template
                queue.extendleft(made_from_other_words(self.autonomy, name, template, self.position))
                queue.extend(to_judge_again(self.runs, self.position, name))
            case TemplateRetired(name=name):
                self.templates.pop(name, None)
                queue.extendleft(made_from_other_words(self.autonomy, name, Digest(""), self.position))
            case ObjectiveMet(workflow=workflow, objective=objective):
                self._breached.discard((workflow, objective))
            case ObjectiveBreached(workflow=workflow, objective=objective):
                self._breached.add((workflow, objective))
                reason = f"{workflow} misses its objective for {objective}"
                queue.extendleft(
                    self._revoked("slo", reason, request, workflow=workflow)
                )  # before the next act
            case _:
                pass

    def _lies(self, letter: str) -> bool:
        row = self.store.get("dead_letters", (letter,))
        return row is not None and row["status"] == "waiting"

    def _replayed(self, command: RecordReplay) -> bool:
        """Whether the same was told before."""
        row = self.store.get("dead_letters", (command.letter,))
        return row is not None and row["status"] == "replayed" and row["run"] == command.run

    def _of_scope(self, workflow: str) -> list[RunId]:
        return [run for run, one in self.runs.items() if workflow in ("", one.state.head.workflow)]

    def _wake(self, tick: Tick, queue: deque[Request]) -> None:
        """A timer of the house: schedules that are due start their runs; deferred starts are admitted after."""
        self._house_at = None
        if not self.performing:
            return
        for event, started in self._inbox.due(self.house, tick.at):
            self._append_house(tick, (event,), Request(Wake(HOUSE, 0)))
            for request in started:
                request.cause = self.position
            queue.extend(started)
        self._schedule_at = self._inbox.next_due(self.house, tick.at)

    def _append_house(self, tick: Tick, events: Sequence[WorkspaceEvent], request: Request) -> None:
        """Append to the stream of the workspace, and fold."""
        if not events:
            return
        self._tick_facts = None
        self._append_plain(tick, WORKSPACE, events, request)
        for event in events:
            self.house.note(event)
            self._admitting.note(event, self.house)
            if isinstance(event, WorkflowRegistered | WorkflowRetired):
                self._schedule_at = self._inbox.next_due(self.house, tick.at)

    def _warn(self, tick: Tick, request: Request, workflow: str) -> None:
        """Say once in a period that most of a budget is spent or held."""
        balances, limits = self.balances, self.limits
        periods: tuple[tuple[str, int, int, int | None], ...] = (
            ("day", balances.day, balances.day_spent + balances.held, limits.day_micros),
            ("month", balances.month, balances.month_spent + balances.held, limits.month_micros),
        )
        if limits.workflow_day_micros is not None:
            used = balances.workflow_day_spent.get(workflow, 0) + balances.held_by_workflow.get(workflow, 0)
            mine = (f"workflow:{workflow}", balances.day, used, limits.workflow_day_micros)
            periods = (*periods, mine)
        for scope, period, used, limit in periods:
            if limit and used >= limit * WARN_SHARE and self._warned.get(scope) != period:
                self._warned[scope] = period
                self._append_house(tick, (BudgetWarned(scope, used, limit),), request)

    def _append_plain(self, tick: Tick, stream: StreamId, events: Sequence[Event], request: Request) -> None:
        """Append to a stream that is no run."""
        version = self._streams.get(stream)
        if version is None:
            version = self.store.version(stream)
        transaction = _transaction(tick.at, request.command, version)
        new: list[NewEvent] = []
        for event in events:
            self.position += 1
            number, schema, data = self.codec.encode(event)
            new.append(NewEvent(number, schema, data, request.actor, transaction, request.cause))
            for project in self._views.get(type(event), ()):
                tick.changes += project(self.position, tick.at, stream, event, None)
        tick.batch.append(StreamAppend(stream, Version(version), new))
        tick.events += len(new)
        self._streams[stream] = version + len(new)


# What a person says of a card, or of what is on its way: evidence for or against its kind of act.
_SAYING = frozenset[type[Command]]({GrantApproval, EditApproval, RejectApproval, UndoAct})
# After these a start that was deferred may wait for something else than before.
_RESUMING = frozenset[type[Command]]({ResumeRun, ResumeTask, Admit})


def _priority(state: RunState) -> Priority:
    return state.plan.workflow.priority if state.plan is not None else Priority.NORMAL


def _transaction(at: Instant, command: Command, version: int) -> bytes:
    """The id of a request's transaction: the same command at the same place has the same id."""
    if type(command) is RecordOutcome:
        return transaction_id(at, command.run, command.task, command.attempt)
    return transaction_id(at, type(command).__name__, getattr(command, "run", ""), version)
