"""A client of the protocol's own library that talks to our server in this process, over the house of all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

from mcp import Client as Mcp
from mcp.types import CallToolResult

from mainstay.kernel.plan import PROPOSED
from mainstay.mcp_server.client import Client, beside
from mainstay.mcp_server.offered import server_of
from mainstay.mcp_server.server import Context, Turns
from mainstay.workspace import Workspace
from tests.security.web_house import WebHouse

Result = TypeVar("Result")
OPERATORS_OWN = Client(
    "desktop", "operator", frozenset({"read", "propose", "start", "decide"}), "operator", "token:0123"
)
_named = count(1)


class Far:
    """The house as seen from another loop: what a director's own server is given, asked from this one."""

    def __init__(self, web: WebHouse) -> None:
        self._web = web

    async def read(self, look: Callable[[Workspace], Result]) -> Result:
        return await self._far(self._web.front.read(look))

    async def read_slowly(self, look: Callable[[Workspace], Result]) -> Result:
        return await self._far(self._web.front.read_slowly(look))

    async def act(self, do: Callable[[Workspace], Result]) -> Result:
        return await self._far(self._web.front.act(do))

    async def _far(self, work: Any) -> Any:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._web._loop))


class Desk:
    """What a test does with the house as a client."""

    def __init__(self, web: WebHouse) -> None:
        self.web = web
        self.house = Far(web)

    def talk(
        self,
        work: Callable[[Mcp], Awaitable[Result]],
        client: Client | None = None,
        *,
        mode: Any = "auto",
        turns: Turns | None = None,
    ) -> Result:
        """One conversation."""
        who = client or a_client()

        async def let_in(context: Context) -> Client:
            return who

        async def talking() -> tuple[Any, Exception | None]:
            async with Mcp(server_of(self.house, let_in, turns), mode=mode) as opened:
                try:
                    return await work(opened), None
                except Exception as error:  # out of the library's task groups, which would wrap it
                    return None, error

        found, error = asyncio.run(talking())
        if error is not None:
            raise error
        return found  # type: ignore[no-any-return]

    def call(
        self, name: str, given: dict[str, Any] | None = None, client: Client | None = None
    ) -> CallToolResult:
        """One call of a tool."""
        return self.talk(lambda opened: opened.call_tool(name, given or {}), client)

    def found(self, name: str, given: dict[str, Any] | None = None, client: Client | None = None) -> Any:
        """The same, where it is expected to go well: its data."""
        answer = self.call(name, given, client)
        assert not answer.is_error, answer.content
        return answer.structured_content

    def refused(self, name: str, given: dict[str, Any] | None = None, client: Client | None = None) -> str:
        """The same, where it is expected to be refused: what is said, and that nothing was decided."""
        before = self.web.head
        answer = self.call(name, given, client)
        assert answer.is_error, answer.structured_content
        assert self.web.head == before, "something was decided all the same"
        return text_of(answer)

    def read(self, look: Callable[[Workspace], Result]) -> Result:
        """What the SDK shows."""
        return self.web.ask(self.web.front.read(look))

    def act(self, do: Callable[[Workspace], Result]) -> Result:
        """What the SDK does."""
        return self.web.ask(self.web.front.act(do))

    def answered(self) -> dict[str, Any]:
        """A run that a person's message began, who may be answered."""
        waiting = self.web.rows("approvals", workflow="triage", act="email.reply", status="waiting")
        run = str(waiting[0]["run"])
        return self.read(lambda workspace: workspace.rows("runs", where={"run": run}, limit=1))[0]

    def proposed_label(self, client: Client, request: str = "one") -> Any:
        """The waiting card of a proposal that hurts nobody."""
        given = {
            "act": "email.label",
            "arguments": {"message": self.answered()["run"], "labels": ["later"]},
            "why": "it can wait",
            "request": request,
        }
        run = self.found("propose", given, client)["run"]
        return self.card_of(run)

    def card_of(self, run: str) -> Any:
        """The card of a run, once everything that is under way is done."""
        self.web.head  # noqa: B018  waits until nothing is under way
        rows = self.web.rows("approvals", run=run)
        assert len(rows) == 1, "no card asks about it"
        return self.read(lambda workspace: workspace.approval(str(rows[0]["approval"])))


def a_client(*scopes: str) -> Client:
    """An agent that nobody has seen before; with the usual scopes, or these."""
    one = beside(f"client {next(_named)}")
    return Client(one.name, one.holder, frozenset(scopes) or one.scopes, one.actor, one.via)


def text_of(answer: CallToolResult) -> str:
    """What a person would read of it."""
    return "\n".join(one.text for one in answer.content if one.type == "text")


@contextmanager
def desk_over(web: WebHouse) -> Iterator[Desk]:
    """The desk; what was proposed at it is taken away again, for the cards are everybody's."""
    yield Desk(web)

    def clear(workspace: Workspace) -> None:
        for row in workspace.rows("open_runs", where={"workflow": PROPOSED}, limit=1_000):
            workspace.cancel(str(row["run"]))

    web.ask(web.front.act(clear))
