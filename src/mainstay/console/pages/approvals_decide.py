"""Answers to a card: yes, another text, no, not now; and the ways back: to take back what has not left, to ask again.

A form is bound to its card and to the digest that stood on the page, so that it can decide nothing else however often
and however late it comes. What cannot be done is said above the card as it stands now, and whatever was typed is there
again. After an answer the next card is shown.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import card_words as words
from mainstay.console import csrf, forms
from mainstay.console.errors import status_of
from mainstay.console.notices import Offer
from mainstay.console.pages.approvals import ID_MAX, Approvals, Asked, Told, Typed, ask_again_of, asked_of
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.console.wording import span
from mainstay.kernel.errors import CommandRefused, MainstayError, NotFound, StaleApproval
from mainstay.workspace import Card, Decided
from mainstay.workspace.card_queue import SHOWS, WAITING
from mainstay.workspace.serving_web import Front

TEXT_MAX, CONFIRM_MAX, DIGEST_MAX, WORD_MAX = 500_000, 1_000, 128, 64
TITLE_MAX = 60
LOOKS, LOOK_EVERY_S = 100, 0.03  # for the card that asks again


class Deciding:
    """Takes answers from the pages."""

    def __init__(self, front: Front, approvals: Approvals) -> None:
        self._front = front
        self._approvals = approvals

    async def decide(self, request: Request) -> Response:
        """One answer to one card."""
        fields = await forms.sent(request)
        asked = _asked(request, fields)
        csrf.require(request, self._front.keyed_hash, f"approval {asked.approval}", fields)
        typed = _typed(fields)
        try:
            card = await self._front.read(lambda workspace: workspace.approval(asked.approval))
        except NotFound as error:
            return self._gone(request, error, typed)
        try:
            decided = await self._answered(request, card, fields)
        except StaleApproval as error:
            return await self._too_late(request, asked, typed, error)
        except CommandRefused as error:
            return await self._refused(request, asked, typed, error)
        except MainstayError as error:  # a full disk, a director that ends: it may have been decided still
            told = Told(error.what, error.why, error.remedy)
            return await self._approvals.page(request, asked, status=status_of(error), told=told, typed=typed)
        if not decided.events:
            return await self._before(request, asked, typed)
        following, hold_us, after = await self._front.read(
            lambda workspace: (
                workspace.next_to(card.approval, asked.show),
                workspace.undo_window_us(),
                workspace.approval(card.approval) if decided.card == "rejected" else None,
            )
        )
        back = Offer("Ask again", *ask_again_of(card.approval)) if after and after.again else None
        line = said(card, decided, hold_us, offered=back is not None)
        return done(request, asked.address(following), line, offer=back)

    async def undo(self, request: Request) -> Response:
        """Take back what may leave."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "approvals undo", fields)
        run, task = (forms.text(fields, name, most=WORD_MAX) for name in ("run", "task"))
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        via = session.device.device
        try:
            decided = await self._front.act(lambda workspace: workspace.undo(run, task=task, via=via))
        except CommandRefused as error:
            told = Told(error.what, error.why, "Nothing was changed. What has left has left.")
            return await self._approvals.page(request, Asked(), status=409, told=told)
        to = Asked().address(decided.asks)
        return done(request, to, "Taken back: nothing left. It asks again, as it was.")

    async def ask_again(self, request: Request) -> Response:
        """Ask anew about what was rejected, or expired. However often it is pressed, it is asked once."""
        fields = await forms.sent(request)
        name = str(request.path_params["approval"])[:ID_MAX]
        csrf.require(request, self._front.keyed_hash, ask_again_of(name)[1], fields)
        try:
            decided = await self._front.act(lambda workspace: workspace.ask_again(name))
        except NotFound as error:
            return self._gone(request, error, Typed())
        except CommandRefused as error:
            told = Told(error.what, error.why, "Nothing was changed. It can be asked again later, from here.")
            return await self._approvals.page(request, Asked(approval=name), status=409, told=told)
        asks = decided.asks or await self._card_that_asks(name)
        if not asks:
            said = "It is asked again: its card comes as soon as its run has come so far."
            return done(request, Asked().address(name), said)
        again = (
            "Asked again: here is its card."
            if decided.events
            else "It was asked again before: here is its card."
        )
        return done(request, Asked().address(asks), again, tone="ok" if decided.events else "warn")

    async def _card_that_asks(self, name: str) -> str:
        """The card that asks again. What leaves is rendered anew first, which is soon done, but not at once."""
        for _ in range(LOOKS):
            found = await self._front.read(lambda workspace: workspace.asked_again(name))
            if found is None or found.approval:
                return found.approval if found else ""
            await asyncio.sleep(LOOK_EVERY_S)
        return ""

    async def _answered(self, request: Request, card: Card, fields: FormData) -> Decided:
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device, name = session.device.device, card.approval
        digest = forms.text(fields, "digest", most=DIGEST_MAX)
        confirm = forms.text(fields, "confirm", most=CONFIRM_MAX)
        text = forms.text(fields, "text", most=TEXT_MAX)
        reason = forms.text(fields, "reason", most=TEXT_MAX)  # the desk says what is too long
        match forms.text(fields, "answer", most=WORD_MAX):
            case "edit" if words.plain(text) != words.plain(words.editable(card.text)[0]):
                anyway = bool(fields.get("anyway"))
                return await self._front.act(
                    lambda workspace: workspace.edit(
                        name, text, digest=digest, confirm=confirm, anyway=anyway, via=device
                    )
                )
            case "approve" | "edit":
                return await self._front.act(
                    lambda workspace: workspace.approve(name, digest=digest, confirm=confirm, via=device)
                )
            case "reject":
                return await self._front.act(
                    lambda workspace: workspace.reject(name, reason=reason, digest=digest, via=device)
                )
            case "snooze":
                return await self._put_off(card, fields)
            case _:
                raise Refused(
                    400,
                    "This is no answer.",
                    why="No button of the page gives it.",
                    remedy="Nothing was decided. Load the page again, and press one of its buttons.",
                )

    async def _put_off(self, card: Card, fields: FormData) -> Decided:
        """Until later. A form that was sent twice puts off once."""
        choice, at = (forms.text(fields, name, most=WORD_MAX) for name in ("snooze", "until"))
        until = words.later(choice, at, self._front.clock.now())
        if until is None:
            raise CommandRefused(
                "This is no time." if at else "No time was named.",
                why="A card is put off to a moment that lies ahead.",
                remedy="Choose one of the times, or name a day and an hour.",
            )
        if forms.text(fields, "snoozed", most=WORD_MAX) != str(card.snoozed_until):
            raise StaleApproval(
                "It was put off already.", why="Another answer came before this one; this changed nothing."
            )
        return await self._front.act(lambda workspace: workspace.snooze(card.approval, until=until))

    # --- what is said when nothing was decided ---------------------------------------------------------------------

    async def _refused(self, request: Request, asked: Asked, typed: Typed, error: CommandRefused) -> Response:
        """What was not enough, above the card as it stands; what was typed is there again."""
        wanted = str(error.fields.get("second_step") or "")
        findings = tuple(error.fields.get("findings") or ())
        anyway = bool(findings) or "--anyway" in error.remedy
        why, remedy = error.why, error.remedy
        if wanted:
            why, remedy = "", f"Type {wanted} in the field beside the button, then approve."
        elif anyway:
            why, remedy = ("" if findings else why), "Change it, or send it anyway."
        told = Told(error.what, why, f"{remedy} Nothing was decided.".strip(), findings, anyway, bool(wanted))
        return await self._approvals.page(request, asked, status=422, told=told, typed=typed)

    async def _too_late(self, request: Request, asked: Asked, typed: Typed, error: StaleApproval) -> Response:
        """The card is no longer what was answered. Where another draft waits in its place, that one is shown."""
        place = await self._front.read(lambda workspace: workspace.in_its_place(asked.approval))
        line = await self._front.read(lambda workspace: workspace.glance(asked.approval))
        told = Told(error.what, error.why, "Nothing was changed by your answer.")
        if line.status != "waiting":
            what = f"{words.became(line.status)[0]}{words.by(line.actor)} before your answer came."
            told = Told(what, "Your answer changed nothing.")
        if place:
            told = Told(
                "The draft has changed; you decided nothing.",
                "Your answer was about another text. What stands here now is the one that waits.",
                "Read it, then decide again. What you had typed is still here.",
                tone="warn",
            )
        shown = replace(asked, approval=place or asked.approval, editing=False)
        return await self._approvals.page(request, shown, status=409, told=told, typed=typed)

    async def _before(self, request: Request, asked: Asked, typed: Typed) -> Response:
        told = Told(
            "It was decided already.",
            "This answer came a second time, or from another device, and changed nothing.",
            tone="warn",
        )
        return await self._approvals.page(request, asked, status=409, told=told, typed=typed)

    def _gone(self, request: Request, error: NotFound, typed: Typed) -> Response:
        return page(
            *(request, "approvals_gone.html"), status=404, told=Told(error.what, error.why), typed=typed
        )


