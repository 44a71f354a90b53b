"""Every refusal and every fault as an answer that says what happened, why, and what to do next.

A person gets a page, a program that asks for JSON gets `application/problem+json` (RFC 9457). Nothing of what was
sent is repeated in it.
"""

from __future__ import annotations

import json
import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mainstay.console.refused import Refused, fault, nothing_here
from mainstay.console.rendering import page
from mainstay.console.tokens import for_programs
from mainstay.kernel.errors import (
    AmbiguousId,
    CommandRefused,
    ConfigError,
    DirectorError,
    FileChanged,
    MainstayError,
    NotFound,
    StaleApproval,
    StorageFull,
)

log = logging.getLogger("mainstay")


def answer(request: Request, refused: Refused) -> Response:
    """The refusal as this client reads it."""
    if wants_json(request):
        return problem(refused)
    return page(
        request,
        "refused.html",
        status=refused.status,
        headers=refused.headers,
        title=refused.what,
        told=refused,
    )


KINDS = {
    400: "unreadable",
    401: "no-token",
    403: "forbidden",
    404: "not-found",
    405: "no-such-method",
    406: "not-acceptable",
    408: "too-slow",
    409: "conflict",
    410: "gone",
    412: "stale",
    413: "too-large",
    414: "too-large",
    415: "wrong-content-type",
    421: "wrong-host",
    422: "refused",
    428: "digest-missing",
    429: "too-many-requests",
    431: "too-large",
    500: "fault",
    503: "unavailable",
}


def problem(refused: Refused) -> Response:
    """The refusal as a program reads it: RFC 9457, whose `detail` is told as `why` and `remedy`, each by itself."""
    kind = refused.kind or KINDS.get(refused.status, "refused")
    told = {
        "type": f"urn:mainstay:problem:{kind}",
        "title": refused.what,
        "status": refused.status,
        "what": refused.what,
        "why": refused.why,
        "remedy": refused.remedy,
        **({"fields": refused.fields} if refused.fields else {}),
    }
    return Response(
        json.dumps(told),
        refused.status,
        media_type="application/problem+json",
        headers=refused.headers,
    )


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON rather than for a page."""
    if for_programs(request.url.path):
        return True
    accept = request.headers.get("accept", "")
    return "json" in accept and "text/html" not in accept


def on_refused(request: Request, error: Exception) -> Response:
    """What a page, or the reading of a body, refused."""
    assert isinstance(error, Refused)
    return answer(request, error)


def on_error(request: Request, error: Exception) -> Response:
    """What the house refused: its own words."""
    assert isinstance(error, MainstayError)
    if isinstance(error, ConfigError):  # it names file, key and line before it says what is wrong
        return answer(request, Refused(status_of(error), "A file of the workspace is wrong.", why=str(error)))
    return answer(request, Refused(status_of(error), error.what, why=error.why, remedy=error.remedy))


def on_http(request: Request, error: Exception) -> Response:
    """What the router refused."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(request, nothing_here())
    what = HTTPStatus(error.status_code).phrase
    return answer(request, Refused(error.status_code, f"{what}.", remedy="Go back and try again."))


def on_fault(request: Request, error: Exception) -> Response:
    """A fault of ours: nothing of it is shown, and the log has it all."""
    log.error("a page failed: %s", type(error).__name__, exc_info=error)
    return answer(request, fault())


def status_of(error: MainstayError) -> int:
    """With which status an error of the house is answered."""
    match error:
        case NotFound():
            return 404
        case StaleApproval() | AmbiguousId() | FileChanged():
            return 409
        case CommandRefused():
            return 422
        case DirectorError() | StorageFull():
            return 503
        case _:
            return 500
