"""Checks of what may start when: pauses, throttles, circuit breakers, and how many runs may be at work at once."""

from __future__ import annotations

from collections import Counter

from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    AttemptFailed,
    BreakerClosed,
    BreakerOpened,
    CompensationFailed,
    DirectorStarted,
    Event,
    FailureClass,
    LookupStarted,
    RunEvent,
    RunPaused,
    RunQueued,
    RunReleased,
    RunResumed,
    RunStarted,
    ScopePaused,
    ScopeResumed,
    StartDeferred,
    TaskFailed,
    TaskPaused,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import RunId
from mainstay.kernel.state import Phase, RunState
from mainstay.kernel.values import Instant
from mainstay.testing.checkers.books import Books, action_of
from mainstay.testing.checkers.promise import demand

_ILL = frozenset(
    {
        FailureClass.TRANSIENT,
        FailureClass.THROTTLED,
        FailureClass.TIMEOUT,
        FailureClass.IN_DOUBT,
        FailureClass.BUG,
    }
)
_ANSWERED = frozenset({FailureClass.REFUSED, FailureClass.INVALID})


class Pauses:
    """Nothing starts where it is paused."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.scopes: set[tuple[str, str]] = set()
        self.runs: set[RunId] = set()
        self.tasks: set[tuple[RunId, int]] = set()

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        match event:
            case ScopePaused(scope=scope, name=name):
                demand((scope, name) not in self.scopes, "a scope is paused once")
                self.scopes.add((scope, name))
                self.books.paths[f"paused: {scope}"] += 1
            case ScopeResumed(scope=scope, name=name):
                self.scopes.discard((scope, name))
                self.books.paths[f"resumed: {scope}"] += 1
            case _:
                pass

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        paths = self.books.paths
        match event:
            case RunPaused():
                self.runs.add(run)
                paths["paused: run"] += 1
            case RunResumed():
                self.runs.discard(run)
                paths["resumed: run"] += 1
            case TaskPaused(task=task):
                self.tasks.add((run, task))
                paths["paused: task"] += 1
            case TaskResumed(task=task):
                self.tasks.discard((run, task))
                paths["resumed: task"] += 1
            case StartDeferred(scope=scope):
                kind, _, rest = scope.partition(":")
                paths[
                    f"put off: {kind} {rest.partition(':')[0]}" if kind == "pause" else f"put off: {kind}"
                ] += 1
            case TaskStarted(task=task):
                self._may_start(run, before, task)
            case ActionStarted(task=task):
                self._may_start(run, before, task)
                action = action_of(before, task)
                if action is not None:
                    self._free(("adapter", action.adapter), run)
            case _:
                pass

    def _may_start(self, run: RunId, before: RunState, task: int) -> None:
        demand(run not in self.runs, "nothing starts while its run is paused", f"task {task} of {run}")
        demand((run, task) not in self.tasks, "nothing starts while it is paused", f"task {task} of {run}")
        self._free(("workspace", ""), run)
        self._free(("workflow", before.head.workflow), run)

    def _free(self, scope: tuple[str, str], run: RunId) -> None:
        if self.scopes:
            demand(scope not in self.scopes, "nothing starts while its scope is paused", f"{scope} {run}")


class Throttles:
    """In any stretch of time, no more starts than the rate allows."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.times: dict[str, list[int]] = {scope: [] for scope in books.rules.throttles}
        self.set_back = 0

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        if not self.times or self.books.replaying:
            return
        if self.set_back != self.books.set_back:
            self.set_back = self.books.set_back
            for times in self.times.values():
                times.clear()  # what was before lies in no stretch of time with what comes
        if isinstance(event, TaskStarted):
            self._start(f"agent:{after.spec(event.task).agent}", at)
        elif isinstance(event, ActionStarted) and (action := action_of(before, event.task)) is not None:
            self._start(f"adapter:{action.adapter}", at)

    def _start(self, own: str, at: Instant) -> None:
        for scope in (own, "workspace"):
            rate = self.books.rules.throttles.get(scope)
            if rate is None:
                continue
            times = self.times[scope]
            if times and at < times[-1]:
                times.clear()  # decided before the clock was set back, and written after
            times.append(at)
            for place, first in enumerate(times):
                fits = rate.burst + (at - first) // rate.interval_us
                many = len(times) - place
                demand(many <= fits, "no more starts than the rate allows", f"{scope}: {many} since {first}")
            # What has drained away matters no more.
            if len(times) > 64:
                del times[:32]


