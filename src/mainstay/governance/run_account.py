"""One run as an account: where its time went, what it cost, and what went wrong, folded from its events.

Rules of this file:

- Nothing is read but what events say. How time is cut stands in `run_time`.
- No text of a failure is kept: classes, names of tasks, words of our own. A report shows nothing personal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from mainstay.governance.run_time import Part, RunTime
from mainstay.kernel.events import (
    ActEvent,
    ActionDenied,
    ActionEdited,
    ActionHeld,
    ActionInDoubt,
    ActionProposed,
    ActionShadowed,
    ActionStarted,
    ActionUndone,
    ApprovalExpired,
    ApprovalGranted,
    ApprovalRejected,
    ApprovalRequested,
    ApprovalResurfaced,
    ApprovalSnoozed,
    AttemptFailed,
    BudgetRefused,
    CardEvent,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    ContextRecalled,
    CourseEvent,
    DeadlineSet,
    DoubtResolved,
    FailureDiagnosed,
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
    SteeringEvent,
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    WorkEvent,
)


class Kind(StrEnum):
    """In which way something did not go as it should."""

    RETRIED = "tried again"
    GIVEN_UP = "given up"
    IN_DOUBT = "in doubt"
    DENIED = "denied"
    EXPIRED = "card expired"
    REFUSED_BUDGET = "over budget"
    DEFERRED = "held back"
    SENT_BACK = "sent back"
    NOT_TAKEN_BACK = "not taken back"
    LOST = "lost at a restart"


Mode = tuple[Kind, str, str]  # what happened, of which class or scope, at which task

IN_FLIGHT = "in flight"
_RUN = ""  # the name under which goes what belongs to no single task


@dataclass(slots=True)
class TaskAccount:
    """What one task of a run came to; the items of a `for_each` are one."""

    attempts: int = 0
    retries: int = 0
    given_up: int = 0
    cost_micros: int = 0
    agents_us: list[int] = field(default_factory=list)  # of each attempt of an agent
    calls_us: list[int] = field(default_factory=list)  # of each call or look-up at an adapter


@dataclass(slots=True)
class RunAccount:
    """What one run came to. `take` its events in order, then `close` it at the moment of the report."""

    outcome: str = IN_FLIGHT  # or succeeded, failed, cancelled, superseded
    started_at: int = 0
    ended_at: int = 0
    time: RunTime = field(default_factory=RunTime)
    modes: Counter[Mode] = field(default_factory=Counter)
    tasks: dict[str, TaskAccount] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)  # approved, edited, rejected
    answered_us: list[int] = field(default_factory=list)  # from each question to its answer
    operator_us: int = 0  # how long cards were open
    _names: list[str] = field(default_factory=list)
    _edited: bool = False

    @property
    def ended(self) -> bool:
        """Whether the run is over."""
        return self.ended_at > 0

    @property
    def spent_us(self) -> dict[Part, int]:
        """Where its time went."""
        return self.time.spent_us

    @property
    def elapsed_us(self) -> int:
        """From start to end, or to the moment of the report."""
        return sum(self.spent_us.values())

    @property
    def cost_micros(self) -> int:
        """What all its tasks cost."""
        return sum(one.cost_micros for one in self.tasks.values())

    def take(self, at: int, event: RunEvent) -> None:
        """One more event of this run."""
        if not self.ended:
            self.time.go_on(at)
        if isinstance(event, WorkEvent):
            self._work(event)
        elif isinstance(event, ActEvent):
            self._act(event)
        elif isinstance(event, CardEvent):
            self._ask(event)
        elif isinstance(event, CourseEvent):
            self._course(at, event)
        elif isinstance(event, SteeringEvent):
            self._steer(event)
        else:
            assert_never(event)

    def close(self, at: int) -> None:
        """Count the time of a run in flight up to now."""
        if not self.ended:
            self.time.go_on(at)

    # --- time ------------------------------------------------------------------------------------------------------

    def _enter(self, task: int, part: Part) -> None:
        self._leave(task)
        self.time.enter(task, part)

    def _leave(self, task: int) -> None:
        match self.time.leave(task):
            case Part.AGENTS, took_us:
                self._of(self._name(task)).agents_us.append(took_us)
            case Part.CALLS, took_us:
                self._of(self._name(task)).calls_us.append(took_us)
            case Part.OPERATOR, took_us:
                self.answered_us.append(took_us)
            case _:
                pass  # it waited for its turn, or for a retry

    # --- what happened -----------------------------------------------------------------------------------------------

    def _course(self, at: int, event: CourseEvent) -> None:
        match event:
            case RunStarted():
                self.started_at = at
                self.time.begin(at)
            case PlanAccepted(plan=plan):
                self._names = [one.name for one in plan.workflow.tasks]
            case RunSucceeded():
                self._end(at, "succeeded")
            case RunFailed(cost=cost):
                self._end(at, "failed", cost)
            case RunCancelled(cost=cost):
                self._end(at, "cancelled", cost)
            case RunSuperseded(cost=cost):
                self._end(at, "superseded", cost)
            case RunQueued() | RunReleased():
                pass  # the time tells it
            case _:
                assert_never(event)

    def _end(self, at: int, outcome: str, cost: int | None = None) -> None:
        self.outcome = outcome
        if cost is not None:
            self._of(_RUN).cost_micros += cost
        self.ended_at = at
        self.time.withdraw()

    def _work(self, event: WorkEvent) -> None:
        match event:
            case TaskStarted(task=task):
                self._enter(task, Part.AGENTS)
                self._of(self._name(task)).attempts += 1
            case TaskSucceeded(task=task, cost=cost):
                self._leave(task)
                self._pay(task, cost)
            case TaskSkipped(task=task):
                self._leave(task)
            case TaskFailed(task=task, failure=failure, cost=cost):
                self._leave(task)
                self._note(Kind.GIVEN_UP, failure, task)
                self._of(self._name(task)).given_up += 1
                self._pay(task, cost)
            case AttemptFailed(task=task, failure=failure, cost=cost):
                self._enter(task, Part.RETRY)
                self._note(Kind.RETRIED, failure, task)
                self._of(self._name(task)).retries += 1
                self._pay(task, cost)
            case RevisionRequested(task=task, inspector=inspector, cost=cost):
                self._leave(inspector)
                self._note(Kind.SENT_BACK, "revision", task)
                self._pay(inspector, cost)  # whose attempt it was that cost
            case TaskExpanded(task=task, count=count):
                self._names += [self._name(task)] * count
            case BudgetRefused(task=task, scope=scope):
                self._note(Kind.REFUSED_BUDGET, scope, task)
                self._leave(task)
            case ContextRecalled() | ModelUsed() | SpendingAllowed():
                pass  # `costs` tells of the models
            case _:
                assert_never(event)

    def _act(self, event: ActEvent) -> None:
        task = event.task
        match event:
            case ActionProposed(cost=cost):
                self._leave(task)
                self._of(self._name(task)).cost_micros += cost
            case ActionDenied():
                self._leave(task)
                self._note(Kind.DENIED, "rule", task)
            case ActionShadowed():
                self._leave(task)
            case ActionHeld():
                self._enter(task, Part.OPERATOR)  # the window is theirs
            case ActionStarted() | LookupStarted():
                self._enter(task, Part.CALLS)
            case LookupDeferred():
                self._enter(task, Part.RETRY)
            case ActionInDoubt():
                self._enter(task, Part.OPERATOR)
                self._note(Kind.IN_DOUBT, "in_doubt", task)
            case _:
                assert_never(event)

    def _ask(self, event: CardEvent) -> None:
        match event:
            case ApprovalRequested(task=task):
                self._enter(task, Part.OPERATOR)
            case ActionEdited():
                self._edited = True  # what follows in the same decision is the yes to the edit
            case ApprovalGranted(task=task, open_us=open_us):
                self._leave(task)
                self.answers["edited" if self._edited else "approved"] += 1
                self.operator_us += open_us
                self._edited = False
            case ApprovalRejected(task=task, open_us=open_us):
                self._leave(task)
                self.answers["rejected"] += 1
                self.operator_us += open_us
            case ApprovalExpired(task=task):
                self.time.leave(task)  # no answer: its time is the run's, not an answer's
                self._note(Kind.EXPIRED, "silence", task)
            case DoubtResolved(task=task):
                self._leave(task)
            case OperatorNotified() | ApprovalSnoozed() | ApprovalResurfaced() | ActionUndone():
                pass  # the time tells it
            case _:
                assert_never(event)

    def _steer(self, event: SteeringEvent) -> None:
        match event:
            case StartDeferred(task=task, scope=scope):
                self._note(Kind.DEFERRED, scope.partition(":")[0], task)
                self._leave(task)
            case TaskCancelled(task=task, cost=cost):
                self._leave(task)
                self._pay(task, cost)
            case CompensationBegun(cost=cost):
                self._of(_RUN).cost_micros += cost
            case CompensationPlanned(tasks=tasks):
                self._names += [f"undo {self._name(one)}" for one in tasks]
            case CompensationFailed(task=task, failure=failure, cost=cost):
                self._enter(task, Part.OPERATOR)
                self._of(self._name(task)).cost_micros += cost
                self._note(Kind.NOT_TAKEN_BACK, failure, task)
            case RunPaused() | RunResumed():
                self.time.paused = isinstance(event, RunPaused)
            case RunRecovered(lost=lost):
                if lost:
                    self.modes[Kind.LOST, "lost", _RUN] += lost
            case (
                RunDelayed() | RunForked() | DeadlineSet() | FailureDiagnosed() | TaskPaused() | TaskResumed()
            ):
                pass  # the time tells it
            case _:
                assert_never(event)

    # --- the books ---------------------------------------------------------------------------------------------------

    def _pay(self, task: int, cost: int) -> None:
        if cost:
            self._of(self._name(task)).cost_micros += cost

    def _note(self, kind: Kind, what: str, task: int) -> None:
        self.modes[kind, str(what), self._name(task)] += 1

    def _of(self, name: str) -> TaskAccount:
        account = self.tasks.get(name)
        if account is None:
            account = self.tasks[name] = TaskAccount()
        return account

    def _name(self, task: int) -> str:
        return self._names[task] if 0 <= task < len(self._names) else _RUN
