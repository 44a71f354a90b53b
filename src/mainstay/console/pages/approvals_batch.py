"""`/approvals/batch`: one answer to cards that are alike, after a look at exactly what would happen.

Nothing is chosen by hand: what is alike and has no remark stands together, everything else by itself, each with its
reason. The answer is bound to the cards and texts that stood on the page; if one of them changed, nothing is decided
and the page says which. What became of each is shown once more afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console import card_words as words
from mainstay.console import csrf, forms, queries
from mainstay.console.pages.approvals import Told
from mainstay.console.refused import Refused
from mainstay.console.rendering import done, page
from mainstay.console.sessions import session_of
from mainstay.console.wording import counted
from mainstay.governance.batches import guard_of
from mainstay.kernel.errors import CommandRefused
from mainstay.workspace import CardLine, DecidedTogether, Preview, Workspace
from mainstay.workspace.card_queue import Alike
from mainstay.workspace.serving_web import Front

PATH = "/approvals/batch"
CARDS_MAX = 40  # on one page: nobody reads more in one go
TEXT_MAX = 1_500  # characters of a text; the rest stands on its card
WORD_MAX, REASON_MAX, CARDS_TEXT_MAX = 200, 10_000, 20_000
KEPT = 64  # outcomes of batches that can be looked at


@dataclass(frozen=True, slots=True)
class Kind:
    """Of which cards there is talk."""

    act: str
    workflow: str
    kind_class: str

    @property
    def address(self) -> str:
        """The page of these."""
        return queries.address(PATH, **{"act": self.act, "workflow": self.workflow, "class": self.kind_class})


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found."""

    kinds: list[Alike]
    kind: Kind | None
    preview: Preview | None = None
    told: Told | None = None

    @property
    def cards(self) -> tuple[CardLine, ...]:
        """Those that are decided together here."""
        return self.preview.cards[:CARDS_MAX] if self.preview else ()

    @property
    def guard(self) -> str:
        """What binds an answer to them."""
        return guard_of([(one.approval, one.digest) for one in self.cards])

    @property
    def more(self) -> int:
        """That fit as well, and come after these."""
        return len(self.preview.cards) - len(self.cards) + self.preview.more if self.preview else 0


class Batch:
    """Cards that are decided together."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._outcomes: OrderedDict[str, DecidedTogether] = OrderedDict()  # no text of anybody in it

    async def show(self, request: Request) -> Response:
        """What would happen; or, after it, what became of each."""
        ended = self._outcomes.get(queries.text(request, "done"))
        if ended is not None:
            titles = await self._front.read(lambda workspace: _titles(workspace, ended))
            outcomes = [(one, titles.get(one.approval, "")) for one in ended.outcomes]
            return page(request, "approvals_batch_done.html", outcomes=outcomes)
        kind = Kind(*(queries.text(request, name) for name in ("act", "workflow", "class")))
        return await self._page(request, kind)

    async def decide(self, request: Request) -> Response:
        """One answer to all of them."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "approvals batch", fields)
        kind = Kind(*(forms.text(fields, name, most=WORD_MAX) for name in ("act", "workflow", "class")))
        reason = forms.text(fields, "reason", most=REASON_MAX)
        answer = forms.text(fields, "answer", most=WORD_MAX)
        cards = _cards(fields)
        changed = await self._front.read(lambda workspace: _changed(workspace, cards))
        if changed:
            told = Told(
                "Nothing was decided: not all of it is as it was shown.",
                remedy="What stands here now is what would happen.",
                findings=tuple({"check": title, "remark": why} for title, why in changed),
                tone="warn",
            )
            return await self._page(request, kind, status=409, told=told, reason=reason)
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device, guard = session.device.device, forms.text(fields, "guard", most=WORD_MAX)
        try:
            decided = await self._front.act(
                lambda workspace: workspace.decide_together(
                    answer,
                    cards,
                    guard=guard,
                    reason=reason,
                    open_us=workspace.open_for(_mark(guard), by=device),
                    via=device,
                )
            )
        except CommandRefused as error:
            told = Told(error.what, error.why, error.remedy)
            return await self._page(request, kind, status=422, told=told, reason=reason)
        self._outcomes[guard] = decided
        while len(self._outcomes) > KEPT:
            self._outcomes.popitem(last=False)
        count = len(decided.outcomes) - len(decided.left_out)
        said = "approved" if answer == "approve" else "rejected"
        return done(request, queries.address(PATH, done=guard), f"{counted(count, 'card')} {said} together.")

    async def _page(
        self,
        request: Request,
        kind: Kind,
        *,
        status: int = 200,
        told: Told | None = None,
        reason: str = "",
    ) -> Response:
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        device = session.device.device

        def look(workspace: Workspace) -> Seen:
            kinds = workspace.alike()
            chosen = kind if kind.act else _first(kinds)
            if chosen is None:
                return Seen(kinds, None, told=told)
            try:
                found = workspace.preview(chosen.act, workflow=chosen.workflow, kind_class=chosen.kind_class)
            except CommandRefused as error:
                return Seen(
                    kinds, chosen, told=told or Told(error.what, error.why, "Choose one of them above.")
                )
            seen = Seen(kinds, chosen, found, told)
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
            text_max=TEXT_MAX,
        )


def _mark(guard: str) -> str:
    return f"batch-{guard[:32]}"


def _first(kinds: Sequence[Alike]) -> Kind | None:
    together = [one for one in kinds if not one.alone]
    return Kind(together[0].act, together[0].workflow, together[0].kind_class) if together else None


def _cards(fields: FormData) -> list[tuple[str, str]]:
    """Each with the effect that it showed. Raises `Refused` for what no page of ours sends."""
    lines = forms.text(fields, "cards", most=CARDS_TEXT_MAX).split("\n")
    found = [tuple(line.split()) for line in lines if line.strip()]
    if not found or any(len(one) != 2 for one in found):
        raise Refused(
            400,
            "No cards were named.",
            why="The page says which ones are decided.",
            remedy="Nothing was decided. Load the page again.",
        )
    return [(one[0], one[1]) for one in found]


def _changed(workspace: Workspace, cards: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
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


def _titles(workspace: Workspace, decided: DecidedTogether) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in decided.outcomes:
        with suppress(CommandRefused):
            line = workspace.glance(one.approval)
            found[one.approval] = words.short(line.title or line.act)
    return found
