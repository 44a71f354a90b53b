"""Memory: what is remembered about something."""

from __future__ import annotations

from mcp_types import CallToolResult

from mainstay.kernel.errors import NotFound
from mainstay.kernel.values import Json
from mainstay.mcp_server.offer import Call, Tool
from mainstay.mcp_server.outside import OUTSIDE, body, line, result
from mainstay.mcp_server.schema import closed
from mainstay.mcp_server.tools.plain import TEXT, TIME, YES, limit, listed, moment
from mainstay.memory.context import Hit

FOUND = 8
TEXT_CHAR_MAX = 4_000
_HIT = closed(
    {
        "memory": TEXT,
        "space": TEXT,
        "kind": TEXT,
        "source": OUTSIDE,
        "at": TIME,
        "score": {"type": "number"},
        "text": OUTSIDE,
    },
    "memory",
    "space",
    "text",
)


async def search_memory(call: Call) -> CallToolResult:
    """What is found for some words."""
    query, most = str(call.given["query"]), call.given.get("limit", FOUND)
    space, kind = call.given.get("space", ""), call.given.get("kind", "")
    await call.progress(0, 1, "searching; the first time after a start the whole memory is opened")
    context = await call.house.read_slowly(
        lambda workspace: workspace.memory.search(query, space=space, kind=kind, k=most)
    )
    await call.progress(1, 1, "found")
    hits = context.hits[:most]
    found: Json = {"found": [_hit(one) for one in hits], "by_meaning": context.by_meaning}
    return result(f"{len(hits)} memories." if hits else "Nothing is remembered about that.", found)


async def shown_memory(call: Call, memory: str) -> Json:
    """One memory as it is believed today. Raises `NotFound`."""
    version = await call.house.read(lambda workspace: workspace.memory.show(memory))
    if version.memory.partition("@")[0] != memory.partition("@")[0]:
        raise NotFound("There is no such memory.", remedy="Search, and name what is found as a whole.")
    return {
        "memory": version.memory,
        "version": version.version,
        "space": version.space,
        "kind": version.kind,
        "believed": version.believed,
        "recorded_at": moment(version.recorded_at),
        "source": line(version.source),
        "text": body(version.text),
    }


def _hit(one: Hit) -> Json:
    unit = one.unit
    return {
        "memory": unit.id,
        "space": unit.space,
        "kind": unit.kind,
        "source": line(unit.source),
        "at": moment(unit.at),
        "score": round(one.score, 4),
        "text": body(unit.text, TEXT_CHAR_MAX),
    }


TOOLS = (
    Tool(
        "search_memory",
        "Search what is remembered",
        "Search past messages, replies, notes and documents by words and meaning, best first. Who was forgotten is "
        "not found.",
        "read",
        closed(
            {
                "query": {"type": "string", "minLength": 1, "maxLength": 2_000},
                "space": {"type": "string", "maxLength": 80, "description": "only in this space"},
                "kind": {"type": "string", "maxLength": 80},
                "limit": limit(20, FOUND),
            },
            "query",
        ),
        search_memory,
        closed({"found": listed(_HIT), "by_meaning": YES}, "found"),
    ),
)
