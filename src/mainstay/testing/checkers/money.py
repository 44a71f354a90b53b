"""Checks of money: holds are the ceilings of what runs, what is spent is what the log says, a budget is a limit."""

from __future__ import annotations

from collections import Counter

from mainstay.kernel.events import (
    ActionProposed,
    ActionStarted,
    AttemptFailed,
    CompensationBegun,
    CompensationFailed,
    ContextRecalled,
    DeadlineSet,
    Event,
    FailureDiagnosed,
    ModelUsed,
    OperatorNotified,
    RevisionRequested,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunSuperseded,
    StartDeferred,
    TaskPaused,
    TaskResumed,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.recovery import UNPROVEN
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import DAY, Instant
from mainstay.testing.checkers.books import Books
from mainstay.testing.checkers.promise import Violation, demand

_HOLDING = frozenset({Phase.RUNNING, Phase.ACTING, Phase.SEEKING, Phase.DOUBT})
_ASIDE = (
    ContextRecalled,
    ModelUsed,  # part of what the attempt settles at (`checkers.spending`)
    FailureDiagnosed,
    TaskPaused,
    TaskResumed,
    DeadlineSet,
    OperatorNotified,
)  # the task stands where it stood


class Money:
    """What is held and spent; and how often what was done, which rules may count."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.held: dict[RunId, dict[int, int]] = {}
        self.run_spent: Counter[RunId] = Counter()
        self.day_spent: Counter[int] = Counter()
        self.workflow_day_spent: Counter[tuple[str, int]] = Counter()
        self.counts: Counter[tuple[str, str]] = Counter()

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        if isinstance(event, _ASIDE):
            return
        holds = self.held.setdefault(run, {})
        self._move(run, holds, before, after, at, event)
        cost = int(getattr(event, "cost", 0))
        if cost:
            workflow, day = after.head.workflow, at // DAY
            self.run_spent[run] += cost
            self.day_spent[day] += cost
            self.workflow_day_spent[workflow, day] += cost
        if isinstance(event, TaskSucceeded) and (act := after.task(event.task).act) is not None:
            if after.undoes(event.task) is None:
                self.counts[after.head.workflow, act.action.act] += 1
            self.books.paths["act done"] += 1
        # What is told is made only when something is wrong: this is asked of every event.
        if after.held != sum(holds.values()):
            raise Violation("holds equal the ceilings", f"{after.held} in {run}, {event}")
        if after.spent != self.run_spent[run]:
            raise Violation("spent equals what the log says", f"{run}, {event}")

    def _move(
        self,
        run: RunId,
        holds: dict[int, int],
        before: RunState,
        after: RunState,
        at: Instant,
        event: RunEvent,
    ) -> None:
        books = self.books
        number = getattr(event, "task", None)
        match event:
            case TaskStarted(task=task, hold=hold) | ActionStarted(task=task, hold=hold):
                # A person may have said less than is spent and held by then: what is free goes on, and what begins
                # anew with what it holds already takes no more.
                more = hold > holds.get(task, 0)
                holds[task] = hold
                if more:
                    self._within_limits(run, after, at)
            case RunCancelled() | RunSuperseded() | RunFailed() | CompensationBegun():
                for task in [one for one in holds if books.act_of(run, one) is None]:
                    del holds[task]
            case RevisionRequested(inspector=inspector):
                holds.pop(inspector, None)
            case ActionProposed(task=task):
                holds.pop(task, None)
            case AttemptFailed(task=task, failure=failure):
                tried = books.act_of(run, task)
                if tried is not None and (tried.tried or failure in UNPROVEN):
                    tried.tried = True  # it may have happened: released only on proof
                else:
                    holds.pop(task, None)
                    books.stopped(run, task)
            case StartDeferred(task=task):
                tried = books.act_of(run, task)
                if tried is None or not tried.tried or before.task(task).phase is Phase.SEEKING:
                    holds.pop(task, None)
                    books.stopped(run, task)
            case CompensationFailed(task=task):
                holds.pop(task, None)
                books.stopped(run, task)
            case _ if isinstance(number, int) and number >= 0 and after.task(number).phase not in _HOLDING:
                holds.pop(number, None)
                books.stopped(run, number)
            case _:
                pass

    def _within_limits(self, run: RunId, after: RunState, at: Instant) -> None:
        limits, workflow, day = self.books.rules.limits, after.head.workflow, at // DAY
        used = sum(self.held[run].values()) + self.run_spent[run]
        assert after.plan is not None
        declared = (limits.run_micros, after.plan.workflow.cost_max_micros)
        said = after.unusual.run_max  # by a person, in place of both
        for limit in declared if said is None else (said,):
            demand(limit is None or used <= limit, "a budget is a limit", f"run: {used} of {limit}")
        if self.books.clock_crossed_back:
            return
        held = sum(sum(holds.values()) for holds in self.held.values())
        used = self.day_spent[day] + held
        demand(limits.day_micros is None or used <= limits.day_micros, "a budget is a limit", f"day: {used}")
        mine = sum(
            sum(holds.values())
            for one, holds in self.held.items()
            if self.books.states[one].head.workflow == workflow
        )
        used = self.workflow_day_spent[workflow, day] + mine
        limit = limits.workflow_day_micros
        demand(limit is None or used <= limit, "a budget is a limit", f"workflow: {used} of {limit}")

    @property
    def all_held(self) -> int:
        """Money held by everybody."""
        return sum(sum(holds.values()) for holds in self.held.values())
