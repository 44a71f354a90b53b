"""Workflows: the list, one with its plan, its versions and who follows them, and a run started by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.console import csrf, forms, presses, queries
from mainstay.console.drawing.plan import Drawing, Step, draw
from mainstay.console.pages.versions import Compared, compared
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.wording import span
from mainstay.kernel.errors import CommandRefused, FileChanged, MainstayError, NotFound
from mainstay.kernel.plan import Plan, TaskKind, TaskSpec
from mainstay.kernel.values import Digest
from mainstay.workflows.difference import Change, predicate_text
from mainstay.workspace import Workspace
from mainstay.workspace.edited_files import place_named
from mainstay.workspace.serving_web import Front
from mainstay.workspace.workflow_overview import WorkflowWhole

FORM = "workflow"
NAME_MAX, VALUE_MAX, REASON_MAX, DIGEST_MAX = 120, 2_000, 2_000, 128
ROOM = 974.0  # pixels of the card that the plan is drawn in, on a desktop
FIELD = "field."  # names of the fields of a trigger in the form


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task as its row shows it."""

    name: str
    role: str
    who: str
    needs: Sequence[str]
    when: str
    limits: Sequence[str]
    undo: str


@dataclass(frozen=True, slots=True)
class OneWorkflow:
    """What the page of a workflow shows."""

    whole: WorkflowWhole
    tasks: Sequence[TaskLine]
    drawing: Drawing | None
    text: str
    stem: str  # of its file; empty: it has none
    comparison: Compared | None
    changes: Sequence[Change]


