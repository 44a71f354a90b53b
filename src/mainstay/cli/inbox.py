"""`mainstay inbox`: every message of late and what became of it, and how much of that is for the operator.

Cards are what a draft waits for. This list holds the rest as well: mail that was left to a person without a draft,
what failed, what could not be read. `status` and `up` count what this list shows.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainstay.cli.options import HERE, AsJson, InWorkspace, open_workspace
from mainstay.cli.render import cells, clock_time, count, emit, say, shares, short_run, show, table, tell
from mainstay.workspace.inbox import LOOK_MAX, MESSAGE_MAX
from mainstay.workspace.triaged import FOR_YOU

_LEFT = {
    "not_taken_back": "not taken back",
    "left_to_you": "left to you",
    "failed": "failed",
    "refused": "refused",
    "unreadable": "unreadable",
    "unheard": "that no workflow took",
}
# Of the table: what may be cut, by share, and what the rest takes with its gaps.
_NARROW, _FIXED = (13, 13, 22), 8 + 16 + 4 * 2


def add_to(app: typer.Typer) -> None:
    """Put this command into the command line."""
    app.command("inbox")(inbox)


def inbox(
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=MESSAGE_MAX, help="At most so many.")
    ] = 50,
    every: Annotated[bool, typer.Option("--all", help="Every message there is.")] = False,
    waiting: Annotated[
        bool, typer.Option("--waiting", help=f"Only what needs you, of the newest {LOOK_MAX}.")
    ] = False,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Messages of late, newest first: what became of each, and why."""
    looked = MESSAGE_MAX if every else max(limit, LOOK_MAX) if waiting else limit
    with open_workspace(workspace) as opened:
        found = opened.inbox.newest(looked)[::-1]
    if waiting:
        found = [one for one in found if one.outcome in FOR_YOU]
    shown = found if every else found[:limit]
    if as_json:
        return emit({"messages": shown, "needs_you": sum(one.outcome in FOR_YOU for one in found)})
    if not found:
        return say(
            "Nothing needs you." if waiting else "No messages yet: `mainstay ingest` reads the mailbox."
        )
    sender, subject, why = shares(_NARROW, fixed=_FIXED)
    made = table(
        ("Run", {"min_width": 8, "no_wrap": True}),
        ("From", sender),
        ("Subject", subject),
        ("Outcome", {"no_wrap": True}),
        ("Why", why),
    )
    for one in shown:
        subject_of = one.subject or ("(none)" if one.run else "")
        said = f"{one.intent}: {one.why}" if one.intent else one.why
        made.add_row(*cells(short_run(one.run), one.sender or "?", subject_of, one.outcome, said))
    show(made)
    number = sum(one.outcome in FOR_YOU for one in found)
    more = f" ({len(found) - len(shown):,} more: --all)" if len(found) > len(shown) else ""
    since = clock_time(shown[-1].at)[:16]
    return tell(
        f"{count(len(shown), 'message')} since {since}{more}, {number:,} for you. "
        "The whole story of one: `mainstay explain RUN`"
    )


def for_you(found: dict[str, Any]) -> str:
    """What waits for the operator, in one line."""
    failed = found.get("not_taken_back", 0)
    put_off = found.get("put_off", 0)
    cards = count(found["waiting"], "card") + (f" ({put_off:,} put off)" if put_off else "")
    parts = [cards, f"{max(0, found['in_doubt'] - failed):,} in doubt"]
    parts += [f"{found[name]:,} {said}" for name, said in _LEFT.items() if found.get(name)]
    return ", ".join(parts)
