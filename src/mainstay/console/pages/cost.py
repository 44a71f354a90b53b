"""Cost: what was spent of money, time and runs, by day, workflow, model and outcome; and what budgets do about it.

The picture and the table under it are made of the same rows. Days are UTC, as budgets count them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import wording
from mainstay.console.drawing.bars import Bars, bars
from mainstay.console.rendering import page
from mainstay.kernel.budget import day_of
from mainstay.kernel.values import DAY, Json
from mainstay.workspace import Workspace
from mainstay.workspace.serving_web import Front

if TYPE_CHECKING:
    from mainstay.governance.costs import Cost, Overview
    from mainstay.governance.stopped import Stopped

TOPICS = ("costs",)
SPANS = (7, 14, 30, 90)
USUAL = 14
STOPPED = 5
MINUTE = 60_000_000


@dataclass(frozen=True, slots=True)
class Measure:
    """What the picture is about."""

    name: str  # in the address
    word: str
    heading: str
    of: Callable[[Cost], int]
    say: Callable[[int], str]  # in the table
    at_line: Callable[[int], str]  # beside a line of the picture
    unit: int


def _line_usd(micros: int) -> str:
    return f"${micros / 1_000_000:g}"


MEASURES = {
    one.name: one
    for one in (
        Measure("money", "Money", "Daily spend", lambda one: one.cost_micros, wording.usd, _line_usd, 100),
        Measure(
            "minutes",
            "Your minutes",
            "Your time by day",
            lambda one: one.operator_us,
            wording.minutes,
            lambda us: f"{us // MINUTE} min",
            MINUTE,
        ),
        Measure("runs", "Runs", "Runs begun by day", lambda one: one.runs, "{:,}".format, "{:,}".format, 1),
    )
}


@dataclass(frozen=True, slots=True)
class Spent:
    """All that the page shows."""

    overview: Overview
    daily: Sequence[Cost]
    budgets: Json
    limits: Mapping[str, int | None]  # of a run, and of a workflow in a day
    stopped: tuple[Stopped, ...]


class CostPage:
    """What was spent."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Of the last days; `?days=` says how many, `?of=` what the picture is about."""
        asked = request.query_params.get("days", "")
        days = int(asked) if asked.isascii() and asked.isdecimal() and int(asked) in SPANS else USUAL
        measure = MEASURES.get(request.query_params.get("of", ""), MEASURES["money"])
        today = day_of(self._front.clock.now())
        found = await self._front.read(lambda workspace: _spent(workspace, today - days + 1, today))
        rows = by_day(found.daily, today - days + 1, today, measure.of)
        cap = found.budgets["day"]["limit_micros"] if measure.name == "money" else None
        picture = bars(
            [(str(date_of(day).day), amounts) for day, amounts in rows],
            say=measure.at_line,
            unit=measure.unit,
            cap=cap,
            cap_said=f"Daily cap {wording.usd(cap)}" if cap is not None else "",
        )
        return page(
            *(request, "cost.html"),
            topics=TOPICS,
            found=found,
            days=days,
            period=f"{_dated(today - days + 1)} to {_dated(today)}",
            spans=SPANS,
            measure=measure,
            measures=MEASURES.values(),
            picture=picture,
            summary=summary(picture, measure),
            numbers="numbers" in request.query_params,
            rows=[(date_of(day), amounts) for day, amounts in reversed(rows) if any(amounts.values())],
            names=sorted({name for _, amounts in rows for name, value in amounts.items() if value}),
            each=each_workflow(found.overview.workflows, measure),
            dearest=next((one for one in found.overview.workflows if one.runs and one.cost_micros), None),
            budgets=budget_rows(found),
        )


def _spent(workspace: Workspace, since: int, until: int) -> Spent:
    return Spent(
        overview=workspace.costs_overview(since=since, until=until),
        daily=workspace.daily_costs(since=since, until=until),
        budgets=workspace.budgets(),
        limits=workspace.settings.budgets(),
        stopped=workspace.stopped(most=STOPPED),
    )


def by_day(
    daily: Sequence[Cost], since: int, until: int, of: Callable[[Cost], int]
) -> list[tuple[int, dict[str, int]]]:
    """Every day, also those without anything, oldest first: how much by workflow."""
    found: dict[int, dict[str, int]] = {day: {} for day in range(since, until + 1)}
    for one in daily:
        if one.day in found:
            found[one.day][one.workflow] = found[one.day].get(one.workflow, 0) + of(one)
    return list(found.items())


def each_workflow(found: Sequence[Cost], measure: Measure) -> list[tuple[str, int, str, str]]:
    """Name, runs, what each took and what all of them took: money, unless the picture is about time."""
    of = MEASURES["minutes" if measure.name == "minutes" else "money"]
    return [
        (one.workflow, one.runs, of.say(of.of(one) // one.runs) if one.runs else "", of.say(of.of(one)))
        for one in sorted(found, key=lambda one: (-of.of(one), -one.runs, one.workflow))
    ]


def _dated(day: int) -> str:
    found = date_of(day)
    return f"{found.day} {found:%B}"


def summary(picture: Bars, measure: Measure) -> str:
    """The picture in one sentence, for who cannot see it."""
    if not picture.total:
        return f"{measure.heading}: nothing in these {len(picture.columns)} days."
    top = max(picture.columns, key=lambda one: one.total)
    said = f"{measure.heading} over {len(picture.columns)} days: {measure.say(picture.total)} in all"
    return f"{said}, most on day {top.label} with {measure.say(top.total)}. The same is there in numbers."


def budget_rows(found: Spent) -> list[Json]:
    """Each budget with how it stands, in words."""
    told = []
    for name, word in (("day", "Today"), ("month", "This month")):
        one = found.budgets[name]
        told.append({"word": word, "key": f"{name}_usd", **one, **_standing(one)})
    for name, word in (("workflow", "A workflow in a day"), ("run", "A run")):
        limit = found.limits[name]
        one = {"spent_micros": None, "limit_micros": limit, "projected_micros": None}
        told.append({"word": word, "key": f"{name}_usd", **one, "tone": "", "said": ""})
    return told


def _standing(one: Json) -> Json:
    limit, spent = one["limit_micros"], one["spent_micros"]
    if limit is None:
        return {"tone": "", "said": "No limit"}
    if spent >= limit:
        return {"tone": "bad", "said": "Reached: what costs waits"}
    if spent * 5 >= limit * 4:
        return {"tone": "warn", "said": "Over four fifths"}
    if one["projected_micros"] > limit:
        return {"tone": "warn", "said": "Reached before its end at this pace"}
    return {"tone": "ok", "said": "Within"}


def date_of(day: int) -> date:
    """The date of a day since 1970."""
    return datetime.fromtimestamp(day * DAY / 1_000_000, UTC).date()
