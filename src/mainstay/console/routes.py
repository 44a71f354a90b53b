"""How a page is reached, and by whom: by devices that are logged in, unless its route says `open`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mainstay.console.errors import wants_json
from mainstay.console.refused import Refused
from mainstay.console.sessions import session_of

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """One address, what GET and POST do there, and whether anybody may ask."""

    path: str
    get: Endpoint | None = None
    post: Endpoint | None = None
    open: bool = False

    def routes(self) -> list[Route]:
        """As the router takes it. A HEAD is a GET without a body."""
        found = []
        for endpoint, methods in ((self.get, ["GET"]), (self.post, ["POST"])):
            if endpoint is not None:
                found.append(
                    Route(self.path, endpoint if self.open else for_devices(endpoint), methods=methods)
                )
        return found


def for_devices(endpoint: Endpoint) -> Endpoint:
    """The same for a device that is logged in; anybody else is led to the log-in, or refused."""

    async def guarded(request: Request) -> Response:
        if not is_logged_in(request):
            part = "part" in request.query_params  # a log-in would be put in the place of a part of the page
            if request.method in ("GET", "HEAD") and not part and not wants_json(request):
                return RedirectResponse(f"/login?next={quote(request.url.path)}", 303)
            raise not_logged_in()
        return await endpoint(request)

    return guarded


def is_logged_in(request: Request) -> bool:
    """Whether the guard found whose request it is."""
    return session_of(request) is not None


def not_logged_in() -> Refused:
    """What is said to a stranger."""
    return Refused(
        401,
        "You are not logged in on this device.",
        why="Nothing is shown or decided without it.",
        remedy="Nothing was changed. Log in, then open the page again.",
    )
