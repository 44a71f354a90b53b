"""What was spent: money, tokens and the operator's minutes, by workflow and day, from the views."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from mainstay.ledger.store import EventStore

_ROWS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Sums over a workflow and a day, or over several: then `workflow` or `day` says nothing."""

    workflow: str = ""
    day: int = 0  # days since 1970, UTC
    cost_micros: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    runs: int = 0
    succeeded: int = 0
    failed: int = 0
    withdrawn: int = 0
    tasks: int = 0
    decisions: int = 0
    operator_us: int = 0

    @property
    def cost_per_outcome_micros(self) -> int | None:
        """What one succeeded run cost on average, with all that failed on the way; None when there is none."""
        return self.cost_micros // self.succeeded if self.succeeded else None

    @property
    def operator_us_per_outcome(self) -> int | None:
        """The operator's time for one succeeded run; None when there is none."""
        return self.operator_us // self.succeeded if self.succeeded else None


_AMOUNTS = tuple(one.name for one in fields(Cost) if one.name not in ("workflow", "day"))


def costs(store: EventStore, *, since: int = 0, until: int | None = None) -> tuple[Cost, ...]:
    """One `Cost` for each workflow and day from `since` to `until` (days, both included), oldest first."""
    rows = store.select("spent", order="day", after=since - 1, limit=_ROWS_MAX)
    found = [
        Cost(
            str(row["workflow"]),
            _number(row["day"]),
            **{name: _number(row[name]) for name in _AMOUNTS},
        )
        for row in rows
    ]
    return tuple(one for one in found if until is None or one.day <= until)


def by_workflow(of: Iterable[Cost]) -> tuple[Cost, ...]:
    """The sums for each workflow, dearest first."""
    sums: dict[str, Cost] = {}
    for one in of:
        sums[one.workflow] = _sum(sums.get(one.workflow, Cost(one.workflow)), one)
    return tuple(sorted(sums.values(), key=lambda one: (-one.cost_micros, one.workflow)))


def by_day(of: Iterable[Cost]) -> tuple[Cost, ...]:
    """The sums for each day, oldest first."""
    sums: dict[int, Cost] = {}
    for one in of:
        sums[one.day] = _sum(sums.get(one.day, Cost(day=one.day)), one)
    return tuple(sorted(sums.values(), key=lambda one: one.day))


def total(of: Iterable[Cost]) -> Cost:
    """The sum of all."""
    result = Cost()
    for one in of:
        result = _sum(result, one)
    return result


def _sum(into: Cost, one: Cost) -> Cost:
    amounts = {name: getattr(into, name) + getattr(one, name) for name in _AMOUNTS}
    return Cost(into.workflow, into.day, **amounts)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0  # a sum that nothing was added to yet is NULL
