"""What a server offers: tools, resources and prompts, each with the scope that it wants, as plain values.

The product's offer is made in `offered`; the machinery that serves one (`server`) knows nothing of what is in it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp.server import ServerRequestContext
from mcp_types import CallToolResult, GetPromptResult, ReadResourceResult

from mainstay.kernel.values import Json
from mainstay.mcp_server.client import Client
from mainstay.mcp_server.house import House

ANYBODY = ""  # the scope of what wants none


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a client, with what it may use."""

    client: Client
    house: House
    context: ServerRequestContext[Any, Any]
    given: Mapping[str, Any] = field(default_factory=dict)

    async def progress(self, done: float, of: float, what: str) -> None:
        """Tell the client how far it is, if it asked to be told."""
        await self.context.session.report_progress(done, of, what)


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that a client may have done. `destroys`: it changes what cannot be changed back."""

    name: str
    title: str
    description: str
    scope: str
    takes: Json
    run: Callable[[Call], Awaitable[CallToolResult]]
    gives: Json | None = None
    reads_only: bool = True
    same_twice: bool = True  # asking again changes nothing more
    destroys: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """Something to be read by an address that stands in the list."""

    uri: str
    name: str
    title: str
    description: str
    scope: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Template:
    """Things to be read by an address with one part that varies."""

    pattern: str
    name: str
    title: str
    description: str
    scope: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a prompt takes."""

    name: str
    description: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question worth asking."""

    name: str
    title: str
    description: str
    scope: str
    make: Callable[[Call], Awaitable[GetPromptResult]]
    parameters: Sequence[Parameter] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """All of it. `read` opens what stands behind an address, and refuses what does not."""

    tools: Sequence[Tool] = ()
    resources: Sequence[Resource] = ()
    templates: Sequence[Template] = ()
    prompts: Sequence[Prompt] = ()
    read: Callable[[Call, str], Awaitable[ReadResourceResult]] | None = None
    scope_to_read: Callable[[str], str] = lambda uri: ANYBODY
    complete: Callable[[Call], Awaitable[Sequence[str]]] | None = None

    def tool(self, name: str) -> Tool | None:
        """The tool of exactly this name."""
        return next((one for one in self.tools if one.name == name), None)

    def prompt(self, name: str) -> Prompt | None:
        """The prompt of exactly this name."""
        return next((one for one in self.prompts if one.name == name), None)
