"""Proposals: one act that a program or an agent asks for, and that a person decides about."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mainstay.console.api.asked import Key
from mainstay.console.api.noun import Noun, Proposing, Reading
from mainstay.console.api.values import Free, Reason, Strict
from mainstay.workspace.decided import Decided
from mainstay.workspace.proposing import Proposable

noun = Noun("proposals")


class Proposal(Strict):
    """An act that is proposed; a person decides about it."""

    act: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$", max_length=120)]
    arguments: Free = Field({}, description="As `GET /proposals/acts` describes them.")
    why: Reason = ""


@noun.get("/proposals/acts", response_model=list[Proposable])
async def list_proposable(asked: Reading) -> Any:
    """The acts that can be proposed here, each with the schema of its arguments."""
    return await asked.read(lambda workspace: workspace.proposable())


@noun.post("/proposals", response_model=Decided, status_code=201)
async def propose(asked: Proposing, said: Proposal, key: Key) -> Any:
    """Propose one act. It becomes a run of its own, and asks a person."""
    return await asked.act(
        lambda workspace: workspace.propose(
            said.act, said.arguments, why=said.why, request=asked.name, actor=asked.actor
        )
    )
