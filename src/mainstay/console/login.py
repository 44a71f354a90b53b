"""Logging in and out. A GET shows a button or a field; only a POST from that page uses a link or tries a password.

A log-in always makes a new session: whatever cookie came with it is worth nothing afterwards, and the device that it
belonged to is dismissed. One-time links are for this machine alone; from elsewhere there is the password. What
fails says that it failed, and neither why nor what would have been right.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.console import csrf, forms
from mainstay.console.attempts import Attempts
from mainstay.console.refused import Refused
from mainstay.console.rendering import page
from mainstay.console.sessions import client_of_request, give, give_visit, session_of, take_back
from mainstay.runtime.devices import SECRET_BYTES
from mainstay.workspace.called import login_line
from mainstay.workspace.serving_web import Front

log = logging.getLogger("mainstay")

HOME = "/"
DURABLE_S = 30.0
MICROS = 1_000_000
_OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*){0,5})?")
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux")


class Login:
    """Log-in and log-out of one server."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._attempts = Attempts(front.clock.monotonic_s)
        self._checking = asyncio.Semaphore(1)  # each check takes 64 MiB

    async def show(self, request: Request) -> Response:
        """How to log in here."""
        after = own_path(request.query_params.get("next", ""))
        if session_of(request) is not None:
            return RedirectResponse(after, 303)
        with_password = self._front.password.is_set
        return self._page(request, "login.html", after=after, with_password=with_password)

    async def show_link(self, request: Request) -> Response:
        """The button that uses a one-time link; the link itself is not looked at."""
        if not client_of_request(request).local:
            raise only_here()
        return self._page(request, "login_link.html", token=request.path_params["token"])

    async def use_link(self, request: Request) -> Response:
        """Log in by a one-time link."""
        if not client_of_request(request).local:
            raise only_here()
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "login-link", fields)
        if not self._front.login_links.spend(request.path_params["token"]):
            raise Refused(
                410,
                "This link does not log in any more.",
                why="Each is good once and for ten minutes, and only while the director that printed it is at work.",
                remedy="`mainstay login` prints a new one.",
            )
        return await self._admit(request, "link", HOME)

    async def try_password(self, request: Request) -> Response:
        """Log in by the password."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "login", fields)
        after = own_path(forms.text(fields, "next", most=500))
        password = forms.text(fields, "password", most=2_000)
        client = client_of_request(request)
        wait_s = self._attempts.begin(client.address)
        if wait_s:
            raise Refused(
                429,
                "Too many log-ins failed.",
                why="After each failure the next one has to wait longer.",
                remedy=f"Wait {wait_s} s. Whoever sits at this machine can use `mainstay login` instead.",
                headers={"Retry-After": str(wait_s)},
            )
        async with self._checking:
            right = await asyncio.to_thread(self._front.password.verify, password)
        if not right:
            log.warning("a log-in failed, from %s", client.address)
            answer = self._page(
                *(request, "login.html"), after=after, with_password=True, failed=True, status=401
            )
            return answer
        self._attempts.succeeded(client.address)
        return await self._admit(request, "password", after)

    async def log_out(self, request: Request) -> Response:
        """This device is logged out."""
        fields = await forms.sent(request)
        csrf.require(request, self._front.keyed_hash, "log-out", fields)
        session = session_of(request)
        assert session is not None, "the route asks for a device"
        if fields.get("everywhere"):
            await self._front.devices.dismiss_all()
        else:
            await self._front.devices.dismiss(session.device.device)
        answer = RedirectResponse("/login", 303)
        take_back(answer, request, self._front.port)
        return answer

    async def _admit(self, request: Request, via: str, after: str) -> Response:
        session = session_of(request)
        try:
            async with asyncio.timeout(DURABLE_S):
                secret = await self._front.devices.admit(
                    name=called(request.headers.get("user-agent", "")),
                    via=via,
                    instead_of=session.device.device if session else "",
                )
        except TimeoutError:
            raise Refused(
                503,
                "You are not logged in.",
                why="The disk is full, or slow beyond measure: nothing can be kept.",
                remedy="Free some space, then log in again.",
            ) from None
        answer = RedirectResponse(after, 303)
        life_s = self._front.settings.session_us // MICROS
        give(answer, request, self._front.port, secret, life_s=life_s)
        take_back(answer, request, self._front.port, "mainstay-visit")
        return answer

    def _page(self, request: Request, template: str, *, status: int = 200, **shown: Any) -> Response:
        """A page with a form for somebody who is not logged in: it is bound to their visit."""
        visit = str(request.scope.get("mainstay.visit", "")) or secrets.token_urlsafe(SECRET_BYTES)
        request.scope["mainstay.visit"] = visit
        shown.setdefault("failed", False)
        # Where the workspace lies is nobody's business but of those who sit at this machine.
        local = client_of_request(request).local
        shown["line"] = login_line(self._front.folder.root, anywhere=True) if local else "mainstay login"
        answer = page(request, template, status=status, **shown)
        if session_of(request) is None:
            give_visit(answer, request, self._front.port, visit)
        return answer


def own_path(text: str) -> str:
    """A page of ours to go on to, or the home page: nothing else is ever redirected to."""
    return text if _OWN_PATH.fullmatch(text) else HOME


def called(user_agent: str) -> str:
    """What a device is called in the list: browser and system, and nothing else of what it says about itself."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A program")
    system = next((name for name in _SYSTEMS if name in user_agent), "")
    return f"{browser} on {system}" if system else browser


def only_here() -> Refused:
    """What is said to somebody elsewhere who has a one-time link."""
    return Refused(
        403,
        "One-time links log in on this machine alone.",
        why="You come from elsewhere.",
        remedy="Log in with the password; `mainstay console password` sets it.",
    )
