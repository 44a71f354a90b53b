"""All pages, and the guard before them.

Whatever is added here is for devices that are logged in, unless it says `open`.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from mainstay.console import assets
from mainstay.console.api.app import PREFIX, Api
from mainstay.console.errors import on_error, on_fault, on_http, on_refused
from mainstay.console.guard import LIVE, Guard
from mainstay.console.limits import Limits
from mainstay.console.live import Live
from mainstay.console.login import Login
from mainstay.console.mcp import McpDoor
from mainstay.console.notices import Notices
from mainstay.console.pages.adapters import Adapters
from mainstay.console.pages.approval_link import ApprovalLink
from mainstay.console.pages.approvals import Approvals
from mainstay.console.pages.approvals_batch import Batch
from mainstay.console.pages.approvals_decide import Deciding
from mainstay.console.pages.audit import Audit
from mainstay.console.pages.autonomy import Autonomy
from mainstay.console.pages.cost import CostPage
from mainstay.console.pages.devices import DevicesPage
from mainstay.console.pages.doubts import Doubts
from mainstay.console.pages.dry_run import DryRunPage
from mainstay.console.pages.events import EventPages
from mainstay.console.pages.files import FilePages
from mainstay.console.pages.forget import Forget
from mainstay.console.pages.home import Home
from mainstay.console.pages.memory import Memory
from mainstay.console.pages.memory_record import MemoryRecord
from mainstay.console.pages.policies import PolicyPages
from mainstay.console.pages.review import Review
from mainstay.console.pages.run import Run
from mainstay.console.pages.run_steer import RunSteering
from mainstay.console.pages.runs import Runs
from mainstay.console.pages.settings import SettingsPage
from mainstay.console.pages.signals import Signals
from mainstay.console.pages.slos import Slos
from mainstay.console.pages.stopping import Stopping
from mainstay.console.pages.templates_page import TemplatePages
from mainstay.console.pages.tokens import TokenPages
from mainstay.console.pages.workflows import WorkflowPages
from mainstay.console.refused import Refused
from mainstay.console.routes import Page
from mainstay.console.tokens import DESCRIPTION, DOCS, MCP
from mainstay.kernel.errors import MainstayError
from mainstay.workspace.edited_files import KINDS
from mainstay.workspace.serving_web import Front


def pages(front: Front) -> tuple[Page, ...]:
    """Every address there is, but the stream's."""
    login, home, signals, approval = Login(front), Home(front), Signals(front), ApprovalLink(front)
    tokens = TokenPages(front)
    return (
        Page("/", home.show, home.take_back),
        *house_pages(front),
        Page("/settings/tokens", tokens.show, tokens.issue),
        Page("/settings/tokens/revoke", post=tokens.revoke),
        Page("/login", login.show, login.try_password, open=True),
        Page("/login/{token}", login.show_link, login.use_link, open=True),
        Page("/logout", post=login.log_out),
        # Open to look at for a moment: a person who comes from their mail has no cookie yet (see the page).
        Page("/a/{token}", approval.show, open=True),
        Page("/a/{token}", post=approval.decide),
        *approval_pages(front),
        *record_pages(front),
        *run_pages(front),
        *file_pages(front),
        Page("/health", signals.health, open=True),
        Page("/metrics", signals.metrics, open=True),
        Page("/static/{name}", _asset, open=True),
    )


def approval_pages(front: Front) -> tuple[Page, ...]:
    """What waits for an answer."""
    approvals = Approvals(front)
    deciding, batch = Deciding(front, approvals), Batch(front)
    return (
        Page("/approvals", approvals.show),
        Page("/approvals/batch", batch.show, batch.decide),
        Page("/approvals/undo", post=deciding.undo),
        Page("/approvals/{approval}", approvals.show, deciding.decide),
        Page("/approvals/{approval}/text", approvals.text),
        Page("/approvals/{approval}/again", post=deciding.ask_again),
    )


