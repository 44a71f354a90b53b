"""Language models that are configured, and programs of the operator's own: how each stands, and whether it answers.

Which bytes of a program are trusted is said on the machine, by who has looked at its files; no request says it.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import MaybeKey
from mainstay.console.api.long import ANSWERED, LongOperation, begin
from mainstay.console.api.noun import Deciding, Noun, Reading
from mainstay.console.api.values import NAME_MAX, Strict
from mainstay.workspace.executables import ExecutableState
from mainstay.workspace.model_checks import ModelState
from mainstay.workspace.workspace import Workspace

noun = Noun("models")

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
Model = Annotated[
    str, Path(max_length=NAME_MAX, pattern=NAME, description="A name of [models].", examples=["default"])
]
Program = Annotated[
    str, Path(max_length=NAME_MAX, pattern=NAME, description="A name of [agents].", examples=["pricing"])
]


class Agreed(Strict):
    """Whether it is meant although nobody knows what it costs."""

    unpriced: bool = Field(False, description="Make the call also where nobody knows what it costs.")


class AgentsTold(BaseModel):
    """Programs of the operator's own, and whether this machine can run any."""

    agents: list[ExecutableState]
    sandbox: str = Field(description="Why this machine runs none of them; empty: it can.")


class AgentTold(BaseModel):
    """One of them."""

    agent: ExecutableState
    sandbox: str


@noun.get("/models", response_model=list[ModelState])
async def list_models(
    asked: Reading,
    reach: Annotated[
        bool, Query(description="Ask each endpoint which models it has; nothing else is sent.")
    ] = False,
) -> Any:
    """The configured models: what each is used for, costs and may be sent, what was spent, and whether it answers."""
    look = asked.read_outside if reach else asked.read
    return await look(lambda workspace: workspace.models.all(reach=reach))


@noun.post("/models/{name}/check", response_model=LongOperation, status_code=202, responses=ANSWERED)
async def check_model(
    asked: Deciding, name: Model, said: Agreed, request: Request, response: Response, key: MaybeKey = None
) -> Any:
    """Make one small call, with fixed words. It costs what it costs and stands in no budget: ask for the operation."""
    await asked.read(lambda workspace: workspace.models.planned(name))  # a name that is none begins nothing

    async def work() -> dict[str, Any]:
        return msgspec.to_builtins(  # type: ignore[no-any-return]
            await asked.read_outside(lambda workspace: workspace.models.check(name, unpriced=said.unpriced))
        )

    return await begin(asked, request, response, "model check", work, about=f"{name} {said.unpriced}")


@noun.get("/agents", response_model=AgentsTold)
async def list_agents(asked: Reading) -> Any:
    """Programs of the operator's own: which there are, and whether their files are the trusted ones."""

    def look(workspace: Workspace) -> AgentsTold:
        return AgentsTold(agents=list(workspace.executables.all()), sandbox=workspace.executables.sandbox)

    return await asked.read_slowly(look)


@noun.get("/agents/{name}", response_model=AgentTold)
async def check_agent(asked: Reading, name: Program) -> Any:
    """One program: its files, their digest, and whether this machine can run it. Nothing is started of it."""

    def look(workspace: Workspace) -> AgentTold:
        return AgentTold(agent=workspace.executables.show(name), sandbox=workspace.executables.sandbox)

    return await asked.read_slowly(look)
