"""Cards: what waits for the operator, one of them whole; and, for a client of theirs that may, the answer.

An answer names the digest of exactly what was shown. It goes the way of every answer: an agent's is refused where it
is decided, whatever let it in.
"""

from __future__ import annotations

from mcp_types import CallToolResult

from mainstay.kernel.values import Json
from mainstay.mcp_server.offer import Call, Tool
from mainstay.mcp_server.outside import OUTSIDE, body, line, lines, result
from mainstay.mcp_server.schema import closed
from mainstay.mcp_server.tools.plain import (
    APPROVAL,
    CURSOR,
    TEXT,
    TIME,
    YES,
    limit,
    listed,
    moment,
    page_of,
    require_digest,
    usd,
)
from mainstay.workspace.cards import Card, CardLine
from mainstay.workspace.decided import Decided
from mainstay.workspace.workspace import Workspace

PAGE = 20
CARD_MAX = 2_000
DIGEST: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "of the card, as it was shown"}
_LINE = closed(
    {
        "approval": TEXT,
        "run": TEXT,
        "workflow": TEXT,
        "act": TEXT,
        "title": OUTSIDE,
        "recipients": listed(OUTSIDE),
        "finality": TEXT,
        "rule": TEXT,
        "reason": TEXT,
        "requested_at": TIME,
        "expires_at": TIME,
        "second_step": YES,
    },
    "approval",
    "act",
    "title",
)
_CARD = closed(
    {
        **_LINE["properties"],
        "status": TEXT,
        "digest": TEXT,
        "text": OUTSIDE,
        "attachments": listed(OUTSIDE),
        "rationale": OUTSIDE,
        "risky": listed(
            closed(
                {"name": TEXT, "value": OUTSIDE, "came_from": OUTSIDE, "seen_before": YES}, "name", "value"
            )
        ),
        "checks": listed(closed({"check": TEXT, "severity": TEXT, "remark": OUTSIDE}, "check")),
        "message": closed({"from": OUTSIDE, "subject": OUTSIDE, "text": OUTSIDE}),
        "price_usd": TEXT,
    },
    "approval",
    "status",
    "act",
    "title",
    "digest",
    "text",
)
_DECIDED = closed(
    {"approval": TEXT, "status": TEXT, "run": TEXT, "changed": YES, "note": TEXT}, "approval", "status"
)


async def list_approvals(call: Call) -> CallToolResult:
    """What waits, longest first."""
    most, start = call.given.get("limit", PAGE), min(page_of(call.given.get("cursor")), CARD_MAX)
    cards = await call.house.read(lambda workspace: workspace.cards(limit=start + most + 1))
    page = cards[start : start + most]
    found: Json = {"approvals": [_line(one) for one in page]}
    if len(cards) > start + most:
        found["next"] = str(start + most)
    return result(f"{len(page)} cards wait for the operator." if page else "Nothing waits.", found)


async def show_approval(call: Call) -> CallToolResult:
    """One card."""
    found = await shown_approval(call, str(call.given["approval"]))
    return result(f"A card about {found['act']}: {found['status']}.", found)


async def shown_approval(call: Call, approval: str) -> Json:
    """The same as plain data. Raises `NotFound`."""

    def look(workspace: Workspace) -> Card:
        card = workspace.approval(approval)
        if call.client.may("decide"):
            workspace.shown(approval, by=call.client.via)  # from now on it lies before whoever may answer
        return card

    return _card(await call.house.read(look))


async def approve(call: Call) -> CallToolResult:
    """Yes, to exactly what was shown."""
    approval, digest = str(call.given["approval"]), require_digest(call.given["digest"])
    confirm, client = str(call.given.get("confirm", "")), call.client
    decided = await call.house.act(
        lambda workspace: workspace.approve(
            approval, digest=digest, actor=client.actor, confirm=confirm, via=client.via
        )
    )
    return _decided(approval, decided)


async def reject(call: Call) -> CallToolResult:
    """No."""
    approval, digest = str(call.given["approval"]), require_digest(call.given["digest"])
    reason, client = str(call.given.get("reason", "")), call.client
    decided = await call.house.act(
        lambda workspace: workspace.reject(
            approval, digest=digest, actor=client.actor, reason=reason, via=client.via
        )
    )
    return _decided(approval, decided)


def _decided(approval: str, decided: Decided) -> CallToolResult:
    found: Json = {
        "approval": approval,
        "status": decided.card or decided.status,
        "run": decided.run,
        "changed": bool(decided.events),
    }
    if not decided.live:
        found["note"] = "No director is at work: what was decided is done at the next `mainstay up`."
    return result("Decided." if decided.events else "It was decided before.", found)


def _line(one: CardLine | Card) -> Json:
    return {
        "approval": one.approval,
        "run": one.run,
        "workflow": one.workflow,
        "act": one.act,
        "title": line(one.title),
        "recipients": lines(one.recipients),
        "finality": one.finality,
        "rule": one.rule,
        "reason": one.reason,
        "requested_at": moment(one.requested_at),
        "expires_at": moment(one.expires_at),
        "second_step": bool(one.second_step),
    }


def _card(one: Card) -> Json:
    found: Json = {
        **_line(one),
        "status": one.status,
        "digest": one.digest,
        "text": body(one.text),
        "attachments": lines(one.attachments),
        "rationale": body(one.rationale, 3_000),
        "risky": [
            {
                "name": str(each.get("name", "")),
                "value": line(each.get("value")),
                "came_from": line(each.get("source")),
                "seen_before": bool(each.get("seen_before")),
            }
            for each in one.risky[:30]
        ],
        "checks": [
            {
                "check": str(each.get("check", "")),
                "severity": str(each.get("severity", "")),
                "remark": body(each.get("remark"), 1_000),
            }
            for each in one.checks[:30]
        ],
        "price_usd": usd(one.price_micros),
    }
    if one.message.get("from_address"):
        found["message"] = {
            "from": line(one.message["from_address"]),
            "subject": line(one.message.get("subject")),
            "text": body(one.message.get("text"), 8_000),
        }
    return found


TOOLS = (
    Tool(
        "list_approvals",
        "What waits for the operator",
        "Cards that wait for the operator's decision, longest first.",
        "read",
        closed({"limit": limit(50, PAGE), "cursor": CURSOR}),
        list_approvals,
        closed({"approvals": listed(_LINE), "next": TEXT}, "approvals"),
    ),
    Tool(
        "show_approval",
        "A card",
        "One card whole: exactly what would leave and to whom, why it is asked, where each risky value came from, "
        "what the checks say, and the message that is answered.",
        "read",
        closed({"approval": APPROVAL}, "approval"),
        show_approval,
        _CARD,
    ),
    Tool(
        "approve",
        "Approve a card",
        "Say yes to exactly what the card shows, by its digest. Only for a client that the operator granted `decide`. "
        "Show the card to the operator first; what cannot be taken back wants `confirm`, which they type.",
        "decide",
        closed(
            {"approval": APPROVAL, "digest": DIGEST, "confirm": {"type": "string", "maxLength": 200}},
            "approval",
            "digest",
        ),
        approve,
        _DECIDED,
        reads_only=False,
        destroys=True,
    ),
    Tool(
        "reject",
        "Reject a card",
        "Say no to what the card shows. Only for a client that the operator granted `decide`.",
        "decide",
        closed(
            {"approval": APPROVAL, "digest": DIGEST, "reason": {"type": "string", "maxLength": 2_000}},
            "approval",
            "digest",
        ),
        reject,
        _DECIDED,
        reads_only=False,
        destroys=True,
    ),
)
