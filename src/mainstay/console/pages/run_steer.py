"""What a person does with a run: pause, go on, cancel, restart, fork, allow it more money.

Each has a page of its own that says what it will do, and asks once. Whatever is refused shows the same page again with
all that was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms, presses
from mainstay.console.errors import status_of
from mainstay.console.pages.run import read_run
from mainstay.console.refused import nothing_here
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import CommandRefused, MainstayError, NotFound
from mainstay.workspace.decided import Decided
from mainstay.workspace.run_branch import Branch
from mainstay.workspace.run_changes import read_changes
from mainstay.workspace.run_look import RunLook
from mainstay.workspace.serving_web import Front
from mainstay.workspace.workspace import Workspace

ACTIONS = ("pause", "resume", "cancel", "restart", "fork", "allow")
TASK_MAX, REASON_MAX, CHANGES_MAX, AMOUNT_MAX = 200, 2_000, 100_000, 20
MICROS = 1_000_000


class RunSteering:
    """`/runs/{run}/{action}`."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """What it would do, and the form for it."""
        given = {name: request.query_params.get(name, "")[:TASK_MAX] for name in ("task", "first", "at")}
        return await self._form(request, given)

    async def do(self, request: Request) -> Response:
        """Do it, or say why not."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "run", fields)
        given = _given(fields)
        short, action = request.path_params["run"], request.path_params["action"]
        if given["preview"]:
            return await self._form(request, given)
        try:
            named = presses.name_of(request, fields) if given["again"] else ""
            decided, said = await self._decide(short, action, given, named)
        except MainstayError as error:
            return await self._form(request, given, error)
        return done(request, f"/runs/{decided.run}", said, tone="ok" if decided.events else "warn")

    async def _decide(
        self, short: str, action: str, given: Mapping[str, str], named: str
    ) -> tuple[Decided, str]:
        """`named`: the name of the form, where one more is wanted; without it the same is asked for once."""
        task, reason = given["task"], given["reason"]
        match action:
            case "pause":
                decided = await self._act(lambda to: to.steering.pause_run(short, task, reason=reason))
                return decided, f"Paused: {task or 'nothing new of this run starts'}."
            case "resume":
                decided = await self._act(lambda to: to.steering.resume_run(short, task))
                return decided, f"{task or 'The run'} goes on."
            case "cancel" if task:
                decided = await self._act(lambda to: to.steering.cancel_task(short, task, reason=reason))
                return decided, f"{task} was given up; what needs it is skipped."
            case "cancel":
                decided = await self._act(lambda to: to.cancel(short, reason=reason))
                return decided, "Cancelled." if decided.events else "It had ended already."
            case "allow":
                amount = _micros(given["amount"])
                decided = await self._act(lambda to: to.steering.allow(short, amount, scope=given["scope"]))
                return decided, "It may spend more, and goes on as far as that reaches."
            case "restart":
                decided = await self._act(
                    lambda to: to.steering.restart(short, first=given["first"], reason=reason, request=named)
                )
                return decided, _new_run(decided)
            case "fork":
                changes = read_changes(_lines(given["changes"]))
                version = _version(given["at"])
                decided = await self._act(
                    lambda to: to.steering.fork(
                        short, version=version, changes=changes, reason=reason, request=named
                    )
                )
                return decided, _new_run(decided)
            case _:
                raise nothing_here()

    async def _act(self, do: Any) -> Decided:
        decided: Decided = await self._front.act(do)
        return decided

    async def _form(
        self, request: Request, given: Mapping[str, str], refused: MainstayError | None = None
    ) -> Response:
        short, action = request.path_params["run"], request.path_params["action"]
        if action not in ACTIONS:
            raise nothing_here()
        look = await read_run(self._front, short, lambda workspace: workspace.run_desk.look(short))
        branch: Branch | None = None
        if action in ("restart", "fork"):
            try:
                branch = await read_run(
                    self._front, short, lambda workspace: _branch(workspace, look, action, given)
                )
            except CommandRefused as error:
                refused = refused or error
        return page(
            request,
            "run_steer.html",
            status=status_of(refused) if refused else 200,
            run=look.run,
            look=look,
            action="pause" if action == "resume" else action,
            given={**dict.fromkeys(_FIELDS, ""), **given},
            branch=branch,
            refused=refused,
        )


_FIELDS = {
    "task": TASK_MAX,
    "first": TASK_MAX,
    "at": 12,
    "reason": REASON_MAX,
    "changes": CHANGES_MAX,
    "amount": AMOUNT_MAX,
    "scope": 10,
    "again": 1,
    "preview": 1,
}


def _given(fields: FormData) -> dict[str, str]:
    return {name: forms.text(fields, name, most=most).strip() for name, most in _FIELDS.items()}


def _branch(workspace: Workspace, look: RunLook, action: str, given: Mapping[str, str]) -> Branch:
    if action == "restart":
        if not look.hand.restartable:
            raise CommandRefused(
                "This run has not ended.", remedy="Wait for it, or cancel it first; a fork needs no end."
            )
        return workspace.run_desk.restart_of(look.run.run, given.get("first") or look.hand.restartable[0])
    changes = read_changes(_lines(given.get("changes", "")))
    return workspace.run_desk.fork_of(look.run.run, version=_version(given.get("at", "")), changes=changes)


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _version(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise NotFound(f"{text[:20]!r} is no event.", remedy="Name it by its number in the run.")
    return int(text)


def _micros(text: str) -> int:
    try:
        amount = Decimal(text.lstrip("$").strip())
        whole = int(amount * MICROS) if amount.is_finite() else -1
    except (InvalidOperation, ValueError):
        whole = -1
    if not 0 <= whole < 10**15:
        raise CommandRefused(f"{text[:20]!r} is no amount.", remedy="Write dollars: 0.50.")
    return whole


def _new_run(decided: Decided) -> str:
    if not decided.events:
        return "This was asked for before: here is the run that came of it."
    return "A new run. Every act from here on asks you first."
