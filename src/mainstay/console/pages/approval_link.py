"""The page behind a link in a notification: one card, and its decision in two taps.

A GET shows and never decides, however often and by whomever it is fetched. Who comes from a mail comes from another
site, and their browser keeps the cookie back: such a first look shows nothing but the way on, which the browser takes
by itself (or the person by a tap) and which begins here, so that the cookie comes along. Only then it is known who
asks.

A POST decides once, for exactly the effect that the link was made for, and spends the link in the same tick. Whatever
else became of card or link meanwhile is said on the page, and nothing that was typed is lost.
"""

from __future__ import annotations

import re
from collections import OrderedDict

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.console import card_words as words
from mainstay.console import csrf, forms
from mainstay.console.refused import Refused
from mainstay.console.rendering import page
from mainstay.console.sessions import Session, session_of
from mainstay.kernel.commands import Command, UseLink
from mainstay.kernel.errors import CommandRefused, NotFound, StaleApproval
from mainstay.kernel.values import DAY, HOUR, Json
from mainstay.runtime.links import Link
from mainstay.runtime.sending import Decided
from mainstay.workspace import Card, Workspace
from mainstay.workspace.serving_web import Front

HERE = "here"
ACTOR = "operator"
VIA = "device"
WAITING = "waiting"
UNDO = "undo"
LOOKS_KEPT = 4_096
REASON_MAX, CONFIRM_MAX, DIGEST_MAX = 500_000, 1_000, 128  # of a reason the desk takes less, and says so
SNOOZES = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
MICROS = 1_000_000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")


