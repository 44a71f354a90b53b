"""`Costs`: what was spent, how the budgets stand, and what they stopped.

Amounts are whole micros, days are numbered since 1970 in UTC. What may be spent is set in mainstay.toml; to let a
stopped run go on is a decision (`sdk.desks`, `steering`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.kernel.values import Json
from mainstay.workspace.sdk.runs import Runs

if TYPE_CHECKING:
    from mainstay.governance.costs import Cost, Overview
    from mainstay.governance.stopped import Stopped


class Costs(Runs):
    """What can be asked about money."""

    def costs(self) -> list[Json]:
        """Spent by workflow and day."""
        return self._store.select("spent", order="day", descending=True, limit=1_000)

    def costs_overview(self, *, since: int, until: int, workflow: str = "") -> Overview:
        """What was spent from day to day (both included, days since 1970 UTC): by workflow, day, outcome and model."""
        from mainstay.governance.costs import overview

        return overview(self._store, since=since, until=until, workflow=workflow)

    def daily_costs(self, *, since: int, until: int) -> tuple[Cost, ...]:
        """The same for each workflow and day (both included, days since 1970 UTC), oldest first."""
        from mainstay.governance.costs import costs

        return costs(self._store, since=since, until=until)

    def stopped(self, *, most: int | None = None) -> tuple[Stopped, ...]:
        """What waits for money: which budget stopped it or whose price is unknown, and what can be done.

        `most`: of those that were stopped last, so many; each is folded for it.
        """
        from mainstay.governance.stopped import stopped

        return stopped(
            self._store, lambda run: self.run(run)[1], self._limits, now=self._clock.now(), most=most
        )

    def budgets(self) -> Json:
        """How much of the budgets of the day and the month is spent, held, and likely to be spent by their end."""
        from mainstay.governance.costs import budgets

        return budgets(self._store, self._limits, now=self._clock.now())
