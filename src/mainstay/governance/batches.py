"""Cards that are decided together: which may be, and the guard that binds a decision to what was looked at.

Only what is alike: one kind (workflow, act and class) and one finality, nothing of high stake, and nothing that must be
read with another effect. The guard is a digest over the cards of the preview and the effects that they showed; what
changed since is left out by name, since each card is answered by its own digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mainstay.kernel.contract import Finality
from mainstay.kernel.ids import derive

TOGETHER_MAX = 200  # cards: nobody looks at more in one go
Chosen = Sequence[tuple[str, str]]  # approval and digest, as they were shown


def guard_of(cards: Chosen) -> str:
    """The guard of a preview, as 32 hex digits; the order of the cards does not matter."""
    return derive("batch", *(part for card in sorted(map(tuple, cards)) for part in card)).hex()


def why_alone(row: Mapping[str, Any]) -> str:
    """Why a card can only be decided by itself; empty if it can be with others."""
    if row["finality"] == Finality.FINAL_HIGH:
        return "it is final and of high stake"
    if row["undo"]:
        return "it takes back what its run did"
    if row["parent"]:
        return "its run goes on from another one"
    return ""


def likeness(row: Mapping[str, Any]) -> tuple[str, str]:
    """What all cards of a batch have in common."""
    return str(row["kind"] or ""), str(row["finality"])
