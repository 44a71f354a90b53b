"""Annotations that the intent specialist is not sure of: the message, what it was taken for, and a person's word.

The list stands beside the message that is read, and never replaces it. An answer is bound to what the page showed:
where somebody else answered meanwhile, the page says what they said and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.agents.intents import UNKNOWN
from mainstay.console import csrf, forms, queries
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound
from mainstay.kernel.values import Json
from mainstay.workspace import Workspace
from mainstay.workspace.serving_web import Front
from mainstay.workspace.triage import Annotated

FORM = "review"
NOTE_MAX, WORD_MAX, RUN_MAX = 2_000, 100, 64
LISTED = 50
KEYS = "123456789"
TEXT_SHOWN = 60_000  # characters
_MARK = "triage-"  # before a run's id, as on the command line: its card and its annotation are shown apart


@dataclass(frozen=True, slots=True)
class Looked:
    """The list, and the message before the reader."""

    listed: Sequence[Annotated]
    waiting: int
    one: Annotated | None
    message: Json
    intents: Mapping[str, str]  # id and name

    @property
    def others(self) -> list[tuple[str, str, str]]:
        """What else it could be: id, name and the key that says so, which is the same for every message."""
        keyed = [
            (name, told, KEYS[at] if at < len(KEYS) else "")
            for at, (name, told) in enumerate(self.intents.items())
        ]
        said = self.one.said if self.one else ""
        return [one for one in (*keyed, (UNKNOWN, "None of these", "0")) if one[0] != said]

    @property
    def said(self) -> str:
        """What the specialist said, as a person calls it."""
        assert self.one is not None, "somebody looks at one"
        if self.one.said == UNKNOWN:
            return "Like nothing it was taught"
        return self.intents.get(self.one.said, self.one.said)

    def beside(self, step: int) -> str:
        """The run that stands so many places further in the list; empty: none."""
        runs = [one.run for one in self.listed]
        if self.one is None or self.one.run not in runs:
            return runs[0] if runs and step > 0 else ""
        place = runs.index(self.one.run) + step
        return runs[place] if 0 <= place < len(runs) else ""


class Review:
    """The annotations that wait for a look."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """The list, and one message."""
        return await self._shown(request, queries.text(request, "run", most=RUN_MAX))

    async def answer(self, request: Request) -> Response:
        """It is right, or it is about something else."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, FORM, fields)
        run = forms.text(fields, "run", most=RUN_MAX)
        note = forms.text(fields, "note", most=NOTE_MAX)
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device = session.device.device
        try:
            said, after = await self._front.act(lambda one: _answered(one, run, fields, note, device))
        except (CommandRefused, NotFound, AmbiguousId) as error:
            return await self._shown(request, run, error=error, note=note)
        return done(request, queries.address("/review", run=after, show=queries.text(request, "show")), said)

    async def _shown(
        self,
        request: Request,
        run: str,
        *,
        error: CommandRefused | NotFound | AmbiguousId | None = None,
        note: str = "",
    ) -> Response:
        every = queries.text(request, "show") == "all"
        session = session_of(request)
        device = session.device.device if session is not None else ""
        listing = "part" in request.query_params
        looked = await self._front.read(
            lambda workspace: _looked(workspace, run, device, every=every, bare=listing or error is not None)
        )
        return page(
            *(request, "review.html"),
            status=422 if error else 200,
            topics=("memory",),
            looked=looked,
            one=looked.one,
            every=every,
            error=error,
            note=note,
            text_shown=TEXT_SHOWN,
            address=lambda one, **more: queries.address(
                "/review", run=one, show="all" if every else "", **more
            ),
        )


def _looked(workspace: Workspace, run: str, device: str, *, every: bool, bare: bool) -> Looked:
    """What is shown. `bare`: nobody reads it for the first time, so no clock starts."""
    triage = workspace.triage
    listed = triage.latest(limit=LISTED) if every else triage.waiting(limit=LISTED)
    one = triage.annotation(run) if run else (listed[0] if listed else None)
    message = workspace.message(one.run) if one else {}
    if one is not None and not bare:
        workspace.shown(_MARK + one.run, by=device)
    return Looked(listed, triage.count(), one, message, triage.intents())


def _answered(workspace: Workspace, run: str, fields: FormData, note: str, device: str) -> tuple[str, str]:
    """Say it, unless somebody said something since it was shown; what came of it, and the run to read next."""
    triage = workspace.triage
    shown = triage.annotation(run)
    if (shown.said, shown.label) != (fields.get("said"), fields.get("label")):
        told = f"It is about {shown.label} now." if shown.label else "It was annotated anew."
        raise CommandRefused(
            "Somebody answered this meanwhile.",
            why=told,
            remedy="Nothing was changed. If you know better, answer once more.",
        )
    waiting = [other.run for other in triage.waiting(limit=LISTED)]
    after = waiting[waiting.index(shown.run) + 1 :][:1] if shown.run in waiting else [shown.run]
    intent = forms.text(fields, "intent", most=WORD_MAX)
    open_us = workspace.open_for(_MARK + shown.run, by=device)
    said = triage.review(shown.run, intent=intent, note=note, open_us=open_us)
    names = triage.intents() | {UNKNOWN: "none of them"}
    now, before = (names.get(one, one) for one in (said.intent, said.said))
    what = f"Confirmed: {now}." if now == before else f"{now}, not {before}."
    goes_on = f" Run {said.goes_on_as[-8:]} goes on with it, and asks." if said.goes_on_as else ""
    return f"{what} It is learned.{goes_on}", after[0] if after else ""
