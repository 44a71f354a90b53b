"""`[lessons]` of mainstay.toml: when an edit is applied to later drafts, and how often it is left out."""

from __future__ import annotations

from mainstay.memory.lesson_rules import AGREEING_MIN, WITHHELD_SHARE, Rules
from mainstay.workflows.document import Section, kind

AGREEING_MOST = 100


def read_lessons(section: Section) -> Rules:
    """`[lessons]`."""
    section.only("withheld_share", "min_agreeing")
    agreeing = section.whole("min_agreeing", AGREEING_MIN, least=1, most=AGREEING_MOST)
    return Rules(_share(section), agreeing)


def _share(section: Section) -> float:
    if not section.has("withheld_share"):
        return WITHHELD_SHARE
    value = section.value("withheld_share")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise section.error(
            "withheld_share",
            f"'withheld_share' must be a number, and is {kind(value)}",
            remedy="write 0.2 for one draft in five",
        )
    if not 0 <= value <= 0.9:
        raise section.error(
            "withheld_share",
            "'withheld_share' must lie between 0 and 0.9",
            why="it is the share of drafts that are made without a lesson",
            remedy="write 0.2 for one draft in five, or 0 to measure nothing",
        )
    return float(value)
