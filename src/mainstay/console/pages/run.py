"""One run: how it stands, its plan as a picture, what happened, what that cost, and what it drew upon.

What moves while the run does is one part of the page (`now`); what a person reads at length stands under it and stays
as it is. A long run is read where no quick page waits behind it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.console import wording
from mainstay.console.drawing.plan import Step, draw, told
from mainstay.console.rendering import page
from mainstay.kernel.errors import AmbiguousId
from mainstay.kernel.ids import RunId
from mainstay.workspace.run_look import PlanTask, RunLook
from mainstay.workspace.serving_web import Front
from mainstay.workspace.workspace import Workspace

ID_LENGTH = 32
ROOM = 974.0  # pixels of the card that the plan is drawn in, on a desktop
DAY_US = 86_400_000_000
JSON_MAX = 6_000  # characters of one event; the rest is in the export
ORIGINS = {"mail": "by mail", "schedule": "by schedule", "hand": "by hand"}
# What speaks for a memory, by the names that ranking gives its features; the others weigh little by themselves.
REASONS = {"words": "words in common", "vector": "alike in meaning", "fits": "same fields", "fresh": "recent"}

Result = TypeVar("Result")


class Run:
    """`/runs/{run}` and its events."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """The run."""
        short = request.path_params["run"]
        before, task = _number(request, "before"), _task(request)
        try:
            look = await read_run(
                self._front,
                short,
                lambda workspace: workspace.run_desk.look(short, before=before or 0, task=task),
            )
        except AmbiguousId:
            return RedirectResponse(f"/runs?q={short}", 303)
        if look.run.run != short:
            return RedirectResponse(f"/runs/{look.run.run}", 303)
        now = time.time_ns() // 1_000
        steps = [_step(one, now) for one in look.plan]
        return page(
            request,
            "run.html",
            topics=(f"run-{look.run.run}",),
            look=look,
            run=look.run,
            drawing=draw(steps, room=ROOM),
            progress=told(steps),
            elapsed=_elapsed(look, now),
            standing=_status(look),
            origins=ORIGINS,
            reasons=REASONS,
            task=task,
            task_name=next((one.name for one in look.timeline.groups if one.task == task), ""),
            before=before,
            days=(look.run.ended_at or now) - look.run.started_at > DAY_US,
        )

    async def events(self, request: Request) -> Response:
        """Its events as they stand in the ledger."""
        short = request.path_params["run"]
        before, task = _number(request, "before"), _task(request)
        found = await read_run(
            self._front,
            short,
            lambda workspace: workspace.run_desk.events(short, before=before or 0, task=task),
        )
        return page(
            request,
            "run_events.html",
            found=found,
            run=found.run,
            json_of=_json,
            before=before,
            task=task,
        )


async def read_run(front: Front, short: str, look: Callable[[Workspace], Result]) -> Result:
    """What is looked up of a run: slowly, where it is long or only part of its id is given."""
    if len(short) == ID_LENGTH and not await front.read(
        lambda workspace: workspace.run_desk.is_long(RunId(short))
    ):
        return await front.read(look)
    return await front.read_slowly(look)


def _step(task: PlanTask, now: int) -> Step:
    said = task.said
    if not task.of and task.began_at and task.state in ("done", "failed"):
        said = f"{said} · {_took(task.ended_at - task.began_at)}"
    elif not task.of and task.began_at and task.state == "running":
        said = f"{said} · {_took(now - task.began_at)}"
    return Step(task.number, task.name, task.state, said, task.needs, task.count, task.of, task.kind)


def _took(us: int) -> str:
    return f"{us / 1_000_000:.1f} s" if us < 10_000_000 else wording.span(us)


def _elapsed(look: RunLook, now: int) -> str:
    return _took((look.run.ended_at or now) - look.run.started_at)


def _status(look: RunLook) -> str:
    if look.hand.doubts:
        return "In doubt"
    if look.hand.paused:
        return "Paused"
    if look.run.card and look.hand.open:
        return "Waits for you"
    if look.hand.blocked:
        return "Over budget"
    if look.left:
        return "Left to you"
    return look.run.status.capitalize()


def _number(request: Request, name: str) -> int | None:
    value = request.query_params.get(name, "")
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None


def _task(request: Request) -> int | None:
    return _number(request, "task")


def _json(value: object) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return (
        text
        if len(text) <= JSON_MAX
        else text[:JSON_MAX] + "\n… cut here; `mainstay ledger export` has it whole"
    )
