"""What is remembered: leafed through, searched, added to by hand; and the lessons that edits taught.

Who something is about is asked for by a form that is sent, never by an address in the bar: what stands there is the
subject, which names nobody.
"""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.console import csrf, forms, queries
from mainstay.console.pages.memory_record import address_of
from mainstay.console.rendering import done, page
from mainstay.kernel.errors import AmbiguousId, CommandRefused, NotFound
from mainstay.kernel.values import DAY
from mainstay.workspace.memory_shelf import FoundMemories, MemoryPage, Narrowed
from mainstay.workspace.serving_web import Front

WHO_FORM, ADD_FORM, LESSON_FORM = "memory about", "memory add", "lesson"
TEXT_MAX, WORD_MAX, WHO_MAX = 400_000, 200, 400
PAGE = 30
_SUBJECT = re.compile(r"[0-9a-f]{32}")
KINDS = ("note", "message", "reply", "chunk", "lesson")
FIELDS = ("text", "space", "kind", "about", "valid_from", "valid_to", "days", "tag")


class Memory:
    """The list, the search, and what is added by hand."""

    def __init__(self, front: Front) -> None:
        self._front = front

    async def show(self, request: Request) -> Response:
        """What is kept, newest first; or what a search finds."""
        query = queries.text(request, "q")
        chosen = {name: queries.text(request, name) for name in ("space", "kind", "since", "until", "about")}
        before = queries.number(request, "before")
        if not _SUBJECT.fullmatch(chosen["about"]):
            chosen["about"] = ""
        error: CommandRefused | None = None
        found: FoundMemories | None = None
        kept: MemoryPage | None = None
        uses: dict[str, int] = {}
        try:
            wanted = _narrowed(chosen)
            if query:
                found = await self._front.read_slowly(lambda workspace: workspace.memory.find(query, wanted))
                names = [one.memory for one in found.hits]
            else:
                kept = await self._front.read_slowly(
                    lambda workspace: workspace.memory.browse(wanted, before=before, limit=PAGE)
                )
                names = [one.memory for one in kept.records]
            uses = await self._front.read_slowly(
                lambda workspace: {name: workspace.memory.uses(name)[0] for name in names if name}
            )
        except CommandRefused as refused:
            error = refused
        older = kept.older if kept else 0
        return page(
            *(request, "memory.html"),
            status=422 if error else 200,
            topics=("memory",),
            query=query,
            chosen=chosen,
            found=found,
            kept=kept,
            uses=uses,
            error=error,
            spaces=await self._front.read_slowly(lambda workspace: workspace.memory.spaces),
            kinds=KINDS,
            address_of=address_of,
            narrowed=any(chosen.values()),
            why_not=await self._why_not(found),
            older=queries.address("/memory", **chosen, before=older) if older else "",
            newer=queries.address("/memory", **chosen) if before else "",
        )

    async def about(self, request: Request) -> Response:
        """Leaf through what is about somebody: from here on they are known by their subject."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, WHO_FORM, fields)
        who = forms.text(fields, "who", most=WHO_MAX)
        subject = await self._front.read(lambda workspace: workspace.forgetting.subject(who))
        return RedirectResponse(queries.address("/memory", about=subject), 303)

    async def show_add(self, request: Request) -> Response:
        """The form for a record of one's own."""
        return await self._add_form(request, {})

    async def add(self, request: Request) -> Response:
        """Remember what was typed."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, ADD_FORM, fields)
        most = {"text": TEXT_MAX}
        typed = {name: forms.text(fields, name, most=most.get(name, WORD_MAX)) for name in FIELDS}
        try:
            valid_from = queries.day(typed["valid_from"], "From when it holds")
            valid_to = queries.day(typed["valid_to"], "Until when it holds", end=True)
            kept = await self._front.act_slowly(
                lambda workspace: workspace.memory.add(
                    typed["text"],
                    space=typed["space"] or "notes",
                    kind=typed["kind"] or "note",
                    about=typed["about"].strip(),
                    valid_from=valid_from,
                    valid_to=valid_to,
                    ttl_us=_days(typed["days"]),
                    tag=typed["tag"].strip(),
                )
            )
        except CommandRefused as error:
            return await self._add_form(request, typed, error=error)
        said = (
            "That was known already; nothing was written."
            if kept.became == "known"
            else "Remembered. Tasks may recall it from here on."
        )
        return done(request, address_of(kept.memory), said)

    # --- lessons -----------------------------------------------------------------------------------------------------

    async def lessons(self, request: Request) -> Response:
        """What edits of drafts taught, and what that does."""
        return await self._lessons(request)

    async def retire(self, request: Request) -> Response:
        """Take a lesson back."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, LESSON_FORM, fields)
        lesson = forms.text(fields, "lesson", most=WORD_MAX)
        reason = forms.text(fields, "reason", most=2_000)
        try:
            kept = await self._front.act(lambda workspace: workspace.lessons.retire(lesson, reason=reason))
        except (NotFound, AmbiguousId, CommandRefused) as error:
            return await self._lessons(request, error=error)
        told = (
            "The lesson is taken back; taught again, it begins anew."
            if kept.became == "retracted"
            else "It was taken back before."
        )
        return done(request, "/memory/lessons", told)

    async def _lessons(
        self, request: Request, *, error: NotFound | AmbiguousId | CommandRefused | None = None
    ) -> Response:
        report = await self._front.read_slowly(lambda workspace: workspace.lessons.report())
        lessons = await self._front.read_slowly(lambda workspace: workspace.lessons.all(retracted=True))
        return page(
            *(request, "lessons.html"),
            status=422 if error else 200,
            topics=("memory",),
            report=report,
            lessons=lessons,
            error=error,
            address_of=address_of,
        )

    # --- within ------------------------------------------------------------------------------------------------------

    async def _add_form(
        self, request: Request, typed: dict[str, str], *, error: CommandRefused | None = None
    ) -> Response:
        spaces = await self._front.read_slowly(lambda workspace: workspace.memory.spaces)
        return page(
            *(request, "memory_add.html"),
            status=422 if error else 200,
            typed={name: typed.get(name, "") for name in FIELDS},
            spaces={name: what for name, what in spaces.items() if name not in ("replies", "examples")},
            error=error,
        )

    async def _why_not(self, found: FoundMemories | None) -> str:
        """Why only words were searched, where that is so."""
        if found is None or found.by_meaning:
            return ""
        stats = await self._front.read_slowly(lambda workspace: workspace.memory.stats())
        return stats.why_not or "The embedder does not answer just now."


def _narrowed(chosen: dict[str, str]) -> Narrowed:
    since = queries.day(chosen["since"], "The first day")
    until = queries.day(chosen["until"], "The last day", end=True)
    return Narrowed(chosen["space"], chosen["kind"], chosen["about"], since, until)


def _days(said: str) -> int:
    if not said.strip():
        return 0
    if not (said.isascii() and said.isdigit() and 0 < int(said) <= 36_500):
        raise CommandRefused(
            "That is no number of days.", remedy="Write 30, or nothing to remember it for good."
        )
    return int(said) * DAY
