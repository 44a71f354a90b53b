"""Adapters: each account, how it is, how far it was read, what it can do; to read it now, and to pause it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.wording import counted
from mainstay.governance.words import FINALITY
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.values import Json
from mainstay.workspace.serving_web import Front

TOPICS = ("adapters",)
ACTOR = "operator"
NAME_MAX, REASON_MAX = 64, 2_000
TONES = {"well": "ok", "paused": "warn", "resting": "bad", "silent": "bad", "not read yet": ""}
REPEATED = {
    "keyed": ("Keyed", "the other side honours our key, so it may simply be called again"),
    "findable": ("Findable", "it is looked up first, and called again only if it is not there"),
    "once": (
        "Once",
        "it is never called again by itself: without an answer it is in doubt, and you are asked",
    ),
}
FINAL = {finality: (name.capitalize(), means) for finality, (name, means) in FINALITY.items()}


class Adapters:
    """The accounts."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """Every one."""
        return await self._page(request)

    async def act(self, request: Request) -> Response:
        """Read one now, pause it, or go on."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "adapters", fields)
        name = forms.text(fields, "adapter", most=NAME_MAX)
        reason = forms.text(fields, "reason", most=REASON_MAX).strip()
        try:
            match forms.text(fields, "answer", most=20):
                case "read":
                    pulled = await self._front.act_slowly(lambda workspace: workspace.ingest(name))
                    return done(request, "/adapters", told(pulled))
                case "pause":
                    await self._front.act(
                        lambda workspace: workspace.steering.pause(
                            "adapter", name, reason=reason, actor=ACTOR
                        )
                    )
                    return done(
                        request, "/adapters", f"{name} is paused. Nothing new starts there.", tone="warn"
                    )
                case "resume":
                    await self._front.act(
                        lambda workspace: workspace.steering.resume("adapter", name, actor=ACTOR)
                    )
                    return done(request, "/adapters", f"{name} goes on.")
                case _:
                    raise Refused(
                        400, "This is no answer.", remedy="Nothing was changed. Load the page again."
                    )
        except MainstayError as error:
            return await self._page(request, error=error, typed=reason, about=name, status=422)

    async def _page(
        self,
        request: Request,
        *,
        error: MainstayError | None = None,
        typed: str = "",
        about: str = "",
        status: int = 200,
    ) -> Response:
        found = await self._front.read(lambda workspace: workspace.adapters.all())
        asked = request.query_params.get("name", "") if "part" in request.query_params else ""
        return page(
            *(request, "adapters.html"),
            status=status,
            topics=TOPICS,
            adapters=found,
            only=next((one for one in found if one.name == asked), None),
            tones=TONES,
            repeated=REPEATED,
            final=FINAL,
            now=self._front.clock.now(),
            error=error,
            typed=typed,
            about=about,
        )


def told(pulled: Json) -> str:
    """What a look into mailboxes brought."""
    new = sum(int(one.get("received", 0)) for one in pulled.values())
    rejected = sum(int(one.get("rejected", 0)) for one in pulled.values())
    said = f"Read. {counted(new, 'new message')}." if new else "Read. Nothing new."
    return f"{said} {counted(rejected, 'message')} could not be read." if rejected else said
