"""The application of the API, made when the first program asks, and the description of it."""

from __future__ import annotations

import asyncio
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from mainstay import __version__
from mainstay.console.refused import Refused
from mainstay.console.sessions import session_of
from mainstay.console.tokens import token_of
from mainstay.workspace.serving_web import Front

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX = "/api/v1"
VERSION = "1"
NAMED = {
    "mainstay__workspace__cards__Card": "Card",
    "mainstay__governance__forget__Card": "ForgottenCard",
    "mainstay__workspace__autonomy_history__Change": "AutonomyChange",
    "mainstay__workflows__difference__Change": "WorkflowChange",
}
_ABOUT = (
    "Everything that the command line does, for programs. Each request brings a token "
    "(`mainstay tokens issue`) as `Authorization: Bearer`; each operation says in `x-scope` what the token has to be "
    "good for. An agent's token reads, remembers, starts and proposes, and never decides. Times are microseconds since "
    "1970 (UTC), amounts of money millionths of a dollar. A refusal is `application/problem+json` with a stable `type`."
)


class Api:
    """The API of one server."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; its parts are loaded at the first."""
        await (await self._ready())(scope, receive, send)

    async def described(self, request: Request) -> Response:
        """`openapi.json`, for who has a token or is logged in."""
        _require_known(request)
        made = await self._ready()
        return JSONResponse(made.openapi())

    async def docs(self, request: Request) -> Response:
        """The same as a page to read."""
        from mainstay.console.rendering import page

        _require_known(request)
        made = await self._ready()
        return page(request, "api.html", operations=operations(made.openapi()))

    async def _ready(self) -> FastAPI:
        if "_made" not in vars(self):
            async with self._making:
                await asyncio.to_thread(lambda: self._made)
        return self._made

    @cached_property
    def _made(self) -> FastAPI:
        made = build(self._front)
        self._front.at_the_end.append(made.state.long.close)
        return made


def build(front: Front) -> FastAPI:
    """Every operation there is. Loaded late: pages do without."""
    from fastapi import FastAPI

    from mainstay.console.api import (
        access,
        adapters,
        approvals,
        audit,
        autonomy,
        documents,
        doubts,
        dry_run,
        files,
        house,
        inbox,
        lessons,
        logs,
        long,
        memory,
        models,
        money,
        policies,
        problems,
        proposals,
        runs,
        triage,
        trials,
        workflows,
    )

    api = FastAPI(
        title="Mainstay",
        version=VERSION,
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    api.state.front = front
    api.state.long = long.Operations(front.long, front.clock)
    problems.add_to(api)
    nouns = (
        *(house, inbox, approvals, runs, proposals, doubts, memory, documents, lessons, triage),
        *(workflows, dry_run, files, policies, autonomy, money, models, audit, logs, adapters),
        *(access, trials, long),
    )
    for one in nouns:
        api.include_router(one.noun.router)
    api.state.routes = [route for one in nouns for route in one.noun.router.routes]
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    """What FastAPI does not say by itself: the token, the shape of a problem, where the API lies."""
    from mainstay.console.api.problems import Problem
    from mainstay.console.api.samples_told import put_into

    made = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            found = plainly_named(made())
            found["servers"] = [{"url": PREFIX}]
            found["info"]["x-mainstay"] = __version__
            found["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
            parts = found.setdefault("components", {})
            schemas = parts.setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            put_into(schemas)
            parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            found["security"] = [{"token": []}]
            api.openapi_schema = found
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign]


def plainly_named(found: dict[str, Any]) -> dict[str, Any]:
    """The same description where no part is named by the file that declares it: of two that share a name one has it."""
    text = json.dumps(found)
    for long, short in NAMED.items():
        text = text.replace(f'"{long}"', f'"{short}"').replace(f'/{long}"', f'/{short}"')
    return json.loads(text)  # type: ignore[no-any-return]


def operations(described: dict[str, Any]) -> list[dict[str, Any]]:
    """Every operation of a description, for the page about it: by noun, in order."""
    return [
        {
            "method": method.upper(),
            "path": PREFIX + path,
            "tag": one["tags"][0],
            "scope": one["x-scope"],
            "summary": one["summary"],
            "description": one["description"],
            "name": one["operationId"],
            "needs": [
                each["name"]
                for each in one.get("parameters", ())
                if each.get("required") and each["in"] != "path"
            ],
        }
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    ]


def _require_known(request: Request) -> None:
    if session_of(request) is None and token_of(request) is None:
        raise Refused(
            401,
            "This wants a token, or a device that is logged in.",
            remedy="Log in, or issue a token with `mainstay tokens issue`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