def said(card: Card, decided: Decided, hold_us: int, *, offered: bool = False) -> str:
    """One line of what came of an answer; `offered`: the way back stands beside it."""
    title = words.short(card.title or card.act, TITLE_MAX)
    match decided.card:
        case "granted" | "edited":
            how = "Approved" if decided.card == "granted" else "Approved as you wrote it"
            held = f" Leaves in {span(hold_us)}." if hold_us else ""
            return f"{how}: {words.sentence(title)}{held}"
        case "waiting":
            return f"Put off: {words.sentence(title)}"
        case "rejected":
            later = "" if offered else " When its run has ended, it can be asked again under Decided."
            return f"Rejected: {words.sentence(title)}{later}"
        case other:
            return f"{words.became(other)[0]}: {words.sentence(title)}"


def _asked(request: Request, fields: FormData) -> Asked:
    """The same list goes on: a form says in which one it stood."""
    found = asked_of(request)
    show = forms.text(fields, "show", most=WORD_MAX)
    return Asked(
        approval=found.approval,
        show=show if show in SHOWS else WAITING,
        start=forms.text(fields, "from", most=WORD_MAX),
    )


def _typed(fields: FormData) -> Typed:
    text = fields.get("text")
    return Typed(
        text=forms.text(fields, "text", most=TEXT_MAX) if isinstance(text, str) else None,
        reason=forms.text(fields, "reason", most=TEXT_MAX),
        until=forms.text(fields, "until", most=WORD_MAX),
        snoozing=fields.get("answer") == "snooze",
    )
