"""Cards: what waits for a person, and a person's answer by a program of theirs.

An answer names the digest of the effect that the card showed (`If-Match`), so that nothing is decided that was not
looked at. An agent's token can look, and none of the answers opens to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import Field

from mainstay.console.api.asked import Asked, IfMatch, MaybeKey, digest_of
from mainstay.console.api.noun import Deciding, Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place
from mainstay.console.api.values import (
    NAME_MAX,
    CardId,
    Digest,
    Name,
    Named,
    Reason,
    RunId,
    Said,
    Strict,
    Time,
)
from mainstay.kernel.errors import StaleApproval
from mainstay.workspace.cards import Card, CardLine, Leaving, Preview
from mainstay.workspace.decided import Decided, DecidedTogether
from mainstay.workspace.workspace import Workspace

noun = Noun("approvals")

DECIDED = (412, 428)
TOGETHER_MAX = 100
Show = Annotated[
    Literal["waiting", "put-off", "decided"], Query(description="Which cards: by default those that wait.")
]
ACT = r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$"


class Bound(Strict):
    """What is said of a card by who looked at it."""

    open_us: Time = Field(
        0, description="For how long the card was looked at; 0: measured from its first show."
    )


class Yes(Bound):
    """Yes to what the card shows."""

    confirm: Named = Field(
        "", description="The second step of what is final and of high stake: `second_step`."
    )


class Edited(Bound):
    """Yes to another text."""

    text: Said
    confirm: Named = ""
    anyway: bool = Field(False, description="Send it although the checks found something in it.")


class No(Bound):
    """No, and why."""

    reason: Reason = ""


class Later(Strict):
    """Not now."""

    until: Time = Field(description="When it comes back: microseconds since 1970.")


CardName = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]


class Shown(Strict):
    """A card of a preview, and the effect that it showed."""

    approval: CardName
    digest: Digest


class Together(Strict):
    """One answer to the cards of a preview."""

    answer: Literal["approve", "reject"]
    cards: Annotated[list[Shown], Field(min_length=1, max_length=TOGETHER_MAX)]
    guard: Name = Field(description="`guard` of the preview: these cards are the ones that were looked at.")
    without: Annotated[list[CardName], Field(max_length=TOGETHER_MAX)] = Field(
        default_factory=list, description="Of these cards the ones that are left out, and wait on."
    )
    reason: Reason = ""
    open_us: Time = 0


class Act(Strict):
    """Which act of a run."""

    task: Named = Field("", description="The name of its task; empty: the only one there is.")


@noun.get("/approvals", response_model=Page[CardLine])
async def list_approvals(
    asked: Reading,
    request: Request,
    response: Response,
    show: Show = "waiting",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """Cards that wait, that were put off or that were decided. Those that were asked for first come first."""
    wanted = place("approvals", limit, cursor, str, str)
    start = wanted.after[1] if wanted.after is not None and wanted.after[0] == show else ""

    def look(workspace: Workspace) -> tuple[list[CardLine], str | None]:
        page = workspace.queue(show, start=start, limit=limit)
        return list(page.lines), wanted.next((show, page.later)) if page.later else None

    return linked(request, response, await asked.read(look))


@noun.get("/approvals/leaving", response_model=list[Leaving])
async def list_leaving(asked: Reading) -> Any:
    """What was approved, or goes by itself, and can still be taken back."""
    return await asked.read(lambda workspace: workspace.leaving())


@noun.get("/approvals/preview", response_model=Preview)
async def preview_together(
    asked: Reading,
    act: Annotated[str, Query(pattern=ACT, max_length=NAME_MAX, examples=["email.label"])],
    workflow: Annotated[str, Query(max_length=NAME_MAX)] = "",
    kind_class: Annotated[str, Query(max_length=NAME_MAX)] = "",
) -> Any:
    """The waiting cards of an act that can be decided together, and the guard that binds a decision to them."""
    return await asked.read(
        lambda workspace: workspace.preview(act, workflow=workflow, kind_class=kind_class)
    )


@noun.post("/decisions", response_model=DecidedTogether)
async def decide_together(asked: Deciding, said: Together, key: MaybeKey = None) -> Any:
    """One answer to the cards of a preview. Each is bound to the effect that it showed, and has its own outcome."""
    cards = [(one.approval, one.digest) for one in said.cards]
    return await asked.act(
        lambda workspace: workspace.decide_together(
            *(said.answer, cards),
            guard=said.guard,
            without=said.without,
            reason=said.reason,
            actor=asked.actor,
            open_us=said.open_us,
            via=asked.via,
        )
    )


@noun.get(
    "/approvals/{card}",
    response_model=Card,
    responses={
        200: {
            "headers": {"ETag": {"schema": {"type": "string"}, "description": "The digest of what it shows."}}
        }
    },
)
async def show_approval(asked: Reading, card: CardId, response: Response) -> Any:
    """One card whole: what will happen, why it is asked, and how final it is. Its `ETag` is what an answer names."""

    def look(workspace: Workspace) -> Card:
        found = workspace.approval(card)
        if found.status == "waiting":
            workspace.shown(found.approval, by=asked.via)
        return found

    found = await asked.read(look)
    response.headers["ETag"] = f'"{found.digest}"'
    return found


@noun.post("/approvals/{card}/approve", response_model=Decided, also=DECIDED)
async def approve(
    asked: Deciding, card: CardId, said: Yes, digest: IfMatch = None, key: MaybeKey = None
) -> Any:
    """Yes to exactly what the card shows. Where it was decided already, 409 says what became of it."""
    return await _bound(asked, Workspace.approve, card, digest, said)


@noun.post("/approvals/{card}/edit", response_model=Decided, also=DECIDED)
async def edit_approval(
    asked: Deciding, card: CardId, said: Edited, digest: IfMatch = None, key: MaybeKey = None
) -> Any:
    """Yes to this text instead. It is a new effect with a digest of its own; what the checks find in it is told."""
    return await _bound(asked, Workspace.edit, card, digest, said)


@noun.post("/approvals/{card}/reject", response_model=Decided, also=DECIDED)
async def reject(
    asked: Deciding, card: CardId, said: No, digest: IfMatch = None, key: MaybeKey = None
) -> Any:
    """No to a card, and why."""
    return await _bound(asked, Workspace.reject, card, digest, said)


@noun.post("/approvals/{card}/snooze", response_model=Decided)
async def snooze(asked: Deciding, card: CardId, said: Later, key: MaybeKey = None) -> Any:
    """Not now. The card leaves the list until then; it expires when it would have."""
    return await _answered(
        *(asked, card), lambda workspace: workspace.snooze(card, until=said.until, actor=asked.actor)
    )


@noun.post("/approvals/{card}/ask-again", response_model=Decided)
async def ask_again(asked: Deciding, card: CardId, key: MaybeKey = None) -> Any:
    """Ask anew about what was rejected or expired: a run that goes on from there, whose acts all ask.

    Asked twice it is one run. `asks` is its card, once there is one.
    """
    return await asked.act(lambda workspace: workspace.ask_again(card, actor=asked.actor))


async def _bound(
    asked: Asked, answer: Callable[..., Decided], card: str, if_match: str | None, said: Bound
) -> Decided:
    """One of the answers that are bound to the effect which the card showed; what it says goes along by its names."""
    digest, more = digest_of(if_match), said.model_dump(exclude={"open_us"})
    return await _answered(
        *(asked, card),
        lambda workspace: answer(
            *(workspace, card),
            digest=digest,
            actor=asked.actor,
            open_us=said.open_us or None,
            via=asked.via,
            **more,
        ),
    )


async def _answered(asked: Asked, card: str, answer: Callable[[Workspace], Decided]) -> Decided:
    """An answer to a card, told by the words in which cards are listed. One that led to nothing is not told as done.

    A lost answer is had by its idempotency key; without one nobody can tell the same yes from another one's.
    """
    decided = await asked.act(answer)
    if not decided.events and decided.card != "waiting":
        approval = (await asked.read(lambda workspace: workspace.approval(card))).approval
        raise StaleApproval(
            f"Card {approval} no longer waits: it is {decided.card or decided.status}.",
            why="It was decided before your answer came.",
            remedy="Nothing was done. `GET /approvals` lists what waits now.",
            approval=approval,
            run=decided.run,
            status=decided.card or decided.status,
        )
    return replace(decided, status=decided.card or decided.status)


@noun.post("/runs/{run}/undo", response_model=Decided)
async def undo(asked: Deciding, run: RunId, said: Act, key: MaybeKey = None) -> Any:
    """Take back what may leave and has not left yet. A card asks anew: `asks`."""
    return await asked.act(
        lambda workspace: workspace.undo(run, task=said.task, actor=asked.actor, via=asked.via)
    )
