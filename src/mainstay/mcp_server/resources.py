"""What can be read by its address: runs, cards, memories, and what needs somebody today.

An address is taken exactly as it is written here, whole ids and nothing else: it is never decoded, joined or walked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping

from mcp_types import ReadResourceResult, TextResourceContents

from mainstay.kernel.errors import NotFound
from mainstay.kernel.values import Json
from mainstay.mcp_server.offer import Call, Resource, Template
from mainstay.mcp_server.outside import fenced
from mainstay.mcp_server.prompts import needed_today
from mainstay.mcp_server.tools.approvals import shown_approval
from mainstay.mcp_server.tools.memory import shown_memory
from mainstay.mcp_server.tools.runs import shown_run

TODAY = "mainstay://today"
TEXT = "text/plain"
_IDS: Mapping[str, re.Pattern[str]] = {
    "run": re.compile(r"[0-9a-f]{32}"),
    "approval": re.compile(r"[0-9a-f]{16}"),
    "memory": re.compile(r"[a-z0-9][a-z0-9_.:#-]{0,127}(?:@[0-9]{1,6})?"),
}
_SHOWN: Mapping[str, Callable[[Call, str], Awaitable[Json]]] = {
    "run": shown_run,
    "approval": shown_approval,
    "memory": shown_memory,
}
RESOURCES = (
    Resource(
        TODAY,
        "today",
        "What needs you today",
        "The cards that wait, what is in doubt, and what is wrong with the house.",
        "read",
        TEXT,
    ),
)
TEMPLATES = (
    Template("mainstay://run/{id}", "run", "A run, told", "What happened in a run, and why.", "read", TEXT),
    Template(
        "mainstay://approval/{id}", "approval", "A card", "What would leave, and why it asks.", "read", TEXT
    ),
    Template(
        "mainstay://memory/{id}", "memory", "A memory", "What is remembered, and from where.", "read", TEXT
    ),
)


async def read(call: Call, uri: str) -> ReadResourceResult:
    """What stands behind an address. Raises `NotFound`."""
    if uri == TODAY:
        return _contents(uri, await needed_today(call))
    kind, wanted = parted(uri)
    found = await _SHOWN[kind](call, wanted)
    return _contents(uri, fenced(json.dumps(found, ensure_ascii=False, indent=1)))


def parted(uri: str) -> tuple[str, str]:
    """The kind and the id of an address. Raises `NotFound` for anything that is not exactly one."""
    scheme, found, rest = uri.partition("://")
    kind, slash, wanted = rest.partition("/")
    if scheme != "mainstay" or not found or not slash or kind not in _IDS:
        raise NotFound("There is no such resource.", remedy="The addresses are those of the list.")
    if _IDS[kind].fullmatch(wanted) is None:
        raise NotFound(f"This is no id of a {kind}.", remedy="Use the whole id, as a list gives it.")
    return kind, wanted


def _contents(uri: str, text: str) -> ReadResourceResult:
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=TEXT, text=text)])
