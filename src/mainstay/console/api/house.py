"""The house as a whole: how it is, what it does now, the kill switch, backups, and questions about what was decided."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.long import ANSWERED, LongOperation, begin
from mainstay.console.api.noun import Administering, Noun, Reading
from mainstay.console.api.values import Name, Named, Reason, Strict, Time
from mainstay.governance.metrics import CONTENT_TYPE
from mainstay.kernel.values import Instant
from mainstay.workspace.asking import Answer
from mainstay.workspace.decided import Decided
from mainstay.workspace.serving_web import Front

noun = Noun("house")


class Status(BaseModel):
    """What the director does, and what waits."""

    director: str
    position: int
    open_runs: int
    waiting: int = Field(description="Cards, without those that were put off.")
    put_off: int = Field(description="Cards that come back later.")
    in_doubt: int
    kill_switch: bool
    backed_up_at: int | None
    incidents: list[dict[str, Any]]
    missed: list[dict[str, Any]] = Field(description="Objectives that are not met.")


class HealthTold(BaseModel):
    """Whether all is well, and each reason why not."""

    ok: bool
    state: str
    reasons: list[dict[str, Any]]


class Switch(Strict):
    """The kill switch."""

    on: bool
    reason: Reason = ""


class Ask(Strict):
    """Something to ask the ledger."""

    question: Name
    since: Time | None = None
    until: Time | None = None
    workflow: Named = ""
    by_meaning: bool = True


@noun.get("/status", response_model=Status)
async def show_status(asked: Reading) -> Any:
    """Who is at work, what waits, and what is wrong with the house."""
    return await asked.read_elsewhere(lambda workspace: workspace.status())  # it looks at the backups


@noun.get("/health", response_model=HealthTold)
async def show_health(asked: Reading) -> Any:
    """Whether all is well here: ok, degraded or down, with each reason and what to do."""
    return (await asked.read(lambda workspace: workspace.health())).told()


@noun.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def show_metrics(asked: Reading) -> Any:
    """The figures of the workspace in Prometheus's text format."""
    told = await asked.read_slowly(lambda workspace: workspace.metrics())
    return Response(told, headers={"Content-Type": CONTENT_TYPE})


@noun.post("/kill-switch", response_model=Decided)
async def throw_kill_switch(asked: Administering, said: Switch, key: MaybeKey = None) -> Any:
    """Stop every new effect, or allow them again."""
    return await asked.act(
        lambda workspace: workspace.kill_switch(on=said.on, reason=said.reason, actor=asked.actor)
    )


@noun.post("/ask", response_model=Answer)
async def ask(asked: Reading, said: Ask) -> Any:
    """What was decided about something: sentences of the ledger with their positions, best first."""
    since = None if said.since is None else Instant(said.since)
    until = None if said.until is None else Instant(said.until)
    return await asked.read_slowly(
        lambda workspace: workspace.ask(
            said.question, since=since, until=until, workflow=said.workflow, by_meaning=said.by_meaning
        )
    )


@noun.post("/backups", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def back_up(asked: Administering, request: Request, response: Response, key: MaybeKey = None) -> Any:
    """Copy the ledger to the folder of [backup] and prove the copy. It takes its time: ask for the operation."""

    async def work() -> dict[str, Any]:
        return await asyncio.to_thread(_backed_up, asked.front)

    return await begin(asked, request, response, "backup", work)


def _backed_up(front: Front) -> dict[str, Any]:
    """In a thread of its own: copying and proving a large ledger takes minutes."""
    from mainstay.config.files import load_settings
    from mainstay.workspace.backing import back_up_now

    settings = load_settings(front.folder.root).backup
    report = back_up_now(settings, front.folder, now=front.clock.now())
    return {"path": str(report.path), "head": report.manifest.head, "bytes": report.bytes}
