"""`/approvals/batch`: one answer to cards that are alike, after a look at exactly what would happen.

What is alike and has no remark stands together, everything else by itself, each with its reason. Every text stands
open, whole, and before the buttons: what cannot be shown whole here is not decided here. Whoever reads them leaves out
what they do not want; that waits on.

The answer is bound to what stood on the page. The form's token is for this one set of cards and effects (`guard`) and
no other, and of these only those that were left ticked are decided; if one of them changed, nothing is, and the page
says which. What became of each is shown once more afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import card_words as words
from mainstay.console import csrf, forms, queries
from mainstay.console.pages.approvals import Told
from mainstay.console.pages.approvals_alike import PATH, Kind, Pair, Seen, first_kind, seen_of
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.console.wording import counted
from mainstay.governance.batches import guard_of
from mainstay.kernel.errors import CommandRefused
from mainstay.workspace import DecidedTogether, Workspace
from mainstay.workspace.serving_web import Front

WORD_MAX, REASON_MAX, CARDS_TEXT_MAX = 200, 10_000, 20_000
KEPT = 64  # outcomes of batches that can be looked at


@dataclass(frozen=True, slots=True)
class Ended:
    """A batch that was decided, for the page that tells of it; no text of anybody in it."""

    decided: DecidedTogether
    waiting: tuple[str, ...]  # the cards that were left out by whoever decided


class Batch:
    """Cards that are decided together."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._ended: OrderedDict[str, Ended] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """What would happen; or, after it, what became of each."""
        ended = self._ended.get(queries.text(request, "done"))
        if ended is not None:
            names = [*(one.approval for one in ended.decided.outcomes), *ended.waiting]
            titles = await self._front.read(lambda workspace: _titles(workspace, names))
            outcomes = [(one, titles.get(one.approval, "")) for one in ended.decided.outcomes]
            waiting = [(name, titles.get(name, "")) for name in ended.waiting]
            return page(request, "approvals_batch_done.html", outcomes=outcomes, waiting=waiting)
        kind = Kind(*(queries.text(request, name) for name in ("act", "workflow", "class")))
        start, none = (queries.text(request, name) for name in ("from", "none"))
        return await self._page(request, kind, start=start, ticked=frozenset() if none else None)

    async def decide(self, request: Request) -> Response:
        """One answer to all of them that are ticked."""
        fields = await forms.sent(request)
        guard = forms.text(fields, "guard", most=WORD_MAX)
        csrf.require(request, self._front.keyed_hash, form_of(guard), fields)
        kind = Kind(*(forms.text(fields, name, most=WORD_MAX) for name in ("act", "workflow", "class")))
        start = forms.text(fields, "from", most=WORD_MAX)
        reason = forms.text(fields, "reason", most=REASON_MAX)
        answer = forms.text(fields, "answer", most=WORD_MAX)
        shown = _shown(fields, guard)
        ticked = {str(one) for one in fields.getlist("card")}
        chosen = [one for one in shown if one[0] in ticked]
        again: Any = {"start": start, "reason": reason, "ticked": frozenset(chosen)}
        changed = await self._front.read(lambda workspace: _changed(workspace, chosen))
        if changed:
            told = Told(
                "Nothing was decided: not all of it is as it was shown.",
                remedy="What stands here now is what would happen; what is new here is not ticked.",
                findings=tuple({"check": title, "remark": why} for title, why in changed),
                tone="warn",
            )
            return await self._page(request, kind, status=409, told=told, **again)
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device = session.device.device
        left = [name for name, _ in shown if name not in ticked]
        try:
            decided = await self._front.act(
                lambda workspace: workspace.decide_together(
                    answer,
                    shown,
                    guard=guard,
                    without=left,
                    reason=reason,
                    open_us=workspace.open_for(_mark(guard), by=device),
                    via=device,
                )
            )
        except CommandRefused as error:
            told = Told(error.what, error.why, error.remedy)
            return await self._page(request, kind, status=422, told=told, **again)
        self._ended[decided.guard] = Ended(decided, tuple(left))
        while len(self._ended) > KEPT:
            self._ended.popitem(last=False)
        count = len(decided.outcomes) - len(decided.left_out)
        said = "approved" if answer == "approve" else "rejected"
        waits = f" {len(left):,} left out, and {'waits' if len(left) == 1 else 'wait'} on." if left else ""
        return done(
            request, queries.address(PATH, done=decided.guard), f"{counted(count, 'card')} {said}.{waits}"
        )

    async def _page(
        self,
        request: Request,
        kind: Kind,
        *,
        status: int = 200,
        told: Told | None = None,
        reason: str = "",
        start: str = "",
        ticked: frozenset[Pair] | None = None,
    ) -> Response:
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device = session.device.device

        def look(workspace: Workspace) -> Seen:
            kinds = workspace.alike()
            chosen = kind if kind.act else first_kind(kinds)
            if chosen is None:
                return Seen(kinds, None, told=told)
            try:
                found = workspace.preview(chosen.act, workflow=chosen.workflow, kind_class=chosen.kind_class)
            except CommandRefused as error:
                differ = Told(error.what, error.why, "Choose one of them above.")
                return Seen(kinds, chosen, told=told or differ, differs=True)
            seen = seen_of(kinds, chosen, found, start=start, ticked=ticked, told=told)
            if seen.cards:
                workspace.shown(_mark(seen.guard), by=device)
            return seen

        seen = await self._front.read_slowly(look)
        return page(
            *(request, "approvals_batch.html"),
            status=status,
            seen=seen,
            told=seen.told,
            reason=reason,
            words=words,
            kinds=[(one, Kind(one.act, one.workflow, one.kind_class)) for one in seen.kinds],
            form=form_of(seen.guard),
        )


def form_of(guard: str) -> str:
    """What the token of a page is for: the one set of cards and effects that it shows."""
    return f"approvals batch {guard}"


def _mark(guard: str) -> str:
    return f"batch-{guard[:32]}"


def _shown(fields: FormData, guard: str) -> list[Pair]:
    """All that stood on the page, each with its effect. Raises `Refused` for what no page of ours sends."""
    lines = forms.text(fields, "cards", most=CARDS_TEXT_MAX).split("\n")
    found = [tuple(line.split()) for line in lines if line.strip()]
    pairs = [(one[0], one[1]) for one in found if len(one) == 2]
    if not pairs or len(pairs) != len(found) or guard_of(pairs) != guard:
        raise Refused(
            400,
            "These are not the cards that stood on the page.",
            why="A page is bound to the cards and texts that it shows, and they were changed on their way.",
            remedy="Nothing was decided. Load the page again.",
        )
    return pairs


def _changed(workspace: Workspace, cards: Sequence[Pair]) -> list[tuple[str, str]]:
    """Which of these are no longer as they were shown, and why."""
    changed: list[tuple[str, str]] = []
    for name, digest in cards:
        try:
            line = workspace.glance(name)
        except CommandRefused:
            changed.append((name[:16], "there is no such card"))
            continue
        title = words.short(line.title or line.act)
        if line.status != "waiting":
            changed.append((title, f"meanwhile {words.became(line.status)[0].lower()}"))
        elif line.digest != digest:
            changed.append((title, "it is another draft by now"))
    return changed


def _titles(workspace: Workspace, names: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        with suppress(CommandRefused):
            line = workspace.glance(name)
            found[name] = words.short(line.title or line.act)
    return found
