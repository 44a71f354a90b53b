"""What edits of drafts taught."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request, Response

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.noun import Noun, Reading, Steering
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place, sliced
from mainstay.console.api.values import Reason, Strict
from mainstay.governance.lessons import LessonReport
from mainstay.runtime.keeping import Kept
from mainstay.workspace.lessons import TaughtLesson

noun = Noun("lessons")

LessonId = Annotated[str, Path(min_length=4, max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]


class Retired(Strict):
    """Why it is taken back."""

    reason: Reason = ""


@noun.get("/lessons", response_model=Page[TaughtLesson])
async def list_lessons(
    asked: Reading,
    request: Request,
    response: Response,
    retracted: Annotated[bool, Query(description="Also those that were taken back.")] = False,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """Every lesson in words and figures."""
    wanted = place("lessons", limit, cursor, int, str)
    found = await asked.read_slowly(lambda workspace: workspace.lessons.all(retracted=retracted))
    return linked(request, response, sliced(found, lambda one: (one.recorded_at, one.lesson), wanted))


@noun.get("/lessons/report", response_model=LessonReport)
async def report_lessons(asked: Reading) -> Any:
    """What lessons do to later drafts, in numbers."""
    return await asked.read_slowly(lambda workspace: workspace.lessons.report())


@noun.get("/lessons/{lesson}", response_model=TaughtLesson)
async def show_lesson(asked: Reading, lesson: LessonId) -> Any:
    """One lesson."""
    return await asked.read(lambda workspace: workspace.lessons.show(lesson))


@noun.post("/lessons/{lesson}/retire", response_model=Kept)
async def retire_lesson(asked: Steering, lesson: LessonId, said: Retired, key: MaybeKey = None) -> Any:
    """Take a lesson back. Drafts are written without it from then on."""
    return await asked.act(
        lambda workspace: workspace.lessons.retire(lesson, reason=said.reason, actor=asked.actor)
    )
