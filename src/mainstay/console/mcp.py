"""`/mcp`: the MCP server, where it is installed. A layer beside this one, which is therefore named and not imported.

It is loaded when the first program comes, in a thread of its own, since its library takes a while. Who may come is the
guard's affair.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mainstay.console.errors import answer
from mainstay.console.refused import Refused
from mainstay.console.tokens import token_of
from mainstay.workspace.serving_web import Front

SERVER, NEEDED = "mainstay.mcp_server.http", "mcp"


class McpDoor:
    """The application behind the address."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._server: ASGIApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or say what is missing."""
        if find_spec(NEEDED) is None:
            await answer(Request(scope), _not_installed())(scope, receive, send)
            return
        assert token_of(Request(scope)) is not None, "the guard lets nobody in without a token"
        async with self._loading:
            if self._server is None:
                module = await asyncio.to_thread(import_module, SERVER)
                self._server = module.asgi(self._front)
        await self._server(scope, receive, send)


def _not_installed() -> Refused:
    return Refused(
        404,
        "The MCP server is not installed here.",
        why="It needs the package mcp.",
        remedy='Run `pip install "mainstay[mcp]"` where Mainstay is installed, and start it again.',
    )
