"""What may have left or not, what could not be read, and what is wrong with the house."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.noun import Deciding, Noun, Reading, Steering
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place, sliced
from mainstay.console.api.values import LetterId, Reason, RunId, Strict, Whole
from mainstay.governance.incidents import OpenIncident
from mainstay.workspace.decided import Decided

noun = Noun("doubts")


class Doubt(BaseModel):
    """An act of which only a person can say whether it happened."""

    run: str
    task: int
    kind: str
    workflow: str
    act: str
    attempt: int
    reason: str
    since: int
    title: str | None = Field(description="Null where nothing was ever proposed.")
    recipients: list[str] | None


class Answered(Strict):
    """Whether it went out."""

    answer: Literal["happened", "did_not", "unknown"]
    attempt: Whole = Field(
        0,
        description="Which attempt was looked at: an answer about an earlier one decides nothing. 0: whichever it is.",
    )


class Letter(BaseModel):
    """A message that could not be read, or a run that failed."""

    letter: str
    kind: str
    status: str
    at: int
    reason: str
    mailbox: str | None
    workflow: str | None
    outcome: str | None
    run: str | None
    actor: str | None
    settled_at: int | None


class Purged(Strict):
    """Why it is put away."""

    reason: Reason = ""


@noun.get("/doubts", response_model=Page[Doubt])
async def list_doubts(
    asked: Reading, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = ""
) -> Any:
    """What is in doubt, oldest first."""
    wanted = place("doubts", limit, cursor, int, str, int)
    found = await asked.read(lambda workspace: workspace.in_doubt())
    return linked(
        request, response, sliced(found, lambda one: (one["since"], one["run"], one["task"]), wanted)
    )


@noun.post("/doubts/{run}/{task}/resolve", response_model=Decided)
async def resolve_doubt(
    asked: Deciding,
    run: RunId,
    task: Annotated[int, Path(ge=0, le=1_000_000)],
    said: Answered,
    key: MaybeKey = None,
) -> Any:
    """The answer to "did this go out?"."""
    return await asked.act(
        lambda workspace: workspace.resolve(run, task, said.answer, actor=asked.actor, attempt=said.attempt)
    )


@noun.get("/dead-letters", response_model=Page[Letter])
async def list_dead_letters(
    asked: Reading,
    request: Request,
    response: Response,
    status: Literal["waiting", "replayed", "purged"] = "waiting",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """Messages that could not be read and runs that failed, oldest first."""
    wanted = place("dead letters", limit, cursor, int, str)
    found = await asked.read(lambda workspace: workspace.steering.dead_letters(status=status))
    return linked(request, response, sliced(found, lambda one: (one["at"], one["letter"]), wanted))


@noun.get("/dead-letters/{letter}", response_model=Letter)
async def show_dead_letter(asked: Reading, letter: LetterId) -> Any:
    """One dead letter."""
    return await asked.read(lambda workspace: workspace.steering.dead_letter(letter))


@noun.post("/dead-letters/{letter}/replay", response_model=Decided)
async def replay_dead_letter(asked: Steering, letter: LetterId, key: MaybeKey = None) -> Any:
    """Try it again. A message is read once more, a run is restarted where it was given up."""
    return await asked.act_slowly(lambda workspace: workspace.steering.replay(letter, actor=asked.actor))


@noun.post("/dead-letters/{letter}/purge", response_model=Decided)
async def purge_dead_letter(asked: Steering, letter: LetterId, said: Purged, key: MaybeKey = None) -> Any:
    """Put it away for good."""
    return await asked.act(
        lambda workspace: workspace.steering.purge(letter, reason=said.reason, actor=asked.actor)
    )


@noun.get("/incidents", response_model=list[OpenIncident])
async def list_incidents(asked: Reading) -> Any:
    """What is wrong with the house itself and not over."""
    return await asked.read(lambda workspace: workspace.incidents())
