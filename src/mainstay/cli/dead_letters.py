"""`mainstay dead-letters`: what was given up, tried again after a mend, or put away with a trace."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mainstay.cli.operate import Reason, decision
from mainstay.cli.options import HERE, AsJson, InWorkspace, given_before, new_typer, open_workspace
from mainstay.cli.render import (
    cells,
    clock_time,
    count,
    emit,
    now_us,
    say,
    shares,
    short_run,
    show,
    span,
    table,
)
from mainstay.cli.safe_text import safe_line
from mainstay.workspace.triaged import given_up

LetterId = Annotated[
    str, typer.Argument(help="A dead letter's id, its beginning or its end.", metavar="LETTER")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")]
Every = Annotated[bool, typer.Option("--all", help="Also those that were replayed or purged.")]

group = new_typer("What was given up: try it again, or put it away.")
_OUTCOMES = {
    "received": "It could be read this time, and is on its way like any message.",
    "duplicate": "It could be read this time; the same message had come before.",
    "dropped": "It could be read this time; it is one of our own, so nothing begins.",
    "rejected": "It still cannot be read, and stays a dead letter.",
}


def add_to(app: typer.Typer) -> None:
    """Put these commands into the command line."""
    group.callback(invoke_without_command=True)(listed)
    group.info.no_args_is_help = False
    for name, command in (
        ("list", letters_list),
        ("show", letter_show),
        ("replay", replay),
        ("purge", purge),
    ):
        group.command(name)(command)
    app.add_typer(group, name="dead-letters", no_args_is_help=False)


def listed(
    context: typer.Context,
    every: Every = False,
    limit: Limit = 100,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """What was given up: try it again, or put it away.

    Messages that could not be read, and runs that failed.
    """
    if context.invoked_subcommand is None:
        letters_list(context, every, limit, workspace, as_json)
    else:
        context.obj = (workspace, as_json)  # options may stand before the name of the command too


def letters_list(
    context: typer.Context,
    every: Every = False,
    limit: Limit = 100,
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Those that wait, oldest first."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        status = "" if every else "waiting"
        rows = opened.steering.dead_letters(status=status, limit=limit) if opened.begun else []
    if as_json:
        return emit(rows)
    if not rows:
        return say("There never was a dead letter." if every else "No dead letters.")
    place, reason = shares((10, 30), fixed=8 + 7 + 6 + 8 + 5 * 2)
    made = table(
        ("Letter", {"min_width": 8, "no_wrap": True}),
        ("Kind", {"no_wrap": True}),
        ("Of", place),
        ("Age", {"no_wrap": True}),
        *((("Status", {"no_wrap": True}),) if every else ()),
        ("Why", reason),
    )
    now = now_us()
    for row in rows:
        became = (row["status"],) if every else ()
        made.add_row(
            *cells(short(row), row["kind"], _of(row), span(now - int(row["at"])), *became, row["reason"])
        )
    show(made)
    waiting = sum(row["status"] == "waiting" for row in rows)
    return say(
        f"{count(waiting, 'dead letter')} {'waits' if waiting == 1 else 'wait'}. "
        "Next: mainstay dead-letters show | replay | purge LETTER"
    )


def letter_show(
    context: typer.Context, letter: LetterId, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """One of them: where it came from, why it was given up, what became of it since."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        row = opened.steering.dead_letter(letter)
        where = {"item": row["letter"]}
        message = row["kind"] == "message"
        origin = opened.rows("rejected", where=where, limit=1) if message else []
        task = "" if message else given_up(opened, str(row["letter"]))
    found: dict[str, Any] = {**row, "origin": origin[0]["origin"] if origin else "", "task": task}
    if as_json:
        return emit(found)
    say(f"{str(row['kind']).capitalize()} {row['letter']}: {row['status']}")
    say(f"Given up {clock_time(row['at'])}: {safe_line(str(row['reason']))}")
    if task:
        say(f"  {safe_line(task)}")
    if row["kind"] == "message":
        say(
            f"Came to mailbox {row['mailbox']}"
            + (f", {safe_line(found['origin'])}" if found["origin"] else "")
        )
    else:
        say(f"A run of {row['workflow']}: mainstay explain {short(row)}")
    if row["outcome"]:
        became = f"started run {short_run(str(row['run']))}" if row["run"] else str(row["outcome"])
        say(f"Tried again: {became}")
    if row["status"] == "purged":
        say(f"Put away {clock_time(row['settled_at'])} by {row['actor']}")
    if row["status"] == "waiting":
        say(
            f"  mainstay dead-letters replay {short(row)}    "
            + ("read it once more" if row["kind"] == "message" else "restart it where it was given up")
        )
        say(f"  mainstay dead-letters purge {short(row)}     put it away for good")
    return None


def replay(
    context: typer.Context, letter: LetterId, workspace: InWorkspace = HERE, as_json: AsJson = False
) -> None:
    """Try it again: a message is read once more, a failed run is restarted where it was given up."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        row = opened.steering.dead_letter(letter)
        decided = opened.steering.replay(str(row["letter"]))
    if as_json:
        return emit({**decision(decided), "letter": row["letter"], "kind": row["kind"]})
    if row["kind"] == "message":
        return say(_OUTCOMES.get(decided.status, decided.status))
    new = short_run(decided.run)
    say(f"Run {short(row)} is restarted: run {new}. Acts after that point always ask.")
    if not decided.live:
        say("No director is at work: the next `mainstay up` goes on with it.")
    return say(f"See: mainstay explain {new}")


def purge(
    context: typer.Context,
    letter: LetterId,
    reason: Reason = "",
    workspace: InWorkspace = HERE,
    as_json: AsJson = False,
) -> None:
    """Put it away for good. That it was there, and who put it away, stays in the ledger."""
    workspace, as_json = given_before(context, workspace, as_json)
    with open_workspace(workspace) as opened:
        row = opened.steering.dead_letter(letter)
        decided = opened.steering.purge(str(row["letter"]), reason=reason)
    if as_json:
        return emit({**decision(decided), "letter": row["letter"], "kind": row["kind"]})
    if not decided.events:
        return say(f"It does not wait any more: it is {row['status']}.")
    return say(f"Put away: {row['kind']} {short(row)}. The ledger keeps that it was there.")


def short(row: dict[str, Any]) -> str:
    """As lists show it: of a run the end of its id, of a message the beginning of its key."""
    return short_run(str(row["letter"])) if row["kind"] == "run" else str(row["letter"])[:8]


def _of(row: dict[str, Any]) -> str:
    return str(row["workflow"] if row["kind"] == "run" else row["mailbox"])
