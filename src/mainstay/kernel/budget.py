"""Money as a fold: hold before a call, settle to the actual amount, release only on proof that nothing was
spent.

`Balances` is kept in place, not copied: it is folded after every decision inside a tick, so that two tasks
decided in the same tick cannot both spend the last cent, and a copy per event would be the dearest thing in
the kernel. Its only writer is the fold itself. Amounts are micro-units; what is unknown settles at the
ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mainstay.kernel.values import DAY, Instant

WARN_SHARE = 0.8  # product.md: 80 % warns, 100 % pauses and asks


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets that are in force; None is no limit."""

    day_micros: int | None = None
    month_micros: int | None = None
    run_micros: int | None = None
    workflow_day_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which budget a hold would break, and what is left of it."""

    scope: str
    left: int
    passing: bool = False  # it would fit if nothing were held: it will, when calls under way have settled


def day_of(at: Instant) -> int:
    """Days since the epoch, UTC."""
    return at // DAY


def month_of(at: Instant) -> int:
    """Months since the epoch, UTC: civil from days in the proleptic Gregorian calendar, after H. Hinnant."""
    days = at // DAY + 719_468
    era = days // 146_097
    day_of_era = days - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year * 12 + month - 1 - 1970 * 12


@dataclass(slots=True)
class Balances:
    """What is held and spent, in all, by workflow, by day and by month."""

    held: int = 0
    held_by_workflow: dict[str, int] = field(default_factory=dict)
    day: int = 0
    day_spent: int = 0
    month: int = 0
    month_spent: int = 0
    workflow_day_spent: dict[str, int] = field(default_factory=dict)
    spent: int = 0

    def roll(self, at: Instant) -> None:
        """Begin a new day or month when `at` is in a later one; a clock set back never reopens an old one."""
        day = at // DAY
        if day <= self.day:
            return
        self.day, self.day_spent = day, 0
        self.workflow_day_spent = {}
        month = month_of(at)
        if month > self.month:
            self.month, self.month_spent = month, 0

    def refuses(
        self,
        amount: int,
        workflow: str,
        limits: Limits,
        *,
        run_spent: int = 0,
        run_held: int = 0,
        new_spent: int = 0,
        new_held: int = 0,
    ) -> Refusal | None:
        """The first budget that `amount` more would break, narrowest first; None when it fits.

        `new_*` is what the decision in the making has already spent and held, and these balances do not know yet.
        """
        spent = self.workflow_day_spent.get(workflow, 0) + new_spent
        held = self.held_by_workflow.get(workflow, 0) + new_held
        day, month, all_held = self.day_spent + new_spent, self.month_spent + new_spent, self.held + new_held
        return (
            over("run", limits.run_micros, run_spent, run_held, amount)
            or over("workflow", limits.workflow_day_micros, spent, held, amount)
            or over("day", limits.day_micros, day, all_held, amount)
            or over("month", limits.month_micros, month, all_held, amount)
        )

    def move(self, workflow: str, held: int, spent: int) -> None:
        """Book what one decision changed in a run: more or less held, more spent."""
        if held:
            self.held += held
            self.held_by_workflow[workflow] = self.held_by_workflow.get(workflow, 0) + held
        if spent:
            self.spent += spent
            self.day_spent += spent
            self.month_spent += spent
            self.workflow_day_spent[workflow] = self.workflow_day_spent.get(workflow, 0) + spent


def over(scope: str, limit: int | None, spent: int, held: int, amount: int) -> Refusal | None:
    """The refusal of one budget; None when `amount` more fits, or there is no limit."""
    if limit is None or spent + held + amount <= limit:
        return None
    return Refusal(scope, max(0, limit - spent - held), spent + amount <= limit)
