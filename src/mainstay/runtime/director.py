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
from dataclasses import replace

from mainstay.kernel.budget import WARN_SHARE, Balances, Limits
from mainstay.kernel.commands import (
    AdoptPolicy,
    AdvanceCursor,
    Command,
    ObserveSent,
    ReceiveMessage,
    RecordOutcome,
    RecoverRun,
    RegisterWorkflow,
    RejectMessage,
    ReleaseRun,
    RunCommand,
    StartRun,
    SupersedeRun,
    ThrowKillSwitch,
    Wake,
)
from mainstay.kernel.door import foresee
from mainstay.kernel.effects import WakeAt
from mainstay.kernel.events import (
    BudgetWarned,
    CursorAdvanced,
    DirectorStarted,
    Event,
    KillSwitchThrown,
    MessageReceived,
    MessageRejected,
    PolicyAdopted,
    RunEvent,
    TaskSucceeded,
    ThreadAnswered,
    WorkflowRegistered,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import WORKSPACE, RunId, StreamId, run_id, run_stream, transaction_id
from mainstay.kernel.plan import Plan, Supersede, holds, resolve
from mainstay.kernel.policy import Action, Decision, Policy
from mainstay.kernel.run import advance, new_effects, nothing, pending, supersedable
from mainstay.kernel.state import Phase, RunState, Status
from mainstay.kernel.values import Digest, Instant, Json
from mainstay.ledger.codec import Codec
from mainstay.ledger.projection import Projection
from mainstay.ledger.run_snapshot import forget_run, save_run
from mainstay.ledger.store import Epoch, EventStore, NewEvent, Put, StreamAppend, Version
from mainstay.runtime.boot import (
    Open,
    Registered,
    answered_by_hand,
    cards_agree,
    fold_open,
    fold_run,
    held_by_workflow,
    read_standing,
    stranded,
)
from mainstay.runtime.clock import Clock
from mainstay.runtime.lines import Lines
from mainstay.runtime.tick import Answer, Owed, Request, Tick

TICK_MAX = 256  # commands decided at once: keeps the loop free for 10 to 24 ms
BY_HAND = "answered by hand"
TRIGGER_MESSAGE = "message.received/1"
NO_CEILINGS: Mapping[str, int] = {}  # every agent may cost what its task's budget allows
NO_RULES = Policy(())  # everything asks
SNAPSHOT_EVERY = 512  # events of one run between two snapshots of it


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
        ceilings: Mapping[str, int] = NO_CEILINGS,
        performing: bool = True,
    ) -> None:
        self.store = store
        self.clock = clock
        self.plans = plans
        self.policy = policy
        self.limits = limits
        self.codec = Codec(plans.__getitem__)
        self.epoch = Epoch(0)
        self.runs: dict[RunId, Open] = {}
        self.workflows: dict[str, Registered] = {}
        self.balances = Balances()
        self.counts: dict[tuple[str, str], int] = {}
        self.killed = False
        self.ceilings = ceilings
        self.performing = performing  # without a performer, nothing starts: it waits for the next boot
        self.position = 0
        self._version = version
        self._snapshot_every = snapshot_every
        self._views: dict[type[Event], tuple[Projection, ...]] = {}
        for projection in projections:
            for kind in projection.events:
                self._views[kind] = (*self._views.get(kind, ()), projection)
        self._lines = Lines()
        self._streams: dict[StreamId, int] = {}  # versions of the streams that are not runs
        self._recent: set[str] = set()  # message keys of this tick, not in a view yet
        self._gone: set[RunId] = (
            set()
        )  # runs that ended in this tick: until its commit the disk has them open
        self._held_written = 0
        self._warned: dict[str, int] = {}  # the day or month in which a budget's warning was given

    # --- boot ------------------------------------------------------------------------------------------------------

    def boot(self) -> list[Owed]:
        """Take the workspace: raise the epoch, fold what is open, settle what was under way, and say what is owed."""
        self.acquire()
        self.load_all()
        self.balances.held = sum(one.state.held for one in self.runs.values())
        self.balances.held_by_workflow = held_by_workflow(one.state for one in self.runs.values())
        self._held_written = self.balances.held
        recover = [Request(RecoverRun(run)) for run in self.runs]
        tick = self.tick(
            recover + stranded(self.store, self._lines, self.runs),
            start=DirectorStarted(self.epoch, self._version),
        )
        tick.effects.clear()  # what recovery owes is part of what is pending
        self.commit(tick)
        return [Owed(effect, self.position) for one in self.runs.values() for effect in pending(one.state)]

    def cards_agree(self) -> bool:
        """Whether the view of approvals shows exactly the cards that the folded runs are waiting on."""
        return cards_agree(self.store, [one.state for one in self.runs.values()])

    def acquire(self) -> None:
        """Become the writer and read what every decision needs: balances, counts, definitions, the kill switch."""
        self.epoch = self.store.acquire()
        self.position = self.store.head
        standing = read_standing(self.store, self.clock.now())
        self.workflows |= standing.workflows
        self.counts = standing.counts
        self.balances = standing.balances
        self.killed = standing.killed
        self._warned = standing.warned
        self._held_written = standing.balances.held

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
        if not one.state.ended:
            self._lines.join(run, one.state.head)

    # --- a tick ----------------------------------------------------------------------------------------------------

    def tick(
        self, requests: Sequence[Request], *, start: Event | None = None, onto: Tick | None = None
    ) -> Tick:
        """Decide these requests in order. Nothing is durable, performed or answered before `commit`.

        `onto` takes a tick that was not committed yet and goes on with it: one transaction, one time.
        """
        tick = onto or Tick(self.clock.now())
        if onto is None:
            self._recent.clear()
            self._gone.clear()
            self.balances.roll(tick.at)
        if start is not None:
            self._append_plain(tick, WORKSPACE, (start,), Request(RecoverRun(RunId(""))))
        queue = deque(requests)
        while queue:
            request = queue.popleft()
            before = tick.events
            detail = self._decide(tick, request, queue)
            if request.blobs:
                # Also when it decided to nothing: performers share the stage, so a blob may be a neighbour's.
                tick.blobs.update(request.blobs)
            if request.answer is not None:
                tick.answers.append((request.answer, Answer(tick.events - before, self.position, detail)))
        if self.balances.held != self._held_written and tick.events:
            self._held_written = self.balances.held
            tick.changes.append(Put("house", ("held",), {"value": str(self.balances.held)}))
        return tick

    def commit(self, tick: Tick) -> None:
        """Make the tick durable. Raises `StorageFull` (call again), `StaleEpoch` or `StorageFailed` (end)."""
        if not tick.empty:
            self.store.append(
                tick.batch, epoch=self.epoch, at=tick.at, changes=tick.changes, blobs=tick.blobs
            )

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
        if one is None or one.state.plan is None:
            return ""
        head = one.state.head
        if one.state.plan.workflow.supersede is Supersede.WAITING and head.key:
            line = self._lines.of_key(head.workflow, head.key)
            if line and line[0] == run and len(line) > 1:
                return "a newer message in the thread"
        return self._lines.answered(run)

    def _decide(self, tick: Tick, request: Request, queue: deque[Request]) -> Json:
        match request.command:
            case ReceiveMessage():
                return self._receive(tick, request, request.command, queue)
            case RejectMessage() as rejected:
                return self._reject(tick, request, rejected)
            case ObserveSent() as sent:
                return self._observe_sent(tick, request, sent, queue)
            case AdvanceCursor() as cursor:
                event = CursorAdvanced(
                    cursor.source,
                    cursor.cursor,
                    cursor.received,
                    cursor.duplicates,
                    cursor.dropped,
                    cursor.rejected,
                )
                self._append_plain(tick, StreamId("inbox:" + cursor.source), (event,), request)
                return {}
            case RegisterWorkflow() as new:
                self._register(tick, request, new)
                return {}
            case AdoptPolicy(policy=policy):
                adopted = self.store.get("house", ("policy",))
                if adopted is None or adopted["value"] != policy:
                    self._append_plain(tick, WORKSPACE, (PolicyAdopted(policy),), request)
                return {}
            case ThrowKillSwitch(actor=actor, on=on, reason=reason):
                if on is not self.killed:
                    self.killed = on
                    self._append_plain(tick, WORKSPACE, (KillSwitchThrown(actor, on, reason),), request)
                return {}
            case command:
                return self._run(tick, request, command, queue)

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
        state, events = advance(before, command, self._facts(tick.at))
        if not events:
            if type(command) is Wake and state.exists(command.task):
                owed = state.task(command.task).wake_at
                if owed > tick.at:  # the clock was set back, or the timer was moved: it is owed still
                    tick.effects.append(Owed(WakeAt(command.run, command.task, owed), request.cause))
            return {}
        one.state = state
        if before.status is Status.NOT_STARTED:
            self._remember(command.run, one)
        if state.held != before.held or state.spent != before.spent:
            self.balances.move(state.head.workflow, state.held - before.held, state.spent - before.spent)
        self._append(tick, run_stream(command.run), one, events, request)
        for effect in new_effects(state, events):
            tick.effects.append(Owed(effect, self.position))
        if state.held + state.spent > before.held + before.spent:
            self._warn(tick, request)
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
        )

    def _in_line(self, command: StartRun) -> StartRun:
        """Behind the last run with its key as things stand now: what the sender knew may have ended since."""
        line = self._lines.of_key(command.workflow, command.key)
        return replace(command, behind=line[-1] if line else None)

    def _append(
        self, tick: Tick, stream: StreamId, one: Open, events: tuple[RunEvent, ...], request: Request
    ) -> None:
        transaction = _transaction(tick.at, request.command, one.version)
        encode, views, state, actor = self.codec.encode, self._views, one.state, request.actor
        new: list[NewEvent] = []
        cause = request.cause
        position = self.position
        for event in events:
            position += 1
            number, schema, data = encode(event)
            new.append(NewEvent(number, schema, data, actor, transaction, cause))
            cause = position
            if type(event) is TaskSucceeded:
                self._count(state, event)
            for projection in views.get(type(event), ()):
                tick.changes += projection.project(position, tick.at, stream, event, state)
        self.position = position
        tick.batch.append(StreamAppend(stream, Version(one.version), new))
        tick.events += len(new)
        one.version += len(new)
        # Never more often than a snapshot is long, so that a run of ten thousand tasks writes a handful.
        if one.version - one.snapshot_at >= max(self._snapshot_every, state.size) and not state.ended:
            one.snapshot_at = one.version
            tick.changes.append(save_run(state, one.version, position))

    def _count(self, state: RunState, event: TaskSucceeded) -> None:
        act = state.task(event.task).act
        if act is not None:
            key = (state.head.workflow, act.action.act)
            self.counts[key] = self.counts.get(key, 0) + 1

    def _leave_line(self, run: RunId, state: RunState, queue: deque[Request]) -> None:
        """The run has ended: the next with its key goes on."""
        following = self._lines.leave(run, state.head)
        if following is not None:
            queue.appendleft(Request(ReleaseRun(following, run), cause=self.position))

    # --- the inbox -------------------------------------------------------------------------------------------------

    def _receive(self, tick: Tick, request: Request, command: ReceiveMessage, queue: deque[Request]) -> Json:
        if self._seen("messages", command.message_key):
            return {"duplicate": True}
        event = MessageReceived(
            command.mailbox,
            command.message_key,
            command.thread,
            command.subject,
            command.content,
            command.size_bytes,
            command.sent_at,
            command.automatic,
            command.attachments,
            command.defects,
            command.history,
        )
        self._append_plain(tick, StreamId("inbox:" + command.mailbox), (event,), request)
        if command.history:
            return {"history": True}
        fields: Json = {
            "key": command.message_key,
            "mailbox": command.mailbox,
            "thread": command.thread,
            "content": command.content,
            "automatic": bool(command.automatic),
            "attachments": len(command.attachments),
            **command.fields,
        }
        started = self._trigger(tick.at, TRIGGER_MESSAGE, {"message": fields}, command, queue)
        return {"runs": started}

    def _trigger(
        self, at: Instant, name: str, trigger: Json, command: ReceiveMessage, queue: deque[Request]
    ) -> list[str]:
        """Publish: every workflow whose trigger matches starts a run, decided before any later request."""
        started: list[str] = []
        todo: list[Request] = []
        sources = {"trigger": trigger}
        for registered in self.workflows.values():
            workflow = self.plans[registered.definition].workflow
            on = workflow.on
            if on is None or on.event != name or (on.where is not None and not holds(on.where, sources)):
                continue
            run = run_id(at, registered.name, command.message_key)
            key = str(resolve(workflow.key, sources) or "") if workflow.key else ""
            behind: RunId | None = None
            line = self._lines.of_key(workflow.name, key)
            # Newest first, so that the end of one does not set free another that ends next.
            for older in reversed(line):
                if workflow.supersede is Supersede.WAITING and supersedable(self.runs[older].state):
                    todo.append(Request(SupersedeRun(older, "a newer message in the thread", run)))
                else:
                    behind = behind or older
            todo.append(
                Request(
                    StartRun(
                        run, workflow.name, registered.definition, trigger, key, command.subject, behind
                    ),
                    cause=self.position,
                )
            )
            started.append(run)
        queue.extendleft(reversed(todo))
        return started

    def _reject(self, tick: Tick, request: Request, command: RejectMessage) -> Json:
        if self._seen("rejected", command.item_key):
            return {"duplicate": True}
        event = MessageRejected(
            command.mailbox, command.item_key, command.reason, command.raw, command.origin
        )
        self._append_plain(tick, StreamId("inbox:" + command.mailbox), (event,), request)
        return {}

    def _observe_sent(
        self, tick: Tick, request: Request, command: ObserveSent, queue: deque[Request]
    ) -> Json:
        if self._seen("messages", command.message_key):
            return {"duplicate": True}
        event = ThreadAnswered(command.mailbox, command.message_key, command.thread)
        self._append_plain(tick, StreamId("inbox:" + command.mailbox), (event,), request)
        for run in self._lines.of_thread(command.thread):
            self._lines.answer(run, BY_HAND)
            queue.append(Request(SupersedeRun(run, BY_HAND, command.message_key)))
        return {}

    def _seen(self, table: str, key: str) -> bool:
        if key in self._recent or self.store.get(table, (key,)) is not None:
            return True
        self._recent.add(key)
        return False

    # --- the workspace ---------------------------------------------------------------------------------------------

    def _register(self, tick: Tick, request: Request, command: RegisterWorkflow) -> None:
        known = self.workflows.get(command.name)
        if known is not None and known.definition == command.definition:
            return
        self.workflows[command.name] = Registered(command.name, command.version, command.definition)
        event = WorkflowRegistered(command.name, command.version, command.definition)
        self._append_plain(tick, WORKSPACE, (event,), request)

    def _warn(self, tick: Tick, request: Request) -> None:
        """Say once in a period that most of a budget is spent or held."""
        balances, limits = self.balances, self.limits
        periods = (
            ("day", balances.day, balances.day_spent + balances.held, limits.day_micros),
            ("month", balances.month, balances.month_spent + balances.held, limits.month_micros),
        )
        for scope, period, used, limit in periods:
            if limit and used >= limit * WARN_SHARE and self._warned.get(scope) != period:
                self._warned[scope] = period
                self._append_plain(tick, WORKSPACE, (BudgetWarned(scope, used, limit),), request)

    def _append_plain(
        self, tick: Tick, stream: StreamId, events: tuple[Event, ...], request: Request
    ) -> None:
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
            for projection in self._views.get(type(event), ()):
                tick.changes += projection.project(self.position, tick.at, stream, event, None)
        tick.batch.append(StreamAppend(stream, Version(version), new))
        tick.events += len(new)
        self._streams[stream] = version + len(new)


def _transaction(at: Instant, command: Command, version: int) -> bytes:
    """The id of a request's transaction: the same command at the same place has the same id."""
    if type(command) is RecordOutcome:
        return transaction_id(at, command.run, command.task, command.attempt)
    return transaction_id(at, type(command).__name__, getattr(command, "run", ""), version)
