"""Who may look and decide: the token that asks, other tokens, and devices that are logged in.

A token that decides or administers is issued on this machine or in the console, and by no request: what is here given
away is never more than what a person has to be asked for.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Request, Response
from pydantic import BaseModel, Field

from mainstay.console.api.asked import Key, MaybeKey
from mainstay.console.api.noun import Administering, Noun, Reading
from mainstay.console.api.paging import Cursor, Limit, Page, linked, place, sliced
from mainstay.console.api.values import Strict
from mainstay.console.refused import Refused
from mainstay.kernel.scopes import ONLY_BY_HAND, in_order
from mainstay.runtime.tokens import DAYS_MAX, NAME_MAX, encode
from mainstay.workspace.workspace import Workspace

noun = Noun("access")

Issuable = Literal["read", "memory", "start", "propose", "steer", "decide", "admin"]
Short = Annotated[str, Path(pattern=r"^[0-9a-f]{4,64}$")]


class TokenShown(BaseModel):
    """A token, without its secret."""

    token: str
    name: str
    holder: Literal["operator", "agent"]
    scopes: list[str]
    issued_at: int
    until: int


class TokenMade(TokenShown):
    """A new token; its secret is told to who made the request, and to nobody else."""

    secret: str


class NewToken(Strict):
    """A token to issue."""

    name: Annotated[str, Field(min_length=1, max_length=NAME_MAX, pattern=r"^[ -~]*[!-~][ -~]*$")]
    holder: Literal["operator", "agent"] = "agent"
    scopes: Annotated[list[Issuable], Field(min_length=1, max_length=7)]
    days: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True)] = 90


class Ended(Strict):
    """Why it ends."""

    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\u0000]*$")] = ""


class Done(BaseModel):
    """How many there were."""

    count: int


class Device(BaseModel):
    """A device that is logged in."""

    device: str
    name: str
    via: str
    admitted_at: int
    until: int


@noun.get("/token", response_model=TokenShown)
async def show_own_token(asked: Reading) -> Any:
    """The token that asks: what it is good for, and until when."""
    return encode(asked.token)


@noun.get("/tokens", response_model=Page[TokenShown])
async def list_tokens(
    asked: Administering, request: Request, response: Response, limit: Limit = 50, cursor: Cursor = ""
) -> Any:
    """The tokens that are good."""
    wanted = place("tokens", limit, cursor, int, str)
    found = await asked.read(lambda workspace: workspace.tokens.standing())
    shown = [one | {"scopes": str(one["scopes"]).split()} for one in found]
    return linked(request, response, sliced(shown, lambda one: (one["issued_at"], one["token"]), wanted))


@noun.post("/tokens", response_model=TokenMade, status_code=201)
async def issue_token(asked: Administering, said: NewToken, key: Key) -> Any:
    """Issue a token that neither decides nor administers. Asked again under its key, it is the same one."""
    beyond = in_order(ONLY_BY_HAND & set(said.scopes))
    if beyond:
        raise Refused(
            403,
            f"No request issues a token that may {' or '.join(beyond)}.",
            why="Whoever took this token would have one that outlives it.",
            remedy="Issue it with `mainstay tokens issue` on this machine, or in the console.",
            kind="scope-missing",
        )
    return await asked.act(
        lambda workspace: workspace.tokens.issue(
            said.name,
            said.scopes,
            holder=said.holder,
            days=said.days,
            actor=asked.actor,
            asked_as=asked.name,
        )
    )


@noun.post("/tokens/{token}/revoke", response_model=Done)
async def revoke_token(asked: Administering, token: Short, said: Ended, key: MaybeKey = None) -> Any:
    """End a token."""

    def do(workspace: Workspace) -> dict[str, int]:
        return {"count": int(workspace.tokens.revoke(token, reason=said.reason, actor=asked.actor))}

    return await asked.act(do)


@noun.get("/devices", response_model=list[Device])
async def list_devices(asked: Administering) -> Any:
    """The devices that are logged in, newest first."""
    return await asked.read(lambda workspace: workspace.console.devices())


@noun.post("/devices/{device}/dismiss", response_model=Done)
async def dismiss_device(asked: Administering, device: Short, key: MaybeKey = None) -> Any:
    """Log a device out."""
    return {"count": await asked.act(lambda workspace: workspace.console.dismiss(device, actor=asked.actor))}


@noun.post("/devices/dismiss-all", response_model=Done)
async def dismiss_devices(asked: Administering, key: MaybeKey = None) -> Any:
    """Log every device out."""
    return {"count": await asked.act(lambda workspace: workspace.console.dismiss("", actor=asked.actor))}
