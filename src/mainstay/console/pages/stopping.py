"""The kill switch: a page that says what it does before it is thrown, and what happens when work goes on.

To stop is taken from every page, however old. To go on is bound to the stop that the page showed: whoever stopped
everything since did it for a reason that this page does not say.
"""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.workspace import Workspace
from mainstay.workspace.serving_web import Front

FORM = "stop"
ACTOR = "operator"
REASON_MAX = 2_000
STOP, GO_ON = "stop", "go-on"


class Stopping:
    """Stop everything, and go on."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """What will happen."""
        thrown = await self._front.read(lambda workspace: workspace.today.thrown())
        return page(request, "stop.html", thrown=thrown)

    async def throw(self, request: Request) -> Response:
        """It happens."""
        fields = await forms.sent(request)
        answer = forms.text(fields, "answer", most=10)
        if answer == GO_ON:
            return await self._go_on(request, fields)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        reason = forms.text(fields, "reason", most=REASON_MAX).strip()
        if answer != STOP:
            raise Refused(
                400,
                "This is no answer.",
                why="No button of the page gives it.",
                remedy="Nothing was changed. Load the page again, and press one of its buttons.",
            )
        await self._front.act(lambda workspace: workspace.kill_switch(on=True, reason=reason, actor=ACTOR))
        return done(request, "/", "Everything is stopped. Nothing leaves until you go on.", tone="warn")

    async def _go_on(self, request: Request, fields: FormData) -> Response:
        since = await self._front.read(_since)
        try:
            csrf.require(request, self._front.keyed_hash, f"{GO_ON} {since}", fields)
        except Refused as error:
            raise Refused(
                error.status,
                "This is not the stop that you were shown.",
                why="Work went on, or was stopped anew, since this page was loaded; or you logged in meanwhile.",
                remedy="Nothing was changed. Load the page again: it says who stopped everything, and why.",
            ) from None

        def go_on(workspace: Workspace) -> None:
            if _since(workspace) == since:
                workspace.kill_switch(on=False, actor=ACTOR)

        await self._front.act(go_on)
        return done(request, "/", "Work goes on. What went by itself before asks again first.")


def _since(workspace: Workspace) -> int:
    """Since when everything is stopped; 0: it is not."""
    thrown = workspace.today.thrown()
    return thrown.at if thrown is not None else 0
