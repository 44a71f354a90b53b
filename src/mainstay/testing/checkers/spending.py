"""Checks of what thinking costs: prices nobody knows, what models were paid, what may begin under the kill switch.

What a person allowed is read from the ledger, what was really used from the meter outside of every process.
"""

from __future__ import annotations

from mainstay.kernel.events import (
    ActionProposed,
    AttemptFailed,
    BudgetRefused,
    ContextRecalled,
    Event,
    ModelUsed,
    RevisionRequested,
    RunEvent,
    SpendingAllowed,
    TaskFailed,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Role
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import Instant
from mainstay.testing.checkers.books import Books
from mainstay.testing.checkers.promise import demand
from mainstay.testing.drawn_tools import Meter

_SETTLES = (TaskSucceeded, TaskFailed, AttemptFailed, ActionProposed, RevisionRequested)


class Spending:
    """What attempts may cost, and what they say that they did."""

    def __init__(self, books: Books, meter: Meter) -> None:
        self.books = books
        self.meter = meter
        self.allowed: dict[tuple[RunId, str], int] = {}
        self.noted: dict[tuple[RunId, int, int], int] = {}  # by attempt: what its models cost

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        paths = self.books.paths
        match event:
            case TaskStarted():
                self._may_cost(run, before, event)
            case _ if isinstance(event, _SETTLES):
                self._settled(run, before, event)
            case SpendingAllowed(scope=scope, amount=amount):
                self.allowed[run, scope] = amount
                paths[f"spending allowed: {scope}"] += 1
            case BudgetRefused(scope="price", wake_at=wake_at):
                demand(not wake_at, "no clock knows a price", run)
            case ModelUsed():
                self._used(run, before, event)
            case ContextRecalled(task=task, attempt=attempt):
                self._under_way(run, before, task, attempt)
                paths["recalled"] += 1
            case _:
                pass

    def _may_cost(self, run: RunId, before: RunState, event: TaskStarted) -> None:
        agent = before.spec(event.task).agent
        ceilings = self.books.rules.ceilings
        where = f"task {event.task} of {run}"
        if agent in ceilings and (most := ceilings[agent]) is not None:
            demand(event.hold <= most, "nobody holds more than they can cost", where)
        elif agent in ceilings:
            allowed = self.allowed.get((run, "price"))
            demand(allowed is not None, "an unknown price asks", where)
            demand(allowed is None or event.hold <= allowed, "what a person allows is a limit", where)
        demand(
            not (event.hold and self.books.killed), "nothing that costs begins under the kill switch", where
        )

    def _under_way(self, run: RunId, before: RunState, task: int, attempt: int) -> None:
        state = before.task(task)
        going = state.phase is Phase.RUNNING and state.attempt == attempt
        demand(going, "what a late attempt used is not told", f"task {task} of {run}, attempt {attempt}")

    def _used(self, run: RunId, before: RunState, event: ModelUsed) -> None:
        task, attempt, paths = event.task, event.attempt, self.books.paths
        self._under_way(run, before, task, attempt)
        spec = before.spec(task)
        really = self.meter.used.get((run, spec.name, attempt), [])
        same = any(
            (one.model, one.calls, one.cost_micros, one.cached, one.saved_micros)
            == (event.model, event.calls, event.cost, event.cached, event.saved)
            for one in really
        )
        demand(same, "what a model cost is told as it was", f"{event} in {run}")
        demand(event.guarding is (spec.role is Role.INSPECTOR), "who guards is told", f"{event} in {run}")
        key = (run, task, attempt)
        self.noted[key] = self.noted.get(key, 0) + event.cost
        paths["model asked"] += 1
        paths["answer from the cache"] += event.cached

    def _settled(self, run: RunId, before: RunState, event: RunEvent) -> None:
        task = event.inspector if isinstance(event, RevisionRequested) else event.task  # type: ignore[union-attr]
        state = before.task(task)
        if state.phase is not Phase.RUNNING:
            return
        cost: int = event.cost  # type: ignore[union-attr]
        where = f"task {task} of {run}"
        noted = self.noted.pop((run, task, state.attempt), 0)
        demand(
            cost >= noted, "an attempt costs at least what its models did", f"{cost}, not {noted}: {where}"
        )
        # The agents of a simulation keep to what they are given; what is given is what is held.
        demand(
            cost <= state.hold, "an attempt settles within what is held", f"{cost} of {state.hold}: {where}"
        )
