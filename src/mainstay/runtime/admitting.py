"""Starts that wait for room: who waits for what, what calls tell a breaker, and when the next may go.

`kernel.admission` says whether a start may happen; this keeps it in step with the events of each decision, remembers
the deferred starts in fair lines, and knows the time at which to look again. `runtime.director` asks and appends.
"""

from __future__ import annotations

from collections.abc import Iterator

from mainstay.kernel.admission import FOREVER, Admission
from mainstay.kernel.draft import waits_for
from mainstay.kernel.events import (
    ActionInDoubt,
    ActionStarted,
    AttemptFailed,
    BreakerClosed,
    BreakerOpened,
    CompensationFailed,
    LookupStarted,
    RunEvent,
    StartDeferred,
    TaskFailed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    WorkspaceEvent,
)
from mainstay.kernel.facts import Facts
from mainstay.kernel.house import House
from mainstay.kernel.ids import RunId
from mainstay.kernel.plan import Priority
from mainstay.kernel.state import Act, Phase, RunState, is_deferred
from mainstay.kernel.values import Instant
from mainstay.runtime.waiting import Waiting

# Of these `hear` makes something, but of a success of thinking, by far the most frequent event, which is told apart
# before.
HEARD = frozenset[type[RunEvent]](
    {
        ActionStarted,
        AttemptFailed,
        TaskFailed,
        TaskSkipped,
        TaskSucceeded,
        CompensationFailed,
        LookupStarted,
        ActionInDoubt,
        StartDeferred,
    }
)


class Admitting:
    """What may start, and what waits, for one director."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self._waiting = Waiting()
        self._throttles = bool(admission.buckets.rates)
        self.heard = HEARD | {TaskStarted} if self._throttles else HEARD

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is counted: nearly always."""
        return not (self._throttles or len(self._waiting))

    @property
    def waiting(self) -> dict[str, int]:
        """How many starts wait for each scope: a throttle, a breaker, a pause."""
        return self._waiting.counts()

    def hear(
        self, before: RunState, state: RunState, event: RunEvent, at: Instant
    ) -> BreakerOpened | BreakerClosed | None:
        """Fold an event of a run; the breaker that opens or closes by it, if one does."""
        buckets, breakers = self.admission.buckets, self.admission.breakers
        match event:
            case StartDeferred(task=number, scope=scope):
                self._defer(state, number, scope)
                return None
            case TaskStarted(task=number):
                buckets.take(f"agent:{state.spec(number).agent}", at)
                buckets.take("workspace", at)
                return None
            case (
                ActionStarted(task=number)
                | TaskSucceeded(task=number)
                | AttemptFailed(task=number)
                | TaskFailed(task=number)
                | TaskSkipped(task=number)
                | CompensationFailed(task=number)
                | LookupStarted(task=number)
                | ActionInDoubt(task=number)
            ):
                act = _act(state, number) or _act(before, number)
                if act is None:
                    return None
                action = act.action
                if isinstance(event, ActionStarted):
                    buckets.take(f"adapter:{action.adapter}", at)
                    buckets.take("workspace", at)
                elif not _was_acting(before, number):
                    return None  # nothing about a call: a card, a look-up, a late truth
                if isinstance(event, LookupStarted):
                    return breakers.looked_up(action.adapter, action.operation, at, event.reason)
                return breakers.hear(event, action.adapter, action.operation, at)
            case _:
                return None

    def note(self, event: WorkspaceEvent, house: House) -> None:
        """Fold an event of the workspace."""
        if isinstance(event, BreakerOpened | BreakerClosed):
            self.admission.breakers.note(event)
        self.admission.paused = house.paused
        self.admission.killed = house.killed
        self.admission.refresh()

    def notice(self, state: RunState, facts: Facts) -> None:
        """Put the deferred starts of a run in line: after a boot, and when what they wait for may have changed."""
        for number, task in state.all_tasks():
            if is_deferred(task):
                self._wait(state, number, facts)

    def put_back(self, state: RunState, number: int, facts: Facts) -> None:
        """A start that was to be admitted still waits, if it does."""
        if state.exists(number) and is_deferred(state.task(number)):
            self._wait(state, number, facts)

    def forget(self, run: RunId) -> None:
        """The run has ended: none of its starts waits any more."""
        self._waiting.forget(run)

    def admissible(self, now: Instant) -> Iterator[tuple[RunId, int]]:
        """Whose turn it is, one after the other, while there is room: decide each before asking for the next."""
        for scope in self._waiting.scopes():
            while self.admission.free_at(scope, now) <= now:
                turn = self._waiting.next(scope)
                if turn is None:
                    break
                yield turn

    def next_at(self, now: Instant) -> Instant | None:
        """When somebody who waits may have room; None when nobody waits for a time."""
        times = (self.admission.free_at(scope, now) for scope in self._waiting.scopes())
        return min((at for at in times if at < FOREVER), default=None)

    def _wait(self, state: RunState, number: int, facts: Facts) -> None:
        task = state.task(number)
        action = task.act.action if task.act is not None else None
        agent = "" if action is not None else state.spec(number).agent
        scope = waits_for(state, facts, number, agent=agent, action=action)
        self._defer(state, number, scope or "again")

    def _defer(self, state: RunState, number: int, scope: str) -> None:
        # What the run itself holds back goes on when the run, or the task, is resumed.
        if scope not in ("delay", "pause:run", "pause:task") and not state.task(number).wake_at:
            assert state.plan is not None
            self._waiting.add(scope, Priority(state.plan.workflow.priority), state.head.run, number)


def _act(state: RunState, number: int) -> Act | None:
    return state.task(number).act if state.exists(number) else None


def _was_acting(state: RunState, number: int) -> bool:
    return state.exists(number) and state.task(number).phase is Phase.ACTING
