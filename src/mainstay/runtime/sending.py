"""How an answer reaches its card: what is meant is found, what makes no sense is refused, and one command is sent.

An answer that was given before decides nothing; one that comes too late is refused with what became of the card.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mainstay.governance.taken_back import asks_anew
from mainstay.kernel.commands import (
    CancelRun,
    Command,
    EditApproval,
    GrantApproval,
    RejectApproval,
    ResolveDoubt,
    SnoozeApproval,
    StartRun,
    UndoAct,
)
from mainstay.kernel.errors import CommandRefused, StaleApproval
from mainstay.kernel.ids import RunId, SubjectId
from mainstay.kernel.persons import is_person
from mainstay.kernel.state import Act, Phase, RunState
from mainstay.kernel.values import Json
from mainstay.ledger.short_ids import find_card
from mainstay.ledger.store import EventReader, EventStore, Value
from mainstay.runtime.artifacts import Artifacts
from mainstay.runtime.director import Director
from mainstay.runtime.taught import NOTHING, Taught, tells_of_lessons
from mainstay.runtime.tick import Answer, Request

if TYPE_CHECKING:
    from mainstay.agents.base import Finding
    from mainstay.runtime.rendering import Rendering
    from mainstay.runtime.routes import Route
    from mainstay.runtime.teaching import Teaching

Ask = Callable[[Request], Awaitable[Answer]]
# What is wrong with a text: its new findings, besides those of the text that was shown.
Inspect = Callable[[str, str], Sequence["Finding"]]
Row = dict[str, Value]

DIGEST_MIN = 4  # hex digits: fewer would fit too many effects to guard anything
_HEX = frozenset("0123456789abcdef")
_LIST = "`mainstay approvals` lists what waits now."


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision led to."""

    run: str
    task: int
    events: int  # 0: it had been decided already
    status: str  # of the task, or of the run
    detail: Json = field(default_factory=dict)
    card: str = (
        ""  # what became of the card: granted, edited, rejected, waiting, denied by a rule, expired, ...
    )


