"""What became of each message of a mailbox, as tables and lines. What it is, is read by `workspace.inbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mainstay.cli.render import count, table
from mainstay.cli.safe_text import safe_line
from mainstay.kernel.values import money
from mainstay.workspace.triaged import (
    ANSWERED,
    CANCELLED,
    DOUBT,
    FAILED,
    FORGOTTEN,
    LEFT,
    NO_ANSWER,
    NOT_TAKEN_BACK,
    ORDER,
    PUT_AWAY,
    REFUSED,
    REJECTED,
    REPLACED,
    SENT,
    STOPPED,
    TRIED_AGAIN,
    UNDER_WAY,
    UNHEARD,
    UNREADABLE,
    WAITS,
    Triaged,
)

if TYPE_CHECKING:
    from rich.table import Table

_MEANING = {
    WAITS: "a reply is drafted and inspected; it leaves when you approve it",
    SENT: "approved by you, and delivered",
    LEFT: "no draft: risky, or like nothing that you have taught it",
    DOUBT: "nobody but you can say whether it went out",
    NOT_TAKEN_BACK: "the run ends, and something that it did could not be taken back",
    STOPPED: "a budget is used up, or nobody knows a price: `mainstay costs` says what can be done",
    FAILED: "it was given up, with the reason",
    REFUSED: "an agent or a rule refused to go on",
    ANSWERED: "you have answered it yourself",
    REJECTED: "you said no to the draft",
    CANCELLED: "you ended it",
    UNHEARD: "no workflow listened to its mailbox",
    NO_ANSWER: "thanks, machines, newsletters",
    REPLACED: "a newer message of the same thread took its place",
    FORGOTTEN: "whoever it is about was forgotten, and its run was ended",
    UNREADABLE: "kept aside, with the reason",
    UNDER_WAY: "not settled yet",
    TRIED_AGAIN: "it was given up, and what you began anew goes on from there",
    PUT_AWAY: "it was given up, and you wanted no more of it",
}
_SHOWN = {WAITS: 8, LEFT: 10, REFUSED: 4, SENT: 3, NO_ANSWER: 4}
_SHOWN_OTHERWISE = 2


def summary(found: list[Triaged], *, duplicates: int) -> Table:
    """How many of each kind, what that means, and what it cost."""
    made = table(("", {"justify": "right"}), "Outcome", "Meaning", ("Cost", {"justify": "right"}))
    for outcome in ORDER:
        of = [one for one in found if one.outcome == outcome]
        if of:
            made.add_row(
                f"{len(of):,}", outcome, _MEANING[outcome], money(sum(one.spent_micros for one in of))
            )
    if duplicates:
        made.add_row(f"{duplicates:,}", "duplicates", "known already; nothing new began", money(0))
    return made


def details(found: list[Triaged], *, every: bool) -> tuple[Table, int]:
    """The messages by outcome, and how many are left out."""
    widths = (("From", 21), ("Subject", 27), ("Intent", 12), ("Why", 31))
    made = table(
        *((name, {"no_wrap": True, "overflow": "ellipsis", "width": width}) for name, width in widths)
    )
    left_out = 0
    for outcome in ORDER:
        of = [one for one in found if one.outcome == outcome]
        shown = of if every else _chosen(of, _SHOWN.get(outcome, _SHOWN_OTHERWISE))
        left_out += len(of) - len(shown)
        if shown:
            made.add_row(f"{outcome} ({len(of)})", style="bold")
        for one in shown:
            sender, subject = safe_line(one.sender) or "?", safe_line(one.subject) or "(none)"
            made.add_row(f"  {sender}", subject, one.intent, safe_line(one.why))
    return made, left_out


def _chosen(of: list[Triaged], most: int) -> list[Triaged]:
    """Of many, the ones that differ: each reason once, then the first of the rest."""
    seen: set[str] = set()
    first = [one for one in of if one.why not in seen and not seen.add(one.why)]  # type: ignore[func-returns-value]
    rest = [one for one in of if one not in first]
    chosen = (first + rest)[:most]
    return [one for one in of if one in chosen]


def flags_line(found: list[Triaged]) -> str:
    """How often each flag was raised."""
    raised: dict[str, int] = {}
    for one in found:
        for flag in one.flags:
            raised[flag] = raised.get(flag, 0) + 1
    ordered = sorted(raised.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{name} {number}" for name, number in ordered)


def drafted(found: list[Triaged]) -> str:
    """How many there are, in words."""
    return count(sum(one.outcome == WAITS for one in found), "draft")
