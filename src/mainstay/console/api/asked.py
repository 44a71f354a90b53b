"""Who asks, with which key, and the ways to read and to act.

An operation says which scope it wants. What it does it does as whoever holds the token: an operator's program as the
operator, an agent under its own name, as which nothing is decided behind any door.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request

from mainstay.console.refused import Refused
from mainstay.console.tokens import token_of
from mainstay.kernel.scopes import OF_AGENTS
from mainstay.runtime.tokens import Token
from mainstay.workspace.serving_web import Front
from mainstay.workspace.workspace import Workspace

Result = TypeVar("Result")

_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json")  # as FastAPI reads it
KEY = r"^[!-~]{8,200}$"
_DESCRIBED = (
    "A name that you make for this request: sent again under it, with the same body, it is done once and answered the "
    "same. Any 8 to 200 visible characters; a UUID will do."
)
Key = Annotated[
    str, Header(alias="Idempotency-Key", pattern=KEY, description=_DESCRIBED, examples=["b1f0c2a4"])
]
MaybeKey = Annotated[str | None, Header(alias="Idempotency-Key", pattern=KEY, description=_DESCRIBED)]
_MATCH = {"alias": "If-Match", "max_length": 200, "pattern": r"^[ -~]*$"}
IfMatch = Annotated[
    str | None,
    Header(
        description="The digest of the effect that the card shows, as its `ETag` says it. Required.", **_MATCH
    ),
]
IfShown = Annotated[
    str | None,
    Header(
        description="The digest of what was shown, as its `ETag` says it. What stands there is changed then.",
        **_MATCH,
    ),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a program."""

    front: Front
    token: Token
    key: str  # its own name; empty: it has none
    body: str  # what it asks, as a digest

    @property
    def actor(self) -> str:
        """As whom it acts."""
        return self.token.actor

    @property
    def via(self) -> str:
        """By what."""
        return self.token.via

    @property
    def name(self) -> str:
        """What this request is called by nobody else: who asks, and their key."""
        return f"{self.token.token} {self.key}" if self.key else ""

    async def read(self, look: Callable[[Workspace], Result]) -> Result:
        """See `Front.read`."""
        return await self.front.read(look)

    async def read_slowly(self, look: Callable[[Workspace], Result]) -> Result:
        """See `Front.read_slowly`."""
        return await self.front.read_slowly(look)

    async def read_elsewhere(self, look: Callable[[Workspace], Result]) -> Result:
        """See `Front.read_elsewhere`."""
        return await self.front.read_elsewhere(look)

    async def read_outside(self, look: Callable[[Workspace], Result]) -> Result:
        """See `Front.read_outside`."""
        return await self.front.read_outside(look)

    async def act(self, do: Callable[[Workspace], Result]) -> Result:
        """Do it; under its key, once."""
        if self.key:
            return await self.front.act_once(self.name, self.body, do)
        return await self.front.act(do)

    async def act_slowly(self, do: Callable[[Workspace], Result]) -> Result:
        """The same for what takes as long as it takes."""
        if self.key:
            return await self.front.act_slowly_once(self.name, self.body, do)
        return await self.front.act_slowly(do)


def shown_of(if_match: str | None) -> str:
    """The digest of the file or key that was shown. Raises `Refused` where none, or none that is one, is named."""
    return _digest_named(
        if_match,
        missing="Say what you were shown.",
        why="A change is bound to what stood there: without its digest it could undo somebody else's.",
        remedy="Send its `ETag` as `If-Match`; for a new file `If-None-Match: *`.",
        other="This is not the digest of anything that was shown.",
    )


def needs(scope: str) -> Any:
    """The dependency of an operation that wants this scope."""

    async def asked(request: Request) -> Asked:
        front: Front = request.app.state.front
        token = token_of(request)
        if token is None or not front.tokens.still(token):
            raise Refused(
                401,
                "This token opens nothing any more.",
                why="It was revoked while the request came.",
                remedy="Nothing was done. Issue another one with `mainstay tokens issue`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not token.may(scope):
            raise _too_far(token, scope)
        _require_known_query(request)
        body = await request.body()
        _require_json(request, body)
        return Asked(front, token, request.headers.get("idempotency-key", ""), _digest(request, body))

    asked.scope = scope  # type: ignore[attr-defined]  # for the description
    return Depends(asked)


def _too_far(token: Token, scope: str) -> Refused:
    never = token.holder == "agent" and scope not in OF_AGENTS
    return Refused(
        403,
        f"This token is not good for {scope!r}.",
        why="It is an agent's: agents propose, and what they propose is decided by a person."
        if never
        else "It was issued for: " + (", ".join(sorted(token.scopes)) or "nothing") + ".",
        remedy="Do it yourself, in the console or by the command line."
        if never
        else "Issue one that is: `mainstay tokens issue`.",
        kind="scope-missing",
        fields={"scope": scope},
    )


def _require_known_query(request: Request) -> None:
    """What the operation does not know is refused: a filter with a slip in its name must not show everything."""
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    for one in request.scope["route"].dependant.dependencies:
        known |= {each.alias for each in one.query_params}
    sent = [name for name, _ in request.query_params.multi_items()]
    wrong = next((name for name in sent if name not in known or sent.count(name) > 1), None)
    if wrong is not None:
        raise Refused(
            422,
            "The address asks for something that this operation does not know, or for one thing twice.",
            why="It knows: " + (", ".join(sorted(known)) or "nothing after the question mark") + ".",
            remedy="Leave it out, or look at /api/v1/docs.",
            kind="invalid",
            fields={"where": [{"place": "query", "wanted": "known names, each once"}]},
        )


def _require_json(request: Request, body: bytes) -> None:
    """A body that is not said to be JSON is not read as such: a page elsewhere may send plain text in any name."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body or request.scope["route"].body_field is None or _JSON.fullmatch(said):
        return
    raise Refused(
        415,
        "The body is not said to be JSON.",
        why="Its `Content-Type` says something else." if said else "It has no `Content-Type`.",
        remedy="Send it with `Content-Type: application/json`. Nothing was done.",
        kind="wrong-content-type",
    )


def _digest(request: Request, body: bytes) -> str:
    what = hashlib.sha256()
    matched = request.headers.get("if-match", "")
    for part in (request.method, request.url.path, request.url.query, matched):
        what.update(part.encode("utf-8", "surrogatepass") + b"\0")
    what.update(body)
    return what.hexdigest()


def digest_of(if_match: str | None) -> str:
    """The digest that a decision is about. Raises `Refused` where none, or none that is one, is named."""
    return _digest_named(
        if_match,
        missing="Say which effect you decide about.",
        why="A decision binds exactly what its card showed; without the digest it could be about another one.",
        remedy="Send the `ETag` of the card as `If-Match`.",
        other="This is not the digest of any effect.",
    )


def _digest_named(if_match: str | None, *, missing: str, why: str, remedy: str, other: str) -> str:
    if not if_match:
        raise Refused(428, missing, why=why, remedy=remedy)
    plain = if_match.strip().strip('"').lower()
    if len(plain) != 64 or not set(plain) <= set("0123456789abcdef"):
        raise Refused(
            412,
            other,
            why="`If-Match` holds the whole digest, as the `ETag` said it.",
            remedy="Look at it again. Nothing was done.",
            kind="stale",
        )
    return plain