class Sending:
    """Finds what an answer is about, and sends it to one director."""

    def __init__(
        self,
        director: Director,
        rendering: Callable[[], Rendering],
        artifacts: Artifacts,
        routes: Callable[[str, Json], Route | None],
        ask: Ask,
        teaching: Callable[[], Teaching | None] = lambda: None,
        inspect: Inspect = lambda text, shown: (),
    ) -> None:
        self._director = director
        self._rendering = rendering  # like `teaching`, made when a decision needs it: most need neither
        self._artifacts = artifacts
        self._routes = routes
        self._ask = ask
        self._teaching = teaching
        self._inspect = inspect

    @property
    def _store(self) -> EventStore:
        return self._director.store

    def _answered(self, short: str, digest: str | None, status: str) -> Decided | None:
        """The same answer given before, perhaps with its reply lost: nothing is decided twice."""
        row = find_card(self._store, short)
        if row["status"] != status or not str(row["digest"]).startswith(_named(digest)):
            return None
        _refuse_taken_back(self._store, row)
        return Decided(str(row["run"]), whole(row["task"]), 0, status, card=status)

    def _waiting(self, short: str, digest: str | None) -> Row:
        row = find_card(self._store, short)
        card, status, waits = str(row["approval"]), str(row["status"]), str(row["digest"])
        if status != "waiting":
            _refuse_taken_back(self._store, row)
            by = f" by {row['actor']!s}" if row["actor"] else ""
            raise StaleApproval(
                f"Card {card} no longer waits: it is {status}.",
                why=f"That was decided{by} before your answer came; nothing was changed by it."
                if by
                else "It was withdrawn, replaced or has expired; nothing was changed by your answer.",
                remedy=_LIST,
                approval=row["approval"],
                run=row["run"],
                status=row["status"],
            )
        if not waits.startswith(_named(digest)):
            raise StaleApproval(
                "This is not the effect that waits.",
                why=f"You name digest {(digest or '')[:16]}, the card is about {waits[:16]}.",
                remedy="Look at the card again before you decide.",
                approval=row["approval"],
                digest=row["digest"],
            )
        return row

    def _card(self, run: RunId, approval: str) -> tuple[RunState, Act, int]:
        one = self._director.load(run)
        if one is not None:
            for number, task in one.state.all_tasks():
                if task.phase is Phase.APPROVAL and task.act and task.act.approval == approval:
                    return one.state, task.act, number
        raise StaleApproval(remedy=_LIST, approval=approval)

    def _subject(self, run: str) -> SubjectId | None:
        one = self._director.load(RunId(run))
        return one.state.head.owner if one else None

    async def _send(
        self,
        command: GrantApproval
        | EditApproval
        | RejectApproval
        | SnoozeApproval
        | UndoAct
        | ResolveDoubt
        | CancelRun
        | StartRun,
        row: Row,
        actor: str,
        *,
        blobs: bool = False,
        taught: Taught = NOTHING,
        follow: Sequence[Command] = (),
    ) -> Decided:
        if not isinstance(command, StartRun | CancelRun):
            _require_person(actor)
        self._director.load(command.run)
        if isinstance(command, GrantApproval | EditApproval):
            self._refuse_when_killed()
        staged = self._artifacts.take_staged() if blobs else {}
        cause = row.get("position")
        answer = await self._ask(
            Request(
                command,
                actor,
                cause if isinstance(cause, int) else 0,
                blobs=staged,
                follow=(*taught.commands, *follow),
            )
        )
        one = self._director.runs.get(command.run)
        number = whole(row.get("task"))
        status = "ended"
        if one is not None and isinstance(command, CancelRun | StartRun):
            status = one.state.status.name.lower()
        elif one is not None and one.state.exists(number):
            status = one.state.task(number).phase.name.lower()
        card = ""
        if "approval" in row:
            after = self._store.get("approvals", (row["approval"],))
            card = str(after["status"]) if after else ""
        return Decided(
            command.run, number, answer.events, status, taught.detail if answer.events else {}, card
        )

    def _taught(self, row: Row, text: str | None, actor: str) -> Taught:
        """What follows for later drafts from a reply that is sent, edited to `text` or as it stands."""
        try:
            state, act, number = self._card(RunId(str(row["run"])), str(row["approval"]))
        except StaleApproval:
            return NOTHING
        if text is None and not tells_of_lessons(state, number):
            return NOTHING
        teaching = self._teaching()
        if teaching is None:
            return NOTHING
        now = self._director.clock.now()
        if text is None:
            return teaching.approved(state, number, act, actor=actor, now=now)
        return teaching.edited(state, number, act, text, actor=actor, now=now)

    def _refuse_when_killed(self) -> None:
        if self._director.killed:
            raise CommandRefused(
                "Nothing leaves while the kill switch is on.",
                why="It was thrown, and every act waits.",
                remedy="`mainstay resume` allows acts again; then approve the card.",
            )


def _require_person(actor: str) -> None:
    if not is_person(actor):
        raise CommandRefused(
            "Only a person decides about cards.",
            why=f"{actor[:80]!r} is no person: agents propose, and what they propose is decided by others.",
            remedy="Decide it yourself, from the console or the command line.",
        )


def _refuse_taken_back(store: EventReader, row: Row) -> None:
    """An answer to a card whose act was taken back since. Raises `StaleApproval`, with the card that asks in its place.

    "It had been decided already" would sound as if it had left.
    """
    new = asks_anew(store, row)
    if new is None:
        return
    card, status = str(new["approval"]), str(new["status"])
    raise StaleApproval(
        f"What card {row['approval']!s} asked for was approved, and taken back before it left.",
        why=f"Card {card} asks anew; nothing was changed by your answer."
        if status == "waiting"
        else f"Card {card} asked anew, and it is {status}; nothing was changed by your answer.",
        remedy=f"`mainstay approvals show {card}` shows it.",
        approval=row["approval"],
        status="taken back",
        asks=card,
    )


def _named(digest: str | None) -> str:
    """The digest that an answer is bound to, "" where it is bound to none. Raises `CommandRefused`.

    An empty one is refused, not taken for none: whoever gives one wanted the guard.
    """
    if digest is None:
        return ""
    plain = digest.strip().lower()
    if len(plain) < DIGEST_MIN or not set(plain) <= _HEX:
        raise CommandRefused(
            "The digest is empty." if not plain else f"{digest[:80]!r} is not the beginning of a digest.",
            why=f"A digest is hexadecimal, and at least {DIGEST_MIN} digits are needed. Nothing was decided.",
            remedy="Copy it from the card, or leave it out to decide without it.",
        )
    return plain


def whole(value: Value) -> int:
    """A number of a row; 0 where there is none."""
    return value if isinstance(value, int) else 0
