"""`/approvals`: what waits, and the card that is read beside it. Deciding lies in `approvals_decide`.

The list is brought up to date in place. The card that is being read is never replaced: what became of it meanwhile is
said above it, with the way to the draft that took its place. A GET decides nothing; that a card was on the screen is
noted beside the ledger, so that a decision can say how long its reader took.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import card_words as words
from mainstay.console import queries
from mainstay.console.rendering import page
from mainstay.console.sessions import session_of
from mainstay.console.words_diff import Parts, words_diff
from mainstay.kernel.errors import MainstayError
from mainstay.kernel.values import Instant
from mainstay.workspace import Card, Leaving, Workspace
from mainstay.workspace.card_queue import DECIDED, PUT_OFF, SHOWS, WAITING, Queue
from mainstay.workspace.serving_web import Front

PATH = "/approvals"
ID_MAX = 64
ROWS = 30  # of a page of the list: what is shown is what every key has to paint
LEAVING_MAX = 3  # of what may leave, beside the list
COMPARED_MAX = 20_000  # characters: a longer text is not compared with the one before


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for."""

    approval: str = ""
    show: str = WAITING
    start: str = ""
    editing: bool = False
    unmarked: bool = False  # the text without what changed in it

    def address(self, approval: str, **more: str) -> str:
        """A card in the list as it is shown."""
        show = self.show if self.show != WAITING else ""
        path = f"{PATH}/{approval}" if approval else PATH
        return queries.address(path, **{"show": show, "from": self.start, **more})


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person had written when their answer was refused: it comes back to them."""

    text: str | None = None
    reason: str = ""
    until: str = ""
    snoozing: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Why nothing was decided, above the card."""

    what: str
    why: str = ""
    remedy: str = ""
    findings: tuple[dict[str, str], ...] = ()
    anyway: bool = False  # the same may be sent all the same
    unconfirmed: bool = False  # what a high stake asks for was not typed
    tone: str = "bad"


@dataclass(slots=True)
class Seen:
    """What one look found."""

    queue: Queue
    now: Instant
    hold_us: int = 0
    card: Card | None = None
    place: str = ""  # the card that waits now in the place of the one that is read
    leaving: list[Leaving] = field(default_factory=list)


