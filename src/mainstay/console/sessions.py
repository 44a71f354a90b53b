"""The cookie of a device that is logged in, and whose it is.

The cookie holds 32 random bytes that this server made; one that it did not make is nobody's and is never adopted. It
is readable by no script and travels with no request that began on another site. Over https its name binds it to this
very host (`__Host-`). On this machine, where cookies do not tell ports apart, the port is part of the name, so that
two workspaces do not log each other out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import Response

from mainstay.console.client import Client
from mainstay.runtime.devices import Device

VISIT_S = 3_600  # how long a form can lie open before somebody logs in


@dataclass(frozen=True, slots=True)
class Session:
    """A device that is logged in, as a request shows it."""

    device: Device
    secret: str


def cookie_name(client: Client, port: int, what: str = "mainstay") -> str:
    """What the cookie is called here."""
    return f"__Host-{what}" if client.scheme == "https" else f"{what}-{port}"


def session_of(request: HTTPConnection) -> Session | None:
    """Whose request it is, as the guard found it."""
    found = request.scope.get("mainstay.session")
    assert found is None or isinstance(found, Session)
    return found


def client_of_request(request: HTTPConnection) -> Client:
    """Who asks, as the guard found it."""
    found = request.scope["mainstay.client"]
    assert isinstance(found, Client)
    return found


def give(response: Response, request: HTTPConnection, port: int, secret: str, *, life_s: int) -> None:
    """Hand the device its cookie."""
    _set(response, request, port, "mainstay", secret, life_s)


def give_visit(response: Response, request: HTTPConnection, port: int, secret: str) -> None:
    """A cookie that says nothing but that the same browser comes again: forms before the log-in are bound to it."""
    _set(response, request, port, "mainstay-visit", secret, VISIT_S)


def take_back(response: Response, request: HTTPConnection, port: int, what: str = "mainstay") -> None:
    """Let the device forget its cookie."""
    _set(response, request, port, what, "", 0)


def _set(response: Response, request: HTTPConnection, port: int, what: str, value: str, life_s: int) -> None:
    client = client_of_request(request)
    response.set_cookie(cookie_name(client, port, what), value, max_age=life_s, **_flags(client))


def _flags(client: Client) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "strict", "secure": client.scheme == "https"}