class WorkflowPages:
    """The list and one of it."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """All of them, with what is wrong in files."""
        return await self._all(request)

    async def _all(self, request: Request, *, error: FileChanged | None = None) -> Response:
        found = await self._front.read(lambda workspace: workspace.flows.overview())
        return page(
            *(request, "workflows.html"),
            status=409 if error else 200,
            topics=("rules", "runs"),
            found=found,
            error=error,
        )

    async def act(self, request: Request) -> Response:
        """Put the files of the folder in force, if they are those that were shown."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        if fields.get("do") != "apply":
            raise _no_answer()
        looked_at = forms.text(fields, "looked_at", most=DIGEST_MAX)
        if not looked_at:
            raise _no_answer()
        try:
            done_ = await self._front.act(
                lambda workspace: workspace.editing.apply_workflows(looked_at=looked_at)
            )
        except FileChanged as error:
            return await self._all(request, error=error)
        changed = [*done_["registered"], *(f"{one} (retired)" for one in done_["retired"])]
        return done(
            request, "/workflows", f"In force now: {', '.join(changed)}." if changed else "Nothing differed."
        )

    async def show_one(self, request: Request) -> Response:
        """One workflow."""
        return await self._one(request, _named(request))

    async def steer(self, request: Request) -> Response:
        """Pause it or let it go on."""
        fields, name = await forms.sent(request), _named(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        reason = forms.text(fields, "reason", most=REASON_MAX)
        match fields.get("do"):
            case "pause":
                await self._front.act(
                    lambda workspace: workspace.steering.pause("workflow", name, reason=reason)
                )
                said = f"{name} is paused: nothing of it begins until it is resumed."
            case "resume":
                await self._front.act(lambda workspace: workspace.steering.resume("workflow", name))
                said = f"{name} goes on."
            case _:
                raise _no_answer()
        return done(request, f"/workflows/{quote(name)}", said)

    async def show_start(self, request: Request) -> Response:
        """Where the form is: an address that a page had when it was refused, loaded again."""
        return RedirectResponse(f"/workflows/{quote(_named(request))}#start", 303)

    async def start(self, request: Request) -> Response:
        """Start a run by hand: once, however often the button is pressed."""
        fields, name = await forms.sent(request), _named(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        pressed = presses.name_of(request, fields)
        given = {
            key.removeprefix(FIELD): forms.text(fields, key, most=VALUE_MAX)
            for key in fields
            if key.startswith(FIELD)
        }
        try:
            begun = await self._front.act(
                lambda workspace: workspace.flows.start(name, given, request=pressed)
            )
        except CommandRefused as error:
            if isinstance(error, NotFound):
                raise
            return await self._one(request, name, error=error, given=given)
        said = f"A run of {name} began." if begun.events else "This run had begun already."
        return done(request, f"/runs/{begun.run}", said)

    async def _one(
        self,
        request: Request,
        name: str,
        *,
        error: MainstayError | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        old, new = queries.number(request, "from"), queries.number(request, "to")
        told = await self._front.read(lambda workspace: _told(workspace, name, old, new))
        return page(
            *(request, "workflow.html"),
            status=422 if error else 200,
            topics=("rules", "runs"),
            told=told,
            line=told.whole.line,
            error=error,
            given=given or {},
        )


def _told(workspace: Workspace, name: str, old: int, new: int) -> OneWorkflow:
    whole = workspace.flows.whole(name)
    line, history = whole.line, workspace.editing.history
    comparison = compared(whole.entries, old, new, lambda one: history.text(one.text) if one.text else None)
    changes: Sequence[Change] = ()
    if comparison is not None and comparison.old.version and comparison.new.version:
        changes = workspace.flows.changes(comparison.old.digest, comparison.new.digest)
    stem = place_named(line.file).name if line.file else ""
    text = workspace.editing.read("workflow", stem).text if stem else _last_text(workspace, whole)
    tasks = _tasks(whole.plan) if whole.plan is not None else ()
    drawing = draw(_steps(whole.plan), room=ROOM) if whole.plan is not None else None
    return OneWorkflow(whole, tasks, drawing, text, stem, comparison, changes)


def _last_text(workspace: Workspace, whole: WorkflowWhole) -> str:
    """What its file said last, where it has none any more."""
    known = (one.text for one in whole.entries if one.text)
    return workspace.editing.history.text(next(known, Digest(""))) or ""


def _steps(plan: Plan) -> list[Step]:
    return [
        Step(
            number, task.name, "next", task.act or task.agent, plan.needs[number], kind=task.act or task.agent
        )
        for number, task in enumerate(plan.workflow.tasks)
    ]


def _tasks(plan: Plan) -> Sequence[TaskLine]:
    names = [task.name for task in plan.workflow.tasks]
    return [
        TaskLine(
            task.name,
            "act" if task.kind is TaskKind.ACT else str(task.role),
            task.act or task.agent,
            [names[needed] for needed in plan.needs[number]],
            predicate_text(task.when) if task.when is not None else "",
            _limits(task),
            task.compensate.act if task.compensate is not None else "",
        )
        for number, task in enumerate(plan.workflow.tasks)
    ]


def _limits(task: TaskSpec) -> list[str]:
    """What holds a task in: each in a few words."""
    said = [f"{task.attempt_max} attempts", f"{task.timeout_s:g} s each"]
    if task.revisions_max:
        said.append(f"{task.revisions_max} revision{'' if task.revisions_max == 1 else 's'}")
    if task.deadline_us is not None:
        said.append(f"deadline {span(task.deadline_us)}")
    if task.delay_us:
        said.append(f"begins after {span(task.delay_us)}")
    if task.cost_max_micros:
        said.append(f"at most ${task.cost_max_micros / 1_000_000:g}")
    if task.recall:
        said.append(f"recalls {task.recall}")
    if task.for_each is not None:
        said.append(f"for each of {str(task.for_each)[2:-1]}, at most {task.item_max}")
    if task.optional:
        said.append("optional")
    return said


def _named(request: Request) -> str:
    return str(request.path_params["name"])[:NAME_MAX]


def _no_answer() -> Refused:
    return Refused(400, "This is no answer.", remedy="Nothing was changed. Load the page again.")
