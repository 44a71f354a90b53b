"""The protocol over HTTP, at `/mcp` of the console's server and behind its guard; loaded by name when first asked.

Rules of this file:

- Whose request it is, the guard has found: only a token lets a program in, and each request is judged by its own.
  There is no session, so there is none to be taken over.
- Nothing is kept from one request to the next, and nothing runs on after it: what a request began ends with it.
- One answer to one POST. The stream that a GET would open never has anything to tell, and there is no session to end.
"""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mainstay.mcp_server.client import NOBODY, Client, of_token
from mainstay.mcp_server.house import House
from mainstay.mcp_server.offered import server_of
from mainstay.mcp_server.server import Context

TOKEN = "mainstay.token"  # where the guard puts it
BODY_BYTES_MAX = 1_000_000


def asgi(front: House) -> ASGIApp:
    """The application over what the console's pages are given too."""
    return Door(server_of(front, who))


async def who(context: Context) -> Client:
    """Whose request it is. A request that no token let in comes to nothing."""
    request = context.request
    token = request.scope.get(TOKEN) if isinstance(request, Request) else None
    if token is None:
        return NOBODY
    return of_token(token)


class Door:
    """Serves one request at a time, each with a transport of its own."""

    def __init__(self, server: Server[Any]) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await _only_post()(scope, receive, send)
            return
        transport = StreamableHTTPSessionManager(
            self._server, stateless=True, max_request_body_size=BODY_BYTES_MAX
        )
        async with transport.run():
            await transport.handle_request(scope, receive, send)


def _only_post() -> Response:
    told = types.JSONRPCError(
        jsonrpc="2.0",
        id=None,
        error=types.ErrorData(
            code=types.INVALID_REQUEST, message="Requests come by POST here, and there is no session."
        ),
    )
    return Response(
        json.dumps(told.model_dump(by_alias=True, mode="json", exclude_unset=True)),
        405,
        media_type="application/json",
        headers={"Allow": "POST"},
    )
