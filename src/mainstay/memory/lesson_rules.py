"""How lessons are used: `[lessons]` of mainstay.toml, apart from what lessons are, so that settings load alone."""

from __future__ import annotations

from dataclasses import dataclass

WITHHELD_SHARE = 0.20  # of the drafts that a lesson would apply to
AGREEING_MIN = 1  # edits


@dataclass(frozen=True, slots=True)
class Rules:
    """In which share of drafts each lesson is withheld, and how many edits must agree before it is applied."""

    withheld_share: float = WITHHELD_SHARE
    min_agreeing: int = AGREEING_MIN


USUAL = Rules()
