"""What rules may know of an effect as it was rendered: how many get it, who named them, what came in with the message.

Told of the rendered effect and not of what was proposed, so that an edit is judged by what it says now. Typed and not
personal, since it stands in the ledger in the open: numbers, domains compared, names of fields, never their values.
"""

from __future__ import annotations

from mainstay.adapters.base import Rendered
from mainstay.kernel.values import Json, parse_money

SOURCES = ("message", "model", "workflow", "operator")  # from the least trusted to the most


OURS = frozenset({"recipients", "recipient_from", "domain_differs", "from_message", "amount_micros"})


def features_of(rendered: Rendered, request: Json, proposed: Json) -> Json:
    """The features of a rendered effect: those proposed, and ours, which nobody else may say."""
    found: Json = {name: value for name, value in proposed.items() if name not in OURS}
    if rendered.recipients:
        found["recipients"] = len(rendered.recipients)
        named = {one.came_from for one in rendered.risky if one.name == "recipient"}
        # Nobody said who named them: then the least trusted did.
        found["recipient_from"] = next((one for one in SOURCES if one in named), SOURCES[0])
        sender = _sender(request)
        if sender:
            found["domain_differs"] = any(
                _domain(one) != _domain(sender) for one in rendered.recipients if _domain(one)
            )
    outside = {one.name for one in rendered.risky if one.came_from == SOURCES[0] and one.name != "recipient"}
    if outside:
        found["from_message"] = sorted(outside)
    amount = _amount(rendered, request)
    if amount is not None:
        found["amount_micros"] = amount
    return found


def _sender(request: Json) -> str:
    message = request.get("message")
    sender = message.get("from") if isinstance(message, dict) else None
    return sender if isinstance(sender, str) else ""


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2].strip().rstrip(".").lower()
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def _amount(rendered: Rendered, request: Json) -> int | None:
    """What the effect moves, in micro-units: as its adapter says, else by a field of that name."""
    if rendered.amount_micros is not None:
        return rendered.amount_micros
    written = request.get("amount")
    try:
        return parse_money(written) if isinstance(written, str) else None
    except ValueError:
        return None
