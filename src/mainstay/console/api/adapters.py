"""Adapters: how each is, how far it was read, and to read a mailbox now."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.long import ANSWERED, LongOperation, begin
from mainstay.console.api.noun import Noun, Reading, Steering
from mainstay.console.api.values import Named, Strict

noun = Noun("adapters")


class Adapter(BaseModel):
    """One adapter, and how it is."""

    name: str
    use: str
    address: str
    state: str
    reason: str
    remedy: str
    heard_at: int
    counts: dict[str, int]


class Mailbox(Strict):
    """Which mailbox."""

    adapter: Named = Field("", description="Empty: all of them.")


@noun.get("/adapters", response_model=list[Adapter])
async def list_adapters(asked: Reading) -> Any:
    """Each configured adapter, how it is, and how far it was read."""
    found = await asked.read(lambda workspace: list(workspace.adapters.all()))
    return [
        Adapter(
            name=one.name,
            use=one.use,
            address=one.address,
            state=one.state,
            reason=one.reason,
            remedy=one.remedy,
            heard_at=one.heard_at,
            counts=dict(one.counts),
        )
        for one in found
    ]


@noun.post("/adapters/ingest", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def ingest(
    asked: Steering, said: Mailbox, request: Request, response: Response, key: MaybeKey = None
) -> Any:
    """Read the mailboxes once. It takes its time: ask for the operation."""

    async def work() -> dict[str, Any]:
        return msgspec.to_builtins(  # type: ignore[no-any-return]
            await asked.front.act_slowly(lambda workspace: workspace.ingest(said.adapter))
        )

    return await begin(asked, request, response, "ingest", work, about=said.adapter)
