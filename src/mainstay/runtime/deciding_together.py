"""One answer to many cards that are alike, each bound to the effect that was shown, with an outcome for each."""

from __future__ import annotations

from collections.abc import Awaitable

from mainstay.governance.batches import (
    ANSWERED,
    REMARKED,
    TOGETHER_MAX,
    guard_of,
    is_remarked,
    likeness,
    other_guard,
    why_alone,
)
from mainstay.governance.own_text import OWN_TEXT, own_text
from mainstay.kernel.commands import GrantApproval
from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.events import Event
from mainstay.kernel.ids import ApprovalId, RunId, run_stream
from mainstay.kernel.values import Digest, Json
from mainstay.ledger.store import RecordedEvent
from mainstay.runtime.answering import Answering
from mainstay.runtime.sending import Decided, Row


class DecidingTogether(Answering):
    """Takes one answer for many cards."""

    async def decide_together(
        self,
        *,
        answer: str,
        cards: list[list[str]],
        guard: str,
        reason: str = "",
        actor: str,
        open_us: int = 0,
        via: str = "",
    ) -> Json:
        """One answer to the cards of a preview; each is bound to the digest that was shown, and has its outcome.

        `guard` is `governance.batches.guard_of` over the cards: it says that these are the ones that were looked at.
        """
        chosen = _pairs(cards)
        if answer not in ("approve", "reject"):
            raise CommandRefused(f"{answer!r} is no answer to many cards.", remedy="Say approve or reject.")
        if not chosen or len(chosen) > TOGETHER_MAX:
            raise CommandRefused(
                f"A batch has 1 to {TOGETHER_MAX} cards.", remedy="Take fewer, and the rest after them."
            )
        if guard != guard_of(chosen):
            raise other_guard()
        if answer == "approve":
            self._refuse_when_killed()
        rows = [(self._store.get("approvals", (name,)), name, digest) for name, digest in chosen]
        alike = {likeness(row) for row, _, _ in rows if row is not None and row["status"] == "waiting"}
        if len(alike) > 1:
            raise CommandRefused(
                "These cards are not alike.",
                why="A batch holds one kind of act and one finality: " + ", ".join(sorted(map(_say, alike))),
                remedy="Decide one kind after the other.",
            )
        import asyncio  # one card is decided without it, and it takes long to load

        outcomes: dict[str, Json] = {}
        going: list[tuple[str, Awaitable[Decided]]] = []
        for row, name, digest in rows:
            left_out = _why_left_out(row, digest) or self._remarked(row)
            outcomes[name] = {"approval": name, "digest": digest, "outcome": "left out", "why": left_out}
            if not left_out and row is not None:
                going.append((name, self._say_one(answer, row, reason, actor, open_us, guard, via)))
        for name, decided in zip(
            [name for name, _ in going], await asyncio.gather(*(one for _, one in going)), strict=True
        ):
            said = {"granted": "approved"}.get(decided.card, decided.card)
            outcomes[name] |= {"outcome": said, "run": decided.run, "events": decided.events}
        return {"guard": guard, "outcomes": list(outcomes.values())}

    def _remarked(self, row: Row | None) -> str:
        """Why it cannot be decided with others, whatever list it came in: its preview would have left it out."""
        if row is None:
            return ""
        one = self._director.load(RunId(str(row["run"])))
        if one is not None and is_remarked(one.state):
            return REMARKED
        if own_text(self._store, row) is not None:
            return OWN_TEXT
        from mainstay.governance.earlier import other_answer  # one card is decided without it

        other = other_answer(self._store, self._events_of, row)
        return ANSWERED if other is not None else ""

    def _events_of(self, run: RunId) -> list[tuple[RecordedEvent, Event]]:
        codec = self._director.codec
        return [(one, codec.event(one)) for one in self._store.read(run_stream(run))]

    def _say_one(
        self, answer: str, row: Row, reason: str, actor: str, open_us: int, guard: str, via: str
    ) -> Awaitable[Decided]:
        if answer == "reject":
            return self._send(self._rejection(row, reason, actor, open_us, guard, via), row, actor)
        grant = GrantApproval(
            RunId(str(row["run"])),
            ApprovalId(str(row["approval"])),
            Digest(str(row["digest"])),
            *(actor, open_us, False, guard, via),
        )
        return self._send(grant, row, actor, taught=self._taught(row, None, actor))


def _pairs(cards: object) -> list[tuple[str, str]]:
    """Cards of a preview as they came through a door, each once. Raises `CommandRefused`."""
    found: dict[str, str] = {}
    for one in cards if isinstance(cards, list | tuple) else [cards]:
        match one:
            case [str(name), str(digest)]:
                found[name] = digest
            case _:
                raise CommandRefused("A card of a batch is its id and the digest that was shown.")
    return list(found.items())


def _why_left_out(row: Row | None, digest: str) -> str:
    if row is None:
        return "there is no such card"
    if row["status"] != "waiting":
        return f"it no longer waits: it is {row['status']!s}"
    if row["digest"] != digest:
        return "it shows another effect by now"
    return why_alone(row)


def _say(alike: tuple[str, str]) -> str:
    return " ".join(alike)
