"""SLOs: what is asked of each workflow, how it stands, how fast its budget burns, and what a miss does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import wording
from mainstay.console.rendering import page
from mainstay.governance.objectives import LIMITS, Count
from mainstay.kernel.values import DAY, HOUR
from mainstay.workspace import Workspace
from mainstay.workspace.serving_web import Front

if TYPE_CHECKING:
    from mainstay.governance.objectives import Objective, Reading
    from mainstay.governance.operator_time import OperatorTime
    from mainstay.workspace.objectives import Course

TOPICS = ("slo",)
PARTS = 24
PART_HOURS = 3 * DAY // PARTS // HOUR
SPARK_HEIGHT = 22.0
STATES = {
    "met": ("Met", "ok"),
    "missed": ("Missed", "bad"),
    "burning": ("Burning", "bad"),
    "recovering": ("Recovering", "warn"),
    "quiet": ("Quiet", ""),
}
MEANS = {
    "met": "within its budget",
    "missed": "its budget burns too fast; what went by itself asks again",
    "burning": "its budget burns too fast, and the next look puts it on record",
    "recovering": "missed of late, and better now",
    "quiet": "nothing happened",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One part of three days in the small picture: how much there was, and how much of it was bad."""

    x: int
    height: float
    bad_height: float


@dataclass(frozen=True, slots=True)
class Row:
    """One objective as the page shows it."""

    what: str
    now: str
    state: str
    word: str
    tone: str
    means: str
    left_percent: int
    burns: tuple[tuple[str, str], ...]  # window, and how many times too fast
    marks: tuple[Mark, ...]
    spoken: str  # the small picture in words
    since: int  # missed since; 0
    written: int | None


class Slos:
    """The objectives."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """As they stand. The first look reads three days, each later one what is new."""
        courses, minutes = await self._front.read_slowly(_look)
        workflows: dict[str, list[Row]] = {}
        for one in courses:
            workflows.setdefault(one.state.reading.workflow, []).append(row_of(one))
        return page(request, "slos.html", topics=TOPICS, workflows=workflows, minutes=minutes, limits=LIMITS)


def _look(workspace: Workspace) -> tuple[tuple[Course, ...], tuple[OperatorTime, ...]]:
    return workspace.slo.courses(parts=PARTS), workspace.slo.minutes()


def row_of(one: Course) -> Row:
    """An objective in words and numbers."""
    reading, state = one.state.reading, one.state.state
    word, tone = STATES[state]
    return Row(
        what=wanted(reading.objective),
        now=current(reading),
        state=state,
        word=word,
        tone=tone,
        means=MEANS[state],
        left_percent=max(-999, min(100, reading.left_ppm // 10_000)),
        burns=burns(reading),
        marks=marks(one.parts),
        spoken=spoken(one.parts),
        since=one.state.missed_since or 0,
        written=one.written,
    )


def wanted(objective: Objective) -> str:
    """`95 % of runs end well`: the target as a sentence."""
    share = f"{objective.share_ppm / 10_000:g} %"
    match objective.kind:
        case "success":
            return f"{share} of runs end well"
        case "proposal":
            return f"{share} of acts are proposed within {wording.span(objective.within_us)}"
        case "effect":
            return f"{share} of acts are done within {wording.span(objective.within_us)} of the decision"
        case _:
            return "No act is wrong after it left, and none leaves twice"


def current(reading: Reading) -> str:
    """What was so in the last three days."""
    count = reading.of_budget
    if not count.total and not count.bad:
        return "nothing yet"
    if reading.counted:
        return f"{count.bad} bad of {count.total:,}"
    return f"{round(100 - 100 * count.bad / count.total, 2):g} % of {count.total:,}"


def burns(reading: Reading) -> tuple[tuple[str, str], ...]:
    """How many times faster than allowed its budget is being used up, by window."""
    found = ((name, reading.burn_milli(name)) for name in ("1h", "6h", "3d"))
    return tuple((name, f"{milli / 1_000:.1f}×" if milli is not None else "–") for name, milli in found)


def marks(parts: tuple[Count, ...]) -> tuple[Mark, ...]:
    """Columns of six, as high as there was something, the bad at their foot."""
    most = max((max(one.total, one.bad) for one in parts), default=0)
    if not most:
        return ()
    scale = SPARK_HEIGHT / most
    return tuple(
        Mark(index * 6, max(one.total, one.bad) * scale, max(2.0, one.bad * scale) if one.bad else 0.0)
        for index, one in enumerate(parts)
    )


def spoken(parts: tuple[Count, ...]) -> str:
    """The same as a sentence."""
    bad, total = sum(one.bad for one in parts), sum(one.total for one in parts)
    with_bad = sum(1 for one in parts if one.bad)
    said = f"Last three days in parts of {PART_HOURS} hours: {total:,} in all, {bad:,} bad"
    return f"{said}, in {wording.counted(with_bad, 'part')}." if bad else f"{said}."
