"""What a browser remembers of its reader's wishes: the theme, and whether single keys act. Cookies that name nobody."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import Response

from mainstay.console.sessions import client_of_request

THEME, KEYS = "mainstay-theme", "mainstay-keys"
THEMES = ("system", "light", "dark")
REMEMBERED_S = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Preferences:
    """How this browser likes it."""

    theme: str = "system"  # "system", "light", "dark"
    keys: bool = True  # single keys act (WCAG 2.1.4 wants a way to switch them off)


def preferences_of(request: HTTPConnection) -> Preferences:
    """What its cookies say; anything else counts as unsaid."""
    theme = request.cookies.get(THEME, "")
    return Preferences(theme if theme in THEMES else "system", request.cookies.get(KEYS, "") != "off")


def remember(response: Response, request: HTTPConnection, cookie: str, value: str) -> None:
    """Let the browser remember it for a year; no script reads it, and it goes to this server alone."""
    response.set_cookie(
        cookie,
        value,
        max_age=REMEMBERED_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=client_of_request(request).scheme == "https",
    )
