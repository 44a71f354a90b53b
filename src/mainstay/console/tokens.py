"""Whose request it is where a program asks: what stands in `Authorization: Bearer`, and nothing else.

Under `/api/` and `/mcp` a cookie is worth nothing: a browser sends it by itself, and so at the word of any page. A
token is sent by who knows it. That is why no proof of origin is asked for there; an `Origin` that is given has to be
ours all the same, since no program that was given a token has another one.

A wrong token is slowed as a wrong password is. A right one is let in all the same: nobody guesses 256 bits, and one
script with an old token must not lock out all others of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import HTTPConnection

from mainstay.console.attempts import Attempts
from mainstay.console.refused import Refused
from mainstay.runtime.tokens import PREFIX, Token, Tokens

API, MCP = "/api", "/mcp"
BEARER = "bearer "
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mainstay"'}
# What the API can do, to be read in a browser by who is logged in there. Nothing else of it opens to a cookie.
DOCS, DESCRIPTION = "/api/v1/docs", "/api/v1/openapi.json"
DESCRIBED = frozenset({DOCS, DESCRIPTION})

Headers = Mapping[str, list[str]]


def token_of(request: HTTPConnection) -> Token | None:
    """The token by which a request came, as the guard found it."""
    found = request.scope.get("mainstay.token")
    assert found is None or isinstance(found, Token)
    return found


def for_programs(path: str) -> bool:
    """Whether this address is for programs, which come with a token."""
    return any(path == one or path.startswith(one + "/") for one in (API, MCP))


def wants_token(path: str, headers: Headers) -> bool:
    """Whether this request is let in by a token, and by nothing else."""
    return for_programs(path) and (path not in DESCRIBED or "authorization" in headers)


class TokenDoor:
    """Lets programs in by their tokens."""

    def __init__(self, tokens: Tokens, monotonic_s: Callable[[], float]) -> None:
        self._tokens = tokens
        self._attempts = Attempts(monotonic_s)

    def admit(self, headers: Headers, query: bytes, *, address: str, origin: str) -> Token:
        """Whose request it is. Raises `Refused`."""
        _require_unspoken(query)
        _require_no_other_page(headers, origin)
        said = headers.get("authorization", [""])[0]
        if said[: len(BEARER)].lower() != BEARER:
            raise Refused(
                401,
                "This wants a token.",
                why="Programs come with `Authorization: Bearer`; a log-in in a browser opens nothing here.",
                remedy="Issue one with `mainstay tokens issue`, and send it in that header.",
                headers=CHALLENGE,
            )
        token = self._tokens.known(said[len(BEARER) :].strip())
        if token is None:
            raise self._wrong(address)
        return token

    def _wrong(self, address: str) -> Refused:
        wait_s = self._attempts.begin(address)
        if wait_s:
            return Refused(
                429,
                "Too many wrong tokens came from here.",
                why="After each one the next has to wait longer.",
                remedy=f"Wait {wait_s} s, and send one that is good: `mainstay tokens` lists them.",
                headers={"Retry-After": str(wait_s)},
            )
        return Refused(
            401,
            "This token opens nothing.",
            why="It was revoked, its time is over, or it never was one of this workspace.",
            remedy="Issue another one with `mainstay tokens issue`.",
            headers={"WWW-Authenticate": CHALLENGE["WWW-Authenticate"] + ', error="invalid_token"'},
        )


def _require_unspoken(query: bytes) -> None:
    """An address is written down wherever it passes, so no token belongs into one. Raises `Refused`."""
    if PREFIX.encode() in query or any(
        part.partition(b"=")[0].lower() in (b"token", b"access_token") for part in query.split(b"&")
    ):
        raise Refused(
            400,
            "A token does not belong into an address.",
            why="Addresses are kept in histories and logs on the way.",
            remedy="Send it as `Authorization: Bearer`. If it was a good one, revoke it and issue another.",
        )


def _require_no_other_page(headers: Headers, origin: str) -> None:
    said = headers.get("origin", [""])[0].lower()
    if said and said != origin:
        raise Refused(
            403,
            "This came from another site.",
            why="No page elsewhere is given a token, and none may ask with one.",
            remedy="Ask from a program.",
        )
