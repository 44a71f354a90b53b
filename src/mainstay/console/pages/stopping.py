"""The kill switch: a page that says what it does before it is thrown, and what happens when work goes on."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.workspace.serving_web import Front

FORM = "stop"
ACTOR = "operator"
REASON_MAX = 2_000
ANSWERS = ("stop", "go-on")


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
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        answer = forms.text(fields, "answer", most=10)
        reason = forms.text(fields, "reason", most=REASON_MAX).strip()
        if answer not in ANSWERS:
            raise Refused(
                400,
                "This is no answer.",
                why="No button of the page gives it.",
                remedy="Nothing was changed. Load the page again, and press one of its buttons.",
            )
        on = answer == "stop"
        await self._front.act(lambda workspace: workspace.kill_switch(on=on, reason=reason, actor=ACTOR))
        if on:
            return done(request, "/", "Everything is stopped. Nothing leaves until you go on.", tone="warn")
        return done(request, "/", "Work goes on. What went by itself before asks again first.")
