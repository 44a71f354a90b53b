"""The rules: which are in force, what is wrong with the files, and why something is judged as it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field

from mainstay.console.api.asked import IfShown, MaybeKey, shown_of
from mainstay.console.api.noun import Administering, Noun, Reading
from mainstay.console.api.values import Digits, Named, Strict
from mainstay.workspace.policies import Checked
from mainstay.workspace.policy_compared import Compared
from mainstay.workspace.policy_explained import Explained
from mainstay.workspace.policy_versions import PolicyVersion

noun = Noun("policies")

Version = Annotated[
    str,
    Query(
        pattern=r"^([0-9a-f]{4,64}|files)?$",
        description="A digest or its beginning, or `files`; empty: the usual.",
    ),
]


TAGGED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {"ETag": {"schema": {"type": "string"}, "description": "What the rules of the files are."}}
    }
}


class Supposed(Strict):
    """An act as rules see it."""

    act: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*$", max_length=120)]
    given: Annotated[dict[str, Named], Field(max_length=50)] = Field(default_factory=dict)


@noun.get("/policies", response_model=list[PolicyVersion])
async def list_policies(asked: Reading) -> Any:
    """Every policy that was in force, newest first, and that of the files."""
    return await asked.read(lambda workspace: workspace.policies.versions())


@noun.get("/policies/check", response_model=Checked, responses=TAGGED)
async def check_policies(asked: Reading, response: Response) -> Any:
    """What is wrong with the rules of the files. Its `ETag` says what they are, for whoever puts them in force."""
    found = await asked.read(lambda workspace: workspace.policies.check())
    response.headers["ETag"] = f'"{found.digest}"'
    return found


@noun.get("/policies/difference", response_model=Compared)
async def compare_policies(asked: Reading, old: Version = "", new: Version = "") -> Any:
    """What differs between the rules in force and the files, or two versions, and which waiting cards that concerns."""
    return await asked.read_slowly(lambda workspace: workspace.policies.difference(old, new))


@noun.get("/policies/explain", response_model=Explained)
async def explain_verdict(
    asked: Reading,
    of: Annotated[str, Query(pattern=Digits, description="A card; with `task`, a run.")],
    task: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
) -> Any:
    """Why a card, or the act of a task, is judged as it is now."""
    return await asked.read(lambda workspace: workspace.policies.explain(of, task))


@noun.post("/policies/explain", response_model=Explained)
async def explain_supposed(asked: Reading, said: Supposed) -> Any:
    """What the rules of the files would say of an act that is described. Nothing is changed."""
    return await asked.read(lambda workspace: workspace.policies.explain_act(said.act, said.given))


@noun.post("/policies/apply", response_model=dict[str, Any], also=(412, 428))
async def apply_rules(asked: Administering, key: MaybeKey = None, shown: IfShown = None) -> Any:
    """Put the rules of the folder in force, as they were checked, and its templates."""
    looked_at = shown_of(shown)
    return await asked.act(lambda workspace: workspace.policies.apply(looked_at=looked_at))
