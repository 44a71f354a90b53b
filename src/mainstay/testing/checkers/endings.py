"""Checks of how runs end and go on: taking back, forks, and the time after a restore."""

from __future__ import annotations

from mainstay.kernel.contract import Finality, Repeatability
from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    ApprovalRejected,
    CompensationBegun,
    CompensationFailed,
    CompensationPlanned,
    DoubtResolved,
    Event,
    LedgerRestored,
    LookupStarted,
    RunCancelled,
    RunEvent,
    RunFailed,
    RunForked,
    RunSucceeded,
    RunSuperseded,
    TaskCancelled,
    TaskStarted,
    TaskSucceeded,
)
from mainstay.kernel.ids import IdempotencyKey, RunId
from mainstay.kernel.plan import TaskKind
from mainstay.kernel.state import DONE, UNDER_WAY, Phase, RunState
from mainstay.kernel.values import Instant
from mainstay.testing.checkers.books import Books, action_of
from mainstay.testing.checkers.promise import demand

_WAITED = frozenset({Phase.APPROVAL, Phase.RETRYING, Phase.BLOCKED, Phase.ACTING, Phase.SEEKING})


class Undoing:
    """What a run did and names a compensation is taken back once, the last first, and only if it happened."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.done: dict[RunId, list[int]] = {}  # acts that happened and can be taken back, in order
        self.planned: dict[RunId, tuple[int, ...]] = {}
        self.first: dict[RunId, int] = {}  # the number of the first task that takes back
        self.begun: set[RunId] = set()
        self.given_up: set[tuple[RunId, int]] = set()  # by a person

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        paths = self.books.paths
        match event:
            case TaskSucceeded(task=task):
                spec = before.spec(task)
                ordinary = run not in self.first or task < self.first[run]
                if ordinary and spec.compensate is not None and spec.kind is TaskKind.ACT:
                    if action_of(before, task) is not None:
                        self.done.setdefault(run, []).append(task)
                elif not ordinary:
                    paths["taken back"] += 1
            case CompensationBegun(ending=ending):
                self.begun.add(run)
                paths[f"taking back: {ending}"] += 1
            case CompensationPlanned(tasks=tasks):
                self._planned(run, before, after, tasks)
            case CompensationFailed():
                paths["taking back failed"] += 1
            case ApprovalRejected(task=task) | TaskCancelled(task=task) | DoubtResolved(task=task):
                self.given_up.add((run, task))
            case TaskStarted(task=task) | ActionStarted(task=task) if (
                run in self.first and task >= self.first[run]
            ):
                self._in_turn(run, before, task)
            case RunFailed() | RunCancelled():
                self._all_taken_back(run, before, event)
            case RunSucceeded() | RunSuperseded():
                demand(run not in self.first, "a run that takes back ends as it was to end", run)
            case _:
                pass

    def _planned(self, run: RunId, before: RunState, after: RunState, tasks: tuple[int, ...]) -> None:
        demand(run not in self.planned, "a run takes back once", run)
        wanted = tuple(reversed(self.done.get(run, [])))
        demand(
            tasks == wanted, "what happened is taken back, the last first", f"{tasks}, not {wanted}, in {run}"
        )
        under_way = [number for number, task in before.all_tasks() if task.phase in UNDER_WAY]
        demand(not under_way, "nothing is taken back before all has settled", f"{under_way} of {run}")
        self.planned[run] = tasks
        self.first[run] = before.size

    def _in_turn(self, run: RunId, before: RunState, task: int) -> None:
        first = self.first[run]
        open_before = [one for one in range(first, task) if before.task(one).phase not in DONE]
        demand(
            not open_before,
            "one thing is taken back after the other",
            f"{task} before {open_before} in {run}",
        )

    def _all_taken_back(self, run: RunId, before: RunState, event: RunEvent) -> None:
        done = self.done.get(run, [])
        if not done or (isinstance(event, RunCancelled) and before.left and run in self.begun):
            return  # nothing to take back; or the operator ended it a second time, and what was left of it with it
        demand(
            run in self.planned,
            "what was done is taken back before the run ends",
            f"{done} of {run}, {event}",
        )
        first = self.first[run]
        for place, act in enumerate(self.planned[run]):
            task = before.task(first + place)
            settled = task.phase is Phase.SUCCEEDED or (run, first + place) in self.given_up
            demand(settled, "what was done is taken back before the run ends", f"{act} of {run}")


class Forks:
    """A fork takes over only what happened, and does it no second time."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.inherited: dict[RunId, set[int]] = {}

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        match event:
            case RunForked(parent=parent, inherited=inherited, first=first):
                self.books.forked[run] = parent
                self.inherited[run] = {one.task for one in inherited}
                self.books.paths["restarted from a task" if first else "forked"] += 1
                acted = [one for one in inherited if one.acted]
                self.books.paths["an act was inherited"] += bool(acted)
                self._happened(parent, [one.task for one in acted], run)
            case TaskStarted(task=task) | ActionStarted(task=task) if run in self.inherited:
                again = task in self.inherited[run] and before.revision(task) is None
                demand(not again, "what was inherited is not done again", f"task {task} of {run}")
            case _:
                pass

    def _happened(self, parent: RunId, tasks: list[int], run: RunId) -> None:
        state = self.books.states[parent]
        plain = not state.expansions  # items are numbered anew in a fork
        for task in tasks if plain else ():
            happened = state.task(task).phase is Phase.SUCCEEDED
            demand(happened, "only what happened is inherited", f"task {task} of {parent}, by {run}")


