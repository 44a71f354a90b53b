"""Which kinds of act go by themselves, on which evidence; to grant that, and to take it back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Request, Response
from pydantic import Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.noun import Administering, Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, cut, linked, place
from mainstay.console.api.values import Digits, KindQuery, Named, Reason, Strict
from mainstay.governance.autonomy import KindOfAct
from mainstay.workspace.autonomy import Granted
from mainstay.workspace.autonomy_history import Change, Evidence

noun = Noun("autonomy")

Kind = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\u0000]+$")]


class Grant(Strict):
    """How far a kind of act goes by itself."""

    kind: Kind
    level: Literal["", "shadow", "held", "automatic"] = Field(
        "", description="Empty: as far as its evidence reaches."
    )


class Revoke(Strict):
    """A kind of act that asks again."""

    kind: Kind
    reason: Reason = ""


class Wrong(Strict):
    """An act that left by itself and was wrong."""

    run: Annotated[str, Field(pattern=Digits)]
    task: Named = ""
    reason: Reason = ""


@noun.get("/autonomy", response_model=list[KindOfAct])
async def list_kinds(asked: Reading) -> Any:
    """Every kind of act: how far it goes by itself, on which evidence, and what is missing."""
    return await asked.read_slowly(lambda workspace: workspace.autonomy.kinds())


@noun.get("/autonomy/proposals", response_model=list[KindOfAct])
async def list_proved(asked: Reading) -> Any:
    """What could stop asking now: it is proved, and waits for a word."""
    return await asked.read_slowly(lambda workspace: list(workspace.autonomy.proposals()))


@noun.get("/autonomy/kind", response_model=KindOfAct)
async def show_kind(asked: Reading, kind: KindQuery) -> Any:
    """One kind of act."""
    return await asked.read_slowly(lambda workspace: workspace.autonomy.kind(kind))


@noun.get("/autonomy/evidence", response_model=Page[Evidence])
async def list_evidence(
    asked: Reading,
    request: Request,
    response: Response,
    kind: KindQuery,
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Any:
    """The decisions that counted for or against a kind, newest first."""
    wanted = place("evidence", limit, cursor, int)
    before = max(1, wanted.after[0]) if wanted.after is not None else 0
    found = await asked.read(
        lambda workspace: workspace.autonomy.evidence(kind, before=before, limit=limit + 1)
    )
    return linked(request, response, cut(found, lambda one: (one.position,), wanted))


@noun.get("/autonomy/changes", response_model=list[Change])
async def list_changes(asked: Reading, kind: KindQuery) -> Any:
    """When a kind was proposed, granted and taken back."""
    return await asked.read(lambda workspace: workspace.autonomy.changes(kind))


@noun.post("/autonomy/grant", response_model=Granted)
async def grant(asked: Administering, said: Grant, key: MaybeKey = None) -> Any:
    """Let a kind of act go by itself as far as its evidence reaches, or put it into the shadow."""
    return await asked.act(
        lambda workspace: workspace.autonomy.grant(said.kind, level=said.level, actor=asked.actor)
    )


@noun.post("/autonomy/revoke", response_model=Granted)
async def revoke(asked: Administering, said: Revoke, key: MaybeKey = None) -> Any:
    """Let a kind of act ask again. What waits in its window asks as well."""
    return await asked.act(
        lambda workspace: workspace.autonomy.revoke(said.kind, reason=said.reason, actor=asked.actor)
    )


@noun.post("/autonomy/wrong", response_model=Granted)
async def report_wrong(asked: Administering, said: Wrong, key: MaybeKey = None) -> Any:
    """Say that an act which left by itself was wrong. Said twice it counts once."""
    return await asked.act(
        lambda workspace: workspace.autonomy.wrong(said.run, said.task, reason=said.reason, actor=asked.actor)
    )
