"""Shared generators: JSON values, plans, policies, actions, outcomes, commands, events, and walks of whole runs.

A walk is drawn from one seed with `random.Random`, not from Hypothesis choice by choice: histories of hundreds of
commands are then cheap, and a failing seed names one. What is drawn is meant to be hostile: late, doubled and
misdirected commands, clocks set back, crashes, the kill switch, rules that change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from mainstay.kernel.autonomy import Autonomy, Level, Standing
from mainstay.kernel.budget import Limits
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
    JudgeAgain,
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
    ActionDenied,
    ActionEdited,
    ActionInDoubt,
    ActionProposed,
    ActionStarted,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    AttemptFailed,
    BudgetRefused,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    ContextRecalled,
    DeadlineSet,
    DoubtResolved,
    FailureClass,
    FailureDiagnosed,
    Inherited,
    LookupDeferred,
    LookupStarted,
    ModelUsed,
    OperatorNotified,
    PlanAccepted,
    RevisionRequested,
    RunCancelled,
    RunDelayed,
    RunEvent,
    RunFailed,
    RunForked,
    RunPaused,
    RunQueued,
    RunRecovered,
    RunReleased,
    RunResumed,
    RunStarted,
    RunSucceeded,
    RunSuperseded,
    SpendingAllowed,
    StartDeferred,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import ApprovalId, IdempotencyKey, RunId
from mainstay.kernel.plan import Plan, Role, TaskKind, TaskSpec
from mainstay.kernel.policy import Action, Condition, Decision, Policy, Rule
from mainstay.kernel.predicates import Compare, Operator, Ref
from mainstay.kernel.run import pending
from mainstay.kernel.state import BUSY, DONE, Phase, RunState
from mainstay.kernel.values import DAY, HOUR, MINUTE, SECOND, Digest, Instant, Usage
from mainstay.testing.plans import RUN, action, plan_of
from mainstay.testing.spec import Playbook

Notes = tuple[ContextRecalled | ModelUsed, ...]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
seeds = st.integers(0, 2**32)

repeatabilities = st.sampled_from(Repeatability)
finalities = st.sampled_from(Finality)
decisions = st.sampled_from(Decision)
failures = st.sampled_from(FailureClass)

actions = st.builds(
    action,
    st.integers(0, 5),
    text=st.text(max_size=5),
    act=st.sampled_from(["email.reply", "email.label", "bank.pay"]),
    repeatability=repeatabilities,
    finality=finalities,
    price_micros=st.none() | st.integers(0, 50),
    features=st.dictionaries(st.sampled_from(["known", "n"]), st.booleans() | st.integers(0, 3)),
)
conditions = st.builds(
    Condition,
    st.sampled_from(["known", "n", "adapter", "finality", "price_micros", "done_by_this_workflow", "none"]),
    st.sampled_from(Operator),
    st.booleans()
    | st.integers(0, 3)
    | st.sampled_from(["email", "reversible"])
    | st.lists(st.integers(0, 3)),
)
rules = st.builds(
    Rule,
    st.text(min_size=1, max_size=4),
    decisions,
    st.just("because"),
    st.sampled_from(["*", "email.*", "email.reply", "bank.pay", "agent.*"]),
    st.lists(conditions, max_size=2).map(tuple),
)
policies = st.lists(rules, max_size=6).map(lambda many: Policy(tuple(many)))

_tasks = st.integers(-2, 70)
_costs = st.integers(0, 50)
_times = st.integers(0, 2**50).map(Instant)
_texts = st.text(max_size=4)
_approvals = st.sampled_from(["0" * 16, "f" * 16, "", "x" * 16]).map(ApprovalId)


def events(plan: Plan) -> st.SearchStrategy[RunEvent]:
    """Any event of a run, whether it makes sense or not."""
    digests = st.just(Digest("d" * 64))
    return st.one_of(
        st.builds(RunStarted, st.just(RUN), _texts, digests, st.just({"rows": [1, 2]})),
        st.builds(RunQueued, st.just(RUN)),
        st.builds(PlanAccepted, st.just(plan)),
        st.builds(TaskStarted, _tasks, _tasks, _costs),
        st.builds(TaskSucceeded, _tasks, _tasks, st.just({}), _costs),
        st.builds(AttemptFailed, _tasks, _tasks, failures, _texts, _times, _costs),
        st.builds(TaskFailed, _tasks, _tasks, failures, _texts, _costs),
        st.builds(TaskSkipped, _tasks, _texts),
        st.builds(TaskExpanded, _tasks, st.integers(-1, 5)),
        st.builds(RevisionRequested, _tasks, _tasks, _tasks),
        st.builds(BudgetRefused, _tasks, _texts, _costs, _costs, _times, st.booleans()),
        st.builds(ActionProposed, _tasks, _tasks, actions),
        st.builds(ActionDenied, _tasks, _texts, _texts),
        st.builds(ApprovalRequested, _tasks, _approvals, digests, _texts, _texts, _times),
        st.builds(OperatorNotified, _tasks),
        st.builds(ActionEdited, _tasks, _approvals, actions, _texts),
        st.builds(ApprovalGranted, _tasks, _approvals, digests, _texts),
        st.builds(ApprovalRejected, _tasks, _approvals, _texts),
        st.builds(ApprovalExpired, _tasks, _approvals),
        st.builds(ActionStarted, _tasks, _tasks, st.just(IdempotencyKey("k")), digests, _texts, _costs),
        st.builds(LookupStarted, _tasks, _tasks, _times),
        st.builds(LookupDeferred, _tasks, _tasks, _times),
        st.builds(ActionInDoubt, _tasks, _tasks, _texts),
        st.builds(DoubtResolved, _tasks, _texts, _texts),
        st.builds(RunReleased, st.just(RUN)),
        st.builds(RunSuperseded, _texts),
        st.builds(RunCancelled, _texts),
        st.just(RunSucceeded()),
        st.builds(RunFailed, _texts),
        st.builds(RunDelayed, _times),
        st.builds(
            RunForked,
            st.just(RUN),
            _tasks,
            _texts,
            inherited=st.lists(st.builds(Inherited, st.integers(0, 4)), max_size=3).map(tuple),
            expansions=st.lists(st.tuples(st.just(3), st.integers(1, 3)), max_size=1).map(tuple),
        ),
        st.builds(DeadlineSet, _tasks, _times),
        st.builds(StartDeferred, _tasks, st.sampled_from(["delay", "pause:run", "throttle:x"]), _times),
        st.builds(FailureDiagnosed, _tasks, _tasks, failures, _texts),
        st.builds(RunPaused, _texts),
        st.builds(RunResumed, _texts),
        st.builds(TaskPaused, _tasks, _texts),
        st.builds(TaskResumed, _tasks, _texts),
        st.builds(TaskCancelled, _tasks, _texts, cost=_costs),
        st.builds(RunRecovered, _tasks),
        st.builds(CompensationBegun, st.sampled_from(["failed", "cancelled"])),
        st.builds(CompensationPlanned, st.lists(st.integers(0, 5), max_size=3).map(tuple)),
        st.builds(CompensationFailed, _tasks, _tasks, failures, _texts),
        st.builds(SpendingAllowed, st.sampled_from(["run", "price", ""]), _costs, _texts),
        st.builds(ContextRecalled, _tasks, _tasks, digests, _costs),
        st.builds(ModelUsed, _tasks, _tasks, _texts, _costs, cost=_costs),
    )


# --- random plans and worlds ------------------------------------------------------------------------------------


def random_plan(random: Random) -> Plan:
    """Up to nine tasks: fans, chains, acts, items, inspectors, conditions, optional ones."""
    tasks: list[TaskSpec] = []
    for number in range(random.randint(1, 9)):
        before = [one.name for one in tasks]
        needs = tuple(random.sample(before, min(len(before), random.choice((0, 1, 1, 2, 3)))))
        tasks.append(_random_task(random, f"t{number}", needs, tasks))
    run_max = random.choice((None, None, None, 60, 400))
    deadline_us = random.choice((None, None, None, DAY))
    delay_us = random.choice((0, 0, 0, 0, MINUTE))
    return plan_of(*tasks, cost_max_micros=run_max, deadline_us=deadline_us, delay_us=delay_us)


def _random_task(random: Random, name: str, needs: tuple[str, ...], before: list[TaskSpec]) -> TaskSpec:
    kind = TaskKind.ACT if random.random() < 0.4 else TaskKind.THINK
    drafts = [one for one in before if one.for_each is None]
    inspects = kind is TaskKind.THINK and drafts and random.random() < 0.3
    inputs = (("draft", Ref(random.choice(drafts).name, ("text",))),) if inspects else ()
    each = Ref("trigger", ("rows",)) if random.random() < 0.15 else None
    when = None
    if needs and random.random() < 0.2:
        when = Compare(Ref(needs[0], ("yes",)), Operator.IS, True)
    undo = None
    if kind is TaskKind.ACT and random.random() < 0.6:
        undo = TaskSpec(f"undo {name}", TaskKind.ACT, Role.EXECUTOR, "a", "email.label", attempt_max=1)
    return TaskSpec(
        name,
        kind,
        Role.INSPECTOR if inspects else Role.EXECUTOR if kind is TaskKind.ACT else Role.SPECIALIST,
        random.choice(("a", "b")),
        random.choice(("email.reply", "email.label", "bank.pay")) if kind is TaskKind.ACT else "",
        inputs,
        needs,
        when,
        each,
        optional=random.random() < 0.2,
        cost_max_micros=random.choice((0, 0, 5, 20)),
        revisions_max=random.choice((0, 1, 2, 2)),
        deadline_us=random.choice((None, HOUR)),
        delay_us=random.choice((*(0 for _ in range(15)), MINUTE)),
        compensate=undo,
        attempt_max=random.choice((1, 2, 5)),
    )


def random_policy(random: Random) -> Policy:
    """A few rules, most of them letting something happen."""
    chosen = [
        Rule(
            f"r{number}",
            random.choices((Decision.ALLOW, Decision.ASK, Decision.DENY), (6, 4, 1))[0],
            "drawn",
            random.choice(("*", "email.*", "email.reply", "bank.pay")),
        )
        for number in range(random.randint(1, 3))
    ]
    return Policy(tuple(chosen))


def random_action(random: Random, task: int, act: str) -> Action:
    """An effect of any repeatability, finality and price."""
    return action(
        task,
        act=act,
        text=random.choice(("hello", "good day", "regards")),
        repeatability=random.choice((*Repeatability, Repeatability.FINDABLE)),
        finality=random.choice(tuple(Finality)),
        price_micros=random.choice((0, 0, 7, 30, None)),
        attempt_max=random.choice((1, 2, 5)),
    )


def _before_a_person(state: RunState) -> bool:
    return any(task.phase in (Phase.APPROVAL, Phase.HELD) for _, task in state.all_tasks())


class Walk:
    """One run, walked at random: fair answers most of the time, every kind of unfairness in between."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self._drawn_upon = Random(f"notes {seed}")  # by itself, so that the walks stay what they were
        limits = random.choice(
            (
                Limits(),
                Limits(),
                Limits(),
                Limits(day_micros=40),
                Limits(month_micros=100, workflow_day_micros=60),
            )
        )
        self.book = Playbook(random_plan(random), policy=random_policy(random), limits=limits)
        if self._drawn_upon.random() < 0.15:  # an agent of which nobody knows the price
            self.book.facts = replace(self.book.facts, ceilings={"b": None})
        if self._drawn_upon.random() < 0.3:  # a yes can be taken back
            self.book.facts = replace(self.book.facts, undo_us=self._drawn_upon.choice((SECOND, HOUR)))
        if self._drawn_upon.random() < 0.1:  # one kind of act is only watched
            workflow = self.book.plan.workflow.name
            watched = Autonomy(kinds={f"{workflow}/email.reply/": Standing(level=Level.SHADOW)})
            self.book.facts = replace(self.book.facts, autonomy=watched)
        self.said: list[RunCommand] = []

    def steps(self, count: int) -> Iterator[RunCommand]:
        """Tell `count` commands, yielding each after it was told."""
        trigger = {"rows": list(range(self.random.randint(0, 4)))}
        behind = RunId("0" * 32) if self.random.random() < 0.1 else None
        plan = self.book.plan
        later = Instant(self.book.facts.now + HOUR) if self.random.random() < 0.02 else Instant(0)
        forked = RunForked(RunId("1" * 32), 9, "me") if self.random.random() < 0.1 else None
        start = StartRun(
            RUN, plan.workflow.name, plan.digest, trigger, "", None, behind, not_before=later, forked=forked
        )
        yield self._tell(start)
        for _ in range(count):
            self._world()
            command = self._next()
            if command is not None:
                yield self._tell(command)

    def fair(self) -> Iterator[RunCommand]:
        """Answer everything that is owed, fairly and in the end for good, until nothing is owed any more."""
        self.book.killed(False)
        for round_ in range(4000):
            owed = pending(self.book.state)
            doubts = [number for number, task in self.book.state.all_tasks() if task.phase is Phase.DOUBT]
            if doubts and (not owed or self.random.random() < 0.2):
                word = self.random.choice(("happened", "did_not", "unknown"))
                yield self._tell(ResolveDoubt(RUN, self.random.choice(doubts), word, "me"))
                continue
            if not owed:
                if self.book.state.ended:
                    return
                priced = [one for _, one in self.book.state.all_tasks() if one.phase is Phase.BLOCKED]
                yield self._tell(AllowSpending(RUN, "price", 21, "me") if priced else self._let_go())
                continue
            if self.book.state.unusual.paused:
                yield self._tell(ResumeRun(RUN, "me"))
            effect = self.random.choice(owed)
            if isinstance(effect, Notify) or (isinstance(effect, WakeAt) and self.random.random() < 0.3):
                for command in self._person(effect.task):
                    yield self._tell(command)
            if round_ == 200:  # somebody says what an attempt of unknown price may cost
                yield self._tell(AllowSpending(RUN, "price", 20, "me"))
            if round_ == 400:
                self.book.facts = replace(self.book.facts, limits=Limits())
            if round_ == 600:  # a run that is over its own budget waits for the operator for ever
                yield self._tell(CancelRun(RUN, "me"))
            yield self._tell(self._fairly(effect))
        raise AssertionError(f"the run goes on for ever; it owes {pending(self.book.state)}")

    def _let_go(self) -> RunCommand:
        """Take back a pause, and admit what waits for room."""
        unusual = self.book.state.unusual
        if unusual.paused:
            return ResumeRun(RUN, "me")
        if unusual.paused_tasks:
            return ResumeTask(RUN, unusual.paused_tasks[0], "me")
        return Admit(RUN)

    def _tell(self, command: RunCommand) -> RunCommand:
        self.said.append(command)
        self.book.tell(command)
        return command

    def _world(self) -> None:
        random, book = self.random, self.book
        book.later(random.choice((0, 0, 1, SECOND, MINUTE, HOUR, DAY if random.random() < 0.1 else 0)))
        if random.random() < 0.02:
            book.later(-random.choice((SECOND, DAY)))
        if random.random() < 0.03:
            book.killed(not book.facts.killed)
        if random.random() < 0.03:
            book.under(random_policy(random))

    def _next(self) -> RunCommand | None:
        random, state = self.random, self.book.state
        dice = random.random()
        if dice < 0.12:
            return random.choice(self.said)  # late, or twice
        if dice < 0.20:
            return self._out_of_the_blue()
        if self._drawn_upon.random() < 0.06 and _before_a_person(state):
            return self._second_thoughts()
        if self._drawn_upon.random() < 0.02:
            scope = self._drawn_upon.choice(("run", "price"))
            return AllowSpending(RUN, scope, self._drawn_upon.choice((3, 20, 400)), "me")
        owed = pending(state)
        if not owed:
            return self._out_of_the_blue()
        effect = random.choice(owed)
        if isinstance(effect, Notify | WakeAt) and random.random() < 0.5:
            return next(self._person(effect.task), None)
        return self._answer(effect)

    def _second_thoughts(self) -> RunCommand:
        """Put a card off, take back what is on its way, or hold everything against other rules."""
        random, state = self._drawn_upon, self.book.state
        cards = [
            task.act.approval
            for _, task in state.all_tasks()
            if task.phase is Phase.APPROVAL and task.act is not None and task.act.approval is not None
        ]
        dice = random.random()
        if cards and dice < 0.5:
            until = Instant(self.book.facts.now + random.choice((-1, MINUTE, HOUR, 30 * DAY)))
            return SnoozeApproval(RUN, random.choice(cards), until, "me")
        if dice < 0.8:
            held = [number for number, task in state.all_tasks() if task.phase is Phase.HELD]
            task = random.choice(held or [random.randint(-1, max(0, state.size))])
            return UndoAct(RUN, task, "me")
        return JudgeAgain(RUN)

    def _out_of_the_blue(self) -> RunCommand:
        random = self.random
        task = random.randint(-1, max(0, self.book.state.size))
        chosen: list[Callable[[], RunCommand]] = [
            lambda: Wake(RUN, task),
            lambda: RecordNotified(RUN, task),
            lambda: RecoverRun(RUN),
            lambda: RecoverRun(RUN),
            lambda: ReleaseRun(RUN, RunId("0" * 32)),
            lambda: ResolveDoubt(RUN, task, random.choice(("happened", "did_not", "unknown", "?")), "me"),
            lambda: RecordOutcome(RUN, task, random.randint(0, 3), self._outcome(task)),
            lambda: SupersedeRun(RUN, "newer") if random.random() < 0.1 else Wake(RUN, task),
            lambda: CancelRun(RUN, "me") if random.random() < 0.1 else Wake(RUN, task),
            lambda: RecoverRun(RUN, strict=True),
            lambda: ReconcileRun(RUN) if random.random() < 0.1 else Wake(RUN, task),
            lambda: Admit(RUN, task),
            lambda: PauseRun(RUN, "me") if random.random() < 0.15 else ResumeRun(RUN, "me"),
            lambda: ResumeRun(RUN, "me"),
            lambda: PauseTask(RUN, task, "me"),
            lambda: ResumeTask(RUN, task, "me"),
            lambda: CancelTask(RUN, task, "me") if random.random() < 0.4 else Wake(RUN, task),
        ]
        return random.choice(chosen)()

    def _person(self, number: int) -> Iterator[RunCommand]:
        """What a person does about a card or a doubt of this task, if there is one."""
        if not self.book.state.exists(number):
            return  # it is the run itself
        random, task = self.random, self.book.state.task(number)
        if task.act is None or (task.act.approval is None and not task.act.calls):
            return
        act, approval = task.act.action, task.act.approval
        if approval is None or random.random() < 0.3:
            yield ResolveDoubt(RUN, number, random.choice(("happened", "did_not", "unknown")), "me")
            return
        dice = random.random()
        if dice < 0.6:
            yield GrantApproval(RUN, approval, act.digest, "me", confirmed=True)
        elif dice < 0.8:
            edited = random_action(random, number, act.act)
            yield EditApproval(RUN, approval, act.digest, edited, "me")
        else:
            yield RejectApproval(RUN, approval, "me")

    def _answer(self, effect: Effect) -> RunCommand:
        match effect:
            case InvokeAgent(task=task, attempt=attempt):
                return RecordOutcome(
                    RUN, task, attempt, self._outcome(task), notes=self._notes(task, attempt)
                )
            case InvokeAdapter(task=task, attempt=attempt, mode=mode):
                return RecordOutcome(RUN, task, attempt, self._world_answers(mode))
            case Notify(task=task):
                return RecordNotified(RUN, task)
            case WakeAt(task=task, at=at):
                if self.random.random() < 0.6:
                    self.book.later(max(0, at - self.book.facts.now))
                return Wake(RUN, task)

    def _fairly(self, effect: Effect) -> RunCommand:
        """As `_answer`, and time always passes."""
        if isinstance(effect, WakeAt):
            self.book.later(max(0, effect.at - self.book.facts.now))
        return self._answer(effect)

    def _outcome(self, number: int) -> Outcome:
        random, state = self.random, self.book.state
        dice = random.random()
        usage = Usage(random.choice((0, 1, 5)))
        if dice < 0.2:
            return Failed(random.choice(tuple(FailureClass)), "drawn", usage=random.choice((usage, None)))
        if not state.exists(number):
            return Acted()
        spec = state.spec(number)
        if spec.kind is TaskKind.ACT and dice < 0.95:
            act = spec.act if dice < 0.93 else "email.delete"
            return Proposed(random_action(random, number, act), "drawn", usage=usage)
        if spec.role is Role.INSPECTOR and dice < 0.95:
            verdict = random.choice(("passed", "passed", "look", "refuse", "?"))
            return Inspected(verdict, ({"check": "c"},), "drawn", usage=usage, revise=random.random() < 0.3)
        return Produced({"text": "t", "yes": random.random() < 0.7}, "drawn", usage=usage)

    def _notes(self, task: int, attempt: int) -> Notes:
        """What an attempt says that it drew upon: mostly nothing."""
        random = self._drawn_upon
        notes: list[ContextRecalled | ModelUsed] = []
        if random.random() < 0.1:
            notes.append(ContextRecalled(task, attempt, Digest("d" * 64), 2))
        if random.random() < 0.1:
            notes.append(
                ModelUsed(task, attempt, "ollama:drawn", random.randint(0, 2), cost=random.choice((0, 1, 5)))
            )
        return tuple(notes)

    def _world_answers(self, mode: Mode) -> Outcome:
        random = self.random
        if mode is Mode.FIND:
            return Sought(random.choice((*Sighting, Sighting.UNKNOWN)))
        dice = random.random()
        if dice < 0.3:
            return Acted({"id": "1"})
        if dice < 0.35:
            return Withheld("newer")
        return Failed(random.choice((*FailureClass, FailureClass.TIMEOUT, FailureClass.IN_DOUBT)), "drawn")


def recomputed(state: RunState) -> dict[str, Any]:
    """What the maintained fields of a run must be, counted from scratch."""
    tasks = list(state.all_tasks())
    ready = [] if state.ended else [number for number, task in tasks if task.phase is Phase.READY]
    return {
        "left": sum(task.phase not in DONE for _, task in tasks),
        "busy": sum(task.phase in BUSY for _, task in tasks),
        "held": sum(task.hold for _, task in tasks),
        "ready": sorted(ready),
        "expanded": {
            number: sum(
                state.task(item).phase not in DONE
                for fan in state.expansions
                if fan.parent == number
                and fan is [one for one in state.expansions if one.parent == number][-1]
                for item in range(fan.first, fan.first + fan.count)
            )
            for number, task in tasks
            if task.phase is Phase.EXPANDED
        },
    }


def maintained(state: RunState) -> dict[str, Any]:
    """What the fold keeps of the same."""
    return {
        "left": state.left,
        "busy": state.busy,
        "held": state.held,
        "ready": sorted(number for numbers, gone in state.ready for number in numbers[gone:]),
        "expanded": {
            number: task.waiting for number, task in state.all_tasks() if task.phase is Phase.EXPANDED
        },
    }
