"""Proposals: one act that a client wants done, for the operator to decide about."""

from __future__ import annotations

from mcp_types import CallToolResult

from mainstay.kernel.values import Json
from mainstay.mcp_server.offer import Call, Tool
from mainstay.mcp_server.outside import result
from mainstay.mcp_server.schema import closed
from mainstay.mcp_server.tools.plain import REQUEST, TEXT, YES

WHY_CHAR_MAX = 2_000


async def propose(call: Call) -> CallToolResult:
    """Ask for one act."""
    act, arguments = str(call.given["act"]), dict(call.given["arguments"])
    why, request, actor = str(call.given["why"]), str(call.given["request"]), call.client.proposes_as
    decided = await call.house.act(
        lambda workspace: workspace.propose(act, arguments, why=why, request=request, actor=actor)
    )
    found: Json = {"run": decided.run, "status": decided.status, "new": bool(decided.events)}
    said = "Proposed. The rules and checks look at it, then the operator is asked; `show_run` tells what became of it."
    if not decided.events:
        said = "This was proposed before; `show_run` tells what became of it."
    elif not decided.live:
        found["note"] = "No director is at work: it is looked at when the next `mainstay up` begins."
    return result(said, found)


TOOLS = (
    Tool(
        "propose",
        "Propose an act",
        "Propose one act, such as a reply to a message, with the reason. It becomes a run of its own that passes the "
        "same rules and checks as any other and always asks the operator; nothing leaves before they say yes. "
        "`list_workflows` tells which acts there are and what each takes. Recipients are not chosen here: a reply "
        "goes to whom the message says. The same request id proposes once.",
        "propose",
        closed(
            {
                "act": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 80,
                    "description": "for example email.reply",
                },
                "arguments": {"type": "object", "description": "as the schema of the act says"},
                "why": {"type": "string", "minLength": 1, "maxLength": WHY_CHAR_MAX},
                "request": REQUEST,
            },
            "act",
            "arguments",
            "why",
            "request",
        ),
        propose,
        closed({"run": TEXT, "status": TEXT, "new": YES, "note": TEXT}, "run", "status", "new"),
        reads_only=False,
    ),
)
