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
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    ContextRecalled,
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
    TaskCancelled,
    TaskExpanded,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
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

_Thinking = (
    TaskStarted | TaskSucceeded | TaskFailed | AttemptFailed | TaskSkipped | TaskCancelled | RevisionRequested
)
_Acting = (
    ActionProposed
    | ActionDenied
    | ActionShadowed
    | ActionHeld
    | ActionStarted
    | LookupStarted
    | LookupDeferred
    | ActionInDoubt
    | DoubtResolved
    | CompensationFailed
)
_Asking = ApprovalRequested | ActionEdited | ApprovalGranted | ApprovalRejected | ApprovalExpired
_Planning = PlanAccepted | TaskExpanded | CompensationPlanned
_Ending = RunSucceeded | RunFailed | RunCancelled | RunSuperseded


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
        match event:
            case (
                TaskStarted()
                | TaskSucceeded()
                | TaskFailed()
                | AttemptFailed()
                | TaskSkipped()
                | TaskCancelled()
                | RevisionRequested()
            ):
                self._think(event)
            case (
                ActionProposed()
                | ActionDenied()
                | ActionShadowed()
                | ActionHeld()
                | ActionStarted()
                | LookupStarted()
                | LookupDeferred()
                | ActionInDoubt()
                | DoubtResolved()
                | CompensationFailed()
            ):
                self._act(event)
            case (
                ApprovalRequested()
                | ActionEdited()
                | ApprovalGranted()
                | ApprovalRejected()
                | ApprovalExpired()
            ):
                self._ask(event)
            case PlanAccepted() | TaskExpanded() | CompensationPlanned():
                self._plan(event)
            case BudgetRefused(task=task, scope=scope):
                self._note(Kind.REFUSED_BUDGET, scope, task)
                self._leave(task)
            case StartDeferred(task=task, scope=scope):
                self._note(Kind.DEFERRED, scope.partition(":")[0], task)
                self._leave(task)
            case RunStarted():
                self.started_at = at
                self.time.begin(at)
            case RunSucceeded() | RunFailed() | RunCancelled() | RunSuperseded():
                self._end(at, event)
            case CompensationBegun(cost=cost):
                self._of(_RUN).cost_micros += cost
            case RunPaused() | RunResumed():
                self.time.paused = isinstance(event, RunPaused)
            case RunRecovered(lost=lost):
                if lost:
                    self.modes[Kind.LOST, "lost", _RUN] += lost
            case (
                RunQueued()
                | RunDelayed()
                | RunReleased()
                | RunForked()
                | DeadlineSet()
                | FailureDiagnosed()
                | OperatorNotified()
                | TaskPaused()
                | TaskResumed()
                | ContextRecalled()
                | ModelUsed()
                | SpendingAllowed()
                | ApprovalSnoozed()
                | ApprovalResurfaced()
                | ActionUndone()
            ):
                return  # the time tells it, and `costs` the models
            case _:
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

    def _end(self, at: int, event: _Ending) -> None:
        match event:
            case RunSucceeded():
                self.outcome = "succeeded"
            case RunFailed(cost=cost):
                self.outcome = "failed"
                self._of(_RUN).cost_micros += cost
            case RunCancelled(cost=cost):
                self.outcome = "cancelled"
                self._of(_RUN).cost_micros += cost
            case RunSuperseded(cost=cost):
                self.outcome = "superseded"
                self._of(_RUN).cost_micros += cost
            case _:
                assert_never(event)
        self.ended_at = at
        self.time.withdraw()

    # --- what happened -----------------------------------------------------------------------------------------------

    def _think(self, event: _Thinking) -> None:
        task = event.task
        match event:
            case TaskStarted():
                self._enter(task, Part.AGENTS)
                self._of(self._name(task)).attempts += 1
                return
            case TaskSkipped():
                self._leave(task)
                return
            case TaskSucceeded() | TaskCancelled():
                self._leave(task)
            case TaskFailed(failure=failure):
                self._leave(task)
                self._note(Kind.GIVEN_UP, failure, task)
                self._of(self._name(task)).given_up += 1
            case AttemptFailed(failure=failure):
                self._enter(task, Part.RETRY)
                self._note(Kind.RETRIED, failure, task)
                self._of(self._name(task)).retries += 1
            case RevisionRequested(inspector=inspector):
                self._leave(inspector)
                self._note(Kind.SENT_BACK, "revision", task)
                task = inspector  # whose attempt it was that cost
            case _:
                assert_never(event)
        if event.cost:
            self._of(self._name(task)).cost_micros += event.cost

    def _act(self, event: _Acting) -> None:
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
            case DoubtResolved():
                self._leave(task)
            case CompensationFailed(failure=failure, cost=cost):
                self._enter(task, Part.OPERATOR)
                self._of(self._name(task)).cost_micros += cost
                self._note(Kind.NOT_TAKEN_BACK, failure, task)
            case _:
                assert_never(event)

    def _ask(self, event: _Asking) -> None:
        task = event.task
        match event:
            case ApprovalRequested():
                self._enter(task, Part.OPERATOR)
            case ActionEdited():
                self._edited = True  # what follows in the same decision is the yes to the edit
            case ApprovalGranted(open_us=open_us):
                self._leave(task)
                self.answers["edited" if self._edited else "approved"] += 1
                self.operator_us += open_us
                self._edited = False
            case ApprovalRejected(open_us=open_us):
                self._leave(task)
                self.answers["rejected"] += 1
                self.operator_us += open_us
            case ApprovalExpired():
                self.time.leave(task)  # no answer: its time is the run's, not an answer's
                self._note(Kind.EXPIRED, "silence", task)
            case _:
                assert_never(event)

    def _plan(self, event: _Planning) -> None:
        match event:
            case PlanAccepted(plan=plan):
                self._names = [one.name for one in plan.workflow.tasks]
            case TaskExpanded(task=task, count=count):
                self._names += [self._name(task)] * count
            case CompensationPlanned(tasks=tasks):
                self._names += [f"undo {self._name(one)}" for one in tasks]
            case _:
                assert_never(event)

    def _note(self, kind: Kind, what: str, task: int) -> None:
        self.modes[kind, str(what), self._name(task)] += 1

    def _of(self, name: str) -> TaskAccount:
        account = self.tasks.get(name)
        if account is None:
            account = self.tasks[name] = TaskAccount()
        return account

    def _name(self, task: int) -> str:
        return self._names[task] if 0 <= task < len(self._names) else _RUN
