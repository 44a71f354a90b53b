"""A card on its page without a server: for texts that no sample has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mainstay.console.pages.approvals import Asked, Seen, shown
from mainstay.console.preferences import Preferences
from mainstay.console.rendering import environment
from mainstay.kernel.values import Digest, Instant
from mainstay.workspace import Card, CardLine
from mainstay.workspace.card_queue import Queue

NOW = Instant(1_800_000_000_000_000)
HOUR_US = 3_600_000_000


def house(**more: Any) -> dict[str, Any]:
    """What every page is given, besides its own."""
    standing = SimpleNamespace(text="at work", tone="")
    figures = SimpleNamespace(waiting=1, in_doubt=0, director=standing, ledger=standing, position=1)
    return {
        "here": "/approvals",
        "preferences": Preferences(),
        "places": (),
        "house": figures,
        "topics": (),
        "notice": None,
        "asset": str,
        "session": None,
        "form_token": str,
        **more,
    }


CARD = Card(
    approval="a" * 16,
    status="waiting",
    run="b" * 32,
    task=4,
    workflow="triage",
    act="email.reply",
    title="Re: A question",
    recipients=("ada@example.org",),
    text="Hello Ada,\n\nyes.",
    attachments=(),
    risky=(),
    finality="final_low_stake",
    rule="ask",
    reason="it is new",
    rationale="",
    checks=(),
    price_micros=0,
    spent_micros=0,
    digest=Digest("c" * 64),
    requested_at=Instant(NOW - HOUR_US),
    expires_at=Instant(NOW + HOUR_US),
    message={},
)


def line_of(card: Card) -> CardLine:
    names = CardLine.__dataclass_fields__
    return CardLine(**{name: getattr(card, name) for name in names})


def rendered(card: Card | None, asked: Asked | None = None, **more: Any) -> str:
    lines = (line_of(card),) if card else ()
    seen = Seen(Queue("waiting", lines, len(lines), 0), NOW, card=card)
    given = shown(asked or Asked(), seen, **more)
    return environment().get_template("approvals.html").render(**house(**given))
