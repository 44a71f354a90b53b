"""What became of a card whose approved act was taken back before it left: the card that asks in its place.

The old card goes on saying "granted" or "edited", as that was the answer to it; only what was asked later about the
same act tells that nothing of it left.
"""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.ledger.store import EventReader, Value

_UNDONE = "undone"  # the rule by which an act that was taken back asks again
_OF_ONE_ACT = 1_000  # cards: each edit and each undo makes one more


def asks_anew(store: EventReader, row: Mapping[str, Value]) -> dict[str, Value] | None:
    """The newest card of the act of this card, if it was approved and taken back; None where it was not."""
    if row["status"] not in ("granted", "edited"):
        return None
    where = {"run": row["run"], "task": row["task"]}
    after = row["position"]
    assert isinstance(after, int)
    later = store.select("approvals", where=where, order="position", after=after, limit=_OF_ONE_ACT)
    if row["status"] == "edited":
        later = later[1:]  # the edited card took its place, with the same rule
    return later[-1] if any(one["rule"] == _UNDONE for one in later) else None
