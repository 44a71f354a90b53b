"""A decision in the making: the events emitted so far and the state they lead to.

Each event is folded as it is emitted, so that what follows from it is decided in the same breath and nothing
is folded twice. A draft also knows what the balances do not know yet: money held and spent by its own events.
"""

from __future__ import annotations

from mainstay.kernel.events import BudgetRefused, RunEvent
from mainstay.kernel.evolve import evolve
from mainstay.kernel.facts import Facts
from mainstay.kernel.state import RunState
from mainstay.kernel.values import DAY, Instant


class Draft:
    """A decision in the making: events emitted so far and the state they lead to."""

    __slots__ = ("events", "facts", "held", "spent", "state")

    def __init__(self, state: RunState, facts: Facts) -> None:
        self.state = state
        self.facts = facts
        self.events: list[RunEvent] = []
        self.held = state.held  # what the balances already know of this run
        self.spent = state.spent

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)
        self.state = evolve(self.state, event)

    def affords(self, number: int, amount: int) -> bool:
        """Whether every budget has room for `amount` more; if not, the refusal is emitted."""
        if amount == 0:
            return True
        state, facts = self.state, self.facts
        assert state.plan is not None
        run_max = state.plan.workflow.cost_max_micros
        used = state.held + state.spent
        if run_max is not None and used + amount > run_max:
            self._refuse(number, "run", amount, max(0, run_max - used))
            return False
        already = (state.held - self.held) + (
            state.spent - self.spent
        )  # decided, not folded into the balances yet
        refusal = facts.balances.refuses(amount + already, state.head.workflow, used - already, facts.limits)
        if refusal is not None:
            self._refuse(number, refusal.scope, amount, refusal.left)
            return False
        return True

    def _refuse(self, number: int, scope: str, amount: int, left: int) -> None:
        now = self.facts.now
        tomorrow = Instant((now // DAY + 1) * DAY)
        self.emit(BudgetRefused(number, scope, amount, left, tomorrow))