class Approvals:
    """The list and a card."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """The list with a card, or one part of it anew."""
        asked = asked_of(request)
        match request.query_params.get("part", ""):
            case "state":
                return await self._state(request, asked)
            case "list" | "lists" | "news":
                seen = await self._front.read(lambda workspace: self._listed(workspace, asked))
                return page(request, "approvals.html", **shown(asked, seen))
            case _:
                return await self.page(request, asked)

    async def text(self, request: Request) -> Response:
        """The whole text of a card, however long."""
        asked = asked_of(request)
        card = await self._front.read(lambda workspace: workspace.approval(asked.approval))
        return page(
            request, "approvals_text.html", card=card, title=words.short(card.title or card.act), back=asked
        )

    async def page(
        self,
        request: Request,
        asked: Asked,
        *,
        status: int = 200,
        told: Told | None = None,
        typed: Typed | None = None,
    ) -> Response:
        """The whole page; `told`: why nothing was decided, and `typed`: what is not lost by that."""
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device = session.device.device

        def look(workspace: Workspace) -> Seen:
            seen = self._listed(workspace, asked)
            lines = seen.queue.lines
            name = asked.approval or (lines[0].approval if lines else "")
            if name:
                seen.card = workspace.approval(name)
                seen.place = workspace.in_its_place(seen.card.approval)
                if seen.card.status == "waiting":
                    workspace.shown(seen.card.approval, by=device)
            return seen

        seen = await self._front.read(look)
        return page(
            *(request, "approvals.html"),
            status=status,
            topics=("approvals",),
            **shown(asked, seen, told=told, typed=typed),
        )

    def _listed(self, workspace: Workspace, asked: Asked) -> Seen:
        queue = workspace.queue(asked.show, start=asked.start, chosen=asked.approval, limit=ROWS)
        leaving = sorted(workspace.leaving(), key=lambda one: -one.until)
        return Seen(queue, self._front.clock.now(), workspace.undo_window_us(), leaving=leaving)

    async def _state(self, request: Request, asked: Asked) -> Response:
        """What became of the card that is being read, if that is something new."""
        was, digest = (queries.text(request, name) for name in ("was", "digest"))

        def look(workspace: Workspace) -> tuple[str, str, str]:
            line = workspace.glance(asked.approval)
            same = line.status == was and line.digest == digest
            return ("" if same else line.status), line.actor, workspace.in_its_place(line.approval)

        try:
            status, actor, place = await self._front.read(look)
        except MainstayError:
            status, actor, place = "gone", "", ""
        news = news_of(status, actor, asked.address(place) if place else "")
        return page(request, "approvals.html", news=news, was=was, digest=digest, asked=asked, chosen="")


def ask_again_of(approval: str) -> tuple[str, str]:
    """Where it is asked again about a card, and what the form for it is bound to."""
    return f"{PATH}/{approval}/again", f"ask again {approval}"


def asked_of(request: Request) -> Asked:
    """What the address asks for; what makes no sense counts as not asked."""
    show = queries.text(request, "show")
    return Asked(
        approval=str(request.path_params.get("approval", ""))[:ID_MAX],
        show=show if show in SHOWS else WAITING,
        start=queries.text(request, "from", most=ID_MAX),
        editing=bool(request.query_params.get("edit")),
        unmarked=bool(request.query_params.get("unmarked")),
    )


def news_of(status: str, actor: str, place: str) -> dict[str, str] | None:
    """What is said above a card that is no longer as it is shown; None where it still is."""
    if not status:
        return None
    if status == "waiting":
        what = "It waits again, as another draft than the one shown here."
    elif status == "gone":
        what = "This card is not there any more."
    else:
        what = f"Meanwhile: {words.became(status)[0].lower()}{words.by(actor)}."
    return {"what": what, "place": place}


def shown(
    asked: Asked, seen: Seen, *, told: Told | None = None, typed: Typed | None = None
) -> dict[str, Any]:
    """What the template is given."""
    card, queue = seen.card, seen.queue
    chosen = card.approval if card else asked.approval
    before, after = queue.beside(chosen)
    inside = {one.approval for one in queue.lines}
    given: dict[str, Any] = {
        "asked": asked,
        "queue": queue,
        "chosen": chosen,
        "words": words,
        "now": seen.now,
        "told": told,
        "typed": typed or Typed(),
        "news": None,
        "card": card,
        "place": asked.address(seen.place) if seen.place else "",
        "leaving": seen.leaving[:LEAVING_MAX],
        "leaving_more": max(0, len(seen.leaving) - LEAVING_MAX),
        "hold_us": seen.hold_us,
        "to_before": _to(asked, before, before in inside, queue.earlier),
        "to_after": _to(asked, after, after in inside, after),
        "shows": _shows(queue),
        "lists": {WAITING: WAITING, PUT_OFF: PUT_OFF, DECIDED: DECIDED},
    }
    if card is not None:
        given |= of_card(card, asked, typed or Typed())
        given["again_at"], given["again_form"] = ask_again_of(card.approval)
        held = [one.until for one in seen.leaving if (one.run, one.task) == (card.run, card.task)]
        given["held_until"] = max(held, default=0)
    return given


def of_card(card: Card, asked: Asked, typed: Typed) -> dict[str, Any]:
    """The text of a card, and what changed in it."""
    waits = card.status == "waiting"
    text, hidden = words.editable(typed.text if typed.text is not None else card.text)
    typed_parts: Parts = []
    if typed.text is not None and len(typed.text) + len(card.text) < COMPARED_MAX:
        typed_parts = words_diff(words.plain(card.text), words.plain(typed.text))
    return {
        "waits": waits,
        "editing": waits and bool(card.text) and (asked.editing or typed.text is not None),
        "draft_text": words.shown(card.text or card.content),
        "parts": [] if asked.unmarked else _parts(card),
        "compared": bool(_parts(card)),
        "text": text,
        "hidden": hidden,
        "typed_parts": typed_parts if len(typed_parts) > 1 else [],
        "was": card.status,
        "digest": card.digest,
    }


def _parts(card: Card) -> Parts:
    """The text beside the one before it; of a card that was edited, beside the one that was sent."""
    before, after = card.drafts.before, card.drafts.after
    pair = ("", "")
    if card.status == "edited" and after is not None:
        pair = (card.text, after.text)
    elif before is not None:
        pair = (before.text, card.text)
    if not all(pair) or sum(map(len, pair)) > COMPARED_MAX:
        return []
    return words_diff(*pair)


def _to(asked: Asked, name: str, inside: bool, start: str) -> str:
    """The way to a neighbour, which may lie on another page of the list."""
    if not name:
        return ""
    return asked.address(name) if inside else Asked(show=asked.show, start=start).address(name)


def _shows(queue: Queue) -> list[tuple[str, str, str, bool]]:
    """The lists there are: name, how many, address, whether it is this one."""
    return [
        ("Waiting", f"{queue.waiting:,}", PATH, queue.show == WAITING),
        ("Put off", f"{queue.put_off:,}", f"{PATH}?show={PUT_OFF}", queue.show == PUT_OFF),
        ("Decided", "", f"{PATH}?show={DECIDED}", queue.show == DECIDED),
    ]
