"""What specialists said of messages, what waits for a look, and what people said of it."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from pydantic import Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.noun import Noun, Reading, Steering
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place, sliced
from mainstay.console.api.values import Named, Reason, RunId, Strict, Time
from mainstay.workspace.triage import Annotated, Reviewed, Window

noun = Noun("triage")

LATEST_MAX = 200


class Review(Strict):
    """What a message is about."""

    intent: Named = Field("", description="Empty: what the specialist said is right.")
    note: Reason = ""
    open_us: Time = 0


@noun.get("/triage/waiting", response_model=Page[Annotated])
async def list_to_review(
    asked: Reading, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = ""
) -> Any:
    """Annotations that wait for a look, oldest first."""
    wanted = place("triage", limit, cursor, int, str, int)
    found = await asked.read_slowly(lambda workspace: workspace.triage.waiting(limit=1_000))
    return linked(request, response, sliced(found, lambda one: (one.position, one.run, one.task), wanted))


@noun.get("/triage/latest", response_model=list[Annotated])
async def list_annotated(asked: Reading, limit: Limit = 50) -> Any:
    """What was annotated last."""
    return await asked.read_slowly(lambda workspace: workspace.triage.latest(limit=limit))


@noun.get("/triage/windows", response_model=list[Window])
async def list_triage_windows(asked: Reading) -> Any:
    """How much passed by itself and how much of it was wrong, by hundreds of messages."""
    return await asked.read_slowly(lambda workspace: workspace.triage.windows())


@noun.post("/triage/{run}/review", response_model=Reviewed)
async def review_annotation(asked: Steering, run: RunId, said: Review, key: MaybeKey = None) -> Any:
    """Say what the message of this run is about."""
    return await asked.act(
        lambda workspace: workspace.triage.review(
            run, intent=said.intent, note=said.note, open_us=said.open_us, actor=asked.actor
        )
    )
