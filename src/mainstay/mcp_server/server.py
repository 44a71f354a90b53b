"""An offer as a server of the protocol: who may see what, arguments checked, faults kept inside.

Rules of this file:

- A client sees and reaches what it was granted. What it was not granted is refused by its scope, whatever it is called.
- Nothing runs before its arguments fit their schema, to the last unknown name.
- What the house refuses is a result that the client can read and learn from. A fault of ours tells nothing of itself;
  the log has it.
- So many calls of one connection at once, and the next wait their turn; more than can wait are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError

from mainstay import __version__
from mainstay.kernel.errors import MainstayError
from mainstay.mcp_server import shown
from mainstay.mcp_server.client import Client
from mainstay.mcp_server.house import House
from mainstay.mcp_server.offer import ANYBODY, Call, Offer, Prompt, Resource, Template, Tool
from mainstay.mcp_server.outside import refused, visible
from mainstay.mcp_server.schema import mistakes

log = logging.getLogger("mainstay")

AT_ONCE = 4  # calls that are under way
IN_LINE = 32  # and that wait
PAGE = 50  # of a list
NOT_FOUND = -32002
Context = ServerRequestContext[Any, Any]
Who = Callable[[Context], Awaitable[Client]]
One = TypeVar("One", Tool, Resource, Template, Prompt)
Told = TypeVar("Told")
Lists = Callable[[Context, types.PaginatedRequestParams | None], Awaitable[Told]]
MayBeScoped = Tool | Resource | Template | Prompt


class Turns:
    """How many calls may be under way at once; it is one for all requests of a process."""

    def __init__(self, at_once: int = AT_ONCE, in_line: int = IN_LINE) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._in_line = in_line
        self._waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn. Raises `MCPError` where too many wait already."""
        if self._waiting >= self._in_line:
            raise MCPError(code=types.INTERNAL_ERROR, message="Too many calls at once. Wait, then ask again.")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turn.release()