class Restores:
    """After a restore nothing that waited, or may have left, goes on before it was looked for.

    That holds of what a run that was open then proposes later, too: it may have done so before, in the time that is
    lost. What can be looked up is; what may be done once and cannot be looked up asks.
    """

    def __init__(self, books: Books) -> None:
        self.books = books
        self.waiting: set[tuple[RunId, int]] = set()
        self.open_then: set[RunId] = set()
        self.cleared: set[IdempotencyKey] = set()  # looked for, asked about, or let go with a yes, since then

    def house_event(self, position: int, at: Instant, event: Event) -> None:
        """See `Book.house_event`."""
        if not isinstance(event, LedgerRestored):
            return
        self.books.restored_at = position
        self.books.looked_for.clear()
        self.books.paths["restored"] += 1
        self.cleared.clear()
        self.open_then = {run for run, state in self.books.states.items() if not state.ended}
        for run, state in self.books.states.items():
            for number, task in state.all_tasks():
                if task.act is None or task.phase not in _WAITED:
                    continue
                if task.act.action.finality is not Finality.REVERSIBLE:
                    self.waiting.add((run, number))

    def run_event(self, run: RunId, before: RunState, after: RunState, at: Instant, event: RunEvent) -> None:
        """See `Book.run_event`."""
        if not self.books.restored_at:
            return
        match event:
            case LookupStarted(task=task) | ActionInDoubt(task=task):
                self._cleared(run, before, task)
                if (run, task) in self.waiting:
                    self.waiting.discard((run, task))
                    self.books.looked_for.add((run, task))
                    self.books.paths["looked for after a restore"] += 1
            case ActionStarted(task=task):
                waits = (run, task) in self.waiting
                demand(
                    not waits, "after a restore nothing leaves before it was looked for", f"{task} of {run}"
                )
                if run in self.open_then:
                    self._proposed_since(run, before, event)
            case _:
                pass

    def _cleared(self, run: RunId, before: RunState, task: int) -> None:
        action = action_of(before, task)
        if action is None or run not in self.open_then:
            return
        if (run, task) not in self.waiting and action.key not in self.books.acts:
            self.books.looked_for.add((run, task))
            self.books.paths["looked for when proposed after a restore"] += 1
        self.cleared.add(action.key)

    def _proposed_since(self, run: RunId, before: RunState, event: ActionStarted) -> None:
        action = action_of(before, event.task)
        assert action is not None
        if action.finality is Finality.REVERSIBLE or event.key in self.cleared:
            return
        where = f"{event.task} of {run}"
        match action.repeatability:
            case Repeatability.FINDABLE:
                demand(False, "after a restore nothing leaves before it was looked for", where)
            case Repeatability.ONCE:
                asked = event.authority.startswith("approval:")
                demand(asked, "after a restore what may be done once asks", where)
            case Repeatability.KEYED:
                pass  # called again under its key, it is done once
        self.cleared.add(event.key)
