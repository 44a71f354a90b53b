"""What only the operator can say: acts of which nobody knows whether they left, and what was given up.

An act in doubt is never tried again by itself: each answer says beforehand what it leads to. A dead letter is looked at
on a page of its own, as text, and tried again or put away there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import csrf, forms
from mainstay.console.card_words import short
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import CommandRefused, NotFound
from mainstay.kernel.values import Json
from mainstay.workspace import Decided, Workspace
from mainstay.workspace.serving_web import Front

if TYPE_CHECKING:
    from mainstay.governance.incidents import OpenIncident

TOPICS = ("doubts",)
ACTOR = "operator"
SHOWN = 50
ID_MAX, REASON_MAX = 200, 2_000
COMPENSATION, IN_DOUBT = "compensation", "in_doubt"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: the word on its button, and what it leads to."""

    answer: str
    word: str
    leads_to: str


ANSWERS = {
    IN_DOUBT: (
        Answer("happened", "It went out", "It counts as done, and what needs it goes on."),
        Answer(
            "did_not",
            "It did not go out",
            "It is proposed once more, and a card asks you before it is tried.",
        ),
        Answer(
            "unknown",
            "I cannot find out",
            "It is given up, its price counts as spent, and it is never sent again.",
        ),
    ),
    COMPENSATION: (
        Answer("happened", "I took it back by hand", "It counts as taken back, and the run ends as planned."),
        Answer(
            "did_not", "Try again", "It is tried once more to take it back; where it must, it asks first."
        ),
        Answer("unknown", "Leave it as it is", "Nothing more is tried, and the run ends without it."),
    ),
}
LETTER_SAID = {
    "received": "It could be read this time, and is on its way like any message.",
    "duplicate": "It could be read this time; the same message had come before.",
    "dropped": "It could be read this time; it is one of our own, so nothing begins.",
    "rejected": "It still cannot be read, and stays here.",
}


@dataclass(frozen=True, slots=True)
class Open:
    """All that the page shows."""

    doubts: list[Json]
    in_doubt: int
    letters: list[Json]
    waiting: int
    incidents: list[OpenIncident]


class Doubts:
    """In doubt, dead letters, incidents."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """What is open."""
        found = await self._front.read(_open)
        now = self._front.clock.now()
        return page(request, "doubts.html", topics=TOPICS, open=found, answers=ANSWERS, now=now, short=short)

    async def answer(self, request: Request) -> Response:
        """The operator's word about one act."""
        fields = await forms.sent(request)
        said_of = ("run", "task", "answer", "attempt")
        run, task, answer, attempt = (forms.text(fields, name, most=ID_MAX) for name in said_of)
        csrf.require(request, self._front.keyed_hash, f"doubt {run} {task}", fields)
        known = {one.answer for one in ANSWERS[IN_DOUBT]}
        if not (_is_number(task) and _is_number(attempt)) or answer not in known:
            raise Refused(
                400,
                "This is no answer.",
                why="No button of the page gives it.",
                remedy="Nothing was changed. Load the page again, and press one of its buttons.",
            )
        try:
            decided = await self._front.act(
                lambda workspace: workspace.resolve(run, int(task), answer, actor=ACTOR, attempt=int(attempt))
            )
        except NotFound:
            return done(request, "/doubts", "That was settled already: nothing was changed.", tone="warn")
        return done(request, "/doubts", said(answer, decided))

    async def letter(self, request: Request) -> Response:
        """One dead letter."""
        return await self._letter(request)

    async def settle(self, request: Request) -> Response:
        """Try it again, or put it away."""
        name = str(request.path_params["letter"])
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, f"letter {name}", fields)
        answer = forms.text(fields, "answer", most=20)
        reason = forms.text(fields, "reason", most=REASON_MAX).strip()
        try:
            match answer:
                case "again":
                    row, decided = await self._front.act_slowly(
                        lambda workspace: (
                            workspace.steering.dead_letter(name),
                            workspace.steering.replay(name, actor=ACTOR),
                        )
                    )
                    if row["kind"] == "run":
                        told = "Restarted where it was given up. Acts after that point always ask."
                        return done(request, f"/runs/{decided.run}", told)
                    return done(request, "/doubts#letters", LETTER_SAID.get(decided.status, decided.status))
                case "away":
                    decided = await self._front.act(
                        lambda workspace: workspace.steering.purge(name, reason=reason, actor=ACTOR)
                    )
                    told = (
                        "Put away. The ledger keeps that it was there."
                        if decided.events
                        else "It was settled."
                    )
                    return done(request, "/doubts#letters", told)
                case _:
                    raise Refused(
                        400, "This is no answer.", remedy="Nothing was changed. Load the page again."
                    )
        except CommandRefused as error:
            return await self._letter(request, error=error, typed=reason, status=422)

    async def _letter(
        self,
        request: Request,
        *,
        error: CommandRefused | None = None,
        typed: str = "",
        status: int = 200,
    ) -> Response:
        name = str(request.path_params["letter"])[:ID_MAX]

        def look(workspace: Workspace) -> tuple[Json, str, str]:
            row = workspace.steering.dead_letter(name)
            if row["kind"] != "message":
                return row, "", ""
            origin = workspace.rows("rejected", where={"item": row["letter"]}, limit=1)
            text = workspace.rejected_text(str(row["letter"]))
            return row, text, str(origin[0]["origin"] or "") if origin else ""

        row, text, origin = await self._front.read(look)
        now = self._front.clock.now()
        return page(
            *(request, "dead_letter.html"),
            status=status,
            letter=row,
            text=text,
            origin=origin,
            error=error,
            typed=typed,
            now=now,
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def said(answer: str, decided: Decided) -> str:
    """What came of an answer, for the next page."""
    if not decided.events:
        return "That was settled already: nothing was changed."
    if answer == "did_not" and decided.status == "approval":
        return "Recorded. A card asks before it is tried again."
    if answer == "did_not" and decided.status in ("ended", "failed"):
        return "Recorded. Its run has ended, so it is given up."
    return {"happened": "Recorded: it counts as done.", "did_not": "Recorded: it is tried again."}.get(
        answer, "Recorded: it is left as it is."
    )


def _open(workspace: Workspace) -> Open:
    return Open(
        doubts=workspace.in_doubt(limit=SHOWN),
        in_doubt=workspace.count("in_doubt"),
        letters=workspace.steering.dead_letters(limit=SHOWN),
        waiting=workspace.count("dead_letters", status="waiting"),
        incidents=workspace.incidents(),
    )