class Breakers:
    """An open breaker lets nothing through, a half-open one lets through one call at a time; and it does open."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.open: dict[tuple[str, str], Instant] = {}
        self.trial: dict[tuple[str, str], tuple[RunId, int]] = {}
        self.ill: Counter[tuple[str, str]] = Counter()  # failed calls in a row, while closed

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        match event:
            case BreakerOpened(adapter=adapter, operation=operation, until=until):
                key = (adapter, operation)
                self.books.paths["breaker opened again" if key in self.open else "breaker opened"] += 1
                self.open[key] = until
                self.trial.pop(key, None)
                self.ill[key] = 0
            case BreakerClosed(adapter=adapter, operation=operation):
                key = (adapter, operation)
                demand(key in self.open, "a breaker closes that was open")
                del self.open[key]
                self.trial.pop(key, None)
                self.ill[key] = 0
                self.books.paths["breaker closed"] += 1
            case DirectorStarted():
                self.ill.clear()  # how many failed in a row is not remembered over a restart
            case _:
                pass

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        number = getattr(event, "task", None)
        if not isinstance(number, int) or number < 0:
            return
        if isinstance(event, ActionStarted):
            self._lets_through(run, before, number, at)
            return
        if not before.exists(number) or before.task(number).phase is not Phase.ACTING:
            return
        action = action_of(before, number)
        if action is None or after.task(number).phase is Phase.ACTING:
            return
        key = (action.adapter, action.operation)
        if self.trial.get(key) == (run, number):
            del self.trial[key]
        self._heard(key, event)

    def _heard(self, key: tuple[str, str], event: RunEvent) -> None:
        match event:
            case TaskSucceeded():
                self.ill[key] = 0
            case (
                AttemptFailed(failure=failure)
                | TaskFailed(failure=failure)
                | CompensationFailed(failure=failure)
            ):
                if failure in _ILL:
                    self.ill[key] += key not in self.open
                elif failure in _ANSWERED:
                    self.ill[key] = 0
            case ActionInDoubt() | LookupStarted():
                self.ill[key] += key not in self.open
            case TaskSkipped():
                pass
            case _:
                pass

    def _lets_through(self, run: RunId, before: RunState, number: int, at: Instant) -> None:
        action = action_of(before, number)
        assert action is not None
        key = (action.adapter, action.operation)
        until = self.open.get(key)
        if until is None:
            bound = self.books.rules.breakers.failures
            demand(self.ill[key] < bound, "a breaker opens after so many failures", f"{key}: {self.ill[key]}")
            return
        demand(at >= until, "an open breaker lets nothing through", f"{key} at {at}, open until {until}")
        demand(key not in self.trial, "a half-open breaker lets one call through at a time", str(key))
        self.trial[key] = (run, number)
        self.books.paths["breaker tried"] += 1


class Lines:
    """No more runs at work at once than a workflow, or a key of it, allows."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.working: dict[str, dict[RunId, str]] = {}  # by workflow: run and its key

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        workflow = after.head.workflow
        working = self.working.setdefault(workflow, {})
        match event:
            case RunStarted() | RunReleased():
                working[run] = after.head.key
            case RunQueued(line=line):
                del working[run]
                self.books.paths[f"queued in the line of its {line}"] += 1
            case _ if after.ended and not before.ended:
                working.pop(run, None)
            case _:
                pass

    def within_bounds(self) -> None:
        """After a tick: those at work are within the bounds that their workflow declares."""
        for working in self.working.values():
            if len(working) < 2:
                continue
            by_key = Counter(key for key in working.values() if key)
            for run, key in working.items():
                plan = self.books.states[run].plan
                if plan is None:
                    continue
                most, key_most = plan.workflow.runs_max, plan.workflow.key_max
                demand(most is None or len(working) <= most, "no more runs at work than are allowed", run)
                demand(
                    not key or by_key[key] <= key_most, "no more runs of a key at work than are allowed", run
                )
