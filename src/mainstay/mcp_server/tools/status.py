"""The house: who is at work, what waits, and what is wrong."""

from __future__ import annotations

from mcp_types import CallToolResult

from mainstay.kernel.values import Json
from mainstay.mcp_server.offer import Call, Tool
from mainstay.mcp_server.outside import OUTSIDE, line, result
from mainstay.mcp_server.schema import closed
from mainstay.mcp_server.tools.plain import TEXT, TIME, WHOLE, YES, listed, moment

INCIDENT_MAX = 20


async def status(call: Call) -> CallToolResult:
    """How the house stands."""
    found = await standing(call)
    said = f"Director: {found['director']}. {found['waiting']} cards wait, {found['in_doubt']} acts are in doubt."
    return result(said, found)


async def standing(call: Call) -> Json:
    """The same as plain data."""
    told = await call.house.read(lambda workspace: workspace.status())
    return {
        "director": str(told["director"]),
        "waiting": _count(told, "waiting"),
        "in_doubt": _count(told, "in_doubt"),
        "open_runs": _count(told, "open_runs"),
        "position": _count(told, "position"),
        "kill_switch": bool(told.get("kill_switch")),
        "incidents": [
            {
                "kind": str(one["kind"]),
                "what": line(one["what"]),
                "since": moment(int(one["since"])),
            }
            for one in told["incidents"][:INCIDENT_MAX]
        ],
    }


def _count(told: Json, name: str) -> int:
    return int(str(told.get(name, 0) or 0))


TOOLS = (
    Tool(
        "status",
        "How Mainstay stands",
        "Whether a director is at work, how many cards wait, what is in doubt, and what is wrong with the house.",
        "read",
        closed({}),
        status,
        closed(
            {
                "director": TEXT,
                "waiting": WHOLE,
                "in_doubt": WHOLE,
                "open_runs": WHOLE,
                "position": WHOLE,
                "kill_switch": YES,
                "incidents": listed(closed({"kind": TEXT, "what": OUTSIDE, "since": TIME}, "kind", "what")),
            },
            "director",
            "waiting",
            "in_doubt",
        ),
    ),
)
