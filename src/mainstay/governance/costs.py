"""What was spent: money, tokens and the operator's minutes, by workflow, day, month, outcome and model, from the views.

Sums of sums, so that they agree however they are cut. What a model cost is part of what its attempts settled at, not on
top of it; of an attempt that was lost, whose ceiling counts, nobody knows which model had it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from mainstay.kernel.budget import Limits, day_of, month_of
from mainstay.kernel.values import DAY, Instant
from mainstay.ledger.store import EventReader, Value

_ROWS_MAX = 1_000_000
Key = TypeVar("Key", int, str)
OUTCOMES = ("succeeded", "failed", "cancelled", "superseded")


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
_amounts: Callable[[Cost], tuple[int, ...]] = attrgetter(*_AMOUNTS)


def costs(store: EventReader, *, since: int = 0, until: int | None = None) -> tuple[Cost, ...]:
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
    found = [Cost(name, 0, *sums) for name, sums in _sums(of, lambda one: one.workflow).items()]
    return tuple(sorted(found, key=lambda one: (-one.cost_micros, one.workflow)))


def by_day(of: Iterable[Cost]) -> tuple[Cost, ...]:
    """The sums for each day, oldest first."""
    return tuple(Cost("", day, *sums) for day, sums in sorted(_sums(of, lambda one: one.day).items()))


def by_month(of: Iterable[Cost]) -> tuple[tuple[str, Cost], ...]:
    """The sums for each month ("2026-11"), oldest first."""
    found = _sums(of, lambda one: _month(one.day))
    return tuple((name, Cost("", 0, *sums)) for name, sums in sorted(found.items()))


@cache
def _month(day: int) -> str:
    month = month_of(Instant(day * DAY))
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What was used of one model, what the cache spared, and how much of it went into checking others' work."""

    model: str = ""
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    cached: int = 0
    saved_micros: int = 0
    guard_micros: int = 0


@dataclass(frozen=True, slots=True)
class OutcomeCost:
    """Runs that cost something and ended so, and what they had cost by then."""

    outcome: str
    runs: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, over one stretch of days."""

    since: int  # days since 1970, UTC, both included
    until: int
    total: Cost
    workflows: tuple[Cost, ...]
    days: tuple[Cost, ...]
    months: tuple[tuple[str, Cost], ...]
    models: tuple[ModelCost, ...]
    outcomes: tuple[OutcomeCost, ...]
    replies: dict[str, int]  # mails that left, by workflow

    @property
    def replies_sent(self) -> int:
        """All mails that left."""
        return sum(self.replies.values())

    @property
    def saved_micros(self) -> int:
        """What answers from the cache would have cost."""
        return sum(one.saved_micros for one in self.models)

    @property
    def guard_micros(self) -> int:
        """What checking cost."""
        return sum(one.guard_micros for one in self.models)

    @property
    def guard_share(self) -> float | None:
        """The share of all that models cost that went into checking; None where they cost nothing."""
        models = sum(one.cost_micros for one in self.models)
        return self.guard_micros / models if models else None

    @property
    def cost_per_reply_micros(self) -> int | None:
        """What a mail that left cost, with all that came to nothing; None when none left."""
        return self.total.cost_micros // self.replies_sent if self.replies_sent else None

    @property
    def operator_us_per_reply(self) -> int | None:
        """The operator's time for a mail that left; None when none left."""
        return self.total.operator_us // self.replies_sent if self.replies_sent else None


_OF_MODEL = tuple(one.name for one in fields(ModelCost) if one.name != "model")


def overview(store: EventReader, *, since: int, until: int, workflow: str = "") -> Overview:
    """What was spent from `since` to `until` (days, both included), by one workflow or by all."""

    def sums(view: str, columns: Sequence[str], by: str) -> list[dict[str, Value]]:
        where: dict[str, Value] = {"workflow": workflow} if workflow else {}
        return store.sums(view, columns, by=by, within=("day", since, until), where=where)

    days = [Cost("", _number(one.pop("day")), **_numbers(one)) for one in sums("spent", _AMOUNTS, "day")]
    workflows = [
        Cost(str(one.pop("workflow")), 0, **_numbers(one)) for one in sums("spent", _AMOUNTS, "workflow")
    ]
    return Overview(
        since,
        until,
        replace(total(days), workflow=workflow),
        by_workflow(workflows),
        by_day(days),
        by_month(days),
        _models(sums("models_used", _OF_MODEL, "model")),
        _outcomes(sums("outcomes", ("runs", "cost_micros"), "outcome")),
        {str(one["workflow"]): _number(one["count"]) for one in sums("replies", ("count",), "workflow")},
    )


def budgets(store: EventReader, limits: Limits, *, now: Instant) -> dict[str, Any]:
    """How much of the budgets of today and this month is spent, and would be by their end at this pace."""
    day = day_of(now)
    rows = store.sums("spent", ("cost_micros",), by="day", within=("day", day - 31, day))
    spent = {_number(one["day"]): _number(one["cost_micros"]) for one in rows}
    row = store.get("house", ("held",))
    first = min((one for one in range(day - 30, day + 1) if _same_month(one, day)), default=day)
    today = spent.get(day, 0)
    this_month = sum(cost for one, cost in spent.items() if _same_month(one, day))
    days = next(length for length in range(28, 33) if not _same_month(first + length, day))
    gone = now - first * DAY
    return {
        "day": {
            "spent_micros": today,
            "limit_micros": limits.day_micros,
            "projected_micros": today * DAY // max(1, now - day * DAY),
        },
        "month": {
            "spent_micros": this_month,
            "limit_micros": limits.month_micros,
            "projected_micros": this_month * days * DAY // max(1, gone),
        },
        "held_micros": int(str(row["value"])) if row is not None else 0,
    }


def _same_month(one: int, other: int) -> bool:
    return month_of(Instant(one * DAY)) == month_of(Instant(other * DAY))


def _models(rows: Iterable[dict[str, Value]]) -> tuple[ModelCost, ...]:
    found = [ModelCost(str(row.pop("model")), **_numbers(row)) for row in rows]
    return tuple(sorted(found, key=lambda one: (-one.cost_micros, -one.calls, one.model)))


def _outcomes(rows: Iterable[dict[str, Value]]) -> tuple[OutcomeCost, ...]:
    found = {str(row.pop("outcome")): _numbers(row) for row in rows}
    return tuple(OutcomeCost(one, **found[one]) for one in OUTCOMES if one in found and found[one]["runs"])


def total(of: Iterable[Cost]) -> Cost:
    """The sum of all."""
    return Cost("", 0, *_sums(of, lambda one: "").get("", ()))


def _sums(of: Iterable[Cost], by: Callable[[Cost], Key]) -> dict[Key, list[int]]:
    """The amounts in their order, by whatever tells them apart. A report adds up thousands of rows."""
    found: dict[Key, list[int]] = {}
    for one in of:
        into = found.setdefault(by(one), [0] * len(_AMOUNTS))
        for place, amount in enumerate(_amounts(one)):
            into[place] += amount
    return found


def _numbers(row: Mapping[str, object]) -> dict[str, int]:
    return {name: _number(value) for name, value in row.items()}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0  # a sum that nothing was added to yet is NULL
