"""What is refused, as RFC 9457 has it: a stable type, the status, and the three sentences of every error of the house.

    invalid (422)     the request is not what the description says: `fields.where` names the places
    refused (409)     it is, and makes no sense as things stand; nothing was done
    stale (412)       the card shows another effect than the one that was named
    key-reused (422)  the idempotency key names another request

Nothing of what was sent is repeated.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from mainstay.console.api.wanted import place, told_place, wanted
from mainstay.console.api.words import in_words_of_the_api
from mainstay.console.errors import problem, status_of
from mainstay.console.refused import Refused, fault
from mainstay.kernel.errors import (
    AnswerLost,
    CommandRefused,
    ConfigError,
    FileChanged,
    KeyReused,
    MainstayError,
    NotFound,
    StaleApproval,
    Unavailable,
)

log = logging.getLogger("mainstay")

WHERE_MAX = 20
MEDIA = "application/problem+json"


class Problem(BaseModel):
    """Why something was not done."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(description="What it is told apart by; it does not change between versions.")
    title: str = Field(description="What happened, in one sentence; the same as `what`.")
    status: int
    what: str
    why: str
    remedy: str = Field(description="What to do next.")
    fields: dict[str, Any] = Field(default={}, description="The facts of it, where there are any.")


_SAYS = {
    400: "The request cannot be read.",
    401: "There is no token, or it opens nothing.",
    403: "The token is not good for this.",
    404: "There is no such thing.",
    406: "Not to be had in this form.",
    408: "The request came too slowly.",
    409: "It makes no sense as things stand; nothing was done. Or several things are meant, or its answer was lost.",
    412: "What was named is not what is there: the card shows another effect, or the files say something else.",
    413: "The request is too large.",
    414: "The address is too long.",
    415: "The body is no JSON.",
    421: "The server is not known by this name.",
    422: "The request is not what this description says, or its idempotency key names another one.",
    428: "A decision names the digest of the effect that it is about, in `If-Match`.",
    431: "The headers are too large.",
    429: "Too many requests; `Retry-After` says when to come back.",
    500: "A fault of ours.",
    503: "The director ends, is busy, or cannot write.",
}
ALWAYS = (400, 401, 403, 404, 408, 409, 413, 414, 415, 421, 422, 429, 431, 500, 503)


def answers(*more: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of an operation, for its description."""
    return {status: _described(status) for status in sorted({*ALWAYS, *more})}


def _described(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": _SAYS[status],
        "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 429:
        found["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    if status == 401:
        found["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer."}}
    return found


def add_to(api: FastAPI) -> None:
    """Answer every refusal so."""
    api.add_exception_handler(Refused, on_refused)
    api.add_exception_handler(MainstayError, on_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_exception_handler(HTTPException, on_http)
    api.add_exception_handler(ClientDisconnect, on_gone)
    api.add_exception_handler(Exception, on_fault)


def on_refused(request: Request, error: Exception) -> Response:
    """What the API refused by itself."""
    assert isinstance(error, Refused)
    return problem(error)


def on_error(request: Request, error: Exception) -> Response:
    """What the house refused: its own words."""
    assert isinstance(error, MainstayError)
    status, kind = _told(error)
    fields = {name: value for name, value in error.fields.items() if value is not None}
    remedy = in_words_of_the_api(error)
    return problem(
        Refused(status, error.what, why=error.why, remedy=remedy, kind=kind, fields=_plain(fields))
    )


def _told(error: MainstayError) -> tuple[int, str]:
    match error:
        case StaleApproval() if "digest" in error.fields:
            return 412, "stale"
        case StaleApproval():
            return 409, "decided-already"
        case FileChanged():
            return 412, "stale"
        case KeyReused():
            return 422, "key-reused"
        case AnswerLost():
            return 409, "answer-lost"
        case NotFound():
            return 404, "not-found"
        case ConfigError() | Unavailable() | CommandRefused():
            return 409, "refused"
        case _:
            return status_of(error), ""


def _plain(value: Any) -> Any:
    """Facts of an error as JSON has them."""
    match value:
        case dict():
            return {str(name): _plain(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(one) for one in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def on_invalid(request: Request, error: Exception) -> Response:
    """What is not as the description says: where, and what was wanted there."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:WHERE_MAX]
    if any(one["type"] == "json_invalid" for one in found):
        return problem(
            Refused(400, "The body is no JSON.", why="It cannot be read as one value.", remedy="Send JSON.")
        )
    taken = getattr(getattr(request.scope.get("route"), "body_field", None), "field_info", None)
    body = getattr(taken, "annotation", None)
    where = [{"place": place(one["loc"]), "wanted": wanted(one, body)} for one in found]
    return problem(
        Refused(
            422,
            "The request is not what the API takes.",
            why=f"{told_place(found[0]['loc'])}: {where[0]['wanted']}.",
            remedy="Look at its description, /api/v1/docs. Nothing was done.",
            kind="invalid",
            fields={"where": where},
        )
    )


def on_http(request: Request, error: Exception) -> Response:
    """What the router refused."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem(
            Refused(
                404,
                "There is nothing at this address.",
                why="The API has no such operation.",
                remedy="/api/v1/docs lists what there is.",
            )
        )
    if isinstance(error.__cause__, Refused):
        return problem(error.__cause__)  # what the guard said of the body while it was read
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem(
            Refused(400, "The body cannot be read.", why="It is no JSON in UTF-8.", remedy="Send JSON.")
        )
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_methods(request))
        return problem(
            Refused(
                405,
                "This address does not know that method.",
                why=f"It knows: {allowed}.",
                remedy="Use one of these, or look at /api/v1/docs. Nothing was done.",
                headers=headers | {"Allow": allowed},
            )
        )
    phrase = HTTPStatus(error.status_code).phrase
    return problem(
        Refused(
            *(error.status_code, f"{phrase}."),
            why="The API does not serve it so.",
            remedy="Look at /api/v1/docs. Nothing was done.",
            headers=headers,
        )
    )


def _methods(request: Request) -> list[str]:
    """What the address knows: of several routes, what each of them does."""
    found: set[str] = set()
    for route in request.app.state.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)


def on_gone(request: Request, error: Exception) -> Response:
    """Whoever asked has left; nobody hears it."""
    return problem(Refused(400, "The request ended before it was whole."))


def on_fault(request: Request, error: Exception) -> Response:
    """A fault of ours: nothing of it is shown, and the log has it all."""
    log.error("an operation of the API failed: %s", type(error).__name__, exc_info=error)
    return problem(fault())
