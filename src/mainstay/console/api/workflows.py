"""Workflows: their versions, what differs between them, when they begin by themselves, and what is paused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import IfShown, MaybeKey, shown_of
from mainstay.console.api.noun import Administering, Noun, Reading, Steering
from mainstay.console.api.values import NAME_MAX, Named, NamePath, Reason, Strict
from mainstay.workspace.decided import Decided
from mainstay.workspace.edit_history import Entry
from mainstay.workspace.timetable import Scheduled
from mainstay.workspace.versions import WorkflowDifference, WorkflowState
from mainstay.workspace.workspace import Workspace

noun = Noun("workflows")

Version = Annotated[
    str,
    Query(
        max_length=NAME_MAX,
        pattern=r"^[^\u0000]*$",
        description="A number, a digest, or `file`; empty: the usual.",
    ),
]


TAGGED = {200: {"headers": {"ETag": {"schema": {"type": "string"}, "description": "What the files say."}}}}


class Mistake(BaseModel):
    """A file that cannot be loaded."""

    file: str
    line: int | None
    what: str
    remedy: str


class Workflows(BaseModel):
    """Every workflow, and what is wrong with files."""

    workflows: list[WorkflowState]
    mistakes: list[Mistake]


class Pause(BaseModel):
    """Something that starts nothing new."""

    scope: str
    name: str
    actor: str
    reason: str
    at: int


class Scope(Strict):
    """What is meant."""

    scope: Literal["workspace", "workflow", "adapter"] = "workspace"
    name: Named = ""
    reason: Reason = ""


class Lost(Strict):
    """What may be lost."""

    lost: bool = Field(False, description="Also where the folder has no workflow, and some are in force.")


@noun.get("/workflows", response_model=Workflows, responses=TAGGED)
async def list_workflows(asked: Reading, response: Response) -> Any:
    """Every workflow with its versions and who follows them, and what is wrong with files that cannot be loaded.

    Its `ETag` says what the files of the folder are, for whoever puts them in force.
    """

    def look(workspace: Workspace) -> dict[str, Any]:
        response.headers["ETag"] = f'"{workspace.flows.in_files()}"'  # before they may change
        found, mistakes = workspace.workflows()
        wrong = [Mistake(file=one.file, line=one.line, what=one.what, remedy=one.remedy) for one in mistakes]
        return {"workflows": found, "mistakes": wrong}

    return await asked.read(look)


@noun.get("/workflows/{name}/difference", response_model=WorkflowDifference)
async def compare_workflow(asked: Reading, name: NamePath, old: Version = "", new: Version = "") -> Any:
    """What differs between two versions of a workflow."""
    return await asked.read(lambda workspace: workspace.workflow_difference(name, old, new))


@noun.get("/workflows/{name}/history", response_model=list[Entry])
async def list_workflow_history(asked: Reading, name: NamePath) -> Any:
    """What became of a workflow: each version that came into force, who saved its file, and by which device."""
    return await asked.read(lambda workspace: list(workspace.flows.whole(name).entries))


@noun.post("/workflows/apply", response_model=dict[str, Any], also=(412, 428))
async def apply_workflows(
    asked: Administering, said: Lost, key: MaybeKey = None, shown: IfShown = None
) -> Any:
    """Put the workflows of the folder in force, as they were listed. One mistake refuses all."""
    looked_at = shown_of(shown)
    return await asked.act(
        lambda workspace: workspace.editing.apply_workflows(
            lost=said.lost, looked_at=looked_at, actor=asked.actor
        )
    )


@noun.get("/schedules", response_model=list[Scheduled])
async def list_schedules(asked: Reading) -> Any:
    """Which workflows begin by the clock, and when."""
    return await asked.read(lambda workspace: workspace.steering.schedules())


@noun.get("/pauses", response_model=list[Pause])
async def list_pauses(asked: Reading) -> Any:
    """What is paused, by whom and why."""
    return await asked.read(lambda workspace: workspace.steering.pauses())


@noun.post("/pauses", response_model=Decided)
async def pause(asked: Steering, said: Scope, key: MaybeKey = None) -> Any:
    """Start nothing new in the workspace, a workflow or an adapter."""
    return await asked.act(
        lambda workspace: workspace.steering.pause(
            said.scope, said.name, reason=said.reason, actor=asked.actor
        )
    )


@noun.post("/pauses/resume", response_model=Decided)
async def resume(asked: Steering, said: Scope, key: MaybeKey = None) -> Any:
    """Go on there."""
    return await asked.act(
        lambda workspace: workspace.steering.resume(said.scope, said.name, actor=asked.actor)
    )


@noun.post("/cancellations", response_model=list[Decided])
async def cancel_scope(asked: Administering, said: Scope, key: MaybeKey = None) -> Any:
    """End every open run of the workspace or of a workflow. Of an adapter, give up the acts that wait for it."""
    return await asked.act(
        lambda workspace: list(
            workspace.steering.cancel_scope(said.scope, said.name, reason=said.reason, actor=asked.actor)
        )
    )
