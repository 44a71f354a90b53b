"""When most of a budget is spent or held: said once in a day, or in a month."""

from __future__ import annotations

from mainstay.kernel.budget import WARN_SHARE, Balances, Limits
from mainstay.kernel.events import BudgetWarned


class BudgetWarnings:
    """The warnings that one director gives."""

    def __init__(self) -> None:
        self.given: dict[str, int] = {}  # by scope: the day or month in which it was last warned of

    def due(self, balances: Balances, limits: Limits, workflow: str) -> list[BudgetWarned]:
        """What is to be said now that this workflow has spent or holds more. It counts as said."""
        found: list[BudgetWarned] = []
        limit, used = limits.day_micros, balances.day_spent + balances.held
        if limit and used >= limit * WARN_SHARE and self._is_news("day", balances.day):
            found.append(BudgetWarned("day", used, limit))
        limit, used = limits.month_micros, balances.month_spent + balances.held
        if limit and used >= limit * WARN_SHARE and self._is_news("month", balances.month):
            found.append(BudgetWarned("month", used, limit))
        limit = limits.workflow_day_micros
        if limit:
            used = balances.workflow_day_spent.get(workflow, 0) + balances.held_by_workflow.get(workflow, 0)
            scope = f"workflow:{workflow}"
            if used >= limit * WARN_SHARE and self._is_news(scope, balances.day):
                found.append(BudgetWarned(scope, used, limit))
        return found

    def _is_news(self, scope: str, period: int) -> bool:
        if self.given.get(scope) == period:
            return False
        self.given[scope] = period
        return True
