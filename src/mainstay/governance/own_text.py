"""Whether a card shows a text that a person wrote: no inspector has seen it, whatever the checks of its run say.

A text that was approved with an edit and then taken back waits again as it was written. What the inspector looked at is
the effect that was asked about before the edit. Told from the rows of the view `approvals` alone: a card that was
edited is followed by the card of the new effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from mainstay.ledger.store import EventReader, Value

NOT_INSPECTED = "not-inspected"  # the check under which a card says so
OWN_TEXT = "its text was edited, and not inspected"
_OF_ONE_ACT = 1_000  # cards: each edit and each undo makes one more


@dataclass(frozen=True, slots=True)
class OwnText:
    """Who wrote the text of a card, and the card whose text the inspector looked at."""

    actor: str
    inspected: Mapping[str, Value]  # its row


def own_text(store: EventReader, row: Mapping[str, Value]) -> OwnText | None:
    """Who wrote what this card shows; None where it is what the run itself wrote."""
    where = {"run": row["run"], "task": row["task"]}
    cards = store.select("approvals", where=where, order="position", limit=_OF_ONE_ACT)
    written = {
        after["digest"]: str(card["actor"] or "")
        for card, after in pairwise(cards)
        if card["status"] == "edited"
    }
    if row["digest"] not in written:
        return None
    inspected = next(card for card in cards if card["digest"] not in written)
    for card in cards:
        if card["approval"] == row["approval"]:
            break
        inspected = inspected if card["digest"] in written else card
    return OwnText(written[row["digest"]], inspected)
