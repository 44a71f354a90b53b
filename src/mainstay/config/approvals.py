"""`[approvals]` of mainstay.toml: for how long what was approved can be taken back before it leaves."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay.kernel.values import HOUR
from mainstay.workflows.document import Section

UNDO_MAX_US = HOUR  # whoever wants longer wants not to have approved it


@dataclass(frozen=True, slots=True)
class ApprovalSettings:
    """What holds for every card."""

    undo_us: int = 0  # 0: what was approved leaves at once


def read_approvals(section: Section) -> ApprovalSettings:
    """`[approvals]`."""
    section.only("undo")
    undo_us = section.duration_us("undo") or 0
    if undo_us > UNDO_MAX_US:
        raise section.error(
            "undo",
            "what was approved would be held for longer than an hour",
            why="a hold window is for second thoughts; an approved act should leave",
            remedy='write "PT10S", or snooze the card instead',
        )
    return ApprovalSettings(undo_us)
