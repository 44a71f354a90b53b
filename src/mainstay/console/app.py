"""All pages, and the guard before them.

Whatever is added here is for devices that are logged in, unless it says `open`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from mainstay.console import assets
from mainstay.console.errors import on_error, on_fault, on_http, on_refused
from mainstay.console.guard import LIVE, Guard
from mainstay.console.limits import Limits
from mainstay.console.live import Live
from mainstay.console.login import Login
from mainstay.console.notices import Notices
from mainstay.console.pages.approval_link import ApprovalLink
from mainstay.console.pages.audit import Audit
from mainstay.console.pages.autonomy import Autonomy
from mainstay.console.pages.devices import DevicesPage
from mainstay.console.pages.home import Home
from mainstay.console.pages.runs import Runs
from mainstay.console.pages.signals import Signals
from mainstay.console.pages.stopping import Stopping
from mainstay.console.pages.tokens import TokenPages
from mainstay.console.refused import Refused
from mainstay.console.routes import Page
from mainstay.kernel.errors import MainstayError
from mainstay.workspace.serving_web import Front


def pages(front: Front) -> tuple[Page, ...]:
    """Every address there is, but the stream's."""
    login, home, signals, approval = Login(front), Home(front), Signals(front), ApprovalLink(front)
    stopping, devices = Stopping(front), DevicesPage(front)
    tokens = TokenPages(front)
    return (
        Page("/", home.show, home.take_back),
        Page("/stop", stopping.show, stopping.throw),
        Page("/devices", devices.show, devices.dismiss),
        Page("/settings/tokens", tokens.show, tokens.issue),
        Page("/settings/tokens/revoke", post=tokens.revoke),
        Page("/login", login.show, login.try_password, open=True),
        Page("/login/{token}", login.show_link, login.use_link, open=True),
        Page("/logout", post=login.log_out),
        # Open to look at for a moment: a person who comes from their mail has no cookie yet (see the page).
        Page("/a/{token}", approval.show, open=True),
        Page("/a/{token}", post=approval.decide),
        *record_pages(front),
        Page("/runs", Runs(front).show),
        Page("/health", signals.health, open=True),
        Page("/metrics", signals.metrics, open=True),
        Page("/static/{name}", _asset, open=True),
    )


def record_pages(front: Front) -> tuple[Page, ...]:
    """What is remembered, what was proved, and what may go by itself."""
    audit, autonomy = Audit(front), Autonomy(front)
    return (
        Page("/audit", audit.show, audit.act),
        Page("/audit/events", audit.events),
        Page("/audit/decisions", audit.decisions),
        Page("/audit/proof", audit.proof),
        Page("/audit/export", audit.export),
        Page("/autonomy", autonomy.show),
        Page("/autonomy/{kind:path}", autonomy.show_kind, autonomy.decide),
    )


def build(front: Front, limits: Limits, live: Live) -> ASGIApp:
    """The application behind its guard."""
    stream = Page(LIVE, live.show, open=True)  # it refuses by itself: no log-in can be shown in its place
    app = Starlette(
        routes=[route for page in (*pages(front), stream) for route in page.routes()],
        exception_handlers={
            Refused: on_refused,
            MainstayError: on_error,
            HTTPException: on_http,
            Exception: on_fault,
        },
    )
    app.router.redirect_slashes = False  # a redirect would repeat the name that was asked for
    app.state.front = front
    app.state.notices = Notices()
    return Guard(app, front, limits)


async def _asset(request: Request) -> Response:
    return assets.serve(request)
