"""A decision in the making: the events emitted so far and the state they lead to.

Each event is folded as it is emitted, so that what follows from it is decided in the same breath and nothing
is folded twice. A draft also knows what the balances do not know yet: money held and spent by its own events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mainstay.kernel.admission import NOTHING_TAKEN
from mainstay.kernel.budget import Refusal, over
from mainstay.kernel.events import (
    BudgetRefused,
    CompensationFailed,
    FailureClass,
    RunEvent,
    StartDeferred,
    TaskFailed,
)
from mainstay.kernel.evolve import evolve
from mainstay.kernel.facts import Facts
from mainstay.kernel.ids import fraction
from mainstay.kernel.plan import TaskSpec
from mainstay.kernel.policy import Action
from mainstay.kernel.state import ORDINARY, RunState, is_deferred, is_paused
from mainstay.kernel.values import DAY, SECOND, Instant

BUDGET_WAIT_US = 10 * SECOND  # until a start is tried again that only money held by others keeps waiting


class Draft:
    """A decision in the making: events emitted so far and the state they lead to."""

    __slots__ = ("events", "facts", "held", "leaving", "spent", "state", "taken")

    def __init__(self, state: RunState, facts: Facts) -> None:
        self.state = state
        self.facts = facts
        self.events: list[RunEvent] = []
        self.held = state.held  # what the balances already know of this run
        self.spent = state.spent
        self.taken: dict[
            str, int
        ] = {}  # starts of this decision, by scope: the buckets do not know of them yet
        self.leaving: dict[
            str, int
        ] = {}  # acts that this decision lets go, by name: the tally knows nothing of them

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)
        self.state = evolve(self.state, event)

    def give_up(self, number: int, attempt: int, failure: FailureClass, reason: str, cost: int = 0) -> None:
        """The task is given up; of a compensation, the operator is asked instead."""
        if self.state.undoes(number) is None:
            self.emit(TaskFailed(number, attempt, failure, reason, cost))
        else:
            self.emit(CompensationFailed(number, attempt, failure, reason, cost=cost))

    def defers(self, number: int, *, agent: str = "", action: Action | None = None) -> bool:
        """Whether this start has to wait for a pause to end, a throttle or a breaker; if so that is recorded."""
        scope = waits_for(self.state, self.facts, number, agent=agent, action=action, taken=self.taken)
        if not scope:
            return False
        if not is_deferred(self.state.task(number)):
            self.emit(StartDeferred(number, scope))
        return True

    def take(self, *scopes: str) -> None:
        """Something starts under these scopes."""
        if not self.facts.admission.idle:
            for scope in (*scopes, "workspace"):
                self.taken[scope] = self.taken.get(scope, 0) + 1

    def affords(self, number: int, amount: int) -> bool:
        """Whether every budget has room for `amount` more; if not, the refusal is emitted."""
        refusal = self.refusal(amount)
        if refusal is None:
            return True
        self.emit(
            BudgetRefused(
                number, refusal.scope, amount, refusal.left, self._again_at(number, refusal), refusal.passing
            )
        )
        return False

    def refusal(self, amount: int) -> Refusal | None:
        """The first budget that has no room for `amount` more; None when all have."""
        if amount == 0:
            return None
        state, facts = self.state, self.facts
        assert state.plan is not None
        run_max, limits = state.plan.workflow.cost_max_micros, facts.limits
        if state.unusual.run_max is not None:  # a person's word stands in place of what was declared
            run_max, limits = state.unusual.run_max, replace(limits, run_micros=None)
        return over("run", run_max, state.spent, state.held, amount) or facts.balances.refuses(
            amount,
            state.head.workflow,
            limits,
            run_spent=state.spent,
            run_held=state.held,
            new_spent=state.spent - self.spent,
            new_held=state.held - self.held,
        )

    def _again_at(self, number: int, refusal: Refusal) -> Instant:
        """When a refused start is tried again: soon if what is held may settle lower, else the next day."""
        now = self.facts.now
        if refusal.passing:
            # Spread out, so that what waits for the same cent does not come back all at once.
            spread = fraction("budget", self.state.head.run, number, now)
            return Instant(now + BUDGET_WAIT_US + int(BUDGET_WAIT_US * spread))
        return Instant((now // DAY + 1) * DAY)


def ceiling_of(state: RunState, facts: Facts, spec: TaskSpec) -> int | None:
    """The most that one attempt at this task can cost; None: nobody knows the price, and nobody said what it may be.

    The task's budget is a limit; an agent that cannot cost so much (on the device: nothing) holds what it can cost.
    """
    known = facts.ceilings.get(spec.agent, spec.cost_max_micros)
    if known is None:
        known = state.unusual.price_max
    return None if known is None else min(spec.cost_max_micros, known)


def waits_for(
    state: RunState,
    facts: Facts,
    number: int,
    *,
    agent: str = "",
    action: Action | None = None,
    taken: Mapping[str, int] = NOTHING_TAKEN,
) -> str:
    """The scope for which a start of this task has to wait, asking `agent` or calling `action`; empty: for none."""
    unusual = state.unusual
    if unusual is not ORDINARY:
        if unusual.paused:
            return "pause:run"
        if is_paused(state, number):
            return "pause:task"
    if facts.killed and action is None and ceiling_of(state, facts, state.spec(number)) != 0:
        return "kill switch"  # a model that is paid is as much outside as a mailbox
    admission = facts.admission
    if admission.idle:
        return ""
    workflow = state.head.workflow
    if action is None:
        return admission.defers_thinking(workflow, agent, facts.now, taken)
    return admission.defers_act(workflow, action.adapter, action.operation, facts.now, taken)
