"""Random histories of a small workspace: several workflows, every kind of answer, cancellations and doubts, forks,
pauses, what is taken back.

`Play` is a little director: it decides commands with the real kernel, keeps the standard views with what it
appends, and can be told from one seed what the world answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

from mainstay.kernel.autonomy import Autonomy, Level, Standing
from mainstay.kernel.budget import Balances, Limits
from mainstay.kernel.commands import (
    Acted,
    Admit,
    AllowSpending,
    CancelRun,
    CancelTask,
    EditApproval,
    Failed,
    GrantApproval,
    Inspected,
    Outcome,
    PauseRun,
    PauseTask,
    Produced,
    Proposed,
    ReconcileRun,
    RecordNotified,
    RecordOutcome,
    RecoverRun,
    RejectApproval,
    ReleaseRun,
    ResolveDoubt,
    ResumeRun,
    ResumeTask,
    RunCommand,
    Sighting,
    SnoozeApproval,
    Sought,
    StartRun,
    SupersedeRun,
    UndoAct,
    Wake,
    Withheld,
)
from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.effects import Effect, InvokeAdapter, InvokeAgent, Mode, Notify, WakeAt
from mainstay.kernel.events import (
    ContextRecalled,
    Event,
    FailureClass,
    Inherited,
    ModelUsed,
    RunForked,
    TaskSucceeded,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import (
    IdempotencyKey,
    RunId,
    StreamId,
    SubjectId,
    derive,
    digest,
    run_id,
    run_stream,
    transaction_id,
)
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec, Workflow, compile_plan
from mainstay.kernel.policy import Action, Decision, Policy, Rule
from mainstay.kernel.predicates import Ref
from mainstay.kernel.run import advance, nothing, pending
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import DAY, HOUR, Digest, Instant, Json, Usage
from mainstay.ledger.codec import Codec
from mainstay.ledger.inmemory import InMemoryStore
from mainstay.ledger.projection import Projection, Projector
from mainstay.ledger.projections import STANDARD
from mainstay.ledger.store import NewEvent, StreamAppend
from mainstay.workflows.canonical import definition_digest
from tests.ledger.any_house import happens

START = Instant(1_700_000_000_000_000)


def _think(name: str, role: Role, **more: object) -> TaskSpec:
    return TaskSpec(name, TaskKind.THINK, role, name, **more)  # type: ignore[arg-type]


def _act(name: str, act: str, **more: object) -> TaskSpec:
    return TaskSpec(name, TaskKind.ACT, Role.EXECUTOR, "propose-" + name, act=act, **more)  # type: ignore[arg-type]


TRIAGE = Workflow(
    "triage",
    3,
    (
        _think("annotate", Role.SPECIALIST, cost_max_micros=300),
        _think(
            "draft", Role.EXECUTOR, inputs=(("intent", Ref("annotate", ("intent",))),), cost_max_micros=900
        ),
        _think("inspect", Role.INSPECTOR, inputs=(("draft", Ref("draft")),), revisions_max=1),
        _act("label", "email.label", needs=("annotate",), optional=True),
        _act("send", "email.reply", needs=("inspect",), inputs=(("reply", Ref("draft")),)),
    ),
)
FAN = Workflow(
    "newsletter",
    1,
    (
        _think("list", Role.SPECIALIST),
        _think("each", Role.SPECIALIST, for_each=Ref("list", ("items",)), cost_max_micros=50),
        _act("tell", "email.send", for_each=Ref("list", ("items",)), needs=("each",), optional=True),
        _think("sum", Role.SPECIALIST, needs=("tell",)),
    ),
)
PAY = Workflow(
    "pay", 1, (_act("transfer", "bank.transfer"), _act("book", "books.enter", needs=("transfer",)))
)
ORDER = Workflow(
    "order",
    2,
    (
        _think("check", Role.SPECIALIST, cost_max_micros=100, deadline_us=HOUR),
        _act("reserve", "books.enter", needs=("check",), compensate=_act("undo reserve", "books.cancel")),
        _act(
            "charge",
            "bank.transfer",
            needs=("reserve",),
            compensate=_act("undo charge", "bank.refund", cost_max_micros=50),
        ),
        _act("tell", "email.reply", needs=("charge",), deadline_us=DAY, delay_us=60_000_000),
    ),
    deadline_us=3 * DAY,
)
PLANS: dict[Digest, Plan] = {
    name: compile_plan(workflow, name)
    for workflow in (TRIAGE, FAN, PAY, ORDER)
    for name in [definition_digest(workflow)]
}
POLICY = Policy(
    (
        Rule("labels are free", Decision.ALLOW, "a label can be taken off again", "email.label"),
        Rule("no mail to machines", Decision.DENY, "nobody reads it", "email.send"),
        Rule("books are ours", Decision.ALLOW, "an entry can be reversed", "books.*"),
    )
)
REPEATABLE = {
    "email.label": (Repeatability.FINDABLE, Finality.REVERSIBLE),
    "email.reply": (Repeatability.FINDABLE, Finality.FINAL_LOW),
    "email.send": (Repeatability.FINDABLE, Finality.FINAL_LOW),
    "bank.transfer": (Repeatability.ONCE, Finality.FINAL_HIGH),
    "books.enter": (Repeatability.KEYED, Finality.REVERSIBLE),
    "books.cancel": (Repeatability.KEYED, Finality.REVERSIBLE),
    "bank.refund": (Repeatability.FINDABLE, Finality.FINAL_HIGH),
}


def action(run: RunId, task: int, act: str, text: str, price_micros: int | None = 0) -> Action:
    """An effect as an executor would propose it; equal texts are equal effects."""
    repeatability, finality = REPEATABLE[act]
    adapter, operation = act.split(".")
    payload = digest(f"payload {text}".encode())
    return Action(
        act=act,
        adapter=adapter,
        operation=operation,
        contract="1.0",
        repeatability=repeatability,
        finality=finality,
        key=IdempotencyKey(derive("key", run, task).hex()),
        payload=payload,
        card=digest(f"card {text}".encode()),
        digest=digest(f"{run} {task} {payload}".encode()),
        price_micros=price_micros,
        attempt_max=3,
    )


class Play:
    """A ledger in memory, its runs, and the views kept with them."""

    def __init__(self, *, projections: Iterable[Projection] = STANDARD, limits: Limits = Limits()) -> None:
        self.projector = Projector(projections)
        self.store = InMemoryStore(tables=self.projector.tables)
        self.epoch = self.store.acquire()
        self.codec = Codec(PLANS.__getitem__)
        self.runs: dict[RunId, RunState] = {}
        self.now = START
        self.balances = Balances()
        self.counts: dict[tuple[str, str], int] = {}
        self.limits = limits
        self.killed = False
        self.undo_us = 0
        self.autonomy = Autonomy()

    def start(self, workflow: str, *, cause: int | None = None, **more: object) -> RunId:
        """Start a run of a workflow."""
        run = run_id(self.now, workflow, len(self.runs))
        definition = next(name for name, plan in PLANS.items() if plan.workflow.name == workflow)
        self.command(StartRun(run, workflow, definition, **more), cause=cause)  # type: ignore[arg-type]
        return run

    def command(self, command: RunCommand, actor: str = "director", cause: int | None = None) -> None:
        """Decide, append, keep the views: all from the state after the whole decision, as a director does."""
        before = self.runs.get(command.run) or nothing(command.run)
        self.balances.roll(self.now)
        facts = Facts(
            *(self.now, POLICY, self.balances, self.limits, self.counts, PLANS, self.killed),
            autonomy=self.autonomy,
            undo_us=self.undo_us,
        )
        state, events = advance(before, command, facts)
        if not events:
            return
        self.runs[command.run] = state
        self.balances.move(state.head.workflow, state.held - before.held, state.spent - before.spent)
        for event in events:
            if isinstance(event, TaskSucceeded):
                act = state.task(event.task).act
                if act is not None and state.undoes(event.task) is None:
                    place = (state.head.workflow, act.action.act)
                    self.counts[place] = self.counts.get(place, 0) + 1
        self.append(run_stream(command.run), events, actor, state, str(command.run), cause=cause)

    def append(
        self,
        stream: StreamId,
        events: Iterable[Event],
        actor: str = "director",
        state: RunState | None = None,
        *about: str,
        cause: int | None = None,
    ) -> None:
        """Append events to a stream, with what the views make of them; each follows from the one before."""
        version, position = self.store.version(stream), self.store.head
        transaction = transaction_id(self.now, stream, version, *about)
        new, changes = [], []
        for event in events:
            led = position if new or cause is None else cause
            new.append(NewEvent(*self.codec.encode(event), actor, transaction, led))
            position += 1
            changes += self.projector.project(position, self.now, stream, event, state)
        self.store.append(
            [StreamAppend(stream, version, new)], epoch=self.epoch, at=self.now, changes=changes
        )

    def owed(self, run: RunId) -> tuple[Effect, ...]:
        """What this run waits for."""
        return pending(self.runs[run])


def wander(seed: int, *, steps: int = 80, play: Play | None = None) -> Play:
    """A history drawn from one seed: runs start, the world answers well and badly, the operator does anything."""
    random = Random(seed)
    play = play or Play(limits=Limits(day_micros=random.choice([None, 1_000])))
    odd = Random(f"governance {seed}")
    play.undo_us = odd.choice([0, 0, HOUR])
    if odd.random() < 0.1:
        play.autonomy.kinds["triage/email.reply/"] = Standing(level=Level.SHADOW)
    for _ in range(steps):
        play.now = Instant(
            play.now
            + random.choice([0, 0, 0, 1_000_000, 1_000_000, HOUR, DAY if random.random() < 0.3 else 0])
        )
        if random.random() < 0.05:
            play.killed = not play.killed
        if not play.runs or random.random() < 0.06:
            _begin(random, play)
            continue
        if random.random() < 0.06:
            happens(random, play)
            continue
        going = [run for run, state in play.runs.items() if not state.ended or state.left]
        run = random.choice(going[-3:] if going and random.random() < 0.8 else list(play.runs))
        play.command(_any_command(random, run, play), actor=random.choice(["director", "operator"]))
    return play


def _begin(random: Random, play: Play) -> None:
    behind = random.choice([None, *play.runs]) if random.random() < 0.3 else None
    workflow, forked = (
        random.choice(["triage", "triage", "newsletter", "pay", "order", "order", "order"]),
        None,
    )
    if play.runs and random.random() < 0.2:
        parent = play.runs[random.choice(list(play.runs))]
        workflow, forked = parent.head.workflow, fork(parent, play.store.version(run_stream(parent.head.run)))
    play.start(
        workflow,
        subject=random.choice([None, SubjectId("5" * 32)]),
        trigger={"message": {"key": f"message-{len(play.runs)}", "thread": "t"}},
        behind=behind,
        line=random.choice(["key", "workflow"]),
        not_before=Instant(play.now + HOUR) if random.random() < 0.15 else Instant(0),
        forked=forked,
    )


def fork(parent: RunState, version: int, actor: str = "operator") -> RunForked:
    """Where a run begins that takes over what the parent has done without gaps; what fanned out is done anew."""
    done: list[Inherited] = []
    plan = parent.plan
    for number in range(plan.size) if plan is not None else ():
        task, spec = parent.task(number), parent.spec(number)
        known = {one.task for one in done}
        if (
            task.phase is Phase.SUCCEEDED
            and spec.for_each is None
            and plan
            and known >= set(plan.needs[number])
        ):
            done.append(Inherited(number, task.output or {}, task.act is not None))
    return RunForked(parent.head.run, version, actor, "", tuple(done))


def _any_command(random: Random, run: RunId, play: Play) -> RunCommand:
    effects = play.owed(run)
    held = [number for number, task in play.runs[run].all_tasks() if task.phase is Phase.HELD]
    if held and random.random() < 0.5:
        return UndoAct(run, random.choice(held), "operator")
    if random.random() < (0.04 if effects else 0.3):
        return random.choice(_REMARKS)(run)
    if not effects or random.random() < 0.1:
        paused = play.runs[run].unusual.paused_tasks
        task = random.randrange(-1, max(1, play.runs[run].size))
        if paused and random.random() < 0.3:
            return ResumeTask(run, random.choice(paused), "operator")
        return random.choice(_STEERING)(run, task)
    match random.choice(effects):
        case InvokeAgent(task=task, attempt=attempt, act=act, name=name):
            outcome = _agent(random, run, task, act, name)
            return RecordOutcome(run, task, attempt, outcome, notes=_notes(task, attempt, len(effects)))
        case InvokeAdapter(task=task, attempt=attempt, mode=Mode.CALL):
            if random.random() < 0.25:
                return CancelRun(run, "operator", "while it was under way")
            return RecordOutcome(run, task, attempt, _call(random))
        case InvokeAdapter(task=task, attempt=attempt):
            return RecordOutcome(run, task, attempt, Sought(random.choice(list(Sighting)), {"seen": True}))
        case WakeAt(task=task, at=at):
            if random.random() < (0.8 if at < play.now + HOUR else 0.1):
                play.now = max(play.now, at)
            return Wake(run, task)
        case Notify(task=task):
            return _operator(random, run, task, play)
    raise AssertionError


def _operator(random: Random, run: RunId, task: int, play: Play) -> RunCommand:
    state = play.runs[run].task(task)
    if state.phase is Phase.DOUBT:
        return ResolveDoubt(run, task, random.choice(["happened", "did_not", "unknown"]), "operator")
    if state.phase is not Phase.APPROVAL or state.act is None or state.act.approval is None:
        return RecordNotified(run, task)
    card, shown = state.act.approval, state.act.action.digest
    draw = random.random()
    if draw < 0.45:
        return GrantApproval(run, card, shown, "operator", random.randrange(60_000_000), confirmed=True)
    if draw < 0.6:
        edited = action(run, task, state.act.action.act, f"edited {random.random()}")
        return EditApproval(run, card, shown, edited, "operator", 5_000_000)
    if draw < 0.75:
        return RejectApproval(run, card, "operator", "c2VhbGVk", 1_000_000)
    if draw < 0.85:
        return SnoozeApproval(run, card, Instant(play.now + random.choice([HOUR, DAY])), "operator")
    return RecordNotified(run, task)


def _usage(random: Random) -> Usage:
    return Usage(random.choice([0, 7, 40]), random.choice([0, 100]), 0, 1)


def _agent(random: Random, run: RunId, task: int, act: str, name: str) -> Outcome:
    if random.random() < 0.15:
        failure = random.choice(list(FailureClass))
        return Failed(failure, "it went wrong", usage=random.choice([None, _usage(random)]))
    if act:
        price = random.choice([0, 0, 25, None])
        return Proposed(
            action(run, task, act, f"{run} {task}", price), "it is asked for", ("m1",), _usage(random)
        )
    if name == "inspect":
        verdict = random.choice(["passed", "passed", "look", "refuse"])
        return Inspected(verdict, ({"check": "tone"},), "looked", revise=random.random() < 0.3)
    items = [1, 2, 3][: random.randrange(4)]
    output: Json = {"intent": "billing", "items": items}
    if items:  # put to a gate: passed, not passed, or drawn as a sample
        output |= {
            "auto": len(items) != 2,
            "audit": len(items) == 3,
            "confidence": 0.5,
            "gate": {"risk": 0.1},
        }
    return Produced(output, "because", ("record:1",), _usage(random))


def _notes(task: int, attempt: int, number: int) -> tuple[ContextRecalled | ModelUsed, ...]:
    """What an attempt drew upon: nothing, or one of the two kinds."""
    recalled = ContextRecalled(task, attempt, Digest("e" * 64), 2, 1, 40)
    used = ModelUsed(task, attempt, f"local:{task}", 3, 200, 50, 4, 2, 60, bool(task % 2))
    return ((), (recalled,), (used,), ())[(task + attempt + number) % 4]


def _call(random: Random) -> Outcome:
    draw = random.random()
    if draw < 0.5:
        return Acted({"id": "1"})
    if draw < 0.6:
        return Withheld("something newer came")
    return Failed(random.choice(list(FailureClass)), "no answer", usage=None)


_REMARKS: list[Callable[[RunId], RunCommand]] = [
    lambda run: CancelRun(run, "operator", "not needed"),
    lambda run: CancelRun(run, "operator"),
    lambda run: SupersedeRun(run, "a newer message", "message-9"),
    lambda run: RecoverRun(run),
    lambda run: ReleaseRun(run, run),
]
_STEERING: list[Callable[[RunId, int], RunCommand]] = [
    lambda run, task: PauseRun(run, "operator", "wait a moment"),
    lambda run, task: ResumeRun(run, "operator"),
    lambda run, task: ResumeRun(run, "operator"),
    lambda run, task: PauseTask(run, task, "operator"),
    lambda run, task: ResumeTask(run, task, "operator"),
    lambda run, task: CancelTask(run, task, "operator", "not needed"),
    lambda run, task: Admit(run),
    lambda run, task: AllowSpending(run, ("price", "run")[task % 2], 2_000, "operator"),
    lambda run, task: ReconcileRun(run),
    lambda run, task: Wake(run, task),
]