class Serving:
    """Answers the requests of clients with one offer."""

    def __init__(self, offer: Offer, house: House, who: Who, turns: Turns) -> None:
        self._offer = offer
        self._house = house
        self._who = who
        self._turns = turns

    def lists(self, of: Sequence[One], told: Callable[[Sequence[One], str | None], Told]) -> Lists[Told]:
        """What answers with these, a page at a time, of what the client may use."""

        async def listed(context: Context, params: types.PaginatedRequestParams | None) -> Told:
            client = await self._who(context)
            return told(*_page([one for one in of if _may(client, one)], params))

        return listed

    async def call_tool(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """What a tool did, or why it did not."""
        client = await self._who(context)
        tool = self._offer.tool(params.name)
        if tool is None:
            raise MCPError(
                code=types.INVALID_PARAMS, message=f"There is no tool {visible(params.name)[:80]!r}."
            )
        if not _may(client, tool):
            return refused(_not_granted(client, tool.scope))
        given = params.arguments or {}
        wrong = mistakes(tool.takes, given)
        if wrong:
            return refused(
                f"These are not the arguments of {tool.name}: {'; '.join(wrong)}. Nothing was done."
            )
        async with self._turns.one():
            try:
                return await tool.run(Call(client, self._house, context, given))
            except MainstayError as error:
                return refused(str(error))
            except MCPError:
                raise
            except Exception as error:
                log.error("tool %s failed: %s", tool.name, type(error).__name__, exc_info=error)
                return refused(_FAULT)

    async def read_resource(
        self, context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """What stands behind an address."""
        client, uri = await self._who(context), str(params.uri)
        scope = self._offer.scope_to_read(uri)
        if self._offer.read is None:
            raise MCPError(code=NOT_FOUND, message="There is nothing to read here.")
        if scope != ANYBODY and not client.may(scope):
            raise MCPError(code=types.INVALID_PARAMS, message=_not_granted(client, scope))
        async with self._turns.one():
            try:
                return await self._offer.read(Call(client, self._house, context), uri)
            except MainstayError as error:
                shown = {"uri": visible(uri)[:200]}
                raise MCPError(
                    code=_nothing_there(context), message=visible(str(error)), data=shown
                ) from None
            except MCPError:
                raise
            except Exception as error:
                log.error("a resource failed: %s", type(error).__name__, exc_info=error)
                raise MCPError(code=types.INTERNAL_ERROR, message=_FAULT) from None

    async def get_prompt(
        self, context: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        """One of them, made for this request."""
        client = await self._who(context)
        prompt = self._offer.prompt(params.name)
        if prompt is None or not _may(client, prompt):
            raise MCPError(code=types.INVALID_PARAMS, message="There is no such prompt.")
        given = params.arguments or {}
        known = {one.name for one in prompt.parameters}
        missing = [one.name for one in prompt.parameters if one.required and one.name not in given]
        if missing or not set(given) <= known:
            raise MCPError(
                code=types.INVALID_PARAMS, message=f"It takes: {', '.join(sorted(known)) or 'nothing'}."
            )
        async with self._turns.one():
            try:
                return await prompt.make(Call(client, self._house, context, given))
            except MainstayError as error:
                raise MCPError(code=types.INVALID_PARAMS, message=visible(str(error))) from None

    async def complete(self, context: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        """Values that may follow what was typed."""
        assert self._offer.complete is not None
        call = Call(
            await self._who(context), self._house, context, {"argument": params.argument, "ref": params.ref}
        )
        found = list(await self._offer.complete(call))
        return types.CompleteResult(
            completion=types.Completion(values=found[:100], total=len(found), has_more=len(found) > 100)
        )


def _page(
    granted: Sequence[One], params: types.PaginatedRequestParams | None
) -> tuple[Sequence[One], str | None]:
    """The part of a list that was asked for, and the cursor to what follows."""
    cursor = params.cursor if params is not None and params.cursor else "0"
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 6):
        raise MCPError(code=types.INVALID_PARAMS, message="This cursor was not given out here.")
    start = int(cursor)
    more = len(granted) > start + PAGE
    return granted[start : start + PAGE], str(start + PAGE) if more else None


def build(name: str, title: str, instructions: str, serving: Serving, offer: Offer) -> Server[Any]:
    """The server of the protocol. It keeps no state between requests."""
    return Server(
        name,
        version=__version__,
        title=title,
        instructions=instructions,
        get_tool_input_schema=lambda called: one.takes if (one := offer.tool(called)) else None,
        on_list_tools=serving.lists(offer.tools, shown.tools),
        on_call_tool=serving.call_tool,
        on_list_resources=serving.lists(offer.resources, shown.resources) if offer.read else None,
        on_list_resource_templates=serving.lists(offer.templates, shown.templates) if offer.read else None,
        on_read_resource=serving.read_resource if offer.read else None,
        on_list_prompts=serving.lists(offer.prompts, shown.prompts) if offer.prompts else None,
        on_get_prompt=serving.get_prompt if offer.prompts else None,
        on_completion=serving.complete if offer.complete else None,
    )


_FAULT = "This failed on our side, and nothing more is told of it here. The log of Mainstay has it."


def _may(client: Client, one: MayBeScoped) -> bool:
    return one.scope == ANYBODY or client.may(one.scope)


def _not_granted(client: Client, scope: str) -> str:
    return (
        f"This client was not granted {scope!r}, so nothing was done. What it proposes, the operator decides about; "
        "the operator can issue a token with other scopes (`mainstay tokens issue`)."
        if client.scopes
        else "This client was granted nothing."
    )


def _nothing_there(context: Context) -> int:
    """By which number an address that leads nowhere is told: it was one of its own before 2026-07-28."""
    return types.INVALID_PARAMS if context.protocol_version >= "2026-07-28" else NOT_FOUND
