"""A dry run of a workflow: an input goes in, and each step is told that it would take. Nothing leaves or is kept."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.drawing.plan import Drawing, Step, draw
from mainstay.console.errors import status_of
from mainstay.console.rendering import page
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.plan import Plan
from mainstay.workspace.dry_run import DryRun, InboxMessage
from mainstay.workspace.serving_web import Front
from mainstay.workspace.workspace import Workspace

KEY_MAX, INPUT_MAX, ANSWERS_MAX = 64, 200_000, 20_000
ROOM = 974.0  # pixels of the card that the plan is drawn in, on a desktop
# What a step's state is in the picture, and what it is called.
STATES = {
    "done": ("done", "Done"),
    "goes": ("done", "Goes by itself"),
    "held": ("done", "Goes after a while"),
    "asks": ("waiting", "Asks you"),
    "denied": ("failed", "Denied"),
    "failed": ("failed", "Fails"),
    "watched": ("undone", "Only watched"),
    "skipped": ("skipped", "Skipped"),
    "unasked": ("doubt", "Not asked"),
    "next": ("next", "Not reached"),
}
TONES = {
    "asks": "warn",
    "denied": "bad",
    "failed": "bad",
    "unasked": "warn",
    "goes": "ok",
    "done": "ok",
    "held": "ok",
}


class DryRunPage:
    """`/workflows/{name}/dry-run`."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """What to try it with."""
        return await self._page(request, {"message": "", "input": "", "answers": ""})

    async def try_it(self, request: Request) -> Response:
        """Try it. Nothing changes by that; it is a POST since an input may be long, and is nobody else's business."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "dry run", fields)
        given = {
            "message": forms.text(fields, "message", most=KEY_MAX),
            "input": forms.text(fields, "input", most=INPUT_MAX),
            "answers": forms.text(fields, "answers", most=ANSWERS_MAX),
        }
        name = request.path_params["name"]
        answers = [line for line in given["answers"].split("\n") if line.strip()]

        def work(workspace: Workspace) -> DryRun:
            if given["message"] and not given["input"].strip():
                return workspace.dry_run.message(name, given["message"], answers=answers)
            return workspace.dry_run.typed(name, given["input"], answers=answers)

        try:
            told = await self._front.read_slowly(work)
        except MainstayError as error:
            return await self._page(request, given, refused=error)
        return await self._page(request, given, told=told)

    async def _page(
        self,
        request: Request,
        given: dict[str, str],
        *,
        told: DryRun | None = None,
        refused: MainstayError | None = None,
    ) -> Response:
        name = request.path_params["name"]

        def look(workspace: Workspace) -> tuple[Plan, list[InboxMessage]]:
            return workspace.dry_run.plan(name), workspace.dry_run.messages()

        plan, messages = await self._front.read(look)
        return page(
            request,
            "dry_run.html",
            status=status_of(refused) if refused else 200,
            name=name,
            plan=plan,
            messages=messages,
            given=given,
            told=told,
            refused=refused,
            drawing=_drawing(plan, told) if told else None,
            states=STATES,
            tones=TONES,
        )


def _drawing(plan: Plan, told: DryRun) -> Drawing:
    by_name = {one.task: one for one in told.steps}
    steps = []
    for number, task in enumerate(plan.workflow.tasks):
        step = by_name.get(task.name)
        state, said = STATES[step.state if step else "next"]
        steps.append(Step(number, task.name, state, said, plan.needs[number], kind=task.agent))
    return draw(steps, room=ROOM)
