"""The operator's own time by workflow and week: how long cards were open until they were answered, from the views."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.budget import day_of
from mainstay.kernel.values import Instant
from mainstay.ledger.store import EventReader, Value

WEEK = 7  # days
_ROWS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """What one workflow took of the operator; weeks of seven days, the one that ends today first."""

    workflow: str
    weeks_us: tuple[int, ...]
    decisions: tuple[int, ...]


def operator_time(store: EventReader, now: Instant, *, weeks: int = 4) -> tuple[OperatorTime, ...]:
    """By workflow, for so many weeks; only those that took something."""
    today = day_of(now)
    since = today - WEEK * weeks + 1
    found: dict[str, tuple[list[int], list[int]]] = {}
    for row in store.select("spent", order="day", after=since - 1, limit=_ROWS_MAX):
        ago = (today - _number(row["day"])) // WEEK
        if not row["decisions"] or not 0 <= ago < weeks:
            continue
        times, decisions = found.setdefault(str(row["workflow"]), ([0] * weeks, [0] * weeks))
        times[ago] += _number(row["operator_us"])
        decisions[ago] += _number(row["decisions"])
    return tuple(
        OperatorTime(workflow, tuple(times), tuple(decisions))
        for workflow, (times, decisions) in sorted(found.items())
    )


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0