class ApprovalLink:
    """Cards by link."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._looks: OrderedDict[tuple[str, str], float] = OrderedDict()  # when a device first saw a card

    async def show(self, request: Request) -> Response:
        """The card, or what became of it."""
        token = str(request.path_params["token"])
        session = session_of(request)
        if session is None:
            if HERE not in request.query_params:
                return page(
                    request, "continue.html", to=f"/a/{token}?{HERE}=1" if _TOKEN.fullmatch(token) else "/"
                )
            return RedirectResponse(f"/login?next=/a/{token}" if _TOKEN.fullmatch(token) else "/login", 303)
        link = self._link(token)
        card = await self._card(link.approval)
        if _good(link, card, self._front.clock.now()):
            self._look(session, link)
            return self._shown(request, token, card)
        return await self._state(request, link, card)

    async def decide(self, request: Request) -> Response:
        """Yes, no, or not now."""
        token = str(request.path_params["token"])
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, f"answer {token}", fields)
        link = self._link(token)
        card = await self._card(link.approval)
        if fields.get("answer") == UNDO:
            return await self._undone(request, token, link, card)
        shown = forms.text(fields, "digest", most=DIGEST_MAX)
        if not _good(link, card, self._front.clock.now()) or shown != link.digest:
            return await self._state(request, link, card, refused=True)
        try:
            decided = await self._decided(link, session, fields)
        except StaleApproval:
            return await self._state(request, link, await self._card(link.approval), refused=True)
        except CommandRefused as error:
            # What was typed comes back with the reason why it was not enough.
            typed = forms.text(fields, "reason", most=REASON_MAX)
            return self._shown(request, token, card, error=error, typed=typed, status=422)
        if not decided.events:
            return await self._state(request, link, await self._card(link.approval), refused=True)
        return RedirectResponse(f"/a/{token}", 303)

    async def _decided(self, link: Link, session: Session, fields: FormData) -> Decided:
        answer = forms.text(fields, "answer", most=20)
        open_us = self._open_us(session, link)
        spent: tuple[Command, ...] = (UseLink(link.link, session.device.device, answer),)
        approval, digest = str(link.approval), str(link.digest)
        match answer:
            case "approve":
                confirm = forms.text(fields, "confirm", most=CONFIRM_MAX)
                return await self._front.desk(spent).approve(
                    approval, digest=digest, actor=ACTOR, open_us=open_us, confirm=confirm, via=VIA
                )
            case "reject":
                reason = forms.text(fields, "reason", most=REASON_MAX)
                return await self._front.desk(spent).reject(
                    approval, reason=reason, digest=digest, actor=ACTOR, open_us=open_us, via=VIA
                )
            case "snooze":
                after = SNOOZES.get(forms.text(fields, "snooze", most=10))
                if after is None:
                    raise _no_answer()
                until = self._front.clock.now() + after  # the link stays good: nothing was decided
                return await self._front.desk(()).snooze(approval, until=until, actor=ACTOR, via=VIA)
            case _:
                raise _no_answer()

    async def _undone(self, request: Request, token: str, link: Link, card: Card | None) -> Response:
        """Take back what was approved by this link, while it has not left."""
        leaving = await self._leaving(link)
        if leaving is None:
            return await self._state(request, link, card, refused=True)
        try:
            run, task = str(leaving["run"]), str(leaving["task"])
            await self._front.desk(()).undo(run, task=task, actor=ACTOR, via=VIA)
        except CommandRefused:
            return await self._state(request, link, card, refused=True)
        return RedirectResponse(f"/a/{token}", 303)

    async def _leaving(self, link: Link) -> Json | None:
        """What this link let go and has not left yet, if it can be taken back."""
        if link.used_at is None:
            return None
        rows = await self._front.read(
            lambda workspace: workspace.rows("leaving", where={"approval": link.approval}, limit=1)
        )
        return rows[0] if rows and rows[0]["until"] > self._front.clock.now() else None

    def _link(self, token: str) -> Link:
        link = self._front.link(token) if _TOKEN.fullmatch(token) else None
        if link is None:
            raise Refused(
                404,
                "This link leads to no card.",
                why="It was cut or changed on its way, or was never one of this workspace.",
                remedy="Open it from the message again as a whole, or look at the list of what waits.",
            )
        return link

    async def _card(self, approval: str) -> Card | None:
        def look(workspace: Workspace) -> Card | None:
            try:
                return workspace.approval(approval)
            except NotFound:
                return None

        return await self._front.read(look)

    def _shown(
        self,
        request: Request,
        token: str,
        card: Card | None,
        *,
        error: CommandRefused | None = None,
        typed: str = "",
        status: int = 200,
    ) -> Response:
        return page(
            *(request, "approval.html"),
            status=status,
            card=card,
            words=words,
            token=token,
            decides=True,
            error=error,
            typed=typed,
        )

    async def _state(
        self, request: Request, link: Link, card: Card | None, *, refused: bool = False
    ) -> Response:
        """What became of the link and of its card; a newer draft is shown, and this link decides nothing about it."""
        now = self._front.clock.now()
        newer = await self._newer(link, card)
        return page(
            *(request, "link_state.html"),
            status=409 if refused else 200,
            card=card,
            words=words,
            newer=newer,
            token=request.path_params["token"],
            leaving=await self._leaving(link),
            link=link,
            refused=refused,
            expired=link.used_at is None and now >= link.expires_at,
            changed=newer is not None or (card is not None and card.digest != link.digest),
        )

    async def _newer(self, link: Link, card: Card | None) -> Card | None:
        """What waits now in the place of what the link was made for."""
        if card is None:
            return None

        def look(workspace: Workspace) -> Card | None:
            where = {"run": card.run, "task": card.task, "status": WAITING}
            rows = workspace.rows("approvals", where=where, limit=2)
            other = [row for row in rows if (row["approval"], row["digest"]) != (link.approval, link.digest)]
            found = [str(row["approval"]) for row in other]
            return workspace.approval(found[0]) if found else None

        return await self._front.read(look)

    def _look(self, session: Session, link: Link) -> None:
        looks = self._looks
        looks.setdefault((session.device.device, link.approval), self._front.clock.monotonic_s())
        if len(looks) > LOOKS_KEPT:
            looks.popitem(last=False)

    def _open_us(self, session: Session, link: Link) -> int:
        """How long the card was open: from the first look of this device."""
        now_s = self._front.clock.monotonic_s()
        return round((now_s - self._looks.get((session.device.device, link.approval), now_s)) * MICROS)


def _no_answer() -> Refused:
    return Refused(
        400,
        "This is no answer.",
        why="No button of the page gives it.",
        remedy="Nothing was decided. Load the page again, and press one of its buttons.",
    )


def _good(link: Link, card: Card | None, now: int) -> bool:
    """Whether the link may decide about the card as it stands."""
    if card is None or card.status != WAITING or card.digest != link.digest:
        return False
    return link.used_at is None and now < link.expires_at
