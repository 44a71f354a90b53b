"""Runs: listed, shown, told, started and steered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import Key, MaybeKey
from mainstay.console.api.noun import Deciding, Noun, Reading, Starting, Steering
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place
from mainstay.console.api.values import (
    Free,
    Micros,
    Name,
    Named,
    Reason,
    RunId,
    SinceQuery,
    Strict,
    Whole,
    WorkflowQuery,
)
from mainstay.governance.explain import Story
from mainstay.workspace.decided import Decided
from mainstay.workspace.run_search import FoundRun, RunFilter, RunFindings
from mainstay.workspace.workspace import Workspace

noun = Noun("runs")

Status = Literal[
    "",
    "waiting",
    "left",
    "running",
    "paused",
    "queued",
    "delayed",
    "compensating",
    "succeeded",
    "failed",
    "cancelled",
    "superseded",
]
Origin = Literal["", "mail", "schedule", "hand"]


class Run(BaseModel):
    """A run, and where each of its tasks stands."""

    run: str
    workflow: str
    definition: str = Field(description="The digest of the definition that it is pinned to.")
    status: str
    key: str
    parent: str
    started_at: int
    ended_at: int | None
    spent_micros: int
    tasks: list[TaskState]


@dataclass(frozen=True, slots=True)
class ListedRun(FoundRun):
    """A run in a list. A run that waits for you is running; `status=waiting` asks for these."""

    waits_for_you: bool = False


class TaskState(BaseModel):
    """A task of a run."""

    task: int
    name: str
    phase: str
    attempt: int


class RunEvent(BaseModel):
    """An event of a run as the ledger has it; what is sealed in it stays sealed."""

    position: int
    version: int
    type: int
    name: str
    at: int
    actor: str
    causation: int = Field(description="The position of the event that led to it; 0: none did.")
    data: dict[str, Any]


class Start(Strict):
    """A run to begin."""

    workflow: Name
    trigger: Free = Field({}, description="What starts it, as the workflow's trigger has it.")
    key: Named = Field("", description="One run at a time goes on under one key.")


class Why(Strict):
    """Why, for the ledger; a person reads it."""

    reason: Reason = ""


class OfTask(Strict):
    """A run, or one of its tasks."""

    task: Named = Field("", description="The name of a task; empty: the whole run.")
    reason: Reason = ""


class OneTask(Strict):
    """A task to give up."""

    task: Name
    reason: Reason = ""


class Anew(Strict):
    """From where to begin anew."""

    first: Named = Field("", description="The first task; empty: the first that was given up.")
    reason: Reason = ""


class Otherwise(Strict):
    """From where to go on, with what changed."""

    version: Whole = Field(0, description="After which event of the run; 0: the last.")
    changes: Free = Field({}, description="By path: `trigger.field` or `task.field`.")
    reason: Reason = ""


class Allowed(Strict):
    """What a run may spend."""

    amount_micros: Micros
    scope: Literal["", "price", "run"] = Field(
        "", description="Of each attempt of unknown price, or in all; empty: what it waits for."
    )


@noun.get("/runs", response_model=Page[ListedRun])
async def list_runs(
    asked: Reading,
    request: Request,
    response: Response,
    status: Status = "",
    workflow: WorkflowQuery = "",
    origin: Origin = "",
    since: SinceQuery = 0,
    until: SinceQuery = 0,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """Runs, newest first. A page may be short of what was asked for and have a `next` all the same."""
    wanted = place("runs", limit, cursor, int)
    before = wanted.after[0] if wanted.after is not None else 0
    filtered = RunFilter(status, workflow, origin, since, until)

    def look(workspace: Workspace) -> tuple[list[ListedRun], str | None]:
        page = workspace.run_search.page(filtered, limit=limit, before=max(0, before))
        return [ListedRun(**asdict(one), waits_for_you=bool(one.card)) for one in page.runs], wanted.next(
            (page.older,)
        ) if page.older else None

    return linked(request, response, await asked.read(look))


@noun.get("/runs/search", response_model=RunFindings)
async def find_runs(
    asked: Reading,
    text: Annotated[str, Query(min_length=1, max_length=200)],
    before: Annotated[
        int, Query(ge=0, le=10**15, description="`older` of the last answer: look on there.")
    ] = 0,
) -> Any:
    """The runs that an id, an address or some words mean, newest first, and how far was looked for words."""
    return await asked.read_slowly(lambda workspace: workspace.run_search.find(text, before=before))


@noun.post("/runs", response_model=Decided, status_code=201)
async def start_run(asked: Starting, said: Start, key: Key) -> Any:
    """Start a run by hand, with plain values: none refers to what is sealed. The same key never starts a second one.

    What messages begin is not started by hand.
    """
    return await asked.act(
        lambda workspace: workspace.start_by_hand(
            said.workflow, said.trigger, request=asked.name, key=said.key, actor=asked.actor
        )
    )


@noun.get("/runs/{run}", response_model=Run)
async def show_run(asked: Reading, run: RunId) -> Any:
    """One run, and where its tasks stand."""

    def look(workspace: Workspace) -> Run:
        row, state = workspace.run(run)
        tasks = [
            TaskState(
                task=number, name=state.name(number), phase=task.phase.name.lower(), attempt=task.attempt
            )
            for number, task in state.all_tasks()
        ]
        shown = {
            name: row[name] for name in ("run", "workflow", "definition", "status", "started_at", "ended_at")
        }
        return Run(
            **shown,
            key=str(row["key"] or ""),
            parent=str(row["parent"] or ""),
            spent_micros=int(row["spent"] or 0),
            tasks=tasks,
        )

    return await asked.read_slowly(look)


@noun.get("/runs/{run}/events", response_model=Page[RunEvent])
async def list_run_events(
    asked: Reading, run: RunId, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = ""
) -> Any:
    """The events of a run, in their order."""
    from mainstay.ledger.codec import NAMES

    wanted = place("run events", limit, cursor, int)
    after = wanted.after[0] if wanted.after is not None else 0

    def look(workspace: Workspace) -> tuple[list[RunEvent], str | None]:
        rest = [one for one, _ in workspace.events(run, after=max(0, after), limit=limit + 1)]
        shown = [
            RunEvent(
                position=one.position,
                version=one.version,
                type=one.type,
                name=NAMES[one.type],
                at=one.at,
                actor=one.actor,
                causation=one.causation,
                data=msgspec.json.decode(one.data),
            )
            for one in rest[:limit]
        ]
        return shown, wanted.next((shown[-1].version,)) if len(rest) > limit else None

    return linked(request, response, await asked.read_slowly(look))


@noun.get("/runs/{run}/story", response_model=Story)
async def tell_run(asked: Reading, run: RunId) -> Any:
    """Who did what, when, why, and from which evidence."""
    return await asked.read_slowly(lambda workspace: workspace.explain(run))


@noun.post("/runs/{run}/cancel", response_model=Decided)
async def cancel_run(asked: Steering, run: RunId, said: Why, key: MaybeKey = None) -> Any:
    """End a run."""
    return await asked.act(lambda workspace: workspace.cancel(run, reason=said.reason, actor=asked.actor))


@noun.post("/runs/{run}/cancel-task", response_model=Decided)
async def cancel_task(asked: Steering, run: RunId, said: OneTask, key: MaybeKey = None) -> Any:
    """Give one task up. What needs it is skipped; refused while its effect may already have left."""
    return await asked.act(
        lambda workspace: workspace.steering.cancel_task(
            run, said.task, reason=said.reason, actor=asked.actor
        )
    )


@noun.post("/runs/{run}/pause", response_model=Decided)
async def pause_run(asked: Steering, run: RunId, said: OfTask, key: MaybeKey = None) -> Any:
    """Start nothing new of a run, or do not start one of its tasks."""
    return await asked.act(
        lambda workspace: workspace.steering.pause_run(run, said.task, reason=said.reason, actor=asked.actor)
    )


@noun.post("/runs/{run}/resume", response_model=Decided)
async def resume_run(asked: Steering, run: RunId, said: OfTask, key: MaybeKey = None) -> Any:
    """Go on with a run, or with one of its tasks."""
    return await asked.act(lambda workspace: workspace.steering.resume_run(run, said.task, actor=asked.actor))


@noun.post("/runs/{run}/restart", response_model=Decided, status_code=201)
async def restart_run(asked: Steering, run: RunId, said: Anew, key: Key) -> Any:
    """Do a task of an ended run, and what follows from it, anew in a new run. Later acts always ask."""
    return await asked.act(
        lambda workspace: workspace.steering.restart(
            run, first=said.first, reason=said.reason, request=asked.name, actor=asked.actor
        )
    )


@noun.post("/runs/{run}/fork", response_model=Decided, status_code=201)
async def fork_run(asked: Steering, run: RunId, said: Otherwise, key: Key) -> Any:
    """Go on from an event of a run with changed inputs, in a new run. Later acts always ask."""
    return await asked.act(
        lambda workspace: workspace.steering.fork(
            run,
            version=said.version,
            changes=said.changes,
            reason=said.reason,
            request=asked.name,
            actor=asked.actor,
        )
    )


@noun.post("/runs/{run}/allow", response_model=Decided)
async def allow_spending(asked: Deciding, run: RunId, said: Allowed, key: MaybeKey = None) -> Any:
    """Let a run spend more, or pay an unknown price."""
    return await asked.act(
        lambda workspace: workspace.steering.allow(
            run, said.amount_micros, scope=said.scope, actor=asked.actor
        )
    )
