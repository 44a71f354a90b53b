"""`mainstay approvals`: the cards that wait, what can still be taken back, and what is in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mainstay.cli.options import open_workspace
from mainstay.cli.render import (
    cells,
    clock_time,
    count,
    emit,
    now_us,
    say,
    shares,
    short_card,
    short_run,
    show,
    span,
    table,
)

if TYPE_CHECKING:
    from mainstay.workspace import CardLine, Leaving

# Of the table of cards: what may be cut, by share, and what the rest takes with its gaps.
_NARROW, _FIXED = (10, 10, 9), 29 + 6 * 3
_SECOND = 1_000_000

# How final an act is, in a narrow column.
_FINALITY = {
    "reversible": "reversible",
    "withdrawable": "withdraw",
    "final_low_stake": "final",
    "final_high_stake": "high stake",
}


def show_waiting(workspace: Path, *, limit: int, every: bool, as_json: bool) -> None:
    """All of it; `every` tells also of what is put off, and of what nobody needs to answer any more."""
    from mainstay.cli.doubts import show_doubts

    with open_workspace(workspace) as opened:
        begun = opened.begun
        waiting = opened.cards(limit=limit, put_off=every) if begun else []
        leaving = opened.leaving() if begun else []
        doubts = opened.in_doubt() if begun else []
        gone = opened.overtaken(limit=limit) if begun and every else []
        total, later = (opened.waiting(), opened.put_off()) if begun else (0, 0)
        if as_json:
            return emit(
                {
                    "waiting": waiting,
                    "total": total,
                    "put_off": later,
                    "leaving": leaving,
                    "in_doubt": doubts,
                    "overtaken": gone,
                }
            )
        _show_cards(waiting)
        _show_leaving(leaving)
        _show_overtaken(gone)
        show_doubts(opened, doubts)
    if later and not every:
        say(f"{count(later, 'card')} put off: mainstay approvals --all")
    if not (waiting or doubts or leaving or later):
        return say("Nothing waits for you.")
    if not waiting:
        return None
    listed = total + later if every else total
    left = listed - len(waiting)
    more = f" ({left:,} more not shown)" if left > 0 else ""
    return say(
        f"{count(listed, 'card')}{more}. Look: mainstay approvals show CARD. Decide: approve, edit, reject."
    )


def leaves_in(until: int) -> str:
    """When an act leaves, for a line."""
    left = until - now_us()
    if until and left > 0:
        return (
            f"leaves in {(left + _SECOND - 1) // _SECOND} s"
            if left < 120 * _SECOND
            else f"leaves in {span(left)}"
        )
    return "leaves as soon as a director has room for it"


def _show_cards(waiting: list[CardLine]) -> None:
    if not waiting:
        return
    now = now_us()
    to, what, why = shares(_NARROW, fixed=_FIXED)
    made = table(
        ("Card", {"min_width": 8, "no_wrap": True}),
        ("To", to),
        ("What", what),
        ("Why", why),
        ("Final", {"no_wrap": True}),
        ("Age", {"no_wrap": True}),
        ("Expires", {"no_wrap": True}),
    )
    for one in waiting:
        late = span(one.expires_at - now) if one.expires_at else "never"
        put_off = f"until {clock_time(one.snoozed_until)[11:16]}" if one.snoozed_until > now else late
        made.add_row(
            *cells(
                short_card(one.approval),
                ", ".join(one.recipients) or (f"{one.proposer} asks" if one.proposer else ""),
                one.title,
                one.rule or one.reason,
                _FINALITY.get(one.finality, one.finality),
                span(now - one.requested_at),
                put_off,
            )
        )
    show(made)


def _show_leaving(leaving: list[Leaving]) -> None:
    if not leaving:
        return
    say("Can still be taken back:")
    for one in leaving:
        to = f" to {', '.join(one.recipients)}" if one.recipients else ""
        run = short_run(one.run)
        say(
            f"  {one.act}{to}: {one.title}; {leaves_in(one.until)}; `mainstay undo {run} {one.task}` takes it back"
        )


def _show_overtaken(gone: list[CardLine]) -> None:
    if not gone:
        return
    say("Withdrawn before you answered:")
    for one in gone:
        why = {
            "denied": f"rule {one.rule!r} forbids it: {one.reason}",
            "superseded": "something newer came",
        }.get(one.status, "its run went on without it")
        say(
            f"  {short_card(one.approval)} {one.act}: {one.title}; {one.status} "
            f"{clock_time(one.decided_at)[:16]}, {why}"
        )
