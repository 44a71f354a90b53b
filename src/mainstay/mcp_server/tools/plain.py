"""What the schemas of several tools share, and how times and money are written."""

from __future__ import annotations

from mainstay.kernel.errors import CommandRefused
from mainstay.kernel.values import Instant, Json
from mainstay.ledger.export import rfc3339

RUN: Json = {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "the whole id of a run"}
APPROVAL: Json = {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": "the whole id of a card"}
REQUEST: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": 200,
    "description": "your own id of this request: asked again with the same one, nothing is done twice",
}
CURSOR: Json = {"type": "string", "pattern": "^[0-9]{1,15}$", "description": "`next` of the page before"}
TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
YES: Json = {"type": "boolean"}
TIME: Json = {"type": "string", "description": "a time, RFC 3339"}


def limit(most: int, usual: int) -> Json:
    """How many at most."""
    return {
        "type": "integer",
        "minimum": 1,
        "maximum": most,
        "description": f"how many at most; {usual} if left out",
    }


def listed(items: Json) -> Json:
    """A list of these."""
    return {"type": "array", "items": items}


def moment(at: int | None) -> str:
    """A time as programs write it; empty for none."""
    return rfc3339(Instant(at)) if at else ""


def usd(micros: int | None) -> str:
    """Dollars, to the micro-dollar; empty where nobody knows."""
    return "" if micros is None else f"{micros / 1_000_000:.6f}".rstrip("0").rstrip(".")


def page_of(cursor: object) -> int:
    """Where a page begins."""
    return int(str(cursor)) if cursor else 0


def require_digest(given: object) -> str:
    """The digest of what was shown, whole. Raises `CommandRefused`."""
    if not isinstance(given, str) or len(given) != 64:
        raise CommandRefused("A decision names the whole digest of the card.", remedy="Show the card first.")
    return given
