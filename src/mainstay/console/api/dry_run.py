"""A dry run: what a workflow would do with an input. Nothing leaves, and nothing of it is kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from mainstay.console.api.noun import Noun, Reading
from mainstay.console.api.values import Free, NamePath, Strict
from mainstay.console.refused import Refused
from mainstay.workspace.dry_run import DryRun
from mainstay.workspace.workspace import Workspace

noun = Noun("workflows")


class Trial(Strict):
    """What to try it with: a message of the inbox, or a trigger."""

    message: Annotated[str, Field(pattern=r"^([0-9a-f]{4,64})?$")] = Field(
        "", description="The `key` of a message of `GET /inbox`."
    )
    trigger: Free = Field(
        default_factory=dict,
        description="In place of it: plain values; a `message` by its text, subject and from_address.",
    )
    answers: Free = Field(
        default_factory=dict,
        description="What an agent would say that is not asked, by `TASK.FIELD`.",
    )


@noun.post("/workflows/{name}/try", response_model=DryRun)
async def try_workflow(asked: Reading, name: NamePath, said: Trial) -> Any:
    """Each step that a workflow would take, what would ask you, and by which rule.

    Whoever would be asked is taken to say yes. Agents that cost something are not asked.
    """
    if said.message and said.trigger:
        raise Refused(
            422,
            "There are two inputs.",
            why="It is tried with a message of the inbox, or with a trigger.",
            remedy="Give one of them. Nothing was done.",
            kind="invalid",
        )

    def look(workspace: Workspace) -> DryRun:
        if said.message:
            return workspace.dry_run.message(name, said.message, answers=said.answers)
        return workspace.dry_run.given(name, said.trigger, answers=said.answers)

    return await asked.read_slowly(look)