def house_pages(front: Front) -> tuple[Page, ...]:
    """What is open besides cards, what it costs, how well it is done, and what the house is made of."""
    doubts, adapters, settings = Doubts(front), Adapters(front), SettingsPage(front)
    stopping, devices = Stopping(front), DevicesPage(front)
    return (
        Page("/stop", stopping.show, stopping.throw),
        Page("/doubts", doubts.show, doubts.answer),
        Page("/doubts/letters/{letter}", doubts.letter, doubts.settle),
        Page("/cost", CostPage(front).show),
        Page("/slos", Slos(front).show),
        Page("/adapters", adapters.show, adapters.act),
        Page("/settings", settings.show),
        Page("/settings/theme", post=settings.theme),
        Page("/settings/keys", post=settings.keys),
        Page("/devices", devices.show, devices.dismiss),
    )


def run_pages(front: Front) -> tuple[Page, ...]:
    """What runs, and what became of it."""
    run, steering, events, dry = Run(front), RunSteering(front), EventPages(front), DryRunPage(front)
    return (
        Page("/runs", Runs(front).show),
        Page("/runs/{run}", run.show),
        Page("/runs/{run}/events", run.events),
        Page("/runs/{run}/{action}", steering.show, steering.do),
        Page("/workflows/{name}/dry-run", dry.show, dry.try_it),
        Page("/events", events.show),
        Page("/events/{name:path}", events.one),
    )


def file_pages(front: Front) -> tuple[Page, ...]:
    """What the operator writes: workflows, templates, rules."""
    workflows, templates, policies = WorkflowPages(front), TemplatePages(front), PolicyPages(front)
    found = [
        Page("/workflows", workflows.show, workflows.act),
        Page("/workflows/{name}", workflows.show_one, workflows.steer),
        Page("/workflows/{name}/start", workflows.show_start, workflows.start),
        Page("/templates", templates.show),
        Page("/templates/{name}", templates.show_one),
        Page("/policies", policies.show, policies.act),
        Page("/policies/{name}", policies.show_one),
    ]
    for kind in KINDS.values():
        files = FilePages(front, kind)
        found += [
            Page(f"/new/{kind.word}", files.new, files.make),
            Page(f"/{kind.folder}/{{name}}/edit", files.edit, files.write),
            Page(f"/{kind.folder}/{{name}}/retire", files.ask_to_retire, files.retire),
        ]
    return tuple(found)


def record_pages(front: Front) -> tuple[Page, ...]:
    """What is remembered, what was proved, and what may go by itself."""
    audit, autonomy = Audit(front), Autonomy(front)
    memory, record, forget = Memory(front), MemoryRecord(front), Forget(front)
    review = Review(front)
    return (
        Page("/review", review.show, review.answer),
        Page("/forget", forget.show, forget.act),
        Page("/forget/{subject}", forget.standing),
        Page("/memory", memory.show, memory.about),
        Page("/memory/add", memory.show_add, memory.add),
        Page("/memory/lessons", memory.lessons, memory.retire),
        Page("/memory/{memory}", record.show, record.act),
        Page("/audit", audit.show, audit.act),
        Page("/audit/events", audit.events),
        Page("/audit/decisions", audit.decisions),
        Page("/audit/proof", audit.proof),
        Page("/audit/export", audit.export),
        Page("/autonomy", autonomy.show),
        Page("/autonomy/{kind:path}", autonomy.show_kind, autonomy.decide),
    )


def api_routes(front: Front) -> tuple[BaseRoute, ...]:
    """The API, and the description of it, which is for devices as well."""
    api = Api(front)
    docs, described = Page(DOCS, api.docs, open=True), Page(DESCRIPTION, api.described, open=True)
    return (*docs.routes(), *described.routes(), Mount(PREFIX, api))


def build(front: Front, limits: Limits, live: Live) -> ASGIApp:
    """The application behind its guard."""
    stream = Page(LIVE, live.show, open=True)  # it refuses by itself: no log-in can be shown in its place
    app = Starlette(
        routes=[
            *(route for page in (*pages(front), stream) for route in page.routes()),
            Route(MCP, McpDoor(front)),
            *api_routes(front),
        ],
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
